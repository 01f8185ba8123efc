//! What happens at a place.

use std::time::Duration;

use crate::vision::geometry::Rect;

/// Something that a tracked object did, said once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// What it did, and where.
    pub what: What,
    /// The track's number.
    pub track: u32,
    /// Index among the contract's classes.
    pub class: u32,
    /// The score it was last seen with.
    pub score: f32,
    /// Where it was last seen, in pixels of the source.
    pub rect: Rect,
    /// The frame that decided it, as it is numbered in reports.
    pub frame: u64,
    /// The time of that frame, since the source began.
    pub at: Duration,
}

/// What an object did. Places are given by their index in the scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// It came into a zone and stayed for long enough to count.
    Entered {
        /// The zone.
        zone: usize,
    },
    /// It has been in a zone for as long as the zone asks.
    Stayed {
        /// The zone.
        zone: usize,
        /// How long, by now.
        dwell: Duration,
    },
    /// It went out of a zone, or was lost in it.
    Left {
        /// The zone.
        zone: usize,
        /// How long it was in.
        dwell: Duration,
    },
    /// It went over a line.
    Crossed {
        /// The line.
        line: usize,
        /// Which way.
        way: Way,
    },
}

impl What {
    /// The word for it, as scripts read it.
    pub fn word(&self) -> &'static str {
        match self {
            What::Entered { .. } => "entered",
            What::Stayed { .. } => "stayed",
            What::Left { .. } => "left",
            What::Crossed { .. } => "crossed",
        }
    }

    /// All words.
    pub const WORDS: [&'static str; 4] = ["entered", "stayed", "left", "crossed"];
}

/// A way over a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the left to the right of somebody who stands at the line's first point and looks at its second.
    Forward,
    /// From the right to the left.
    Backward,
}
