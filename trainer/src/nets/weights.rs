//! A detector's numbers as plain arrays: what is trained, averaged, saved, folded and exported.

use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, Kind, Layer};
use crate::data::Rng;

/// ε of every batch normalisation.
pub const EPSILON: f64 = 1e-5;

/// Initial class bias: every cell starts at a probability of 1 %, so that the many empty cells do not drown the rest
/// at first (Lin et al. 2017, Focal Loss, section 4.1).
const CLASS_BIAS: f32 = -4.6;
/// Initial box bias: sides at e^0.3 strides.
const BOX_BIAS: f32 = 0.3;

/// What a parameter is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The convolution's weights; the only role that decays.
    Weight,
    /// Scale of the batch normalisation.
    Gamma,
    /// Offset of the batch normalisation.
    Beta,
    /// Bias of an output.
    Bias,
}

/// One trained array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Name of the layer.
    pub layer: String,
    /// What it is to the layer.
    pub role: Role,
    /// The values; weights as in [`Layer::weight_shape`].
    pub values: Vec<f32>,
}

/// Mean and variance of one layer's convolution over its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Means, one a channel.
    pub mean: Vec<f32>,
    /// Variances, one a channel.
    pub variance: Vec<f32>,
}

/// All of a detector's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// What they belong to.
    pub architecture: Architecture,
    /// In the order of the walk; each layer's weight before its γ and β or its bias.
    pub parameters: Vec<Parameter>,
    /// Running moments of the layers with batch normalisation, in the order of the walk.
    pub moments: Vec<Moments>,
}

impl Weights {
    /// Random weights (He et al. 2015, by fan-in), named by a seed.
    pub fn random(architecture: &Architecture, seed: u64) -> Weights {
        let mut rng = Rng::new(&[seed, 0x1417]);
        let mut weights = Weights { architecture: architecture.clone(), parameters: Vec::new(), moments: Vec::new() };
        for layer in architecture.layers() {
            let deviation = match layer.kind {
                Kind::Output => 0.01,
                _ => (2.0 / layer.fan_in() as f32).sqrt(),
            };
            let count = layer.fan_in() * layer.outputs;
            let mut push = |role, values| {
                weights.parameters.push(Parameter { layer: layer.name.clone(), role, values });
            };
            push(Role::Weight, (0..count).map(|_| rng.normal() * deviation).collect());
            if layer.kind == Kind::Output {
                let bias = if layer.name.ends_with("classes") { CLASS_BIAS } else { BOX_BIAS };
                push(Role::Bias, vec![bias; layer.outputs]);
            } else {
                push(Role::Gamma, vec![1.0; layer.outputs]);
                push(Role::Beta, vec![0.0; layer.outputs]);
                weights.moments.push(Moments { mean: vec![0.0; layer.outputs], variance: vec![1.0; layer.outputs] });
            }
        }
        weights
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.values.len()).sum()
    }

    /// Moves the running moments towards those of a batch of `count` values a channel: `share` of the way. The batch's
    /// variance is biased; the running one is not.
    pub fn observe(&mut self, layer: usize, batch: &Moments, count: usize, share: f32) {
        let unbias = count as f32 / (count.max(2) - 1) as f32;
        let running = &mut self.moments[layer];
        for (r, &b) in running.mean.iter_mut().zip(&batch.mean) {
            *r += share * (b - *r);
        }
        for (r, &b) in running.variance.iter_mut().zip(&batch.variance) {
            *r += share * (b * unbias - *r);
        }
    }

    /// A number that stands for these weights: the CRC-32 of all their bytes.
    pub fn crc32(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        let arrays = self.parameters.iter().map(|p| &p.values);
        for values in arrays.chain(self.moments.iter().flat_map(|m| [&m.mean, &m.variance])) {
            for value in values {
                hasher.update(&value.to_le_bytes());
            }
        }
        hasher.finalize()
    }
}

/// Parameters of one layer, by role, as [`Weights::parameters`] holds them.
pub(super) fn of_layer<'a>(weights: &'a Weights, layer: &'a Layer) -> impl Iterator<Item = &'a Parameter> {
    weights.parameters.iter().filter(move |parameter| parameter.layer == layer.name)
}
