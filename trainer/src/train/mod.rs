//! The training loop and what it steps with.

mod average;
mod checkpoint;
mod device;
mod lesson;
mod optimiser;
mod run;
mod schedule;
mod taylor;

pub use average::{blend, measure};
pub use checkpoint::{CheckpointError, Position, State, load, load_state, save, save_state};
pub use device::{DeviceError, Place};
pub use lesson::{Labels, Lesson, LossWeights, Moment, Outcome, Past, Teaching};
pub use optimiser::{Optimiser, OptimiserOptions, Rule};
pub use run::{Follower, Progress, Saving, TrainError, Training, train};
pub use schedule::{Decline, Schedule};
pub use taylor::taylor;
