//! The folded network in int8: every value passes through a QuantizeLinear/DequantizeLinear pair, so that a runtime
//! may compute in integers what the graph states in floats.
//!
//! There is no activation node: after ReLU and ReLU6 the zero point is 0, and after ReLU6 byte 255 stands for at most 6, so
//! the saturation of QuantizeLinear is the activation.

use tract_onnx::pb::ModelProto;

use super::onnx::{GraphBuilder, int, onnx_weights};
use super::{INPUT, declare_answers};
use crate::nets::{Folded, FoldedLayer, Node, Op, Wire};
use crate::quantise::{MissingRange, Ranges, Scale, Scales, quantise_weights};

/// A dequantised tensor and the scale it came from.
#[derive(Clone)]
struct Value {
    tensor: String,
    scale: Scale,
}

struct QdqWire<'a> {
    graph: GraphBuilder,
    folded: &'a Folded,
    scales: Scales,
}

impl QdqWire<'_> {
    /// Quantises `x` and dequantises it again under the name `result`.
    fn pair(&mut self, name: &str, x: &str, scale: Scale, result: &str) -> Value {
        Value { tensor: self.graph.pair(name, x, scale, result), scale }
    }
}

impl QdqWire<'_> {
    fn convolve(&mut self, folded: &FoldedLayer, x: &Value, scale: Scale) -> Value {
        let (name, conv) = (&folded.name, &folded.convolution);
        let outputs = conv.outputs;
        let integers = quantise_weights(folded, x.scale);
        let g = &mut self.graph;

        let (shape, weight) = onnx_weights(conv, &integers.weight);
        let weight = g.signed_bytes(&format!("{name}.weight.quantised"), &shape, &weight);
        let scales = g.floats(&format!("{name}.weight.scale"), &[outputs], &integers.scales);
        let zeros = g.signed_bytes(&format!("{name}.weight.zero_point"), &[outputs], &vec![0; outputs]);
        let inputs = [weight.as_str(), &scales, &zeros];
        let weight = g.node("DequantizeLinear", &format!("{name}.weight"), &inputs, vec![int("axis", 0)]);

        let bias = g.ints(&format!("{name}.bias.quantised"), &[outputs], &integers.bias);
        let units: Vec<f32> = integers.scales.iter().map(|scale| x.scale.scale * scale).collect();
        let scales = g.floats(&format!("{name}.bias.scale"), &[outputs], &units);
        let zeros = g.ints(&format!("{name}.bias.zero_point"), &[outputs], &vec![0; outputs]);
        let inputs = [bias.as_str(), &scales, &zeros];
        let bias = g.node("DequantizeLinear", &format!("{name}.bias"), &inputs, vec![int("axis", 0)]);

        let z = g.conv(&format!("{name}.conv"), conv, &[&x.tensor, &weight, &bias]);
        self.pair(name, &z, scale, name)
    }

    fn add(&mut self, name: &str, a: &Value, b: &Value, scale: Scale) -> Value {
        let sum = self.graph.node("Add", &format!("{name}.add"), &[&a.tensor, &b.tensor], Vec::new());
        self.pair(name, &sum, scale, name)
    }
}

impl Wire for QdqWire<'_> {
    type Value = Value;

    fn node(&mut self, node: &Node, inputs: &[&Value]) -> Value {
        let (name, x, scale) = (&node.name, inputs[0], self.scales.of(node));
        match &node.op {
            Op::Picture | Op::Dropout(_) => x.clone(),
            Op::Convolve(_) => match self.folded.layer(name) {
                Some(folded) => self.convolve(folded, x, scale),
                None => x.clone(),
            },
            Op::MaxPool(size) => {
                // The largest of some bytes is one of them, so the scale is the same.
                let largest = self.graph.max_pool(&format!("{name}.pool"), *size, &x.tensor);
                self.pair(name, &largest, scale, name)
            }
            Op::GlobalAverage => {
                let mean = self.graph.node("GlobalAveragePool", &format!("{name}.pool"), &[&x.tensor], Vec::new());
                self.pair(name, &mean, scale, name)
            }
            Op::Add(_) => self.add(name, x, inputs[1], scale),
            Op::Merge => {
                let (up, coarse) = (format!("{name}.upsample"), inputs[1]);
                let repeated = self.graph.upsample(&format!("{up}.resize"), &coarse.tensor);
                // Repeating makes no new values, so the scale is the same.
                let repeated = self.pair(&up, &repeated, coarse.scale, &up);
                self.add(name, x, &repeated, scale)
            }
        }
    }
}

/// The graph in int8.
///
/// # Errors
/// [`MissingRange`] where the ranges are of another network.
pub fn quantised_model(folded: &Folded, ranges: &Ranges, name: &str) -> Result<ModelProto, MissingRange> {
    let scales = Scales::new(&folded.network, ranges)?;
    let mut wire = QdqWire { graph: GraphBuilder::default(), folded, scales };
    let shape = folded.network.input();
    wire.graph.input(INPUT, &[1, shape.channels, shape.height, shape.width]);
    let picture = wire.pair(INPUT, INPUT, Scale::PICTURE, &format!("{INPUT}.dequantised"));
    let values = folded.network.walk(&mut wire, picture);
    let values: Vec<String> = values.into_iter().map(|value| value.tensor).collect();
    declare_answers(&mut wire.graph, &folded.network, &values);
    Ok(wire.graph.finish(name))
}
