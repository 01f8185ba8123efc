//! Which channels go together, node by node: what every operator says about the channels of what it takes and makes.
//!
//! A convolution or a product with known weights mixes its input's channels into new ones, so the two have nothing to do with each other.
//! Everything else passes channels on: a sum ties its operands, a depthwise convolution its output to its input, a join or a split
//! parts of one tensor to another. Channels that reach an operator that is not known here stay, as do those of the graph's inputs and outputs.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::NodeProto;

use super::slots::Slots;
use crate::posttraining::graph::{Links, OnnxGraph, int, ints};
use crate::posttraining::layer::Layer;

/// Operators that do the same to every channel, and keep them in order.
const PASSING: [&str; 36] = [
    "Relu",
    "LeakyRelu",
    "Elu",
    "Celu",
    "Selu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Softplus",
    "Softsign",
    "ThresholdedRelu",
    "Mish",
    "Gelu",
    "Erf",
    "Exp",
    "Log",
    "Sqrt",
    "Reciprocal",
    "Abs",
    "Neg",
    "Floor",
    "Ceil",
    "Round",
    "Sign",
    "Clip",
    "Identity",
    "Dropout",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Squeeze",
    "Unsqueeze",
    "BatchNormalization",
];
/// Operators that combine their inputs element by element.
const COMBINING: [&str; 9] = ["Add", "Sub", "Mul", "Div", "PRelu", "Max", "Min", "Sum", "Mean"];

/// What a layer is to channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixing {
    /// Each output is made of all inputs.
    Full,
    /// Each output is made of one input.
    Depthwise,
    /// Something between, which keeps its channels.
    Fixed,
}

/// What the graph says about its channels.
pub struct Constraints {
    /// The channels.
    pub slots: Slots,
    /// What has weights, in the order of the nodes, and what it is to channels.
    pub layers: Vec<(Layer, Mixing)>,
    /// Reshape nodes that lay channels out in groups for a shuffle, by their places, with the number of groups.
    pub shuffles: HashMap<usize, usize>,
}

impl Constraints {
    /// Of a graph with the shapes of the tensors of floats that it computes, its inputs included.
    /// `ties` are pairs of tensors whose channels are to stay alike beyond what the graph says.
    pub fn new(graph: &OnnxGraph, shapes: &HashMap<String, Vec<usize>>, ties: &[(String, String)]) -> Constraints {
        let links = graph.links();
        let mut all = Walk {
            graph,
            shapes,
            links,
            slots: Slots::new(shapes),
            layers: Vec::new(),
            shuffles: HashMap::new(),
            handled: HashSet::new(),
        };
        let borders: Vec<String> = graph.inputs().chain(graph.outputs()).map(str::to_owned).collect();
        borders.iter().for_each(|name| all.slots.pin(name));
        for (index, node) in graph.nodes().iter().enumerate() {
            if !all.handled.contains(&index) && all.visit(index, node).is_none() {
                node.input.iter().chain(&node.output).for_each(|name| all.slots.pin(name));
            }
        }
        for (a, b) in ties {
            all.pass(a, b);
        }
        all.slots.flatten();
        Constraints { slots: all.slots, layers: all.layers, shuffles: all.shuffles }
    }
}

struct Walk<'a> {
    graph: &'a OnnxGraph,
    shapes: &'a HashMap<String, Vec<usize>>,
    links: Links,
    slots: Slots,
    layers: Vec<(Layer, Mixing)>,
    shuffles: HashMap<usize, usize>,
    /// Nodes that were understood with others.
    handled: HashSet<usize>,
}

