//! The other way to write an integer model: QLinearConv and QLinearMatMul, which take and give bytes, instead of plain operators
//! between QuantizeLinear and DequantizeLinear. For tools that know no other.
//!
//! ```text
//! bytes ─► DequantizeLinear ─► Conv ─► Relu ─► QuantizeLinear ─► bytes      bytes ─► QLinearConv ─► bytes
//! ```
//!
//! Both say the same sums and the same rounding. What has no such operator in the standard set (sums of maps, joins, activations
//! that are curved) stays as it was.

use std::collections::HashSet;

use tract_onnx::pb::NodeProto;

use super::graph::{Links, OnnxGraph};
use crate::export::onnx::node;

/// Operators that have a form for bytes, and what that is called.
const FORMS: [(&str, &str); 2] = [("Conv", "QLinearConv"), ("MatMul", "QLinearMatMul")];

/// Writes layers between pairs of QuantizeLinear and DequantizeLinear as operators on bytes; returns how many were.
pub fn fold(graph: &mut OnnxGraph) -> usize {
    let links = graph.links();
    let mut dropped = HashSet::new();
    let mut folded = 0;
    for index in 0..graph.nodes().len() {
        let Some((form, activations, last)) = layer(graph, &links, index) else { continue };
        let Some(operator) = operator(graph, &links, form, index, last) else { continue };
        graph.nodes_mut()[last] = operator;
        dropped.insert(index);
        dropped.extend(activations);
        folded += 1;
    }
    let mut place = 0..;
    graph.nodes_mut().retain(|_| place.next().is_none_or(|place| !dropped.contains(&place)));
    drop_unread_nodes(graph);
    graph.drop_unread();
    folded
}

/// For a node that has a form for bytes and is rounded: that form, the activations in between, and the node that rounds.
fn layer(graph: &OnnxGraph, links: &Links, index: usize) -> Option<(&'static str, Vec<usize>, usize)> {
    let nodes = graph.nodes();
    let form = FORMS.iter().find(|(plain, _)| *plain == nodes[index].op_type)?.1;
    let mut activations = Vec::new();
    let mut at = links.only_reader(nodes[index].output.first()?)?;
    while matches!(nodes[at].op_type.as_str(), "Relu" | "Clip") {
        activations.push(at);
        at = links.only_reader(nodes[at].output.first()?)?;
    }
    let last = &nodes[at];
    let [_, scale, zero] = &last.input[..] else { return None };
    let (scale, zero) = (graph.floats(scale)?.single()?, f32::from(graph.byte(zero)?));
    let (low, high) = (-zero * scale, (255.0 - zero) * scale);
    let saturates =
        activations.iter().all(|&place| bounds(graph, &nodes[place]).is_some_and(|(a, b)| a <= low && high <= b));
    (last.op_type == "QuantizeLinear" && saturates).then_some((form, activations, at))
}

/// What an activation lets through; none where that is not known.
fn bounds(graph: &OnnxGraph, node: &NodeProto) -> Option<(f32, f32)> {
    if node.op_type == "Relu" {
        return Some((0.0, f32::INFINITY));
    }
    let bound = |place: usize, open: f32| match node.input.get(place).filter(|name| !name.is_empty()) {
        Some(name) => graph.floats(name)?.single(),
        None => Some(open),
    };
    Some((bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?))
}

/// The node on bytes for the layer at `index`, which `last` rounds.
fn operator(graph: &OnnxGraph, links: &Links, form: &str, index: usize, last: usize) -> Option<NodeProto> {
    let (layer, last) = (&graph.nodes()[index], &graph.nodes()[last]);
    // Bytes, scale and zero point that a tensor is made from.
    let stored = |name: &String| {
        let made = &graph.nodes()[links.producer(name)?];
        (made.op_type == "DequantizeLinear" && made.input.len() == 3).then(|| &made.input[..])
    };
    let (data, weight) = (stored(layer.input.first()?)?, stored(layer.input.get(1)?)?);
    let mut inputs: Vec<&str> = [data, weight, &last.input[1..]].into_iter().flatten().map(String::as_str).collect();
    if let Some(bias) = layer.input.get(2) {
        inputs.push(&stored(bias)?[0]);
    }
    Some(node(form, last.output.first()?, &inputs, layer.attribute.clone()))
}

/// Drops nodes that nothing reads any more, and then those that only they read.
fn drop_unread_nodes(graph: &mut OnnxGraph) {
    loop {
        let links = graph.links();
        let read = |name: &String| links.leaves(name) || !links.readers(name).is_empty();
        let before = graph.nodes().len();
        graph.nodes_mut().retain(|node| node.output.iter().any(read));
        if graph.nodes().len() == before {
            return;
        }
    }
}
