//! x · sigmoid(x), which exporters write as two nodes, becomes one function.

use retort_core::function::Function;
use retort_core::plan::step::FloatOperation;

use crate::graph::{Graph, Op};

/// Rewrites every such product; the sigmoid dies if nobody else reads it.
pub fn run(graph: &mut Graph) -> usize {
    let producer = graph.uses().producer;
    let mut changes = 0;
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let (Op::Binary(FloatOperation::Multiply, Function::Identity), [a, b]) = (&node.op, &node.inputs[..]) else {
            continue;
        };
        let sigmoid_of = |id: crate::graph::TensorId| match &graph.nodes[producer[id.0]?] {
            sigmoid if matches!(sigmoid.op, Op::Unary(Function::Sigmoid)) => Some(sigmoid.inputs[0]),
            _ => None,
        };
        let x = if sigmoid_of(*b) == Some(*a) {
            *a
        } else if sigmoid_of(*a) == Some(*b) {
            *b
        } else {
            continue;
        };
        let node = &mut graph.nodes[index];
        node.op = Op::Unary(Function::Silu);
        node.inputs = vec![x];
        changes += 1;
    }
    changes
}
