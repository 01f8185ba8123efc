//! Stopgap composed operators.
#![allow(missing_docs)]
use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;
use crate::{batch_norm_relu6, channel_moments, depthwise3x3};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation { None, Relu, Relu6 }
#[derive(Clone, Copy, Debug)]
pub struct Window { pub kernel: [usize; 2], pub stride: [usize; 2], pub padding: [usize; 2] }

pub fn activation(x: Tensor<4>, a: Activation) -> Tensor<4> {
    match a { Activation::None => x, Activation::Relu => x.clamp_min(0.0), Activation::Relu6 => x.clamp(0.0, 6.0) }
}
pub fn bias(x: Tensor<4>, b: Tensor<1>, a: Activation) -> Tensor<4> {
    let c = b.dims()[0];
    activation(x + b.reshape([1, 1, 1, c]), a)
}
pub fn add(x: Tensor<4>, y: Tensor<4>, a: Activation) -> Tensor<4> { activation(x + y, a) }
pub fn conv2d(x: Tensor<4>, w: Tensor<2>, win: Window) -> Tensor<4> {
    let [b, h, wd, c] = x.dims();
    let o = w.dims()[1];
    if win.kernel == [1, 1] && win.stride == [1, 1] {
        return x.reshape([b * h * wd, c]).matmul(w).reshape([b, h, wd, o]);
    }
    if win.kernel == [h, wd] && win.padding == [0, 0] {
        return x.reshape([b, h * wd * c]).matmul(w).reshape([b, 1, 1, o]);
    }
    let w = w.reshape([win.kernel[0], win.kernel[1], c, o]).permute([3, 2, 0, 1]);
    let x = x.permute([0, 3, 1, 2]);
    module::conv2d(x, w, None, ConvOptions::new(win.stride, win.padding, [1, 1], 1)).permute([0, 2, 3, 1])
}
pub fn depthwise(x: Tensor<4>, w: Tensor<2>, win: Window) -> Tensor<4> { depthwise3x3(x, w, win.stride[0]) }
pub fn batch_norm(x: Tensor<4>, g: Tensor<1>, b: Tensor<1>, e: f64, a: Activation) -> (Tensor<4>, Tensor<2>) {
    let m = channel_moments(x.clone().inner());
    let c = x.dims()[3];
    if a == Activation::Relu6 { return (batch_norm_relu6(x, g, b, Tensor::from_inner(m.clone()), e), m); }
    let count = (x.dims()[0] * x.dims()[1] * x.dims()[2]) as f32;
    let _ = count;
    let mean = x.clone().mean_dim(0).mean_dim(1).mean_dim(2);
    let d = x - mean;
    let v = (d.clone() * d.clone()).mean_dim(0).mean_dim(1).mean_dim(2);
    let y = d / (v + e).sqrt() * g.reshape([1, 1, 1, c]) + b.reshape([1, 1, 1, c]);
    (activation(y, a), m)
}
pub fn max_pool(x: Tensor<4>, win: Window) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    let k = win.kernel[0];
    let x = x.slice([0..b, 0..h / k * k, 0..w / k * k, 0..c]);
    x.reshape([b, h / k, k, w / k, k, c]).max_dim(2).max_dim(4).reshape([b, h / k, w / k, c])
}
pub fn global_average_pool(x: Tensor<4>) -> Tensor<4> { x.mean_dim(1).mean_dim(2) }
pub fn upsample2_add(fine: Tensor<4>, coarse: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = coarse.dims();
    let fine = fine.reshape([batch, height, 2, width, 2, channels]);
    let coarse = coarse.reshape([batch, height, 1, width, 1, channels]);
    (fine + coarse).reshape([batch, 2 * height, 2 * width, channels])
}
