//! The kernels as differentiable operators on burn tensors, on the Flex backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor, TensorData};

use crate::Real;
use crate::depthwise::{self, Geometry};
use crate::norm::{self, Affine};

/// Depthwise 3×3 convolution with padding 1 of `x` `[batch, height, width, channels]` by `weight` `[9, channels]`, taps
/// in row order; `stride` 1 or 2. Output `[batch, ceil(height/stride), ceil(width/stride), channels]`.
pub fn depthwise3x3(x: Tensor<4>, weight: Tensor<2>, stride: usize) -> Tensor<4> {
    assert!(matches!(stride, 1 | 2), "a depthwise stride is 1 or 2, not {stride}");
    assert_eq!(weight.dims(), [9, x.dims()[3]], "a depthwise weight is [9, channels]");
    Tensor::from_dispatch(<Dispatch as TrainOps>::depthwise3x3(x.into_dispatch(), weight.into_dispatch(), stride))
}

/// Mean (row 0) and biased variance (row 1) of each channel of `x` `[batch, height, width, channels]`: `[2, channels]`.
/// `x` must not be tracked (`x.inner()`): the gradient through the moments is part of [`batch_norm_relu6`].
pub fn channel_moments(x: Tensor<4>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as MomentOps>::channel_moments(x.into_dispatch()))
}

/// Batch normalisation with ReLU6 of `x` `[batch, height, width, channels]`. `moments` must be [`channel_moments`] of
/// this same `x`; the gradient takes them as the functions of `x` that they are.
pub fn batch_norm_relu6(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    moments: Tensor<2>,
    epsilon: f64,
) -> Tensor<4> {
    let channels = x.dims()[3];
    assert_eq!((gamma.dims(), beta.dims()), ([channels], [channels]), "gamma and beta are [channels]");
    assert_eq!(moments.dims(), [2, channels], "moments are [2, channels]");
    Tensor::from_dispatch(<Dispatch as TrainOps>::batch_norm_relu6(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        moments.into_dispatch(),
        epsilon,
    ))
}

