//! Losses on what a detector answers.

mod dense;
mod localisation;
mod pseudo_labels;

pub use dense::{LossParts, Outputs, Targets, detection_loss};
pub use localisation::localisation;
pub use pseudo_labels::{PseudoLabels, ScoreBand, pseudo_labels};
