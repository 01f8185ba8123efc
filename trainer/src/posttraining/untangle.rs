//! Depthwise convolutions of joined tensors become joined depthwise convolutions, so that what is joined needs no common scale before.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;

use super::graph::{OnnxGraph, int, node};
use super::layer::Layer;
use super::split::rows;
use crate::export::onnx::int as int_attribute;

/// Moves every such join behind the convolution; `channels` says how many channels a tensor has. Returns how many were moved.
pub fn untangle(graph: &mut OnnxGraph, channels: &dyn Fn(&str) -> Option<usize>) -> usize {
    let links = graph.links();
    let mut replaced: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    for index in 0..graph.nodes().len() {
        let Some(layer) = Layer::of(graph, index).filter(|layer| layer.groups > 1 && layer.groups == layer.outputs)
        else {
            continue;
        };
        let Some(join) = links.producer(&layer.input).filter(|_| links.only_reader(&layer.input).is_some()) else {
            continue;
        };
        let joined = graph.nodes()[join].clone();
        let counts: Option<Vec<usize>> = joined.input.iter().map(|input| channels(input)).collect();
        let Some(counts) = counts.filter(|counts| counts.iter().sum::<usize>() == layer.groups) else { continue };
        if joined.op_type != "Concat" || int(&joined, "axis", 1) != 1 {
            continue;
        }
        let mut parts = Vec::new();
        let mut names = Vec::new();
        let mut first = 0;
        for (number, (input, count)) in joined.input.iter().zip(counts).enumerate() {
            let mine: Vec<usize> = (first..first + count).collect();
            first += count;
            let mut part = graph.nodes()[index].clone();
            let name = format!("{}.of{number}", layer.name);
            part.input[0].clone_from(input);
            for place in 1..part.input.len() {
                if let Some(some) = graph.floats(&part.input[place]).map(|all| rows(&all, &mine)) {
                    part.input[place] = graph.set_floats(&format!("{name}.{place}"), &some);
                }
            }
            part.attribute.retain(|attribute| attribute.name != "group");
            part.attribute.push(int_attribute("group", count as i64));
            part.output[0].clone_from(&name);
            part.name.clone_from(&name);
            parts.push(part);
            names.push(name);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        parts.push(node("Concat", &layer.name, &names, vec![int_attribute("axis", 1)]));
        replaced.insert(index, parts);
        replaced.insert(join, Vec::new());
    }
    let count = replaced.len() / 2;
    let nodes = std::mem::take(graph.nodes_mut()).into_iter().enumerate();
    *graph.nodes_mut() =
        nodes.flat_map(|(index, node)| replaced.remove(&index).unwrap_or_else(|| vec![node])).collect();
    graph.drop_unread();
    count
}
