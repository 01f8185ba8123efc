//! What a detector is taught with: targets, from labels or from a teacher, and one loss that both kinds share.

mod assign;
mod boxes;
mod detection;
mod soft;

pub use assign::{Assigner, hard_targets};
pub use boxes::{giou, iou};
pub use detection::{LossParts, Outputs, Targets, detection_loss};
pub use soft::soft_targets;
