//! What can be lost and found again: the connection to a camera, a network stream or a program.

use crate::vision::frame::Frame;

use super::Decoding;

/// Why there is no frame, as one says it after the source's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

impl Lost {
    /// Nothing came for so long.
    pub fn timed_out(timeout: std::time::Duration) -> Lost {
        Lost(format!("no frame for {} s", timeout.as_secs_f64()))
    }
}

/// Makes links to one thing.
pub trait Connect {
    /// Delivers its frames.
    type Link: Link;

    /// Finds it and begins.
    ///
    /// # Errors
    /// Why it cannot be had now.
    fn connect(&mut self) -> Result<Self::Link, Lost>;
}

/// A frame from a link.
pub type Delivered<'a> = (Frame<'a>, Option<Decoding>);

/// Delivers frames, until it is lost.
pub trait Link {
    /// Waits for a frame, no longer than the source's timeout; `None` where there will be no more, or waiting was ended.
    /// The numbers of a link's frames rise, with gaps for those that were dropped.
    ///
    /// # Errors
    /// Why there is none. The link is then of no more use.
    fn next_frame(&mut self) -> Result<Option<Delivered<'_>>, Lost>;

    /// The format of its frames in a few words.
    fn format(&self) -> String;
}
