//! In which order the channels of tensors lie.
//!
//! Between two convolutions nothing depends on which channel is which: the first one's outputs, what is between, and the second one's
//! inputs can all be put in another order, and no result changes. Instruction sets without dot products add up products of neighbouring
//! inputs in 16 bits, longer chains of them where their weights are small ([`Chains`]). So inputs are put in an order in which large
//! weights meet small ones: products take 3 to 6 % fewer instructions.

mod classes;
mod search;
#[cfg(test)]
mod tests;

use retort_core::kernels::Chains;

use crate::graph::{ConvolutionInt8, Graph, Op};
use classes::classes;
use search::Search;

/// Puts channels in the order in which products take the fewest instructions; returns of how many sets of tensors.
pub fn run(graph: &mut Graph, chains: &Chains) -> usize {
    let mut changes = 0;
    // Which inputs are good neighbours depends on which outputs are in a block, so these have to be in order before.
    for class in classes(graph) {
        let mut search = Search::new(chains, class.channels);
        for &reader in &class.readers {
            let pixels = graph.tensor(graph.nodes[reader].output()).len();
            if let Op::ConvolutionInt8(conv) = &graph.nodes[reader].op {
                search.add(conv, pixels / conv.out_channels.max(1));
            }
        }
        let Some(order) = search.run() else { continue };
        changes += 1;
        for &node in &class.makers {
            if let Op::ConvolutionInt8(conv) = &mut graph.nodes[node].op {
                order_outputs(conv, &order);
            }
        }
        for &node in &class.readers {
            if let Op::ConvolutionInt8(conv) = &mut graph.nodes[node].op {
                order_inputs(conv, &order);
            }
        }
    }
    changes
}

/// Puts output channels in an order: at place i, the one that was at `order[i]`.
fn order_outputs(conv: &mut ConvolutionInt8, order: &[usize]) {
    let taps = conv.taps();
    conv.weights = order.iter().flat_map(|&old| &conv.weights[old * taps..][..taps]).copied().collect();
    conv.bias = order.iter().map(|&old| conv.bias[old]).collect();
    conv.multiplier = order.iter().map(|&old| conv.multiplier[old]).collect();
}

/// The same of input channels.
fn order_inputs(conv: &mut ConvolutionInt8, order: &[usize]) {
    let of_pixels = conv.weights.chunks_exact(order.len());
    conv.weights = of_pixels.flat_map(|weights| order.iter().map(|&old| weights[old])).collect();
}
