//! The arithmetic, on slices: what every operator computes forward and backward, without knowing of tensors or gradients.
//!
//! Work is split over rayon's current pool in parts that depend on sizes alone, and sums over parts are added in order, so
//! results have the same bits on any number of threads.

pub mod convolution;
pub mod depthwise;
pub mod elementwise;
pub mod norm;
pub mod optimiser;
pub mod pool;
pub mod product;
pub mod requantise;
pub mod resample;
pub mod sweep;
