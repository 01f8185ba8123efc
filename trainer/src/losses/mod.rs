//! What networks are taught with: targets, from labels or from a teacher, and the losses that measure the distance to them.

mod assign;
mod boxes;
mod classification;
mod detection;
mod soft;

pub use assign::{Assigner, hard_targets};
pub use boxes::{giou, iou};
pub use classification::{cross_entropy, soft_cross_entropy, softmax};
pub use detection::{LossParts, Outputs, Targets, detection_loss};
pub use soft::soft_targets;
