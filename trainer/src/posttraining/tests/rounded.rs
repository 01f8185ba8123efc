//! Int8 models of small float ones.

use std::path::Path;

use proptest::prelude::*;
use retort::model::Model;

use super::models::{Maker, image, outputs, pictures};
use crate::export::onnx::int;
use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::layer::{Form, Layer};
use crate::posttraining::range::{Method, find};
use crate::posttraining::rounding::{Integers, fit};
use crate::posttraining::watch::{Show, options};
use crate::posttraining::{Options, QuantiseError, Quantised, Worth, prepare};
use crate::quantise::{Observer, Scale};

fn quantised(bytes: &[u8], options: &Options, floats: f64) -> Result<Quantised, QuantiseError> {
    let (image, pictures) = (image(), pictures(8));
    let prepared = prepare(bytes, Show { image: &image, pictures: &pictures, focus: None }, options, &|_| ())?;
    Ok(prepared.quantised(floats)?)
}

/// Every kind of node that computes in integers, and a decoder behind the last convolutions.
fn detector() -> Vec<u8> {
    let mut maker = Maker::new(11);
    let x = maker.conv("stem", "picture", [8, 3, 3], 1, &[1.0, 3.0]);
    let x = maker.silu("stem.silu", &x);
    let y = maker.conv("left", &x, [8, 8, 3], 8, &[2.0]);
    let y = maker.node("Relu", "left.relu", &[&y], Vec::new());
    let z = maker.node("HardSigmoid", "right", &[&x], Vec::new());
    let y = maker.node("Mul", "product", &[&y, &z], Vec::new());
    let x = maker.node("Add", "sum", &[&x, &y], Vec::new());
    let x = maker.node("Concat", "joined", &[&x, &y], vec![int("axis", 1)]);
    let boxes = maker.conv("boxes", &x, [4, 16, 1], 1, &[5.0]);
    let scores = maker.conv("scores", &x, [3, 16, 1], 1, &[0.2]);
    let scores = maker.node("Sigmoid", "probabilities", &[&scores], Vec::new());
    let x = maker.node("Concat", "answers", &[&boxes, &scores], vec![int("axis", 1)]);
    maker.finish(&x, 7)
}

#[test]
fn a_detector_computes_in_integers_up_to_its_last_convolutions() {
    let small = quantised(&detector(), &Options::default(), 0.0).expect("it can be quantised");
    assert_eq!(small.in_integers, 1.0);
    assert!(small.noise < 3e-3, "{}", small.noise);
    let model = Model::from_bytes(&small.encode(), Path::new("small"), &options()).expect("it loads");
    let kinds: Vec<&str> = model.steps().iter().filter(|step| step.macs > 0).map(|step| step.kind).collect();
    assert!(kinds.iter().all(|kind| *kind == "ConvolutionInt8"), "{kinds:?}");
    assert_eq!(model.fallbacks(), []);
    // Scores and boxes meet in floats only, so that neither has the other's scale.
    let range = |name: &str| small.tensors.iter().find(|tensor| tensor.name == name).map(|tensor| tensor.span);
    assert!(range("answers").is_none() && range("boxes").is_some() && range("boxes") != range("scores"));
    assert_eq!(small.tensors[0].method, Method::Known);
}

/// A detector, a product with known weights, and activations that bytes do not bear.
#[test]
fn operators_on_bytes_say_what_pairs_say() {
    let layered = || {
        let mut maker = Maker::new(3);
        let x = maker.conv("stem", "picture", [8, 3, 3], 1, &[1.0, 3.0]);
        let x = maker.node("Relu", "stem.relu", &[&x], Vec::new());
        let x = maker.conv("next", &x, [8, 8, 3], 8, &[2.0]);
        let x = maker.node("Relu", "next.relu", &[&x], Vec::new());
        let x = maker.node("GlobalAveragePool", "pooled", &[&x], Vec::new());
        let x = maker.node("Flatten", "flat", &[&x], Vec::new());
        let w = maker.numbers("w", &[8, 5], 0.5);
        let x = maker.node("MatMul", "answers", &[&x, &w], Vec::new());
        maker.finish_vector(&x, 5)
    };
    for (bytes, layers) in [(detector(), 4), (layered(), 3)] {
        let mut small = quantised(&bytes, &Options::default(), 0.0).expect("it can be quantised");
        let answers = |small: &Quantised| outputs(&OnnxGraph::decode(&small.encode()).expect("a model"));
        let pairs = answers(&small);
        assert_eq!(small.use_operators_on_bytes(), layers);
        assert_eq!(answers(&small), pairs);
        let model = Model::from_bytes(&small.encode(), Path::new("small"), &options()).expect("it loads");
        assert_eq!(model.fallbacks(), []);
        let kinds: Vec<&str> = model.steps().iter().filter(|step| step.macs > 0).map(|step| step.kind).collect();
        assert!(kinds.iter().all(|kind| *kind == "ConvolutionInt8"), "{kinds:?}");
    }
}

#[test]
fn what_rounding_harms_most_stays_in_floats() {
    let (bytes, plain) =
        (disparate(), Options { equalise: false, fit: false, worth: Worth { harm: 0.0, for_time: 0.0 } });
    let whole = quantised(&bytes, &plain, 0.0).expect("it can be quantised");
    let mixed = quantised(&bytes, &plain, 0.9).expect("it can be quantised");
    assert!(mixed.tensors.iter().any(|tensor| tensor.in_floats));
    assert!(mixed.in_integers >= 0.1 && mixed.in_integers < 1.0);
    assert!(mixed.noise < whole.noise, "{} {}", mixed.noise, whole.noise);
}

