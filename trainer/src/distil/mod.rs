//! The experiment: a teacher is trained, speaks about scenes nobody labelled, and two students with the same seed and
//! schedule learn, one with its words and one without.

mod arms;
mod experiment;
mod verdict;

pub use arms::{Arm, Signals, train_student, train_teacher};
pub use experiment::{ExperimentError, Results, Student, experiment};
pub use verdict::Verdict;
