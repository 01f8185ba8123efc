//! Batch normalisation folded into the convolution before it: what is left to run on a board.

use super::architecture::{Architecture, Kind, Layer};
use super::weights::{EPSILON, Role, Weights, of_layer};

/// A convolution with a bias. All but outputs are followed by ReLU6.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedLayer {
    /// Which convolution.
    pub layer: Layer,
    /// As in [`Layer::weight_shape`], outputs last.
    pub weight: Vec<f32>,
    /// One value an output channel.
    pub bias: Vec<f32>,
}

/// A detector without normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// What it is.
    pub architecture: Architecture,
    /// In the order of the walk.
    pub layers: Vec<FoldedLayer>,
}

impl Folded {
    /// Folds the running moments and γ, β of each layer into its weights and a bias:
    /// γ·(w·x − μ)/√(σ² + ε) + β = (γ/√(σ² + ε)·w)·x + (β − γ·μ/√(σ² + ε)).
    pub fn new(weights: &Weights) -> Folded {
        let mut moments = weights.moments.iter();
        let mut layers = Vec::new();
        for layer in weights.architecture.layers() {
            let values = |role| {
                let found = of_layer(weights, &layer).find(|parameter| parameter.role == role);
                found.map(|parameter| parameter.values.clone()).unwrap_or_default()
            };
            let mut weight = values(Role::Weight);
            let bias = if layer.kind == Kind::Output {
                values(Role::Bias)
            } else {
                let (gamma, beta) = (values(Role::Gamma), values(Role::Beta));
                let Some(moments) = moments.next() else { break };
                let scale: Vec<f32> = gamma
                    .iter()
                    .zip(&moments.variance)
                    .map(|(&gamma, &variance)| (f64::from(gamma) / (f64::from(variance) + EPSILON).sqrt()) as f32)
                    .collect();
                for row in weight.chunks_exact_mut(layer.outputs) {
                    for (value, scale) in row.iter_mut().zip(&scale) {
                        *value *= scale;
                    }
                }
                beta.iter().zip(&moments.mean).zip(&scale).map(|((&beta, &mean), &scale)| beta - mean * scale).collect()
            };
            layers.push(FoldedLayer { layer, weight, bias });
        }
        Folded { architecture: weights.architecture.clone(), layers }
    }

    /// The layer of a name.
    pub fn layer(&self, name: &str) -> Option<&FoldedLayer> {
        self.layers.iter().find(|layer| layer.layer.name == name)
    }
}
