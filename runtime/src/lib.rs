//! Retort's runtime: loads a compact ONNX vision model, plans it into one arena, and runs it without allocating.
#![forbid(unsafe_code)]

pub mod board;
pub mod chart;
pub mod cli;
#[cfg(feature = "display")]
pub mod display;
pub mod error;
pub mod graph;
pub mod guard;
pub mod histogram;
#[cfg(feature = "onnx")]
pub mod import;
pub mod limits;
pub mod model;
pub mod npy;
pub mod place;
pub mod plan;
pub mod predict;
pub mod quantised;
pub mod service;
pub mod sidecar;
pub mod signature;
pub mod sink;
pub mod source;
pub mod vision;

pub use error::Error;
pub use limits::{Limit, Limits};
pub use retort_vision::{contract, tensor};
