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
use super::look::{Loaded, Look, Looker, Seen, Sinks};
use super::model::ModelArguments;
use super::renew::{Heir, Renewed};
use super::samples;
use super::show::Show;
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
  retort detect model.onnx camera:0 --display st7789:/dev/spidev0.0,dc=25,rst=27,240x240
  ffmpeg -i film.mkv -f yuv4mpegpipe - | retort detect model.onnx - --json
  retort detect yolox_nano.onnx photo.jpg --contract models/contracts/yolox_nano.toml --score 0.4")]
pub struct Detect {
    #[command(flatten)]
    look: Look,
    /// Write pictures with boxes and labels into this folder; or one film, where this ends in mp4, mkv, avi, mov or webm (needs
    /// ffmpeg).
    #[arg(long, value_name = "DIR|FILM")]
    save: Option<PathBuf>,
    #[command(flatten)]
    show: Show,
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
        let (look, save, show) = (self.look.clone(), self.save.clone(), self.show.clone());
        let (mut looker, loaded) = Renewed::open(look.clone(), move |look| self.open(look))?;
        let mut sinks = Sinks::new(look.json, save.as_deref())?.showing(&show)?;
        look.each(&mut looker, loaded, &mut sinks)
    }

    /// Loads the model and makes what looks at frames of it.
    fn open(&self, look: &Look) -> anyhow::Result<(Finder, Loaded)> {
        let mut loaded = look.load(Task::Detect)?;
        self.override_limits(&mut loaded.contract);
        let limits = &mut loaded.contract.limits;
        let following = self.track.then(|| Following::new(limits.score, limits.max_detections));
        if self.track {
            limits.score = Following::least(limits.score);
        }
        let detector = Detector::new(&loaded.model, &loaded.contract)?;
        Ok((Finder { detector, coverage: look.coverage, following, all: false }, loaded))
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
        let classes = self.detector.classes();
        Ok(Seen { findings: Findings::Detections(detections), classes, novelty, contradicts, latency })
    }
}

impl Heir for Finder {
    fn inherit(&mut self, before: Finder) {
        let same = before.detector.classes() == self.detector.classes();
        if let (true, Some(new), Some(following)) = (same, &mut self.following, before.following) {
            new.go_on(following);
        }
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
        reload: false,
        contract: None,
    };
    Detect { look, save: Some(SAMPLE_OUTPUT.into()), show: Show::default(), score: None, track: false, iou: None }.run()
}

/// Reads a number from 0 to 1.
pub fn parse_fraction(text: &str) -> Result<f32, String> {
    let fraction = text.parse().ok().filter(|fraction| (0.0..=1.0).contains(fraction));
    fraction.ok_or_else(|| "must be a number from 0 to 1".into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{InputKind, LoadOptions, Model};

    fn finder(model: &Model, contract: &Contract) -> Finder {
        let limits = contract.limits;
        let following = Some(Following::new(limits.score, limits.max_detections));
        Finder { detector: Detector::new(model, contract).unwrap(), coverage: false, following, all: false }
    }

    #[test]
    fn tracks_go_on_where_the_classes_are_the_same() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let options = LoadOptions { input: InputKind::Quantised, ..LoadOptions::default() };
        let model = Model::open(&models.join("shapes-128.onnx"), &options).unwrap();
        let contract = model.find_contract(None).unwrap();
        let picture = image::open(models.join("samples/shapes-1.png")).unwrap().into_rgb8();
        let frame = Frame::rgb(&picture, picture.width() as usize, picture.height() as usize).unwrap();
        let tracks = |finder: &Finder| finder.following.as_ref().unwrap().tracks().len();
        let open = || {
            let mut finder = finder(&model, &contract);
            finder.look(&frame.numbered(0)).unwrap();
            finder
        };
        let old = open();
        let count = tracks(&old);
        assert!(count > 1);
        let mut stricter = contract.clone();
        stricter.limits.score = 0.5;
        let mut same = finder(&model, &stricter);
        same.inherit(old);
        assert_eq!(tracks(&same), count);
        let Findings::Detections(found) = same.look(&frame.numbered(1)).unwrap().findings else { panic!("objects") };
        assert!(found.len() > 1 && found.iter().all(|found| found.track.is_some()), "{found:?}");
        let mut other = contract.clone();
        other.classes[0] = "other".into();
        let mut other = finder(&model, &other);
        other.inherit(open());
        assert_eq!(tracks(&other), 0);
    }

    #[test]
    fn fractions_are_read_and_refused() {
        assert_eq!(parse_fraction("0.25"), Ok(0.25));
        for wrong in ["1.5", "-0.1", "nan", "", "x"] {
            assert!(parse_fraction(wrong).is_err(), "{wrong}");
        }
    }
}
