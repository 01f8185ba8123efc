//! Where a graph computes in integers, which tensors are rounded to bytes for that, and which of them share a scale.
//!
//! Everything up to the last convolutions and products does; what comes behind them, where boxes are decoded and joined with
//! scores, stays in floats, so that no two answers share a scale. What only moves or picks values has the scale of
//! what it takes.

use std::collections::{HashMap, HashSet};

use super::formula::Formulas;
use super::graph::{Links, OnnxGraph};
use super::layer::Layer;

/// Operators whose results are some of their first input's values.
const MOVING: [&str; 14] = [
    "MaxPool",
    "Transpose",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Slice",
    "Split",
    "Gather",
    "Resize",
    "DepthToSpace",
    "SpaceToDepth",
    "Expand",
    "Identity",
];
/// Operators that compute with bytes of any scales.
const COMPUTING: [&str; 5] = ["Add", "Mul", "AveragePool", "GlobalAveragePool", "Concat"];

/// The plan of an integer model.
pub struct Borders {
    /// What has weights, in the order of the nodes.
    pub layers: Vec<Layer>,
    /// Tensors that are rounded to bytes, in the order in which they are computed.
    pub rounded: Vec<String>,
    /// For each of them the first that it shares its scale with, as a place in `rounded`: itself, where there is none before.
    pub scale_of: Vec<usize>,
}

impl Borders {
    /// Plans a graph. `floats` are the tensors of floats that are computed when it runs, its inputs included; `tie`
    /// says whether tensors that are joined are to share a scale.
    pub fn new(
        graph: &OnnxGraph,
        formulas: &Formulas,
        floats: &HashSet<String>,
        tie: &dyn Fn(&[String]) -> bool,
    ) -> Borders {
        let links = graph.links();
        let mut layers: Vec<Layer> = (0..graph.nodes().len()).filter_map(|index| Layer::of(graph, index)).collect();
        layers.retain(|layer| floats.contains(&layer.input));
        let inner = leading_to(graph, &links, &layers);
        let weighted: HashSet<usize> = layers.iter().map(|layer| layer.node).collect();
        let mut all = Planner { graph, formulas, links, inner, weighted, rounded: Vec::new() };
        let inputs: Vec<String> = graph.inputs().map(str::to_owned).collect();
        let made = graph.nodes().iter().flat_map(|node| &node.output).filter(|name| !name.is_empty());
        for tensor in inputs.iter().chain(made).filter(|name| floats.contains(*name)) {
            if all.is_rounded(tensor) {
                all.rounded.push(tensor.clone());
            }
        }
        let scale_of = all.ties(tie);
        Borders { layers, rounded: all.rounded, scale_of }
    }

    /// The place of a rounded tensor.
    pub fn place(&self, tensor: &str) -> Option<usize> {
        self.rounded.iter().position(|name| name == tensor)
    }
}

/// For each node, whether it is a layer or what it makes goes into one.
fn leading_to(graph: &OnnxGraph, links: &Links, layers: &[Layer]) -> Vec<bool> {
    let mut inner = vec![false; graph.nodes().len()];
    let mut open: Vec<usize> = layers.iter().map(|layer| layer.node).collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut inner[index], true) {
            open.extend(graph.nodes()[index].input.iter().filter_map(|input| links.producer(input)));
        }
    }
    inner
}

struct Planner<'a> {
    graph: &'a OnnxGraph,
    formulas: &'a Formulas,
    links: Links,
    inner: Vec<bool>,
    weighted: HashSet<usize>,
    rounded: Vec<String>,
}

impl Planner<'_> {
    /// Whether a node computes in integers once what it takes is rounded.
    fn is_integer(&self, index: usize) -> bool {
        let node = &self.graph.nodes()[index];
        let operator = node.op_type.as_str();
        let constants = || node.input.iter().any(|input| self.graph.is_constant(input));
        self.weighted.contains(&index)
            || MOVING.contains(&operator)
            || COMPUTING.contains(&operator) && !constants()
            || node.output.first().is_some_and(|output| self.formulas.has(output))
    }

    fn is_rounded(&self, tensor: &str) -> bool {
        if self.formulas.is_absorbed(tensor) {
            return false;
        }
        let read = self.links.readers(tensor).iter().any(|&reader| {
            let node = &self.graph.nodes()[reader];
            let takes =
                node.input.first().is_some_and(|first| first == tensor) || !MOVING.contains(&node.op_type.as_str());
            self.inner[reader] && takes && self.is_integer(reader) && !self.formulas.continues(node, tensor)
        });
        let root = !self.formulas.has(tensor);
        let made = self.links.producer(tensor).is_some_and(|producer| {
            let clamped = self.graph.nodes()[producer].input.first().is_some_and(|x| self.formulas.is_absorbed(x));
            root && self.inner[producer] && (self.is_integer(producer) || clamped)
        });
        // A function of what is rounded needs no rounding of its own before somebody computes with it.
        read || made
    }

    /// For each rounded tensor the first that it shares its scale with.
    fn ties(&self, tie: &dyn Fn(&[String]) -> bool) -> Vec<usize> {
        let places: HashMap<&str, usize> =
            self.rounded.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let mut first: Vec<usize> = (0..self.rounded.len()).collect();
        fn find(first: &[usize], mut at: usize) -> usize {
            while first[at] != at {
                at = first[at];
            }
            at
        }
        for node in self.graph.nodes() {
            let operator = node.op_type.as_str();
            let tied: Vec<&String> = match operator {
                "Concat" => {
                    let all: Vec<String> = node.input.iter().chain(&node.output).cloned().collect();
                    if tie(&all) { node.input.iter().chain(&node.output).collect() } else { Vec::new() }
                }
                _ if MOVING.contains(&operator) => node.input.iter().take(1).chain(&node.output).collect(),
                _ => continue,
            };
            let tied: Vec<usize> = tied.iter().filter_map(|name| places.get(name.as_str()).copied()).collect();
            for pair in tied.windows(2) {
                let (a, b) = (find(&first, pair[0]), find(&first, pair[1]));
                first[a.max(b)] = a.min(b);
            }
        }
        (0..first.len()).map(|place| find(&first, place)).collect()
    }
}
