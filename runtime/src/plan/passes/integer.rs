//! Dequantise → compute → quantise becomes one integer node, by the rules that ONNX Runtime follows for these patterns.

use retort_core::function::Function;
use retort_core::plan::step::{FloatOperation, IntegerOperation, Pooling};

use super::dequantise::dequantised;
use crate::graph::{Convolution, ConvolutionInt8, Epilogue, Graph, Node, Op, TensorId, Uses, Weights};
use crate::quantised;
use crate::tensor::{ElementType, Quantisation};

/// Rewrites every such pattern, once for each quantise node.
pub fn run(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let mut index = 0;
    let mut uses = graph.uses();
    while index < graph.nodes.len() {
        let before = graph.nodes.len();
        if matches!(graph.nodes[index].op, Op::Quantize) && rewrite(graph, &uses, index).is_some() {
            changes += 1;
            uses = graph.uses();
            // Nodes may have been inserted in front; the quantise itself is gone.
            index += graph.nodes.len() + 1 - before;
        } else {
            index += 1;
        }
    }
    changes
}

/// Turns what feeds the quantise node at `index` into integers and removes the quantise.
fn rewrite(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let y = graph.nodes[index].output();
    let to = graph.tensor(y).quantisation?;
    let (producer, clamp) = match computed(graph, uses, graph.nodes[index].inputs[0])? {
        Computed::By { node, clamp } => (node, clamp),
        Computed::Of { source, chain } => return to_table(graph, index, source, &chain, to),
    };
    let node = &graph.nodes[producer];
    let sources = node.inputs.iter().map(|&id| dequantised(graph, uses, id)).collect::<Option<Vec<_>>>()?;
    let from = sources.iter().map(|&id| graph.tensor(id).quantisation).collect::<Option<Vec<_>>>()?;
    let (low, high) = clamp.map_or((0, 255), |(low, high)| quantised::bounds(low, high, to));
    let epilogue = Epilogue { low, high, table: None };
    let clamped = clamp.is_some();
    let op = match &node.op {
        Op::Convolution(conv) => integer_convolution(conv, from[0], to, epilogue)?,
        // ONNX Runtime turns signed bytes into unsigned ones before it forms these, hence no shift.
        Op::Binary(FloatOperation::Add, Function::Identity) => Op::BinaryInt8(IntegerOperation::Add, to, 0, epilogue),
        Op::Binary(FloatOperation::Multiply, Function::Identity) => {
            Op::BinaryInt8(IntegerOperation::Multiply, to, 0, epilogue)
        }
        Op::Concat(axis) if !clamped => Op::Concat(*axis),
        Op::Pool(pooling, window) if *pooling != Pooling::Maximum && !clamped => Op::Pool(*pooling, *window),
        Op::GlobalAverage if !clamped => Op::GlobalAverage,
        Op::Softmax(axis) if !clamped && axis + 1 == graph.tensor(y).shape.len() => {
            let len = graph.tensor(y).shape[*axis];
            let (table, factor) = quantised::softmax_constants(from[0].scale, to.scale, len);
            Op::SoftmaxInt8 { table, factor }
        }
        _ => return None,
    };
    graph.nodes.remove(index);
    let node = &mut graph.nodes[producer];
    node.op = op;
    node.inputs = sources;
    node.outputs = vec![y];
    if matches!(node.op, Op::Concat(_)) {
        requantise_inputs(graph, producer, to);
    }
    Some(())
}

/// What makes the floats that are quantised.
enum Computed {
    /// A node, with a clamp that may stand between it and the quantise node.
    By { node: usize, clamp: Option<(f32, f32)> },
    /// Functions of a dequantised tensor and nothing else, the last applied first.
    Of { source: TensorId, chain: Vec<Function> },
}

/// Follows single readers back from the floats that are quantised.
fn computed(graph: &Graph, uses: &Uses, floats: TensorId) -> Option<Computed> {
    uses.only_consumer(floats)?;
    let mut chain = Vec::new();
    let mut at = uses.producer[floats.0]?;
    while let Op::Unary(function) = graph.nodes[at].op {
        chain.push(function);
        let x = graph.nodes[at].inputs[0];
        if let Some(source) = dequantised(graph, uses, x) {
            return Some(Computed::Of { source, chain });
        }
        uses.only_consumer(x)?;
        at = uses.producer[x.0]?;
    }
    match chain[..] {
        [] => Some(Computed::By { node: at, clamp: None }),
        [Function::Clamp { low, high }] => Some(Computed::By { node: at, clamp: Some((low, high)) }),
        _ => None,
    }
}

/// One function as the table rules define it.
pub(super) fn apply(function: Function, x: f32) -> f32 {
    match function {
        Function::Sigmoid => quantised::sigmoid(x),
        other => other.apply(x),
    }
}

fn to_table(graph: &mut Graph, index: usize, x: TensorId, chain: &[Function], to: Quantisation) -> Option<()> {
    let from = graph.tensor(x).quantisation?;
    let table = quantised::table(from, to, |v| chain.iter().rev().fold(v, |v, &function| apply(function, v)));
    let node = &mut graph.nodes[index];
    node.op = Op::Lookup(table);
    node.inputs = vec![x];
    Some(())
}

fn integer_convolution(conv: &Convolution, from: Quantisation, to: Quantisation, epilogue: Epilogue) -> Option<Op> {
    let Weights::Quantised(weights) = &conv.weights else { return None };
    if conv.activation != Function::Identity {
        return None;
    }
    let bias: Vec<i32> = match &conv.bias {
        None => vec![0; conv.out_channels],
        Some(bias) => match &bias.stored {
            Some(stored) => stored.clone(),
            None => (bias.floats.iter().zip(&weights.scales))
                .map(|(b, scale)| (b / (from.scale * scale)).round_ties_even() as i32)
                .collect(),
        },
    };
    let multiplier = quantised::multipliers(from.scale, &weights.scales, to.scale);
    // What may overflow, or has scales too far apart, is computed in floats.
    if quantised::overflowing(&weights.values, &bias).is_some() || multiplier.iter().any(|m| !m.is_finite()) {
        return None;
    }
    Some(Op::ConvolutionInt8(Box::new(ConvolutionInt8 {
        window: conv.window,
        groups: conv.groups,
        in_channels: conv.in_channels,
        out_channels: conv.out_channels,
        weights: weights.values.clone(),
        bias,
        multiplier,
        y_zero: to.zero_point,
        epilogue,
    })))
}

/// Gives every input of the concat at `index` the output's scale and zero point.
fn requantise_inputs(graph: &mut Graph, index: usize, to: Quantisation) {
    let mut at = index;
    for position in 0..graph.nodes[at].inputs.len() {
        let input = graph.nodes[at].inputs[position];
        let Some(from) = graph.tensor(input).quantisation.filter(|&from| from != to) else { continue };
        let name = graph.nodes[at].name.clone();
        let shape = graph.tensor(input).shape.clone();
        let output = graph.add_tensor(name.clone(), shape, ElementType::U8, Some(to));
        let op = Op::Lookup(quantised::table(from, to, |v| v));
        graph.nodes[at].inputs[position] = output;
        graph.nodes.insert(at, Node { name, op, inputs: vec![input], outputs: vec![output] });
        at += 1;
    }
}