impl Walk<'_> {
    /// Ties what a node ties; none where it is not understood.
    fn visit(&mut self, index: usize, node: &NodeProto) -> Option<()> {
        let (x, y) = (node.input.first()?, node.output.first()?);
        let [from, to] = [x, y].map(|name| self.shapes.get(name).cloned());
        let operator = node.op_type.as_str();
        if operator == "Shape" {
            // Lengths that are computed would have to be computed anew.
            return None;
        }
        let (from, to) = (from?, to?);
        match operator {
            "Conv" | "Gemm" | "MatMul" => self.layer(index, x, y),
            "Concat" => self.lay_out(y, &node.input, int(node, "axis", 1).rem_euclid(to.len() as i64)),
            "Split" => self.lay_out(x, &node.output, int(node, "axis", 0).rem_euclid(from.len() as i64)),
            "Slice" => self.slice(node, x, y, &from, &to),
            "Resize" | "Pad" => (from.len() == to.len()).then(|| self.pass(x, y))?,
            "ReduceMean" | "ReduceMax" | "ReduceSum" | "ReduceMin" | "ReduceL2" => {
                let axes = ints(node, "axes").map(<[i64]>::to_vec);
                let axes = axes.or_else(|| self.graph.integers(node.input.get(1)?))?;
                let rank = from.len() as i64;
                axes.iter().all(|axis| axis.rem_euclid(rank) >= 2).then(|| self.pass(x, y))?
            }
            "Transpose" => {
                let order = ints(node, "perm")?;
                (order.first() == Some(&0) && order.get(1) == Some(&1)).then(|| self.pass(x, y))?
            }
            "Reshape" | "Flatten" => self.reshape(index, node, &from, &to),
            _ if COMBINING.contains(&operator) => self.combine(node, y, &to),
            _ if PASSING.contains(&operator) && node.output.iter().filter(|name| !name.is_empty()).count() == 1 => {
                self.pass(x, y)
            }
            _ => None,
        }
    }

    /// Ties two tensors channel by channel.
    fn pass(&mut self, x: &str, y: &str) -> Option<()> {
        let count = self.slots.count(x)?;
        (self.slots.count(y)? == count).then(|| self.join(x, y, 0..count, 0))
    }

    /// Ties a range of one tensor's channels to those of another from `start` on.
    fn join(&mut self, x: &str, y: &str, range: std::ops::Range<usize>, start: usize) {
        let first = range.start;
        range.for_each(|channel| self.slots.tie((x, channel), (y, start + channel - first)));
    }

    fn layer(&mut self, index: usize, x: &str, y: &str) -> Option<()> {
        let layer = Layer::of(self.graph, index)?;
        let weight = self.graph.floats(&layer.weight)?;
        let inputs = self.slots.count(x)?;
        let full = layer.groups == 1 && (layer.is_convolution() || self.shapes[x].len() == 2);
        let kind = match (full, layer.is_convolution() && layer.groups == inputs && weight.shape[1] == 1) {
            (true, _) => Mixing::Full,
            (false, true) => Mixing::Depthwise,
            _ => Mixing::Fixed,
        };
        if kind == Mixing::Depthwise {
            (0..layer.outputs).for_each(|output| self.slots.tie((x, layer.group(output)), (y, output)));
        }
        self.layers.push((layer, kind));
        (kind != Mixing::Fixed).then_some(())
    }

    /// Ties a tensor to the parts that lie one after another along an axis of it: what is joined, and what is split.
    fn lay_out(&mut self, whole: &str, parts: &[String], axis: i64) -> Option<()> {
        if parts.iter().any(|part| self.slots.count(part).is_none()) {
            return None;
        }
        match axis {
            0 => None,
            1 => {
                let mut start = 0;
                for part in parts {
                    let count = self.slots.count(part)?;
                    self.join(part, whole, 0..count, start);
                    start += count;
                }
                Some(())
            }
            _ => parts.iter().try_for_each(|part| self.pass(part, whole)),
        }
    }

    fn slice(&mut self, node: &NodeProto, x: &str, y: &str, from: &[usize], to: &[usize]) -> Option<()> {
        let (starts, ends, axes) = sliced(self.graph, node, from.len())?;
        let steps = match node.input.get(4).filter(|name| !name.is_empty()) {
            Some(name) => self.graph.integers(name)?,
            None => vec![1; axes.len()],
        };
        let Some(place) = axes.iter().position(|axis| *axis == 1) else { return self.pass(x, y) };
        let count = from[1] as i64;
        let bound = |value: i64| if value < 0 { value + count } else { value.min(count) };
        let (start, end) = (bound(starts[place]), bound(ends[place]));
        if steps.get(place) != Some(&1) || start < 0 || end - start != to[1] as i64 || axes.contains(&0) {
            return None;
        }
        self.join(x, y, start as usize..end as usize, 0);
        Some(())
    }

    fn combine(&mut self, node: &NodeProto, y: &str, to: &[usize]) -> Option<()> {
        let channels = self.slots.count(y)?;
        for x in &node.input {
            if self.graph.is_constant(x) {
                let constant = self.graph.floats(x)?;
                // What stands along the channels is as long as they are, or one for all.
                let axis = channel_axis(constant.shape.len(), to.len());
                let fits = axis.is_none_or(|axis| [1, channels].contains(&constant.shape[axis]));
                fits.then_some(())?;
                continue;
            }
            let shape = self.shapes.get(x).filter(|shape| shape.len() == to.len())?;
            if shape[1] == channels {
                self.join(x, y, 0..channels, 0);
            } else if shape[1] != 1 {
                return None;
            }
        }
        Some(())
    }

    fn reshape(&mut self, index: usize, node: &NodeProto, from: &[usize], to: &[usize]) -> Option<()> {
        let (x, y) = (node.input[0].as_str(), node.output[0].as_str());
        if from.first() != to.first() || from.len() < 2 || to.len() < 2 {
            return None;
        }
        let flatten = node.op_type == "Flatten";
        if !flatten {
            self.graph.integers(node.input.get(1)?)?;
        } else if int(node, "axis", 1) != 1 {
            return None;
        }
        if let Some(groups) = self.shuffle(index, from, to) {
            self.shuffles.insert(index, groups);
            return Some(());
        }
        if from[1] == to[1] {
            return self.pass(x, y);
        }
        // A vector of all cells of one channel after another.
        let cells: usize = from[2..].iter().product();
        if to.len() != 2 || from[1] * cells != to[1] {
            return None;
        }
        (0..to[1]).for_each(|place| self.slots.tie((x, place / cells), (y, place)));
        Some(())
    }

    /// Ties through a shuffle of channels (Zhang et al. 2018, ShuffleNet): laid out in groups, transposed, laid out flat. Every group has to
    /// keep the same of its channels, so that the same three nodes shuffle what is left.
    fn shuffle(&mut self, index: usize, from: &[usize], to: &[usize]) -> Option<usize> {
        let &[_, groups, each, ..] = to else { return None };
        if to.len() != from.len() + 1 || groups * each != from[1] || to[3..] != from[2..] {
            return None;
        }
        let node = &self.graph.nodes()[index];
        let turn = self.links.only_reader(&node.output[0])?;
        let turned = &self.graph.nodes()[turn];
        let order: Vec<i64> = [0, 2, 1].into_iter().chain(3..to.len() as i64).collect();
        if turned.op_type != "Transpose" || ints(turned, "perm") != Some(&order[..]) {
            return None;
        }
        let flat = self.links.only_reader(&turned.output[0])?;
        let flattened = &self.graph.nodes()[flat];
        let (x, z) = (&node.input[0], flattened.output.first()?);
        if flattened.op_type != "Reshape" || self.shapes.get(z).map(|shape| &shape[..]) != Some(from) {
            return None;
        }
        self.graph.integers(flattened.input.get(1)?)?;
        for place in 0..groups * each {
            let (group, within) = (place / each, place % each);
            self.slots.tie((x, place), (z, within * groups + group));
            self.slots.tie((x, place), (x, within));
        }
        self.handled.extend([turn, flat]);
        Some(groups)
    }
}

/// The axis of a constant of so many axes that lies along the channels of a result of `rank` axes.
pub fn channel_axis(axes: usize, rank: usize) -> Option<usize> {
    (axes + 1).checked_sub(rank).filter(|axis| *axis < axes)
}

/// Starts, ends and axes of a slice whose bounds are known.
pub fn sliced(graph: &OnnxGraph, node: &NodeProto, rank: usize) -> Option<(Vec<i64>, Vec<i64>, Vec<i64>)> {
    let [starts, ends] = [1, 2].map(|place| graph.integers(node.input.get(place)?));
    let (starts, ends) = (starts?, ends?);
    let axes = match node.input.get(3).filter(|name| !name.is_empty()) {
        Some(name) => graph.integers(name)?,
        None => (0..starts.len() as i64).collect(),
    };
    let axes: Vec<i64> = axes.iter().map(|axis| axis.rem_euclid(rank as i64)).collect();
    (starts.len() == ends.len() && starts.len() == axes.len()).then_some((starts, ends, axes))
}
