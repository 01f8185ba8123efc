//! The walk that trains: burn tensors with gradients, batch statistics in every normalisation.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use retort_train_ops as ops;

use super::network::{Activation, Convolution, Network, Node, Op, Wire};
use super::weights::{EPSILON, Moments, Parameter, Part, Role, Weights, parts};
use crate::data::Rng;
use crate::quantise::{Scales, Simulation};

/// Gradients of all parameters, in the order of [`Weights::parameters`].
pub type Gradients = Vec<Vec<f32>>;

/// One forward pass. Values are `[batch, height, width, channels]`.
///
/// It borrows the parameters' values from the weights, which are empty in the meantime, so that a step copies none of them;
/// [`TrainingPass::gradients`] gives them back.
pub struct TrainingPass {
    leaves: Vec<Tensor<2>>,
    /// The values themselves where the leaves lie in another memory, from which nobody wants to read them back.
    kept: Option<Vec<Vec<f32>>>,
    index: HashMap<(String, Role), usize>,
    /// What the normalisations saw, in the order of the walk: moments, and values a channel.
    pub moments: Vec<(Moments, usize)>,
    /// What names the values that are dropped; none if none are.
    dropout: Option<Vec<u64>>,
    /// The integers that the leaves are, and how to go on with them; none in floats.
    simulation: Option<Arc<Simulation>>,
}

impl TrainingPass {
    /// Makes every parameter a leaf on a device with gradients. `dropout` names the values that are dropped.
    pub fn new(weights: &mut Weights, device: &Device, dropout: Option<&[u64]>) -> TrainingPass {
        let elsewhere = *device != Device::flex();
        let kept = elsewhere.then(|| weights.parameters.iter().map(|parameter| parameter.values.clone()).collect());
        let values = |parameter: &mut Parameter| std::mem::take(&mut parameter.values);
        let (leaves, index) = leaves(weights, device, values);
        let dropout = dropout.map(<[u64]>::to_vec);
        TrainingPass { leaves, kept, index, moments: Vec::new(), dropout, simulation: None }
    }

    /// The same in the integers of the board: every parameter of the network is a leaf as the integer that it becomes, and
    /// the gradients are again those of the parameters. Nothing is dropped.
    ///
    /// # Panics
    /// If the network has normalisations, or the scales are of another one.
    pub fn simulated(weights: &mut Weights, scales: &Scales, device: &Device) -> TrainingPass {
        let mut simulation = Simulation::new(weights, scales, *device == Device::flex());
        let integers: Vec<_> = weights.parameters.iter().map(|parameter| simulation.integers(parameter)).collect();
        let mut integers = integers.into_iter();
        let mut kept = Vec::with_capacity(weights.parameters.len());
        let values = |parameter: &mut Parameter| {
            kept.push(std::mem::take(&mut parameter.values));
            integers.next().flatten().unwrap_or_else(|| kept.last().cloned().unwrap_or_default())
        };
        let (leaves, index) = leaves(weights, device, values);
        let simulation = Some(Arc::new(simulation));
        TrainingPass { leaves, kept: Some(kept), index, moments: Vec::new(), dropout: None, simulation }
    }

    /// Runs the network; the values of all nodes.
    pub fn run(&mut self, network: &Network, picture: Tensor<4>) -> Vec<Tensor<4>> {
        match self.simulation.clone() {
            None => network.walk(self, picture),
            Some(simulation) => simulation.reals(network.walk(self, simulation.picture(picture))),
        }
    }

    /// Differentiates the loss with respect to every parameter, and gives the weights their values back; also what the
    /// normalisations saw.
    pub fn gradients(self, loss: Tensor<1>, weights: &mut Weights) -> (Gradients, Vec<(Moments, usize)>) {
        let mut gradients = loss.backward();
        drop(loss);
        let gradient = |leaf: &Tensor<2>| {
            let gradient = leaf.grad_remove(&mut gradients).and_then(values);
            gradient.unwrap_or_else(|| vec![0.0; leaf.shape().num_elements()])
        };
        let mut all: Gradients = self.leaves.iter().map(gradient).collect();
        if let Some(simulation) = &self.simulation {
            let parameters = weights.parameters.iter().zip(&mut all);
            parameters.for_each(|(parameter, gradient)| simulation.gradient(parameter, gradient));
        }
        (all, self.finish(weights))
    }

