//! Sets of tensors whose channels can be put in another order, all in the same.

use std::cmp::Reverse;

use retort_core::plan::step::ConvolutionForm;

use crate::graph::{ConvolutionInt8, Graph, Node, Op, TensorId, form};
use crate::tensor::ElementType;

/// Such a set, by the nodes that have to know of the order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Class {
    pub channels: usize,
    /// Convolutions that make one of the tensors, depthwise ones included.
    pub makers: Vec<usize>,
    /// Convolutions all of whose outputs depend on all channels of one of them.
    pub readers: Vec<usize>,
}

/// What a node does with channels.
enum Channels {
    /// The outputs' are those of the inputs.
    Kept,
    /// Each of the output's depends on all of the input's.
    Mixed,
    /// Anything else, which knows which is which.
    Known,
}

/// The channels of a tensor of images in bytes that is not constant.
fn channels(graph: &Graph, id: TensorId) -> Option<usize> {
    let tensor = graph.tensor(id);
    match tensor.shape[..] {
        [_, _, _, channels] if tensor.element == ElementType::U8 && tensor.constant.is_none() => Some(channels),
        _ => None,
    }
}

fn is_depthwise(conv: &ConvolutionInt8) -> bool {
    form(&conv.window, conv.groups, conv.in_channels, conv.out_channels) == ConvolutionForm::Depthwise
}

fn channels_of(graph: &Graph, node: &Node) -> Channels {
    let of_all = || node.inputs.iter().chain(&node.outputs).map(|&id| channels(graph, id));
    let as_many = || of_all().all(|channels| channels == self::channels(graph, node.output()));
    match &node.op {
        _ if of_all().any(|channels| channels.is_none()) => Channels::Known,
        Op::ConvolutionInt8(conv) if is_depthwise(conv) && as_many() => Channels::Kept,
        Op::ConvolutionInt8(conv) if conv.groups == 1 => Channels::Mixed,
        Op::BinaryInt8(..) | Op::Lookup(_) | Op::Pool(..) | Op::GlobalAverage | Op::Resize { .. } if as_many() => {
            Channels::Kept
        }
        _ => Channels::Known,
    }
}

/// The sets that there are, those that are read last first. Tensors that enter or leave the graph, or that a node reads or makes which
/// knows their channels, are in none.
pub fn classes(graph: &Graph) -> Vec<Class> {
    let mut sets = Sets { parent: (0..graph.tensors.len()).collect(), known: vec![false; graph.tensors.len()] };
    for border in graph.inputs.iter().chain(&graph.outputs) {
        sets.know(border.tensor);
    }
    for node in &graph.nodes {
        let tensors = || node.inputs.iter().chain(&node.outputs);
        match channels_of(graph, node) {
            Channels::Kept => tensors().for_each(|&id| sets.join(id, node.output())),
            Channels::Mixed => {}
            Channels::Known => tensors().for_each(|&id| sets.know(id)),
        }
    }
    let mut found: Vec<Class> = graph.tensors.iter().map(|_| Class::default()).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        let (Op::ConvolutionInt8(conv), &[x, ..]) = (&node.op, &node.inputs[..]) else { continue };
        let made = sets.root(node.output());
        found[made].channels = conv.out_channels;
        found[made].makers.push(index);
        if !is_depthwise(conv) {
            found[sets.root(x)].readers.push(index);
        }
    }
    let free = found.into_iter().zip(sets.known).filter(|(class, known)| !known && !class.readers.is_empty());
    let mut free: Vec<Class> = free.map(|(class, _)| class).collect();
    free.sort_by_key(|class| Reverse(class.readers.last().copied()));
    free
}

/// Tensors that are in one set.
struct Sets {
    /// Of every tensor another one of its set; of one of them itself.
    parent: Vec<usize>,
    /// Of that one, whether some node knows the set's channels.
    known: Vec<bool>,
}

impl Sets {
    fn root(&mut self, id: TensorId) -> usize {
        let mut tensor = id.0;
        while self.parent[tensor] != tensor {
            self.parent[tensor] = self.parent[self.parent[tensor]];
            tensor = self.parent[tensor];
        }
        tensor
    }

    fn join(&mut self, a: TensorId, b: TensorId) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a] = b;
        self.known[b] |= self.known[a];
    }

    fn know(&mut self, id: TensorId) {
        let root = self.root(id);
        self.known[root] = true;
    }
}