/// The operators that differentiate.
#[backend_extension(Flex, Autodiff)]
trait TrainOps: Backend {
    fn depthwise3x3(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self>;
    fn batch_norm_relu6(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

/// An operator without a gradient of its own.
#[backend_extension(Flex)]
trait MomentOps: Backend {
    fn channel_moments(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What a backend must compute for [`TrainOps`] to differentiate on it.
trait Kernels: TrainOps {
    fn depthwise3x3_input_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self>;
    fn depthwise3x3_weight_gradient(x: FloatTensor<Self>, dy: FloatTensor<Self>, stride: usize) -> FloatTensor<Self>;
    /// Gradients with respect to x, γ and β.
    fn batch_norm_relu6_gradients(layer: NormState<Self>, dy: FloatTensor<Self>) -> [FloatTensor<Self>; 3];
}

/// What the backward pass of batch normalisation keeps.
#[derive(Clone, Debug)]
struct NormState<B: Backend> {
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    moments: FloatTensor<B>,
    epsilon: f64,
}

type Primitive = FloatTensor<Flex>;

fn tensor<T: Real>(values: Vec<T>, shape: impl Into<Vec<usize>>) -> Primitive {
    let shape: Vec<usize> = shape.into();
    Primitive::from_data(TensorData::new(values, shape))
}

/// A contiguous tensor's elements.
macro_rules! elements {
    ($tensor:expr, $real:ty) => {
        $tensor.as_slice::<$real>().expect("a contiguous tensor of the type that was matched")
    };
}

/// The kernel's view of a [`NormState`].
macro_rules! affine {
    ($layer:expr, $real:ty) => {{
        let gamma = elements!($layer.gamma, $real);
        let (mean, variance) = elements!($layer.moments, $real).split_at(gamma.len());
        Affine { gamma, beta: elements!($layer.beta, $real), mean, variance, epsilon: $layer.epsilon }
    }};
}

/// Runs `$body` with `$real` bound to the tensor's float type.
macro_rules! by_float {
    ($tensor:expr, $real:ident => $body:expr) => {
        match $tensor.dtype() {
            DType::F32 => {
                type $real = f32;
                $body
            }
            DType::F64 => {
                type $real = f64;
                $body
            }
            other => panic!("training operators run in f32 and f64, not {other:?}"),
        }
    };
}

fn geometry(x: &Primitive, stride: usize) -> Geometry {
    let shape = x.shape();
    Geometry { batch: shape[0], height: shape[1], width: shape[2], channels: shape[3], stride }
}

impl TrainOps for Flex {
    fn depthwise3x3(x: Primitive, weight: Primitive, stride: usize) -> Primitive {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let g = geometry(&x, stride);
        let shape = [g.batch, g.out_height(), g.out_width(), g.channels];
        by_float!(x, T => tensor(depthwise::forward(elements!(x, T), elements!(weight, T), g), shape))
    }

    fn batch_norm_relu6(
        x: Primitive,
        gamma: Primitive,
        beta: Primitive,
        moments: Primitive,
        epsilon: f64,
    ) -> Primitive {
        let layer = NormState::<Flex> { x, gamma, beta, moments, epsilon }.contiguous();
        by_float!(layer.x, T => tensor(norm::forward(elements!(layer.x, T), affine!(layer, T)), layer.x.shape().to_vec()))
    }
}

impl MomentOps for Flex {
    fn channel_moments(x: Primitive) -> Primitive {
        let x = x.to_contiguous();
        let channels = x.shape()[3];
        by_float!(x, T => tensor(norm::moments(elements!(x, T), channels), [2, channels]))
    }
}

impl NormState<Flex> {
    fn contiguous(self) -> Self {
        NormState {
            x: self.x.to_contiguous(),
            gamma: self.gamma.to_contiguous(),
            beta: self.beta.to_contiguous(),
            moments: self.moments.to_contiguous(),
            epsilon: self.epsilon,
        }
    }
}

impl Kernels for Flex {
    fn depthwise3x3_input_gradient(x: Primitive, weight: Primitive, dy: Primitive, stride: usize) -> Primitive {
        let (weight, dy) = (weight.to_contiguous(), dy.to_contiguous());
        let g = geometry(&x, stride);
        let shape = x.shape().to_vec();
        by_float!(dy, T => tensor(depthwise::input_gradient(elements!(weight, T), elements!(dy, T), g), shape))
    }

    fn depthwise3x3_weight_gradient(x: Primitive, dy: Primitive, stride: usize) -> Primitive {
        let (x, dy) = (x.to_contiguous(), dy.to_contiguous());
        let g = geometry(&x, stride);
        by_float!(x, T => tensor(depthwise::weight_gradient(elements!(x, T), elements!(dy, T), g), [9, g.channels]))
    }

    fn batch_norm_relu6_gradients(layer: NormState<Flex>, dy: Primitive) -> [Primitive; 3] {
        let (layer, dy) = (layer.contiguous(), dy.to_contiguous());
        by_float!(dy, T => {
            let (x, dy, affine) = (elements!(layer.x, T), elements!(dy, T), affine!(layer, T));
            let parameters = norm::parameter_gradients(x, affine, dy);
            let dx = norm::input_gradient(x, affine, dy, &parameters);
            let (beta, gamma) = parameters.split_at(affine.gamma.len());
            [
                tensor(dx, layer.x.shape().to_vec()),
                tensor(gamma.to_vec(), [gamma.len()]),
                tensor(beta.to_vec(), [beta.len()]),
            ]
        })
    }
}

#[derive(Debug)]
struct Depthwise3x3Backward;

impl<B: Kernels> Backward<B, 2> for Depthwise3x3Backward {
    type State = (FloatTensor<B>, FloatTensor<B>, usize);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (x, weight, stride) = ops.state;
        if let Some(node) = weight_node {
            grads.register::<B>(node.id, B::depthwise3x3_weight_gradient(x.clone(), dy.clone(), stride));
        }
        if let Some(node) = x_node {
            grads.register::<B>(node.id, B::depthwise3x3_input_gradient(x, weight, dy, stride));
        }
    }
}

#[derive(Debug)]
struct BatchNormRelu6Backward;

impl<B: Kernels> Backward<B, 3> for BatchNormRelu6Backward {
    type State = NormState<B>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let gradients = B::batch_norm_relu6_gradients(ops.state, dy);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: Kernels, C: CheckpointStrategy> TrainOps for Autodiff<B, C> {
    fn depthwise3x3(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        match Depthwise3x3Backward.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let out = B::depthwise3x3(x.clone(), weight.clone(), stride);
                prep.finish((x, weight, stride), out)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::depthwise3x3(x.into_primitive(), weight.into_primitive(), stride))
            }
        }
    }

    fn batch_norm_relu6(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
        let moments = moments.into_primitive();
        match BatchNormRelu6Backward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let out = B::batch_norm_relu6(x.clone(), gamma.clone(), beta.clone(), moments.clone(), epsilon);
                prep.finish(NormState { x, gamma, beta, moments, epsilon }, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::batch_norm_relu6(x, gamma, beta, moments, epsilon)),
        }
    }
}
