//! Pointwise convolutions of one tensor with few output channels each, as the heads of a detector are, become one
//! convolution whose result they share: it reads the tensor once, and wastes fewer lanes of its vectors.

use crate::graph::{Bias, Convolution, ConvolutionInt8, Graph, Node, Op, TensorId, Uses, Weights};
use crate::tensor::Quantisation;

/// Output channels that a kernel computes at a time; merging pays where fewer such panels remain.
const PANEL: usize = 16;

/// The most channels of a merged convolution: its slices are read with gaps, which should stay short.
const MOST: usize = 64;

/// Merges the readers of every tensor.
pub fn run(graph: &mut Graph) -> usize {
    let mut changes = 0;
    let mut uses = graph.uses();
    let mut index = 0;
    while index < graph.nodes.len() {
        let siblings = siblings(graph, &uses, index);
        if siblings.len() > 1 {
            merge(graph, &siblings);
            uses = graph.uses();
            changes += siblings.len() - 1;
        }
        index += 1;
    }
    changes
}

fn out_channels(op: &Op) -> usize {
    match op {
        Op::Convolution(conv) => conv.out_channels,
        Op::ConvolutionInt8(conv) => conv.out_channels,
        _ => 0,
    }
}

/// Whether one convolution can do what both do, apart from their weights, biases and multipliers.
fn alike(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Convolution(a), Op::Convolution(b)) => {
            let plain = |conv: &Convolution| conv.window.is_one() && conv.groups == 1;
            plain(a) && plain(b) && a.activation == b.activation
        }
        (Op::ConvolutionInt8(a), Op::ConvolutionInt8(b)) => {
            let plain = |conv: &ConvolutionInt8| conv.window.is_one() && conv.groups == 1;
            plain(a) && plain(b) && a.y_zero == b.y_zero && a.epilogue == b.epilogue
        }
        _ => false,
    }
}

/// The convolution at `index` and those of its later siblings that can be merged with it, if that pays.
fn siblings(graph: &Graph, uses: &Uses, index: usize) -> Vec<usize> {
    let node = &graph.nodes[index];
    let first = &node.op;
    if !alike(first, first) || out_channels(first) > MOST {
        return vec![];
    }
    let (mut channels, mut panels, mut found) = (0, 0, Vec::new());
    for &reader in &uses.consumers[node.inputs[0].0] {
        let op = &graph.nodes[reader].op;
        if reader >= index && alike(first, op) && channels + out_channels(op) <= MOST {
            channels += out_channels(op);
            panels += out_channels(op).div_ceil(PANEL);
            found.push(reader);
        }
    }
    if channels.div_ceil(PANEL) < panels { found } else { vec![] }
}

/// Makes the first of the convolutions that of all, and the others slices of its result.
fn merge(graph: &mut Graph, siblings: &[usize]) {
    let [first, others @ ..] = siblings else { return };
    let parts: Vec<(String, TensorId, usize)> = (siblings.iter().map(|&index| &graph.nodes[index]))
        .map(|node| (node.name.clone(), node.output(), out_channels(&node.op)))
        .collect();
    let ops: Vec<Op> = others.iter().rev().map(|&index| graph.nodes.remove(index).op).collect();
    let node = &mut graph.nodes[*first];
    for other in ops.into_iter().rev() {
        append(&mut node.op, other);
    }
    let mut shape = graph.tensor(parts[0].1).shape.clone();
    let last = shape.len() - 1;
    shape[last] = parts.iter().map(|(_, _, channels)| channels).sum();
    let (element, quantisation) = (graph.tensor(parts[0].1).element, graph.tensor(parts[0].1).quantisation);
    // Bytes of several scales have none together; the zero point is what all have.
    let quantisation = quantisation.map(|q| Quantisation { scale: 1.0, ..q });
    let whole = graph.add_tensor(graph.nodes[*first].name.clone(), shape.clone(), element, quantisation);
    graph.nodes[*first].outputs = vec![whole];
    let mut start = vec![0; shape.len()];
    for (place, (name, output, channels)) in parts.into_iter().enumerate() {
        let op = Op::Slice { start: start.clone(), step: vec![1; shape.len()] };
        graph.nodes.insert(first + 1 + place, Node { name, op, inputs: vec![whole], outputs: vec![output] });
        start[last] += channels;
    }
}

/// Appends the output channels of `other`.
fn append(op: &mut Op, other: Op) {
    match (op, other) {
        (Op::Convolution(conv), Op::Convolution(other)) => {
            let mut weights = conv.weights.to_floats(conv.taps());
            weights.extend(other.weights.to_floats(other.taps()));
            if conv.bias.is_some() || other.bias.is_some() {
                let floats = |conv: &Convolution| match &conv.bias {
                    Some(bias) => bias.floats.clone(),
                    None => vec![0.0; conv.out_channels],
                };
                conv.bias = Some(Bias { floats: [floats(conv), floats(&other)].concat(), stored: None });
            }
            conv.weights = Weights::Float(weights);
            conv.out_channels += other.out_channels;
        }
        (Op::ConvolutionInt8(conv), Op::ConvolutionInt8(other)) => {
            conv.weights.extend(other.weights);
            conv.bias.extend(other.bias);
            conv.multiplier.extend(other.multiplier);
            conv.out_channels += other.out_channels;
        }
        _ => {}
    }
}
