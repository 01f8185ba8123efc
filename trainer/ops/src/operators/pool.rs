//! Pooling.

use burn::tensor::Tensor;

use super::{Operation, Primitive, by_float, elements, filled, has_kernels, unary};
use crate::composed;
use crate::kernels::pool;
use crate::simd::Isa;
use crate::window::{Geometry, Window};

/// The greatest of what the window sees of each channel of `x` `[batch, height, width, channels]`; padding is never the
/// greatest. The gradient goes to the first that is equal to it, in row order.
///
/// # Panics
/// As [`Window::output`] does.
pub fn max_pool(x: Tensor<4>, window: Window) -> Tensor<4> {
    let geometry = Geometry::new(x.dims(), window);
    if !has_kernels(&x) {
        return composed::max_pool(x, window);
    }
    unary(MaxPool { geometry }, x)
}

/// The mean of what the window sees of each channel of `x` `[batch, height, width, channels]`. Padding counts as zeros where
/// `count_include_pad` says so, otherwise not at all.
///
/// # Panics
/// As [`Window::output`] does.
pub fn average_pool(x: Tensor<4>, window: Window, count_include_pad: bool) -> Tensor<4> {
    let geometry = Geometry::new(x.dims(), window);
    if !has_kernels(&x) {
        return composed::average_pool(x, window, count_include_pad);
    }
    unary(AveragePool { geometry, count_include_pad }, x)
}

/// The mean over rows and columns of `x` `[batch, height, width, channels]`: `[batch, channels]`.
pub fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    if !has_kernels(&x) {
        return composed::global_average_pool(x);
    }
    unary(GlobalAverage { shape: x.dims() }, x)
}

#[derive(Debug)]
struct MaxPool {
    geometry: Geometry,
}

impl Operation for MaxPool {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let g = self.geometry;
        by_float!(inputs[0], T => filled::<T>([g.batch, g.output[0], g.output[1], g.channels], |out| {
            pool::max(Isa::best(), elements(&inputs[0]), g, out);
        }))
    }

    fn keep(&self, mut inputs: Vec<Primitive>, output: &Primitive) -> Vec<Primitive> {
        inputs.push(output.clone());
        inputs
    }

    fn backward(&self, kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        let g = self.geometry;
        by_float!(dy, T => vec![Some(filled::<T>([g.batch, g.input[0], g.input[1], g.channels], |out| {
            pool::max_gradient(Isa::best(), elements(&kept[0]), elements(&kept[1]), elements(&dy), g, out);
        }))])
    }
}

#[derive(Debug)]
struct AveragePool {
    geometry: Geometry,
    count_include_pad: bool,
}

impl Operation for AveragePool {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let g = self.geometry;
        by_float!(inputs[0], T => filled::<T>([g.batch, g.output[0], g.output[1], g.channels], |out| {
            pool::average(Isa::best(), elements(&inputs[0]), g, self.count_include_pad, out);
        }))
    }

    fn keep(&self, _inputs: Vec<Primitive>, _output: &Primitive) -> Vec<Primitive> {
        Vec::new()
    }

    fn backward(&self, _kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        let g = self.geometry;
        by_float!(dy, T => vec![Some(filled::<T>([g.batch, g.input[0], g.input[1], g.channels], |out| {
            pool::average_gradient(Isa::best(), elements(&dy), g, self.count_include_pad, out);
        }))])
    }
}

#[derive(Debug)]
struct GlobalAverage {
    shape: [usize; 4],
}

impl Operation for GlobalAverage {
    fn forward(&self, inputs: &[Primitive]) -> Primitive {
        let [batch, height, width, channels] = self.shape;
        by_float!(inputs[0], T => filled::<T>([batch, channels], |out| {
            pool::global_average(Isa::best(), elements(&inputs[0]), height * width, channels, out);
        }))
    }

    fn keep(&self, _inputs: Vec<Primitive>, _output: &Primitive) -> Vec<Primitive> {
        Vec::new()
    }

    fn backward(&self, _kept: Vec<Primitive>, dy: Primitive, _wanted: &[bool]) -> Vec<Option<Primitive>> {
        let [_, height, width, channels] = self.shape;
        by_float!(dy, T => vec![Some(filled::<T>(self.shape, |out| {
            pool::global_average_gradient(Isa::best(), elements(&dy), height * width, channels, out);
        }))])
    }
}
