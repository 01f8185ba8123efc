//! Quantised operators of the com.microsoft domain, which ONNX Runtime's QOperator models use.

use retort_core::plan::step::IntegerOperation;

use super::super::Refusal;
use super::super::layout::{Aligned, Placed, align, channels_last, materialise, row_major};
use super::super::node::{Call, Value, axis};
use super::quantise::{parameters, with_quantisation};
use super::{matrix, pool};
use crate::graph::{Epilogue, Graph, Op, TensorId};
use crate::quantised;
use crate::tensor::{ElementType, Quantisation};

/// Imports a node of the com.microsoft domain.
pub(super) fn import(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    match call.proto.op_type.as_str() {
        "QLinearAdd" => binary(graph, call, IntegerOperation::Add),
        "QLinearMul" => binary(graph, call, IntegerOperation::Multiply),
        "QLinearSigmoid" => unary(graph, call, quantised::sigmoid),
        "QLinearLeakyRelu" => {
            let slope = call.float("alpha", 0.01);
            unary(graph, call, move |v| if v >= 0.0 { v } else { slope * v })
        }
        "QLinearConcat" => concat(graph, call),
        "QLinearGlobalAveragePool" => global_average(graph, call),
        "QLinearAveragePool" => average(graph, call),
        "QLinearSoftmax" => softmax(graph, call),
        "QGemm" => matrix::qgemm(graph, call),
        other => Err(Refusal::Unsupported(format!("the operator com.microsoft.{other}"))),
    }
}

/// Input `index` in memory order, read with this quantisation.
fn operand(graph: &mut Graph, call: &Call<'_>, index: usize, quantisation: Quantisation) -> Result<Placed, Refusal> {
    let placed = call.placed(index)?.clone();
    Ok(placed.with(with_quantisation(graph, call.name, placed.id, quantisation)?))
}

/// QLinearAdd, QLinearMul: a, scale, zero, b, scale, zero, y scale, zero.
fn binary(graph: &mut Graph, call: &Call<'_>, operation: IntegerOperation) -> Result<Value, Refusal> {
    let ((a, _), (b, _), (y, signed)) = (parameters(call, 1, 2)?, parameters(call, 4, 5)?, parameters(call, 6, 7)?);
    let Aligned { ids, shape, order } = align(graph, call.name, &[call.input(0)?, call.input(3)?])?;
    let ids: Vec<TensorId> = ids
        .into_iter()
        .zip([a, b])
        .map(|(id, q)| with_quantisation(graph, call.name, id, q))
        .collect::<Result<_, _>>()?;
    let memory = order.iter().map(|&axis| shape[axis]).collect();
    let op = Op::BinaryInt8(operation, y, if signed { 128 } else { 0 }, Epilogue::default());
    let id = graph.add_node(call.name, op, ids, memory, ElementType::U8, Some(y));
    Ok(Value::Placed(Placed { id, shape, order, signed }))
}

/// QLinearSigmoid, QLinearLeakyRelu: x, scale, zero, y scale, zero.
fn unary(graph: &mut Graph, call: &Call<'_>, function: impl Fn(f32) -> f32) -> Result<Value, Refusal> {
    let ((from, _), (to, signed)) = (parameters(call, 1, 2)?, parameters(call, 3, 4)?);
    let x = operand(graph, call, 0, from)?;
    let shape = graph.tensor(x.id).shape.clone();
    let op = Op::Lookup(quantised::table(from, to, function));
    let id = graph.add_node(call.name, op, vec![x.id], shape, ElementType::U8, Some(to));
    Ok(Value::Placed(Placed { id, signed, ..x }))
}

