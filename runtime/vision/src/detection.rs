//! What a detector says of a frame.

use super::geometry::Rect;

/// An object that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Index among the contract's classes.
    pub class: u32,
    /// 0 to 1.
    pub score: f32,
    /// The box in pixels of the source, within the picture.
    pub rect: Rect,
    /// The number of the track it is on, from 1, where a [`Tracker`](crate::tracking::Tracker) has given it one.
    pub track: Option<u32>,
}
