//! Networks with fewer channels than their architecture has, and what of their weights is left.

use std::collections::{BTreeMap, HashMap};

use super::builder::{Builder, ShapeError};
use super::network::{Convolution, Network, Node, Op};
use super::weights::{Moments, Parameter, Role, Weights, parts};

impl Network {
    /// The same network with these numbers of channels for the outputs of some convolutions, by name; whatever follows takes what it
    /// is given.
    ///
    /// # Errors
    /// Names a layer that is not there, that has no channels of its own (a depthwise convolution, an answer), or that does
    /// not fit any more.
    pub fn narrowed(self, channels: &BTreeMap<String, usize>) -> Result<Network, ShapeError> {
        if channels.is_empty() {
            return Ok(self);
        }
        let answers = self.answers();
        for (name, &count) in channels {
            let refuse = |reason: &str| Err(ShapeError { name: name.clone(), reason: reason.into() });
            let free = |place: &usize| self.nodes[*place].name == *name && !answers.contains(place);
            let conv = (0..self.nodes.len()).find(free).and_then(|place| self.nodes[place].convolution());
            match conv {
                None => return refuse("channels are said of it, but no convolution within the network has its name"),
                Some(conv) if conv.depthwise => return refuse("it is depthwise and has the channels that it is given"),
                Some(_) if !(1..=8192).contains(&count) => return refuse("it must have from 1 to 8192 channels"),
                Some(_) => {}
            }
        }
        let mut builder = Builder::new(self.input());
        for node in self.nodes.into_iter().skip(1) {
            let inputs = builder.shape(node.inputs[0]).channels;
            let op = match node.op {
                Op::Convolve(conv) => {
                    let own = channels.get(&node.name).copied().unwrap_or(conv.outputs);
                    let outputs = if conv.depthwise { inputs } else { own };
                    Op::Convolve(Convolution { inputs, outputs, ..conv })
                }
                other => other,
            };
            builder.add(node.name, op, &node.inputs)?;
        }
        Ok(builder.finish(self.head))
    }
}

impl Weights {
    /// What is left of the weights where each named convolution keeps some of its outputs, by their places in rising order.
    ///
    /// # Errors
    /// As [`Network::narrowed`].
    pub fn narrowed(&self, left: &BTreeMap<String, Vec<usize>>) -> Result<Weights, ShapeError> {
        let channels = left.iter().map(|(name, places)| (name.clone(), places.len())).collect();
        let network = self.network.clone().narrowed(&channels)?;
        let moments: HashMap<String, &Moments> = self
            .network
            .nodes
            .iter()
            .flat_map(parts)
            .filter(|part| part.normalised)
            .map(|part| part.name)
            .zip(&self.moments)
            .collect();
        let mut narrow = Weights { network: network.clone(), parameters: Vec::new(), moments: Vec::new() };
        let mut kept: Vec<Vec<usize>> = Vec::with_capacity(network.nodes.len());
        for (node, old) in network.nodes.iter().zip(&self.network.nodes) {
            let inputs = node.inputs.first().map_or_else(Vec::new, |place| kept[*place].clone());
            let outputs = match old.convolution() {
                Some(conv) if !conv.depthwise => {
                    left.get(&node.name).cloned().unwrap_or_else(|| (0..conv.outputs).collect())
                }
                _ if node.op == Op::Picture => (0..node.shape.channels).collect(),
                _ => inputs.clone(),
            };
            self.cut_node(node, old, &inputs, &outputs, &moments, &mut narrow);
            kept.push(outputs);
        }
        Ok(narrow)
    }

