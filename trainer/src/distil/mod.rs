//! The experiment: a teacher, students with and without it, and what the figures allow one to say.

mod again;
mod assistants;
mod compare;
mod cost;
mod coverage;
mod error;
mod examine;
mod experiment;
mod family;
mod lessons;
mod live;
mod measure;
mod pace;
mod pictures;
mod refine;
pub mod repair;
mod results;
mod teaching;
mod trainings;
mod verdict;

pub use again::{Change, table as changes_table};
pub use assistants::{Assistants, Assisting, Probe};
pub use compare::{Compared, Comparison, compare};
pub use cost::cost;
pub use error::ExperimentError;
pub use experiment::{Options, experiment, network};
pub use family::{Budget, Family, Member, family, fit};
pub use lessons::{Course, Signals};
pub use live::{Live, Look};
pub use measure::{Figures, measure};
pub use pace::{seconds_a_question, seconds_a_step};
pub use pictures::{PictureError, Pictures, Set, class_names};
pub use results::{Arm, Results, Student};
pub use teaching::label;
pub use verdict::Verdict;
