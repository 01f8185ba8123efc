//! Older operator sets brought to the thirteenth, the first whose DequantizeLinear knows a scale for each channel.
//!
//! Only what changed its form between the seventh and the thirteenth has to be rewritten: attributes that became inputs,
//! Upsample, and softmax over several axes. A node that cannot be brought over is named.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::QuantiseError;
use super::graph::{Floats, OnnxGraph, int, ints};
use crate::export::onnx::{int as int_attribute, node as make, text as text_attribute};

/// The operator set that is written where the model's own is older.
const OPSET: i64 = 13;
/// The file format that goes with it.
const FILE_VERSION: i64 = 7;
/// The oldest operator set that is understood.
const OLDEST: i64 = 7;

/// Brings a model to the thirteenth operator set, if its own is older; `shapes` are those of the tensors that it computes.
///
/// # Errors
/// [`QuantiseError::Opset`] where a node would mean something else there.
pub fn upgrade(graph: &mut OnnxGraph, shapes: &HashMap<String, Vec<usize>>) -> Result<(), QuantiseError> {
    let from = graph.opset();
    if from >= OPSET {
        return Ok(());
    }
    if from < OLDEST {
        let problem = format!("the model is of operator set {from}; the oldest that can be quantised is {OLDEST}");
        return Err(QuantiseError::Opset { node: "the model".into(), problem });
    }
    let mut nodes = Vec::with_capacity(graph.nodes().len());
    for mut node in std::mem::take(graph.nodes_mut()) {
        let standard = node.domain.is_empty() || node.domain == "ai.onnx";
        if standard && ["Softmax", "LogSoftmax", "Hardmax"].contains(&node.op_type.as_str()) {
            let rank = shapes.get(&node.input[0]).map(Vec::len);
            nodes.extend(flattened(node, rank));
            continue;
        }
        if standard {
            bring_over(graph, &mut node, from)
                .map_err(|problem| QuantiseError::Opset { node: node.output[0].clone(), problem })?;
        }
        nodes.push(node);
    }
    *graph.nodes_mut() = nodes;
    graph.set_opset(OPSET, FILE_VERSION);
    Ok(())
}

fn bring_over(graph: &mut OnnxGraph, node: &mut NodeProto, from: i64) -> Result<(), String> {
    match node.op_type.as_str() {
        "Squeeze" | "Unsqueeze" | "ReduceSum" => list_to_input(graph, node, "axes", 1),
        "Split" => list_to_input(graph, node, "split", 1),
        "Slice" if from < 10 => {
            list_to_input(graph, node, "starts", 1);
            list_to_input(graph, node, "ends", 2);
            list_to_input(graph, node, "axes", 3);
        }
        "Pad" if from < 11 => {
            list_to_input(graph, node, "pads", 1);
            let value = take(node, "value").map_or(0.0, |attribute| attribute.f);
            number_input(graph, node, "value", value);
        }
        "Clip" if from < 11 => {
            let low = take(node, "min").map_or(f32::MIN, |attribute| attribute.f);
            let high = take(node, "max").map_or(f32::MAX, |attribute| attribute.f);
            number_input(graph, node, "min", low);
            number_input(graph, node, "max", high);
        }
        "TopK" if from < 10 => {
            if let Some(k) = take(node, "k") {
                node.input.push(graph.set_integers(&format!("{}.k", node.output[0]), &[k.i]));
            }
        }
        "Upsample" => upsample(graph, node),
        "Resize" if from < 11 => upsample(graph, node),
        "Dropout" => node.attribute.clear(),
        "BatchNormalization" if int(node, "spatial", 1) == 0 => {
            return Err("a BatchNormalization that is not spatial has no successor".into());
        }
        "BatchNormalization" => drop(take(node, "spatial")),
        "Scan" | "Loop" | "If" => return Err("control flow cannot be quantised".into()),
        _ => {}
    }
    Ok(())
}

/// Up to then all axes from `axis` on were one: flattened, normalised, and back in shape.
fn flattened(mut softmax: NodeProto, rank: Option<usize>) -> Vec<NodeProto> {
    let axis = int(&softmax, "axis", 1);
    take(&mut softmax, "axis");
    softmax.attribute.push(int_attribute("axis", -1));
    // The last axis alone is the same in both.
    if axis == -1 || rank.is_some_and(|rank| axis + 1 == rank as i64) {
        return vec![softmax];
    }
    let (x, y) = (softmax.input[0].clone(), softmax.output[0].clone());
    let [shape, flat, rows] = ["shape", "flat", "rows"].map(|part| format!("{y}.{part}"));
    softmax.input[0].clone_from(&flat);
    softmax.output[0].clone_from(&rows);
    vec![
        make("Shape", &shape, &[&x], Vec::new()),
        make("Flatten", &flat, &[&x], vec![int_attribute("axis", axis)]),
        softmax,
        make("Reshape", &y, &[&rows, &shape], Vec::new()),
    ]
}

fn take(node: &mut NodeProto, name: &str) -> Option<AttributeProto> {
    let place = node.attribute.iter().position(|attribute| attribute.name == name)?;
    Some(node.attribute.remove(place))
}

/// Makes an attribute that is a list the input at `place`.
fn list_to_input(graph: &mut OnnxGraph, node: &mut NodeProto, name: &str, place: usize) {
    let Some(list) = ints(node, name).map(<[i64]>::to_vec) else { return };
    take(node, name);
    node.input.resize(place.max(node.input.len()), String::new());
    let constant = graph.set_integers(&format!("{}.{name}", node.output[0]), &list);
    node.input.insert(place, constant);
}

fn number_input(graph: &mut OnnxGraph, node: &mut NodeProto, name: &str, value: f32) {
    let number = Floats { shape: Vec::new(), values: vec![value] };
    node.input.push(graph.set_floats(&format!("{}.{name}", node.output[0]), &number));
}

/// Upsample, and Resize as it was before it could say where pixels lie, repeat pixels from the corner.
fn upsample(graph: &mut OnnxGraph, node: &mut NodeProto) {
    node.op_type = "Resize".into();
    let mode = take(node, "mode").map_or("nearest".into(), |mode| String::from_utf8_lossy(&mode.s).into_owned());
    let scales = take(node, "scales").map(|scales| scales.floats);
    if let Some(values) = scales {
        let scales = Floats { shape: vec![values.len()], values };
        node.input.push(graph.set_floats(&format!("{}.scales", node.output[0]), &scales));
    }
    node.input.insert(1, String::new());
    let word = |name: &str, value: &str| text_attribute(name, value);
    node.attribute.push(word("mode", if mode == "nearest" { "nearest" } else { "linear" }));
    node.attribute.push(word("coordinate_transformation_mode", "asymmetric"));
    node.attribute.push(word("nearest_mode", "floor"));
}
