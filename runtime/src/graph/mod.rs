//! The graph: a small typed form of a network, between the ONNX file and the plan.
//!
//! * Every tensor has a fixed shape, given in *memory order*: images are NHWC whatever the file said, and the importer
//!   has already turned the file's transposes and reshapes into relabelled axes where no byte has to move.
//! * Quantised activations are always u8 with one scale and zero point; signed ones were shifted by 128 on import, which
//!   changes no result.
//! * Weights live inside their node, already in the order that kernels pack from.
//! * Nodes are in an order in which they can run.

mod build;
mod op;

use std::sync::Arc;

use crate::tensor::{ElementType, Port, Quantisation};

pub use op::{
    Bias, Convolution, ConvolutionDynamic, ConvolutionInt8, Epilogue, Op, QuantisedWeights, ResizeTap, Scaling, Sums,
    Table, Weights, Window, form,
};

/// Index of a tensor in [`Graph::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// The elements of a constant, in memory order.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Floats.
    F32(Vec<f32>),
    /// Bytes: quantised values (u8 domain) or booleans.
    U8(Vec<u8>),
    /// Signed bytes, for fallback steps only.
    I8(Vec<i8>),
    /// 32-bit integers, for fallback steps only.
    I32(Vec<i32>),
    /// 64-bit integers, for fallback steps only.
    I64(Vec<i64>),
}

impl Constant {
    /// The elements as little-endian bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Constant::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Constant::U8(v) => v.clone(),
            Constant::I8(v) => v.iter().map(|&x| x as u8).collect(),
            Constant::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Constant::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// A value that flows between nodes.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Where it comes from in the file, for messages and profiles.
    pub name: String,
    /// Lengths of the axes in memory order.
    pub shape: Vec<usize>,
    /// The element type.
    pub element: ElementType,
    /// Set on u8 tensors that stand for real numbers.
    pub quantisation: Option<Quantisation>,
    /// Set on tensors that are known before the model runs.
    pub constant: Option<Arc<Constant>>,
}

impl Tensor {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether an axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The floats of a float constant.
    pub fn floats(&self) -> Option<&[f32]> {
        match self.constant.as_deref() {
            Some(Constant::F32(v)) => Some(v),
            _ => None,
        }
    }
}

/// An operation with its operands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The ONNX node it came from.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// The tensors it reads.
    pub inputs: Vec<TensorId>,
    /// The tensors it makes; one, fallback steps apart.
    pub outputs: Vec<TensorId>,
}

impl Node {
    /// The only output of a node that is no fallback step (their first otherwise).
    pub fn output(&self) -> TensorId {
        self.outputs[0]
    }
}

/// A tensor at the border of the graph.
#[derive(Clone, Debug)]
pub struct Border {
    /// The tensor.
    pub tensor: TensorId,
    /// How the outside sees it.
    pub port: Port,
}

/// A network with fixed shapes.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// All nodes, in an order in which they can run.
    pub nodes: Vec<Node>,
    /// Inputs in the file's order.
    pub inputs: Vec<Border>,
    /// Outputs in the file's order.
    pub outputs: Vec<Border>,
}

/// Who makes and who reads each tensor; valid until the nodes change.
pub struct Uses {
    /// The node that makes each tensor, if one does.
    pub producer: Vec<Option<usize>>,
    /// The nodes that read each tensor, once for every time they name it.
    pub consumers: Vec<Vec<usize>>,
    /// Whether each tensor leaves the graph.
    pub leaves: Vec<bool>,
}

impl Uses {
    /// The only reader of a tensor that does not leave the graph.
    pub fn only_consumer(&self, tensor: TensorId) -> Option<usize> {
        match self.consumers[tensor.0][..] {
            [node] if !self.leaves[tensor.0] => Some(node),
            _ => None,
        }
    }
}

impl Graph {
    /// The tensor behind an id.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// Who makes and who reads each tensor.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses {
            producer: vec![None; self.tensors.len()],
            consumers: vec![Vec::new(); self.tensors.len()],
            leaves: vec![false; self.tensors.len()],
        };
        for (index, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                uses.producer[output.0] = Some(index);
            }
            for input in &node.inputs {
                uses.consumers[input.0].push(index);
            }
        }
        for border in &self.outputs {
            uses.leaves[border.tensor.0] = true;
        }
        uses
    }

    /// The node that makes a tensor, through nodes that only give its elements another shape.
    pub fn maker(&self, mut id: TensorId) -> Option<&Node> {
        loop {
            let node = self.nodes.iter().rev().find(|node| node.outputs.contains(&id))?;
            match node.op {
                Op::Reshape => id = node.inputs[0],
                _ => return Some(node),
            }
        }
    }

    /// Makes every reader of `old` read `new` instead, the graph's outputs included.
    pub fn replace_reads(&mut self, old: TensorId, new: TensorId) {
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            if *input == old {
                *input = new;
            }
        }
        for border in &mut self.outputs {
            if border.tensor == old {
                border.tensor = new;
            }
        }
    }

    /// Drops nodes whose results nobody reads. Fallback steps are kept as long as one of their outputs is read.
    pub fn remove_dead_nodes(&mut self) {
        let mut live = vec![false; self.tensors.len()];
        for border in &self.outputs {
            live[border.tensor.0] = true;
        }
        let mut keep = vec![false; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if node.outputs.iter().any(|output| live[output.0]) {
                keep[index] = true;
                node.inputs.iter().for_each(|input| live[input.0] = true);
            }
        }
        let mut keep = keep.into_iter();
        self.nodes.retain(|_| keep.next().unwrap_or(true));
    }

    /// Multiply-accumulates of one run, over convolutions and matrix products.
    pub fn macs(&self) -> u64 {
        self.nodes.iter().map(|node| self.node_macs(node)).sum()
    }

    /// Multiply-accumulates of one node.
    pub fn node_macs(&self, node: &Node) -> u64 {
        let output = || self.tensor(node.output());
        match &node.op {
            Op::Convolution(conv) => output().len() as u64 * conv.taps() as u64,
            Op::ConvolutionInt8(conv) => output().len() as u64 * conv.taps() as u64,
            Op::ConvolutionDynamic(conv) => output().len() as u64 * conv.taps() as u64,
            Op::MatMul => {
                let inner = self.tensor(node.inputs[0]).shape.last().copied().unwrap_or(0);
                output().len() as u64 * inner as u64
            }
            _ => 0,
        }
    }
}
