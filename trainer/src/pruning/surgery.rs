//! Cutting: the same graph with smaller weights. Whatever names a number of channels, such as a reshape, is told the new one.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::NodeProto;

use super::constraints::{Constraints, Mixing, channel_axis, sliced};
use crate::export::onnx::int as int_attribute;
use crate::posttraining::graph::{Floats, Links, OnnxGraph, int};

/// What is left of a model.
pub struct Left<'a> {
    constraints: &'a Constraints,
    shapes: &'a HashMap<String, Vec<usize>>,
    gone: HashSet<usize>,
}

impl<'a> Left<'a> {
    /// All but the channels that some roots stand for.
    pub fn new(
        constraints: &'a Constraints,
        shapes: &'a HashMap<String, Vec<usize>>,
        gone: HashSet<usize>,
    ) -> Left<'a> {
        Left { constraints, shapes, gone }
    }

    /// The channels of a tensor that are left; none of a tensor without channels.
    pub fn of(&self, tensor: &str) -> Option<Vec<usize>> {
        let slots = &self.constraints.slots;
        let stays = |channel: &usize| slots.root(tensor, *channel).is_none_or(|root| !self.gone.contains(&root));
        Some((0..slots.count(tensor)?).filter(stays).collect())
    }

    /// The same of a tensor that has lost some.
    fn of_cut(&self, tensor: &str) -> Option<Vec<usize>> {
        let left = self.of(tensor)?;
        (self.constraints.slots.count(tensor) != Some(left.len())).then_some(left)
    }

    /// The graph that is left.
    pub fn cut(&self, graph: &OnnxGraph) -> OnnxGraph {
        let mut surgeon = Surgeon { left: self, graph, links: graph.links(), cut: graph.clone() };
        let mut nodes = graph.nodes().to_vec();
        nodes.iter_mut().enumerate().for_each(|(index, node)| surgeon.cut_node(index, node));
        let mut cut = surgeon.cut;
        *cut.nodes_mut() = nodes;
        cut.drop_unread();
        cut.forget_shapes();
        cut
    }
}

/// The graph in the making.
struct Surgeon<'a> {
    left: &'a Left<'a>,
    graph: &'a OnnxGraph,
    links: Links,
    cut: OnnxGraph,
}

