//! Depthwise convolutions of joined tensors become joined depthwise convolutions, so that what is joined needs no common scale before.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;

use super::graph::{OnnxGraph, int};
use super::layer::Layer;
use super::split::{narrow, set_groups};
use crate::export::onnx::{int as int_attribute, node};

/// Moves every such join behind the convolution; `channels` says how many channels a tensor has. Returns how many were moved.
pub fn untangle(graph: &mut OnnxGraph, channels: &dyn Fn(&str) -> Option<usize>) -> usize {
    let links = graph.links();
    let mut replaced: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    for index in 0..graph.nodes().len() {
        let Some(layer) = Layer::of(graph, index).filter(Layer::is_depthwise) else { continue };
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
            narrow(graph, &mut part, &mine, &|constant| format!("{constant}.of{number}"));
            set_groups(&mut part, count);
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
    graph.replace_nodes(replaced);
    graph.drop_unread();
    count
}
