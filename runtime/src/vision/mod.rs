//! From pixels to answers: [`retort_vision`], which has what happens before a network runs and after, around a model.
//!
//! A [`Detector`](detector::Detector) or [`Classifier`](classifier::Classifier) holds a model and all of it; neither
//! allocates a frame.

pub mod classifier;
pub mod detector;

pub use retort_vision::{
    candidates, convert, detection, draw, frame, geometry, heads, jpeg, latency, nms, novelty, pixelate, preprocess,
    scores, thumbnail, tracking,
};
