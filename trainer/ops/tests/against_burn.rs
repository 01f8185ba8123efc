//! The operators compute what burn's own do, forward and backward, and their gradients are slopes of what they compute.

use burn::tensor::{DType, Device, Tensor, TensorData};
use retort_train_ops::Activation::{None as Plain, Relu, Relu6};
use retort_train_ops::{
    Sum, Window, activation, add, average_pool, batch_norm, composed, conv2d, depthwise, global_average_pool, linear,
    max_pool, requantise, requantised_sum, scale_shift, upsample2, upsample2_add,
};

/// An operator on flat tensors, which it gives their shapes.
type Operator<'a> = &'a dyn Fn(&[Tensor<1>]) -> Tensor<1>;

fn wave(len: usize, step: f64, size: f64) -> Vec<f64> {
    (0..len).map(|i| ((i as f64 + 0.5) * step).sin() * size).collect()
}

fn tensor(values: &[f64], kind: DType, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), (device, kind))
}

fn values(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The output, and the gradients of its product with fixed weights with respect to all inputs.
fn run(operator: Operator<'_>, inputs: &[Vec<f64>], kind: DType) -> (Vec<f64>, Vec<Vec<f64>>) {
    let device = Device::flex().autodiff();
    let leaves: Vec<Tensor<1>> = inputs.iter().map(|values| tensor(values, kind, &device).require_grad()).collect();
    let out = operator(&leaves);
    let weights = tensor(&wave(out.dims()[0], 0.53, 1.0), kind, &device);
    let gradients = (out.clone() * weights).sum().backward();
    let of = |leaf: &Tensor<1>| values(leaf.grad(&gradients).expect("a gradient for every input"));
    (values(out.inner()), leaves.iter().map(of).collect())
}

fn same(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() < tolerance * (1.0 + b.abs()), "{what}, element {i}: {a} and {b}");
    }
}

/// Compares an operator with burn's in f32 and f64, on one thread and more, with a graph and without; and its gradients with
/// finite differences.
fn check(what: &str, lens: &[usize], ours: Operator<'_>, burns: Operator<'_>) {
    let inputs: Vec<Vec<f64>> =
        lens.iter().enumerate().map(|(i, &len)| wave(len, 0.37 + 0.41 * i as f64, 3.0)).collect();
    for (kind, tolerance) in [(DType::F32, 3e-4), (DType::F64, 1e-9)] {
        let (out, gradients) = run(ours, &inputs, kind);
        let (expected, expected_gradients) = run(burns, &inputs, kind);
        same(&out, &expected, tolerance, what);
        for (i, (a, b)) in gradients.iter().zip(&expected_gradients).enumerate() {
            same(a, b, tolerance, &format!("{what}, gradient of input {i}"));
        }
        let plain: Vec<Tensor<1>> = inputs.iter().map(|values| tensor(values, kind, &Device::flex())).collect();
        same(&values(ours(&plain)), &out, 1e-12, &format!("{what}, without a graph"));
    }
    let (_, gradients) = run(ours, &inputs, DType::F64);
    let loss = |inputs: &[Vec<f64>]| {
        let plain: Vec<Tensor<1>> = inputs.iter().map(|values| tensor(values, DType::F64, &Device::flex())).collect();
        let out = values(ours(&plain));
        out.iter().zip(wave(out.len(), 0.53, 1.0)).map(|(a, b)| a * b).sum::<f64>()
    };
    for (i, gradient) in gradients.iter().enumerate() {
        for at in (0..gradient.len()).step_by(gradient.len() / 5 + 1) {
            let h = 1e-6;
            let nudged = |by: f64| {
                let mut inputs = inputs.clone();
                inputs[i][at] += by;
                loss(&inputs)
            };
            let slope = (nudged(h) - nudged(-h)) / (2.0 * h);
            let close = (slope - gradient[at]).abs() < 1e-5 * (1.0 + slope.abs());
            assert!(close, "{what}, input {i} element {at}: {} against a slope of {slope}", gradient[at]);
        }
    }
}

fn flat<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let count = x.shape().num_elements();
    x.reshape([count])
}

const WINDOWS: [Window; 6] = [
    Window::square(3, 1),
    Window::square(3, 2),
    Window::square(5, 1),
    Window::square(5, 2),
    Window { kernel: [2, 3], stride: [2, 1], padding: [0, 1] },
    Window::square(1, 1),
];

