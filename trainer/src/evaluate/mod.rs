//! How good a detector is: COCO's average precision, measured on the file that is shipped.

mod coco;
mod detect;
mod file;

pub use coco::{Found, Summary, Truth, summarise};
pub use detect::detections;
pub use file::{detect, evaluate_file, golden};
