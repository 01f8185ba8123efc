//! What the live page may change while the service runs: the score, zones, lines and masks.
//!
//! Settings that were changed there are kept in a file, where one is named, and from then on count instead of those in the
//! configuration.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::config::{Config, LineOptions, MaskOptions, PlaceOptions, ZoneOptions};
use crate::error::Error;
use crate::place::Places;

/// What can be changed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Objects of this score and above count, 0 to 1.
    pub score: f32,
    /// Areas that objects enter, stay in and leave.
    pub zones: Vec<ZoneOptions>,
    /// Lines that objects cross.
    pub lines: Vec<LineOptions>,
    /// Areas where nothing counts.
    pub masks: Vec<MaskOptions>,
}

impl Settings {
    /// As a configuration has them, with the score of the model where it has none.
    pub fn of(config: &Config, score: f32) -> Settings {
        Settings {
            score: config.model.score.unwrap_or(score),
            zones: config.zones.clone(),
            lines: config.lines.clone(),
            masks: config.masks.clone(),
        }
    }

    /// The places, for a model of these classes.
    ///
    /// # Errors
    /// What is wrong with them, or with the score.
    pub fn places(&self, classes: &[String]) -> Result<Places, String> {
        if !(0.0..=1.0).contains(&self.score) {
            return Err(format!("score: is {}; give 0 to 1", self.score));
        }
        PlaceOptions { zones: &self.zones, lines: &self.lines, masks: &self.masks }.places(classes)
    }

    /// Reads what was kept; `None` where nothing was.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Config`] with the file's name.
    pub fn read(path: &Path) -> Result<Option<Settings>, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { path: path.into(), source }),
        };
        let problem = |error: serde_json::Error| Error::Config { path: path.into(), problem: error.to_string() };
        serde_json::from_str(&text).map(Some).map_err(problem)
    }

    /// Keeps them: a file that is there is replaced as a whole, or stays.
    ///
    /// # Errors
    /// [`Error::Io`] with the file's name.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let io = |source| Error::Io { path: path.into(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))?;
        let partial = path.with_extension("partial");
        std::fs::write(&partial, text + "\n").and_then(|()| std::fs::rename(&partial, path)).map_err(io)
    }
}

/// Settings that the loop and others share.
#[derive(Clone, Debug)]
pub struct Controls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Mutex<Settings>,
    classes: Mutex<Arc<[String]>>,
    /// How often they were changed.
    version: AtomicU64,
    file: Mutex<Option<PathBuf>>,
}

impl Controls {
    /// Settings for a model of these classes, that are kept in `file` when they are changed.
    pub fn new(settings: Settings, classes: &[String], file: Option<PathBuf>) -> Controls {
        let (settings, version, file) = (Mutex::new(settings), AtomicU64::new(0), Mutex::new(file));
        let classes = Mutex::new(classes.into());
        Controls(Arc::new(Inner { settings, classes, version, file }))
    }

    /// What there is.
    pub fn settings(&self) -> Settings {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of the model's classes.
    pub fn classes(&self) -> Arc<[String]> {
        Arc::clone(&self.0.classes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often settings were changed so far. Neither waits nor allocates.
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Changes them for everybody, and keeps them.
    ///
    /// # Errors
    /// What is wrong with them; nothing has changed then.
    pub fn change(&self, settings: Settings) -> Result<(), String> {
        settings.places(&self.classes())?;
        let file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &*file {
            settings.write(path).map_err(|error| error.to_string())?;
        }
        self.replace(settings);
        Ok(())
    }

    /// Takes over those of a configuration that was read anew, which were checked.
    pub fn reset(&self, settings: Settings, classes: &[String], file: Option<PathBuf>) {
        *self.0.classes.lock().unwrap_or_else(PoisonError::into_inner) = classes.into();
        *self.0.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        self.replace(settings);
    }

    fn replace(&self, settings: Settings) {
        *self.0.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.0.version.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(file: Option<PathBuf>) -> Controls {
        let config = Config::parse("source = \"-\"\n[model]\nfile = \"m\"\n[[zone]]\nname = \"door\"\n").unwrap();
        Controls::new(Settings::of(&config, 0.4), &["person".into()], file)
    }

    #[test]
    fn a_change_counts_for_everybody_and_outlives_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let controls = controls(Some(path.clone()));
        assert_eq!((controls.version(), controls.settings().score), (0, 0.4));
        let mut settings = controls.settings();
        settings.zones[0].points = Some(vec![[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]].try_into().unwrap());
        settings.score = 0.6;
        controls.change(settings.clone()).unwrap();
        assert_eq!((controls.version(), controls.settings()), (1, settings.clone()));
        assert_eq!(Settings::read(&path).unwrap(), Some(settings));
        assert_eq!(Settings::read(&folder.path().join("none")).unwrap(), None);
        std::fs::write(&path, "{\"score\":").unwrap();
        assert!(Settings::read(&path).unwrap_err().to_string().contains("settings.json"));
    }

    #[test]
    fn what_is_wrong_changes_nothing() {
        let controls = controls(None);
        let mut settings = controls.settings();
        settings.zones[0].classes = vec!["dog".into()];
        assert!(controls.change(settings.clone()).unwrap_err().contains("no class `dog`"));
        settings.zones.clear();
        settings.score = 7.0;
        assert!(controls.change(settings).unwrap_err().contains("score"));
        assert_eq!((controls.version(), controls.settings().zones.len()), (0, 1));
    }
}
