//! The training operators that burn's CPU backend lacks or runs slowly, for networks laid out NHWC.
//!
//! Compact detectors are depthwise 3×3 convolutions, pointwise convolutions and batch normalisation with ReLU6. In NHWC
//! a pointwise convolution is one matrix product, which burn does well; the other two live here, each with its
//! gradient. Kernels are plain slices in, slices out ([`depthwise`], [`norm`]) and run on the calling thread only:
//! whoever trains splits the batch over threads, so that results do not depend on how many there are.
//!
//! Every gradient is checked against finite differences in f64 and against burn's own operators.
#![forbid(unsafe_code)]

pub mod depthwise;
mod extension;
pub mod norm;
mod real;
mod stopgap;

pub use extension::{batch_norm_relu6, channel_moments, depthwise3x3};
pub use real::Real;
pub use stopgap::*;
