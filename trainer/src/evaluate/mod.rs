//! Runs detectors as their users will, from the file through the runtime, and measures them: COCO's average precision.

mod coco;
mod file;

pub use coco::{Found, Summary, Truth, summarise};
pub use file::{detect, evaluate_file, golden, predict_file};
