//! The integer model as ONNX: QuantizeLinear/DequantizeLinear pairs around plain operators.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;

use super::borders::Borders;
use super::graph::{Floats, OnnxGraph};
use super::layer::Layer;
use super::rounding::Integers;
use crate::export::onnx::{int as int_attribute, node};
use crate::quantise::Scale;

/// The largest bias, in units of input scale times weight scale: far enough from the end of 32 bits for sums.
const LARGEST_BIAS: f32 = (1 << 29) as f32;

/// What a rounded tensor is called once it was rounded and read again.
pub fn rounded_name(tensor: &str) -> String {
    format!("{tensor}.dequantised")
}

/// What of a graph is rounded.
pub trait Extent {
    /// Whether a tensor is, by its place among the borders.
    fn tensor(&self, place: usize) -> bool;
    /// Whether a layer's weights are, by its place among the layers.
    fn layer(&self, place: usize) -> bool;
}

/// The graph with `scales` at its borders, one for each rounded tensor, and layers in integers.
pub fn qdq(
    graph: &OnnxGraph,
    borders: &Borders,
    scales: &[Scale],
    integers: &[Integers],
    extent: &dyn Extent,
) -> OnnxGraph {
    let mut written = graph.clone();
    let links = graph.links();
    let mut all = Vec::new();
    let layers = borders.layers.iter().zip(integers).enumerate().filter(|(place, _)| extent.layer(*place));
    for (_, (layer, integers)) in layers {
        let input = borders.place(&layer.input).map_or(Scale::PICTURE, |place| scales[borders.scale_of[place]]);
        all.extend(write_layer(&mut written, layer, integers, input));
    }
    let mut behind: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut made: HashMap<&str, String> = HashMap::new();
    for (place, tensor) in borders.rounded.iter().enumerate().filter(|(place, _)| extent.tensor(*place)) {
        let first = borders.scale_of[place];
        let scale = scales[first];
        let shared = &borders.rounded[first];
        let number = Floats { shape: Vec::new(), values: vec![scale.scale] };
        let s = written.set_floats(&format!("{shared}.scale"), &number);
        let z = written.set_bytes(&format!("{shared}.zero_point"), &[], &[scale.zero]);
        // What leaves the graph keeps its name, and so has to be called otherwise before it is rounded.
        let leaves = links.leaves(tensor) && links.producer(tensor).is_some();
        let (from, to) = if leaves {
            (format!("{tensor}.unrounded"), tensor.clone())
        } else {
            (tensor.clone(), rounded_name(tensor))
        };
        let q = format!("{tensor}.quantised");
        let pair = [
            node("QuantizeLinear", &q, &[&from, &s, &z], Vec::new()),
            node("DequantizeLinear", &to, &[&q, &s, &z], Vec::new()),
        ];
        match links.producer(tensor) {
            Some(producer) => behind.entry(producer).or_default().extend(pair),
            None => all.extend(pair),
        }
        if leaves {
            made.insert(tensor, from);
        }
        names.insert(tensor, to);
    }
    for (index, mut node) in std::mem::take(written.nodes_mut()).into_iter().enumerate() {
        for input in &mut node.input {
            if let Some(name) = names.get(input.as_str()) {
                input.clone_from(name);
            }
        }
        for output in &mut node.output {
            if let Some(name) = made.get(output.as_str()) {
                output.clone_from(name);
            }
        }
        all.push(node);
        all.extend(behind.remove(&index).into_iter().flatten());
    }
    *written.nodes_mut() = all;
    written.drop_unread();
    written
}

/// Writes the weights of a layer; returns the nodes that dequantise them.
fn write_layer(graph: &mut OnnxGraph, layer: &Layer, integers: &Integers, input: Scale) -> Vec<NodeProto> {
    let Some(shape) = graph.floats(&layer.weight).map(|weight| weight.shape) else { return Vec::new() };
    let mut weight = integers.weight.clone();
    let mut scales = integers.scales.clone();
    for (channel, (scale, bias)) in scales.iter_mut().zip(&integers.bias).enumerate() {
        let least = bias.abs() / input.scale / LARGEST_BIAS;
        if *scale < least {
            let factor = *scale / least;
            let channel = &mut weight[channel * layer.taps..][..layer.taps];
            channel.iter_mut().for_each(|w| *w = (f32::from(*w) * factor).round() as i8);
            *scale = least;
        }
    }
    let count = layer.outputs;
    let name = &layer.name;
    let axis = layer.axis() as i64;
    let w = graph.set_signed_bytes(&format!("{name}.weight.quantised"), &shape, &layer.in_file(&weight));
    let s = graph.set_floats(&format!("{name}.weight.scale"), &Floats { shape: vec![count], values: scales.clone() });
    let z = graph.set_signed_bytes(&format!("{name}.weight.zero_point"), &[count], &vec![0; count]);
    let real = format!("{name}.weight");
    let mut front = vec![node("DequantizeLinear", &real, &[&w, &s, &z], vec![int_attribute("axis", axis)])];
    let mut inputs = vec![real];
    // A product without a bias has no place for one.
    if graph.nodes()[layer.node].op_type != "MatMul" {
        let units: Vec<f32> = scales.iter().map(|scale| input.scale * scale).collect();
        let stored = integers.bias.iter().zip(&units);
        let stored: Vec<i32> =
            stored.map(|(bias, unit)| (f64::from(*bias) / f64::from(*unit)).round_ties_even() as i32).collect();
        let b = graph.set_ints(&format!("{name}.bias.quantised"), &[count], &stored);
        let s = graph.set_floats(&format!("{name}.bias.scale"), &Floats { shape: vec![count], values: units });
        let z = graph.set_ints(&format!("{name}.bias.zero_point"), &[count], &vec![0; count]);
        let real = format!("{name}.bias");
        front.push(node("DequantizeLinear", &real, &[&b, &s, &z], vec![int_attribute("axis", 0)]));
        inputs.push(real);
    }
    let node = &mut graph.nodes_mut()[layer.node];
    node.input.truncate(1);
    node.input.append(&mut inputs);
    front
}
