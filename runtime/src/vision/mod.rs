//! From pixels to answers: what happens before a network runs and after.
//!
//! A [`Frame`](frame::Frame) is borrowed pixels. The [`Preprocessor`](preprocess::Preprocessor) makes the input
//! tensor of it in one pass, the [`Decoder`](heads::Decoder) reads candidates off the outputs,
//! [`suppress`](nms::suppress) keeps the best of those that overlap, and a [`Mapping`](geometry::Mapping) takes their
//! boxes back to the source's pixels; a [`Tracker`](tracking::Tracker) knows them again on the next frame. A [`Detector`](detector::Detector) or [`Classifier`](classifier::Classifier)
//! holds all of it; neither allocates a frame.

pub mod candidates;
pub mod classifier;
pub mod convert;
pub mod detector;
pub mod draw;
pub mod frame;
pub mod geometry;
pub mod heads;
pub mod latency;
mod lines;
pub mod nms;
pub mod novelty;
pub mod pixelate;
pub mod preprocess;
mod sample;
pub mod thumbnail;
pub mod tracking;
mod ycbcr;
