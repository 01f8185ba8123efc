//! Channels brought to one range where that changes nothing: cross-layer equalisation.
//!
//! Behind ReLU, LeakyReLU, or nothing, a channel may be made larger in the layer that makes it and smaller by as much in the layers that
//! read it (Nagel et al. 2019, "Data-free quantization", equation 7). With one scale for a tensor and one for each output of a layer that
//! costs a depthwise reader nothing, so that there all channels get the same range; of a reader whose weights share a scale across
//! channels, halfway.

use std::collections::HashMap;

use super::borders::Borders;
use super::graph::{Floats, Links, OnnxGraph};
use super::importance::Moments;
use super::layer::Layer;

/// What keeps channels apart and commutes with making them larger.
const HOMOGENEOUS: [&str; 6] = ["Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Identity"];
/// The largest factor.
const MOST: f32 = 256.0;
/// The power of a factor where the weights that read a channel share a scale with those of other channels.
const SHARED: f32 = 0.5;

/// Brings channels to one range where that is possible; returns how many layers' channels were.
pub fn equalise(graph: &mut OnnxGraph, borders: &Borders, moments: &HashMap<String, Moments>) -> usize {
    let links = graph.links();
    let mut changed = 0;
    for maker in borders.layers.iter().filter(|layer| layer.is_convolution()) {
        let Some(readers) = readers(graph, &links, borders, maker) else { continue };
        let Some(reach) = seen(graph, &links, maker, moments).map(|moments| moments.reach.clone()) else { continue };
        if reach.len() != maker.outputs {
            continue;
        }
        let depthwise = readers.iter().all(|reader| reader.is_depthwise());
        let largest = reach.iter().fold(0.0f32, |a, b| a.max(*b));
        let power = if depthwise { 1.0 } else { SHARED };
        let factor = |reach: &f32| (largest / reach.max(largest / MOST)).max(1.0).powf(power);
        let factors: Vec<f32> = reach.iter().map(factor).collect();
        scale_outputs(graph, maker, &factors);
        readers.iter().for_each(|reader| scale_inputs(graph, reader, &factors));
        changed += 1;
    }
    changed
}

/// What is rounded of what a layer makes: behind ReLU, what is above zero.
fn seen<'a>(
    graph: &OnnxGraph,
    links: &Links,
    maker: &Layer,
    moments: &'a HashMap<String, Moments>,
) -> Option<&'a Moments> {
    let behind = links.only_reader(&maker.name).map(|index| &graph.nodes()[index]);
    let behind = behind.filter(|node| node.op_type == "Relu");
    behind.and_then(|node| moments.get(&node.output[0])).or_else(|| moments.get(&maker.name))
}

/// The layers that read what a layer makes, if nothing else does and all in between keeps channels apart.
fn readers<'a>(graph: &OnnxGraph, links: &Links, borders: &'a Borders, maker: &Layer) -> Option<Vec<&'a Layer>> {
    let mut found = Vec::new();
    let mut open = vec![maker.name.clone()];
    while let Some(name) = open.pop() {
        if links.leaves(&name) || links.readers(&name).is_empty() {
            return None;
        }
        for &reader in links.readers(&name) {
            if let Some(layer) = borders.layers.iter().find(|layer| layer.node == reader) {
                if !layer.is_convolution() || layer.input != name {
                    return None;
                }
                found.push(layer);
                continue;
            }
            let node = &graph.nodes()[reader];
            if !HOMOGENEOUS.contains(&node.op_type.as_str()) {
                return None;
            }
            open.extend(node.output.iter().cloned());
        }
    }
    Some(found)
}

/// Makes a layer's output channels larger.
fn scale_outputs(graph: &mut OnnxGraph, layer: &Layer, factors: &[f32]) {
    for name in std::iter::once(&layer.weight).chain(&layer.bias) {
        let Some(all) = graph.floats(name) else { continue };
        let each = all.values.len() / factors.len();
        let values = all.values.chunks_exact(each).zip(factors);
        let values = values.flat_map(|(channel, factor)| channel.iter().map(move |value| value * factor)).collect();
        graph.set_floats(name, &Floats { values, ..all });
    }
}

/// Makes up for that in a layer that reads them.
fn scale_inputs(graph: &mut OnnxGraph, layer: &Layer, factors: &[f32]) {
    let Some(mut all) = graph.floats(&layer.weight) else { return };
    let taps: usize = all.shape.iter().skip(2).product();
    let inputs = all.shape[1];
    for (index, weights) in all.values.chunks_exact_mut(taps).enumerate() {
        let (output, input) = (index / inputs, index % inputs);
        let factor = factors[layer.group(output) * inputs + input];
        weights.iter_mut().for_each(|w| *w /= factor);
    }
    graph.set_floats(&layer.weight, &all);
}
