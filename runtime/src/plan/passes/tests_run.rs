//! Passes that change which steps there are, not what comes out: each on a small graph that is run before and after it.

use std::path::Path;

use retort_core::function::Function;
use retort_core::kernels::KernelSet;
use retort_core::plan::step::{FloatOperation, IntegerOperation, Interpolation};

use super::tests::{RELU, Sketch, float_swap, q, quantised_swap};
use super::*;
use crate::graph::{
    Bias, Convolution, ConvolutionInt8, Op, QuantisedWeights, ResizeTap, Table, TensorId, Weights, Window,
};
use crate::model::{LoadOptions, Model};
use crate::plan::lower::Lowering;
use crate::tensor::{ElementType, Quantisation, TensorMut, TensorRef};

/// The kinds of the graph's steps and the bytes of its outputs, for inputs that count.
pub(in crate::plan) fn run(graph: &Graph) -> (Vec<&'static str>, Vec<Vec<u8>>) {
    let (plan, _) = Lowering::new(graph, KernelSet::Portable).unwrap().finish("").unwrap();
    let model = Model::from_bytes(&plan, Path::new("graph"), &LoadOptions::default()).unwrap();
    let mut session = model.session();
    for index in 0..graph.inputs.len() {
        match session.input(index) {
            TensorMut::F32(values) => {
                values.iter_mut().enumerate().for_each(|(i, v)| *v = (i * 37 % 101) as f32 / 8.0 - 5.0);
            }
            TensorMut::U8(bytes) => bytes.iter_mut().enumerate().for_each(|(i, b)| *b = (i * 37 + index) as u8),
            _ => panic!("an input of another type"),
        }
    }
    session.run().unwrap();
    let outputs = (0..graph.outputs.len()).map(|index| match session.output(index) {
        TensorRef::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorRef::U8(bytes) => bytes.to_vec(),
        _ => panic!("an output of another type"),
    });
    (model.steps().iter().map(|step| step.kind).collect(), outputs.collect())
}

/// Runs the graph, rewrites it, runs it again; returns how much changed and the steps that are left.
fn rewritten(sketch: &mut Sketch, pass: Pass) -> (usize, Vec<&'static str>) {
    let (_, before) = run(&sketch.graph);
    let changes = pass(&mut sketch.graph);
    sketch.graph.remove_dead_nodes();
    let (steps, after) = run(&sketch.graph);
    assert!(!before.is_empty() && before == after, "the results changed");
    (changes, steps)
}

impl Sketch {
    fn bytes(&mut self, op: Op, inputs: &[TensorId], shape: &[usize], to: Quantisation) -> TensorId {
        self.graph.add_node("b", op, inputs.to_vec(), shape.to_vec(), ElementType::U8, Some(to))
    }

    fn floats(&mut self, op: Op, inputs: &[TensorId], shape: &[usize]) -> TensorId {
        self.graph.add_node("f", op, inputs.to_vec(), shape.to_vec(), ElementType::F32, None)
    }
}

/// A pointwise integer convolution from two channels with one weight for each pair of channels.
fn pointwise(weights: &[i16], y_zero: i32) -> Op {
    let out_channels = weights.len() / 2;
    Op::ConvolutionInt8(Box::new(ConvolutionInt8 {
        window: Window::ONE,
        groups: 1,
        in_channels: 2,
        out_channels,
        weights: weights.to_vec(),
        bias: vec![3; out_channels],
        multiplier: (0..out_channels).map(|c| 0.25 + c as f32 / 8.0).collect(),
        y_zero,
        epilogue: Default::default(),
    }))
}

fn inverted() -> Table {
    Box::new(std::array::from_fn(|byte| 255 - byte as u8))
}

/// Every row and column of a 4 × 4 image twice.
fn twice() -> Op {
    let taps: Vec<_> = (0..8u32).map(|i| ResizeTap { low: i / 2, high: i / 2, share: 0.0 }).collect();
    Op::Resize { interpolation: Interpolation::Nearest, rows: taps.clone(), columns: taps }
}

#[test]
fn a_table_behind_joined_images_is_applied_by_the_convolutions() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::U8, Some(q(0.5, 10)));
    let parts = [[1, -2, 3, 4], [-7, 5, 2, 1]].map(|weights| {
        let y = s.bytes(pointwise(&weights, 100), &[x], &Sketch::SHAPE, q(0.5, 100));
        s.bytes(Op::Reshape, &[y], &[1, 16, 2], q(0.5, 100))
    });
    let y = s.bytes(Op::Concat(1), &parts, &[1, 32, 2], q(0.5, 100));
    let y = s.bytes(Op::Lookup(inverted()), &[y], &[1, 32, 2], q(0.5, 155));
    s.output(y);
    // Over the join, and then over either reshape.
    assert_eq!(rewritten(&mut s, hoist::run).0, 3);
    assert_eq!(rewritten(&mut s, fuse::run), (2, vec!["ConvolutionInt8"; 2]));
}

