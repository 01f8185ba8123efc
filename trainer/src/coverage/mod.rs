//! Coverage: what a student was taught, as prototypes in the space of its embedding, so that a board can tell a frame that is
//! like none of it.
//!
//! After training, the pictures that were learned from go through the exported int8 file itself ([`Embedder`]). Their
//! embeddings, each channel divided by its deviation, are grouped by k-means ([`cluster`]); a prototype is the mean of a
//! group, and its radius the distance that a share of the group's pictures stay within ([`fit`]). All of it travels in the
//! contract ([`retort::contract::Coverage`]).

mod embedder;
mod fit;
mod kmeans;
mod others;

pub use embedder::Embedder;
pub use fit::{Fitted, fit, flagged};
pub use kmeans::{Clusters, cluster};
pub use others::{Other, other};
