//! A network as data: nodes in order, each naming what it does and whose values it takes.
//!
//! There is one description for everybody. Whoever trains, runs, calibrates, counts or exports a network walks along its
//! nodes ([`Network::walk`]) and makes of each what they need ([`Wire`]), so that all of them mean the same network.
//! Values are maps `[batch, height, width, channels]`; a vector is a map of one cell.

use serde::{Deserialize, Serialize};

/// Height, width and channels of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// Values of one picture.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether there is no value at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What follows a convolution or a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6): in int8 it is the saturation of the byte, and costs nothing.
    Relu6,
}

impl Activation {
    /// The activation of one value.
    pub fn of(self, x: f32) -> f32 {
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
        }
    }
}

/// How a convolution's sums become its output before the activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bias {
    /// Batch normalisation with γ and β, folded into weights and a bias when training is done.
    Normalised,
    /// A trained bias.
    Plain,
}

/// One convolution, or a fully connected layer: that is a convolution whose window is the whole map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Convolution {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Zeros around the map, as many above as below and left as right.
    pub padding: [usize; 2],
    /// Whether each channel is on its own.
    pub depthwise: bool,
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// What is added to the sums.
    pub bias: Bias,
    /// What follows.
    pub activation: Activation,
    /// Whether, while it is trained, a normalised 1×1 convolution and, where shapes allow, the normalised input itself
    /// are added before the activation (Ding et al. 2021, RepVGG, section 3.2). All of them are one convolution in the end.
    pub branches: bool,
}

impl Convolution {
    /// Shape of the weight matrix: the inputs of one output value (tap by tap, row by row, then channel by channel) by
    /// outputs; `[taps, channels]` if it is depthwise.
    pub fn weight_shape(&self) -> [usize; 2] {
        let taps = self.kernel[0] * self.kernel[1];
        [if self.depthwise { taps } else { taps * self.inputs }, self.outputs]
    }

    /// Products that make up one output value.
    pub fn fan_in(&self) -> usize {
        self.weight_shape()[0]
    }

    /// Whether the input itself is one of the branches.
    pub fn has_identity(&self) -> bool {
        self.branches && self.inputs == self.outputs && self.stride == [1, 1]
    }

    /// The 1×1 convolution that is trained beside this one.
    pub fn pointwise_branch(&self) -> Convolution {
        Convolution { kernel: [1, 1], padding: [0, 0], branches: false, activation: Activation::None, ..self.clone() }
    }

    pub(super) fn out(&self, length: usize, axis: usize) -> Option<usize> {
        (length + 2 * self.padding[axis]).checked_sub(self.kernel[axis]).map(|rest| rest / self.stride[axis] + 1)
    }
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// The picture, bytes divided by 255.
    Picture,
    /// A convolution.
    Convolve(Convolution),
    /// While training, sets this share of the values to zero and scales the rest up; else nothing (Srivastava et al. 2014).
    Dropout(f32),
    /// The largest of each `size × size` cells, `size` apart; cells that do not fill a window are left out.
    MaxPool(usize),
    /// The mean over rows and columns.
    GlobalAverage,
    /// The sum of two values of one shape, and what follows it.
    Add(Activation),
    /// The first value plus the second with every cell repeated twice along both axes.
    Merge,
}

/// A step of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique in the network, such as `stage2.1.pointwise`.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Places of the nodes whose values it takes, all before its own.
    pub inputs: Vec<usize>,
    /// Shape of its value.
    pub shape: Shape,
}

impl Node {
    /// Its convolution, if it is one.
    pub fn convolution(&self) -> Option<&Convolution> {
        match &self.op {
            Op::Convolve(convolution) => Some(convolution),
            _ => None,
        }
    }
}

/// What the network's answers are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// One node with the logits of all classes.
    Classes {
        /// Its place.
        logits: usize,
        /// Number of classes.
        classes: usize,
    },
    /// For every cell of every level, class logits and distances to the sides of a box.
    Boxes {
        /// From fine to coarse.
        levels: Vec<Level<usize>>,
        /// Numbers that say where one side of a box is: none of 0, which stands for the logarithm of its distance in strides;
        /// else the logits of the distances 0, 1, … in strides, whose mean it is (Li et al. 2020, equation 5).
        #[serde(default)]
        bins: usize,
        /// Number of classes.
        classes: usize,
    },
}

impl Head {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        match self {
            Head::Classes { classes, .. } | Head::Boxes { classes, .. } => *classes,
        }
    }
}

/// What one level of a detector predicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level<V> {
    /// Pixels between neighbouring cells.
    pub stride: usize,
    /// Class logits, `classes` channels.
    pub classes: V,
    /// Where left, top, right and bottom are: one side's numbers after the other's.
    pub boxes: V,
}

/// A whole network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// The steps; the first is the picture.
    pub nodes: Vec<Node>,
    /// Which of them are its answers.
    pub head: Head,
}

/// Someone who walks along the nodes and makes of each what they need of it.
pub trait Wire {
    /// What flows from node to node.
    type Value: Clone;

    /// The value of a node other than the picture, given those of its inputs.
    fn node(&mut self, node: &Node, inputs: &[&Self::Value]) -> Self::Value;
}

impl Network {
    /// Walks from the picture to the last node; the values of all nodes.
    pub fn walk<W: Wire>(&self, wire: &mut W, picture: W::Value) -> Vec<W::Value> {
        let mut values: Vec<W::Value> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            if node.op == Op::Picture {
                values.push(picture.clone());
                continue;
            }
            let inputs: Vec<&W::Value> = node.inputs.iter().map(|&place| &values[place]).collect();
            let value = wire.node(node, &inputs);
            values.push(value);
        }
        values
    }

    /// Shape of the picture.
    pub fn input(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The node of a name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// All convolutions with their nodes.
    pub fn convolutions(&self) -> impl Iterator<Item = (&Node, &Convolution)> {
        self.nodes.iter().filter_map(|node| node.convolution().map(|convolution| (node, convolution)))
    }

    /// Places of the nodes that are answers, in the order in which files name them.
    pub fn answers(&self) -> Vec<usize> {
        match &self.head {
            Head::Classes { logits, .. } => vec![*logits],
            Head::Boxes { levels, .. } => levels.iter().flat_map(|level| [level.classes, level.boxes]).collect(),
        }
    }

    /// Multiply-accumulates for one picture, once training is done.
    pub fn macs(&self) -> usize {
        let cost =
            |(node, conv): (&Node, &Convolution)| node.shape.height * node.shape.width * conv.outputs * conv.fan_in();
        self.convolutions().map(cost).sum()
    }

    /// Weights and biases once training is done.
    pub fn parameters(&self) -> usize {
        self.convolutions().map(|(_, conv)| conv.outputs * (conv.fan_in() + 1)).sum()
    }

    /// The levels of a detector; none of a classifier.
    pub fn levels(&self) -> &[Level<usize>] {
        match &self.head {
            Head::Boxes { levels, .. } => levels,
            Head::Classes { .. } => &[],
        }
    }

    /// Bins of each side of a detector's boxes; 0 where sides are logarithms.
    pub fn bins(&self) -> usize {
        if let Head::Boxes { bins, .. } = self.head { bins } else { 0 }
    }

    /// Numbers of a detector's that say where one box is.
    pub fn box_numbers(&self) -> usize {
        4 * self.bins().max(1)
    }

    /// Cells of all levels together.
    pub fn points(&self) -> usize {
        self.levels().iter().map(|level| self.nodes[level.classes].shape).map(|shape| shape.height * shape.width).sum()
    }
}
