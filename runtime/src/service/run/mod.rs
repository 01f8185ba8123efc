//! The loop.

mod change;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::config::{Config, ModelOptions};
use super::controls::{Controls, Settings};
use super::eye::Eye;
use super::governor::{Governor, Level};
use super::ledger::{Ledger, Summary};
use super::meters::SharedMeters;
use super::outlets::{Outlets, Surroundings};
use super::pace::Pace;
use super::pulse::{Manager, Pulse, end_process};
use crate::board::Root;
use crate::board::vitals::{Sensors, Vitals};
use crate::error::Error;
use crate::model::swap::{Swap, Watched};
use crate::place::Places;
use crate::sink::{Findings, Report, Sink};
use crate::source::{self, Absence, Options, Shot, Source, Stop};

/// How often the board is asked how it fares.
const CHECKUP: Duration = Duration::from_secs(1);

/// A service that is set up.
pub struct Service {
    path: PathBuf,
    config: Config,
    eye: Eye,
    classes: Arc<[String]>,
    source: Box<dyn Source>,
    outlets: Outlets,
    meters: SharedMeters,
    controls: Controls,
    /// Which version of the controls counts.
    version: u64,
    governor: Governor,
    /// What prepares a model that is put in the place of this one.
    swap: Option<Swap<Eye, Error>>,
    ledger: Ledger,
    pulse: Pulse,
    manager: Manager,
    stop: Stop,
    /// Raised to have the configuration read anew.
    reload: Arc<AtomicBool>,
}

/// Why a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The source has no more frames.
    NoMoreFrames,
    /// It has looked at as many frames as it was to.
    Enough,
}

impl Service {
    /// Reads the configuration, loads the model, opens the source and all sinks.
    ///
    /// # Errors
    /// Whatever of it cannot be had, with its name.
    pub fn open(path: &Path, stop: Stop, reload: Arc<AtomicBool>) -> Result<Service, Error> {
        Service::with_source(path, stop, reload, |config, options| source::open(&config.source, options))
    }

    /// The same, with a source that the caller opens; if the configuration names another one later, that is opened as usual.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with_source(
        path: &Path,
        stop: Stop,
        reload: Arc<AtomicBool>,
        open: impl FnOnce(&Config, &Options) -> Result<Box<dyn Source>, Error>,
    ) -> Result<Service, Error> {
        let config = Config::read(path)?;
        let swap = watch_model(&config)?;
        let mut eye = open_eye(&config)?;
        let (settings, places) = settings(path, &config, &eye)?;
        eye.set_score(settings.score)?;
        eye.watch(places.clone());
        let controls = Controls::new(settings, eye.classes(), config.settings.clone());
        let meters = SharedMeters::new(eye.classes());
        meters.lock().watch(eye.scene());
        let mut outlets = Outlets::default();
        let around = Surroundings { meters: &meters, controls: &controls, places: &places, classes: eye.classes() };
        outlets.change(&config.outlets, around)?;
        meters.lock().list_outlets(outlets.names());
        let source = open(&config, &config.source_options(eye.input_size(), stop.clone()))?;
        Ok(Service {
            path: path.into(),
            governor: Governor::new(config.governor.clone()),
            swap,
            ledger: Ledger::default(),
            pulse: Pulse::new(),
            manager: Manager::of_environment(),
            version: controls.version(),
            classes: eye.classes().into(),
            config,
            eye,
            source,
            outlets,
            meters,
            controls,
            stop,
            reload,
        })
    }

    /// The meters.
    pub fn meters(&self) -> &SharedMeters {
        &self.meters
    }

    /// The run so far in numbers.
    pub fn summary(&self) -> Summary {
        self.ledger.summary(&self.meters.lock())
    }

    /// Adds a sink of the caller's.
    pub fn add_sink(&mut self, name: &str, sink: Box<dyn Sink>) {
        self.outlets.add(name, sink);
        self.meters.lock().list_outlets(self.outlets.names());
    }

    /// Runs until it is told to stop, the source ends or `most` frames were looked at.
    ///
    /// # Errors
    /// That a model cannot run, or that the system has no thread to give.
    pub fn run(&mut self, most: Option<u64>) -> Result<Ended, Error> {
        let limit = Some(self.config.watchdog.seconds).filter(|&seconds| seconds > 0).map(Duration::from_secs);
        self.pulse = Pulse::new();
        let guarded = self.pulse.guard(limit, self.manager.clone_for_thread(), end_process);
        guarded.map_err(|source| Error::Io { path: "watchdog".into(), source })?;
        self.manager.tell("READY=1");
        let ended = self.watch(most);
        self.manager.tell("STOPPING=1");
        self.pulse.end();
        ended
    }

    /// Tells the meters which places and sinks there are.
    fn list_in_meters(&self) {
        let mut meters = self.meters.lock();
        meters.watch(self.eye.scene());
        meters.list_outlets(self.outlets.names());
    }

    fn watch(&mut self, most: Option<u64>) -> Result<Ended, Error> {
        let sensors = Sensors::open(&Root::system());
        let (began, mut checked) = (Instant::now(), None::<Instant>);
        let (mut pace, mut absence) = (Pace::default(), Absence::default());
        let (mut number, mut sets_up) = (0, true);
        while !self.stop.is_raised() {
            if most.is_some_and(|most| number >= most) {
                return Ok(Ended::Enough);
            }
            self.pulse.beat();
            if self.reload.swap(false, Ordering::Relaxed) {
                self.reload();
                sets_up = true;
            }
            if self.controls.version() != self.version {
                self.take_settings()?;
                sets_up = true;
            }
            sets_up |= self.renew();
            if checked.is_none_or(|checked| checked.elapsed() >= CHECKUP) {
                checked = Some(Instant::now());
                self.check_up(sensors.read(), began.elapsed());
            }
            let shot = match self.source.next_shot() {
                Ok(Some(shot)) => shot,
                Ok(None) if self.stop.is_raised() => break,
                Ok(None) => return Ok(Ended::NoMoreFrames),
                Err(error) => {
                    absence.begin(&error);
                    self.meters.lock().is_lost = true;
                    self.manager.tell("STATUS=the source is away");
                    sets_up = true;
                    continue;
                }
            };
            if absence.end(shot.name) {
                self.manager.tell("STATUS=watching");
            }
            let level = self.governor.level();
            if !pace.is_due(Instant::now(), level.every(), self.config.camera.rate) {
                self.meters.lock().passed_over += 1;
                continue;
            }
            number += 1;
            let seen = self.eye.look(&shot.frame, number, level == Level::Small)?;
            let report = Report {
                latency: seen.latency,
                age: shot.frame.age(),
                scene: Some(seen.scene),
                ..Report::new(number, shot, Findings::Detections(seen.detections), &self.classes)
            };
            self.outlets.hand_out(&report, &self.meters);
            self.meters.lock().add(&report);
            self.meters.lock().losses = self.source.losses();
            self.ledger.add(std::mem::take(&mut sets_up));
        }
        Ok(Ended::Stopped)
    }

    /// Takes what the board says about itself.
    fn check_up(&mut self, vitals: Vitals, now: Duration) {
        if let Some(change) = self.governor.consider(vitals, now) {
            eprintln!("note: governor: {change}");
        }
        let mut meters = self.meters.lock();
        (meters.vitals, meters.level) = (vitals, self.governor.level());
    }
}

