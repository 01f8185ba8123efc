//! Losses on what a classifier answers: logits `[batch, classes]` of student and teacher.

mod decoupled;
mod dist;
mod kd;
mod standardise;

pub use decoupled::{Decoupled, decoupled};
pub use dist::{Dist, dist};
pub use kd::{Kd, kd};
pub use standardise::standardise;
