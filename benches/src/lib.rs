//! What the benchmarks share: single convolutions with their weights packed, and the models there are to measure.
#![forbid(unsafe_code)]

pub mod convolution;
pub mod layer;
pub mod memory;
pub mod models;
pub mod pattern;
