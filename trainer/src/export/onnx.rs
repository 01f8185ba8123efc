//! A small builder over ONNX's protobuf types.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

use crate::nets::{Activation, Convolution};
use crate::quantise::Scale;

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
    /// Goes on with a finished model; its name goes with it.
    pub fn over(model: ModelProto) -> (GraphBuilder, String) {
        let graph = model.graph.unwrap_or_default();
        let name = graph.name.clone();
        (GraphBuilder { graph }, name)
    }

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
        self.graph.node.push(node(op, name, inputs, attributes));
        name.to_owned()
    }

    /// Renames the output of a node; nothing may take it as an input yet.
    pub fn rename(&mut self, from: &str, to: &str) {
        for node in &mut self.graph.node {
            node.output.iter_mut().filter(|output| *output == from).for_each(|output| *output = to.to_owned());
        }
    }

    fn constant(&mut self, name: &str, shape: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        if !self.graph.initializer.iter().any(|tensor| tensor.name == name) {
            self.graph.initializer.push(tensor(name, shape, kind, raw_data));
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

    /// Adds an i64 constant.
    #[cfg(test)]
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        self.constant(name, &[values.len()], DataType::Int64, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Adds a split of channels into two parts.
    #[cfg(test)]
    pub fn split(&mut self, name: &str, x: &str, sizes: &str, parts: [&str; 2]) {
        let mut split = node("Split", name, &[x, sizes], vec![int("axis", 1)]);
        split.output = parts.map(str::to_owned).to_vec();
        self.graph.node.push(split);
    }

    /// Adds an i8 constant.
    pub fn signed_bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) -> String {
        self.constant(name, shape, DataType::Int8, values.iter().map(|v| v.to_le_bytes()[0]).collect())
    }

    /// Adds a u8 constant.
    pub fn bytes(&mut self, name: &str, shape: &[usize], values: &[u8]) -> String {
        self.constant(name, shape, DataType::Uint8, values.to_vec())
    }

    /// Quantises `x` and dequantises it again under the name `result`.
    pub fn pair(&mut self, name: &str, x: &str, scale: Scale, result: &str) -> String {
        let s = self.floats(&format!("{name}.scale"), &[], &[scale.scale]);
        let z = self.bytes(&format!("{name}.zero_point"), &[], &[scale.zero]);
        let q = self.node("QuantizeLinear", &format!("{name}.quantised"), &[x, &s, &z], Vec::new());
        self.node("DequantizeLinear", result, &[&q, &s, &z], Vec::new())
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
    pub fn conv(&mut self, name: &str, conv: &Convolution, inputs: &[&str]) -> String {
        let whole = |values: [usize; 2]| values.map(|value| value as i64);
        let [top, left] = whole(conv.padding);
        let attributes = vec![
            ints("kernel_shape", &whole(conv.kernel)),
            ints("strides", &whole(conv.stride)),
            ints("pads", &[top, left, top, left]),
            int("group", if conv.depthwise { conv.outputs as i64 } else { 1 }),
        ];
        self.node("Conv", name, inputs, attributes)
    }

    /// Adds the largest of each `size × size` cells; returns its output.
    pub fn max_pool(&mut self, name: &str, size: usize, x: &str) -> String {
        let size = size as i64;
        self.node("MaxPool", name, &[x], vec![ints("kernel_shape", &[size, size]), ints("strides", &[size, size])])
    }

    /// Adds an activation, if it is one; returns its output, or `x`.
    pub fn activation(&mut self, name: &str, activation: Activation, x: &str) -> String {
        match activation {
            Activation::None => x.to_owned(),
            Activation::Relu => self.node("Relu", name, &[x], Vec::new()),
            Activation::Relu6 => {
                let low = self.floats("relu6_low", &[], &[0.0]);
                let high = self.floats("relu6_high", &[], &[6.0]);
                self.node("Clip", name, &[x, &low, &high], Vec::new())
            }
        }
    }

    /// Makes a vector of a map of one cell; returns its output.
    pub fn flatten(&mut self, name: &str, x: &str) -> String {
        self.node("Flatten", name, &[x], vec![int("axis", 1)])
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

/// A convolution's weights in ONNX's order, outputs first, and their shape.
pub fn onnx_weights<T: Copy>(conv: &Convolution, weight: &[T]) -> (Vec<usize>, Vec<T>) {
    let (outputs, [height, width]) = (conv.outputs, conv.kernel);
    let inputs = if conv.depthwise { 1 } else { conv.inputs };
    let mut values = Vec::with_capacity(weight.len());
    for output in 0..outputs {
        for input in 0..inputs {
            values.extend((0..height * width).map(|tap| weight[(tap * inputs + input) * outputs + output]));
        }
    }
    (vec![outputs, inputs, height, width], values)
}

/// A node of one output, which bears the node's name.
pub fn node(op: &str, name: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![name.to_owned()],
        name: name.to_owned(),
        op_type: op.to_owned(),
        attribute,
        ..NodeProto::default()
    }
}

/// A constant.
pub fn tensor(name: &str, shape: &[usize], kind: DataType, raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|&size| size as i64).collect(),
        data_type: kind as i32,
        name: name.to_owned(),
        raw_data,
        ..TensorProto::default()
    }
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
    use crate::nets::Bias;

    #[test]
    fn weights_come_out_outputs_first() {
        let conv = |kernel: usize, depthwise, inputs, outputs| Convolution {
            kernel: [kernel; 2],
            stride: [1, 1],
            padding: [0, 0],
            depthwise,
            inputs,
            outputs,
            bias: Bias::Plain,
            activation: Activation::None,
            branches: false,
        };
        let (shape, values) = onnx_weights(&conv(1, false, 2, 3), &[1, 2, 3, 4, 5, 6]);
        assert_eq!((shape, values), (vec![3, 2, 1, 1], vec![1, 4, 2, 5, 3, 6]));
        let (shape, values) = onnx_weights(&conv(3, true, 2, 2), &(0..18).collect::<Vec<_>>());
        assert_eq!(shape, [2, 1, 3, 3]);
        assert_eq!(values[..3], [0, 2, 4]);
        assert_eq!(values[9..12], [1, 3, 5]);
        let (shape, values) = onnx_weights(&conv(3, false, 3, 1), &(0..27).collect::<Vec<_>>());
        assert_eq!(shape, [1, 3, 3, 3]);
        // The first channel's taps are three apart.
        assert_eq!(values[..4], [0, 3, 6, 9]);
    }
}