/// QLinearConcat: y scale, zero, then x, scale, zero for each input.
fn concat(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let (y, signed) = parameters(call, 0, 1)?;
    let mut inputs = Vec::new();
    for index in (2..call.inputs.len()).step_by(3) {
        let (from, _) = parameters(call, index + 1, index + 2)?;
        let value = match call.input(index)? {
            Value::Literal(literal) => Value::Literal(literal.clone()),
            Value::Placed(_) => Value::Placed(operand(graph, call, index, from)?),
        };
        inputs.push((value, from));
    }
    let first = inputs.iter().find_map(|(value, _)| match value {
        Value::Placed(placed) => Some(placed.clone()),
        Value::Literal(_) => None,
    });
    let Some(first) = first else { return Err(Refusal::Unsupported("constants only".into())) };
    let axis = axis(call.int("axis", 0), first.shape.len())?;
    let values: Vec<&Value> = inputs.iter().map(|(value, _)| value).collect();
    let shape = super::movement::joined(&values, axis)?;
    let mut ids = Vec::new();
    for (value, from) in &inputs {
        let mut id = materialise(graph, call.name, value, &first.order);
        if graph.tensor(id).element != ElementType::U8 {
            return Err(Refusal::Invalid("joins what is neither u8 nor i8".into()));
        }
        if *from != y {
            let shape = graph.tensor(id).shape.clone();
            let op = Op::Lookup(quantised::table(*from, y, |v| v));
            id = graph.add_node(call.name, op, vec![id], shape, ElementType::U8, Some(y));
        }
        ids.push(id);
    }
    let memory = first.order.iter().map(|&a| shape[a]).collect();
    let op = Op::Concat(first.memory_axis(axis));
    let id = graph.add_node(call.name, op, ids, memory, ElementType::U8, Some(y));
    Ok(Value::Placed(Placed { id, shape, order: first.order, signed }))
}

/// An image operand in NHWC, whatever `channels_last` says of the file's tensors.
fn image(graph: &mut Graph, call: &Call<'_>, from: Quantisation) -> Result<Placed, Refusal> {
    let mut x = operand(graph, call, 0, from)?;
    if x.shape.len() != 4 {
        return Err(Refusal::Unsupported(format!("an input of {} axes", x.shape.len())));
    }
    if call.int("channels_last", 0) != 0 {
        x = x.transposed(&[0, 3, 1, 2]);
    }
    let id = x.in_order(graph, call.name, &channels_last(4));
    Ok(Placed { id, order: channels_last(4), ..x })
}

fn image_value(call: &Call<'_>, x: &Placed, id: TensorId, size: [usize; 2], signed: bool) -> Value {
    let shape = vec![x.shape[0], x.shape[1], size[0], size[1]];
    let placed = Placed { id, shape, order: channels_last(4), signed };
    Value::Placed(if call.int("channels_last", 0) != 0 { placed.transposed(&[0, 2, 3, 1]) } else { placed })
}

/// QLinearGlobalAveragePool: x, scale, zero, y scale, zero.
fn global_average(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let ((from, _), (to, signed)) = (parameters(call, 1, 2)?, parameters(call, 3, 4)?);
    let x = image(graph, call, from)?;
    let shape = vec![x.shape[0], 1, 1, x.shape[1]];
    let id = graph.add_node(call.name, Op::GlobalAverage, vec![x.id], shape, ElementType::U8, Some(to));
    Ok(image_value(call, &x, id, [1, 1], signed))
}

/// QLinearAveragePool: x, scale, zero, y scale, zero.
fn average(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let ((from, _), (to, signed)) = (parameters(call, 1, 2)?, parameters(call, 3, 4)?);
    let x = image(graph, call, from)?;
    let (_, op, size) = pool::plan(call, false, &x.shape)?;
    let shape = vec![x.shape[0], size[0], size[1], x.shape[1]];
    let id = graph.add_node(call.name, op, vec![x.id], shape, ElementType::U8, Some(to));
    Ok(image_value(call, &x, id, size, signed))
}

/// QLinearSoftmax: x, scale, zero, y scale, zero. Before operator set 13, all axes from `axis` on are one.
fn softmax(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let ((from, _), (to, signed)) = (parameters(call, 1, 2)?, parameters(call, 3, 4)?);
    let x = operand(graph, call, 0, from)?;
    let rank = x.shape.len();
    let flattens = call.int("opset", 13) < 13;
    let axis = axis(call.int("axis", if flattens { 1 } else { -1 }), rank)?;
    let (order, len) = if flattens {
        (row_major(rank), x.shape[axis..].iter().product())
    } else {
        let rest = (0..rank).filter(|&a| a != axis);
        (rest.chain([axis]).collect(), x.shape[axis])
    };
    let id = x.in_order(graph, call.name, &order);
    let memory = graph.tensor(id).shape.clone();
    let outer = memory.iter().product::<usize>() / len.max(1);
    let rows = graph.add_reshape(call.name, id, vec![outer, len]);
    let (table, factor) = quantised::softmax_constants(from.scale, to.scale, len);
    let op = Op::SoftmaxInt8 { table, factor };
    let id = graph.add_node(call.name, op, vec![rows], vec![outer, len], ElementType::U8, Some(to));
    let id = graph.add_reshape(call.name, id, memory);
    Ok(Value::Placed(Placed { id, order, signed, ..x }))
}
