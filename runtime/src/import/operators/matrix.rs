//! Matrix products. One by known weights is a pointwise convolution over a row of pixels; one of two computed matrices
//! has a step of its own.

use retort_core::function::Function;
use retort_core::plan::step::FloatOperation;

use super::super::Refusal;
use super::super::layout::{Placed, materialise, row_major};
use super::super::literal::{Elements, Literal};
use super::super::node::{Call, Value};
use super::convolution::{bias, can_be_computed, integer_bias, quantised_weights};
use super::elementwise::binary;
use super::quantise::{parameters, stored, with_quantisation};
use crate::graph::{
    Bias, Convolution, ConvolutionInt8, Epilogue, Graph, Op, QuantisedWeights, TensorId, Weights, Window,
};
use crate::quantised;
use crate::tensor::{ElementType, Quantisation};

/// From \[in\]\[out\] to \[out\]\[in\].
pub(super) fn transpose<T: Copy>(weights: &[T], inputs: usize, outputs: usize) -> Vec<T> {
    (0..outputs).flat_map(|o| (0..inputs).map(move |i| i * outputs + o)).map(|index| weights[index]).collect()
}

/// A two-dimensional literal as \[out\]\[in\] weights, its integers kept where the scales allow.
fn weights(literal: &Literal, transposed: bool) -> Result<(Weights, usize, usize), Refusal> {
    let [rows, columns] = literal.shape[..] else {
        return Err(Refusal::Unsupported(format!("weights of shape {:?}", literal.shape)));
    };
    let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
    if inputs == 0 || outputs == 0 {
        return Err(Refusal::Invalid(format!("weights of shape {:?} are none", literal.shape)));
    }
    let weights = match quantised_weights(literal, if transposed { 0 } else { 1 }) {
        Some(q) if transposed => Weights::Quantised(q),
        Some(q) => Weights::Quantised(QuantisedWeights { values: transpose(&q.values, rows, columns), ..q }),
        None if transposed => Weights::Float(literal.floats()?.to_vec()),
        None => Weights::Float(transpose(literal.floats()?, rows, columns)),
    };
    Ok((weights, inputs, outputs))
}

/// The rows of a tensor as the pixels of one image of height 1; `inputs` is the length of its last axis.
pub(super) fn pixels(graph: &mut Graph, call: &Call<'_>, x: &Placed, inputs: usize) -> Result<TensorId, Refusal> {
    if x.shape.last() != Some(&inputs) {
        return Err(Refusal::Invalid(format!(
            "a matrix of {inputs} rows does not fit an input of shape {:?}",
            x.shape
        )));
    }
    let id = x.in_order(graph, call.name, &row_major(x.shape.len()));
    let rows = x.shape.iter().product::<usize>() / inputs.max(1);
    Ok(graph.add_reshape(call.name, id, vec![1, 1, rows, inputs]))
}

fn float_product(
    graph: &mut Graph,
    call: &Call<'_>,
    x: &Placed,
    (weights, inputs, outputs): (Weights, usize, usize),
    bias: Option<Bias>,
) -> Result<Value, Refusal> {
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    let id = pixels(graph, call, x, inputs)?;
    let op = Op::Convolution(Box::new(Convolution {
        window: Window::ONE,
        groups: 1,
        in_channels: inputs,
        out_channels: outputs,
        weights,
        bias,
        activation: Function::Identity,
    }));
    let rows = graph.tensor(id).shape[2];
    let id = graph.add_node(call.name, op, vec![id], vec![1, 1, rows, outputs], ElementType::F32, None);
    Ok(rows_value(graph, call, x, id, outputs, false))
}

/// The ONNX value of pixels that were rows of `x`.
pub(super) fn rows_value(
    graph: &mut Graph,
    call: &Call<'_>,
    x: &Placed,
    id: TensorId,
    outputs: usize,
    signed: bool,
) -> Value {
    let mut shape = x.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let id = graph.add_reshape(call.name, id, shape.clone());
    Value::Placed(Placed { id, order: row_major(shape.len()), shape, signed })
}

