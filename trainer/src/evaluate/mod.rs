//! Runs detectors as their users will, from the file through the runtime, and measures them: COCO's average precision.

mod coco;

pub use coco::{Found, Summary, Truth, summarise};