#[test]
fn a_function_stays_behind_a_join_that_also_takes_an_input() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.float(float_swap(), &[x]);
    let y = s.floats(Op::Concat(3), &[x, y], &[1, 4, 4, 4]);
    let y = s.floats(Op::Unary(RELU), &[y], &[1, 4, 4, 4]);
    s.output(y);
    assert_eq!(hoist::run(&mut s.graph), 0);
}

#[test]
fn a_function_that_an_activation_precedes_is_not_moved() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.float(Op::Binary(FloatOperation::Add, RELU), &[x, x]);
    let y = s.floats(Op::Reshape, &[y], &[1, 16, 2]);
    let y = s.floats(Op::Unary(Function::Sigmoid), &[y], &[1, 16, 2]);
    s.output(y);
    assert_eq!(hoist::run(&mut s.graph), 0);
}

#[test]
fn an_upsampled_operand_is_read_as_it_is() {
    let mut s = Sketch::default();
    let scale = q(0.5, 10);
    let x = s.input(ElementType::U8, Some(scale));
    let large = s.graph.add_tensor("large", vec![1, 8, 8, 2], ElementType::U8, Some(scale));
    let border = s.port(large);
    s.graph.inputs.push(border);
    let y = s.bytes(twice(), &[x], &[1, 8, 8, 2], scale);
    let add = || Op::BinaryInt8(IntegerOperation::Add, q(0.75, 9), 0, Default::default());
    let sums = [[y, large], [large, y]].map(|operands| s.bytes(add(), &operands, &[1, 8, 8, 2], q(0.75, 9)));
    sums.into_iter().for_each(|sum| s.output(sum));
    assert_eq!(rewritten(&mut s, upsample::run), (1, vec!["BinaryInt8"; 2]));
}

#[test]
fn upsampled_floats_are_read_as_they_are_beside_a_constant() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.floats(twice(), &[x], &[1, 8, 8, 2]);
    let channels = s.graph.add_constant("c", vec![1, 1, 1, 2], crate::graph::Constant::F32(vec![2.0, 3.0]));
    let y = s.floats(Op::Binary(FloatOperation::Multiply, RELU), &[y, channels], &[1, 8, 8, 2]);
    s.output(y);
    assert_eq!(rewritten(&mut s, upsample::run), (1, vec!["BinaryF32"]));
}

#[test]
fn an_upsampling_that_a_window_reads_stays() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let up = s.floats(twice(), &[x], &[1, 8, 8, 2]);
    let sum = s.floats(Op::Binary(FloatOperation::Add, Function::Identity), &[up, up], &[1, 8, 8, 2]);
    s.output(sum);
    assert_eq!(upsample::run(&mut s.graph), 0, "both operands would be the small one");
}

#[test]
fn every_second_channel_is_a_slice() {
    let mut s = Sketch::default();
    let scale = q(0.5, 10);
    let x = s.input(ElementType::U8, Some(scale));
    let x = s.bytes(pointwise(&[1, -2, 3, 4, -7, 5, 2, 1], 100), &[x], &[1, 4, 4, 4], scale);
    let split = s.bytes(Op::Reshape, &[x], &[1, 4, 4, 2, 2], scale);
    let halves = [0, 1].map(|half| {
        let slice = Op::Slice { start: vec![0, 0, 0, 0, half], step: vec![1; 5] };
        let y = s.bytes(slice, &[split], &[1, 4, 4, 2, 1], scale);
        s.bytes(Op::Reshape, &[y], &Sketch::SHAPE, scale)
    });
    let main = s.bytes(pointwise(&[1, 2, 3, 4], 50), &[halves[1]], &Sketch::SHAPE, scale);
    let y = s.bytes(Op::Concat(3), &[halves[0], main], &[1, 4, 4, 4], scale);
    s.output(y);
    let steps = vec!["ConvolutionInt8", "Copy", "Copy", "ConvolutionInt8"];
    assert_eq!(rewritten(&mut s, channels::run), (2, steps), "one half is copied into the result, one packed");
}

#[test]
fn pointwise_siblings_are_one_convolution() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::U8, Some(q(0.5, 10)));
    let heads = [(vec![1, -2, 3, 4], 0.5), (vec![-7, 5], 0.25)]
        .map(|(weights, scale)| s.bytes(pointwise(&weights, 100), &[x], &[1, 4, 4, weights.len() / 2], q(scale, 100)));
    let apart = s.bytes(pointwise(&[3, 3], 99), &[x], &[1, 4, 4, 1], q(0.5, 99));
    let [a, b] = heads;
    [a, b, apart].into_iter().for_each(|y| s.output(y));
    let steps = vec!["ConvolutionInt8", "Copy", "Copy", "ConvolutionInt8"];
    assert_eq!(rewritten(&mut s, siblings::run), (1, steps), "another zero point cannot join");
}

