//! The board's integers in a training: the same scales, rounding and saturation as in the file that is exported.
//!
//! Values are float tensors that hold whole numbers: stored bytes less their zero points. Weights and biases enter as the
//! integers of [`quantise_weights`]. With q for integers and s for scales, a convolution is
//!
//! q_y = round(min(max((Σ q_x·q_w + q_b)·M, −z_y), 255 − z_y)),  M = s_x·s_w / s_y in f32, one an output channel
//!
//! (Jacob et al. 2018, section 2.2; the float multiplier is that of the runtime). Sums of whole numbers are exact in f32 in
//! any order while they stay below 2²⁴; layers whose weights do not guarantee that are summed in f64. Backward, rounding counts
//! as the identity and saturation lets nothing pass (Bengio et al. 2013): the gradient of a weight is that of its integer divided by
//! its scale. Scales of weights are taken from the weights in every step and are constants to the gradient.
//!
//! Dropout is left out, since what it scales up is no whole number.

use std::collections::HashMap;

use burn::tensor::{FloatDType, Tensor, TensorData};
use retort::quantised;
use retort::tensor::Quantisation;
use retort_train_ops as ops;

use super::ranges::{Scale, quantise_weights};
use super::scales::Scales;
use crate::nets::{Bias, Convolution, FoldedLayer, Network, Node, Op, Parameter, Role, Weights, sums};

/// From here on not every whole number is an f32.
const EXACT: i64 = 1 << 24;

/// All constants of the integers that some weights stand for.
#[derive(Clone, Debug)]
pub struct Simulation {
    network: Network,
    scales: Scales,
    layers: HashMap<String, Layer>,
    /// Whether tensors can be f64 where that is needed; elsewhere sums beyond 2²⁴ are off by their last bit.
    doubles: bool,
}

/// A convolution in integers.
#[derive(Clone, Debug)]
struct Layer {
    /// As f32.
    weight: Vec<f32>,
    /// As f32, rounded where it has to be.
    bias: Vec<f32>,
    /// What rounding took off the bias.
    rest: Vec<f32>,
    /// One scale an output channel, of weights and of biases.
    weight_scales: Vec<f32>,
    bias_scales: Vec<f32>,
    multiplier: Vec<f32>,
    /// Whether sums may be too large for f32.
    wide: bool,
}

impl Layer {
    fn new(layer: &FoldedLayer, x: Scale, y: Scale) -> Layer {
        let integers = quantise_weights(layer, x);
        let outputs = layer.convolution.outputs;
        let mut most = vec![0i64; outputs];
        for row in integers.weight.chunks_exact(outputs) {
            most.iter_mut().zip(row).for_each(|(most, &weight)| *most += i64::from(weight).abs());
        }
        let largest = i64::from(x.zero.max(255 - x.zero));
        let rounded = |bias: &i32| *bias as f32;
        let rest = |bias: &i32| (i64::from(*bias) - *bias as f32 as i64) as f32;
        let rest: Vec<f32> = integers.bias.iter().map(rest).collect();
        Layer {
            wide: most.iter().any(|most| most * largest >= EXACT) || rest.iter().any(|&rest| rest != 0.0),
            weight: integers.weight.iter().map(|&weight| f32::from(weight)).collect(),
            bias: integers.bias.iter().map(rounded).collect(),
            rest,
            bias_scales: integers.scales.iter().map(|scale| x.scale * scale).collect(),
            multiplier: quantised::multipliers(x.scale, &integers.scales, y.scale),
            weight_scales: integers.scales,
        }
    }
}

impl Simulation {
    /// The integers of `weights`, whose network has no normalisations ([`Folded::weights`](crate::nets::Folded::weights)).
    /// `doubles` is whether the device computes in f64.
    ///
    /// # Panics
    /// If the scales are of another network.
    pub fn new(weights: &Weights, scales: &Scales, doubles: bool) -> Simulation {
        let network = &weights.network;
        let layer = |(node, convolution): (&Node, &Convolution)| {
            debug_assert!(convolution.bias == Bias::Plain, "fold a network before it is simulated");
            let values = |role| weights.values(&node.name, role).to_vec();
            let folded = FoldedLayer {
                name: node.name.clone(),
                convolution: convolution.clone(),
                weight: values(Role::Weight),
                bias: values(Role::Bias),
            };
            let x = scales.of(&network.nodes[node.inputs[0]]);
            (node.name.clone(), Layer::new(&folded, x, scales.of(node)))
        };
        let layers = network.convolutions().map(layer).collect();
        Simulation { network: network.clone(), scales: scales.clone(), layers, doubles }
    }

    /// The integers that stand for a parameter; none of what only helps a loss, which stays in floats.
    pub fn integers(&mut self, parameter: &Parameter) -> Option<Vec<f32>> {
        let layer = self.layers.get_mut(&parameter.layer)?;
        match parameter.role {
            Role::Weight => Some(std::mem::take(&mut layer.weight)),
            Role::Bias => Some(std::mem::take(&mut layer.bias)),
            Role::Gamma | Role::Beta => None,
        }
    }

