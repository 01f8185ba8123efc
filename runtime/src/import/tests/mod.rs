//! Operators one at a time: a model of a single node, imported, planned and run, against values computed by hand.
//!
//! Models are loaded with `strict`, so a result also proves that no fallback step made it. Tensors of four axes are images,
//! which lie in memory as NHWC: whatever these tests find in ONNX order went through that and back.

mod dynamic;
mod elementwise;
mod image;
mod malformed;
mod matrix;
mod movement;
mod open_sides;
mod suppression;
mod upsampling;

use std::path::Path;

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};

use crate::Error;
use crate::model::{LoadOptions, Model};
use crate::tensor::{Port, TensorMut, TensorRef};

/// Floats in ONNX order.
#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// A tensor of these floats.
fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor { shape: shape.to_vec(), values: values.to_vec() }
}

/// A tensor that counts from 0.
fn counting(shape: &[usize]) -> Tensor {
    Tensor { shape: shape.to_vec(), values: (0..shape.iter().product()).map(|i: usize| i as f32).collect() }
}

/// A model of one node.
struct Single {
    node: NodeProto,
    opset: i64,
    inputs: Vec<(String, Tensor)>,
    constants: Vec<TensorProto>,
}

/// A node of operator set 13 with one output.
fn node(operator: &str) -> Single {
    let node = NodeProto { op_type: operator.into(), name: "it".into(), ..Default::default() };
    Single { node, opset: 13, inputs: Vec::new(), constants: Vec::new() }.outputs(1)
}

impl Single {
    fn opset(mut self, version: i64) -> Self {
        self.opset = version;
        self
    }

    fn outputs(mut self, count: usize) -> Self {
        self.node.output = (0..count).map(|i| format!("y{i}")).collect();
        self
    }

    fn attribute(mut self, name: &str, kind: AttributeType, value: AttributeProto) -> Self {
        self.node.attribute.push(AttributeProto { name: name.into(), r#type: kind.into(), ..value });
        self
    }

    fn int(self, name: &str, i: i64) -> Self {
        self.attribute(name, AttributeType::Int, AttributeProto { i, ..Default::default() })
    }

    fn float(self, name: &str, f: f32) -> Self {
        self.attribute(name, AttributeType::Float, AttributeProto { f, ..Default::default() })
    }

    fn ints(self, name: &str, ints: &[i64]) -> Self {
        self.attribute(name, AttributeType::Ints, AttributeProto { ints: ints.to_vec(), ..Default::default() })
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.attribute(name, AttributeType::String, AttributeProto { s: text.into(), ..Default::default() })
    }

    /// The next input, computed at run time.
    fn input(mut self, value: &Tensor) -> Self {
        let name = format!("x{}", self.node.input.len());
        self.node.input.push(name.clone());
        self.inputs.push((name, value.clone()));
        self
    }

    fn constant(mut self, kind: DataType, dims: Vec<i64>, raw_data: Vec<u8>) -> Self {
        let name = format!("c{}", self.node.input.len());
        self.node.input.push(name.clone());
        self.constants.push(TensorProto { name, data_type: kind.into(), dims, raw_data, ..Default::default() });
        self
    }

    /// The next input, constant floats.
    fn floats(self, shape: &[i64], values: &[f32]) -> Self {
        self.constant(DataType::Float, shape.to_vec(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// The next input, a constant list of integers.
    fn integers(self, values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(DataType::Int64, vec![values.len() as i64], bytes)
    }

    /// The next input, a single constant integer.
    fn integer(self, value: i64) -> Self {
        self.constant(DataType::Int64, Vec::new(), value.to_le_bytes().to_vec())
    }

    /// The next input, left out.
    fn absent(mut self) -> Self {
        self.node.input.push(String::new());
        self
    }

    fn load(&self) -> Result<Model, Error> {
        let graph = GraphProto {
            name: "graph".into(),
            input: self.inputs.iter().map(|(name, value)| declare(name, &value.shape)).collect(),
            // Outputs may be declared without a shape.
            output: self.node.output.iter().map(|name| declare_float(name, None)).collect(),
            initializer: self.constants.clone(),
            node: vec![self.node.clone()],
            ..Default::default()
        };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            graph: Some(graph),
            ..Default::default()
        };
        let options = LoadOptions { strict: true, ..Default::default() };
        Model::from_bytes(&model.encode_to_vec(), Path::new("single.onnx"), &options)
    }

    /// Every output.
    fn all(self) -> Vec<Tensor> {
        let model = self.load().unwrap_or_else(|error| panic!("{error}"));
        let mut session = model.session();
        for (index, (_, value)) in self.inputs.iter().enumerate() {
            let TensorMut::F32(memory) = session.input(index) else { panic!("input {index} is not float") };
            for (place, value) in places(&model.inputs()[index]).zip(&value.values) {
                memory[place] = *value;
            }
        }
        session.run().unwrap_or_else(|error| panic!("{error}"));
        let output = |(index, port): (usize, &Port)| {
            let TensorRef::F32(memory) = session.output(index) else { panic!("output {index} is not float") };
            Tensor { shape: port.shape.clone(), values: places(port).map(|place| memory[place]).collect() }
        };
        model.outputs().iter().enumerate().map(output).collect()
    }

    /// The only output.
    fn one(self) -> Tensor {
        let mut outputs = self.all();
        assert_eq!(outputs.len(), 1);
        outputs.remove(0)
    }

    /// Why the model is refused.
    fn refusal(self) -> String {
        match self.load() {
            Ok(_) => panic!("the model loads"),
            Err(error) => error.to_string(),
        }
    }
}

fn declare(name: &str, shape: &[usize]) -> ValueInfoProto {
    let length =
        |&length: &usize| Dimension { value: Some(dimension::Value::DimValue(length as i64)), ..Default::default() };
    declare_float(name, Some(TensorShapeProto { dim: shape.iter().map(length).collect() }))
}

fn declare_float(name: &str, shape: Option<TensorShapeProto>) -> ValueInfoProto {
    let tensor = type_proto::Tensor { elem_type: DataType::Float.into(), shape };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
}

/// Where each element in ONNX order lies in memory.
fn places(port: &Port) -> impl Iterator<Item = usize> {
    let (shape, strides) = (port.shape.clone(), port.strides());
    (0..port.len()).map(move |mut index| {
        let mut place = 0;
        for (length, stride) in shape.iter().zip(&strides).rev() {
            place += index % length * stride;
            index /= length;
        }
        place
    })
}
