//! One function an ONNX operator: from a node and its input values to graph nodes and output values.

mod convolution;
mod dynamic;
mod elementwise;
mod matrix;
mod movement;
mod pool;
mod quantise;
mod quantised;
mod reduce;
mod resize;
mod transposed;

use super::Refusal;
use super::literal::{Elements, Literal};
use super::node::{Call, Value};
use crate::graph::Graph;

/// Nodes whose result is known though an input may not be, and those that keep more than their numbers.
pub(super) fn known(call: &Call<'_>) -> Result<Option<Value>, Refusal> {
    let literal = match call.proto.op_type.as_str() {
        "Constant" => movement::constant(call)?,
        "Shape" => {
            let shape = call.input(0)?.shape();
            let rank = shape.len() as i64;
            let clamp = |v: i64| (if v < 0 { v + rank } else { v }).clamp(0, rank) as usize;
            let (start, end) = (clamp(call.int("start", 0)), clamp(call.int("end", rank)));
            let dims: Vec<i64> = shape[start..end.max(start)].iter().map(|&d| d as i64).collect();
            Literal::new(vec![dims.len()], Elements::I64(dims))?
        }
        "Size" => Literal::new(vec![], Elements::I64(vec![call.input(0)?.shape().iter().product::<usize>() as i64]))?,
        "DequantizeLinear" => match call.input(0)? {
            Value::Literal(stored) => quantise::dequantise_literal(call, stored)?,
            Value::Placed(_) => return Ok(None),
        },
        "QuantizeLinear" => match call.input(0)? {
            Value::Literal(floats) => quantise::quantise_literal(call, floats)?,
            Value::Placed(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(Value::Literal(literal)))
}

/// Imports a node of which at least one input is computed at run time.
pub(super) fn import(graph: &mut Graph, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let one = |value: Value| Ok(vec![value]);
    match call.proto.domain.as_str() {
        "" | "ai.onnx" => {}
        "com.microsoft" => return quantised::import(graph, call).and_then(one),
        other => return Err(Refusal::Unsupported(format!("the operator domain `{other}`"))),
    }
    match call.proto.op_type.as_str() {
        "Conv" => convolution::convolution(graph, call).and_then(one),
        "ConvTranspose" => transposed::convolution(graph, call).and_then(one),
        "ConvInteger" => dynamic::convolution(graph, call).and_then(one),
        "MatMulInteger" => dynamic::matmul(graph, call).and_then(one),
        "DynamicQuantizeLinear" => dynamic::quantise(graph, call),
        "QLinearConv" => convolution::qlinear(graph, call).and_then(one),
        "BatchNormalization" => elementwise::batch_normalisation(graph, call).and_then(one),
        "Gemm" => matrix::gemm(graph, call).and_then(one),
        "MatMul" => matrix::matmul(graph, call).and_then(one),
        "QLinearMatMul" => matrix::qlinear_matmul(graph, call).and_then(one),
        "QuantizeLinear" => quantise::quantise(graph, call).and_then(one),
        "DequantizeLinear" => quantise::dequantise(graph, call).and_then(one),
        "MaxPool" | "AveragePool" => pool::pool(graph, call).and_then(one),
        "GlobalAveragePool" => pool::global_average(graph, call).and_then(one),
        "GlobalMaxPool" => pool::global_maximum(graph, call).and_then(one),
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" => reduce::reduce(graph, call).and_then(one),
        "Softmax" => reduce::softmax(graph, call).and_then(one),
        "Resize" | "Upsample" => resize::resize(graph, call).and_then(one),
        "Identity" | "Dropout" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Expand"
        | "Concat" | "Slice" | "Split" | "Gather" | "Pad" | "Cast" | "DepthToSpace" | "SpaceToDepth" => {
            movement::import(graph, call)
        }
        _ => elementwise::import(graph, call).and_then(one),
    }
}
