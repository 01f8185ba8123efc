//! The simulation is the runtime: every value of every node, for networks of every operator, before and after steps of a
//! training; and its gradients are those of the floats wherever nothing is clamped.

mod examples;

use std::path::Path;
use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use retort::model::{LoadOptions, Model};
use retort::quantised::dequantise;
use retort::tensor::{Quantisation, TensorMut, TensorRef};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{TensorShapeProto, TypeProto, ValueInfoProto, type_proto};

use examples::{conv, lesson, networks, plain, pooled, ranges, samples, shape, training};

use super::{Ranges, Scale, Scales, quantise_weights};
use crate::data::Sample;
use crate::export::{encode, quantised_model};
use crate::nets::{Activation, Builder, Folded, Head, Node, Op, Role, Shape, TrainingPass, Weights};
use crate::train::{Follower, Progress, Saving, TrainError, train};

/// The reals of every node's value, node by node, for one picture, as the runtime computes them of its bytes.
fn runtime(weights: &Weights, ranges: &Ranges, sample: &Sample) -> Vec<Vec<f32>> {
    let (network, folded) = (&weights.network, Folded::new(weights));
    let scales = Scales::new(network, ranges).expect("calibrated");
    let model = quantised_model(&folded, ranges, "test").expect("calibrated");
    let answers = run(encode(model.clone(), Vec::new()), sample);
    let mut every = model;
    let graph = every.graph.as_mut().expect("a graph");
    let computed = |node: &&Node| !matches!(node.op, Op::Picture | Op::Dropout(_));
    let nodes: Vec<_> = network.nodes.iter().filter(computed).collect();
    for node in &nodes {
        let Shape { height, width, channels } = node.shape;
        graph.output.push(bytes(&format!("{}.quantised", node.name), &[1, channels, height, width]));
    }
    let values = run(encode(every, Vec::new()), sample);
    // That all is read must not change what is computed.
    assert_eq!(values[..answers.len()], answers[..]);
    let mut values = values.into_iter().skip(answers.len());
    let of = |node: &Node| {
        let Scale { scale, zero } = scales.of(node);
        let from = Quantisation { scale, zero_point: zero.into() };
        match values.next() {
            Some(Values::Bytes(bytes)) => bytes.into_iter().map(|byte| dequantise(byte, from)).collect(),
            other => panic!("{}: {other:?}", node.name),
        }
    };
    nodes.into_iter().map(of).collect()
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
}

/// All outputs, channels last.
fn run(bytes: Vec<u8>, sample: &Sample) -> Vec<Values> {
    let model = Model::from_bytes(&bytes, Path::new("test.onnx"), &LoadOptions::default()).expect("it loads");
    assert!(model.fallbacks().is_empty(), "{:?}", model.fallbacks());
    let strides = model.inputs()[0].strides();
    let mut session = model.session();
    let TensorMut::F32(input) = session.input(0) else { panic!("pictures are floats") };
    for (at, value) in sample.values().enumerate() {
        let (cell, channel) = (at / sample.channels, at % sample.channels);
        let (y, x) = (cell / sample.width, cell % sample.width);
        input[channel * strides[1] + y * strides[2] + x * strides[3]] = value;
    }
    session.run().expect("it runs");
    let read = |index: usize| {
        let port = &model.outputs()[index];
        let (shape, strides) = (&port.shape, port.strides());
        let [channels, height, width] = [1, 2, 3].map(|axis| shape.get(axis).copied().unwrap_or(1));
        let stride = |axis: usize| strides.get(axis).copied().unwrap_or(0);
        let places = (0..height * width * channels).map(|at| {
            let (cell, channel) = (at / channels, at % channels);
            channel * stride(1) + cell / width * stride(2) + cell % width * stride(3)
        });
        match session.output(index) {
            TensorRef::F32(values) => Values::Floats(places.map(|place| values[place]).collect()),
            TensorRef::U8(values) => Values::Bytes(places.map(|place| values[place]).collect()),
            other => panic!("{other:?}"),
        }
    };
    (0..model.outputs().len()).map(read).collect()
}

fn bytes(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim =
        |&size: &usize| Dimension { value: Some(dimension::Value::DimValue(size as i64)), ..Dimension::default() };
    let shape = Some(TensorShapeProto { dim: shape.iter().map(dim).collect() });
    let elem_type = tract_onnx::pb::tensor_proto::DataType::Uint8 as i32;
    let kind = type_proto::Value::TensorType(type_proto::Tensor { elem_type, shape });
    let r#type = Some(TypeProto { value: Some(kind), ..TypeProto::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..ValueInfoProto::default() }
}

