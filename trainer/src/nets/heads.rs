//! The heads of a trained detector, held fixed: what they say of another network's maps.
//!
//! A student whose maps go through its teacher's heads is judged by one who knows how to read them, and its own heads are left to
//! the labels (Wang et al. 2024, CrossKD, section 3.2).

use burn::tensor::{Tensor, TensorData};

use super::folded::{Folded, FoldedLayer};
use super::network::{Level, Network, Node, Op};
use super::training::{biased, plain};

/// Share of a head's layers that lie before the place where maps change over: three of five in the paper, which found it best.
const BEFORE: f32 = 0.6;

/// The rest of one level's head.
#[derive(Clone, Debug, PartialEq)]
struct Rest {
    /// The node whose map another network's stands in for.
    entry: usize,
    /// Places of the nodes after it, in order.
    nodes: Vec<usize>,
}

/// The ends of a detector's heads, with weights that nobody trains.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedHeads {
    network: Network,
    rests: Vec<Rest>,
    layers: Vec<FoldedLayer>,
}

impl FixedHeads {
    /// The heads of a detector; none of a classifier.
    pub fn new(folded: &Folded) -> Option<FixedHeads> {
        let network = folded.network.clone();
        let rest = |(level, entry): (&Level<usize>, usize)| {
            let of_level = |place: &usize| network.nodes[*place].name.starts_with(&format!("head{}.", level.stride));
            Rest { entry, nodes: (entry + 1..network.nodes.len()).filter(of_level).collect() }
        };
        let rests: Vec<Rest> = network.levels().iter().zip(changeovers(&network)).map(rest).collect();
        let used = |layer: &&FoldedLayer| {
            rests.iter().flat_map(|rest| &rest.nodes).any(|&place| network.nodes[place].name == layer.name)
        };
        let layers = folded.layers.iter().filter(used).cloned().collect();
        (!rests.is_empty()).then_some(FixedHeads { network, rests, layers })
    }

    /// The detector that they are of.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Channels that maps must have, level by level.
    pub fn channels(&self) -> Vec<usize> {
        self.rests.iter().map(|rest| self.network.nodes[rest.entry].shape.channels).collect()
    }

    /// Classes and boxes that the heads read off `maps`, level by level. Gradients go through to the maps.
    pub fn read(&self, maps: &[Tensor<4>]) -> Vec<[Tensor<4>; 2]> {
        let levels = self.network.levels().iter().zip(&self.rests).zip(maps);
        levels.map(|((level, rest), map)| self.level(level, rest, map)).collect()
    }

    fn level(&self, level: &Level<usize>, rest: &Rest, map: &Tensor<4>) -> [Tensor<4>; 2] {
        let mut values = vec![(rest.entry, map.clone())];
        let find = |values: &[(usize, Tensor<4>)], wanted: usize| {
            let found = values.iter().find(|(place, _)| *place == wanted);
            found.map_or_else(|| map.clone(), |(_, value)| value.clone())
        };
        for &place in &rest.nodes {
            let node = &self.network.nodes[place];
            let inputs: Vec<Tensor<4>> = node.inputs.iter().map(|&input| find(&values, input)).collect();
            values.push((place, self.node(node, &inputs)));
        }
        [level.classes, level.boxes].map(|answer| find(&values, answer))
    }

    fn node(&self, node: &Node, inputs: &[Tensor<4>]) -> Tensor<4> {
        let layer = self.layers.iter().find(|layer| layer.name == node.name);
        let (Op::Convolve(conv), Some(layer)) = (&node.op, layer) else {
            return plain(&node.op, &inputs.iter().collect::<Vec<_>>());
        };
        let device = inputs[0].device();
        let weight = TensorData::new(layer.weight.clone(), layer.convolution.weight_shape());
        let bias = TensorData::new(layer.bias.clone(), [layer.bias.len()]);
        let (weight, bias) = (Tensor::from_data(weight, &device), Tensor::from_data(bias, &device));
        biased(&layer.convolution, conv.activation, inputs[0].clone(), weight, bias)
    }
}

