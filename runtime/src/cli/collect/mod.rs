//! `retort collect`: keeps the frames that are worth learning from.

mod wanted;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::capture::Capture;
use super::classify::Top;
use super::detect::{Finder, parse_fraction};
use super::key::KeyArguments;
use super::limit::LimitArguments;
use super::look::{Loaded, Looker};
use super::model::ModelArguments;
use super::threads::Threads;
use super::watch::Watch;
use crate::Error;
use crate::contract::Task;
use crate::model::Fit;
use crate::sink::{Album, Findings, Kept, Report};
use crate::vision::classifier::Classifier;
use crate::vision::convert::Converter;
use crate::vision::detector::Detector;
use crate::vision::jpeg;
use crate::vision::pixelate::pixelate;
use crate::vision::thumbnail::Thumbnail;
use crate::vision::tracking::Following;
use wanted::{Wanted, Why};

/// JPEG's quality, at which a network learns as well as from the pixels themselves.
const QUALITY: u8 = 95;
/// No score below this is looked at, however wide the band of doubt.
const LEAST_SCORE: f32 = 0.01;

/// Keep frames worth learning from: those unlike what the model was taught, those in which it is unsure, and those in which it
/// contradicts itself
///
/// It contradicts itself where an object that it has followed is gone from one frame to the next though nothing hides it, or is
/// seen on one frame only. Still pictures cannot.
///
/// The folder holds pictures and a line of JSON for each, in detections.jsonl: `retort-train data check DIR` looks at it, and
/// a recipe takes it as `data.transfer`. It takes no more room than --quota, with what lies there already. A frame that
/// looks like the one kept last is left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort collect camera:0 --model model.onnx --out frames
  retort collect film.mp4 --model model.onnx --out frames --every 10 --quota 2G
  retort collect rtsp://camera.local/stream --model model.onnx --out frames --blur
  retort collect photos/ --model model.onnx --out frames --novelty 1.5 --unsure 0")]
pub struct Collect {
    /// A picture, a folder, a video, camera:0 or camera:NAME, rpicam:0, an rtsp or http address, `-` (Y4M on standard
    /// input), synthetic:640x480.
    source: String,
    /// The folder that takes pictures and lines; made where it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The student whose frames are wanted: an ONNX file or a compiled plan.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Keep frames of a novelty above this: 1 is the edge of what the model was taught.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = parse_novelty)]
    novelty: f32,
    /// Keep frames in which a score is nearer to the threshold than this, or the two likeliest classes are nearer to each
    /// other, 0 to 1; 0 for none.
    #[arg(long, value_name = "S", default_value_t = 0.1, value_parser = parse_fraction)]
    unsure: f32,
    /// Do not follow objects, so that no frame is kept for a contradiction.
    #[arg(long)]
    no_tracks: bool,
    /// The threshold, 0 to 1; without it, the contract's. Objects below it are not written down.
    #[arg(long, value_name = "S", value_parser = parse_fraction)]
    score: Option<f32>,
    /// The most that the folder may take on the disk: bytes, or thousands (k), millions (M) or thousands of millions (G).
    #[arg(long, value_name = "SIZE", default_value = "500M", value_parser = parse_size)]
    quota: u64,
    /// Look at one of so many frames.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Make what was found unrecognisable before anything is written, and what may have been found, too.
    #[arg(long)]
    blur: bool,
    /// Write PNG, which loses nothing, rather than JPEG.
    #[arg(long)]
    png: bool,
    /// Print what was kept as a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    capture: Capture,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    key: KeyArguments,
    /// The model's contract: a TOML file to use instead of what the model carries.
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
}

impl Collect {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let model = ModelArguments {
            model: self.model.clone(),
            shapes: Vec::new(),
            side: Some(Fit::LONGEST),
            isa: None,
            strict: false,
            limits: self.limits.clone(),
            key: self.key.clone(),
        };
        let mut loaded = Loaded::open(&model, &self.threads, self.contract.as_deref())?;
        let coverage = loaded.contract.coverage.is_some();
        if !coverage {
            let error = Error::NoCoverage { model: self.model.clone() };
            if self.unsure == 0.0 && self.no_tracks {
                return Err(error.into());
            }
            eprintln!("note: no frame is kept for being unlike what it was taught: {error}");
        }
        let threshold = self.score.unwrap_or(loaded.contract.limits.score);
        match loaded.contract.task {
            Task::Detect => {
                // What lies within the band below the threshold has to be seen, too.
                let follows = !self.no_tracks;
                let least =
                    (threshold - self.unsure).min(if follows { Following::least(threshold) } else { threshold });
                let limits = &mut loaded.contract.limits;
                limits.score = least.max(LEAST_SCORE).min(threshold);
                let following = follows.then(|| Following::new(threshold, limits.max_detections));
                let detector = Detector::new(&loaded.model, &loaded.contract)?;
                self.collect(&mut Finder { detector, coverage, following, all: true }, &loaded, threshold)
            }
            Task::Classify => {
                let classifier = Classifier::new(&loaded.model, &loaded.contract)?;
                self.collect(&mut Top { classifier, most: usize::MAX, coverage }, &loaded, threshold)
            }
        }
    }

    fn collect(&self, looker: &mut impl Looker, loaded: &Loaded, threshold: f32) -> anyhow::Result<()> {
        let mut hand = Hand {
            album: Album::open(&self.out, self.quota)?,
            wanted: Wanted { novelty: self.novelty, unsure: self.unsure, threshold },
            blur: self.blur,
            png: self.png,
            last: None,
            converter: Converter::default(),
            pixels: Vec::new(),
            encoded: Vec::new(),
            counts: Counts::default(),
        };
        let watch = Watch { source: &self.source, capture: &self.capture, json: self.json, every: self.every };
        let result = watch.each(looker, loaded.clone(), |report| Ok(hand.take(report)?));
        let counts = &hand.counts;
        let (folder, used) = (hand.album.folder().display(), hand.album.used());
        if self.json {
            writeln!(io::stdout(), "{}", counts.object(used))?;
        } else {
            writeln!(io::stdout(), "{} in {folder}, which takes {:.1} MB", counts.words(), used as f64 / 1e6)?;
        }
        if counts.full {
            eprintln!("note: {folder}: the next picture would go beyond --quota; move some away, or give more");
        }
        match result {
            Err(error) if is_disk_full(&error) => {
                Err(error
                    .context(format!("{folder}: the disk is full; what was kept is whole, free some space to go on")))
            }
            other => other,
        }
    }
}

