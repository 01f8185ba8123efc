//! The honest half of a distillation: what the teacher is bad at before its word is taken, and which of its mistakes the
//! student took over.
//!
//! An [`Audit`] is of the teacher on labelled pictures that nothing was trained on: how good it is by class and by
//! [slices](Slice) of the pictures, whether its confidence means what it says, and what it confuses. [`Inheritance`]
//! sets students beside it: where the teacher is wrong, how often is the student wrong in the same way, and how often
//! the control, which never heard the teacher?

mod inheritance;
mod mistakes;
mod quality;
mod slices;
mod teacher;
mod words;

pub use inheritance::{Inheritance, PairInheritance, Rates, Tendency};
pub use mistakes::{ClassMistakes, Mistake, ObjectMistakes, Pair};
pub use quality::Quality;
pub use slices::{Slice, terciles};
pub use teacher::{Audit, ClassAudit, Confused, Measure};
pub use words::{mistake, number};

/// Draws of a bootstrap.
const DRAWS: usize = 400;
/// Its seed: an audit comes out the same whenever it is made.
const SEED: u64 = 0xa0d1;