/// Where maps change over to another detector's heads, level by level: about three fifths along each head, but before its answers.
pub fn changeovers(network: &Network) -> Vec<usize> {
    let changeover = |level: &Level<usize>| {
        let maps = along(network, level);
        let layers = maps.len() as f32;
        maps[((BEFORE * layers).round() as usize).min(maps.len() - 1)]
    };
    network.levels().iter().map(changeover).collect()
}

/// The map that a level's head begins with, and the one after each of its blocks.
fn along(network: &Network, level: &Level<usize>) -> Vec<usize> {
    let mut maps = Vec::new();
    for (place, node) in network.nodes.iter().enumerate() {
        let rest = node.name.strip_prefix(&format!("head{}.", level.stride));
        let block: Option<usize> = rest.and_then(|rest| rest.split('.').next()?.parse().ok());
        let Some(block) = block else { continue };
        if maps.is_empty() {
            maps.push(node.inputs[0]);
        }
        maps.truncate(block + 1);
        maps.push(place);
    }
    if maps.is_empty() {
        maps.push(network.nodes[level.classes].inputs[0]);
    }
    maps
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::super::{Architecture, Shape, TrainingPass, Weights};
    use super::*;

    fn weights(head: usize, residual: bool) -> Weights {
        let a =
            Architecture { widths: vec![8; 5], depths: vec![0; 4], neck: 8, head, residual, ..Architecture::default() };
        let network = a.build(Shape { height: 32, width: 32, channels: 3 }, 2).expect("it fits");
        Weights::random(&network, 3)
    }

    #[test]
    fn maps_change_over_three_fifths_along_the_head() {
        let names = |head, residual| -> Vec<String> {
            let network = weights(head, residual).network;
            changeovers(&network).into_iter().map(|place| network.nodes[place].name.clone()).collect()
        };
        assert_eq!(names(0, false), ["neck.level8.pointwise", "neck.level16.pointwise"]);
        assert_eq!(names(1, true), ["head8.0.sum", "head16.0.sum"]);
        assert_eq!(names(2, false), ["head8.1.pointwise", "head16.1.pointwise"]);
        assert_eq!(names(4, false)[0], "head8.2.pointwise", "three of four blocks and the answers");
    }

    #[test]
    fn a_detectors_own_maps_give_its_own_answers() {
        for head in [0, 1, 4] {
            let trained = weights(head, true);
            let network = &trained.network;
            let device = Device::flex().autodiff();
            let mut rng = crate::data::Rng::new(&[7]);
            let pixels: Vec<f32> = (0..2 * network.input().len()).map(|_| rng.range(0.0, 1.0)).collect();
            let folded = Folded::new(&trained);
            let mut plain = folded.weights();
            let plain_network = plain.network.clone();
            let mut pass = TrainingPass::new(&mut plain, &device, None);
            let pictures = Tensor::from_data(TensorData::new(pixels, [2, 32, 32, 3]), &device);
            let values = pass.run(&plain_network, pictures);
            let heads = FixedHeads::new(&folded).expect("a detector");
            let maps: Vec<Tensor<4>> = changeovers(network).into_iter().map(|place| values[place].clone()).collect();
            assert_eq!(heads.channels(), [8, 8]);
            for (read, level) in heads.read(&maps).into_iter().zip(network.levels()) {
                for (read, own) in read.into_iter().zip([level.classes, level.boxes]) {
                    assert_eq!(read.into_data(), values[own].clone().into_data(), "{head} blocks");
                }
            }
            // What they say depends on the maps, and gradients reach what made those.
            let loss = heads.read(&maps).into_iter().flatten().map(|map| map.powi_scalar(2).sum()).reduce(|a, b| a + b);
            let (gradients, _) = pass.gradients(loss.expect("answers").reshape([1]), &mut plain);
            let stem = plain.parameters.iter().position(|parameter| parameter.layer == "stem").expect("there");
            assert!(gradients[stem].iter().any(|&gradient| gradient != 0.0));
            let answers = plain.parameters.iter().position(|p| p.layer == "head8.classes").expect("there");
            assert!(gradients[answers].iter().all(|&gradient| gradient == 0.0), "the heads are held fixed");
        }
        let classifier = Weights::random(&super::super::examples::perceptron(3), 1);
        assert!(FixedHeads::new(&Folded::new(&classifier)).is_none());
    }
}
