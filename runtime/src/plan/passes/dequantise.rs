//! Quantise and dequantise trade places with nodes that only move elements, and cancel where they meet.
//!
//! Moving elements and mapping each by itself commute exactly, and so do mapping by a monotone function and taking a
//! maximum. Bytes are cheaper to move than floats, and the integer pass sees through to what computes.

use retort_core::plan::step::{Interpolation, Pooling};

use crate::graph::{Graph, Node, Op, TensorId, Uses};
use crate::quantised;
use crate::tensor::ElementType;

/// Whether a node only moves elements of its one input.
fn moves(op: &Op) -> bool {
    matches!(
        op,
        Op::Transpose(_)
            | Op::Reshape
            | Op::Slice { .. }
            | Op::Gather { .. }
            | Op::Broadcast
            | Op::Pool(Pooling::Maximum, _)
            | Op::Resize { interpolation: Interpolation::Nearest, .. }
    )
}

/// The quantised tensor behind a dequantised one.
pub(super) fn dequantised(graph: &Graph, uses: &Uses, id: TensorId) -> Option<TensorId> {
    let node = &graph.nodes[uses.producer[id.0]?];
    matches!(node.op, Op::Dequantize).then(|| node.inputs[0])
}

/// move(dequantise(x)) becomes dequantise(move(x)); also joining where all inputs have one scale and zero point.
pub fn sink(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let mut index = 0;
    let mut uses = graph.uses();
    while index < graph.nodes.len() {
        if sink_at(graph, &uses, index).is_some() {
            changes += 1;
            uses = graph.uses();
        }
        index += 1;
    }
    changes
}

fn sink_at(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    if !(moves(&node.op) || matches!(node.op, Op::Concat(_))) || graph.tensor(node.output()).element != ElementType::F32
    {
        return None;
    }
    let sources = node.inputs.iter().map(|&id| dequantised(graph, uses, id)).collect::<Option<Vec<_>>>()?;
    let quantisation = graph.tensor(sources[0]).quantisation?;
    if sources.iter().any(|&id| graph.tensor(id).quantisation != Some(quantisation)) {
        return None;
    }
    let (name, output) = (node.name.clone(), node.output());
    let shape = graph.tensor(output).shape.clone();
    let bytes = graph.add_tensor(name.clone(), shape, ElementType::U8, Some(quantisation));
    let node = &mut graph.nodes[index];
    node.inputs = sources;
    node.outputs = vec![bytes];
    let dequantise = Node { name, op: Op::Dequantize, inputs: vec![bytes], outputs: vec![output] };
    graph.nodes.insert(index + 1, dequantise);
    Some(())
}

/// quantise(move(x)) becomes move(quantise(x)) where nobody else reads the moved floats.
pub fn hoist(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let mut uses = graph.uses();
    // Backwards, so that a quantise rises through a chain of moves.
    for index in (0..graph.nodes.len()).rev() {
        if hoist_at(graph, &uses, index).is_some() {
            changes += 1;
            uses = graph.uses();
        }
    }
    changes
}

fn hoist_at(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let mover = &graph.nodes[index];
    if !moves(&mover.op) || graph.tensor(mover.inputs[0]).constant.is_some() {
        return None;
    }
    let quantise = uses.only_consumer(mover.output())?;
    if !matches!(graph.nodes[quantise].op, Op::Quantize) || uses.only_consumer(mover.inputs[0]).is_none() {
        return None;
    }
    let (name, x, moved) = (mover.name.clone(), mover.inputs[0], graph.nodes[quantise].output());
    let quantisation = graph.tensor(moved).quantisation;
    let shape = graph.tensor(x).shape.clone();
    let bytes = graph.add_tensor(name.clone(), shape, ElementType::U8, quantisation);
    // The mover takes over the quantise's output, right where it stood; the quantise comes before it.
    graph.nodes.remove(quantise);
    let mover = &mut graph.nodes[index];
    mover.inputs = vec![bytes];
    mover.outputs = vec![moved];
    graph.nodes.insert(index, Node { name, op: Op::Quantize, inputs: vec![x], outputs: vec![bytes] });
    Some(())
}

/// quantise(dequantise(x)) is x, or a table where scale or zero point change.
pub fn cancel(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let mut uses = graph.uses();
    for index in 0..graph.nodes.len() {
        if !matches!(graph.nodes[index].op, Op::Quantize) {
            continue;
        }
        let Some(x) = dequantised(graph, &uses, graph.nodes[index].inputs[0]) else { continue };
        let output = graph.nodes[index].output();
        let (Some(from), Some(to)) = (graph.tensor(x).quantisation, graph.tensor(output).quantisation) else {
            continue;
        };
        let node = &mut graph.nodes[index];
        node.inputs = vec![x];
        if from == to && !uses.leaves[output.0] {
            node.op = Op::Reshape;
            graph.replace_reads(output, x);
        } else {
            node.op = Op::Lookup(quantised::table(from, to, |v| v));
        }
        uses = graph.uses();
        changes += 1;
    }
    changes
}
