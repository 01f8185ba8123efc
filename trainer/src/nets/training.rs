//! The walk that trains: burn tensors with gradients, batch statistics in every normalisation.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use retort_train_ops::{Activation, Window, batch_norm, conv2d, depthwise, upsample2_add};

use super::architecture::{Kind, Layer, Wire};
use super::weights::{EPSILON, Moments, Role, Weights};

/// A parameter as a leaf of the graph.
enum Leaf {
    Matrix(Tensor<2>),
    Vector(Tensor<1>),
}

/// One forward pass. Values are `[batch, height, width, channels]`; the picture is its patches.
pub struct TrainingPass {
    leaves: Vec<Leaf>,
    index: HashMap<(String, Role), usize>,
    /// What the normalisations saw, in the order of the walk: moments, and values a channel.
    pub moments: Vec<(Moments, usize)>,
}

/// Gradients of all parameters, in the order of [`Weights::parameters`].
pub type Gradients = Vec<Vec<f32>>;

impl TrainingPass {
    /// Makes every parameter a leaf on a device with gradients.
    pub fn new(weights: &Weights, device: &Device) -> TrainingPass {
        let mut leaves = Vec::new();
        let mut index = HashMap::new();
        let shapes: HashMap<String, [usize; 2]> =
            weights.architecture.layers().into_iter().map(|layer| (layer.name.clone(), layer.weight_shape())).collect();
        for parameter in &weights.parameters {
            index.insert((parameter.layer.clone(), parameter.role), leaves.len());
            let values = parameter.values.clone();
            leaves.push(match parameter.role {
                Role::Weight => {
                    let data = TensorData::new(values, shapes[&parameter.layer]);
                    Leaf::Matrix(Tensor::from_data(data, device).require_grad())
                }
                _ => {
                    let count = values.len();
                    Leaf::Vector(Tensor::from_data(TensorData::new(values, [count]), device).require_grad())
                }
            });
        }
        TrainingPass { leaves, index, moments: Vec::new() }
    }

    fn leaf(&self, layer: &Layer, role: Role) -> &Leaf {
        &self.leaves[self.index[&(layer.name.clone(), role)]]
    }

    fn matrix(&self, layer: &Layer) -> Tensor<2> {
        match self.leaf(layer, Role::Weight) {
            Leaf::Matrix(tensor) => tensor.clone(),
            Leaf::Vector(_) => unreachable!("weights are matrices"),
        }
    }

    fn vector(&self, layer: &Layer, role: Role) -> Tensor<1> {
        match self.leaf(layer, role) {
            Leaf::Vector(tensor) => tensor.clone(),
            Leaf::Matrix(_) => unreachable!("all but weights are vectors"),
        }
    }

    /// Differentiates the loss with respect to every parameter.
    pub fn gradients(&self, loss: &Tensor<1>) -> Gradients {
        let gradients = loss.backward();
        let values = |data: Option<TensorData>, count: usize| {
            data.and_then(|data| data.try_into_vec::<f32>().ok()).unwrap_or_else(|| vec![0.0; count])
        };
        let gradient = |leaf: &Leaf| match leaf {
            Leaf::Matrix(tensor) => {
                values(tensor.grad(&gradients).map(Tensor::into_data), tensor.shape().num_elements())
            }
            Leaf::Vector(tensor) => {
                values(tensor.grad(&gradients).map(Tensor::into_data), tensor.shape().num_elements())
            }
        };
        self.leaves.iter().map(gradient).collect()
    }
}

/// `x` times a matrix, over the last axis.
pub(super) fn multiply(x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    conv2d(x, weight, Window::square(1, 1))
}

/// `fine` plus `coarse` with every cell repeated twice along both axes.
pub(super) fn merge(fine: Tensor<4>, coarse: Tensor<4>) -> Tensor<4> {
    upsample2_add(fine, coarse)
}

impl Wire for TrainingPass {
    type Value = Tensor<4>;

    fn convolve(&mut self, layer: &Layer, x: &Tensor<4>) -> Tensor<4> {
        let weight = self.matrix(layer);
        let z = match layer.kind {
            Kind::Depthwise { stride } => depthwise(x.clone(), weight, Window::square(3, stride)),
            Kind::Stem | Kind::Pointwise | Kind::Output => multiply(x.clone(), weight),
        };
        if layer.kind == Kind::Output {
            return z + self.vector(layer, Role::Bias).reshape([1, 1, 1, layer.outputs]);
        }
        let [batch, height, width, channels] = z.dims();
        let (gamma, beta) = (self.vector(layer, Role::Gamma), self.vector(layer, Role::Beta));
        let (y, moments) = batch_norm(z, gamma, beta, EPSILON, Activation::Relu6);
        if let Ok(mut mean) = moments.into_data().try_into_vec::<f32>() {
            let variance = mean.split_off(channels);
            self.moments.push((Moments { mean, variance }, batch * height * width));
        }
        y
    }

    fn add(&mut self, _name: &str, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        a.clone() + b.clone()
    }

    fn merge(&mut self, _name: &str, fine: &Tensor<4>, coarse: &Tensor<4>) -> Tensor<4> {
        merge(fine.clone(), coarse.clone())
    }
}
