//! What is rewritten before anything is rounded computes what it computed.

use std::collections::HashMap;

use super::models::{Maker, difference, image, outputs, pictures};
use crate::export::onnx::{int, ints};
use crate::posttraining::calibrate::moments;
use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::importance::Moments;
use crate::posttraining::watch::{Show, floats_of};
use crate::posttraining::{Plan, equalise, opset, split, tidy, untangle};

fn decoded(bytes: &[u8]) -> OnnxGraph {
    OnnxGraph::decode(bytes).expect("a model")
}

fn operators(graph: &OnnxGraph) -> Vec<&str> {
    graph.nodes().iter().map(|node| node.op_type.as_str()).collect()
}

#[test]
fn normalisations_go_into_convolutions() {
    let mut maker = Maker::new(1);
    let x = maker.conv("conv", "picture", [6, 3, 3], 1, &[1.0]);
    let parameters = ["scale", "shift", "mean"].map(|name| maker.numbers(name, &[6], 1.0));
    let variance = maker.graph.floats("variance", &[6], &[0.5, 1.0, 2.0, 0.1, 4.0, 1.0]);
    let [scale, shift, mean] = parameters.each_ref().map(String::as_str);
    let x = maker.node("BatchNormalization", "norm", &[&x, scale, shift, mean, &variance], Vec::new());
    let factor = maker.numbers("factor", &[1, 6, 1, 1], 2.0);
    let x = maker.node("Mul", "scaled", &[&x, &factor], Vec::new());
    let x = maker.node("Identity", "same", &[&x], Vec::new());
    let x = maker.node("Relu", "relu", &[&x], Vec::new());
    let before = decoded(&maker.finish(&x, 6));
    let mut after = before.clone();
    assert_eq!(tidy::tidy(&mut after), 3);
    assert_eq!(operators(&after), ["Conv", "Relu"]);
    assert!(difference(&outputs(&before), &outputs(&after)) < 1e-5);
}

#[test]
fn old_operators_mean_the_same_in_the_new_set() {
    let mut maker = Maker::new(2);
    let x = maker.conv("conv", "picture", [4, 3, 1], 1, &[1.0]);
    let x = maker.node("Clip", "clip", &[&x], vec![float("min", -0.2), float("max", 0.3)]);
    let attributes = vec![ints("axes", &[2]), ints("starts", &[0]), ints("ends", &[8])];
    let x = maker.node("Slice", "top", &[&x], attributes);
    let scales = maker.graph.floats("scales", &[4], &[1.0, 1.0, 2.0, 1.0]);
    let x = maker.node("Upsample", "up", &[&x, &scales], Vec::new());
    let x = maker.node("Softmax", "shares", &[&x], vec![int("axis", 2)]);
    let mut before = decoded(&maker.finish(&x, 4));
    before.set_opset(9, 4);
    let mut after = before.clone();
    let shapes = floats_of(&before);
    opset::upgrade(&mut after, &shapes).expect("all of them can be brought over");
    assert_eq!(after.opset(), 13);
    assert!(operators(&after).contains(&"Resize"));
    assert!(difference(&outputs(&before), &outputs(&after)) < 1e-6);
    before.set_opset(6, 3);
    let error = opset::upgrade(&mut before, &shapes).expect_err("too old").to_string();
    assert!(error.contains("operator set 6"), "{error}");
}

