//! Where results go: JSON lines, tables for people, annotated pictures.

mod annotated;
mod json_lines;
mod table;

use crate::error::Error;
use crate::source::Shot;
use crate::vision::classifier::Ranked;
use crate::vision::detector::Detection;
use crate::vision::latency::Latency;

pub use annotated::Annotated;
pub use json_lines::JsonLines;
pub use table::Table;

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
    /// The classes' names.
    pub classes: &'a [String],
    /// How long it took.
    pub latency: Latency,
}

impl Report<'_> {
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
