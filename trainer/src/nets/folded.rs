//! Batch normalisation folded into the convolution before it, branches into one: what is left to run on a board.

use super::network::{Bias, Convolution, Network, Op};
use super::weights::{EPSILON, Parameter, Role, Weights, parts};

/// A convolution with a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedLayer {
    /// Its node's name.
    pub name: String,
    /// The convolution, without branches or normalisation.
    pub convolution: Convolution,
    /// As in [`Convolution::weight_shape`], outputs last.
    pub weight: Vec<f32>,
    /// One value an output channel.
    pub bias: Vec<f32>,
}

/// A network without normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// What it is.
    pub network: Network,
    /// The convolutions in the order of the walk.
    pub layers: Vec<FoldedLayer>,
}

impl Folded {
    /// Folds the running moments and γ, β of each layer into its weights and a bias:
    /// γ·(w·x − μ)/√(σ² + ε) + β = (γ/√(σ² + ε)·w)·x + (β − γ·μ/√(σ² + ε)). A 1×1 branch, or the input itself, is a
    /// window of which only the middle tap is not zero; branches add up.
    pub fn new(weights: &Weights) -> Folded {
        let mut moments = weights.moments.iter();
        let mut layers = Vec::new();
        for (node, conv) in weights.network.convolutions() {
            let mut folded = FoldedLayer {
                name: node.name.clone(),
                convolution: Convolution { bias: Bias::Plain, branches: false, ..conv.clone() },
                weight: vec![0.0; conv.fan_in() * conv.outputs],
                bias: vec![0.0; conv.outputs],
            };
            for part in parts(node) {
                let values = |role| weights.values(&part.name, role);
                let (scale, shift) = if part.normalised {
                    let Some(moments) = moments.next() else { break };
                    let scale: Vec<f32> = values(Role::Gamma)
                        .iter()
                        .zip(&moments.variance)
                        .map(|(&gamma, &variance)| (f64::from(gamma) / (f64::from(variance) + EPSILON).sqrt()) as f32)
                        .collect();
                    let offsets = values(Role::Beta).iter().zip(&moments.mean).zip(&scale);
                    let shift = offsets.map(|((&beta, &mean), &scale)| beta - mean * scale).collect();
                    (scale, shift)
                } else {
                    (vec![1.0; part.outputs], values(Role::Bias).to_vec())
                };
                folded.add(part.convolution.as_ref(), values(Role::Weight), &scale, &shift);
            }
            layers.push(folded);
        }
        Folded { network: weights.network.clone(), layers }
    }

    /// The same as weights to train on: convolutions with trained biases, no branches, no normalisation.
    pub fn weights(&self) -> Weights {
        let mut network = self.network.clone();
        for node in &mut network.nodes {
            if let (Op::Convolve(conv), Some(layer)) = (&mut node.op, self.layer(&node.name)) {
                *conv = layer.convolution.clone();
            }
        }
        let parameters = self.layers.iter().flat_map(|layer| {
            let parameter = |role, shape, values: &[f32]| Parameter {
                layer: layer.name.clone(),
                role,
                shape,
                values: values.to_vec(),
            };
            [
                parameter(Role::Weight, layer.convolution.weight_shape(), &layer.weight),
                parameter(Role::Bias, [1, layer.bias.len()], &layer.bias),
            ]
        });
        Weights { network, parameters: parameters.collect(), moments: Vec::new() }
    }

    /// The layer of a name.
    pub fn layer(&self, name: &str) -> Option<&FoldedLayer> {
        self.layers.iter().find(|layer| layer.name == name)
    }
}

impl FoldedLayer {
    /// Adds a branch: a convolution of the same window, a 1×1 one, or the input itself.
    fn add(&mut self, branch: Option<&Convolution>, weight: &[f32], scale: &[f32], shift: &[f32]) {
        self.bias.iter_mut().zip(shift).for_each(|(bias, shift)| *bias += shift);
        let outputs = self.convolution.outputs;
        // Rows of the middle tap: those that a 1×1 window sees.
        let [height, width] = self.convolution.kernel;
        let rows_a_tap = if self.convolution.depthwise { 1 } else { self.convolution.inputs };
        let middle = (height / 2 * width + width / 2) * rows_a_tap;
        let Some(branch) = branch else {
            for (channel, scale) in scale.iter().enumerate() {
                let row = if self.convolution.depthwise { middle } else { middle + channel };
                self.weight[row * outputs + channel] += scale;
            }
            return;
        };
        let first = if branch.kernel == self.convolution.kernel { 0 } else { middle };
        let target = self.weight[first * outputs..].chunks_exact_mut(outputs);
        for (target, row) in target.zip(weight.chunks_exact(outputs)) {
            for ((target, value), scale) in target.iter_mut().zip(row).zip(scale) {
                *target += value * scale;
            }
        }
    }
}