fn float(name: &str, value: f32) -> tract_onnx::pb::AttributeProto {
    let kind = tract_onnx::pb::attribute_proto::AttributeType::Float as i32;
    tract_onnx::pb::AttributeProto { name: name.into(), r#type: kind, f: value, ..Default::default() }
}

/// Channels of very different sizes, brought to one by the depthwise convolution behind them.
fn disparate(activation: impl Fn(&mut Maker, &str, &str) -> String) -> OnnxGraph {
    let mut maker = Maker::new(3);
    let sizes = [0.02, 40.0, 1.0, 0.3];
    let x = maker.conv("dense", "picture", [8, 3, 3], 1, &sizes);
    let x = activation(&mut maker, "first", &x);
    let x = maker.conv("depthwise", &x, [8, 8, 3], 8, &sizes.map(|size| 1.0 / size));
    let x = activation(&mut maker, "second", &x);
    let x = maker.conv("last", &x, [5, 8, 1], 1, &[1.0]);
    decoded(&maker.finish(&x, 5))
}

/// What the channels of a graph hold, for some pictures.
fn studied(graph: &OnnxGraph, plan: &Plan) -> HashMap<String, Moments> {
    let (image, pictures) = (image(), pictures(4));
    let show = Show { image: &image, pictures: &pictures, focus: None };
    moments(graph, &plan.borders, &plan.sizes, show).expect("it runs")
}

#[test]
fn channels_are_brought_to_one_range_behind_a_relu() {
    let before = disparate(|maker, name, x| maker.node("LeakyRelu", name, &[x], Vec::new()));
    let plan = Plan::new(&before, &|_| false);
    let known = studied(&before, &plan);
    let mut after = before.clone();
    assert_eq!(equalise::equalise(&mut after, &plan.borders, &known), 2);
    assert!(difference(&outputs(&before), &outputs(&after)) < 1e-5);
    let known = studied(&after, &plan);
    let reach = &known["dense"].reach;
    let (least, most) = reach.iter().fold((f32::MAX, 0.0f32), |(a, b), reach| (a.min(*reach), b.max(*reach)));
    assert!(most / least < 20.0, "{reach:?}");
}

#[test]
fn channels_get_scales_of_their_own_where_they_cannot_be_brought_to_one() {
    let before = disparate(Maker::silu);
    let plan = Plan::new(&before, &|_| false);
    let known = studied(&before, &plan);
    let mut after = before.clone();
    assert_eq!(equalise::equalise(&mut after, &plan.borders, &known), 0);
    let tolerable = split::split(&mut after, &plan.formulas, &plan.borders, &known, &|_| 0.0);
    assert_eq!(tolerable, Vec::<String>::new());
    let split = split::split(&mut after, &plan.formulas, &plan.borders, &known, &|_| 0.1);
    assert_eq!(split, ["first"]);
    let parts = after.nodes().iter().filter(|node| node.name.starts_with("dense.part")).count();
    assert!((2..=8).contains(&parts), "{parts}");
    assert!(difference(&outputs(&before), &outputs(&after)) < 1e-6);
    // The dense convolution behind takes channels in the order of the parts.
    assert!(!operators(&after).contains(&"Gather"), "{:?}", operators(&after));
}

#[test]
fn channels_of_split_tensors_go_back_to_their_order_where_more_than_convolutions_read_them() {
    let mut maker = Maker::new(3);
    let sizes = [0.02, 40.0, 1.0, 0.3];
    let x = maker.conv("dense", "picture", [8, 3, 3], 1, &sizes);
    let x = maker.silu("first", &x);
    let x = maker.conv("depthwise", &x, [8, 8, 3], 8, &sizes.map(|size| 1.0 / size));
    let pooled = maker.node("GlobalAveragePool", "mean", &[&x], Vec::new());
    let x = maker.conv("last", &x, [8, 8, 1], 1, &[1.0]);
    let x = maker.node("Add", "sum", &[&x, &pooled], Vec::new());
    let before = decoded(&maker.finish(&x, 8));
    let plan = Plan::new(&before, &|_| false);
    let known = studied(&before, &plan);
    let mut after = before.clone();
    assert_eq!(split::split(&mut after, &plan.formulas, &plan.borders, &known, &|_| 0.1), ["first"]);
    assert!(operators(&after).contains(&"Gather"), "{:?}", operators(&after));
    assert!(difference(&outputs(&before), &outputs(&after)) < 1e-6);
}

#[test]
fn channels_of_one_range_are_not_split() {
    let mut maker = Maker::new(3);
    let x = maker.conv("dense", "picture", [8, 3, 3], 1, &[1.0]);
    let x = maker.silu("first", &x);
    let x = maker.conv("depthwise", &x, [8, 8, 3], 8, &[1.0]);
    let before = decoded(&maker.finish(&x, 8));
    let plan = Plan::new(&before, &|_| false);
    let mut known = studied(&before, &plan);
    known.values_mut().for_each(|moments| moments.reach.fill(1.0));
    let mut after = before.clone();
    let split = split::split(&mut after, &plan.formulas, &plan.borders, &known, &|_| 0.1);
    assert_eq!(split, Vec::<String>::new());
}

#[test]
fn joins_move_behind_depthwise_convolutions() {
    let mut maker = Maker::new(4);
    let a = maker.conv("a", "picture", [4, 3, 1], 1, &[1.0]);
    let b = maker.conv("b", "picture", [2, 3, 3], 1, &[9.0]);
    let x = maker.node("Concat", "joined", &[&a, &b], vec![int("axis", 1)]);
    let x = maker.conv("depthwise", &x, [6, 6, 3], 6, &[1.0]);
    let before = decoded(&maker.finish(&x, 6));
    let mut after = before.clone();
    let channels = |name: &str| match name {
        "a" => Some(4),
        "b" => Some(2),
        _ => None,
    };
    assert_eq!(untangle::untangle(&mut after, &channels), 1);
    assert_eq!(operators(&after), ["Conv", "Conv", "Conv", "Conv", "Concat"]);
    assert!(difference(&outputs(&before), &outputs(&after)) < 1e-6);
}
