//! Products of bytes that are quantised at run time, as ONNX Runtime's dynamic quantisation writes them: the product with the
//! scales of input and weights and the sum with the bias, which stand behind each, become part of it.
//!
//! Every float is computed and rounded as before.

use retort_core::function::Function;
use retort_core::plan::step::FloatOperation;

use crate::graph::{Graph, Op, Scaling, Sums, TensorId, Uses};

/// Folds until nothing is left to fold.
pub fn run(graph: &mut Graph) -> usize {
    super::absorb(graph, fold)
}

/// Folds the product or sum at `index` into the product of bytes in front of it, which it makes the last of its results.
fn fold(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    let (operation, output) = match node.op {
        Op::Binary(operation, Function::Identity) => (operation, node.output()),
        _ => return None,
    };
    let [a, b] = node.inputs[..] else { return None };
    // Which of the two is the product does not matter: sums and products commute.
    let (x, other, last, producer) = [(a, b), (b, a)].into_iter().find_map(|(x, other)| {
        let (last, producer) = product(graph, uses, x)?;
        Some((x, other, last, producer))
    })?;
    let Op::ConvolutionDynamic(conv) = &graph.nodes[producer].op else { return None };
    let (channels, shape) = (conv.out_channels, &graph.tensor(x).shape);
    let Sums::Floats(scaling) = &conv.sums else { return None };
    if *shape != graph.tensor(output).shape || shape.last() != Some(&channels) {
        return None;
    }
    let is_plain = scaling.bias.is_none() && scaling.activation == Function::Identity;
    let scaling = match operation {
        FloatOperation::Multiply if is_plain && scaling.scale.is_none() && !scaling.by_input => {
            let parameters = graph.nodes[producer].inputs[1];
            let (by_input, scale) = scale(graph, uses, other, parameters, channels)?;
            Scaling { by_input, scale, ..scaling.clone() }
        }
        FloatOperation::Add if is_plain => {
            Scaling { bias: Some(per_channel(graph, other, channels)?), ..scaling.clone() }
        }
        _ => return None,
    };
    if scaling.scale.iter().flatten().any(|scale| !scale.is_finite()) {
        return None;
    }
    if let Op::ConvolutionDynamic(conv) = &mut graph.nodes[producer].op {
        conv.sums = Sums::Floats(scaling);
    }
    graph.nodes[last].outputs = vec![output];
    Some(())
}

/// The product of bytes that makes `x` for one reader alone, and the last node of those that make `x`: itself, or one that
/// gives its result another shape.
fn product(graph: &Graph, uses: &Uses, x: TensorId) -> Option<(usize, usize)> {
    uses.only_consumer(x)?;
    let last = uses.producer[x.0]?;
    let mut producer = last;
    while let Op::Reshape = graph.nodes[producer].op {
        let from = graph.nodes[producer].inputs[0];
        uses.only_consumer(from)?;
        producer = uses.producer[from.0]?;
    }
    matches!(graph.nodes[producer].op, Op::ConvolutionDynamic(_)).then_some((last, producer))
}

/// What `scale` is: whether the scale in `parameters` is a factor, and what the other is for each channel.
fn scale(
    graph: &Graph,
    uses: &Uses,
    scale: TensorId,
    parameters: TensorId,
    channels: usize,
) -> Option<(bool, Option<Vec<f32>>)> {
    if graph.tensor(scale).constant.is_some() {
        return Some((false, Some(per_channel(graph, scale, channels)?)));
    }
    if is_scale_of(graph, uses, scale, parameters) {
        return Some((true, None));
    }
    let source = unshaped(graph, uses, scale);
    let node = &graph.nodes[uses.producer[source.0]?];
    let (Op::Binary(FloatOperation::Multiply, Function::Identity), [a, b]) = (&node.op, &node.inputs[..]) else {
        return None;
    };
    let of_weights = match [*a, *b].map(|id| is_scale_of(graph, uses, id, parameters)) {
        [true, false] => *b,
        [false, true] => *a,
        _ => return None,
    };
    // Giving a tensor another shape keeps its elements in order, so that only the last shape need be of channels.
    match graph.tensor(of_weights).floats()? {
        [one] => Some((true, Some(vec![*one; channels]))),
        values if values.len() == channels && fits(&graph.tensor(scale).shape, channels) => {
            Some((true, Some(values.to_vec())))
        }
        _ => None,
    }
}

/// What a tensor was before it was given other shapes.
fn unshaped(graph: &Graph, uses: &Uses, mut id: TensorId) -> TensorId {
    while let Some(producer) = uses.producer[id.0]
        && let Op::Reshape = graph.nodes[producer].op
    {
        id = graph.nodes[producer].inputs[0];
    }
    id
}

/// Whether a tensor is the first of the two numbers in `parameters`.
fn is_scale_of(graph: &Graph, uses: &Uses, id: TensorId, parameters: TensorId) -> bool {
    let source = unshaped(graph, uses, id);
    uses.producer[source.0].is_some_and(|producer| match &graph.nodes[producer].op {
        Op::Slice { start, .. } => {
            graph.nodes[producer].inputs[0] == parameters && start[..] == [0] && graph.tensor(source).len() == 1
        }
        _ => false,
    })
}

/// Whether a tensor of this shape holds one number, or one for each channel along its last axis.
fn fits(shape: &[usize], channels: usize) -> bool {
    let len = shape.iter().product::<usize>();
    len == 1 || len == channels && shape.last() == Some(&channels)
}

/// The floats of a constant for each channel.
fn per_channel(graph: &Graph, id: TensorId, channels: usize) -> Option<Vec<f32>> {
    let tensor = graph.tensor(id);
    match tensor.floats()? {
        [one] => Some(vec![*one; channels]),
        values if fits(&tensor.shape, channels) => Some(values.to_vec()),
        _ => None,
    }
}
