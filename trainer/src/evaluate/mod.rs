//! Measures what networks answer: [`coco`] for detectors, [`Classification`] for classifiers, what is confused with
//! what, which mistakes cost most, whether confidence means what it says, how far student and teacher agree, and how
//! far a figure can be trusted, and how well objects are followed ([`tracks`]). Files are run as their users will run them, through the runtime.

mod agreement;
mod ask;
mod calibration;
mod classify;
pub mod coco;
mod confusion;
mod cost;
mod detection;
mod errors;
pub mod exchange;
mod set;
pub mod statistics;
pub mod tracks;

pub use agreement::{BoxAgreement, ClassAgreement};
pub use ask::{Answers, Respondent};
pub use calibration::{BINS, Bin, Reliability};
pub use classify::{ClassScores, Classification, Probabilities, likeliest};
pub use coco::{ClassSummary, Found, Judged, OperatingPoint, Summary, Truth, summarise};
pub use confusion::{Confusion, Pairs, detection_confusion, pair};
pub use cost::{Cost, Latency};
pub use detection::{Detection, IOU};
pub use errors::{Kind, Mistake, mistakes};
pub use set::{LabelledSet, SetError, Truths, class_map, in_classes};
