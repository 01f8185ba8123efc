//! Counts and latencies of a run, for metrics and the live page.
//!
//! The loop writes them under a lock that nobody holds for longer than it takes to write a page of text into memory.

#[cfg(feature = "network")]
mod diagnostics;
mod prometheus;

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::board::vitals::Vitals;
use crate::histogram::Histogram;
use crate::place::{Crossings, Occupancy, Places, Scene, What};
use crate::sink::{Findings, Happening, Report, unix_ms};
use crate::source::Losses;

use super::governor::Level;

/// Events that are kept for those who ask later.
const RECENT: usize = 64;
/// Room for an event's JSON to begin with, in bytes.
const EVENT: usize = 512;
/// Weight of a new frame in the frame rate.
const FRESH: f64 = 0.1;

/// Meters that the loop and others share.
#[derive(Clone, Debug)]
pub struct SharedMeters(Arc<Mutex<Meters>>);

impl SharedMeters {
    /// Of nothing yet.
    pub fn new(classes: &[String]) -> SharedMeters {
        SharedMeters(Arc::new(Mutex::new(Meters::new(classes))))
    }

    /// The meters, until the guard is dropped.
    pub fn lock(&self) -> MutexGuard<'_, Meters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted.
#[derive(Debug)]
pub struct Meters {
    began: Instant,
    last: Option<Instant>,
    /// Frames a second, the last ones counting most.
    pub rate: f64,
    /// Frames that were looked at.
    pub frames: u64,
    /// Frames that were left out to go easy on the board.
    pub passed_over: u64,
    /// What the source lost.
    pub losses: Losses,
    /// Whether the source is away.
    pub is_lost: bool,
    /// How the board fares.
    pub vitals: Vitals,
    /// How much work there is.
    pub level: Level,
    /// Of the last frame, in milliseconds: preprocess, infer, postprocess, and its age.
    pub latest_ms: [f64; 4],
    stages: [Histogram; 3],
    age: Histogram,
    classes: Vec<String>,
    /// Objects of each class on the last frame.
    objects: Vec<u32>,
    places: Places,
    occupancy: Vec<Occupancy>,
    crossings: Vec<Crossings>,
    /// Events by their word.
    events: [u64; What::WORDS.len()],
    recent: VecDeque<Vec<u8>>,
    /// Memory for more of them.
    blank: Vec<Vec<u8>>,
    /// Events that were said so far; the last of them is the last of `recent`.
    said: u64,
    outlets: Vec<OutletMeter>,
}

/// How a sink is connected, for those that are.
#[cfg(feature = "network")]
pub type Connection = Arc<crate::sink::Health>;
/// Nothing is connected in a build without a network.
#[cfg(not(feature = "network"))]
#[derive(Clone, Debug)]
pub enum Connection {}

/// How a sink does.
#[derive(Clone, Debug, Default)]
pub struct OutletMeter {
    /// What it is called.
    pub name: String,
    /// Frames that it could not take.
    pub failures: u64,
    /// Whether it failed at last.
    pub failing: bool,
    /// How it is connected.
    #[cfg_attr(not(feature = "network"), expect(dead_code))]
    pub connection: Option<Connection>,
}

impl Meters {
    fn new(classes: &[String]) -> Meters {
        Meters {
            began: Instant::now(),
            last: None,
            rate: 0.0,
            frames: 0,
            passed_over: 0,
            losses: Losses::default(),
            is_lost: false,
            vitals: Vitals::default(),
            level: Level::Full,
            latest_ms: [0.0; 4],
            stages: std::array::from_fn(|_| Histogram::new()),
            age: Histogram::new(),
            classes: classes.to_vec(),
            objects: vec![0; classes.len()],
            places: Places::default(),
            occupancy: Vec::new(),
            crossings: Vec::new(),
            events: [0; What::WORDS.len()],
            recent: VecDeque::with_capacity(RECENT),
            blank: (0..RECENT).map(|_| Vec::with_capacity(EVENT)).collect(),
            said: 0,
            outlets: Vec::new(),
        }
    }

    /// Counts for a model of other classes, from nothing.
    pub fn begin_anew(&mut self, classes: &[String]) {
        *self = Meters::new(classes);
    }

    /// Other places are watched.
    pub fn watch(&mut self, scene: &Scene) {
        self.places = scene.places().clone();
        self.occupancy = scene.occupancy().to_vec();
        self.crossings = scene.crossings().to_vec();
    }

    /// Other sinks take results.
    pub fn list_outlets(&mut self, outlets: impl Iterator<Item = (String, Option<Connection>)>) {
        let known = std::mem::take(&mut self.outlets);
        self.outlets = outlets
            .map(|(name, connection)| {
                let before = known.iter().find(|meter| meter.name == name).cloned();
                OutletMeter { name, connection, ..before.unwrap_or_default() }
            })
            .collect();
    }

    /// A sink did well, or could not take a frame.
    pub fn outlet(&mut self, index: usize, well: bool) {
        if let Some(meter) = self.outlets.get_mut(index) {
            meter.failing = !well;
            meter.failures += u64::from(!well);
        }
    }

