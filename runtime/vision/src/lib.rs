//! What surrounds a network: how a picture becomes its input, and what its outputs mean.
//!
//! The [`Contract`](contract::Contract) of a model says both. A [`Frame`](frame::Frame) is borrowed pixels. The
//! [`Preprocessor`](preprocess::Preprocessor) makes the input tensor of it in one pass, the
//! [`Decoder`](heads::Decoder) reads candidates off the outputs, [`suppress`](nms::suppress) keeps the best of those that
//! overlap, and a [`Mapping`](geometry::Mapping) takes their boxes back to the source's pixels; a
//! [`Tracker`](tracking::Tracker) knows them again on the next frame.
//!
//! Whatever computes the network is none of this crate's business: it sees [ports and typed views of memory](tensor).
//! Most of what is here runs for every frame, and allocates for none. It is a crate of its own so that it is built for
//! speed where the program around it is built for size; what the program calls for a frame is therefore neither generic
//! nor inlined, either of which would build it as the program is built.
#![forbid(unsafe_code)]

mod across;
mod blend;
pub mod candidates;
pub mod changes;
mod columns;
pub mod contract;
pub mod convert;
pub mod depth;
pub mod detection;
pub mod draw;
pub mod error;
pub mod frame;
pub mod geometry;
pub mod heads;
pub mod jpeg;
pub mod latency;
mod lines;
pub mod nms;
pub mod novelty;
mod order;
pub mod pixelate;
pub mod preprocess;
mod sample;
pub mod scores;
pub mod tensor;
pub mod thumbnail;
pub mod tracking;
mod ycbcr;

pub use error::{ContractError, FrameError};