    /// Turns the gradient with respect to a parameter's integers into that with respect to the parameter.
    pub fn gradient(&self, parameter: &Parameter, gradient: &mut [f32]) {
        let Some(layer) = self.layers.get(&parameter.layer) else { return };
        let scales = if parameter.role == Role::Weight { &layer.weight_scales } else { &layer.bias_scales };
        for row in gradient.chunks_exact_mut(scales.len()) {
            row.iter_mut().zip(scales).for_each(|(gradient, scale)| *gradient /= scale);
        }
    }

    /// A picture in bytes, as the runtime quantises it.
    pub fn picture(&self, picture: Tensor<4>) -> Tensor<4> {
        let (shape, device) = (picture.dims(), picture.device());
        let Scale { scale, zero } = Scale::PICTURE;
        let to = Quantisation { scale, zero_point: zero.into() };
        let mut values = picture.into_data().try_into_vec::<f32>().unwrap_or_default();
        values.iter_mut().for_each(|value| *value = f32::from(quantised::quantise(*value, to)) - f32::from(zero));
        Tensor::from_data(TensorData::new(values, shape), &device)
    }

    /// The reals that the values of all nodes stand for.
    pub fn reals(&self, values: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        self.network.nodes.iter().zip(values).map(|(node, value)| value * self.scales.of(node).scale).collect()
    }

    /// A node's value, given those of its inputs and, for a convolution, its integers.
    pub fn node(&self, node: &Node, inputs: &[&Tensor<4>], leaf: impl Fn(Role) -> Tensor<2>) -> Tensor<4> {
        let x = inputs[0].clone();
        let from = |place: usize| self.scales.of(&self.network.nodes[node.inputs[place]]);
        let y = self.scales.of(node);
        match &node.op {
            Op::Picture | Op::Dropout(_) => x,
            Op::Convolve(conv) => self.convolve(conv, &self.layers[&node.name], x, leaf, y),
            Op::MaxPool(size) => {
                ops::max_pool(x, ops::Window { kernel: [*size; 2], stride: [*size; 2], padding: [0; 2] })
            }
            Op::GlobalAverage => self.mean(x, from(0), y),
            Op::Add(_) => sum(x, inputs[1].clone(), [from(0), from(1)], y),
            Op::Merge => sum(x, ops::upsample2(inputs[1].clone()), [from(0), from(1)], y),
        }
    }

    fn convolve(
        &self,
        conv: &Convolution,
        layer: &Layer,
        x: Tensor<4>,
        leaf: impl Fn(Role) -> Tensor<2>,
        y: Scale,
    ) -> Tensor<4> {
        let device = x.device();
        let constant =
            |values: &[f32]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &device);
        let (weight, bias) = (leaf(Role::Weight), leaf(Role::Bias).reshape([conv.outputs]));
        let (x, bias) = if layer.wide && self.doubles {
            let exact = sums(conv, x.cast(FloatDType::F64), weight.cast(FloatDType::F64));
            let bias = bias.cast(FloatDType::F64) + constant(&layer.rest).cast(FloatDType::F64);
            let exact = exact + bias.unsqueeze::<4>();
            (exact.cast(FloatDType::F32), constant(&vec![0.0; conv.outputs]))
        } else {
            (sums(conv, x, weight), bias)
        };
        ops::requantise(x, bias, constant(&layer.multiplier), bounds(y))
    }

    fn mean(&self, x: Tensor<4>, from: Scale, y: Scale) -> Tensor<4> {
        let ([batch, height, width, channels], device) = (x.dims(), x.device());
        let count = height * width;
        let rows = x.reshape([batch, count, channels]);
        let sum = if count as i64 * 255 >= EXACT && self.doubles {
            rows.cast(FloatDType::F64).sum_dim(1).cast(FloatDType::F32)
        } else {
            rows.sum_dim(1)
        };
        let multiplier = quantised::global_average_multiplier(from.scale, y.scale, count);
        let constant = |value: f32| Tensor::<1>::full([channels], value, &device);
        ops::requantise(sum.reshape([batch, 1, 1, channels]), constant(0.0), constant(multiplier), bounds(y))
    }
}

/// What stored bytes lie between, less their zero point.
fn bounds(scale: Scale) -> (f32, f32) {
    let zero = f32::from(scale.zero);
    (-zero, 255.0 - zero)
}

/// A sum by the runtime's rule, which is about stored bytes.
fn sum(a: Tensor<4>, b: Tensor<4>, [from_a, from_b]: [Scale; 2], y: Scale) -> Tensor<4> {
    let of = |scale: Scale| Quantisation { scale: scale.scale, zero_point: scale.zero.into() };
    let (a_factor, b_factor, offset) = quantised::add_constants(of(from_a), of(from_b), of(y), 0);
    let sum = ops::Sum {
        factors: [a_factor, b_factor],
        zeros: [from_a, from_b].map(|scale| f32::from(scale.zero)),
        offset,
        bounds: (0.0, 255.0),
        zero: f32::from(y.zero),
    };
    ops::requantised_sum(a, b, sum)
}
