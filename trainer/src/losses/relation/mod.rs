//! Losses on how the pictures of a batch relate to one another: embeddings `[batch, dims]`, whose dims may differ between
//! student and teacher.

mod angle;
mod distance;
mod similarity;

pub use angle::angle;
pub use distance::distance;
pub use similarity::similarity;
