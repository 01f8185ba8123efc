//! The training operators that burn's CPU backend lacks or runs slowly, for networks laid out NHWC.
//!
//! Each is a function on burn tensors and differentiates where they do. On burn's CPU backend (Flex, with or without Autodiff, f32 and
//! f64) it runs the kernels of this crate, elsewhere it is composed of burn's own operators ([`composed`]); which of both is found out
//! from the tensor at run time.
//!
//! | folder | what is in it |
//! |---|---|
//! | `operators` | what is called, and how it joins burn's graph |
//! | [`kernels`] | the arithmetic, on slices |
//! | `simd` | vectors of AVX512, AVX2 and plain Rust |
//! | `memory` | the memory of results, used again |
//!
//! Kernels use the threads of the current rayon pool, and compute the same bits on any number of them. Every
//! gradient is checked against finite differences in f64 and against burn's own operators.
#![deny(unsafe_code)]

#[cfg(test)]
mod check;
pub mod composed;
pub mod kernels;
mod memory;
mod operators;
mod real;
mod simd;
mod window;

pub use kernels::optimiser::{AdamW, Sgd, sum_of_squares};
pub use kernels::requantise::Sum;
pub use memory::release_memory;
pub use operators::{
    activation, add, average_pool, batch_norm, conv2d, depthwise, global_average_pool, linear, max_pool, requantise,
    requantised_sum, scale_shift, upsample2, upsample2_add,
};
pub use real::Real;
pub use simd::Isa;
pub use window::{Activation, Geometry, Window};
