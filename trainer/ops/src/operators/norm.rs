//! Batch normalisation with its activation.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::{Operation, Operators, Primitive, by_float, changed, elements, filled, has_kernels, shape_of, vector};
use crate::kernels::norm::{self, Affine};
use crate::simd::Isa;
use crate::{Activation, composed};

/// Batch normalisation of `x` `[batch, height, width, channels]` by its own statistics, as in training, followed by an
/// activation: the activation of γ·(x − μ)/√(σ² + ε) + β, where μ and the biased variance σ² are over batch, rows and columns
/// (Ioffe and Szegedy 2015, algorithm 1). The gradient flows through both.
///
/// Also returns `[2, channels]`: μ in row 0 and σ² in row 1, without a gradient.
///
/// # Panics
/// If `gamma` or `beta` do not have one value a channel.
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> (Tensor<4>, Tensor<2>) {
    let channels = x.dims()[3];
    assert_eq!((gamma.dims(), beta.dims()), ([channels], [channels]), "gamma and beta are [channels]");
    if !has_kernels(&x) {
        return composed::batch_norm(x, gamma, beta, epsilon, activation);
    }
    let tracked = x.device().is_autodiff();
    let plain = if tracked { x.clone().inner() } else { x.clone() };
    let moments = Tensor::<2>::from_dispatch(<Dispatch as Moments>::moments(plain.into_dispatch()));
    let moments = if tracked { Tensor::from_inner(moments) } else { moments };
    let y = <Dispatch as Operators>::quaternary(
        Arc::new(BatchNorm { epsilon, activation }),
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        moments.clone().into_dispatch(),
    );
    (Tensor::from_dispatch(y), moments)
}

/// An operator without a gradient of its own.
#[backend_extension(Flex)]
trait Moments: Backend {
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Moments for Flex {
    fn moments(x: Primitive) -> Primitive {
        let x = x.to_contiguous();
        let channels = shape_of::<4>(&x)[3];
        by_float!(x, T => filled::<T>([2, channels], |out| {
            out.copy_from_slice(&norm::moments(Isa::best(), elements(&x), channels));
        }))
    }
}

#[derive(Debug)]
struct BatchNorm {
    epsilon: f64,
    activation: Activation,
}

impl Operation for BatchNorm {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let [x, gamma, beta, moments] = inputs else { unreachable!("four inputs") };
        by_float!(x, T => {
            let bounds = super::bounds::<T>(self.activation);
            let (gamma, beta, moments) = (elements(gamma), elements(beta), elements(moments));
            let layer = Affine::normalisation(gamma, beta, moments, self.epsilon, bounds);
            filled(shape_of::<4>(x), |out| layer.forward(Isa::best(), elements(x), out))
        })
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        let [x, gamma, beta, moments]: [Primitive; 4] = super::array(kept);
        by_float!(dy, T => {
            let bounds = super::bounds::<T>(self.activation);
            let moments = elements(&moments);
            let layer = Affine::normalisation(elements(&gamma), elements(&beta), moments, self.epsilon, bounds);
            let mut parameters = Default::default();
            let dx = changed(dy, |dy| {
                parameters = norm::batch_gradients(Isa::best(), &layer, moments, self.epsilon, elements(&x), dy);
            });
            let [d_gamma, d_beta] = parameters;
            vec![Some(dx), Some(vector(&d_gamma)), Some(vector(&d_beta)), None]
        })
    }
}
