//! x · max(0, min(6, x + 3)) / 6, which exporters write as up to four nodes, becomes one function.

use retort_core::function::Function;
use retort_core::plan::step::FloatOperation;

use crate::graph::{Graph, Op, TensorId, Uses};

/// How far a written-out factor may be off, from its rounding in the file.
const TOLERANCE: f32 = 1e-5;

/// A tensor that is `factor` times a function of `x`.
#[derive(Clone, Copy)]
struct Scaled {
    x: TensorId,
    factor: f32,
}

/// Rewrites the last node of every such pattern; the others die if nobody else reads what they make.
pub fn run(graph: &mut Graph) -> usize {
    // A rewritten node still makes what it made.
    let uses = graph.uses();
    let mut changes = 0;
    for index in 0..graph.nodes.len() {
        let output = graph.nodes[index].output();
        let Some(Scaled { x, factor }) = scaled(graph, &uses, output, product) else { continue };
        if (6.0 * factor - 1.0).abs() <= TOLERANCE {
            let node = &mut graph.nodes[index];
            node.op = Op::Unary(Function::HardSwish);
            node.inputs = vec![x];
            changes += 1;
        }
    }
    changes
}

/// The number that every element of a constant is.
fn constant(graph: &Graph, id: TensorId) -> Option<f32> {
    let (first, rest) = graph.tensor(id).floats()?.split_first()?;
    rest.iter().all(|value| value == first).then_some(*first)
}

/// The operation and the operands of the node that makes `id`.
fn binary(graph: &Graph, uses: &Uses, id: TensorId) -> Option<(FloatOperation, TensorId, TensorId)> {
    let node = &graph.nodes[uses.producer[id.0]?];
    match (&node.op, &node.inputs[..]) {
        (Op::Binary(operation, Function::Identity), [a, b]) => Some((*operation, *a, *b)),
        _ => None,
    }
}

/// What `id` is a constant multiple of, and the multiple.
fn multiple(graph: &Graph, uses: &Uses, id: TensorId) -> Option<(TensorId, f32)> {
    let (operation, a, b) = binary(graph, uses, id)?;
    match (operation, constant(graph, a), constant(graph, b)) {
        (FloatOperation::Multiply, _, Some(factor)) => Some((a, factor)),
        (FloatOperation::Multiply, Some(factor), _) => Some((b, factor)),
        (FloatOperation::Divide, _, Some(divisor)) => Some((a, 1.0 / divisor)),
        _ => None,
    }
}

/// `id` as a multiple of what `find` recognises, at most one product or quotient away.
fn scaled(
    graph: &Graph,
    uses: &Uses,
    id: TensorId,
    find: fn(&Graph, &Uses, TensorId) -> Option<Scaled>,
) -> Option<Scaled> {
    match multiple(graph, uses, id) {
        Some((inner, factor)) => {
            find(graph, uses, inner).map(|inner| Scaled { factor: inner.factor * factor, ..inner })
        }
        None => find(graph, uses, id),
    }
}

/// `id` as a multiple of max(0, min(6, x + 3)).
fn gate(graph: &Graph, uses: &Uses, id: TensorId) -> Option<Scaled> {
    let node = &graph.nodes[uses.producer[id.0]?];
    match node.op {
        Op::Unary(Function::HardSigmoid { slope, offset })
            if (6.0 * slope - 1.0).abs() <= TOLERANCE && (offset - 0.5).abs() <= TOLERANCE =>
        {
            Some(Scaled { x: node.inputs[0], factor: 1.0 / 6.0 })
        }
        Op::Unary(Function::Clamp { low: 0.0, high: 6.0 }) => {
            let (FloatOperation::Add, a, b) = binary(graph, uses, node.inputs[0])? else { return None };
            let x = match (constant(graph, a), constant(graph, b)) {
                (_, Some(3.0)) => a,
                (Some(3.0), _) => b,
                _ => return None,
            };
            Some(Scaled { x, factor: 1.0 })
        }
        _ => None,
    }
}

/// `id` as a multiple of x · max(0, min(6, x + 3)).
fn product(graph: &Graph, uses: &Uses, id: TensorId) -> Option<Scaled> {
    let (FloatOperation::Multiply, a, b) = binary(graph, uses, id)? else { return None };
    let of = |x: TensorId, other: TensorId| scaled(graph, uses, other, gate).filter(|gate| gate.x == x);
    of(a, b).or_else(|| of(b, a))
}
