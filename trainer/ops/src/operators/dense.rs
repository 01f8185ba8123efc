//! Fully connected layers.

use burn::tensor::Tensor;

use super::elementwise::gated;
use super::{Operation, Primitive, binary, bounds, by_float, elements, filled, has_kernels, ternary, vector};
use crate::kernels::{elementwise, product};
use crate::simd::Isa;
use crate::{Activation, composed};

/// The activation of x·weight + bias, for `x` `[rows, inputs]`, `weight` `[inputs, outputs]` and `bias` `[outputs]`.
///
/// # Panics
/// If shapes do not fit.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    let ([rows, inputs], [steps, outputs]) = (x.dims(), weight.dims());
    assert_eq!(inputs, steps, "a weight is [inputs, outputs]");
    assert!(bias.as_ref().is_none_or(|bias| bias.dims() == [outputs]), "a bias is [outputs]");
    if !has_kernels(&x) {
        return composed::linear(x, weight, bias, activation);
    }
    let operation = Linear { size: [rows, inputs, outputs], activation };
    match bias {
        Some(bias) => ternary(operation, x, weight, bias),
        None => binary(operation, x, weight),
    }
}

#[derive(Debug)]
struct Linear {
    size: [usize; 3],
    activation: Activation,
}

impl Operation for Linear {
    fn forward(&self, tensors: &[Primitive]) -> Primitive {
        let [rows, inputs, outputs] = self.size;
        by_float!(tensors[0], T => filled::<T>([rows, outputs], |out| {
            let (x, weight, bias) = (elements(&tensors[0]), elements(&tensors[1]), tensors.get(2).map(elements));
            product::multiply(Isa::best(), x, weight, [inputs, outputs], bias, bounds(self.activation), out);
        }))
    }

    /// Input, weight and, where it is needed to tell what was clamped, the output.
    fn keep(&self, mut inputs: Vec<Primitive>, output: &Primitive) -> Vec<Primitive> {
        inputs.truncate(2);
        if self.activation != Activation::None {
            inputs.push(output.clone());
        }
        inputs
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>> {
        let ([rows, inputs, outputs], isa) = (self.size, Isa::best());
        let dz = match kept.get(2) {
            None => dy,
            Some(y) => gated(dy, y, self.activation),
        };
        by_float!(dz, T => {
            let dz = elements::<T>(&dz);
            let dw = wanted[1].then(|| filled([inputs, outputs], |out| {
                product::multiply_transposed(isa, elements(&kept[0]), dz, [inputs, outputs], out);
            }));
            let dx = wanted[0].then(|| filled([rows, inputs], |out| {
                let turned = product::transpose(elements(&kept[1]), inputs, outputs);
                product::multiply(isa, dz, &turned, [outputs, inputs], None, product::unbounded(), out);
            }));
            let mut gradients = vec![dx, dw];
            if let Some(wanted) = wanted.get(2) {
                gradients.push(wanted.then(|| vector(&elementwise::sum_rows(isa, dz, outputs))));
            }
            gradients
        })
    }
}