/// Gemm: alpha · a · b + beta · c, either factor transposed.
pub(super) fn gemm(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let a = call.placed(0)?;
    if a.shape.len() != 2 {
        return Err(Refusal::Invalid(format!("its first factor has shape {:?}", a.shape)));
    }
    let a = if call.int("transA", 0) != 0 { a.transposed(&[1, 0]) } else { a.clone() };
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let (mut weights, inputs, outputs) = weights(call.literal(1)?, call.int("transB", 0) != 0)?;
    if alpha != 1.0 {
        weights = Weights::Float(weights.to_floats(inputs).into_iter().map(|w| w * alpha).collect());
    }
    let product = |graph: &mut Graph, bias| float_product(graph, call, &a, (weights, inputs, outputs), bias);
    match call.optional(2) {
        None => product(graph, None),
        Some(Value::Literal(c)) if c.len() == outputs && c.shape.last() == Some(&outputs) => {
            let mut bias = bias(c, outputs)?;
            if beta != 1.0 {
                bias.floats.iter_mut().for_each(|b| *b *= beta);
                bias.stored = None;
            }
            product(graph, Some(bias))
        }
        Some(c) if beta == 1.0 => {
            let product = product(graph, None)?;
            binary(graph, call, FloatOperation::Add, &product, c)
        }
        Some(_) => Err(Refusal::Unsupported(format!("beta {beta}"))),
    }
}

/// MatMul.
pub(super) fn matmul(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    if let (Value::Placed(a), Value::Literal(b)) = (call.input(0)?, call.input(1)?)
        && b.shape.len() == 2
        && a.shape.len() >= 2
    {
        return float_product(graph, call, a, weights(b, false)?, None);
    }
    let (a, b) = (call.input(0)?.clone(), call.input(1)?.clone());
    let (sa, sb) = (a.shape().to_vec(), b.shape().to_vec());
    if sa.len() < 2 || sb.len() < 2 {
        return Err(Refusal::Unsupported(format!("factors of shapes {sa:?} and {sb:?}")));
    }
    let batch = |shape: &[usize]| shape[..shape.len() - 2].to_vec();
    let (batch_a, batch_b) = (batch(&sa), batch(&sb));
    let shared = batch_a == batch_b || batch_b.iter().all(|&d| d == 1) || batch_a.iter().all(|&d| d == 1);
    if !shared || sa[sa.len() - 1] != sb[sb.len() - 2] {
        return Err(Refusal::Unsupported(format!("factors of shapes {sa:?} and {sb:?}")));
    }
    let ids = [&a, &b].map(|value| materialise(graph, call.name, value, &row_major(value.shape().len())));
    if ids.iter().any(|&id| graph.tensor(id).element != ElementType::F32) {
        return Err(Refusal::Unsupported("factors that are not float".into()));
    }
    let flat = ids.map(|id| {
        let shape = graph.tensor(id).shape.clone();
        let (matrices, matrix) = shape.split_at(shape.len() - 2);
        graph.add_reshape(call.name, id, vec![matrices.iter().product(), matrix[0], matrix[1]])
    });
    let (rows, columns) = (sa[sa.len() - 2], sb[sb.len() - 1]);
    let n = graph.tensor(flat[0]).shape[0].max(graph.tensor(flat[1]).shape[0]);
    let id = graph.add_node(call.name, Op::MatMul, flat.to_vec(), vec![n, rows, columns], ElementType::F32, None);
    let mut shape = if batch_a.iter().product::<usize>() >= batch_b.iter().product() { batch_a } else { batch_b };
    let wanted = sa.len().max(sb.len()) - 2;
    while shape.len() < wanted {
        shape.insert(0, 1);
    }
    shape.extend([rows, columns]);
    let id = graph.add_reshape(call.name, id, shape.clone());
    Ok(Value::Placed(Placed { id, order: row_major(shape.len()), shape, signed: false }))
}

