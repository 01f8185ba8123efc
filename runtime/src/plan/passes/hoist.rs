//! A function of every element and a movement of elements commute. Where the function can be applied by the nodes that
//! make the moved elements, it is moved in front of the movement, so that the fusing pass finds it there.

use retort_core::function::Function;
use retort_core::plan::step::Interpolation;

use crate::graph::{Graph, Node, Op, TensorId, Uses};

/// Moves functions until none can be moved any more; each move brings one nearer to the graph's inputs.
pub fn run(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let mut uses = graph.uses();
    let mut index = graph.nodes.len();
    while index > 0 {
        index -= 1;
        if hoist(graph, &uses, index).is_some() {
            changes += 1;
            uses = graph.uses();
            // A function further back may be able to follow.
            index = graph.nodes.len();
        }
    }
    changes
}

/// Whether each element of the node's output is one of an input's, wherever the node puts it.
fn moves(op: &Op) -> bool {
    let nearest = matches!(op, Op::Resize { interpolation: Interpolation::Nearest, .. });
    nearest || matches!(op, Op::Reshape | Op::Transpose(_) | Op::Broadcast | Op::Concat(_))
}

/// Whether what makes `id` can apply `function` to it: by itself, or behind a movement of elements whose every input
/// can take it.
fn absorbs(graph: &Graph, uses: &Uses, id: TensorId, function: &Op) -> bool {
    let Some(producer) = uses.producer[id.0].filter(|_| uses.only_consumer(id).is_some()) else { return false };
    let node = &graph.nodes[producer];
    match (function, &node.op) {
        (Op::Lookup(_), Op::ConvolutionInt8(_) | Op::BinaryInt8(..) | Op::Lookup(_)) => true,
        (Op::Unary(_), Op::Convolution(conv)) => conv.activation == Function::Identity,
        (Op::Unary(_), Op::ConvolutionDynamic(conv)) => conv.takes_activation(),
        (Op::Unary(_), Op::Binary(_, activation)) => *activation == Function::Identity,
        (_, op) => moves(op) && node.inputs.iter().all(|&input| absorbs(graph, uses, input, function)),
    }
}

/// Moves the function at `index` in front of the movement it follows, once for each of its inputs.
fn hoist(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    if !matches!(node.op, Op::Lookup(_) | Op::Unary(_)) {
        return None;
    }
    let x = node.inputs[0];
    let mover = uses.producer[x.0]?;
    if !moves(&graph.nodes[mover].op) || !absorbs(graph, uses, x, &node.op) {
        return None;
    }
    let Node { name, op, outputs, .. } = graph.nodes.remove(index);
    let (element, quantisation) = (graph.tensor(outputs[0]).element, graph.tensor(outputs[0]).quantisation);
    let inputs = graph.nodes[mover].inputs.clone();
    let mut moved = Vec::with_capacity(inputs.len());
    for (at, &input) in inputs.iter().enumerate() {
        let shape = graph.tensor(input).shape.clone();
        let made = graph.add_tensor(name.clone(), shape, element, quantisation);
        let function = Node { name: name.clone(), op: op.clone(), inputs: vec![input], outputs: vec![made] };
        graph.nodes.insert(mover + at, function);
        moved.push(made);
    }
    let behind = &mut graph.nodes[mover + inputs.len()];
    behind.inputs = moved;
    behind.outputs = outputs;
    Some(())
}