    fn cut_node(
        &self,
        node: &Node,
        old: &Node,
        inputs: &[usize],
        outputs: &[usize],
        moments: &HashMap<String, &Moments>,
        narrow: &mut Weights,
    ) {
        let pick =
            |values: &[f32]| -> Vec<f32> { outputs.iter().filter_map(|place| values.get(*place).copied()).collect() };
        for part in parts(node) {
            let channels = outputs.len();
            let mut push = |role, shape: [usize; 2], values: Vec<f32>| {
                narrow.parameters.push(Parameter { layer: part.name.clone(), role, shape, values });
            };
            if let (Some(conv), Some(before)) = (&part.convolution, old.convolution()) {
                let all = self.values(&part.name, Role::Weight);
                let [rows, _] = conv.weight_shape();
                let (each, whole) = if conv.depthwise { (1, 1) } else { (inputs.len(), before.inputs) };
                let mut values = Vec::with_capacity(rows * channels);
                for row in 0..rows {
                    let input = if conv.depthwise { 0 } else { inputs[row % each] };
                    let start = (row / each * whole + input) * before.outputs;
                    values.extend(pick(&all[start..start + before.outputs]));
                }
                push(Role::Weight, [rows, channels], values);
            }
            if !part.normalised {
                push(Role::Bias, [1, channels], pick(self.values(&part.name, Role::Bias)));
                continue;
            }
            // An identity that the wider network did not have starts as nothing.
            let known = moments.get(&part.name);
            let or_none = |values: Vec<f32>| if known.is_some() { values } else { vec![0.0; channels] };
            push(Role::Gamma, [1, channels], or_none(pick(self.values(&part.name, Role::Gamma))));
            push(Role::Beta, [1, channels], or_none(pick(self.values(&part.name, Role::Beta))));
            narrow.moments.push(match known {
                Some(known) => Moments { mean: pick(&known.mean), variance: pick(&known.variance) },
                None => Moments { mean: vec![0.0; channels], variance: vec![1.0; channels] },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sample;
    use crate::nets::{Architecture, Block, Family, Folded, Shape, predict};

    /// Widths and blocks of every kind, with channels that do nothing taken out.
    #[test]
    fn without_what_does_nothing_networks_answer_the_same() {
        let detector = Architecture {
            widths: vec![8, 8, 16, 16, 16],
            depths: vec![0, 1, 0, 0],
            neck: 16,
            head: 1,
            ..Architecture::default()
        };
        let classifier = Architecture {
            family: Family::Classifier,
            block: Block::Branched,
            widths: vec![8, 12, 16],
            depths: vec![1, 0],
            stem: 1,
            ..Architecture::default()
        };
        let perceptron = Architecture { family: Family::Perceptron, widths: vec![12, 9], ..Architecture::default() };
        let cases = [
            (detector, vec!["stem", "stage2.1.pointwise", "head8.0.pointwise"]),
            (classifier, vec!["stem", "stage2.0.dense"]),
            (perceptron, vec!["hidden1", "hidden2"]),
        ];
        for (architecture, names) in cases {
            let network = architecture.build(Shape { height: 32, width: 32, channels: 3 }, 3).expect("it fits");
            let mut weights = Weights::random(&network, 4);
            let mut left = BTreeMap::new();
            for name in names {
                let outputs = network.node(name).and_then(|node| node.convolution()).expect("a convolution").outputs;
                left.insert(name.to_owned(), (0..outputs).filter(|place| place % 3 != 1).collect::<Vec<_>>());
                let dead = weights.parameters.iter_mut().filter(|p| p.layer.split('/').next() == Some(name));
                for parameter in dead {
                    let columns = parameter.shape[1];
                    parameter
                        .values
                        .iter_mut()
                        .enumerate()
                        .filter(|(i, _)| i % columns % 3 == 1)
                        .for_each(|(_, v)| *v = 0.0);
                }
            }
            let narrow = weights.narrowed(&left).expect("it fits");
            assert!(narrow.count() < weights.count());
            let built = Architecture {
                channels: left.iter().map(|(name, places)| (name.clone(), places.len())).collect(),
                ..architecture
            };
            assert_eq!(built.build(network.input(), 3).expect("it fits"), narrow.network);
            let pixels = (0..32 * 32 * 3).map(|i| (i * 37 % 251) as u8).collect();
            let sample = Sample::rgb(32, 32, pixels);
            let answers = [&weights, &narrow].map(|weights| predict(&Folded::new(weights), &[&sample], |_| ()));
            let numbers =
                |answers: &[crate::nets::Answer]| [answers[0].classes.clone(), answers[0].boxes.clone()].concat();
            for (a, b) in numbers(&answers[0]).iter().zip(numbers(&answers[1])) {
                assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_has_no_channels_of_its_own_is_refused() {
        let of = |name: &str| {
            let channels = BTreeMap::from([(name.to_owned(), 4)]);
            crate::nets::examples::detector(64, 2).narrowed(&channels)
        };
        assert!(of("stem").is_ok());
        for name in ["stage1.0.depthwise", "head8.classes", "neck.merge8", "nowhere"] {
            assert!(of(name).expect_err("refused").to_string().contains(name));
        }
        // A merge adds what no longer has as many channels.
        assert!(of("neck.lateral3").is_err());
    }
}
