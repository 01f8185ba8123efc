//! The operators compute what burn's own do, forward and backward.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use retort_train_ops::{batch_norm_relu6, channel_moments, depthwise3x3};

fn wave<const D: usize>(shape: [usize; D], step: f32, device: &Device) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| ((i as f32 + 0.5) * step).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn same<const D: usize>(a: Tensor<D>, b: Tensor<D>, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let difference = (a - b).abs().max().into_scalar::<f32>();
    assert!(difference < 2e-4, "{what} differs by {difference}");
}

fn nchw(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

#[test]
fn depthwise_is_a_grouped_convolution() {
    let device = Device::flex().autodiff();
    for (height, width, channels, stride) in [(8, 8, 24, 1), (8, 8, 24, 2), (7, 5, 3, 1), (7, 5, 19, 2)] {
        let x = wave([2, height, width, channels], 0.37, &device).require_grad();
        let w = wave([9, channels], 0.71, &device).require_grad();
        let ours = depthwise3x3(x.clone(), w.clone(), stride);
        let dy = wave(ours.dims(), 0.53, &device);
        let gradients = (ours.clone() * dy.clone()).sum().backward();

        let x2 = x.clone().detach().require_grad();
        let w2 = w.clone().detach().require_grad();
        let kernel = w2.clone().transpose().reshape([channels, 1, 3, 3]);
        let options = ConvOptions::new([stride, stride], [1, 1], [1, 1], channels);
        let theirs = conv2d(nchw(x2.clone()), kernel, None, options).permute([0, 2, 3, 1]);
        let expected = (theirs.clone() * dy).sum().backward();

        same(ours.inner(), theirs.inner(), "the output");
        same(x.grad(&gradients).expect("dx"), x2.grad(&expected).expect("dx"), "dx");
        same(w.grad(&gradients).expect("dw"), w2.grad(&expected).expect("dw"), "dw");
    }
}

#[test]
fn normalisation_is_its_formula_in_tensor_operations() {
    let device = Device::flex().autodiff();
    let shape = [2, 5, 6, 11];
    let x = (wave(shape, 0.37, &device) * 3.0).require_grad();
    let gamma = (wave([11], 0.9, &device) * 4.0).require_grad();
    let beta = (wave([11], 1.7, &device) * 2.0).require_grad();
    let moments = Tensor::from_inner(channel_moments(x.clone().inner()));
    let ours = batch_norm_relu6(x.clone(), gamma.clone(), beta.clone(), moments, 1e-3);
    let dy = wave(shape, 0.53, &device);
    let gradients = (ours.clone() * dy.clone()).sum().backward();

    let (x2, g2, b2) = (
        x.clone().detach().require_grad(),
        gamma.clone().detach().require_grad(),
        beta.clone().detach().require_grad(),
    );
    let rows = x2.clone().reshape([60, 11]);
    let centred = rows.clone() - rows.mean_dim(0);
    let variance = centred.clone().powi_scalar(2).mean_dim(0);
    let z = centred / (variance + 1e-3).sqrt() * g2.clone().unsqueeze::<2>() + b2.clone().unsqueeze::<2>();
    let theirs = z.clamp(0.0, 6.0).reshape(shape);
    let expected = (theirs.clone() * dy).sum().backward();

    same(ours.inner(), theirs.inner(), "the output");
    same(x.grad(&gradients).expect("dx"), x2.grad(&expected).expect("dx"), "dx");
    same(gamma.grad(&gradients).expect("dγ"), g2.grad(&expected).expect("dγ"), "dγ");
    same(beta.grad(&gradients).expect("dβ"), b2.grad(&expected).expect("dβ"), "dβ");
}

#[test]
fn operators_run_without_gradients_too() {
    let device = Device::flex();
    let x = wave([1, 4, 4, 8], 0.2, &device);
    let y = depthwise3x3(x, wave([9, 8], 0.3, &device), 2);
    assert_eq!(y.dims(), [1, 2, 2, 8]);
}
