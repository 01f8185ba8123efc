//! Orders of channels in small networks: which may change, that results do not, and that it is worth while.

use proptest::prelude::*;
use retort_core::kernels::{KernelSet, packing};
use retort_core::plan::step::{IntegerOperation, Pooling};

use super::*;
use crate::graph::{Border, Epilogue, TensorId, Window};
use crate::plan::passes::tests_run::run as outputs;
use crate::tensor::{ElementType, Port, Quantisation};

const CHANNELS: usize = 32;

fn chains() -> Chains {
    packing(KernelSet::Neon).chains().unwrap()
}

/// Weights of all sizes, few of them large, from a seed.
fn weights(count: usize, seed: usize) -> Vec<i16> {
    let byte = |i: usize| (i + seed).wrapping_mul(0x9e37_79b1) >> 7;
    (0..count).map(|i| if byte(i) % 7 == 0 { 120 } else { (byte(i) % 61) as i16 - 30 }).collect()
}

fn convolution(window: Window, groups: usize, out_channels: usize, seed: usize) -> Op {
    let taps = window.kernel[0] * window.kernel[1] * CHANNELS / groups;
    Op::ConvolutionInt8(Box::new(ConvolutionInt8 {
        window,
        groups,
        in_channels: CHANNELS,
        out_channels,
        weights: weights(taps * out_channels, seed),
        bias: (0..out_channels as i32).map(|channel| 50 * channel - 300).collect(),
        multiplier: (0..out_channels).map(|channel| 0.0005 + channel as f32 / 50_000.0).collect(),
        y_zero: 100,
        epilogue: Epilogue { low: 20, high: 240, table: None },
    }))
}

const THREE: Window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1; 4] };

/// A network of bytes, built node by node; all tensors are images of the same size.
struct Sketch(Graph);

impl Sketch {
    fn new() -> (Self, TensorId) {
        let mut sketch = Sketch(Graph::default());
        let quantisation = Some(Quantisation { scale: 0.5, zero_point: 100 });
        let x = sketch.0.add_tensor("x", vec![1, 4, 4, CHANNELS], ElementType::U8, quantisation);
        let border = sketch.border(x);
        sketch.0.inputs.push(border);
        (sketch, x)
    }

    fn border(&self, tensor: TensorId) -> Border {
        let shape = self.0.tensor(tensor).shape.clone();
        let order = (0..shape.len()).collect();
        Border { tensor, port: Port { name: "p".into(), element: ElementType::U8, shape, order, quantisation: None } }
    }

    fn add(&mut self, op: Op, inputs: &[TensorId]) -> TensorId {
        self.0.add_like("node", op, inputs.to_vec(), vec![1, 4, 4, CHANNELS])
    }

    fn pointwise(&mut self, x: TensorId, seed: usize) -> TensorId {
        self.add(convolution(Window::ONE, 1, CHANNELS, seed), &[x])
    }

    fn sum(&mut self, a: TensorId, b: TensorId) -> TensorId {
        let before = Quantisation { scale: 0.5, zero_point: 100 };
        self.add(Op::BinaryInt8(IntegerOperation::Add, before, 0, Epilogue::default()), &[a, b])
    }

    fn finish(mut self, y: TensorId) -> Graph {
        let border = self.border(y);
        self.0.outputs.push(border);
        self.0
    }
}

/// Orders the channels, and checks that no output changes.
fn ordered(mut graph: Graph) -> (usize, Graph) {
    let (_, before) = outputs(&graph);
    let changes = run(&mut graph, &chains());
    let (_, after) = outputs(&graph);
    assert!(before == after, "the results changed");
    assert!(before.iter().flatten().any(|&byte| byte != before[0][0]), "there is nothing to see in the results");
    (changes, graph)
}

