//! What the tests of the losses share: tensors of known numbers, and gradients by finite differences.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::LossError;

/// A tensor in f32, as in training, on a device with gradients.
pub fn floats<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    typed(values, shape, DType::F32)
}

/// A tensor in f64, so that finite differences are exact enough to tell a wrong gradient from a right one.
pub fn doubles<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    typed(values, shape, DType::F64)
}

fn typed<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex().autodiff(), dtype))
}

/// Numbers between −1 and 1 without a pattern.
pub fn wave(len: usize, step: f64) -> Vec<f64> {
    (0..len).map(|i| ((i + 1) as f64 * step).sin()).collect()
}

/// What a loss comes to.
#[track_caller]
pub fn value(loss: Result<Tensor<1>, LossError>) -> f64 {
    loss.expect("a loss").into_scalar::<f64>()
}

/// What a loss is refused for.
#[track_caller]
pub fn refusal<T>(loss: Result<T, LossError>) -> String {
    loss.err().expect("a refusal").to_string()
}

/// Compares with what was computed by hand.
#[track_caller]
pub fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{got} where {expected} is right");
}

/// The gradient of `loss` at `x`.
#[track_caller]
pub fn gradient<const D: usize>(x: Tensor<D>, loss: impl Fn(Tensor<D>) -> Result<Tensor<1>, LossError>) -> Vec<f64> {
    let x = x.require_grad();
    let loss = loss(x.clone()).expect("a loss");
    let gradient = x.grad(&loss.backward()).expect("a gradient");
    gradient.try_to_vec_as::<f64>().expect("numbers")
}

/// Checks that the gradient of `loss` at `values` is that of central differences, and not 0 everywhere.
#[track_caller]
pub fn check_gradient<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    loss: impl Fn(Tensor<D>) -> Result<Tensor<1>, LossError>,
) {
    let got = gradient(doubles(values, shape), &loss);
    let step = 1e-5;
    let mut steepest = 0.0f64;
    for (i, &got) in got.iter().enumerate() {
        let at = |by: f64| {
            let mut values = values.to_vec();
            values[i] += by;
            value(loss(doubles(&values, shape)))
        };
        let expected = (at(step) - at(-step)) / (2.0 * step);
        let tolerance = 1e-6 * expected.abs() + 1e-8;
        assert!((got - expected).abs() <= tolerance, "element {i}: {got} where {expected} is right");
        steepest = steepest.max(expected.abs());
    }
    assert!(steepest > 1e-6, "the loss is flat");
}

/// Checks that the gradient keeps its size from one temperature to another, ten times as high.
#[track_caller]
pub fn check_temperature<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    loss: impl Fn(Tensor<D>, f32) -> Result<Tensor<1>, LossError>,
) {
    let size = |temperature: f32| {
        let gradient = gradient(doubles(values, shape), |x| loss(x, temperature));
        gradient.iter().map(|g| g * g).sum::<f64>().sqrt()
    };
    let (low, high) = (size(20.0), size(200.0));
    assert!((0.9..1.1).contains(&(high / low)), "{low} at 20, {high} at 200");
}

/// Checks that the gradient of `loss` at `values` is finite in f32.
#[track_caller]
pub fn check_finite<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    loss: impl Fn(Tensor<D>) -> Result<Tensor<1>, LossError>,
) {
    let gradient = gradient(floats(values, shape), loss);
    assert!(gradient.iter().all(|g| g.abs() < 1e6), "{gradient:?}");
}
