//! Each pass on the smallest graph that shows what it does.

use retort_core::function::Function;
use retort_core::plan::step::{FloatOperation, IntegerOperation};

use super::*;
use crate::graph::{Border, Constant, Convolution, Node, Op, QuantisedWeights, TensorId, Weights, Window};
use crate::tensor::{ElementType, Port, Quantisation};

pub(super) const RELU: Function = Function::Clamp { low: 0.0, high: f32::INFINITY };

pub(super) fn q(scale: f32, zero_point: i32) -> Quantisation {
    Quantisation { scale, zero_point }
}

/// A graph of images of 4 × 4 pixels with two channels, built node by node.
#[derive(Default)]
pub(super) struct Sketch {
    pub(super) graph: Graph,
}

impl Sketch {
    pub(super) const SHAPE: [usize; 4] = [1, 4, 4, 2];

    pub(super) fn port(&self, id: TensorId) -> Border {
        let tensor = self.graph.tensor(id);
        let port = Port {
            name: tensor.name.clone(),
            element: tensor.element,
            shape: tensor.shape.clone(),
            order: (0..tensor.shape.len()).collect(),
            quantisation: None,
        };
        Border { tensor: id, port }
    }

    pub(super) fn input(&mut self, element: ElementType, quantisation: Option<Quantisation>) -> TensorId {
        let id = self.graph.add_tensor("x", Self::SHAPE.to_vec(), element, quantisation);
        let border = self.port(id);
        self.graph.inputs.push(border);
        id
    }

    pub(super) fn float(&mut self, op: Op, inputs: &[TensorId]) -> TensorId {
        self.graph.add_node("f", op, inputs.to_vec(), Self::SHAPE.to_vec(), ElementType::F32, None)
    }

    pub(super) fn quantise(&mut self, x: TensorId, to: Quantisation) -> TensorId {
        let shape = self.graph.tensor(x).shape.clone();
        self.graph.add_node("q", Op::Quantize, vec![x], shape, ElementType::U8, Some(to))
    }

    pub(super) fn dequantise(&mut self, x: TensorId) -> TensorId {
        let shape = self.graph.tensor(x).shape.clone();
        self.graph.add_node("dq", Op::Dequantize, vec![x], shape, ElementType::F32, None)
    }

    pub(super) fn output(&mut self, id: TensorId) {
        let border = self.port(id);
        self.graph.outputs.push(border);
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.graph.nodes.iter().map(|node| node.op.kind()).collect()
    }
}

/// A pointwise convolution of two channels that swaps them.
pub(super) fn swap(weights: Weights) -> Op {
    Op::Convolution(Box::new(Convolution {
        window: Window::ONE,
        groups: 1,
        in_channels: 2,
        out_channels: 2,
        weights,
        bias: None,
        activation: Function::Identity,
    }))
}

pub(super) fn float_swap() -> Op {
    swap(Weights::Float(vec![0.0, 1.0, 1.0, 0.0]))
}

pub(super) fn quantised_swap() -> Op {
    swap(Weights::Quantised(QuantisedWeights { values: vec![0, 10, 10, 0], scales: vec![0.1, 0.1] }))
}

#[test]
fn scale_and_shift_fold_into_the_convolution_in_front() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.float(float_swap(), &[x]);
    let factor = s.graph.add_constant("factor", vec![1, 1, 1, 2], Constant::F32(vec![2.0, 3.0]));
    let y = s.float(Op::Binary(FloatOperation::Multiply, Function::Identity), &[y, factor]);
    let shift = s.graph.add_constant("shift", vec![1, 1, 1, 2], Constant::F32(vec![5.0, 7.0]));
    let y = s.float(Op::Binary(FloatOperation::Add, Function::Identity), &[y, shift]);
    s.output(y);
    assert_eq!(affine::run(&mut s.graph), 2);
    let [Node { op: Op::Convolution(conv), outputs, .. }] = &s.graph.nodes[..] else { panic!("{:?}", s.kinds()) };
    assert_eq!(outputs[..], [y]);
    assert_eq!(conv.weights, Weights::Float(vec![0.0, 2.0, 3.0, 0.0]));
    assert_eq!(conv.bias.as_ref().map(|bias| &bias.floats[..]), Some(&[5.0, 7.0][..]));
}

