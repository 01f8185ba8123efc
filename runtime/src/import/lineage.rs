//! Who made a tensor, and of what: the nodes of a file read from their ends.

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, NodeProto};

/// Operators that lay their first input out otherwise, or take a part of it, and change no number.
const MOVES: &[&str] = &["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"];
/// Operators behind which the numbers are still those of the first input, in another type or only some of them.
const CARRIES: &[&str] = &["QuantizeLinear", "DequantizeLinear", "Cast", "Split", "Slice"];

/// The nodes of a graph by what they make.
pub(super) struct Lineage<'a> {
    graph: &'a GraphProto,
    makers: HashMap<&'a str, usize>,
}

impl<'a> Lineage<'a> {
    pub fn new(graph: &'a GraphProto) -> Self {
        let made = |(index, node): (usize, &'a NodeProto)| node.output.iter().map(move |name| (name.as_str(), index));
        let makers = graph.node.iter().enumerate().flat_map(made).filter(|(name, _)| !name.is_empty()).collect();
        Lineage { graph, makers }
    }

    /// The node that makes a tensor; none makes inputs and initialisers.
    pub fn maker(&self, tensor: &str) -> Option<&'a NodeProto> {
        self.makers.get(tensor).map(|&index| &self.graph.node[index])
    }

    /// For each node, whether one of these tensors depends on it.
    pub fn needed<'n>(&self, tensors: impl IntoIterator<Item = &'n str>) -> Vec<bool> {
        let mut needed = vec![false; self.graph.node.len()];
        let mut open: Vec<usize> = tensors.into_iter().filter_map(|name| self.makers.get(name).copied()).collect();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut needed[index], true) {
                let inputs = &self.graph.node[index].input;
                open.extend(inputs.iter().filter_map(|name| self.makers.get(name.as_str()).copied()));
            }
        }
        needed
    }

    /// The first operator on the way back from a tensor that computes its numbers, rather than moving them.
    pub fn computed_by(&self, tensor: &str) -> Option<&'a str> {
        let mut node = self.maker(tensor)?;
        // A cycle is refused later; here it only has to end.
        for _ in 0..self.graph.node.len() {
            if !moves(node) && !CARRIES.contains(&node.op_type.as_str()) {
                break;
            }
            node = node.input.first().and_then(|input| self.maker(input))?;
        }
        Some(&node.op_type)
    }
}

/// Whether a node lays its first input out otherwise and does nothing else.
pub(super) fn moves(node: &NodeProto) -> bool {
    is_standard(node) && MOVES.contains(&node.op_type.as_str())
}

/// Whether a node's operator is one of ONNX itself.
pub(super) fn is_standard(node: &NodeProto) -> bool {
    node.domain.is_empty() || node.domain == "ai.onnx"
}
