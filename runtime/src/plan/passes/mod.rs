//! Rewrites of the graph before it is planned. Each is small, has a name and a test, and keeps the meaning: float results
//! up to rounding, integer results to the byte.

mod affine;
mod channels;
mod dequantise;
mod dynamic;
mod fuse;
mod hard_swish;
mod hoist;
mod input;
mod integer;
mod same_source;
mod scaled;
mod siblings;
mod silu;
mod upsample;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod tests_run;

use crate::graph::{Graph, Uses};

pub use input::take_quantised_inputs;

/// A rewrite: returns how many places it changed.
pub type Pass = fn(&mut Graph) -> usize;

/// All passes, in the order in which they run.
pub const PASSES: &[(&str, Pass)] = &[
    ("fold scale and shift into convolutions", affine::run),
    ("scale and shift products whose input is quantised at run time", dynamic::run),
    ("recognise x · sigmoid(x)", silu::run),
    ("recognise hard swish", hard_swish::run),
    ("move dequantisation behind data movement", dequantise::sink),
    ("move quantisation before data movement", dequantise::hoist),
    ("compute in integers between dequantise and quantise", integer::run),
    ("multiply bytes where floats are wanted", scaled::run),
    ("drop quantise after dequantise", dequantise::cancel),
    ("slice channels without reshaping", channels::run),
    ("make one table of two branches of one tensor", same_source::run),
    ("apply functions before moving elements", hoist::run),
    ("fuse tables and activations into what makes their input", fuse::run),
    ("merge pointwise convolutions of one tensor", siblings::run),
    ("read upsampled operands in place", upsample::run),
];

/// Runs every pass; returns the name of each that changed something, with how often.
pub fn run_all(graph: &mut Graph) -> Vec<(&'static str, usize)> {
    let mut report = Vec::new();
    for (name, pass) in PASSES {
        let changes = pass(graph);
        graph.remove_dead_nodes();
        if changes > 0 {
            report.push((*name, changes));
        }
    }
    report
}

/// Lets other nodes take over what a node does, until `take` finds none that can; returns how many nodes that saved.
/// `take` changes the graph only where it returns `Some`, and then leaves nothing for the node at the index to do.
fn absorb(graph: &mut Graph, take: fn(&mut Graph, &Uses, usize) -> Option<()>) -> usize {
    let mut changes = 0;
    let mut index = 0;
    let mut uses = graph.uses();
    while index < graph.nodes.len() {
        if take(graph, &uses, index).is_some() {
            graph.nodes.remove(index);
            uses = graph.uses();
            changes += 1;
        } else {
            index += 1;
        }
    }
    changes
}
