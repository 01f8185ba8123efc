//! From floats to int8: the ranges of values, found by watching, and the numbers that stand for them.

mod observer;
mod ranges;

pub use observer::Observer;
pub use ranges::{ChannelWeights, Ranges, Scale, calibrate, quantise_weights};