#[test]
fn what_makes_floats_of_bytes_multiplies_bytes() {
    // What harms most lies between the first convolution and the depthwise one, which has 72 of 328 products of a place.
    let plain = Options { equalise: false, fit: false, worth: Worth { harm: 0.0, for_time: 0.0 } };
    let mixed = quantised(&disparate(), &plain, 0.25).expect("it can be quantised");
    assert!((mixed.in_integers - (1.0 - 72.0 / 328.0)).abs() < 1e-6, "{}", mixed.in_integers);
    let model = Model::from_bytes(&mixed.graph.encode(), Path::new("mixed"), &options()).expect("it loads");
    let kinds: Vec<&str> = model.steps().iter().filter(|step| step.macs > 0).map(|step| step.kind).collect();
    // The answers cost no work as floats.
    assert_eq!(kinds, ["ConvolutionDynamic", "ConvolutionF32", "ConvolutionDynamic"]);
}

/// Channels of very different sizes, brought to one by the depthwise convolution behind them.
fn disparate() -> Vec<u8> {
    let mut maker = Maker::new(5);
    let sizes = [0.02, 40.0, 1.0, 0.3];
    let x = maker.conv("dense", "picture", [8, 3, 3], 1, &sizes);
    let x = maker.silu("first", &x);
    let x = maker.conv("depthwise", &x, [8, 8, 3], 8, &sizes.map(|size| 1.0 / size));
    let x = maker.silu("second", &x);
    let x = maker.conv("last", &x, [5, 8, 1], 1, &[1.0]);
    maker.finish(&x, 5)
}

#[test]
fn scales_of_their_own_save_small_channels() {
    let bytes = disparate();
    let plain = quantised(&bytes, &Options { equalise: false, fit: false, ..Options::default() }, 0.0)
        .expect("it can be quantised");
    let split = quantised(&bytes, &Options::default(), 0.0).expect("it can be quantised");
    // 10 dB and more.
    assert!(split.noise * 10.0 < plain.noise, "{} {}", split.noise, plain.noise);
}

#[test]
fn what_cannot_be_quantised_is_refused() {
    let error = |bytes: &[u8]| quantised(bytes, &Options::default(), 0.0).err().expect("refused").to_string();
    assert!(error(b"\xff\xff nothing").contains("no ONNX model"));
    let mut maker = Maker::new(6);
    let x = maker.node("Relu", "relu", &["picture"], Vec::new());
    assert!(error(&maker.finish(&x, 3)).contains("nothing to quantise"));
    let (image, bytes) = (image(), detector());
    let none = prepare(&bytes, Show { image: &image, pictures: &[], focus: None }, &Options::default(), &|_| ());
    assert!(none.err().expect("refused").to_string().contains("no picture"));
}

#[test]
fn no_room_is_kept_for_what_an_activation_does_not_tell_apart() {
    let mut observer = Observer::default();
    // From -60 to 6: the activation makes nearly nothing of all below -8.
    (0..6600).for_each(|i| observer.weigh(i as f32 / 100.0 - 60.0, 1.0));
    let silu: crate::posttraining::formula::Map = std::sync::Arc::new(|x: f32| x / (1.0 + (-x).exp()));
    let found = find(&[&observer], &[&observer], &[silu]);
    let plain = find(&[&observer], &[&observer], &[std::sync::Arc::new(|x| x)]);
    assert!(found.scale.span().0 > -20.0, "{:?}", found.scale.span());
    assert!(plain.scale.span().0 < -55.0, "{:?}", plain.scale.span());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn fitted_weights_say_what_the_float_ones_do(seed in any::<u64>(), taps in 1usize..20, outputs in 1usize..4) {
        let mut rng = crate::data::Rng::new(&[seed]);
        let layer = Layer {
            node: 0, name: "y".into(), input: "x".into(), weight: "w".into(), bias: None,
            outputs, groups: 1, taps, form: Form::Product { transposed: true },
        };
        let mut numbers = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.unit() - 0.5).collect() };
        let (weight, bias) = (numbers(outputs * taps), numbers(outputs));
        // Taps that go together, so that one's error can make good another's.
        let mut patches = numbers(256 * taps);
        for patch in patches.chunks_exact_mut(taps) {
            let first = patch[0];
            patch.iter_mut().for_each(|value| *value = 0.3 * *value + first);
        }
        let scale = Scale::spanning(-0.8, 0.8);
        let error = |integers: &Integers| -> f64 {
            let of = |patch: &[f32], output: usize| -> f64 {
                let row = output * taps..(output + 1) * taps;
                let want: f32 = weight[row.clone()].iter().zip(patch).map(|(w, x)| w * x).sum();
                let got = integers.weight[row].iter().zip(patch);
                let got: f32 = got.map(|(w, x)| f32::from(*w) * integers.scales[output] * scale.round(*x)).sum();
                f64::from(want + bias[output] - got - integers.bias[output]).powi(2)
            };
            patches.chunks_exact(taps).map(|patch| (0..outputs).map(|output| of(patch, output)).sum::<f64>()).sum()
        };
        let nearest = error(&Integers::nearest(&layer, &weight, &bias));
        let fitted = fit(&layer, &weight, &bias, &patches, scale);
        prop_assert!(fitted.weight.iter().all(|w| *w >= -127));
        // What is added out of caution may cost a little.
        prop_assert!(error(&fitted) <= 1.25 * nearest + 1e-6, "{} {}", error(&fitted), nearest);
    }
}
