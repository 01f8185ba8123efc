//! Convolutions: dense and depthwise.

use burn::tensor::Tensor;

use super::{Operation, Primitive, binary, by_float, elements, filled, has_kernels};
use crate::composed;
use crate::kernels::{convolution, depthwise};
use crate::simd::Isa;
use crate::window::{Geometry, Window};

/// Convolution of `x` `[batch, height, width, inputs]` by `weight` `[kernel rows · kernel columns · inputs, outputs]`, whose
/// rows go through the window row by row and, at each place, through the inputs. The result is
/// `[batch, rows, columns, outputs]`, rows and columns as [`Window::output`] says. A window of 1×1 at stride 1 is the
/// matrix product over the last axis.
///
/// # Panics
/// If shapes do not fit, or as [`Window::output`] does.
pub fn conv2d(x: Tensor<4>, weight: Tensor<2>, window: Window) -> Tensor<4> {
    let geometry = Geometry::new(x.dims(), window);
    let [steps, outputs] = weight.dims();
    assert_eq!(
        steps,
        window.taps() * geometry.channels,
        "a weight is [kernel rows · kernel columns · inputs, outputs]"
    );
    if !has_kernels(&x) {
        return composed::conv2d(x, weight, window);
    }
    binary(Convolution { geometry, outputs }, x, weight)
}

/// Depthwise convolution of `x` `[batch, height, width, channels]` by `weight` `[kernel rows · kernel columns, channels]`,
/// whose rows go through the window row by row. The result is `[batch, rows, columns, channels]`, as [`Window::output`]
/// says.
///
/// # Panics
/// If shapes do not fit, or as [`Window::output`] does.
pub fn depthwise(x: Tensor<4>, weight: Tensor<2>, window: Window) -> Tensor<4> {
    let geometry = Geometry::new(x.dims(), window);
    let expected = [window.taps(), geometry.channels];
    assert_eq!(weight.dims(), expected, "a depthwise weight is [kernel rows · kernel columns, channels]");
    if !has_kernels(&x) {
        return composed::depthwise(x, weight, window);
    }
    binary(Depthwise { geometry }, x, weight)
}

#[derive(Debug)]
struct Convolution {
    geometry: Geometry,
    outputs: usize,
}

impl Operation for Convolution {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let (g, outputs) = (self.geometry, self.outputs);
        by_float!(inputs[0], T => filled::<T>([g.batch, g.output[0], g.output[1], outputs], |out| {
            convolution::forward(Isa::best(), elements(&inputs[0]), elements(&inputs[1]), outputs, g, out);
        }))
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>> {
        let (g, outputs, isa) = (self.geometry, self.outputs, Isa::best());
        let [x, weight]: [Primitive; 2] = super::array(kept);
        by_float!(dy, T => {
            let shape = [g.window.taps() * g.channels, outputs];
            let dw = wanted[1].then(|| filled::<T>(shape, |out| {
                convolution::weight_gradient(isa, elements(&x), elements(&dy), outputs, g, out);
            }));
            // Its memory may serve for what follows.
            drop(x);
            let shape = [g.batch, g.input[0], g.input[1], g.channels];
            let dx = wanted[0].then(|| filled::<T>(shape, |out| {
                convolution::input_gradient(isa, elements(&weight), elements(&dy), outputs, g, out);
            }));
            vec![dx, dw]
        })
    }
}

#[derive(Debug)]
struct Depthwise {
    geometry: Geometry,
}

impl Operation for Depthwise {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let g = self.geometry;
        by_float!(inputs[0], T => filled::<T>([g.batch, g.output[0], g.output[1], g.channels], |out| {
            depthwise::forward(Isa::best(), elements(&inputs[0]), elements(&inputs[1]), g, out);
        }))
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, wanted: &[bool]) -> Vec<Option<Primitive>> {
        let (g, isa) = (self.geometry, Isa::best());
        let [x, weight]: [Primitive; 2] = super::array(kept);
        by_float!(dy, T => {
            let dw = wanted[1].then(|| filled::<T>([g.window.taps(), g.channels], |out| {
                depthwise::weight_gradient(isa, elements(&x), elements(&dy), g, out);
            }));
            // Its memory may serve for what follows.
            drop(x);
            let dx = wanted[0].then(|| filled::<T>([g.batch, g.input[0], g.input[1], g.channels], |out| {
                depthwise::input_gradient(isa, elements(&weight), elements(&dy), g, out);
            }));
            vec![dx, dw]
        })
    }
}