    /// Adds a frame. Does not allocate, but for events of more than 512 bytes.
    pub fn add(&mut self, report: &Report<'_>) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            let seconds = now.duration_since(last).as_secs_f64().max(1e-6);
            let fresh = if self.frames < 10 { 1.0 / (self.frames as f64).max(1.0) } else { FRESH };
            // The mean of intervals, not of rates: a pause counts as long as it is.
            let interval = if self.rate > 0.0 { 1.0 / self.rate } else { seconds };
            self.rate = 1.0 / (interval + fresh * (seconds - interval));
        }
        self.frames += 1;
        self.is_lost = false;
        let latency = report.latency;
        let stages = [latency.preprocess, latency.infer, latency.postprocess];
        for (stage, took) in self.stages.iter_mut().zip(stages) {
            stage.add(took);
        }
        if let Some(age) = report.age {
            self.age.add(age);
        }
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        self.latest_ms = [ms(stages[0]), ms(stages[1]), ms(stages[2]), report.age.map_or(f64::NAN, ms)];
        self.objects.fill(0);
        if let Findings::Detections(detections) = report.findings {
            for found in detections {
                if let Some(count) = self.objects.get_mut(found.class as usize) {
                    *count += 1;
                }
            }
        }
        let Some(scene) = report.scene else { return };
        self.occupancy.clear();
        self.occupancy.extend_from_slice(scene.occupancy());
        self.crossings.clear();
        self.crossings.extend_from_slice(scene.crossings());
        for event in scene.events() {
            let word = What::WORDS.iter().position(|word| *word == event.what.word());
            word.into_iter().for_each(|word| self.events[word] += 1);
            let said = Happening::new(event, scene.places(), report.classes, unix_ms());
            let mut text = self.blank.pop().or_else(|| self.recent.pop_front()).unwrap_or_default();
            text.clear();
            // Into memory, which takes everything.
            let _ = serde_json::to_writer(&mut text, &said);
            self.recent.push_back(text);
            self.said += 1;
        }
    }

    /// Events so far.
    pub fn said(&self) -> u64 {
        self.said
    }

    /// Percentiles of the age of frames, in milliseconds: half of them, and 99 of 100 do not exceed these; `None` where no
    /// frame's age is known.
    pub fn age_ms(&self) -> Option<[f64; 2]> {
        let ms = |share| self.age.percentile(share).as_secs_f64() * 1e3;
        (self.age.count() > 0).then(|| [ms(0.5), ms(0.99)])
    }

    /// Events after the first `known` ones, as JSON, and how many there are by now. Those that are no longer kept are left
    /// out.
    pub fn events_after(&self, known: u64) -> (impl Iterator<Item = &str>, u64) {
        let new = usize::try_from(self.said.saturating_sub(known)).unwrap_or(usize::MAX).min(self.recent.len());
        (self.recent.iter().skip(self.recent.len() - new).map(|bytes| text(bytes)), self.said)
    }

    /// One line of JSON with what changes from frame to frame, for the live page.
    pub fn write_json(&self, to: &mut String) {
        let number = |value: f64| if value.is_finite() { (value * 1e3).round() / 1e3 } else { -1.0 };
        let names = |place: &str| serde_json::Value::from(place).to_string();
        let [preprocess, infer, postprocess, age] = self.latest_ms.map(number);
        let _ = write!(
            to,
            "{{\"frame\":{},\"fps\":{},\"lost\":{},\"dropped\":{},\"reconnects\":{},\"objects\":{},\
             \"preprocess_ms\":{preprocess},\"infer_ms\":{infer},\"postprocess_ms\":{postprocess},\"age_ms\":{age},\
             \"age_p99_ms\":{},\"temperature\":{},\"level\":{}",
            self.frames,
            number(self.rate),
            self.is_lost,
            self.losses.dropped,
            self.losses.reconnects,
            self.objects.iter().sum::<u32>(),
            self.age_ms().map_or(-1.0, |[_, p99]| number(p99)),
            self.vitals.temperature.map_or(-1.0, |celsius| number(celsius.into())),
            self.level.number(),
        );
        let _ = to.write_str(",\"zones\":[");
        for (at, (zone, occupancy)) in self.places.zones.iter().zip(&self.occupancy).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let (name, Occupancy { now, entered }) = (names(&zone.name), occupancy);
            let _ = write!(to, "{comma}{{\"name\":{name},\"now\":{now},\"entered\":{entered}}}");
        }
        let _ = to.write_str("],\"lines\":[");
        for (at, (line, crossings)) in self.places.lines.iter().zip(&self.crossings).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let (name, forward, backward) = (names(&line.name), names(&line.forward), names(&line.backward));
            let _ = write!(
                to,
                "{comma}{{\"name\":{name},{forward}:{},{backward}:{}}}",
                crossings.forward, crossings.backward
            );
        }
        let _ = to.write_str("]}");
    }
}

/// What an event was written as.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
