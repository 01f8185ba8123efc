//! The experiment: a teacher, students with and without it, and what the figures allow one to say.

mod assistants;
mod compare;
mod coverage;
mod experiment;
mod lessons;
mod live;
mod measure;
mod pictures;
pub mod repair;
mod teaching;
mod trainings;
mod verdict;

pub use assistants::{Assistants, Assisting, Probe};
pub use compare::{Compared, Comparison, compare};
pub use experiment::{Arm, ExperimentError, Options, Results, Student, experiment, network};
pub use lessons::{Course, Signals};
pub use live::{Live, Look};
pub use measure::{Figures, measure};
pub use pictures::{PictureError, Pictures, Set, class_names};
pub use teaching::label;
pub use verdict::Verdict;
