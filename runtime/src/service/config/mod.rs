//! The service's configuration: one TOML file.
//!
//! It is read and checked as a whole: a file with a slip changes nothing. Paths are relative to the file's folder. Every key
//! is described where it stands in these files, and in runtime/book/src/watch.md.

mod board;
mod outlets;
mod places;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::place::Places;
use crate::source::{Options, Stop, Wanted, parse_size};

pub use board::{GovernorOptions, WatchdogOptions};
pub use outlets::{JsonOptions, OutletOptions, PageOptions};
pub use places::indices;
pub use places::{LineOptions, MaskOptions, PlaceOptions, ZoneOptions};

/// Everything that the file says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where frames come from, as on the command line.
    pub source: String,
    /// The model and how it is run.
    pub model: ModelOptions,
    /// What is asked of a camera.
    #[serde(default)]
    pub camera: CameraOptions,
    /// Areas that objects enter, stay in and leave.
    #[serde(default, rename = "zone")]
    pub zones: Vec<ZoneOptions>,
    /// Lines that objects cross.
    #[serde(default, rename = "line")]
    pub lines: Vec<LineOptions>,
    /// Areas where nothing counts.
    #[serde(default, rename = "mask")]
    pub masks: Vec<MaskOptions>,
    /// The file in which changes that are made on the live page are kept. They count instead of what stands here.
    pub settings: Option<PathBuf>,
    /// Where it all goes.
    #[serde(default, rename = "to")]
    pub outlets: OutletOptions,
    /// When a board is to do less.
    #[serde(default)]
    pub governor: GovernorOptions,
    /// What counts as hanging.
    #[serde(default)]
    pub watchdog: WatchdogOptions,
}

/// The model and how it is run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelOptions {
    /// An ONNX file or a compiled plan.
    pub file: PathBuf,
    /// A TOML file with the contract, in place of what the model carries.
    pub contract: Option<PathBuf>,
    /// Refuse a model that was not signed with this key, and a contract in a file that was not: a public key of minisign, as
    /// a file or as its line of base64.
    pub key: Option<String>,
    /// Report objects of this score and above, 0 to 1.
    pub score: Option<f32>,
    /// Of two objects of a class that overlap by more than this, report the better only.
    pub iou: Option<f32>,
    /// Report these classes only; all where none are named.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Threads; 0 for as many as there are cores.
    #[serde(default = "one")]
    pub threads: usize,
    /// Height and width of an input that leaves them open.
    pub side: Option<usize>,
    /// Whether another model that is put in the place of this file takes over.
    #[serde(default)]
    pub reload: bool,
}

fn one() -> usize {
    1
}

/// What is asked of a camera.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CameraOptions {
    /// Width and height, as `640x480`.
    pub size: Option<String>,
    /// Frames a second.
    pub fps: Option<u32>,
    /// The camera's name of a pixel format.
    pub format: Option<String>,
    /// Seconds without a frame after which a camera is lost.
    pub timeout: f64,
    /// Look at no more frames a second than this.
    pub rate: Option<f64>,
}

impl Default for CameraOptions {
    fn default() -> Self {
        CameraOptions { size: None, fps: None, format: None, timeout: 5.0, rate: None }
    }
}

impl Config {
    /// Reads and checks a file. Places are checked against the classes of the model later, by [`places`](Self::places).
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Config`] name the file, and the line or the key.
    pub fn read(path: &Path) -> Result<Config, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let wrong = |problem: String| Error::Config { path: path.into(), problem };
        let mut config = Config::parse(&text).map_err(wrong)?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// What is wrong, with the line or the key.
    pub fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| say(text, &error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let fraction = |key: &str, value: Option<f32>| match value {
            Some(value) if !(0.0..=1.0).contains(&value) => Err(format!("{key}: is {value}; give 0 to 1")),
            _ => Ok(()),
        };
        fraction("model.score", self.model.score)?;
        fraction("model.iou", self.model.iou)?;
        if self.model.side.is_some_and(|side| !(32..=8192).contains(&side)) {
            return Err("model.side: give a number of pixels from 32 to 8192".into());
        }
        self.camera.check()?;
        let options = PlaceOptions { zones: &self.zones, lines: &self.lines, masks: &self.masks };
        options.check()?;
        self.outlets.check()?;
        self.governor.check()
    }

    /// Makes paths relative to the working folder that were relative to the file's folder.
    fn resolve(&mut self, folder: &Path) {
        self.model.file = folder.join(&self.model.file);
        self.model.contract = self.model.contract.take().map(|path| folder.join(path));
        let in_folder = |key: &String| folder.join(key).is_file();
        if let Some(key) = self.model.key.take_if(|key| in_folder(key)) {
            self.model.key = Some(folder.join(key).display().to_string());
        }
        self.governor.small_model = self.governor.small_model.take().map(|path| folder.join(path));
        self.settings = self.settings.take().map(|path| folder.join(path));
        self.outlets.resolve(folder);
        if !self.source.contains(':') && self.source != "-" {
            self.source = folder.join(&self.source).display().to_string();
        }
    }

    /// Zones, lines and masks for a model of these classes.
    ///
    /// # Errors
    /// A class that the model does not have, with those that it has.
    pub fn places(&self, classes: &[String]) -> Result<Places, String> {
        PlaceOptions { zones: &self.zones, lines: &self.lines, masks: &self.masks }.places(classes)
    }

    /// How the source is opened for a model whose input is so large.
    pub fn source_options(&self, input: Option<[usize; 2]>, stop: Stop) -> Options {
        let camera = &self.camera;
        let wanted = Wanted {
            covers: input,
            size: camera.size.as_deref().and_then(parse_size),
            rate: camera.fps,
            format: camera.format.clone(),
        };
        Options {
            wanted,
            timeout: Duration::from_secs_f64(camera.timeout),
            reconnect: true,
            stop,
            ..Options::default()
        }
    }
}

impl CameraOptions {
    fn check(&self) -> Result<(), String> {
        if self.size.as_deref().is_some_and(|size| parse_size(size).is_none()) {
            return Err("camera.size: give a width and a height, as 640x480".into());
        }
        if self.fps.is_some_and(|fps| !(1..=1000).contains(&fps)) {
            return Err("camera.fps: give 1 to 1000".into());
        }
        if !(0.01..=86_400.0).contains(&self.timeout) {
            return Err("camera.timeout: give seconds from 0.01 to 86400".into());
        }
        if self.rate.is_some_and(|rate| !(0.001..=1000.0).contains(&rate)) {
            return Err("camera.rate: give frames a second from 0.001 to 1000".into());
        }
        Ok(())
    }
}

/// What the TOML parser says, in one line with the line's number.
fn say(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim().replace('\n', " ");
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
            format!("line {line}: {message}")
        }
        None => message,
    }
}
