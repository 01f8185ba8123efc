//! Upsampling.

use burn::tensor::Tensor;

use super::{Operation, Primitive, binary, by_float, elements, filled, has_kernels, unary};
use crate::composed;
use crate::kernels::product::unbounded;
use crate::kernels::resample;
use crate::simd::Isa;

/// `x` `[batch, height, width, channels]` with every pixel repeated twice along both axes:
/// `[batch, 2·height, 2·width, channels]`.
pub fn upsample2(x: Tensor<4>) -> Tensor<4> {
    if !has_kernels(&x) {
        return composed::upsample2(x);
    }
    unary(Upsample { coarse: x.dims() }, x)
}

/// `fine` `[batch, 2·height, 2·width, channels]` plus [`upsample2`] of `coarse` `[batch, height, width, channels]`, in one
/// pass.
///
/// # Panics
/// If the shapes do not fit.
pub fn upsample2_add(fine: Tensor<4>, coarse: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = coarse.dims();
    assert_eq!(fine.dims(), [batch, 2 * height, 2 * width, channels], "the fine map has twice the rows and columns");
    if !has_kernels(&fine) {
        return fine + composed::upsample2(coarse);
    }
    binary(UpsampleAdd(Upsample { coarse: coarse.dims() }), fine, coarse)
}

#[derive(Debug)]
struct Upsample {
    coarse: [usize; 4],
}

impl Upsample {
    fn double(&self, coarse: &Primitive, fine: Option<&Primitive>) -> Primitive {
        let [batch, height, width, channels] = self.coarse;
        by_float!(coarse, T => filled::<T>([batch, 2 * height, 2 * width, channels], |out| {
            let (coarse, fine) = (elements(coarse), fine.map(elements));
            resample::double(Isa::best(), coarse, fine, [height, width, channels], unbounded(), out);
        }))
    }

    fn gradient(&self, dy: &Primitive) -> Primitive {
        let [_, height, width, channels] = self.coarse;
        by_float!(dy, T => filled::<T>(self.coarse, |out| {
            resample::double_gradient(Isa::best(), elements(dy), [height, width, channels], out);
        }))
    }
}

impl Operation for Upsample {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        self.double(&inputs[0], None)
    }

    fn keep(&self, _inputs: Vec<Primitive>, _output: &Primitive) -> Vec<Primitive> {
        Vec::new()
    }

    fn backward(&self, _kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        vec![Some(self.gradient(&dy))]
    }
}

#[derive(Debug)]
struct UpsampleAdd(Upsample);

impl Operation for UpsampleAdd {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        self.0.double(&inputs[1], Some(&inputs[0]))
    }

    fn keep(&self, _inputs: Vec<Primitive>, _output: &Primitive) -> Vec<Primitive> {
        Vec::new()
    }

    fn backward(&self, _kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>> {
        let coarse = wanted[1].then(|| self.0.gradient(&dy));
        vec![Some(dy), coarse]
    }
}
