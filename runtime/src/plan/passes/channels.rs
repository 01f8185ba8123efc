//! Every k-th channel, which exporters write as a reshape, a slice and another reshape (ShuffleNet's channel shuffle), is
//! one slice of the channels: nodes that read any strides then read it where it lies, and a join is written directly.

use crate::graph::{Graph, Op, TensorId, Uses};

/// Rewrites every such slice.
pub fn run(graph: &mut Graph) -> usize {
    // Only the last of the three nodes changes, and what it reads; who makes what stays as it was.
    let uses = graph.uses();
    (0..graph.nodes.len()).filter(|&index| rewrite(graph, &uses, index).is_some()).count()
}

fn made_by<'g>(graph: &'g Graph, uses: &Uses, id: TensorId) -> Option<(&'g Op, TensorId)> {
    let node = &graph.nodes[uses.producer[id.0]?];
    Some((&node.op, *node.inputs.first()?))
}

fn rewrite(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    let Op::Reshape = node.op else { return None };
    let (Op::Slice { start, .. }, split) = made_by(graph, uses, node.inputs[0])? else { return None };
    let (Op::Reshape, x) = made_by(graph, uses, split)? else { return None };
    let shape_of = |id: TensorId| &graph.tensor(id).shape[..];
    let (from, y) = (shape_of(x), shape_of(node.output()));
    let [outer @ .., channels] = from else { return None };
    let [split_outer @ .., parts, every] = shape_of(split) else { return None };
    let [picked_outer @ .., picked, 1] = shape_of(node.inputs[0]) else { return None };
    let [y_outer @ .., y_channels] = y else { return None };
    let splits = outer == split_outer && *channels == parts * every;
    let picks = picked_outer == outer && picked == parts && y_outer == outer && y_channels == parts;
    if !(splits && picks) || graph.tensor(x).constant.is_some() {
        return None;
    }
    let rank = from.len();
    let (mut first, mut step) = (vec![0; rank], vec![1; rank]);
    (first[rank - 1], step[rank - 1]) = (*start.last()?, *every);
    let node = &mut graph.nodes[index];
    node.op = Op::Slice { start: first, step };
    node.inputs = vec![x];
    Some(())
}
