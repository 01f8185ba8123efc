//! The kernels as differentiable operators on burn tensors.
//!
//! An [`Operation`] says what to compute forward from a few tensors, what to keep for the backward pass, and how to turn the
//! gradient of its output into those of its inputs. One extension of burn's backends, with a method for each number of
//! inputs, runs all of them: alone on Flex, and with a step in the graph on Autodiff over it. Tensors elsewhere (another
//! backend, or another float type) take the same operators composed of burn's own, in [`composed`](crate::composed).

mod convolution;
mod dense;
mod elementwise;
mod norm;
mod pool;
mod requantise;
mod resample;

pub use convolution::{conv2d, depthwise};
pub use dense::linear;
pub use elementwise::{activation, add, scale_shift};
pub use norm::batch_norm;
pub use pool::{average_pool, global_average_pool, max_pool};
pub use requantise::{requantise, requantised_sum};
pub use resample::{upsample2, upsample2_add};

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};

use crate::Real;
use crate::memory::Buffer;

/// A tensor on Flex.
type Primitive = FloatTensor<Flex>;

/// What an operator computes. Inputs are contiguous and of one float type, f32 or f64.
trait Operation: Debug + Send + Sync {
    fn forward(&self, inputs: &[Primitive]) -> Primitive;
    /// What the backward pass needs.
    fn keep(&self, inputs: Vec<Primitive>, _output: &Primitive) -> Vec<Primitive> {
        inputs
    }
    /// Gradients with respect to the inputs that are wanted; others may be `None`.
    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>>;
}

type Shared = Arc<dyn Operation>;

