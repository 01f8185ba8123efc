//! What a run leaves behind: figures, a verdict, charts, pictures and the student's card; and tables for terminals.

mod card;
mod environment;
mod figures;
mod folder;
mod pictures;
mod plots;
mod progress;
mod table;
mod worst;

pub use card::card;
pub use environment::environment;
pub use figures::{classification, detection};
pub use folder::{FolderError, RunFolder};
pub use pictures::annotated;
pub use plots::{CurvesError, by_class, confusion, curves, operating_points, precision_recall, reliability};
pub use progress::{Bar, Bars};
pub use table::{Look, Table, percent};
pub use worst::{side_by_side, worst, wrong_classes};
