//! A network's numbers as plain arrays: what is trained, averaged, saved, folded and exported.

use serde::{Deserialize, Serialize};

use super::network::{Bias, Convolution, Head, Network, Node};
use crate::data::Rng;

/// ε of every batch normalisation.
pub const EPSILON: f64 = 1e-5;

/// Initial bias of a detector's classes: every cell starts at a probability of 1 %, so that the many empty cells do not
/// drown the rest at first (Lin et al. 2017, Focal Loss, section 4.1).
const CLASS_BIAS: f32 = -4.6;
/// Initial bias of a detector's boxes: sides at e^0.3 strides.
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
    /// A trained bias.
    Bias,
}

/// One trained array.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name of the layer; a branch that folding merges into it is `LAYER/pointwise` or `LAYER/identity`.
    pub layer: String,
    /// What it is to the layer.
    pub role: Role,
    /// `[rows, columns]`: a weight as in [`Convolution::weight_shape`], all else `[1, channels]`.
    pub shape: [usize; 2],
    /// The values.
    pub values: Vec<f32>,
}

/// Mean and variance of what one normalisation sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Means, one a channel.
    pub mean: Vec<f32>,
    /// Variances, one a channel.
    pub variance: Vec<f32>,
}

/// All of a network's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// What they belong to.
    pub network: Network,
    /// In the order of the walk; each layer's weight before its γ and β or its bias, branches after the layer itself.
    pub parameters: Vec<Parameter>,
    /// Running moments of all normalisations, in the order of the walk.
    pub moments: Vec<Moments>,
}

/// What is trained under one name: a convolution and what follows it, or a normalisation alone.
pub(super) struct Part {
    /// Its name.
    pub name: String,
    /// The convolution; none if the input itself is normalised.
    pub convolution: Option<Convolution>,
    /// Channels out.
    pub outputs: usize,
    /// Whether there are γ, β and moments rather than a bias.
    pub normalised: bool,
}

/// The parts of a node, its branches included; none of a node without parameters.
pub(super) fn parts(node: &Node) -> Vec<Part> {
    let Some(conv) = node.convolution() else { return Vec::new() };
    let part = |name: String, convolution: Option<Convolution>| Part {
        name,
        convolution,
        outputs: conv.outputs,
        normalised: conv.bias == Bias::Normalised,
    };
    let mut parts = vec![part(node.name.clone(), Some(conv.clone()))];
    if conv.branches {
        parts.push(part(format!("{}/pointwise", node.name), Some(conv.pointwise_branch())));
    }
    if conv.has_identity() {
        parts.push(part(format!("{}/identity", node.name), None));
    }
    parts
}

impl Weights {
    /// Random weights (He et al. 2015, by fan-in), named by a seed.
    pub fn random(network: &Network, seed: u64) -> Weights {
        let mut rng = Rng::new(&[seed, 0x1417]);
        let (mut parameters, mut moments) = (Vec::new(), Vec::new());
        for (place, node) in network.nodes.iter().enumerate() {
            for part in parts(node) {
                let outputs = part.outputs;
                let mut push = |role, shape: [usize; 2], values| {
                    parameters.push(Parameter { layer: part.name.clone(), role, shape, values });
                };
                let start = start(network, place);
                if let Some(conv) = &part.convolution {
                    let [rows, columns] = conv.weight_shape();
                    let deviation = start.deviation.unwrap_or((2.0 / rows as f32).sqrt());
                    push(
                        Role::Weight,
                        [rows, columns],
                        (0..rows * columns).map(|_| rng.normal() * deviation).collect(),
                    );
                }
                if part.normalised {
                    push(Role::Gamma, [1, outputs], vec![1.0; outputs]);
                    push(Role::Beta, [1, outputs], vec![0.0; outputs]);
                    moments.push(Moments { mean: vec![0.0; outputs], variance: vec![1.0; outputs] });
                } else {
                    push(Role::Bias, [1, outputs], vec![start.bias; outputs]);
                }
            }
        }
        Weights { network: network.clone(), parameters, moments }
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.values.len()).sum()
    }

    /// The values of a layer's parameter; empty if it has none of the role.
    pub fn values(&self, layer: &str, role: Role) -> &[f32] {
        let found = self.parameters.iter().find(|parameter| parameter.layer == layer && parameter.role == role);
        found.map(|parameter| parameter.values.as_slice()).unwrap_or_default()
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

    /// Every array, parameters first, in an order that depends on the network alone.
    pub fn arrays(&self) -> impl Iterator<Item = &Vec<f32>> {
        let parameters = self.parameters.iter().map(|parameter| &parameter.values);
        parameters.chain(self.moments.iter().flat_map(|moments| [&moments.mean, &moments.variance]))
    }

    /// As [`Weights::arrays`].
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        let parameters = self.parameters.iter_mut().map(|parameter| &mut parameter.values);
        parameters.chain(self.moments.iter_mut().flat_map(|moments| [&mut moments.mean, &mut moments.variance]))
    }

    /// Whether every value is a number.
    pub fn is_finite(&self) -> bool {
        self.arrays().flatten().all(|value| value.is_finite())
    }

    /// A number that stands for these weights: the CRC-32 of all their bytes.
    pub fn crc32(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        self.arrays().flatten().for_each(|value| hasher.update(&value.to_le_bytes()));
        hasher.finalize()
    }
}

/// Where a layer starts.
struct Start {
    /// Deviation of its weights; none for the usual one.
    deviation: Option<f32>,
    bias: f32,
}

fn start(network: &Network, place: usize) -> Start {
    match &network.head {
        Head::Boxes { levels, .. } if levels.iter().any(|level| level.classes == place) => {
            Start { deviation: Some(0.01), bias: CLASS_BIAS }
        }
        Head::Boxes { levels, bins, .. } if levels.iter().any(|level| level.boxes == place) => {
            // All bins alike: sides start in the middle of what they can reach.
            Start { deviation: Some(0.01), bias: if *bins > 0 { 0.0 } else { BOX_BIAS } }
        }
        Head::Classes { logits, .. } if *logits == place => Start { deviation: Some(0.01), bias: 0.0 },
        _ => Start { deviation: None, bias: 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{Architecture, Block, Family, Shape};

    #[test]
    fn branches_have_weights_and_moments_of_their_own() {
        let a = Architecture {
            family: Family::Classifier,
            block: Block::Branched,
            widths: vec![4, 8],
            depths: vec![1],
            stem: 1,
            ..Architecture::default()
        };
        let network = a.build(Shape { height: 8, width: 8, channels: 1 }, 3).expect("it fits");
        let weights = Weights::random(&network, 1);
        // The stage's first block changes the size and so has two branches, its second one three.
        assert_eq!(weights.moments.len(), 1 + 2 + 3);
        assert_eq!(weights.values("stage1.1.dense/identity", Role::Gamma), [1.0; 8]);
        assert!(weights.values("stage1.0.dense/identity", Role::Gamma).is_empty());
        assert_eq!(weights.values("stage1.0.dense/pointwise", Role::Weight).len(), 4 * 8);
        assert_ne!(weights.crc32(), Weights::random(&network, 2).crc32());
    }
}
