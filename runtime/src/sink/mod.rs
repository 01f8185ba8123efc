//! Where results go: JSON lines, tables for people, annotated pictures and films, snapshots and clips of events, MQTT
//! brokers, webhooks.

mod album;
mod annotated;
mod clips;
mod drawer;
mod film_writer;
mod happening;
mod journal;
mod json_lines;
#[cfg(feature = "network")]
pub mod mqtt;
#[cfg(feature = "network")]
mod network;
mod picture;
mod snapshots;
mod stamp;
mod table;
mod trouble;
mod video;
#[cfg(feature = "network")]
pub mod webhook;
mod wish;

use std::time::Duration;

use crate::error::Error;
use crate::place::{Event, Scene};
use crate::source::Shot;
use crate::vision::detection::Detection;
use crate::vision::latency::Latency;
use crate::vision::scores::Ranked;

pub use album::{Album, Kept};
pub use annotated::Annotated;
pub use clips::{ClipOptions, Clips};
pub use happening::{Happening, unix_ms};
pub use journal::Journal;
pub use json_lines::JsonLines;
#[cfg(feature = "network")]
pub use network::{Health, Secret, SinkHealth};
pub use picture::Picture;
pub use snapshots::{SnapshotOptions, Snapshots};
pub use table::Table;
pub use trouble::Trouble;
pub use video::Video;
pub use wish::{Wish, wanted};

/// What was found on a frame.
#[derive(Clone, Copy, Debug)]
pub enum Findings<'a> {
    /// Objects, the highest score first.
    Detections(&'a [Detection]),
    /// Classes of the whole picture, the likeliest first.
    Classes(&'a [Ranked]),
}

/// A frame with what was found on it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Number of the frame, from 1.
    pub number: u64,
    /// The frame.
    pub shot: Shot<'a>,
    /// What it shows.
    pub findings: Findings<'a>,
    /// How unlike the frame is to what the model was taught, above 1 for what is like nothing of it; where that was asked
    /// for.
    pub novelty: Option<f32>,
    /// Whether what was found contradicts the frames before; where objects are followed.
    pub contradicts: bool,
    /// The classes' names.
    pub classes: &'a [String],
    /// How long it took.
    pub latency: Latency,
    /// From the capture of the frame to the decision on it, where the source knows when that was.
    pub age: Option<Duration>,
    /// The places that are watched, and what happened there; `None` where none are.
    pub scene: Option<&'a Scene>,
}

impl<'a> Report<'a> {
    /// What was found on frame `number`, and nothing else: no novelty, no contradiction, no time, no age, no places.
    pub fn new(number: u64, shot: Shot<'a>, findings: Findings<'a>, classes: &'a [String]) -> Report<'a> {
        let latency = Latency::default();
        Report { number, shot, findings, novelty: None, contradicts: false, classes, latency, age: None, scene: None }
    }

    /// Whether the frame is unlike anything that the model was taught, as far as that was asked for.
    pub fn is_unlike(&self) -> bool {
        self.novelty.is_some_and(|novelty| novelty > 1.0)
    }

    /// What happened at the places that are watched.
    pub fn events(&self) -> &[Event] {
        self.scene.map_or(&[], Scene::events)
    }

    /// The name of a class.
    pub fn class(&self, class: u32) -> &str {
        self.classes.get(class as usize).map_or("?", String::as_str)
    }
}

/// Takes results, frame by frame.
pub trait Sink {
    /// Takes one.
    ///
    /// # Errors
    /// [`Error::Io`] and the like, where it cannot be written.
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error>;
}
