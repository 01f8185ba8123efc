//! The operators composed of burn's own: what runs on every backend, and what the kernels are tested against.

use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, conv2d as burn_conv2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};

use crate::{Activation, Sum, Window};

fn nchw(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

fn nhwc(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// See [`conv2d`](crate::conv2d).
pub fn conv2d(x: Tensor<4>, weight: Tensor<2>, window: Window) -> Tensor<4> {
    let [rows, columns] = window.kernel;
    let (inputs, outputs) = (x.dims()[3], weight.dims()[1]);
    if window.is_pointwise() {
        let [batch, height, width, _] = x.dims();
        return x.reshape([batch * height * width, inputs]).matmul(weight).reshape([batch, height, width, outputs]);
    }
    let kernel = weight.reshape([rows, columns, inputs, outputs]).permute([3, 2, 0, 1]);
    let options = ConvOptions::new(window.stride, window.padding, [1, 1], 1);
    nhwc(burn_conv2d(nchw(x), kernel, None, options))
}

/// See [`depthwise`](crate::depthwise).
pub fn depthwise(x: Tensor<4>, weight: Tensor<2>, window: Window) -> Tensor<4> {
    let [rows, columns] = window.kernel;
    let channels = x.dims()[3];
    let kernel = weight.transpose().reshape([channels, 1, rows, columns]);
    let options = ConvOptions::new(window.stride, window.padding, [1, 1], channels);
    nhwc(burn_conv2d(nchw(x), kernel, None, options))
}

/// See [`batch_norm`](crate::batch_norm).
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> (Tensor<4>, Tensor<2>) {
    let [batch, height, width, channels] = x.dims();
    let rows = x.reshape([batch * height * width, channels]);
    let mean = rows.clone().mean_dim(0);
    let centred = rows - mean.clone();
    let variance = centred.clone().powi_scalar(2).mean_dim(0);
    let z = centred / (variance.clone() + epsilon).sqrt() * gamma.unsqueeze::<2>() + beta.unsqueeze::<2>();
    let moments = Tensor::cat(vec![mean, variance], 0).detach();
    (self::activation(z, activation).reshape([batch, height, width, channels]), moments)
}

/// See [`activation`](crate::activation).
pub fn activation<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::None => x,
        Activation::Relu => x.clamp_min(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
    }
}

/// See [`scale_shift`](crate::scale_shift).
pub fn scale_shift(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, activation: Activation) -> Tensor<4> {
    self::activation(x * scale.unsqueeze::<4>() + shift.unsqueeze::<4>(), activation)
}

/// See [`requantise`](crate::requantise).
pub fn requantise(x: Tensor<4>, bias: Tensor<1>, multiplier: Tensor<1>, bounds: (f32, f32)) -> Tensor<4> {
    rounded(((x + bias.unsqueeze::<4>()) * multiplier.unsqueeze::<4>().detach()).clamp(bounds.0, bounds.1))
}

/// See [`requantised_sum`](crate::requantised_sum).
pub fn requantised_sum(a: Tensor<4>, b: Tensor<4>, sum: Sum<f32>) -> Tensor<4> {
    let ([fa, fb], [za, zb]) = (sum.factors, sum.zeros);
    let z = (b + zb) * fb + ((a + za) * fa + sum.offset);
    rounded(z.clamp(sum.bounds.0, sum.bounds.1)) - sum.zero
}

/// The nearest whole numbers, with the gradient of `x` itself: the difference of a number and a whole one at most a half from
/// it is exact, so that adding it gives the whole number exactly.
fn rounded(x: Tensor<4>) -> Tensor<4> {
    let step = (x.clone().round() - x.clone()).detach();
    x + step
}

/// See [`max_pool`](crate::max_pool).
pub fn max_pool(x: Tensor<4>, window: Window) -> Tensor<4> {
    let options = MaxPoolOptions::new(window.kernel).with_stride(window.stride).with_padding(window.padding);
    nhwc(max_pool2d(nchw(x), options))
}

/// See [`average_pool`](crate::average_pool).
pub fn average_pool(x: Tensor<4>, window: Window, count_include_pad: bool) -> Tensor<4> {
    let options = AvgPoolOptions::new(window.kernel)
        .with_stride(window.stride)
        .with_padding(window.padding)
        .with_count_include_pad(count_include_pad);
    nhwc(avg_pool2d(nchw(x), options))
}

/// See [`global_average_pool`](crate::global_average_pool).
pub fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    let [batch, height, width, channels] = x.dims();
    x.reshape([batch, height * width, channels]).mean_dim(1).reshape([batch, channels])
}

/// See [`upsample2`](crate::upsample2).
pub fn upsample2(x: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let repeated = x.reshape([batch, height, 1, width, 1, channels]).expand([batch, height, 2, width, 2, channels]);
    repeated.reshape([batch, 2 * height, 2 * width, channels])
}

/// See [`linear`](crate::linear).
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    let product = x.matmul(weight);
    let sum = match bias {
        Some(bias) => product + bias.unsqueeze::<2>(),
        None => product,
    };
    self::activation(sum, activation)
}
