//! The folded detector as a plain f32 graph, for comparison with the int8 one.

use tract_onnx::pb::ModelProto;

use super::onnx::{GraphBuilder, onnx_weights};
use super::{INPUT, boxes_output, classes_output};
use crate::nets::{Architecture, Folded, Kind, Layer, Level, STRIDES, Wire};

struct FloatWire<'a> {
    graph: GraphBuilder,
    folded: &'a Folded,
}

impl Wire for FloatWire<'_> {
    type Value = String;

    fn convolve(&mut self, layer: &Layer, x: &String) -> String {
        let Some(folded) = self.folded.layer(&layer.name) else { return x.clone() };
        let name = &layer.name;
        let (shape, weight) = onnx_weights(layer, &folded.weight);
        let weight = self.graph.floats(&format!("{name}.weight"), &shape, &weight);
        let bias = self.graph.floats(&format!("{name}.bias"), &[layer.outputs], &folded.bias);
        if let Some(output) = output_name(layer) {
            return self.graph.conv(&output, layer, &[x, &weight, &bias]);
        }
        let z = self.graph.conv(&format!("{name}.conv"), layer, &[x, &weight, &bias]);
        let zero = self.graph.floats("relu6_low", &[], &[0.0]);
        let six = self.graph.floats("relu6_high", &[], &[6.0]);
        self.graph.node("Clip", name, &[&z, &zero, &six], Vec::new())
    }

    fn add(&mut self, name: &str, a: &String, b: &String) -> String {
        self.graph.node("Add", name, &[a, b], Vec::new())
    }

    fn merge(&mut self, name: &str, fine: &String, coarse: &String) -> String {
        let coarse = self.graph.upsample(&format!("{name}.upsample"), coarse);
        self.add(name, fine, &coarse)
    }
}

/// The graph in f32.
pub fn float_model(folded: &Folded, name: &str) -> ModelProto {
    let mut wire = FloatWire { graph: GraphBuilder::default(), folded };
    let size = folded.architecture.input;
    wire.graph.input(INPUT, &[1, 3, size, size]);
    let levels = folded.architecture.wire(&mut wire, &INPUT.to_owned());
    declare_outputs(&mut wire.graph, &folded.architecture, &levels);
    wire.graph.finish(name)
}

/// What an output layer is called in the file.
pub(super) fn output_name(layer: &Layer) -> Option<String> {
    if layer.kind != Kind::Output {
        return None;
    }
    let (head, branch) = layer.name.split_once('.')?;
    let stride = head.strip_prefix("head")?.parse().ok()?;
    Some(if branch == "classes" { classes_output(stride) } else { boxes_output(stride) })
}

/// Declares the outputs: level by level, classes before boxes.
pub(super) fn declare_outputs(graph: &mut GraphBuilder, architecture: &Architecture, levels: &[Level<String>]) {
    for ((level, side), _stride) in levels.iter().zip(architecture.sides()).zip(STRIDES) {
        graph.output(&level.classes, &[1, architecture.classes, side, side]);
        graph.output(&level.boxes, &[1, 4, side, side]);
    }
}
