//! Folds a product or a sum with one constant per channel (a BatchNormalization, most often) into the float convolution
//! in front of it.

use retort_core::function::Function;
use retort_core::plan::step::FloatOperation;

use crate::graph::{Bias, Convolution, Graph, Node, Op, TensorId, Uses, Weights};

/// Folds until nothing is left to fold.
pub fn run(graph: &mut Graph) -> usize {
    super::absorb(graph, fold)
}

/// The constant of `node` and its other operand, where the constant is the right one or the order does not matter.
fn constant_operand(graph: &Graph, node: &Node, operation: FloatOperation) -> Option<(TensorId, Vec<f32>)> {
    let [a, b] = node.inputs[..] else { return None };
    let commutes = matches!(operation, FloatOperation::Add | FloatOperation::Multiply);
    let (x, constant) = if graph.tensor(b).constant.is_some() {
        (a, b)
    } else if commutes {
        (b, a)
    } else {
        return None;
    };
    let tensor = graph.tensor(constant);
    let channels = *graph.tensor(x).shape.last()?;
    let values = tensor.floats()?;
    let per_channel = values.len() == channels && tensor.shape.last() == Some(&channels);
    let expanded = match values {
        [one] => vec![*one; channels],
        _ if per_channel => values.to_vec(),
        _ => return None,
    };
    (graph.tensor(x).shape == graph.tensor(node.output()).shape).then_some((x, expanded))
}

fn fold(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    let Op::Binary(operation, Function::Identity) = node.op else { return None };
    let (x, constant) = constant_operand(graph, node, operation)?;
    let producer = uses.producer[x.0]?;
    uses.only_consumer(x)?;
    let output = node.output();
    let Op::Convolution(conv) = &mut graph.nodes[producer].op else { return None };
    if conv.activation != Function::Identity || !matches!(conv.weights, Weights::Float(_)) {
        return None;
    }
    match operation {
        FloatOperation::Multiply => scale(conv, &constant),
        FloatOperation::Divide => scale(conv, &constant.iter().map(|v| 1.0 / v).collect::<Vec<_>>()),
        FloatOperation::Add => shift(conv, &constant),
        FloatOperation::Subtract => shift(conv, &constant.iter().map(|v| -v).collect::<Vec<_>>()),
        _ => return None,
    }
    graph.nodes[producer].outputs = vec![output];
    Some(())
}

fn scale(conv: &mut Convolution, factors: &[f32]) {
    let taps = conv.taps();
    if let Weights::Float(weights) = &mut conv.weights {
        for (channel, factor) in weights.chunks_exact_mut(taps).zip(factors) {
            channel.iter_mut().for_each(|w| *w *= factor);
        }
    }
    if let Some(bias) = &mut conv.bias {
        bias.floats.iter_mut().zip(factors).for_each(|(b, factor)| *b *= factor);
        bias.stored = None;
    }
}

fn shift(conv: &mut Convolution, constants: &[f32]) {
    let bias = conv.bias.get_or_insert_with(|| Bias { floats: vec![0.0; constants.len()], stored: None });
    bias.floats.iter_mut().zip(constants).for_each(|(b, constant)| *b += constant);
    bias.stored = None;
}
