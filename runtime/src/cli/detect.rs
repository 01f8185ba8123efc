//! `retort detect`: find objects in pictures.

use std::path::PathBuf;

use crate::contract::{Contract, Task};
use crate::model::Fit;
use crate::sink::Findings;
use crate::vision::detector::Detector;
use crate::vision::frame::Frame;
use crate::vision::latency::Laps;
use crate::vision::tracking::Following;
use clap::Args;

use super::capture::Capture;
use super::key::KeyArguments;
use super::limit::LimitArguments;
use super::look::{Look, Looker, Seen, Sinks};
use super::model::ModelArguments;
use super::samples;
use super::threads::Threads;

/// Where `retort` alone writes the annotated picture.
const SAMPLE_OUTPUT: &str = "out";

/// Find objects in pictures, videos and what cameras see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort detect model.onnx photo.jpg --save out
  retort detect model.onnx photos/ --json
  retort detect model.onnx camera:0 --json --stats
  retort detect model.onnx camera:0 --json --coverage
  retort detect model.onnx film.mp4 --json --track
  retort detect model.onnx film.mp4 --track --save found.mp4
  ffmpeg -i film.mkv -f yuv4mpegpipe - | retort detect model.onnx - --json
  retort detect yolox_nano.onnx photo.jpg --contract models/contracts/yolox_nano.toml --score 0.4")]
pub struct Detect {
    #[command(flatten)]
    look: Look,
    /// Write pictures with boxes and labels into this folder; or one film, where this ends in mp4, mkv, avi, mov or webm (needs
    /// ffmpeg).
    #[arg(long, value_name = "DIR|FILM")]
    save: Option<PathBuf>,
    /// Report objects of this score and above, 0 to 1.
    #[arg(long, value_name = "S", value_parser = parse_fraction)]
    score: Option<f32>,
    /// Follow objects from frame to frame, and give each a number. Objects of half the score count, too, where they go on a
    /// track.
    #[arg(long)]
    track: bool,
    /// Of two objects of a class that overlap by more than this, 0 to 1, report the better only.
    #[arg(long, value_name = "I", value_parser = parse_fraction)]
    iou: Option<f32>,
}

impl Detect {
    /// Runs the command.
    pub fn run(mut self) -> anyhow::Result<()> {
        // Frames of any shape are letterboxed into a square, whatever comes first.
        self.look.model.side.get_or_insert(Fit::LONGEST);
        let mut loaded = self.look.load(Task::Detect)?;
        self.override_limits(&mut loaded.contract);
        let limits = &mut loaded.contract.limits;
        let following = self.track.then(|| Following::new(limits.score, limits.max_detections));
        if self.track {
            limits.score = Following::least(limits.score);
        }
        let detector = Detector::new(&loaded.model, &loaded.contract)?;
        let mut looker = Finder { detector, coverage: self.look.coverage, following, all: false };
        let mut sinks = Sinks::new(self.look.json, self.save.as_deref())?;
        self.look.each(&mut looker, &loaded, &mut sinks)
    }

    fn override_limits(&self, contract: &mut Contract) {
        let limits = &mut contract.limits;
        limits.score = self.score.unwrap_or(limits.score);
        limits.iou = self.iou.unwrap_or(limits.iou);
    }
}

/// A detector that measures novelty and follows objects where that is asked for.
pub struct Finder {
    /// The detector.
    pub detector: Detector,
    /// Whether novelty is measured.
    pub coverage: bool,
    /// Who follows objects.
    pub following: Option<Following>,
    /// Whether all detections are handed on as they come, whatever track they are on.
    pub all: bool,
}

impl Looker for Finder {
    fn look(&mut self, frame: &Frame<'_>) -> Result<Seen<'_>, crate::Error> {
        self.detector.detect(frame)?;
        let novelty = if self.coverage { self.detector.novelty() } else { None };
        let mut latency = self.detector.latency();
        let mut laps = Laps::start();
        let found = self.detector.detections();
        let followed = self.following.as_mut().map(|following| following.update(found, frame));
        latency.postprocess += laps.lap();
        let contradicts = followed.as_ref().is_some_and(|followed| followed.contradicts);
        let detections = followed.filter(|_| !self.all).map_or(found, |followed| followed.detections);
        Ok(Seen { findings: Findings::Detections(detections), novelty, contradicts, latency })
    }
}

/// Detects on the sample picture with the model that comes with the program.
pub fn sample() -> anyhow::Result<()> {
    let look = Look {
        model: ModelArguments {
            model: samples::model()?,
            shapes: Vec::new(),
            side: None,
            isa: None,
            strict: false,
            limits: LimitArguments::default(),
            key: KeyArguments::default(),
        },
        source: Some(samples::picture()?.display().to_string()),
        json: false,
        coverage: false,
        capture: Capture::default(),
        threads: Threads { threads: 1 },
        contract: None,
    };
    Detect { look, save: Some(SAMPLE_OUTPUT.into()), score: None, track: false, iou: None }.run()
}

/// Reads a number from 0 to 1.
pub fn parse_fraction(text: &str) -> Result<f32, String> {
    let fraction = text.parse().ok().filter(|fraction| (0.0..=1.0).contains(fraction));
    fraction.ok_or_else(|| "must be a number from 0 to 1".into())
}

#[cfg(test)]
mod tests {
    use super::parse_fraction;

    #[test]
    fn fractions_are_read_and_refused() {
        assert_eq!(parse_fraction("0.25"), Ok(0.25));
        for wrong in ["1.5", "-0.1", "nan", "", "x"] {
            assert!(parse_fraction(wrong).is_err(), "{wrong}");
        }
    }
}
