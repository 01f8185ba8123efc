//! From a graph to a plan: rewrite, decide what shares memory, place it in an arena, and write the steps.

mod arena;
mod lower;
mod memory;
mod order;
mod passes;
mod signed;
mod writer;

use retort_core::kernels::{KernelSet, packing};

use crate::graph::{Graph, TensorId};
use lower::Lowering;

/// Why a graph cannot be planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanningError {
    /// A size that the format's 32 bits cannot hold.
    #[error("{what} of {bytes} bytes does not fit a plan, whose sizes are 32-bit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// A node that no step covers.
    #[error("node `{node}`: {problem}")]
    Node {
        /// The node.
        node: String,
        /// Why not.
        problem: String,
    },
}

/// How to plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// The kernels to pack weights for.
    pub kernel_set: KernelSet,
    /// Whether image inputs hold the bytes that the graph would quantise them to.
    pub quantised_input: bool,
}

/// Where a tensor of a fallback step lies in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the arena's start.
    pub offset: usize,
    /// Bytes it takes.
    pub len: usize,
}

/// A planned network.
pub struct Planned {
    /// The plan's bytes.
    pub bytes: Vec<u8>,
    /// For each tensor, where it lies in the arena; `None` for those that are in none.
    places: Vec<Option<Place>>,
    /// What the passes changed, for listings.
    pub report: Vec<(&'static str, usize)>,
}

impl Planned {
    /// Where a tensor lies.
    pub fn place(&self, tensor: TensorId) -> Option<Place> {
        self.places[tensor.0]
    }
}

/// Rewrites the graph and plans it. `contract` is stored with the plan.
pub fn plan(graph: &mut Graph, options: &PlanOptions, contract: &str) -> Result<Planned, PlanningError> {
    let mut report = passes::run_all(graph);
    if options.quantised_input {
        passes::take_quantised_inputs(graph);
    }
    if let Some(chains) = packing(options.kernel_set).chains() {
        let changes = order::run(graph, &chains);
        report.extend((changes > 0).then_some(("put channels in an order in which products fit 16 bits", changes)));
    }
    let (bytes, places) = Lowering::new(graph, options.kernel_set)?.finish(contract)?;
    Ok(Planned { bytes, places, report })
}
