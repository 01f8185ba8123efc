//! The walk that runs a folded detector in f32, and lets someone watch the values go by.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use retort_train_ops::{Window, depthwise};

use super::architecture::{Kind, Layer, Level, Wire};
use super::folded::Folded;
use super::maps::Maps;
use super::training::{merge, multiply};
use crate::data::{Jitter, PATCH, Sample, patches};

/// Pictures run at once.
const BATCH: usize = 8;

/// One forward pass without gradients. `watch` is shown every value under the name of the layer or merge that made it.
pub struct FloatPass<'a, F: FnMut(&str, &[f32])> {
    layers: HashMap<&'a str, (Tensor<2>, Tensor<4>)>,
    watch: F,
}

impl<'a, F: FnMut(&str, &[f32])> FloatPass<'a, F> {
    /// Prepares the layers of `folded`.
    pub fn new(folded: &'a Folded, watch: F) -> Self {
        let device = Device::flex();
        let layers = folded.layers.iter().map(|layer| {
            let weight = TensorData::new(layer.weight.clone(), layer.layer.weight_shape());
            let bias = TensorData::new(layer.bias.clone(), [1, 1, 1, layer.bias.len()]);
            let tensors = (Tensor::from_data(weight, &device), Tensor::from_data(bias, &device));
            (layer.layer.name.as_str(), tensors)
        });
        FloatPass { layers: layers.collect(), watch }
    }

    fn show(&mut self, name: &str, value: &Tensor<4>) {
        if let Ok(values) = value.to_data().as_slice::<f32>() {
            (self.watch)(name, values);
        }
    }
}

impl<F: FnMut(&str, &[f32])> Wire for FloatPass<'_, F> {
    type Value = Tensor<4>;

    fn convolve(&mut self, layer: &Layer, x: &Tensor<4>) -> Tensor<4> {
        let (weight, bias) = self.layers[layer.name.as_str()].clone();
        let z = match layer.kind {
            Kind::Depthwise { stride } => depthwise(x.clone(), weight, Window::square(3, stride)),
            Kind::Stem | Kind::Pointwise | Kind::Output => multiply(x.clone(), weight),
        };
        let y = z + bias;
        let y = if layer.kind == Kind::Output { y } else { y.clamp(0.0, 6.0) };
        self.show(&layer.name, &y);
        y
    }

    fn add(&mut self, name: &str, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        let y = a.clone() + b.clone();
        self.show(name, &y);
        y
    }

    fn merge(&mut self, name: &str, fine: &Tensor<4>, coarse: &Tensor<4>) -> Tensor<4> {
        let y = merge(fine.clone(), coarse.clone());
        self.show(name, &y);
        y
    }
}

/// Runs pictures of the detector's size through it; `done` is called with the number finished, from any thread.
pub fn predict(folded: &Folded, samples: &[&Sample], done: impl Fn(usize) + Sync) -> Vec<Maps> {
    let batches = samples.par_chunks(BATCH).map(|samples| {
        let mut pass = FloatPass::new(folded, |_, _| ());
        let maps = run(folded, samples, &mut pass);
        done(samples.len());
        maps
    });
    batches.flatten().collect()
}

/// Runs one batch through a pass.
pub fn run<F: FnMut(&str, &[f32])>(folded: &Folded, samples: &[&Sample], pass: &mut FloatPass<'_, F>) -> Vec<Maps> {
    let side = folded.architecture.input;
    let mut values = Vec::new();
    for sample in samples {
        patches(&sample.pixels, side, Jitter::default(), &mut values);
    }
    let shape = [samples.len(), side / 2, side / 2, PATCH];
    let picture = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
    let levels = folded.architecture.wire(pass, &picture);
    split(&levels, samples.len())
}

/// Takes the levels of a batch apart into the maps of each picture.
fn split(levels: &[Level<Tensor<4>>], pictures: usize) -> Vec<Maps> {
    let mut maps = vec![Maps { classes: Vec::new(), boxes: Vec::new() }; pictures];
    for level in levels {
        for (tensor, boxes) in [(&level.classes, false), (&level.boxes, true)] {
            let Ok(values) = tensor.to_data().try_into_vec::<f32>() else { continue };
            for (maps, values) in maps.iter_mut().zip(values.chunks_exact(values.len() / pictures.max(1))) {
                if boxes { maps.boxes.extend(values) } else { maps.classes.extend(values) }
            }
        }
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Split};
    use crate::nets::{Architecture, TrainingPass, Weights};

    /// With the batch's own moments as running moments, the folded network computes what the training pass does.
    #[test]
    fn folding_keeps_the_function() {
        let architecture = Architecture {
            input: 64,
            classes: 3,
            widths: [8, 8, 16, 16, 16],
            depths: [0, 1, 0, 0],
            neck: 16,
            head: 1,
            residual: false,
        };
        let mut weights = Weights::random(&architecture, 5);
        for (i, parameter) in weights.parameters.iter_mut().enumerate() {
            parameter.values.iter_mut().enumerate().for_each(|(j, v)| *v += 0.1 * ((i * 7 + j) as f32).sin());
        }
        let data = Dataset::draw(1, Split::Test, 2, 64, || ());
        let samples: Vec<&Sample> = data.samples.iter().collect();
        let mut values = Vec::new();
        samples.iter().for_each(|sample| patches(&sample.pixels, 64, Jitter::default(), &mut values));
        let device = Device::flex().autodiff();
        let picture = Tensor::from_data(TensorData::new(values, [2, 32, 32, PATCH]), &device);
        let mut pass = TrainingPass::new(&weights, &device);
        let trained = split(&architecture.wire(&mut pass, &picture), 2);
        weights.moments = pass.moments.iter().map(|(moments, _)| moments.clone()).collect();
        let folded = predict(&Folded::new(&weights), &samples, |_| ());
        for (a, b) in trained.iter().zip(&folded) {
            assert_eq!(a.classes.len(), architecture.points() * 3);
            for (a, b) in a.classes.iter().chain(&a.boxes).zip(b.classes.iter().chain(&b.boxes)) {
                assert!((a - b).abs() < 2e-3, "{a} {b}");
            }
        }
    }
}
