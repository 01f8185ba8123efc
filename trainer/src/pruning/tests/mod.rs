//! Groups on small graphs, and models that compute the same without what did nothing.

mod cutting;
mod grouping;

use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::tests::models::{image, pictures};
use crate::posttraining::watch::Show;
use crate::pruning::{Goal, Limits, Options, PruneError, Pruned, Saliency, prune};

/// Prunes a model to a goal without regard to what kernels like.
fn pruned(bytes: &[u8], goal: Goal, saliency: Saliency, compensate: bool) -> Result<Pruned, PruneError> {
    let (image, pictures) = (image(), pictures(8));
    let limits = Limits { multiple: 1, floor: 0.0 };
    let options = Options { goal, saliency, limits, compensate };
    prune(bytes, Show { image: &image, pictures: &pictures, focus: None }, &options, &[], &|_| ())
}

fn decoded(bytes: &[u8]) -> OnnxGraph {
    OnnxGraph::decode(bytes).expect("a model")
}