/// Runs operations of one, two, three and four inputs.
#[backend_extension(Flex, Autodiff)]
trait Operators: Backend {
    fn unary(operation: Shared, a: FloatTensor<Self>) -> FloatTensor<Self>;
    fn binary(operation: Shared, a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    fn ternary(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn quaternary(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// A backend whose tensors operations take.
trait Kernels: Operators {
    fn forward(operation: &dyn Operation, inputs: &[FloatTensor<Self>]) -> FloatTensor<Self>;
    fn keep(
        operation: &dyn Operation,
        inputs: Vec<FloatTensor<Self>>,
        output: &FloatTensor<Self>,
    ) -> Vec<FloatTensor<Self>>;
    fn backward(
        operation: &dyn Operation,
        kept: Vec<FloatTensor<Self>>,
        dy: FloatTensor<Self>,
        wanted: &[bool],
    ) -> Vec<Option<FloatTensor<Self>>>;
    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Kernels for Flex {
    fn forward(operation: &dyn Operation, inputs: &[Primitive]) -> Primitive {
        operation.forward(inputs)
    }
    fn keep(operation: &dyn Operation, inputs: Vec<Primitive>, output: &Primitive) -> Vec<Primitive> {
        operation.keep(inputs, output)
    }
    fn backward(
        operation: &dyn Operation,
        kept: Vec<Primitive>,
        dy: Primitive,
        wanted: &[bool],
    ) -> Vec<Option<Primitive>> {
        operation.backward(kept, dy, wanted)
    }
    fn contiguous(tensor: Primitive) -> Primitive {
        tensor.to_contiguous()
    }
}

/// Runs an operation without a graph.
fn untracked<const N: usize>(operation: &dyn Operation, inputs: [Primitive; N]) -> Primitive {
    operation.forward(&inputs.map(Flex::contiguous))
}

impl Operators for Flex {
    fn unary(operation: Shared, a: Primitive) -> Primitive {
        untracked(&*operation, [a])
    }
    fn binary(operation: Shared, a: Primitive, b: Primitive) -> Primitive {
        untracked(&*operation, [a, b])
    }
    fn ternary(operation: Shared, a: Primitive, b: Primitive, c: Primitive) -> Primitive {
        untracked(&*operation, [a, b, c])
    }
    fn quaternary(operation: Shared, a: Primitive, b: Primitive, c: Primitive, d: Primitive) -> Primitive {
        untracked(&*operation, [a, b, c, d])
    }
}

/// The step of an operation in the backward pass.
#[derive(Debug)]
struct Step;

impl<B: Kernels, const N: usize> Backward<B, N> for Step {
    type State = (Shared, Vec<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = B::contiguous(grads.consume::<B>(&ops.node));
        let (operation, kept) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = B::backward(&*operation, kept, dy, &wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// Runs an operation and, where an input is tracked, adds its step to the graph.
fn tracked<B: Kernels, C: CheckpointStrategy, const N: usize>(
    operation: Shared,
    inputs: [FloatTensor<Autodiff<B, C>>; N],
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| B::contiguous(input.into_primitive()));
    let output = B::forward(&*operation, &inputs);
    match Backward::<B, N>::prepare::<C>(Step, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let kept = B::keep(&*operation, inputs.into(), &output);
            prep.finish((operation, kept), output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}

impl<B: Kernels, C: CheckpointStrategy> Operators for Autodiff<B, C> {
    fn unary(operation: Shared, a: FloatTensor<Self>) -> FloatTensor<Self> {
        tracked::<B, C, 1>(operation, [a])
    }
    fn binary(operation: Shared, a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        tracked::<B, C, 2>(operation, [a, b])
    }
    fn ternary(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        tracked::<B, C, 3>(operation, [a, b, c])
    }
    fn quaternary(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        tracked::<B, C, 4>(operation, [a, b, c, d])
    }
}

fn unary<const D: usize, const E: usize>(operation: impl Operation + 'static, a: Tensor<D>) -> Tensor<E> {
    Tensor::from_dispatch(<Dispatch as Operators>::unary(Arc::new(operation), a.into_dispatch()))
}

fn binary<const D: usize, const E: usize, const F: usize>(
    operation: impl Operation + 'static,
    a: Tensor<D>,
    b: Tensor<E>,
) -> Tensor<F> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Operators>::binary(Arc::new(operation), a, b))
}

fn ternary<const D: usize, const E: usize>(
    operation: impl Operation + 'static,
    a: Tensor<D>,
    b: Tensor<E>,
    c: Tensor<1>,
) -> Tensor<D> {
    let (a, b, c) = (a.into_dispatch(), b.into_dispatch(), c.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Operators>::ternary(Arc::new(operation), a, b, c))
}

/// Whether the kernels can take a tensor: it lies on Flex, in f32 or f64.
fn has_kernels<const D: usize>(x: &Tensor<D>) -> bool {
    let flex = match x.device().as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(device) => matches!(device.clone().inner(), DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    };
    flex && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// Runs `$body` with `$real` bound to the tensor's float type.
macro_rules! by_float {
    ($tensor:expr, $real:ident => $body:expr) => {
        if $tensor.dtype() == burn::tensor::DType::F64 {
            type $real = f64;
            $body
        } else {
            type $real = f32;
            $body
        }
    };
}
use by_float;

/// A contiguous tensor's elements.
fn elements<T: Real>(tensor: &Primitive) -> &[T] {
    match tensor.as_slice::<T>() {
        Some(elements) => elements,
        None => panic!("operators take tensors of one float type, not {:?} and {:?}", T::dtype(), tensor.dtype()),
    }
}

fn shape_of<const D: usize>(tensor: &Primitive) -> [usize; D] {
    let shape = tensor.shape();
    std::array::from_fn(|axis| shape[axis])
}

/// A tensor of this shape, all of whose elements `fill` writes.
fn filled<T: Real>(shape: impl Into<Vec<usize>>, fill: impl FnOnce(&mut [T])) -> Primitive {
    let shape = shape.into();
    let mut buffer = Buffer::stale(shape.iter().product());
    fill(&mut buffer);
    buffer.into_tensor(shape)
}

/// A vector as a tensor.
fn vector<T: Real>(values: &[T]) -> Primitive {
    filled([values.len()], |out| out.copy_from_slice(values))
}

/// Lets `f` change a tensor's elements: in place if nobody else has them.
fn changed<T: Real>(mut tensor: Primitive, f: impl FnOnce(&mut [T])) -> Primitive {
    if tensor.is_unique()
        && let Some(elements) = tensor.try_storage_mut::<T>()
    {
        f(elements);
        return tensor;
    }
    filled(tensor.shape().to_vec(), |out| {
        out.copy_from_slice(elements(&tensor));
        f(out);
    })
}

/// What an activation lets pass, in `T`.
fn bounds<T: Real>(activation: crate::Activation) -> (T, T) {
    let (low, high) = activation.bounds();
    (T::of(low), T::of(high))
}

/// What was kept, by position.
fn array<const N: usize>(kept: Vec<Primitive>) -> [Primitive; N] {
    match kept.try_into() {
        Ok(kept) => kept,
        Err(kept) => unreachable!("{N} tensors are kept, not {}", Vec::len(&kept)),
    }
}
