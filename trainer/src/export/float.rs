//! The folded network as a plain f32 graph, for comparison with the int8 one.

use tract_onnx::pb::ModelProto;

use super::onnx::{GraphBuilder, onnx_weights};
use super::{INPUT, declare_answers};
use crate::nets::{Activation, Folded, Node, Op, Wire};

struct FloatWire<'a> {
    graph: GraphBuilder,
    folded: &'a Folded,
}

impl Wire for FloatWire<'_> {
    type Value = String;

    fn node(&mut self, node: &Node, inputs: &[&String]) -> String {
        let (name, g) = (&node.name, &mut self.graph);
        // What comes before the activation bears the node's name only where nothing follows it.
        let before = |activation: Activation, kind: &str| match activation {
            Activation::None => name.clone(),
            _ => format!("{name}.{kind}"),
        };
        match &node.op {
            Op::Picture | Op::Dropout(_) => inputs[0].clone(),
            Op::Convolve(_) => {
                let Some(folded) = self.folded.layer(name) else { return inputs[0].clone() };
                let conv = &folded.convolution;
                let (shape, weight) = onnx_weights(conv, &folded.weight);
                let weight = g.floats(&format!("{name}.weight"), &shape, &weight);
                let bias = g.floats(&format!("{name}.bias"), &[conv.outputs], &folded.bias);
                let z = g.conv(&before(conv.activation, "conv"), conv, &[inputs[0], &weight, &bias]);
                g.activation(name, conv.activation, &z)
            }
            Op::MaxPool(size) => g.max_pool(name, *size, inputs[0]),
            Op::GlobalAverage => g.node("GlobalAveragePool", name, &[inputs[0]], Vec::new()),
            Op::Add(activation) => {
                let sum = g.node("Add", &before(*activation, "add"), &[inputs[0], inputs[1]], Vec::new());
                g.activation(name, *activation, &sum)
            }
            Op::Merge => {
                let coarse = g.upsample(&format!("{name}.upsample"), inputs[1]);
                g.node("Add", name, &[inputs[0], &coarse], Vec::new())
            }
        }
    }
}

/// The graph in f32.
pub fn float_model(folded: &Folded, name: &str) -> ModelProto {
    let mut wire = FloatWire { graph: GraphBuilder::default(), folded };
    let shape = folded.network.input();
    wire.graph.input(INPUT, &[1, shape.channels, shape.height, shape.width]);
    let values = folded.network.walk(&mut wire, INPUT.to_owned());
    declare_answers(&mut wire.graph, &folded.network, &values);
    wire.graph.finish(name)
}
