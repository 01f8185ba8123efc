//! A nearest-neighbour upsampling by whole factors whose result only goes into sums and products needs no step of its
//! own: element-wise nodes repeat the elements of an operand that is shorter than their result.

use retort_core::plan::step::Interpolation;

use crate::graph::{Graph, Node, Op, ResizeTap, TensorId, Uses};

/// Rewrites the readers of every such upsampling, which then dies.
pub fn run(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let (small, large) = (node.inputs.first().copied(), node.output());
        let Some(small) = small.filter(|_| repeats(graph, node)) else { continue };
        let readers = &uses.consumers[large.0];
        if uses.leaves[large.0] || readers.iter().any(|&reader| !can_repeat(graph, &uses, reader, large)) {
            continue;
        }
        graph.replace_reads(large, small);
        changes += 1;
    }
    changes
}

/// Whether the node repeats every row and column of its input a fixed number of times.
fn repeats(graph: &Graph, node: &Node) -> bool {
    let Op::Resize { interpolation: Interpolation::Nearest, rows, columns } = &node.op else { return false };
    let (x, y) = (graph.tensor(node.inputs[0]), graph.tensor(node.output()));
    let evenly = |taps: &[ResizeTap], from: usize| {
        let factor = taps.len() / from.max(1);
        factor > 0 && taps.len() == factor * from && taps.iter().enumerate().all(|(i, t)| t.low as usize == i / factor)
    };
    let [_, height, width, _] = x.shape[..] else { return false };
    x.quantisation == y.quantisation && evenly(rows, height) && evenly(columns, width)
}

/// Whether a node can read the small tensor instead of `large`: it has `large`'s shape, and repeats rows and columns of
/// no other operand.
fn can_repeat(graph: &Graph, uses: &Uses, reader: usize, large: TensorId) -> bool {
    let node = &graph.nodes[reader];
    let shape = &graph.tensor(large).shape;
    let whole = |&id: &TensorId| {
        let at_will = |(own, wanted): (&usize, &usize)| own == wanted || *own == 1;
        let other = &graph.tensor(id).shape;
        other.len() == shape.len() && other.iter().zip(shape).all(at_will)
    };
    matches!(node.op, Op::Binary(..) | Op::BinaryInt8(..))
        && uses.consumers[large.0].iter().filter(|&&other| other == reader).count() == 1
        && graph.tensor(node.output()).shape == *shape
        && node.inputs.iter().all(whole)
}
