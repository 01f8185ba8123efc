//! Losses on feature maps `[batch, height, width, channels]` of student and teacher.
//!
//! Maps of different height and width are first [brought together](brought_together). All but [`attention()`] need as many
//! channels in both; where the student has another number, a 1×1 convolution outside of the loss (FitNets' regressor)
//! brings it to the teacher's.

mod attention;
mod channels;
mod context;
mod focal_global;
mod foreground;
mod hint;
mod masked;
mod pearson;
mod sizes;

pub use attention::attention;
pub use channels::channels;
pub use context::ContextBlock;
pub use focal_global::{FocalGlobal, focal_global};
pub use hint::hint;
pub use masked::{Generator, masked};
pub use pearson::pearson;
pub use sizes::{brought_together, common_size};
