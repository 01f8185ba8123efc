//! The experiment: a teacher, students with and without it, and what the figures allow one to say.

mod examine;
mod experiment;
mod lessons;
mod measure;
mod pictures;
mod trainings;
mod verdict;

pub use experiment::{Arm, ExperimentError, Options, Results, Student, experiment, label, network};
pub use lessons::{Course, Signals};
pub use measure::{Figures, measure};
pub use pictures::{PictureError, Pictures, Set, class_names};
pub use verdict::Verdict;
