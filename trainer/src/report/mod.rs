//! What a run leaves behind: figures, a verdict, charts, pictures, the student's card and one [page](write_page) with all
//! of it; and tables for terminals.

mod card;
mod comparison;
mod environment;
mod figures;
mod folder;
mod page;
mod pictures;
mod plots;
mod progress;
mod table;
mod worst;

pub use card::card;
pub use comparison::{COMPARISON, Compared, Comparison, Fate, Hard, Marked, PrecisionCurve};
pub use environment::environment;
pub use figures::{classification, detection};
pub use folder::{FolderError, RunFolder};
pub use page::{AUDIT, FAMILY, INHERITANCE, LOSSES, PAGE, PageError, RESULTS, write_page, write_results};
pub use pictures::annotated;
pub use plots::{CurvesError, by_class, confusion, curves, operating_points, precision_recall, reliability};
pub use progress::{Bar, Bars};
pub use table::{Look, Table, percent};
pub use worst::{reduced, side_by_side, worst, wrong_classes};
