//! The families of networks, each a few numbers that say how wide and deep: what a recipe names and a search varies.
//!
//! All are plain and friendly to int8: chains of depthwise-separable or dense blocks, every convolution followed by batch
//! normalisation and ReLU6, no attention, no squeeze and excitation. Students and teachers are made of the same blocks;
//! teachers may add each block's input to its output.

mod blocks;
mod classifier;
mod detector;
mod perceptron;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::builder::ShapeError;
use super::network::{Activation, Network, Shape};

/// The families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// A chain with two merges back to strides 16 and 8, where boxes are predicted.
    Detector,
    /// A chain, a mean over what is left of the map, and the logits.
    Classifier,
    /// Fully connected layers.
    Perceptron,
}

/// What a chain is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// A depthwise 3×3 convolution and a pointwise one (Howard et al. 2017, MobileNets).
    Separable,
    /// A 3×3 convolution.
    Dense,
    /// A 3×3 convolution that is three branches while it is trained (Ding et al. 2021, RepVGG).
    Branched,
}

/// How wide and how deep a network is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Which family.
    pub family: Family,
    /// What a chain is made of.
    pub block: Block,
    /// Detector: channels at strides 2, 4, 8, 16 and 32. Classifier: channels of the stem and of each stage. Perceptron:
    /// units of each hidden layer.
    pub widths: Vec<usize>,
    /// Blocks of each stage beyond the first, which halves the map.
    pub depths: Vec<usize>,
    /// Multiplies all widths, and the neck unless heads are even, rounded to multiples of 8 (at least 8) unless it is 1.
    pub scale: f32,
    /// Pixels between the cells of the stem's map: 2, or 1 for pictures that are small to begin with. Detectors have 2.
    pub stem: usize,
    /// Detector: channels of the merged maps.
    pub neck: usize,
    /// Detector: whether the neck, and with it the heads, keep their width whatever the scale, so that those of all sizes are alike.
    pub even_heads: bool,
    /// Detector: blocks before the outputs of each level.
    pub head: usize,
    /// Detector: the greatest distance of a box's side from its cell, in strides, where sides are distributions over 0 to this
    /// (Li et al. 2020, Generalized Focal Loss); 0 where a side is one number, the logarithm of its distance.
    pub reg_max: usize,
    /// Whether blocks that change neither size nor channels add their input to their output (He et al. 2016). It lets
    /// deep networks learn in few steps; a plain chain is quicker on a board and easier on int8.
    pub residual: bool,
    /// What follows every hidden layer.
    pub activation: Activation,
    /// Share of the values before the logits, or of each hidden layer of a perceptron, that is dropped in training.
    pub dropout: f32,
    /// Share of the picture's values that a perceptron drops in training.
    pub input_dropout: f32,
    /// Channels of convolutions that have others than the widths say, by name: those of a network that was pruned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, usize>,
}

impl Default for Architecture {
    fn default() -> Self {
        Architecture {
            family: Family::Detector,
            block: Block::Separable,
            widths: vec![16, 32, 64, 96, 128],
            depths: vec![0, 1, 1, 0],
            scale: 1.0,
            stem: 2,
            neck: 64,
            even_heads: false,
            head: 0,
            reg_max: 0,
            residual: false,
            activation: Activation::Relu6,
            dropout: 0.0,
            input_dropout: 0.0,
            channels: BTreeMap::new(),
        }
    }
}

impl Architecture {
    /// The network for pictures of a shape and a number of classes.
    ///
    /// # Errors
    /// Names the layer that does not fit: a detector wants sides that are multiples of 32, a classifier pictures that
    /// can be halved once for each stage.
    pub fn build(&self, picture: Shape, classes: usize) -> Result<Network, ShapeError> {
        let network = match self.family {
            Family::Detector => detector::build(self, picture, classes),
            Family::Classifier => classifier::build(self, picture, classes),
            Family::Perceptron => perceptron::build(self, picture, classes),
        };
        network?.narrowed(&self.channels)
    }

    /// The same with all widths times a factor, those of a pruned network in multiples of 8.
    pub fn widened(&self, factor: f32) -> Architecture {
        let wider = |width: usize| ((width as f32 * factor / 8.0).round() as usize * 8).max(8);
        let channels = self.channels.iter().map(|(name, &width)| (name.clone(), wider(width)));
        Architecture { scale: self.scale * factor, channels: channels.collect(), ..self.clone() }
    }

    /// A width, scaled.
    fn scaled(&self, width: usize) -> usize {
        if self.scale == 1.0 {
            return width;
        }
        ((width as f32 * self.scale / 8.0).round() as usize * 8).max(8)
    }

    /// All widths, scaled.
    fn all_widths(&self) -> Vec<usize> {
        self.widths.iter().map(|&width| self.scaled(width)).collect()
    }
}