#[test]
fn convolutions() {
    for window in WINDOWS {
        for (height, width, inputs, outputs) in [(8, 9, 3, 17), (7, 6, 16, 5)] {
            let (shape, taps) = ([2, height, width, inputs], window.taps());
            check(
                &format!("conv2d {window:?} {shape:?}"),
                &[shape.iter().product(), taps * inputs * outputs],
                &|t| flat(conv2d(t[0].clone().reshape(shape), t[1].clone().reshape([taps * inputs, outputs]), window)),
                &|t| {
                    let weight = t[1].clone().reshape([taps * inputs, outputs]);
                    flat(composed::conv2d(t[0].clone().reshape(shape), weight, window))
                },
            );
        }
        for (height, width, channels) in [(8, 9, 24), (7, 6, 3)] {
            let (shape, taps) = ([2, height, width, channels], window.taps());
            check(
                &format!("depthwise {window:?} {shape:?}"),
                &[shape.iter().product(), taps * channels],
                &|t| flat(depthwise(t[0].clone().reshape(shape), t[1].clone().reshape([taps, channels]), window)),
                &|t| {
                    let weight = t[1].clone().reshape([taps, channels]);
                    flat(composed::depthwise(t[0].clone().reshape(shape), weight, window))
                },
            );
        }
    }
}

#[test]
fn normalisation() {
    let shape = [2, 5, 6, 11];
    for act in [Plain, Relu, Relu6] {
        check(
            &format!("batch_norm {act:?}"),
            &[660, 11, 11],
            &|t| flat(batch_norm(t[0].clone().reshape(shape), t[1].clone(), t[2].clone(), 1e-3, act).0),
            &|t| flat(composed::batch_norm(t[0].clone().reshape(shape), t[1].clone(), t[2].clone(), 1e-3, act).0),
        );
        check(
            &format!("scale_shift {act:?}"),
            &[660, 11, 11],
            &|t| flat(scale_shift(t[0].clone().reshape(shape), t[1].clone(), t[2].clone(), act)),
            &|t| flat(composed::scale_shift(t[0].clone().reshape(shape), t[1].clone(), t[2].clone(), act)),
        );
    }
    let device = Device::flex().autodiff();
    let x = tensor(&wave(660, 0.37, 3.0), DType::F32, &device).require_grad().reshape(shape);
    let (gamma, beta) = (Tensor::ones([11], &device), Tensor::zeros([11], &device));
    let (_, ours) = batch_norm(x.clone(), gamma.clone(), beta.clone(), 1e-3, Plain);
    let (_, theirs) = composed::batch_norm(x, gamma, beta, 1e-3, Plain);
    same(&values(flat(ours.inner())), &values(flat(theirs.inner())), 1e-5, "moments");
}

#[test]
fn elementwise() {
    let shape = [2, 3, 5, 7];
    for act in [Plain, Relu, Relu6] {
        check(&format!("{act:?}"), &[210], &|t| activation(t[0].clone(), act), &|t| {
            composed::activation(t[0].clone(), act)
        });
        check(
            &format!("add {act:?}"),
            &[210, 210],
            &|t| flat(add(t[0].clone().reshape(shape), t[1].clone().reshape(shape), act)),
            &|t| composed::activation(t[0].clone() + t[1].clone(), act),
        );
    }
}

#[test]
fn fully_connected() {
    for act in [Plain, Relu, Relu6] {
        check(
            &format!("linear {act:?}"),
            &[30, 66, 11],
            &|t| {
                let (x, weight) = (t[0].clone().reshape([5, 6]), t[1].clone().reshape([6, 11]));
                flat(linear(x, weight, Some(t[2].clone()), act))
            },
            &|t| {
                let (x, weight) = (t[0].clone().reshape([5, 6]), t[1].clone().reshape([6, 11]));
                flat(composed::linear(x, weight, Some(t[2].clone()), act))
            },
        );
    }
    check(
        "linear without a bias",
        &[30, 66],
        &|t| flat(linear(t[0].clone().reshape([5, 6]), t[1].clone().reshape([6, 11]), None, Plain)),
        &|t| flat(t[0].clone().reshape([5, 6]).matmul(t[1].clone().reshape([6, 11]))),
    );
}

#[test]
fn pooling() {
    let (shape, len) = ([2, 6, 8, 5], 480);
    for window in [Window::tiles(2), Window::square(3, 2), Window::square(3, 1)] {
        check(
            &format!("max_pool {window:?}"),
            &[len],
            &|t| flat(max_pool(t[0].clone().reshape(shape), window)),
            &|t| flat(composed::max_pool(t[0].clone().reshape(shape), window)),
        );
        for counts in [true, false] {
            check(
                &format!("average_pool {window:?} {counts}"),
                &[len],
                &|t| flat(average_pool(t[0].clone().reshape(shape), window, counts)),
                &|t| flat(composed::average_pool(t[0].clone().reshape(shape), window, counts)),
            );
        }
    }
    check("global_average_pool", &[len], &|t| flat(global_average_pool(t[0].clone().reshape(shape))), &|t| {
        flat(composed::global_average_pool(t[0].clone().reshape(shape)))
    });
}