/// The same of the simulation, for some pictures at once: `[node][picture]`.
fn simulated(weights: &Weights, ranges: &Ranges, samples: &[Sample]) -> Vec<(String, Vec<Vec<f32>>)> {
    let mut weights = weights.clone();
    let before = weights.clone();
    let network = weights.network.clone();
    let scales = Scales::new(&network, ranges).expect("calibrated");
    // With a graph, as in a training.
    let device = Device::flex().autodiff();
    let Shape { height, width, channels } = network.input();
    let pictures: Vec<f32> = samples.iter().flat_map(Sample::values).collect();
    let pictures = Tensor::from_data(TensorData::new(pictures, [samples.len(), height, width, channels]), &device);
    let mut pass = TrainingPass::simulated(&mut weights, &scales, &device);
    let values = pass.run(&network, pictures);
    pass.finish(&mut weights);
    assert_eq!(weights, before, "the weights come back");
    let nodes = network.nodes.iter().zip(values);
    let nodes = nodes.filter(|(node, _)| !matches!(node.op, Op::Picture | Op::Dropout(_)));
    nodes
        .map(|(node, value)| {
            let values = value.into_data().try_into_vec::<f32>().expect("floats");
            (node.name.clone(), values.chunks_exact(node.shape.len()).map(<[f32]>::to_vec).collect())
        })
        .collect()
}

/// Compares every value of every node.
fn same(weights: &Weights, ranges: &Ranges, samples: &[Sample]) {
    let simulated = simulated(weights, ranges, samples);
    for (picture, sample) in samples.iter().enumerate() {
        let expected = runtime(weights, ranges, sample);
        assert_eq!(expected.len(), simulated.len());
        for ((name, values), expected) in simulated.iter().zip(&expected) {
            assert_eq!(values[picture].len(), expected.len(), "{name}");
            let differ = values[picture].iter().zip(expected).filter(|(a, b)| a != b).count();
            assert_eq!(differ, 0, "{name}: {differ} of {} values of picture {picture} differ", expected.len());
        }
    }
}

#[test]
fn every_value_of_the_simulation_is_the_runtimes() {
    for (index, network) in networks().iter().enumerate() {
        let weights = plain(network, 3 + index as u64);
        // A range that leaves the tails out, so that values saturate where no activation makes them.
        for share in [1.0, 0.98] {
            same(&weights, &ranges(&weights, share), &samples(network, 3, 2));
        }
    }
}

#[test]
fn sums_and_biases_beyond_f32_are_the_runtimes() {
    let network = &networks()[4];
    let mut weights = plain(network, 5);
    let ranges = ranges(&weights, 1.0);
    // Next to no weights make a scale so small that the bias has more digits than an f32.
    for parameter in weights.parameters.iter_mut().filter(|parameter| parameter.layer == "second") {
        match parameter.role {
            Role::Weight => parameter.values.iter_mut().step_by(8).for_each(|value| *value *= 1e-6),
            _ => parameter.values[0] = 0.71,
        }
    }
    let folded = Folded::new(&weights);
    let x = Scales::new(network, &ranges).expect("calibrated").of(network.node("pool").expect("there"));
    let bias = quantise_weights(folded.layer("second").expect("there"), x).bias[0];
    assert_ne!(bias as f32 as i64, i64::from(bias), "{bias}");
    same(&weights, &ranges, &samples(network, 3, 2));
}

#[derive(Default)]
struct Losses(Vec<f32>);

impl Follower for Losses {
    fn step(&mut self, progress: Progress) -> Result<(), TrainError> {
        self.0.push(progress.loss);
        Ok(())
    }
}

#[test]
fn it_learns_and_what_it_has_learned_is_still_the_runtimes() {
    for network in networks() {
        let weights = plain(&network, 9);
        let ranges = ranges(&weights, 1.0);
        let training = training(&network, &ranges, 16);
        let mut losses = Losses::default();
        let taught = network.clone();
        let trained = train(weights.clone(), &training, move |step| lesson(&taught, step), None, &mut losses);
        let trained = trained.expect("trained");
        assert_ne!(trained, weights);
        let losses = losses.0;
        let [first, last] = [&losses[..3], &losses[losses.len() - 3..]].map(|some| some.iter().sum::<f32>());
        // A detector's cells are assigned anew in every step, so that its first losses need not fall.
        assert!(last < first || !network.levels().is_empty(), "{losses:?}");
        same(&trained, &ranges, &samples(&network, 2, 2));
    }
}