    /// Gives the weights their values back without differentiating; what the normalisations saw.
    pub fn finish(self, weights: &mut Weights) -> Vec<(Moments, usize)> {
        let back: Box<dyn Iterator<Item = Vec<f32>>> = match self.kept {
            Some(kept) => Box::new(kept.into_iter()),
            None => Box::new(self.leaves.into_iter().map(|leaf| values(leaf).unwrap_or_default())),
        };
        weights.parameters.iter_mut().zip(back).for_each(|(parameter, values)| parameter.values = values);
        self.moments
    }

    /// A parameter, `[rows, columns]`, by its layer's name and its role in it.
    ///
    /// # Panics
    /// Where the weights have no such parameter: names come from the network, or from who added the parameter.
    pub fn leaf(&self, layer: &str, role: Role) -> Tensor<2> {
        self.leaves[self.index[&(layer.to_owned(), role)]].clone()
    }

    fn matrix(&self, layer: &str) -> Tensor<2> {
        self.leaf(layer, Role::Weight)
    }

    fn vector(&self, layer: &str, role: Role) -> Tensor<1> {
        let leaf = self.leaf(layer, role);
        let length = leaf.dims()[1];
        leaf.reshape([length])
    }

    fn part(&mut self, part: &Part, activation: Activation, x: &Tensor<4>) -> Tensor<4> {
        if let Some(conv) = part.convolution.as_ref().filter(|_| !part.normalised) {
            let (weight, bias) = (self.matrix(&part.name), self.vector(&part.name, Role::Bias));
            return biased(conv, activation, x.clone(), weight, bias);
        }
        let z = match &part.convolution {
            Some(conv) => convolve(conv, x.clone(), self.matrix(&part.name)),
            None => x.clone(),
        };
        let [batch, height, width, channels] = z.dims();
        let (gamma, beta) = (self.vector(&part.name, Role::Gamma), self.vector(&part.name, Role::Beta));
        let (y, moments) = ops::batch_norm(z, gamma, beta, EPSILON, activation.into());
        if let Ok(mut mean) = moments.into_data().try_into_vec::<f32>() {
            let variance = mean.split_off(channels);
            self.moments.push((Moments { mean, variance }, batch * height * width));
        }
        y
    }

    /// Sets a share of the values to zero and scales the rest up by as much.
    fn drop(&self, name: &str, share: f32, x: &Tensor<4>) -> Tensor<4> {
        let Some(path) = &self.dropout else { return x.clone() };
        let shape = x.dims();
        let mut path = path.clone();
        path.push(u64::from(crc32fast::hash(name.as_bytes())));
        let mut rng = Rng::new(&path);
        // Sixteen bits a value decide.
        let limit = (f64::from(share) * 65536.0).round() as u64;
        let keep = 1.0 / (1.0 - share);
        let mut mask = Vec::with_capacity(x.shape().num_elements() + 3);
        while mask.len() < x.shape().num_elements() {
            let bits = rng.next();
            mask.extend((0..4).map(|i| if (bits >> (16 * i)) & 0xffff < limit { 0.0 } else { keep }));
        }
        mask.truncate(x.shape().num_elements());
        x.clone() * Tensor::from_data(TensorData::new(mask, shape), &x.device())
    }
}

/// A leaf of each parameter, and which of them is whose.
fn leaves(
    weights: &mut Weights,
    device: &Device,
    mut values: impl FnMut(&mut Parameter) -> Vec<f32>,
) -> (Vec<Tensor<2>>, HashMap<(String, Role), usize>) {
    let mut leaves = Vec::with_capacity(weights.parameters.len());
    let mut index = HashMap::new();
    for parameter in &mut weights.parameters {
        index.insert((parameter.layer.clone(), parameter.role), leaves.len());
        let data = TensorData::new(values(parameter), parameter.shape);
        let leaf = Tensor::from_data(data, device);
        leaves.push(if device.is_autodiff() { leaf.require_grad() } else { leaf });
    }
    (leaves, index)
}

