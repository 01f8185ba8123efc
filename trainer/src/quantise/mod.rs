//! From floats to int8: the ranges of values, found by watching, the numbers that stand for them, and networks that are
//! trained as those numbers.

mod observer;
mod ranges;
mod scales;
mod simulation;
#[cfg(test)]
mod tests;

pub use observer::Observer;
pub use ranges::{ChannelWeights, Ranges, Scale, calibrate, quantise_weights};
pub use scales::{MissingRange, Scales};
pub use simulation::Simulation;