/// Every step saved, stopped, and gone on with.
#[test]
fn a_training_goes_on_from_any_step_to_the_same_bytes() {
    struct Dies(usize);
    impl Follower for Dies {
        fn step(&mut self, progress: Progress) -> Result<(), TrainError> {
            if progress.step == self.0 { Err(TrainError::Follower("the power went off".into())) } else { Ok(()) }
        }
    }
    let network = pooled();
    let weights = plain(&network, 9);
    let ranges = ranges(&weights, 1.0);
    let training = training(&network, &ranges, 6);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |dies: usize| {
        let saving = Saving { path: folder.path().join("a.state"), every: Duration::ZERO };
        let taught = network.clone();
        train(weights.clone(), &training, move |step| lesson(&taught, step), Some(&saving), &mut Dies(dies))
    };
    let expected = run(99).expect("trained");
    for dies in 1..6 {
        std::fs::remove_file(folder.path().join("a.state")).expect("there");
        run(dies).expect_err("it died");
        assert_eq!(run(99).expect("trained"), expected, "stopped in step {dies}");
    }
}

/// Gradients of the sum of `Σ value·weight` over the last node's values.
fn gradients(weights: &Weights, scales: Option<&Scales>, sample: &Sample) -> Vec<Vec<f32>> {
    let mut weights = weights.clone();
    let network = weights.network.clone();
    let device = Device::flex().autodiff();
    let Shape { height, width, channels } = network.input();
    let data = TensorData::new(sample.values().collect(), [1, height, width, channels]);
    let mut pass = match scales {
        Some(scales) => TrainingPass::simulated(&mut weights, scales, &device),
        None => TrainingPass::new(&mut weights, &device, None),
    };
    let last = pass.run(&network, Tensor::from_data(data, &device)).pop().expect("a node");
    let count = last.shape().num_elements();
    let by: Vec<f32> = (0..count).map(|i| ((i as f32 + 0.5) * 0.7).sin()).collect();
    let loss = (last.reshape([count]) * Tensor::<1>::from_data(TensorData::new(by, [count]), &device)).sum();
    pass.gradients(loss, &mut weights).0
}

#[test]
fn gradients_are_those_of_floats_inside_and_zero_where_values_saturate() {
    let mut builder = Builder::new(shape(6, 3));
    let logits = builder.add("only", Op::Convolve(conv(3, 3, 4, Activation::None)), &[0]).expect("it fits");
    let network = builder.finish(Head::Classes { logits, classes: 4 });
    let mut weights = plain(&network, 2);
    // Far above all that the other channels come to.
    weights.parameters[1].values[3] = 1e3;
    let sample = &samples(&network, 1, 3)[0];
    let ranges: Ranges = [("only".to_owned(), Scale { scale: 1.0, zero: 128 })].into_iter().collect();
    let scales = Scales::new(&network, &ranges).expect("given");
    let (simulated, floats) = (gradients(&weights, Some(&scales), sample), gradients(&weights, None, sample));
    for (simulated, floats) in simulated.iter().zip(&floats) {
        for (at, (a, b)) in simulated.iter().zip(floats).enumerate() {
            // Pictures are bytes, so that the gradient of one layer is the same but for the order of roundings.
            let expected = if at % 4 == 3 { 0.0 } else { *b };
            assert!((a - expected).abs() <= 1e-4 * expected.abs().max(0.1), "{at}: {a}, not {expected}");
        }
    }
}

#[test]
fn gradients_through_many_layers_point_where_those_of_floats_do() {
    for network in networks() {
        let weights = plain(&network, 2);
        let sample = &samples(&network, 1, 3)[0];
        // The largest value of all is at a bound and has no gradient; it had better be another picture's.
        let scales = Scales::new(&network, &ranges(&weights, 1.0)).expect("calibrated");
        let flat = |scales| gradients(&weights, scales, sample).concat();
        let (a, b) = (flat(Some(&scales)), flat(None));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
        let ratio = (dot(&a, &a) / dot(&b, &b)).sqrt();
        assert!(cosine > 0.95 && (0.9..1.1).contains(&ratio), "cosine {cosine}, ratio {ratio}");
    }
}
