//! A graph without what only training needed: normalisations and other affine maps of channels go into the convolutions
//! before them, and what changes nothing goes.

use tract_onnx::pb::NodeProto;

use super::graph::{Floats, OnnxGraph, float};

/// Folds what can be folded; returns how many nodes went.
pub fn tidy(graph: &mut OnnxGraph) -> usize {
    let before = graph.nodes().len();
    drop_idle(graph);
    own_weights(graph);
    while fold_one(graph) {}
    graph.drop_unread();
    before - graph.nodes().len()
}

/// Drops Identity, and Dropout, which does nothing outside training.
fn drop_idle(graph: &mut OnnxGraph) {
    let links = graph.links();
    let mut idle = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let does_nothing = node.op_type == "Identity" || node.op_type == "Dropout" && node.output.len() == 1;
        let [x, y] = [node.input.first(), node.output.first()].map(|name| name.cloned().unwrap_or_default());
        if does_nothing && !links.leaves(&y) {
            idle.push((index, x, y));
        }
    }
    for (_, x, y) in &idle {
        for input in graph.nodes_mut().iter_mut().flat_map(|node| &mut node.input).filter(|input| *input == y) {
            *input = x.clone();
        }
    }
    for (index, _, _) in idle.into_iter().rev() {
        graph.nodes_mut().remove(index);
    }
}

/// Gives every convolution and product weights and a bias of its own.
fn own_weights(graph: &mut OnnxGraph) {
    let links = graph.links();
    for index in 0..graph.nodes().len() {
        let node = &graph.nodes()[index];
        if !["Conv", "Gemm", "MatMul"].contains(&node.op_type.as_str()) {
            continue;
        }
        for place in 1..node.input.len().min(3) {
            let name = graph.nodes()[index].input[place].clone();
            if links.readers(&name).len() < 2 {
                continue;
            }
            let Some(floats) = graph.floats(&name) else { continue };
            let own = graph.fresh(&format!("{}.{name}", graph.nodes()[index].output[0]));
            graph.set_floats(&own, &floats);
            graph.nodes_mut()[index].input[place] = own;
        }
    }
}

/// y = scale · x + shift, channel by channel.
struct Affine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// Folds one affine map of channels into the convolution whose result it alone reads.
fn fold_one(graph: &mut OnnxGraph) -> bool {
    let links = graph.links();
    for index in 0..graph.nodes().len() {
        let node = &graph.nodes()[index];
        let Some(conv) = node.input.iter().find_map(|input| links.producer(input)) else { continue };
        let convolution = &graph.nodes()[conv];
        if convolution.op_type != "Conv" || links.only_reader(&convolution.output[0]) != Some(index) {
            continue;
        }
        let Some(weight) = graph.floats(&convolution.input[1]) else { continue };
        let Some(&channels) = weight.shape.first() else { continue };
        let Some(affine) = affine(graph, node, channels, weight.shape.len()) else { continue };
        let bias = convolution.input.get(2).filter(|name| !name.is_empty());
        let bias = match bias {
            None => vec![0.0; channels],
            Some(name) => match graph.floats(name) {
                Some(bias) => bias.values,
                None => continue,
            },
        };
        let (node, convolution) = (node.clone(), convolution.clone());
        fold(graph, &convolution, conv, weight, bias, &affine);
        graph.nodes_mut()[conv].output[0].clone_from(&node.output[0]);
        graph.nodes_mut().remove(index);
        return true;
    }
    false
}

fn fold(graph: &mut OnnxGraph, node: &NodeProto, at: usize, mut weight: Floats, mut bias: Vec<f32>, affine: &Affine) {
    let channels = bias.len();
    let each = weight.values.len() / channels.max(1);
    for (channel, values) in weight.values.chunks_exact_mut(each.max(1)).enumerate() {
        values.iter_mut().for_each(|w| *w *= affine.scale[channel]);
        bias[channel] = bias[channel] * affine.scale[channel] + affine.shift[channel];
    }
    graph.set_floats(&node.input[1], &weight);
    let name = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => name.clone(),
        None => graph.fresh(&format!("{}.bias", node.output[0])),
    };
    graph.set_floats(&name, &Floats { shape: vec![channels], values: bias });
    let inputs = &mut graph.nodes_mut()[at].input;
    inputs.truncate(2);
    inputs.push(name);
}

/// What a node does to each channel of its input, if that is all it does.
fn affine(graph: &OnnxGraph, node: &NodeProto, channels: usize, rank: usize) -> Option<Affine> {
    if node.op_type == "BatchNormalization" {
        let [scale, shift, mean, variance] =
            [1, 2, 3, 4].map(|place| Some(graph.floats(node.input.get(place)?)?.values));
        let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
        let epsilon = float(node, "epsilon", 1e-5);
        let factors: Vec<f32> = scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        let shift = shift.iter().zip(&mean).zip(&factors).map(|((b, m), f)| b - m * f).collect();
        return (factors.len() == channels).then_some(Affine { scale: factors, shift });
    }
    let (constant, first) = match &node.input[..] {
        [a, b] => match (graph.floats(a), graph.floats(b)) {
            (None, Some(constant)) => (constant, false),
            (Some(constant), None) => (constant, true),
            _ => return None,
        },
        _ => return None,
    };
    let values = per_channel(&constant, channels, rank)?;
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    Some(match (node.op_type.as_str(), first) {
        ("Mul", _) => Affine { scale: values, shift: zeros },
        ("Div", false) => Affine { scale: values.iter().map(|v| 1.0 / v).collect(), shift: zeros },
        ("Add", _) => Affine { scale: ones, shift: values },
        ("Sub", false) => Affine { scale: ones, shift: values.iter().map(|v| -v).collect() },
        _ => return None,
    })
}

/// A constant as one number for each channel of `[batch, channels, …]`.
fn per_channel(constant: &Floats, channels: usize, rank: usize) -> Option<Vec<f32>> {
    if let (Some(single), true) = (constant.single(), constant.values.len() == 1) {
        return Some(vec![single; channels]);
    }
    let shape = &constant.shape;
    let lacking = rank.checked_sub(shape.len())?;
    let fits = shape.iter().enumerate().all(|(axis, &len)| len == if axis + lacking == 1 { channels } else { 1 });
    (fits && constant.values.len() == channels).then(|| constant.values.clone())
}
