//! A small builder over ONNX's protobuf types.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

use crate::nets::{Kind, Layer};

/// The operator set: the first with per-channel QuantizeLinear.
const OPSET: i64 = 13;
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;

/// A graph in the making.
#[derive(Default)]
pub struct GraphBuilder {
    graph: GraphProto,
}

impl GraphBuilder {
    /// Adds an f32 input.
    pub fn input(&mut self, name: &str, shape: &[usize]) {
        self.graph.input.push(value_info(name, shape));
    }

    /// Adds an f32 output.
    pub fn output(&mut self, name: &str, shape: &[usize]) {
        self.graph.output.push(value_info(name, shape));
    }

    /// Adds a node of one output, which bears the node's name; returns it.
    pub fn node(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute: attributes,
            ..NodeProto::default()
        });
        name.to_owned()
    }

    fn constant(&mut self, name: &str, shape: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        if !self.graph.initializer.iter().any(|tensor| tensor.name == name) {
            self.graph.initializer.push(TensorProto {
                dims: shape.iter().map(|&size| size as i64).collect(),
                data_type: kind as i32,
                name: name.to_owned(),
                raw_data,
                ..TensorProto::default()
            });
        }
        name.to_owned()
    }

    /// Adds an f32 constant unless there is one of that name; returns the name, as the others do.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        self.constant(name, shape, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Adds an i32 constant.
    pub fn ints(&mut self, name: &str, shape: &[usize], values: &[i32]) -> String {
        self.constant(name, shape, DataType::Int32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Adds an i8 constant.
    pub fn signed_bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) -> String {
        self.constant(name, shape, DataType::Int8, values.iter().map(|v| v.to_le_bytes()[0]).collect())
    }

    /// Adds a u8 constant.
    pub fn bytes(&mut self, name: &str, shape: &[usize], values: &[u8]) -> String {
        self.constant(name, shape, DataType::Uint8, values.to_vec())
    }

    /// The finished model.
    pub fn finish(mut self, name: &str) -> ModelProto {
        self.graph.name = name.to_owned();
        ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "retort-train".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            ..ModelProto::default()
        }
    }

    /// Adds a convolution; returns its output.
    pub fn conv(&mut self, name: &str, layer: &Layer, inputs: &[&str]) -> String {
        let (kernel, stride) = match layer.kind {
            Kind::Stem => (3, 2),
            Kind::Depthwise { stride } => (3, stride as i64),
            Kind::Pointwise | Kind::Output => (1, 1),
        };
        let groups = if matches!(layer.kind, Kind::Depthwise { .. }) { layer.outputs as i64 } else { 1 };
        let pad = kernel / 2;
        let attributes = vec![
            ints("kernel_shape", &[kernel, kernel]),
            ints("strides", &[stride, stride]),
            ints("pads", &[pad, pad, pad, pad]),
            int("group", groups),
        ];
        self.node("Conv", name, inputs, attributes)
    }

    /// Adds a repetition of every cell along both axes; returns its output.
    pub fn upsample(&mut self, name: &str, x: &str) -> String {
        let scales = self.floats("upsample_scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
        let attributes = vec![
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        self.node("Resize", name, &[x, "", &scales], attributes)
    }
}

/// A layer's weights in ONNX's order, outputs first, and their shape.
pub fn onnx_weights<T: Copy>(layer: &Layer, weight: &[T]) -> (Vec<usize>, Vec<T>) {
    let outputs = layer.outputs;
    let (inputs, taps) = match layer.kind {
        Kind::Stem => (layer.inputs, 9),
        Kind::Depthwise { .. } => (1, 9),
        Kind::Pointwise | Kind::Output => (layer.inputs, 1),
    };
    let mut values = Vec::with_capacity(weight.len());
    for output in 0..outputs {
        for input in 0..inputs {
            values.extend((0..taps).map(|tap| weight[(tap * inputs + input) * outputs + output]));
        }
    }
    let side = if taps == 9 { 3 } else { 1 };
    (vec![outputs, inputs, side, side], values)
}

/// An attribute of one whole number.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i: value, ..AttributeProto::default() }
}

/// An attribute of several whole numbers.
pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let ints = values.to_vec();
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Ints as i32, ints, ..AttributeProto::default() }
}

/// An attribute of text.
pub fn text(name: &str, value: &str) -> AttributeProto {
    let s = value.as_bytes().to_vec();
    AttributeProto { name: name.to_owned(), r#type: AttributeType::String as i32, s, ..AttributeProto::default() }
}

fn value_info(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim =
        |&size: &usize| Dimension { value: Some(dimension::Value::DimValue(size as i64)), ..Dimension::default() };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_out_outputs_first() {
        let layer = |kind, inputs, outputs| Layer { name: String::new(), kind, inputs, outputs };
        let (shape, values) = onnx_weights(&layer(Kind::Pointwise, 2, 3), &[1, 2, 3, 4, 5, 6]);
        assert_eq!((shape, values), (vec![3, 2, 1, 1], vec![1, 4, 2, 5, 3, 6]));
        let (shape, values) = onnx_weights(&layer(Kind::Depthwise { stride: 1 }, 2, 2), &(0..18).collect::<Vec<_>>());
        assert_eq!(shape, [2, 1, 3, 3]);
        assert_eq!(values[..3], [0, 2, 4]);
        assert_eq!(values[9..12], [1, 3, 5]);
        let (shape, values) = onnx_weights(&layer(Kind::Stem, 3, 1), &(0..27).collect::<Vec<_>>());
        assert_eq!(shape, [1, 3, 3, 3]);
        // The first channel's taps are three apart.
        assert_eq!(values[..4], [0, 3, 6, 9]);
    }
}