/// A tensor's values, moved out of it where nobody else holds it.
fn values(tensor: Tensor<2>) -> Option<Vec<f32>> {
    tensor.into_data().try_into_vec().ok()
}

impl Wire for TrainingPass {
    type Value = Tensor<4>;

    fn node(&mut self, node: &Node, inputs: &[&Tensor<4>]) -> Tensor<4> {
        let x = inputs[0];
        if let Some(simulation) = &self.simulation {
            return simulation.node(node, inputs, |role| self.leaf(&node.name, role));
        }
        match &node.op {
            Op::Convolve(conv) => {
                let parts = parts(node);
                let inner = if parts.len() == 1 { conv.activation } else { Activation::None };
                let branches: Vec<Tensor<4>> = parts.iter().map(|part| self.part(part, inner, x)).collect();
                let sum = branches.into_iter().reduce(|a, b| a + b).unwrap_or_else(|| x.clone());
                if parts.len() == 1 { sum } else { ops::activation(sum, conv.activation.into()) }
            }
            Op::Dropout(share) => self.drop(&node.name, *share, x),
            other => plain(other, inputs),
        }
    }
}

/// A convolution's sums by a sliding window.
fn convolve(conv: &Convolution, x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    let window = ops::Window { kernel: conv.kernel, stride: conv.stride, padding: conv.padding };
    if conv.depthwise { ops::depthwise(x, weight, window) } else { ops::conv2d(x, weight, window) }
}

/// A convolution's sums, a bias and an activation: in one step where the sums are one matrix product.
pub(super) fn biased(
    conv: &Convolution,
    activation: Activation,
    x: Tensor<4>,
    weight: Tensor<2>,
    bias: Tensor<1>,
) -> Tensor<4> {
    if let Some(size) = product(conv, &x) {
        return multiply(size, conv, x, weight, Some(bias), activation);
    }
    let ones = Tensor::ones(bias.shape(), &bias.device());
    ops::scale_shift(convolve(conv, x, weight), ones, bias, activation.into())
}

/// A convolution's sums.
pub fn sums(conv: &Convolution, x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    match product(conv, &x) {
        Some(size) => multiply(size, conv, x, weight, None, Activation::None),
        None => convolve(conv, x, weight),
    }
}

/// Rows and columns of the result where the sums are one matrix product.
fn product(conv: &Convolution, x: &Tensor<4>) -> Option<[usize; 2]> {
    let [_, height, width, _] = x.dims();
    let whole = conv.kernel == [height, width];
    let product = !conv.depthwise && conv.stride == [1, 1] && conv.padding == [0, 0];
    (product && (conv.kernel == [1, 1] || whole)).then_some(if whole { [1, 1] } else { [height, width] })
}

fn multiply(
    [rows, columns]: [usize; 2],
    conv: &Convolution,
    x: Tensor<4>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Activation,
) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let x = x.reshape([batch * rows * columns, height * width * channels / (rows * columns)]);
    let y = ops::linear(x, weight, bias, activation.into());
    y.reshape([batch, rows, columns, conv.outputs])
}

/// The nodes that have no parameters and are the same in training and out of it.
pub(super) fn plain(op: &Op, inputs: &[&Tensor<4>]) -> Tensor<4> {
    let x = inputs[0].clone();
    match op {
        Op::MaxPool(size) => ops::max_pool(x, ops::Window { kernel: [*size; 2], stride: [*size; 2], padding: [0; 2] }),
        Op::GlobalAverage => {
            let [batch, _, _, channels] = x.dims();
            ops::global_average_pool(x).reshape([batch, 1, 1, channels])
        }
        Op::Add(activation) => ops::add(x, inputs[1].clone(), (*activation).into()),
        Op::Merge => ops::upsample2_add(x, inputs[1].clone()),
        Op::Picture | Op::Convolve(_) | Op::Dropout(_) => x,
    }
}

impl From<Activation> for ops::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::None => ops::Activation::None,
            Activation::Relu => ops::Activation::Relu,
            Activation::Relu6 => ops::Activation::Relu6,
        }
    }
}