impl Surgeon<'_> {
    fn cut_node(&mut self, index: usize, node: &mut NodeProto) {
        let (Some(x), Some(y)) = (node.input.first().cloned(), node.output.first().cloned()) else { return };
        let layer = self.left.constraints.layers.iter().find(|(layer, _)| layer.node == index);
        if let Some((layer, kind)) = layer {
            if let (Mixing::Full, Some(inputs)) = (kind, self.left.of_cut(&x)) {
                self.put(node, 1, 1 - layer.axis(), &inputs);
            }
            if let Some(outputs) = self.left.of_cut(&y) {
                self.put(node, 1, layer.axis(), &outputs);
                self.put(node, 2, 0, &outputs);
            }
            if let (Mixing::Depthwise, Some(inputs)) = (kind, self.left.of_cut(&x)) {
                node.attribute.retain(|attribute| attribute.name != "group");
                node.attribute.push(int_attribute("group", inputs.len() as i64));
            }
            return;
        }
        match node.op_type.as_str() {
            "BatchNormalization" => {
                if let Some(left) = self.left.of_cut(&y) {
                    (1..5).for_each(|place| self.put(node, place, 0, &left));
                }
            }
            "Split" => self.split(node, &x),
            "Slice" => self.slice(node, &x, &y),
            "Resize" => self.resize(node, &y),
            "Reshape" => self.reshape(index, node, &x, &y),
            _ => self.constants(node, &y),
        }
    }

    /// Constants that lie along the channels of a result.
    fn constants(&mut self, node: &mut NodeProto, y: &str) {
        let (Some(left), Some(shape)) = (self.left.of_cut(y), self.left.shapes.get(y)) else { return };
        for place in 0..node.input.len() {
            let Some(constant) = self.graph.floats(&node.input[place]) else { continue };
            if let Some(axis) = channel_axis(constant.shape.len(), shape.len())
                && constant.shape[axis] == shape[1]
            {
                self.put(node, place, axis, &left);
            }
        }
    }

    fn split(&mut self, node: &mut NodeProto, x: &str) {
        let rank = self.left.shapes.get(x).map_or(4, Vec::len) as i64;
        if self.left.of_cut(x).is_none() || int(node, "axis", 0).rem_euclid(rank) != 1 {
            return;
        }
        let sizes = node.output.iter().map(|y| self.left.of(y).map_or(0, |left| left.len()) as i64);
        let sizes: Vec<i64> = sizes.collect();
        node.attribute.retain(|attribute| attribute.name != "num_outputs");
        node.input.truncate(1);
        node.input.push(self.integers(&node.output[0], "split", &sizes));
    }

    fn slice(&mut self, node: &mut NodeProto, x: &str, y: &str) {
        let (Some(left), Some(shape)) = (self.left.of_cut(x), self.left.shapes.get(x)) else { return };
        let Some((mut starts, mut ends, axes)) = sliced(self.graph, node, shape.len()) else { return };
        let Some(place) = axes.iter().position(|axis| *axis == 1) else { return };
        let count = shape[1] as i64;
        let before = |value: i64| {
            let bound = if value < 0 { value + count } else { value };
            left.iter().filter(|channel| (**channel as i64) < bound).count() as i64
        };
        (starts[place], ends[place]) = (before(starts[place]), before(ends[place]));
        node.input[1] = self.integers(y, "starts", &starts);
        node.input[2] = self.integers(y, "ends", &ends);
    }

    /// Where sizes are given, they name the channels.
    fn resize(&mut self, node: &mut NodeProto, y: &str) {
        let (Some(left), Some(name)) = (self.left.of_cut(y), node.input.get(3)) else { return };
        if let Some(mut sizes) = self.graph.integers(name)
            && let Some(channels) = sizes.get_mut(1)
        {
            *channels = left.len() as i64;
            node.input[3] = self.integers(y, "sizes", &sizes);
        }
    }

    fn reshape(&mut self, index: usize, node: &mut NodeProto, x: &str, y: &str) {
        let Some(left) = self.left.of_cut(x) else { return };
        let Some(mut target) = node.input.get(1).and_then(|name| self.graph.integers(name)) else { return };
        let (place, count) = match self.left.constraints.shuffles.get(&index) {
            Some(groups) => (2, left.len() / groups),
            // A vector has all cells of the channels that are left.
            None => (1, self.left.of(y).map_or(left.len(), |left| left.len())),
        };
        if let Some(length) = target.get_mut(place).filter(|length| **length > 0) {
            *length = count as i64;
            node.input[1] = self.integers(y, "shape", &target);
        }
    }

    /// A constant of a node's own.
    fn integers(&mut self, y: &str, what: &str, values: &[i64]) -> String {
        let name = self.cut.fresh(&format!("{y}.{what}"));
        self.cut.set_integers(&name, values)
    }

    /// Puts what is left of a constant, along an axis, in its place among a node's inputs.
    fn put(&mut self, node: &mut NodeProto, place: usize, axis: usize, left: &[usize]) {
        let Some(name) = node.input.get(place).filter(|name| !name.is_empty()) else { return };
        let Some(constant) = self.cut.floats(name) else { return };
        // Others may read the same constant, and lose other channels.
        let shared = self.links.readers(name).len() > 1;
        let own = if shared { self.cut.fresh(&format!("{}.{name}", node.output[0])) } else { name.clone() };
        node.input[place] = self.cut.set_floats(&own, &along(&constant, axis, left));
    }
}

/// Some places of a constant along an axis.
pub fn along(constant: &Floats, axis: usize, left: &[usize]) -> Floats {
    let inner: usize = constant.shape[axis + 1..].iter().product();
    let length = constant.shape[axis];
    let mut values = Vec::with_capacity(constant.values.len() / length.max(1) * left.len());
    for outer in constant.values.chunks_exact((length * inner).max(1)) {
        left.iter().for_each(|place| values.extend_from_slice(&outer[place * inner..][..inner]));
    }
    let mut shape = constant.shape.clone();
    shape[axis] = left.len();
    Floats { shape, values }
}