/// What came of the frames.
#[derive(Debug, Default)]
struct Counts {
    looked: u64,
    kept: u64,
    unlike: u64,
    unsure: u64,
    contradicted: u64,
    copies: u64,
    full: bool,
}

impl Counts {
    fn words(&self) -> String {
        let Counts { looked, kept, unlike, unsure, contradicted, copies, .. } = self;
        format!(
            "kept {kept} of {looked} frames ({unlike} unlike, {unsure} unsure, {contradicted} contradicted; {copies} near-copies \
             left out)"
        )
    }

    fn object(&self, used: u64) -> serde_json::Value {
        serde_json::json!({
            "looked": self.looked, "kept": self.kept, "unlike": self.unlike, "unsure": self.unsure,
            "contradicted": self.contradicted, "copies": self.copies, "bytes": used, "full": self.full,
        })
    }
}

/// Picks frames and puts them into the album.
struct Hand {
    album: Album,
    wanted: Wanted,
    blur: bool,
    png: bool,
    /// What was kept last.
    last: Option<Thumbnail>,
    converter: Converter,
    pixels: Vec<u8>,
    encoded: Vec<u8>,
    counts: Counts,
}

impl Hand {
    fn take(&mut self, report: &Report<'_>) -> Result<ControlFlow<()>, Error> {
        self.counts.looked += 1;
        let why = self.wanted.why(report);
        if why == Why::default() {
            return Ok(ControlFlow::Continue(()));
        }
        let frame = &report.shot.frame;
        let (width, height) = (frame.width(), frame.height());
        self.converter.rgb(frame, &mut self.pixels);
        let thumbnail = Thumbnail::new(&self.pixels, width, height);
        if self.last.is_some_and(|last| thumbnail.is_copy_of(&last)) {
            self.counts.copies += 1;
            return Ok(ControlFlow::Continue(()));
        }
        if let (true, Findings::Detections(found)) = (self.blur, report.findings) {
            found.iter().for_each(|found| pixelate(&mut self.pixels, width, height, &found.rect));
        }
        self.encode(width, height).map_err(|error| {
            let problem = format!("frame {} cannot be encoded: {error}", report.number);
            Error::Picture { path: report.shot.name.into(), problem }
        })?;
        let report = Report { findings: self.wanted.sure_of(report.findings), ..*report };
        let extension = if self.png { "png" } else { "jpg" };
        match self.album.add(&report, &why.names(), &self.encoded, extension)? {
            Kept::Yes => {
                self.last = Some(thumbnail);
                self.counts.kept += 1;
                self.counts.unlike += u64::from(why.unlike);
                self.counts.unsure += u64::from(why.unsure);
                self.counts.contradicted += u64::from(why.contradicts);
                Ok(ControlFlow::Continue(()))
            }
            Kept::Full => {
                self.counts.full = true;
                Ok(ControlFlow::Break(()))
            }
        }
    }

    /// Puts the pixels as a file's bytes where they are written from.
    fn encode(&mut self, width: usize, height: usize) -> Result<(), ImageError> {
        self.encoded.clear();
        if !self.png {
            return jpeg::encode(&self.pixels, width, height, QUALITY, &mut self.encoded);
        }
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let encoder = PngEncoder::new(&mut self.encoded);
        encoder.write_image(&self.pixels, side(width), side(height), ExtendedColorType::Rgb8)
    }
}

fn is_disk_full(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(Error::Io { source, .. })
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    )
}

fn parse_novelty(text: &str) -> Result<f32, String> {
    let novelty = text.parse().ok().filter(|novelty: &f32| novelty.is_finite() && *novelty >= 0.0);
    novelty.ok_or_else(|| "must be a number from 0 on; 1 is the edge of what the model was taught".into())
}

/// Reads `500M`.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'M')) => (&text[..at], 1_000_000),
        Some((at, 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let size = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).filter(|&size| size > 0);
    size.ok_or_else(|| "must be a number of bytes above 0, or of k, M or G, as 500M".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_refused() {
        assert_eq!(parse_size("500M"), Ok(500_000_000));
        assert_eq!((parse_size("2G"), parse_size("3k"), parse_size("77")), (Ok(2_000_000_000), Ok(3_000), Ok(77)));
        for wrong in ["", "M", "0", "-1M", "1.5G", "5T", "99999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        assert!(parse_novelty("-1").is_err() && parse_novelty("nan").is_err() && parse_novelty("1.5").is_ok());
    }
}
