//! What networks are taught with: targets, from labels or from a teacher, and the losses that measure the distance to them.
//!
//! [`response`], [`feature`] and [`relation`] are the losses of distillation, by what of the teacher they look at. In all of them
//! the teacher is a constant: no gradient flows to it. What cannot be compared is refused with a [`LossError`].

mod assign;
mod boxes;
#[cfg(test)]
mod check;
mod classification;
mod detection;
mod error;
pub mod feature;
pub mod relation;
pub mod response;
mod safe;
mod soft;

pub use assign::{Assigner, hard_targets};
pub use boxes::{giou, iou};
pub use classification::{cross_entropy, soft_cross_entropy, softmax};
pub use detection::{
    LossParts, Outputs, PseudoLabels, ScoreBand, Targets, detection_loss, localisation, pseudo_labels,
};
pub use error::LossError;
pub use soft::soft_targets;