/// How many of the links of a node's products do not fit.
fn long_links(graph: &Graph, node: usize) -> usize {
    let Op::ConvolutionInt8(conv) = &graph.nodes[node].op else { return 0 };
    let is_long = |block: &[i16], link: usize| {
        block.chunks_exact(conv.taps()).any(|weights| {
            let of_sum =
                |sum: usize| weights[8 * link..][..8].iter().skip(sum).step_by(2).map(|w| w.abs()).sum::<i16>();
            of_sum(0) > 255 || of_sum(1) > 255
        })
    };
    let blocks = || conv.weights.chunks(16 * conv.taps());
    blocks().map(|block| (0..conv.taps() / 8).filter(|&link| is_long(block, link)).count()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn channels_between_convolutions_change_places_and_results_do_not(seed in 0usize..1 << 20, kind in 0usize..5) {
        let (mut s, x) = Sketch::new();
        let a = s.pointwise(x, seed);
        let between = match kind {
            0 => s.add(convolution(THREE, CHANNELS, CHANNELS, seed + 1), &[a]),
            1 => s.add(Op::Lookup(Box::new(std::array::from_fn(|i| (i * 37) as u8))), &[a]),
            2 => s.add(Op::Pool(Pooling::Maximum, THREE), &[a]),
            3 => { let b = s.pointwise(x, seed + 2); s.sum(a, b) }
            // A tensor to which the result of a convolution of it is added.
            _ => { let b = s.pointwise(a, seed + 2); s.sum(a, b) }
        };
        let y = if seed % 2 == 0 { s.pointwise(between, seed + 3) } else { s.add(convolution(THREE, 1, CHANNELS, seed + 3), &[between]) };
        let graph = s.finish(y);
        let last = graph.nodes.len() - 1;
        let before = long_links(&graph, last);
        let (changes, after) = ordered(graph);
        prop_assert!(changes <= 2);
        prop_assert!(changes > 0 || before == 0);
        prop_assert!(kind == 4 || long_links(&after, last) <= before);
    }
}

#[test]
fn few_links_are_too_long_in_the_end() {
    let (mut s, x) = Sketch::new();
    let a = s.pointwise(x, 1);
    let b = s.add(convolution(THREE, CHANNELS, CHANNELS, 2), &[a]);
    let y = s.pointwise(b, 3);
    let mut graph = s.finish(y);
    let Op::ConvolutionInt8(conv) = &mut graph.nodes[2].op else { panic!() };
    // Each channel has four large weights, of inputs of the same sum in one link.
    conv.weights = (0..CHANNELS * CHANNELS).map(|i| if i % CHANNELS < 8 && i % 2 == 0 { 100 } else { 20 }).collect();
    assert_eq!(long_links(&graph, 2), 2);
    let (changes, graph) = ordered(graph);
    assert_eq!((changes, long_links(&graph, 2)), (1, 0));
}

#[test]
fn tensors_whose_channels_somebody_knows_stay_as_they_are() {
    // Those that leave, that are joined, and that are one of several groups'.
    for kind in 0..3 {
        let (mut s, x) = Sketch::new();
        let a = s.pointwise(x, 1);
        let shape = vec![1, 4, 8, CHANNELS];
        match kind {
            0 => {
                let border = s.border(a);
                s.0.outputs.push(border);
            }
            1 => {
                let joined = s.0.add_like("joined", Op::Concat(2), vec![a, a], shape);
                let border = s.border(joined);
                s.0.outputs.push(border);
            }
            _ => {
                let grouped = s.add(convolution(Window::ONE, 2, CHANNELS, 2), &[a]);
                let border = s.border(grouped);
                s.0.outputs.push(border);
            }
        }
        let y = s.pointwise(a, 3);
        let graph = s.finish(y);
        assert!(classes(&graph).is_empty());
    }
}

#[test]
fn a_tensor_and_what_is_added_to_it_have_one_order() {
    let (mut s, x) = Sketch::new();
    let a = s.pointwise(x, 1);
    let inner = s.pointwise(a, 2);
    let b = s.pointwise(inner, 3);
    let sum = s.sum(a, b);
    let y = s.pointwise(sum, 4);
    let found = classes(&s.finish(y));
    let nodes: Vec<_> = found.iter().map(|class| (&class.makers[..], &class.readers[..])).collect();
    assert_eq!(nodes, [(&[0, 2][..], &[1, 4][..]), (&[1][..], &[2][..])]);
}
