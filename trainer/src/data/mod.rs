//! Synthetic scenes: drawn, labelled and seeded, so that the whole recipe runs without a single file of data.

mod augment;
mod batch;
mod dataset;
mod ground;
mod noise;
mod picture;
mod rng;
mod scene;
mod shapes;

pub use augment::Turn;
pub use batch::{Batch, Jitter, PATCH, patches};
pub use dataset::{Dataset, Split, Walk};
pub use rng::Rng;
pub use scene::{Label, Sample, Scene};
pub use shapes::CLASSES;