#[test]
fn upsampling() {
    let (coarse, fine) = ([2, 3, 4, 5], [2, 6, 8, 5]);
    check("upsample2", &[120], &|t| flat(upsample2(t[0].clone().reshape(coarse))), &|t| {
        flat(composed::upsample2(t[0].clone().reshape(coarse)))
    });
    check(
        "upsample2_add",
        &[480, 120],
        &|t| flat(upsample2_add(t[0].clone().reshape(fine), t[1].clone().reshape(coarse))),
        &|t| flat(t[0].clone().reshape(fine) + composed::upsample2(t[1].clone().reshape(coarse))),
    );
}

/// Rounding has no slope to compare with, so gradients are compared with those of burn's operators alone. Whole numbers go in.
#[test]
fn requantisation() {
    let shape = [2, 3, 5, 7];
    let whole = |len: usize, step: f64, size: f64| wave(len, step, size).into_iter().map(f64::round).collect();
    let multiplier = wave(7, 0.9, 0.02).iter().map(|v| v.abs() + 0.01).collect();
    let inputs: [Vec<f64>; 3] = [whole(210, 0.37, 9000.0), whole(7, 0.8, 500.0), multiplier];
    let sums: [Vec<f64>; 2] = [whole(210, 0.37, 120.0), whole(210, 0.5, 120.0)];
    let sum = Sum { factors: [0.83, 0.61], zeros: [100.0, 120.0], offset: -31.5, bounds: (0.0, 255.0), zero: 97.0 };
    type Requantise = fn(Tensor<4>, Tensor<1>, Tensor<1>, (f32, f32)) -> Tensor<4>;
    let of = |t: &[Tensor<1>], f: Requantise| {
        flat(f(t[0].clone().reshape(shape), t[1].clone(), t[2].clone().detach(), (-100.0, 155.0)))
    };
    let added = |t: &[Tensor<1>], f: fn(Tensor<4>, Tensor<4>, Sum<f32>) -> Tensor<4>| {
        flat(f(t[0].clone().reshape(shape), t[1].clone().reshape(shape), sum))
    };
    for kind in [DType::F32, DType::F64] {
        // The multiplier takes part so that there is a gradient for every input.
        let (a, da) = run(&|t| of(t, requantise) + t[2].clone().sum() * 0.0, &inputs, kind);
        let (b, db) = run(&|t| of(t, composed::requantise) + t[2].clone().sum() * 0.0, &inputs, kind);
        same(&a, &b, 1e-12, "requantise");
        assert!(a.iter().all(|v| v.fract() == 0.0) && a.contains(&-100.0) && a.contains(&155.0));
        da.iter().zip(&db).for_each(|(a, b)| same(a, b, 1e-5, "requantise, gradient"));
        let (a, da) = run(&|t| added(t, requantised_sum), &sums, kind);
        let (b, db) = run(&|t| added(t, composed::requantised_sum), &sums, kind);
        same(&a, &b, 1e-12, "requantised_sum");
        da.iter().zip(&db).for_each(|(a, b)| same(a, b, 1e-5, "requantised_sum, gradient"));
    }
}

/// Gradients that several users of a tensor share must not be changed in place.
#[test]
fn shared_gradients_stay_apart() {
    let shape = [1, 4, 4, 3];
    let block = |t: &[Tensor<1>], ours: bool| {
        let x = t[0].clone().reshape(shape);
        let norm = if ours { batch_norm } else { composed::batch_norm };
        let (a, _) = norm(x.clone(), t[1].clone(), t[2].clone(), 1e-3, Relu6);
        let (b, _) = norm(x.clone(), t[2].clone(), t[1].clone(), 1e-3, Relu);
        flat(if ours { add(add(a, b, Plain), x, Plain) } else { a + b + x })
    };
    check("a residual block", &[48, 3, 3], &|t| block(t, true), &|t| block(t, false));
}

#[test]
fn views_are_read_as_what_they_show() {
    let device = Device::flex();
    let x = tensor(&wave(2 * 4 * 5 * 6, 0.2, 1.0), DType::F32, &device).reshape([2, 6, 4, 5]).permute([0, 2, 3, 1]);
    let weight = tensor(&wave(54, 0.3, 1.0), DType::F32, &device).reshape([9, 6]);
    let window = Window::square(3, 1);
    let ours = depthwise(x.clone(), weight.clone(), window);
    same(&values(flat(ours)), &values(flat(composed::depthwise(x, weight, window))), 1e-5, "a permuted input");
}
