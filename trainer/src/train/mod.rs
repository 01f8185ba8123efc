//! The training loop and what it steps with.

mod checkpoint;
mod lesson;
mod optimiser;
mod run;
mod schedule;

pub use checkpoint::{CheckpointError, load, save};
pub use lesson::{Lesson, LossWeights, Outcome};
pub use optimiser::{AdamW, AdamWOptions};
pub use run::{Progress, Training, train};
pub use schedule::Schedule;
