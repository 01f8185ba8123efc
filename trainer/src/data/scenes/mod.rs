//! Synthetic scenes: drawn, labelled and seeded, so that a whole recipe runs without a single file of data.

mod dataset;
mod ground;
mod noise;
mod picture;
mod scene;
mod shapes;

pub use dataset::{Dataset, Split};
pub use scene::Scene;
pub use shapes::CLASSES;