/// The parts of an integer product by known weights.
struct IntegerProduct {
    weights: QuantisedWeights,
    inputs: usize,
    outputs: usize,
    bias: Option<Vec<i32>>,
    multiplier: Vec<f32>,
}

fn integer_product(
    graph: &mut Graph,
    call: &Call<'_>,
    x: &Placed,
    (from, to, signed): (Quantisation, Quantisation, bool),
    product: IntegerProduct,
) -> Result<Value, Refusal> {
    let id = with_quantisation(graph, call.name, x.id, from)?;
    let id = pixels(graph, call, &x.with(id), product.inputs)?;
    let bias = product.bias.unwrap_or_else(|| vec![0; product.outputs]);
    if bias.len() != product.outputs {
        return Err(Refusal::Unsupported(format!("a bias of {} values for {} outputs", bias.len(), product.outputs)));
    }
    can_be_computed(&product.weights.values, &bias, &product.multiplier)?;
    let op = Op::ConvolutionInt8(Box::new(ConvolutionInt8 {
        window: Window::ONE,
        groups: 1,
        in_channels: product.inputs,
        out_channels: product.outputs,
        weights: product.weights.values,
        bias,
        multiplier: product.multiplier,
        y_zero: to.zero_point,
        epilogue: Epilogue::default(),
    }));
    let shape = vec![1, 1, graph.tensor(id).shape[2], product.outputs];
    let id = graph.add_node(call.name, op, vec![id], shape, ElementType::U8, Some(to));
    Ok(rows_value(graph, call, x, id, product.outputs, signed))
}

/// Known integers with their scales, as \[out\]\[in\] weights.
fn integer_weights(
    call: &Call<'_>,
    first: usize,
    transposed: bool,
) -> Result<(QuantisedWeights, usize, usize), Refusal> {
    let integers = call.literal(first)?;
    let axis = if transposed { 0 } else { -1 };
    let stored = stored(integers, call.literal(first + 1)?, call.optional_literal(first + 2)?, axis)?;
    let literal = Literal {
        stored: Some(std::sync::Arc::new(stored)),
        ..Literal::new(integers.shape.clone(), Elements::F32(vec![0.0; integers.len()]))?
    };
    match weights(&literal, transposed)? {
        (Weights::Quantised(q), inputs, outputs) => Ok((q, inputs, outputs)),
        _ => Err(Refusal::Invalid("its weight scales do not fit its outputs".into())),
    }
}

/// QLinearMatMul: a, scale, zero, b, scale, zero, y scale, zero.
pub(super) fn qlinear_matmul(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let ((from, _), (to, signed)) = (parameters(call, 1, 2)?, parameters(call, 6, 7)?);
    let (weights, inputs, outputs) = integer_weights(call, 3, false)?;
    let multiplier = quantised::multipliers(from.scale, &weights.scales, to.scale);
    let product = IntegerProduct { weights, inputs, outputs, bias: None, multiplier };
    integer_product(graph, call, &call.placed(0)?.clone(), (from, to, signed), product)
}

/// QGemm with a quantised result: a, scale, zero, b, scale, zero, c, y scale, zero.
pub(super) fn qgemm(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    if call.optional(7).is_none() {
        return Err(Refusal::Unsupported("a float result".into()));
    }
    let ((from, _), (to, signed)) = (parameters(call, 1, 2)?, parameters(call, 7, 8)?);
    let (weights, inputs, outputs) = integer_weights(call, 3, call.int("transB", 0) != 0)?;
    let bias = call.optional_literal(6)?.map(integer_bias).transpose()?;
    let scaled = call.float("alpha", 1.0) * from.scale;
    let multiplier = quantised::multipliers(scaled, &weights.scales, to.scale);
    let a = call.placed(0)?;
    if a.shape.len() != 2 {
        return Err(Refusal::Invalid(format!("its first factor has shape {:?}", a.shape)));
    }
    let a = if call.int("transA", 0) != 0 { a.transposed(&[1, 0]) } else { a.clone() };
    integer_product(graph, call, &a, (from, to, signed), IntegerProduct { weights, inputs, outputs, bias, multiplier })
}
