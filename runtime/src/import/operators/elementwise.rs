//! Functions of each element, and operations on two tensors that broadcast.

use retort_core::function::Function;
use retort_core::plan::step::FloatOperation;

use super::super::Refusal;
use super::super::layout::{Aligned, Placed, align, element};
use super::super::literal::{Elements, Literal};
use super::super::node::{Call, Value};
use crate::graph::{Graph, Op};
use crate::tensor::ElementType;

/// Imports any element-wise operator on floats.
pub(super) fn import(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    if let Some(function) = function(call)? {
        return unary(graph, call, function);
    }
    let operation = match call.proto.op_type.as_str() {
        "Add" | "Sum" => FloatOperation::Add,
        "Sub" => FloatOperation::Subtract,
        "Mul" => FloatOperation::Multiply,
        "Div" => FloatOperation::Divide,
        "Min" => FloatOperation::Minimum,
        "Max" => FloatOperation::Maximum,
        "Pow" => FloatOperation::Power,
        "PRelu" => FloatOperation::PRelu,
        other => return Err(Refusal::Unsupported(format!("the operator {other}"))),
    };
    let takes_any = matches!(call.proto.op_type.as_str(), "Sum" | "Min" | "Max");
    if !takes_any && call.inputs.len() != 2 {
        return Err(Refusal::Invalid(format!("{} inputs where two are wanted", call.inputs.len())));
    }
    let mut result = call.input(0)?.clone();
    for index in 1..call.inputs.len() {
        result = binary(graph, call, operation, &result, call.input(index)?)?;
    }
    Ok(result)
}

/// The function of each element that an operator is, if it is one.
fn function(call: &Call<'_>) -> Result<Option<Function>, Refusal> {
    let bound = |index: usize, name: &str, default: f32| -> Result<f32, Refusal> {
        match call.optional_literal(index)? {
            Some(literal) => literal.scalar(),
            None => Ok(call.float(name, default)),
        }
        .and_then(|bound| match bound.is_nan() {
            true => Err(Refusal::Invalid(format!("{name} is no number"))),
            false => Ok(bound),
        })
    };
    Ok(Some(match call.proto.op_type.as_str() {
        "Relu" => Function::Clamp { low: 0.0, high: f32::INFINITY },
        "Clip" => Function::Clamp { low: bound(1, "min", f32::NEG_INFINITY)?, high: bound(2, "max", f32::INFINITY)? },
        "LeakyRelu" => Function::LeakyRelu { slope: call.float("alpha", 0.01) },
        "HardSigmoid" => Function::HardSigmoid { slope: call.float("alpha", 0.2), offset: call.float("beta", 0.5) },
        "HardSwish" => Function::HardSwish,
        "Sigmoid" => Function::Sigmoid,
        "Tanh" => Function::Tanh,
        "Exp" => Function::Exp,
        "Log" => Function::Log,
        "Sqrt" => Function::Sqrt,
        "Abs" => Function::Abs,
        "Neg" => Function::Negate,
        "Reciprocal" => Function::Reciprocal,
        "Erf" => Function::Erf,
        "Elu" => Function::Elu { slope: call.float("alpha", 1.0) },
        "Softplus" => Function::Softplus,
        "Floor" => Function::Floor,
        "Ceil" => Function::Ceil,
        "Round" => Function::Round,
        _ => return Ok(None),
    }))
}

fn unary(graph: &mut Graph, call: &Call<'_>, function: Function) -> Result<Value, Refusal> {
    let x = call.placed(0)?;
    require_floats(graph, call.input(0)?)?;
    let shape = graph.tensor(x.id).shape.clone();
    let id = graph.add_node(call.name, Op::Unary(function), vec![x.id], shape, ElementType::F32, None);
    Ok(Value::Placed(x.with(id)))
}

fn require_floats(graph: &Graph, value: &Value) -> Result<(), Refusal> {
    match element(graph, value) {
        ElementType::F32 => Ok(()),
        other => Err(Refusal::Unsupported(format!("arithmetic on {other}"))),
    }
}

/// Adds a ∘ b of two float values.
pub(super) fn binary(
    graph: &mut Graph,
    call: &Call<'_>,
    operation: FloatOperation,
    a: &Value,
    b: &Value,
) -> Result<Value, Refusal> {
    require_floats(graph, a)?;
    require_floats(graph, b)?;
    let Aligned { ids, shape, order } = align(graph, call.name, &[a, b])?;
    let memory = order.iter().map(|&axis| shape[axis]).collect();
    let op = Op::Binary(operation, Function::Identity);
    let id = graph.add_node(call.name, op, ids, memory, ElementType::F32, None);
    Ok(Value::Placed(Placed { id, shape, order, signed: false }))
}

/// y = scale · (x − mean) / √(variance + epsilon) + bias, as a product and a sum per channel; a later pass folds them
/// into the convolution in front.
pub(super) fn batch_normalisation(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    if call.int("training_mode", 0) != 0 {
        return Err(Refusal::Invalid("is in training mode; export the model for inference".into()));
    }
    let x = call.placed(0)?;
    require_floats(graph, call.input(0)?)?;
    let channels = *x.shape.get(1).ok_or_else(|| Refusal::Invalid("its input has no channels".into()))?;
    let parameter = |index: usize| -> Result<Vec<f32>, Refusal> {
        let values = call.literal(index)?.floats()?;
        match values.len() == channels {
            true => Ok(values.to_vec()),
            false => {
                Err(Refusal::Invalid(format!("input {index} has {} values for {channels} channels", values.len())))
            }
        }
    };
    let (scale, bias, mean, variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
    let epsilon = call.float("epsilon", 1e-5);
    let factor: Vec<f32> = scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let shift: Vec<f32> = bias.iter().zip(&mean).zip(&factor).map(|((b, m), f)| b - m * f).collect();
    let per_channel = |values: Vec<f32>| -> Result<Value, Refusal> {
        let mut shape = vec![1; x.shape.len()];
        shape[1] = channels;
        Literal::new(shape, Elements::F32(values)).map(Value::Literal)
    };
    let scaled = binary(graph, call, FloatOperation::Multiply, call.input(0)?, &per_channel(factor)?)?;
    binary(graph, call, FloatOperation::Add, &scaled, &per_channel(shift)?)
}
