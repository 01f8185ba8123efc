//! Small ONNX models written by hand, valid ones and wrong ones.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
};

pub use tract_onnx::pb;

/// A node called `name`.
pub fn node(operator: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: operator.into(),
        name: name.into(),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: outputs.iter().map(|s| s.to_string()).collect(),
        ..Default::default()
    }
}

/// An attribute that holds whole numbers.
pub fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints.into(),
        ints: values.to_vec(),
        ..Default::default()
    }
}

/// A constant of floats.
pub fn floats(name: &str, shape: &[i64], values: &[f32]) -> TensorProto {
    constant(name, DataType::Float, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// A constant of unsigned bytes.
pub fn bytes(name: &str, shape: &[i64], values: &[u8]) -> TensorProto {
    constant(name, DataType::Uint8, shape, values.to_vec())
}

/// A constant of signed bytes.
pub fn signed_bytes(name: &str, shape: &[i64], values: &[i8]) -> TensorProto {
    constant(name, DataType::Int8, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn constant(name: &str, kind: DataType, shape: &[i64], raw_data: Vec<u8>) -> TensorProto {
    TensorProto { name: name.into(), data_type: kind.into(), dims: shape.to_vec(), raw_data, ..Default::default() }
}

/// A float input or output. A negative length is an axis of unknown length.
pub fn port(name: &str, shape: &[i64]) -> ValueInfoProto {
    let dim = shape
        .iter()
        .map(|&length| Dimension {
            value: Some(match length {
                ..0 => dimension::Value::DimParam(format!("{name}_unknown")),
                _ => dimension::Value::DimValue(length),
            }),
            ..Default::default()
        })
        .collect();
    let tensor = Tensor { elem_type: DataType::Float.into(), shape: Some(TensorShapeProto { dim }) };
    let kind = TypeProto { value: Some(Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
}

/// A model of operator set 13 from `inputs` through `nodes` to `outputs`.
pub fn model(
    inputs: &[ValueInfoProto],
    constants: &[TensorProto],
    nodes: &[NodeProto],
    outputs: &[ValueInfoProto],
) -> ModelProto {
    let graph = GraphProto {
        name: "graph".into(),
        input: inputs.to_vec(),
        initializer: constants.to_vec(),
        node: nodes.to_vec(),
        output: outputs.to_vec(),
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        graph: Some(graph),
        ..Default::default()
    }
}

/// Adds metadata to a model.
pub fn with_metadata(mut model: ModelProto, pairs: &[(&str, &str)]) -> ModelProto {
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto { key: key.into(), value: value.into() };
    model.metadata_props.extend(pairs.iter().map(entry));
    model
}

/// The bytes of the file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}