#[test]
fn a_shift_that_others_skip_is_not_folded() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let plain = s.float(float_swap(), &[x]);
    let shift = s.graph.add_constant("shift", vec![1, 1, 1, 2], Constant::F32(vec![5.0, 7.0]));
    let y = s.float(Op::Binary(FloatOperation::Add, Function::Identity), &[plain, shift]);
    s.output(y);
    s.output(plain);
    assert_eq!(affine::run(&mut s.graph), 0);
}

#[test]
fn x_times_its_sigmoid_is_silu() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let sigmoid = s.float(Op::Unary(Function::Sigmoid), &[x]);
    let y = s.float(Op::Binary(FloatOperation::Multiply, Function::Identity), &[x, sigmoid]);
    s.output(y);
    assert_eq!(silu::run(&mut s.graph), 1);
    s.graph.remove_dead_nodes();
    assert!(matches!(s.graph.nodes[..], [Node { op: Op::Unary(Function::Silu), .. }]));
}

#[test]
fn dequantise_quantise_patterns_become_integers() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::U8, Some(q(0.5, 10)));
    let floats = s.dequantise(x);
    let y = s.float(quantised_swap(), &[floats]);
    let y = s.float(Op::Unary(Function::Clamp { low: 0.0, high: 6.0 }), &[y]);
    let y = s.quantise(y, q(0.1, 20));
    s.output(y);
    assert_eq!(integer::run(&mut s.graph), 1);
    s.graph.remove_dead_nodes();
    let [Node { op: Op::ConvolutionInt8(conv), inputs, .. }] = &s.graph.nodes[..] else { panic!("{:?}", s.kinds()) };
    assert_eq!(inputs[..], [x]);
    assert_eq!((conv.epilogue.low, conv.epilogue.high), (20, 80), "0 and 6 in stored values");
    assert_eq!(conv.multiplier, [0.5f32 * 0.1 / 0.1; 2]);
}

#[test]
fn a_convolution_whose_floats_others_read_stays_float() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::U8, Some(q(0.5, 10)));
    let floats = s.dequantise(x);
    let floats = s.float(quantised_swap(), &[floats]);
    let y = s.quantise(floats, q(0.1, 20));
    s.output(y);
    s.output(floats);
    assert_eq!(integer::run(&mut s.graph), 0);
}

#[test]
fn functions_between_quantisations_become_one_table() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::U8, Some(q(1.0, 128)));
    let y = s.dequantise(x);
    let y = s.float(Op::Unary(Function::Abs), &[y]);
    let y = s.float(Op::Unary(RELU), &[y]);
    let y = s.quantise(y, q(1.0, 0));
    s.output(y);
    assert_eq!(integer::run(&mut s.graph), 1);
    s.graph.remove_dead_nodes();
    let [Node { op: Op::Lookup(table), .. }] = &s.graph.nodes[..] else { panic!("{:?}", s.kinds()) };
    assert_eq!([0, 100, 128, 255].map(|byte: usize| table[byte]), [128, 28, 0, 127]);
}

#[test]
fn joined_inputs_take_the_scale_of_the_result() {
    let mut s = Sketch::default();
    let (a, b) = (s.input(ElementType::U8, Some(q(1.0, 0))), s.input(ElementType::U8, Some(q(2.0, 0))));
    let (fa, fb) = (s.dequantise(a), s.dequantise(b));
    let y = s.graph.add_node("concat", Op::Concat(3), vec![fa, fb], vec![1, 4, 4, 4], ElementType::F32, None);
    let y = s.quantise(y, q(2.0, 0));
    s.output(y);
    assert_eq!(integer::run(&mut s.graph), 1);
    s.graph.remove_dead_nodes();
    assert_eq!(s.kinds(), ["Lookup", "Concat"]);
    assert_eq!(s.graph.nodes[1].inputs[1], b, "b already has that scale");
}

#[test]
fn dequantising_sinks_below_movement_and_cancels() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::U8, Some(q(0.5, 3)));
    let y = s.dequantise(x);
    let y = s.graph.add_node("t", Op::Transpose(vec![0, 2, 1, 3]), vec![y], vec![1, 4, 4, 2], ElementType::F32, None);
    let y = s.quantise(y, q(0.5, 3));
    let y = s.dequantise(y);
    s.output(y);
    assert_eq!(dequantise::sink(&mut s.graph), 1);
    assert_eq!(dequantise::cancel(&mut s.graph), 1);
    s.graph.remove_dead_nodes();
    assert_eq!(s.kinds(), ["Transpose", "Dequantize"]);
}

