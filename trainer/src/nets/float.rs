//! The walk that runs a folded network in f32, and lets someone watch the values go by.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::folded::Folded;
use super::maps::{Answer, split};
use super::network::{Node, Op, Wire};
use super::training::{biased, plain};
use crate::data::Sample;

/// Pictures run at once.
const BATCH: usize = 8;

/// One forward pass without gradients. `watch` is shown every value under the name of the node that made it.
pub struct FloatPass<'a, F: FnMut(&str, &[f32])> {
    layers: HashMap<&'a str, (Tensor<2>, Tensor<1>)>,
    watch: F,
}

impl<'a, F: FnMut(&str, &[f32])> FloatPass<'a, F> {
    /// Prepares the layers of `folded`.
    pub fn new(folded: &'a Folded, watch: F) -> Self {
        let device = Device::flex();
        let layers = folded.layers.iter().map(|layer| {
            let weight = TensorData::new(layer.weight.clone(), layer.convolution.weight_shape());
            let bias = TensorData::new(layer.bias.clone(), [layer.bias.len()]);
            (layer.name.as_str(), (Tensor::from_data(weight, &device), Tensor::from_data(bias, &device)))
        });
        FloatPass { layers: layers.collect(), watch }
    }
}

impl<F: FnMut(&str, &[f32])> Wire for FloatPass<'_, F> {
    type Value = Tensor<4>;

    fn node(&mut self, node: &Node, inputs: &[&Tensor<4>]) -> Tensor<4> {
        let y = match &node.op {
            Op::Convolve(conv) => {
                let (weight, bias) = self.layers[node.name.as_str()].clone();
                biased(conv, conv.activation, inputs[0].clone(), weight, bias)
            }
            other => plain(other, inputs),
        };
        if let Ok(values) = y.to_data().as_slice::<f32>() {
            (self.watch)(&node.name, values);
        }
        y
    }
}

/// Runs pictures of the network's size through it; `done` is called with the number finished, from any thread.
pub fn predict(folded: &Folded, samples: &[&Sample], done: impl Fn(usize) + Sync) -> Vec<Answer> {
    let batches = samples.par_chunks(BATCH).map(|samples| {
        let mut pass = FloatPass::new(folded, |_, _| ());
        let answers = run(folded, samples, &mut pass);
        done(samples.len());
        answers
    });
    batches.flatten().collect()
}

/// Runs one batch through a pass.
pub fn run<F: FnMut(&str, &[f32])>(folded: &Folded, samples: &[&Sample], pass: &mut FloatPass<'_, F>) -> Vec<Answer> {
    let shape = folded.network.input();
    let values: Vec<f32> = samples.iter().flat_map(|sample| sample.values()).collect();
    let shape = [samples.len(), shape.height, shape.width, shape.channels];
    let picture = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
    let values = folded.network.walk(pass, picture);
    split(&folded.network, &values, samples.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{Activation, Architecture, Block, Family, Shape, TrainingPass, Weights};

    /// With the batch's own moments as running moments, the folded network computes what the training pass does.
    #[test]
    fn folding_keeps_the_function() {
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
            widths: vec![8, 8, 16],
            depths: vec![1, 1],
            stem: 1,
            residual: true,
            activation: Activation::Relu,
            ..Architecture::default()
        };
        let perceptron =
            Architecture { family: Family::Perceptron, widths: vec![12, 9], dropout: 0.5, ..Architecture::default() };
        for (architecture, channels) in [(detector, 3), (classifier, 1), (perceptron, 1)] {
            let shape = Shape { height: 32, width: 64, channels };
            let network = architecture.build(shape, 3).expect("it fits");
            let mut weights = Weights::random(&network, 5);
            for (i, parameter) in weights.parameters.iter_mut().enumerate() {
                parameter.values.iter_mut().enumerate().for_each(|(j, v)| *v += 0.1 * ((i * 7 + j) as f32).sin());
            }
            let pixels = |seed: usize| (0..shape.len()).map(|i| ((i * 37 + seed * 11) % 251) as u8).collect();
            let sample = |seed| Sample { width: 64, height: 32, channels, pixels: pixels(seed), ..Sample::default() };
            let samples = [sample(1), sample(2)];
            let samples: Vec<&Sample> = samples.iter().collect();
            let values: Vec<f32> = samples.iter().flat_map(|sample| sample.values()).collect();
            let device = Device::flex().autodiff();
            let pictures = Tensor::from_data(TensorData::new(values, [2, 32, 64, channels]), &device);
            let mut pass = TrainingPass::new(&mut weights, &device, None);
            let trained = split(&network, &pass.run(&network, pictures), 2);
            weights.moments = pass.finish(&mut weights).into_iter().map(|(moments, _)| moments).collect();
            let folded = predict(&Folded::new(&weights), &samples, |_| ());
            for (a, b) in trained.iter().zip(&folded) {
                assert_eq!(a.classes.len(), network.points().max(1) * 3);
                for (a, b) in a.classes.iter().chain(&a.boxes).zip(b.classes.iter().chain(&b.boxes)) {
                    assert!((a - b).abs() < 3e-3 * b.abs().max(1.0), "{a} {b}");
                }
            }
        }
    }
}
