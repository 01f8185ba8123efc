//! What a run leaves behind: figures, a verdict, pictures and the student's card.

mod card;
mod environment;
mod folder;
mod pictures;
mod progress;

pub use card::card;
pub use environment::environment;
pub use folder::{FolderError, RunFolder};
pub use pictures::annotated;
pub use progress::{Bar, Bars};
