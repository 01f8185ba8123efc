//! Sums, activations, and constants a channel.

use burn::backend::TensorMetadata;
use burn::tensor::Tensor;

use super::{
    Operation, Primitive, binary, bounds, by_float, changed, elements, filled, has_kernels, ternary, unary, vector,
};
use crate::kernels::{elementwise, norm::Affine};
use crate::simd::Isa;
use crate::{Activation, Real, composed};

/// The activation of x, element by element. Where x lies at or beyond a bound, the gradient is 0.
pub fn activation<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    if activation == Activation::None {
        return x;
    }
    if !has_kernels(&x) {
        return composed::activation(x, activation);
    }
    unary(Activate(activation), x)
}

/// The activation of a + b, element by element, both of one shape.
///
/// # Panics
/// If the shapes differ.
pub fn add(a: Tensor<4>, b: Tensor<4>, activation: Activation) -> Tensor<4> {
    assert_eq!(a.dims(), b.dims(), "summands have one shape");
    if !has_kernels(&a) {
        return composed::activation(a + b, activation);
    }
    binary(Add(activation), a, b)
}

/// The activation of x·scale + shift, both `[channels]`, for `x` `[batch, height, width, channels]`: a frozen normalisation,
/// or a bias with a scale of 1.
///
/// # Panics
/// If `scale` or `shift` do not have one value a channel.
pub fn scale_shift(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, activation: Activation) -> Tensor<4> {
    let channels = x.dims()[3];
    assert_eq!((scale.dims(), shift.dims()), ([channels], [channels]), "scale and shift are [channels]");
    if !has_kernels(&x) {
        return composed::scale_shift(x, scale, shift, activation);
    }
    ternary(ScaleShift(activation), x, scale, shift)
}

#[derive(Debug)]
struct Activate(Activation);

impl Operation for Activate {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let x = &inputs[0];
        by_float!(x, T => filled::<T>(x.shape().to_vec(), |out| {
            elementwise::activate(Isa::best(), elements(x), bounds(self.0), out);
        }))
    }

    fn keep(&self, _inputs: Vec<Primitive>, output: &Primitive) -> Vec<Primitive> {
        vec![output.clone()]
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        vec![Some(gated(dy, &kept[0], self.0))]
    }
}

/// The gradient `dy`, where the activation let the output `y` pass.
pub(super) fn gated(dy: Primitive, y: &Primitive, activation: Activation) -> Primitive {
    by_float!(dy, T => changed::<T>(dy, |dy| {
        elementwise::gate(Isa::best(), elements(y), bounds(activation), dy);
    }))
}

#[derive(Debug)]
struct Add(Activation);

impl Operation for Add {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let (a, b) = (&inputs[0], &inputs[1]);
        by_float!(a, T => filled::<T>(a.shape().to_vec(), |out| {
            elementwise::add(Isa::best(), elements(a), elements(b), bounds(self.0), out);
        }))
    }

    fn keep(&self, _inputs: Vec<Primitive>, output: &Primitive) -> Vec<Primitive> {
        if self.0 == Activation::None { Vec::new() } else { vec![output.clone()] }
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        let dy = match kept.first() {
            None => dy,
            Some(y) => gated(dy, y, self.0),
        };
        vec![Some(dy.clone()), Some(dy)]
    }
}

#[derive(Debug)]
struct ScaleShift(Activation);

impl ScaleShift {
    fn layer<T: Real>(&self, scale: &Primitive, shift: &Primitive) -> Affine<T> {
        Affine { scale: elements(scale).to_vec(), shift: elements(shift).to_vec(), bounds: bounds(self.0) }
    }
}

impl Operation for ScaleShift {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let [x, scale, shift] = inputs else { unreachable!("three inputs") };
        by_float!(x, T => filled::<T>(x.shape().to_vec(), |out| {
            self.layer(scale, shift).forward(Isa::best(), elements(x), out);
        }))
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>> {
        let [x, scale, shift]: [Primitive; 3] = super::array(kept);
        by_float!(dy, T => {
            let layer: Affine<T> = self.layer(&scale, &shift);
            let (mut d_scale, mut d_shift) = (None, None);
            if wanted[1] || wanted[2] {
                let origin = vec![T::ZERO; layer.scale.len()];
                let sums = layer.sums(Isa::best(), elements(&x), elements(&dy), &origin);
                let sums: Vec<T> = sums.into_iter().map(T::of).collect();
                let (of_shift, of_scale) = sums.split_at(origin.len());
                (d_scale, d_shift) = (Some(vector(of_scale)), Some(vector(of_shift)));
            }
            let dx = wanted[0].then(|| changed(dy, |dy| layer.backward(Isa::best(), elements(&x), dy, None)));
            vec![dx, d_scale, d_shift]
        })
    }
}
