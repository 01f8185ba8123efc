//! The folded detector in int8: every value passes through a QuantizeLinear/DequantizeLinear pair, so that a runtime
//! may compute in integers what the graph states in floats.
//!
//! There is no activation node: after ReLU6 the zero point is 0 and byte 255 stands for at most 6, so the saturation of
//! QuantizeLinear is ReLU6.

use tract_onnx::pb::ModelProto;

use super::INPUT;
use super::float::{declare_outputs, output_name};
use super::onnx::{GraphBuilder, int, onnx_weights};
use crate::nets::{Folded, Layer, Level, Wire};
use crate::quantise::{Ranges, Scale, quantise_weights};

/// No range was found for a value.
#[derive(Debug, thiserror::Error)]
#[error("no range was found for `{0}`; calibrate the same detector that is exported")]
pub struct MissingRange(String);

/// A dequantised tensor and the scale it came from.
#[derive(Clone)]
struct Value {
    tensor: String,
    scale: Scale,
}

struct QdqWire<'a> {
    graph: GraphBuilder,
    folded: &'a Folded,
    ranges: &'a Ranges,
    missing: Option<String>,
}

impl QdqWire<'_> {
    fn range(&mut self, name: &str) -> Scale {
        self.ranges.of(name).unwrap_or_else(|| {
            self.missing.get_or_insert_with(|| name.to_owned());
            Scale::PICTURE
        })
    }

    /// Quantises `x` and dequantises it again under the name `result`.
    fn pair(&mut self, name: &str, x: &str, scale: Scale, result: &str) -> Value {
        let s = self.graph.floats(&format!("{name}.scale"), &[], &[scale.scale]);
        let z = self.graph.bytes(&format!("{name}.zero_point"), &[], &[scale.zero]);
        let q = self.graph.node("QuantizeLinear", &format!("{name}.quantised"), &[x, &s, &z], Vec::new());
        let tensor = self.graph.node("DequantizeLinear", result, &[&q, &s, &z], Vec::new());
        Value { tensor, scale }
    }
}

impl Wire for QdqWire<'_> {
    type Value = Value;

    fn convolve(&mut self, layer: &Layer, x: &Value) -> Value {
        let Some(folded) = self.folded.layer(&layer.name) else { return x.clone() };
        let name = &layer.name;
        let integers = quantise_weights(folded, x.scale);
        let g = &mut self.graph;

        let (shape, weight) = onnx_weights(layer, &integers.weight);
        let weight = g.signed_bytes(&format!("{name}.weight.quantised"), &shape, &weight);
        let scales = g.floats(&format!("{name}.weight.scale"), &[layer.outputs], &integers.scales);
        let zeros = g.signed_bytes(&format!("{name}.weight.zero_point"), &[layer.outputs], &vec![0; layer.outputs]);
        let inputs = [weight.as_str(), &scales, &zeros];
        let weight = g.node("DequantizeLinear", &format!("{name}.weight"), &inputs, vec![int("axis", 0)]);

        let bias = g.ints(&format!("{name}.bias.quantised"), &[layer.outputs], &integers.bias);
        let units: Vec<f32> = integers.scales.iter().map(|scale| x.scale.scale * scale).collect();
        let scales = g.floats(&format!("{name}.bias.scale"), &[layer.outputs], &units);
        let zeros = g.ints(&format!("{name}.bias.zero_point"), &[layer.outputs], &vec![0; layer.outputs]);
        let inputs = [bias.as_str(), &scales, &zeros];
        let bias = g.node("DequantizeLinear", &format!("{name}.bias"), &inputs, vec![int("axis", 0)]);

        let z = g.conv(&format!("{name}.conv"), layer, &[&x.tensor, &weight, &bias]);
        let scale = self.range(name);
        let result = output_name(layer).unwrap_or_else(|| name.clone());
        self.pair(name, &z, scale, &result)
    }

    fn add(&mut self, name: &str, a: &Value, b: &Value) -> Value {
        let sum = self.graph.node("Add", &format!("{name}.add"), &[&a.tensor, &b.tensor], Vec::new());
        let scale = self.range(name);
        self.pair(name, &sum, scale, name)
    }

    fn merge(&mut self, name: &str, fine: &Value, coarse: &Value) -> Value {
        let up = format!("{name}.upsample");
        let repeated = self.graph.upsample(&format!("{up}.resize"), &coarse.tensor);
        // Repeating makes no new values, so the scale is the same.
        let repeated = self.pair(&up, &repeated, coarse.scale, &up);
        self.add(name, fine, &repeated)
    }
}

/// The graph in int8.
pub fn quantised_model(folded: &Folded, ranges: &Ranges, name: &str) -> Result<ModelProto, MissingRange> {
    let mut wire = QdqWire { graph: GraphBuilder::default(), folded, ranges, missing: None };
    let size = folded.architecture.input;
    wire.graph.input(INPUT, &[1, 3, size, size]);
    let picture = wire.pair(INPUT, INPUT, Scale::PICTURE, &format!("{INPUT}.dequantised"));
    let levels = folded.architecture.wire(&mut wire, &picture);
    let names = |level: Level<Value>| Level { classes: level.classes.tensor, boxes: level.boxes.tensor };
    let levels: Vec<Level<String>> = levels.into_iter().map(names).collect();
    declare_outputs(&mut wire.graph, &folded.architecture, &levels);
    match wire.missing {
        Some(name) => Err(MissingRange(name)),
        None => Ok(wire.graph.finish(name)),
    }
}
