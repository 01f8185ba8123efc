//! Sums to stored integers, as an integer runtime makes them, with gradients as if they were not rounded.

use burn::backend::TensorMetadata;
use burn::tensor::Tensor;

use super::{Operation, Primitive, binary, by_float, changed, elements, filled, has_kernels, ternary, vector};
use crate::kernels::requantise::{self, Requantise, Sum};
use crate::simd::Isa;
use crate::{Real, composed};

/// (x + bias)·multiplier clamped to `bounds` (whole numbers) and rounded half to even, for `x`
/// `[batch, height, width, channels]` and a bias and a multiplier `[channels]`. Every step is rounded by itself. The
/// gradient is that of the same without rounding; where the result is clamped, it is 0. The multiplier is a constant.
///
/// # Panics
/// If there is not one bias and multiplier a channel.
pub fn requantise(x: Tensor<4>, bias: Tensor<1>, multiplier: Tensor<1>, bounds: (f32, f32)) -> Tensor<4> {
    let channels = x.dims()[3];
    assert_eq!((bias.dims(), multiplier.dims()), ([channels], [channels]), "bias and multiplier are [channels]");
    if !has_kernels(&x) {
        return composed::requantise(x, bias, multiplier, bounds);
    }
    ternary(Requantised { bounds }, x, bias, multiplier)
}

/// The requantised sum of two maps of one shape, which hold stored values less their zero points; likewise the result.
///
/// # Panics
/// If the shapes differ.
pub fn requantised_sum(a: Tensor<4>, b: Tensor<4>, sum: Sum<f32>) -> Tensor<4> {
    assert_eq!(a.dims(), b.dims(), "summands have one shape");
    if !has_kernels(&a) {
        return composed::requantised_sum(a, b, sum);
    }
    binary(RequantisedSum(sum), a, b)
}

#[derive(Debug)]
struct Requantised {
    bounds: (f32, f32),
}

impl Requantised {
    fn layer<'a, T: Real>(&self, bias: &'a Primitive, multiplier: &'a Primitive) -> Requantise<'a, T> {
        let [low, high] = [self.bounds.0, self.bounds.1].map(|bound| T::of(bound.into()));
        Requantise { bias: elements(bias), multiplier: elements(multiplier), bounds: (low, high) }
    }
}

impl Operation for Requantised {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let [x, bias, multiplier] = inputs else { unreachable!("three inputs") };
        by_float!(x, T => filled::<T>(x.shape().to_vec(), |out| {
            self.layer(bias, multiplier).forward(Isa::best(), elements(x), out);
        }))
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        let [x, bias, multiplier]: [Primitive; 3] = super::array(kept);
        by_float!(dy, T => {
            let mut d_bias = Vec::<T>::new();
            let dx = changed::<T>(dy, |dy| {
                d_bias = self.layer(&bias, &multiplier).backward(Isa::best(), elements(&x), dy);
            });
            vec![Some(dx), Some(vector(&d_bias)), None]
        })
    }
}

#[derive(Debug)]
struct RequantisedSum(Sum<f32>);

impl RequantisedSum {
    fn sum<T: Real>(&self) -> Sum<T> {
        let Sum { factors, zeros, offset, bounds, zero } = self.0;
        let of = |value: f32| T::of(value.into());
        Sum {
            factors: factors.map(of),
            zeros: zeros.map(of),
            offset: of(offset),
            bounds: (of(bounds.0), of(bounds.1)),
            zero: of(zero),
        }
    }
}

impl Operation for RequantisedSum {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let (a, b) = (&inputs[0], &inputs[1]);
        by_float!(a, T => filled::<T>(a.shape().to_vec(), |out| {
            self.sum::<T>().forward(Isa::best(), elements(a), elements(b), out);
        }))
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>> {
        let [a, b]: [Primitive; 2] = super::array(kept);
        by_float!(dy, T => {
            let sum = self.sum::<T>();
            let dy = changed::<T>(dy, |dy| sum.gate(Isa::best(), elements(&a), elements(&b), dy));
            let by = |factor: T| filled::<T>(dy.shape().to_vec(), |out| {
                requantise::scaled(elements(&dy), factor, out);
            });
            vec![wanted[0].then(|| by(sum.factors[0])), wanted[1].then(|| by(sum.factors[1]))]
        })
    }
}