#[test]
fn quantising_rises_above_movement() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.float(float_swap(), &[x]);
    let y = s.graph.add_node("r", Op::Reshape, vec![y], vec![1, 16, 2], ElementType::F32, None);
    let y = s.quantise(y, q(0.5, 3));
    s.output(y);
    assert_eq!(dequantise::hoist(&mut s.graph), 1);
    assert_eq!(s.kinds(), ["Convolution", "Quantize", "Reshape"]);
    assert_eq!(s.graph.nodes[2].output(), y);
}

#[test]
fn a_product_of_one_tensor_with_its_table_is_a_table() {
    let mut s = Sketch::default();
    let from = q(1.0, 0);
    let x = s.input(ElementType::U8, Some(from));
    let double: crate::graph::Table = Box::new(std::array::from_fn(|byte| (byte * 2).min(255) as u8));
    let shape = Sketch::SHAPE.to_vec();
    let doubled = s.graph.add_node("t", Op::Lookup(double), vec![x], shape.clone(), ElementType::U8, Some(from));
    let op = Op::BinaryInt8(IntegerOperation::Multiply, from, 0, Default::default());
    let y = s.graph.add_node("m", op, vec![x, doubled], shape, ElementType::U8, Some(from));
    s.output(y);
    assert_eq!(same_source::run(&mut s.graph), 1);
    s.graph.remove_dead_nodes();
    let [Node { op: Op::Lookup(table), .. }] = &s.graph.nodes[..] else { panic!("{:?}", s.kinds()) };
    assert_eq!([0, 3, 10, 100].map(|byte: usize| table[byte]), [0, 18, 200, 255]);
}

#[test]
fn a_table_that_only_clamps_becomes_bounds_and_another_stays() {
    for (table, expected) in
        [((|byte: u8| byte.max(30)) as fn(u8) -> u8, (30, 255, false)), (|byte: u8| 255 - byte, (0, 255, true))]
    {
        let mut s = Sketch::default();
        let x = s.input(ElementType::U8, Some(q(0.5, 10)));
        let floats = s.dequantise(x);
        let y = s.float(quantised_swap(), &[floats]);
        let y = s.quantise(y, q(0.1, 30));
        let table: crate::graph::Table = Box::new(std::array::from_fn(|byte| table(byte as u8)));
        let shape = Sketch::SHAPE.to_vec();
        let y = s.graph.add_node("t", Op::Lookup(table), vec![y], shape, ElementType::U8, Some(q(0.1, 30)));
        s.output(y);
        integer::run(&mut s.graph);
        s.graph.remove_dead_nodes();
        assert_eq!(fuse::run(&mut s.graph), 1);
        let [Node { op: Op::ConvolutionInt8(conv), .. }] = &s.graph.nodes[..] else { panic!("{:?}", s.kinds()) };
        assert_eq!((conv.epilogue.low, conv.epilogue.high, conv.epilogue.table.is_some()), expected);
    }
}

#[test]
fn an_activation_is_applied_by_the_convolution() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.float(float_swap(), &[x]);
    let y = s.float(Op::Unary(RELU), &[y]);
    s.output(y);
    assert_eq!(fuse::run(&mut s.graph), 1);
    let [Node { op: Op::Convolution(conv), .. }] = &s.graph.nodes[..] else { panic!("{:?}", s.kinds()) };
    assert_eq!(conv.activation, RELU);
}

#[test]
fn an_input_that_is_only_quantised_is_taken_as_bytes() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.quantise(x, q(0.25, 7));
    let y = s.graph.add_node(
        "t",
        Op::Transpose(vec![0, 2, 1, 3]),
        vec![y],
        Sketch::SHAPE.to_vec(),
        ElementType::U8,
        Some(q(0.25, 7)),
    );
    s.output(y);
    assert_eq!(take_quantised_inputs(&mut s.graph), 1);
    assert_eq!(s.kinds(), ["Transpose"]);
    let port = &s.graph.inputs[0].port;
    assert_eq!((port.element, port.quantisation), (ElementType::U8, Some(q(0.25, 7))));
}

#[test]
fn an_input_that_is_also_read_as_floats_stays_float() {
    let mut s = Sketch::default();
    let x = s.input(ElementType::F32, None);
    let y = s.quantise(x, q(0.25, 7));
    let z = s.float(Op::Unary(RELU), &[x]);
    s.output(y);
    s.output(z);
    assert_eq!(take_quantised_inputs(&mut s.graph), 0);
}