fn wrong(path: &Path, problem: String) -> Error {
    Error::Config { path: path.into(), problem }
}

/// Begins to watch the model's files, where that is wanted.
fn watch_model(config: &Config) -> Result<Option<Swap<Eye, Error>>, Error> {
    if !config.model.reload {
        return Ok(None);
    }
    let watched = Watched::model(&config.model.file, config.model.contract.as_deref());
    let config = config.clone();
    let prepare = move || {
        let eye = open_eye(&config)?;
        eye.prove()?;
        Ok(eye)
    };
    let io = |source| Error::Io { path: "a thread that watches the model".into(), source };
    Swap::start(watched, Arc::default(), prepare).map(Some).map_err(io)
}

fn open_eye(config: &Config) -> Result<Eye, Error> {
    let mut eye = Eye::open(&config.model)?;
    if let Some(file) = &config.governor.small_model {
        eye.open_small(&ModelOptions { file: file.clone(), contract: None, ..config.model.clone() })?;
    }
    Ok(eye)
}

/// Those that were kept, or else those of the configuration, with their places, which all that is wished for has to be among.
fn settings(path: &Path, config: &Config, eye: &Eye) -> Result<(Settings, Places), Error> {
    let kept = config.settings.as_ref().map(|file| Settings::read(file)).transpose()?.flatten();
    let kept = kept.and_then(|kept| match kept.places(eye.classes()) {
        Ok(places) => Some((kept, places)),
        Err(problem) => {
            eprintln!("warning: kept settings: {problem}; those of {} count", path.display());
            None
        }
    });
    let (settings, places) = match kept {
        Some(kept) => kept,
        None => {
            let settings = Settings::of(config, eye.score());
            let places = settings.places(eye.classes()).map_err(|problem| wrong(path, problem))?;
            (settings, places)
        }
    };
    config.outlets.check_places(&places).map_err(|problem| wrong(path, problem))?;
    Ok((settings, places))
}

#[cfg(all(test, feature = "camera", feature = "onnx", target_os = "linux"))]
#[path = "soak_tests.rs"]
mod soak;