#[test]
fn float_siblings_are_merged_with_whatever_weights_they_have() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let heads = [float_swap(), quantised_swap()].map(|conv| s.float(conv, &[x]));
    let sum = s.float(Op::Binary(FloatOperation::Add, Function::Identity), &heads);
    s.output(sum);
    let steps = vec!["ConvolutionF32", "BinaryF32"];
    assert_eq!(rewritten(&mut s, siblings::run), (1, steps), "the sum reads the slices where they lie");
}

#[test]
fn the_first_convolution_reads_the_image_as_it_came() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.quantise(x, q(0.5, 10));
    let y = s.bytes(pointwise(&[1, -2, 3, 4], 100), &[y], &Sketch::SHAPE, q(0.5, 100));
    s.output(y);
    assert_eq!(run(&s.graph).0, ["Quantize", "ConvolutionInt8"]);
    assert_eq!(take_quantised_inputs(&mut s.graph), 1);
    assert_eq!(run(&s.graph).0, ["ConvolutionInt8"]);
}

/// A convolution of dequantised bytes with weights, biases and a step that are exact in floats, and a ReLU.
fn of_bytes(s: &mut Sketch, groups: usize) {
    let x = s.input(ElementType::U8, Some(q(0.5, 10)));
    let x = s.dequantise(x);
    let weights: Vec<i16> = (0..4 / groups).flat_map(|i| [i as i16 * 25 - 60; 9]).collect();
    let y = s.float(
        Op::Convolution(Box::new(Convolution {
            window: Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1; 4] },
            groups,
            in_channels: 2,
            out_channels: 2,
            weights: Weights::Quantised(QuantisedWeights { values: weights, scales: vec![0.25, 2.0] }),
            bias: Some(Bias { floats: vec![3.5, -90.0], stored: None }),
            activation: Function::Identity,
        })),
        &[x],
    );
    let y = s.float(Op::Unary(RELU), &[y]);
    s.output(y);
}

#[test]
fn bytes_are_multiplied_where_floats_are_wanted() {
    let mut s = Sketch::default();
    of_bytes(&mut s, 1);
    assert_eq!(rewritten(&mut s, scaled::run), (1, vec!["ConvolutionDynamic", "UnaryF32"]));
    assert_eq!(rewritten(&mut s, fuse::run), (1, vec!["ConvolutionDynamic"]));
}

#[test]
fn a_depthwise_convolution_whose_result_is_floats_stays_in_floats() {
    let mut s = Sketch::default();
    of_bytes(&mut s, 2);
    assert_eq!(scaled::run(&mut s.graph), 0);
}

/// x · max(0, min(6, x + 3)), divided by a constant before or after the product.
fn written_out(s: &mut Sketch, divisor: f32, early: bool) {
    let x = s.input(ElementType::F32, None);
    let mut number = |value: f32| s.graph.add_constant("n", vec![1; 4], crate::graph::Constant::F32(vec![value]));
    let (three, divisor) = (number(3.0), number(divisor));
    let divide = Op::Binary(FloatOperation::Divide, Function::Identity);
    let mut y = s.float(Op::Binary(FloatOperation::Add, Function::Identity), &[three, x]);
    y = s.float(Op::Unary(Function::Clamp { low: 0.0, high: 6.0 }), &[y]);
    if early {
        y = s.float(divide.clone(), &[y, divisor]);
    }
    y = s.float(Op::Binary(FloatOperation::Multiply, Function::Identity), &[x, y]);
    if !early {
        y = s.float(divide, &[y, divisor]);
    }
    s.output(y);
}

#[test]
fn hard_swish_is_recognised_wherever_it_is_divided() {
    for early in [false, true] {
        let mut s = Sketch::default();
        written_out(&mut s, 6.0, early);
        let before = run(&s.graph).1.concat();
        assert_eq!(hard_swish::run(&mut s.graph), 1);
        s.graph.remove_dead_nodes();
        let (steps, after) = run(&s.graph);
        assert_eq!(steps, ["UnaryF32"]);
        let floats = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|v| f32::from_le_bytes(*v)).collect::<Vec<_>>();
        for (a, b) in floats(&before).into_iter().zip(floats(&after.concat())) {
            assert!((a - b).abs() <= 1e-6 * a.abs(), "{a} became {b}");
        }
    }
}

#[test]
fn another_divisor_is_no_hard_swish() {
    let mut s = Sketch::default();
    written_out(&mut s, 5.0, false);
    assert_eq!(hard_swish::run(&mut s.graph), 0);
}
