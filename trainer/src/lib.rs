//! Distils networks into compact int8 students for the Retort runtime, on the host.
//!
//! The way of a model through the folders: [`recipe`] says what to do; [`data`] reads or draws pictures; [`nets`] describes the
//! networks; [`losses`], [`bindings`] and [`train`] teach them; [`distil`] runs the experiment; [`quantise`] finds the ranges of int8
//! values, [`posttraining`] does so for models from elsewhere; [`pruning`] makes networks narrower; [`export`] writes ONNX; [`coverage`] notes what was taught;
//! [`evaluate`] measures the written file; [`audit`] asks what the teacher is bad at and which of its mistakes the student took over;
//! [`report`] says what came of it. How large models and pictures from elsewhere may be, [`limits`] knows; [`signing`] says
//! whose a model is.
#![forbid(unsafe_code)]

pub mod audit;
pub mod bindings;
pub mod cli;
pub mod coverage;
pub mod data;
pub mod distil;
pub mod evaluate;
pub mod export;
pub mod limits;
pub mod losses;
pub mod nets;
pub mod posttraining;
pub mod pruning;
pub mod quantise;
pub mod recipe;
pub mod report;
pub mod signing;
pub mod teacher;
pub mod train;
mod whole;
