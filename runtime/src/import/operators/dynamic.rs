//! What is quantised while the model runs: DynamicQuantizeLinear, ConvInteger and MatMulInteger, which ONNX Runtime's
//! dynamic quantisation writes.
//!
//! Scale and zero point of a tensor are two floats of the graph. Products of bytes by known weights are convolutions that
//! take them as their second input; their sums are i32, until a Cast makes floats of them.

use super::super::Refusal;
use super::super::layout::Placed;
use super::super::literal::{Elements, Literal};
use super::super::node::{Call, Value};
use super::convolution::geometry;
use super::matrix::{pixels, rows_value, transpose};
use super::quantise::{valid_scale, with_quantisation};
use crate::graph::{Constant, ConvolutionDynamic, Graph, Op, Scaling, Sums, TensorId, Window};
use crate::tensor::{ElementType, Quantisation};

/// How zero points become floats and back: each is the number that it is.
const WHOLE: Quantisation = Quantisation::UNIT;

/// DynamicQuantizeLinear: bytes, their scale and their zero point.
pub(super) fn quantise(graph: &mut Graph, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = call.placed(0)?;
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    if graph.tensor(x.id).is_empty() {
        return Err(Refusal::Unsupported("an input without elements".into()));
    }
    let name = call.name;
    let parameters = graph.add_node(name, Op::Range, vec![x.id], vec![2], ElementType::F32, None);
    let shape = graph.tensor(x.id).shape.clone();
    let bytes = graph.add_node(name, Op::QuantizeDynamic, vec![x.id, parameters], shape, ElementType::U8, None);
    let one_of = |graph: &mut Graph, index: usize| {
        let slice = Op::Slice { start: vec![index], step: vec![1] };
        graph.add_like(name, slice, vec![parameters], vec![1])
    };
    let (scale, zero) = (one_of(graph, 0), one_of(graph, 1));
    let zero = graph.add_node(name, Op::Quantize, vec![zero], vec![1], ElementType::U8, Some(WHOLE));
    let scalar = |graph: &mut Graph, id: TensorId| {
        let id = graph.add_reshape(name, id, vec![]);
        Value::Placed(Placed { id, shape: vec![], order: vec![], signed: false })
    };
    let (scale, zero) = (scalar(graph, scale), scalar(graph, zero));
    Ok(vec![Value::Placed(Placed { signed: false, ..x.with(bytes) }), scale, zero])
}

/// A zero point, in the u8 domain.
enum Zero {
    /// A number.
    Known(i64),
    /// Computed at run time: a byte.
    Computed(TensorId),
}

/// The zero point that input `index` is, and whether it is signed; 0 where it is left out, of bytes that are `signed`.
fn zero_point(graph: &Graph, call: &Call<'_>, index: usize, signed: bool) -> Result<(Zero, bool), Refusal> {
    let per_row = || Refusal::Unsupported("a zero point per row or channel of an activation".into());
    let neither = || Refusal::Invalid("a zero point that is neither u8 nor i8".into());
    let shifted = |zero: i64, signed: bool| (Zero::Known(zero + if signed { 128 } else { 0 }), signed);
    match call.optional(index) {
        None => Ok(shifted(0, signed)),
        Some(Value::Literal(literal)) => {
            let signed = match literal.elements {
                Elements::U8(_) => false,
                Elements::I8(_) => true,
                _ => return Err(neither()),
            };
            match literal.integers()?[..] {
                [zero] => Ok(shifted(zero, signed)),
                _ => Err(per_row()),
            }
        }
        Some(Value::Placed(zero)) => match graph.tensor(zero.id) {
            tensor if tensor.element != ElementType::U8 => Err(neither()),
            tensor if tensor.len() != 1 => Err(per_row()),
            _ => Ok((Zero::Computed(zero.id), zero.signed)),
        },
    }
}

/// A scale and a zero point as two floats. Where no scale is given, it is 1, or whatever the zero point was found with.
fn pair(graph: &mut Graph, call: &Call<'_>, scale: Option<&Value>, zero: Zero) -> Result<TensorId, Refusal> {
    let number = |graph: &mut Graph, number: f32| graph.add_constant(call.name, vec![1], Constant::F32(vec![number]));
    let zero = match zero {
        Zero::Computed(zero) => match (scale, range_of(graph, zero)) {
            (None, Some(parameters)) => return Ok(parameters),
            _ => {
                let id = with_quantisation(graph, call.name, zero, WHOLE)?;
                let id = graph.add_reshape(call.name, id, vec![1]);
                graph.add_node(call.name, Op::Dequantize, vec![id], vec![1], ElementType::F32, None)
            }
        },
        Zero::Known(zero) if scale.is_none() => {
            return Ok(graph.add_constant(call.name, vec![2], Constant::F32(vec![1.0, zero as f32])));
        }
        Zero::Known(zero) => number(graph, zero as f32),
    };
    let scale = match scale {
        None => number(graph, 1.0),
        Some(Value::Literal(literal)) => number(graph, valid_scale(literal.scalar()?)?),
        Some(Value::Placed(scale)) if graph.tensor(scale.id).len() == 1 => {
            graph.add_reshape(call.name, scale.id, vec![1])
        }
        Some(Value::Placed(_)) => return Err(Refusal::Unsupported("a scale per channel of an activation".into())),
    };
    if graph.tensor(scale).element != ElementType::F32 {
        return Err(Refusal::Unsupported("a scale that is not float".into()));
    }
    Ok(graph.add_node(call.name, Op::Concat(0), vec![scale, zero], vec![2], ElementType::F32, None))
}

/// Scale and zero point of bytes `x`: the latter is input `zero`, if given.
fn parameters(graph: &mut Graph, call: &Call<'_>, x: &Placed, zero: usize) -> Result<TensorId, Refusal> {
    let (zero, signed) = zero_point(graph, call, zero, x.signed)?;
    match signed == x.signed {
        true => pair(graph, call, None, zero),
        false => Err(Refusal::Invalid("its input and the input's zero point have different types".into())),
    }
}

/// QuantizeLinear by a scale or a zero point that is computed at run time.
pub(super) fn quantise_by(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = call.placed(0)?;
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    let (zero, signed) = zero_point(graph, call, 2, call.int("output_dtype", 0) == 3)?;
    let parameters = pair(graph, call, Some(call.input(1)?), zero)?;
    let shape = graph.tensor(x.id).shape.clone();
    let id = graph.add_node(call.name, Op::QuantizeDynamic, vec![x.id, parameters], shape, ElementType::U8, None);
    Ok(Value::Placed(Placed { signed, ..x.with(id) }))
}

/// The two numbers of which a zero point is one, as [`quantise`] makes it.
fn range_of(graph: &Graph, zero: TensorId) -> Option<TensorId> {
    let quantise = graph.maker(zero)?;
    let Op::Quantize = quantise.op else { return None };
    let slice = graph.maker(quantise.inputs[0])?;
    let Op::Slice { start, .. } = &slice.op else { return None };
    let is_range = matches!(graph.maker(slice.inputs[0])?.op, Op::Range);
    (is_range && start[..] == [1]).then_some(slice.inputs[0])
}

/// Known weights less their zero points, of which there may be one for each index of `axis`.
fn weights(literal: &Literal, zeros: Option<&Literal>, axis: usize) -> Result<Vec<i16>, Refusal> {
    let is_byte = |literal: &Literal| matches!(literal.elements, Elements::U8(_) | Elements::I8(_));
    if !is_byte(literal) || zeros.is_some_and(|zeros| !is_byte(zeros) || zeros.data_type() != literal.data_type()) {
        return Err(Refusal::Invalid("weights and their zero points that are not both u8 or both i8".into()));
    }
    let zeros = zeros.map(Literal::integers).transpose()?.unwrap_or_else(|| vec![0]);
    let channels = literal.shape[axis];
    if zeros.len() != 1 && zeros.len() != channels {
        return Err(Refusal::Invalid(format!("{} zero points for {channels} output channels", zeros.len())));
    }
    let inner: usize = literal.shape[axis + 1..].iter().product();
    let channel = |index: usize| if zeros.len() == 1 { 0 } else { index / inner % channels };
    // Bytes less bytes fit.
    Ok(literal.integers()?.iter().enumerate().map(|(index, w)| (w - zeros[channel(index)]) as i16).collect())
}

/// Requires bytes, and a convolution that there is a step for.
fn bytes(graph: &Graph, x: &Placed) -> Result<(), Refusal> {
    match graph.tensor(x.id).element {
        ElementType::U8 => Ok(()),
        other => Err(Refusal::Invalid(format!("an input of {other}, which is neither u8 nor i8"))),
    }
}

/// ConvInteger: x, w, x zero, w zeros.
pub(super) fn convolution(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let (x, literal) = (call.placed(0)?, call.literal(1)?);
    bytes(graph, x)?;
    let geometry = geometry(call, x, literal)?;
    let weights = geometry.reorder(&weights(literal, call.optional_literal(3)?, 0)?);
    let parameters = parameters(graph, call, x, 2)?;
    let image = geometry.image(graph, call, x);
    let op = Op::ConvolutionDynamic(Box::new(ConvolutionDynamic {
        window: geometry.window,
        groups: geometry.groups,
        in_channels: geometry.in_channels,
        out_channels: geometry.out_channels,
        weights,
        sums: Sums::Integers,
    }));
    let shape = geometry.output(&image);
    let id = graph.add_node(call.name, op, vec![image.id, parameters], shape, ElementType::I32, None);
    Ok(geometry.value(graph, call, id, false))
}

/// MatMulInteger by known weights: a, b, a zero, b zeros.
pub(super) fn matmul(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let (x, literal) = (call.placed(0)?, call.literal(1)?);
    bytes(graph, x)?;
    let &[inputs, outputs] = &literal.shape[..] else {
        return Err(Refusal::Unsupported(format!("weights of shape {:?}", literal.shape)));
    };
    if x.shape.len() < 2 {
        return Err(Refusal::Unsupported(format!("a first factor of shape {:?}", x.shape)));
    }
    if inputs == 0 || outputs == 0 || x.shape.contains(&0) {
        return Err(Refusal::Unsupported("factors without elements".into()));
    }
    let weights = transpose(&weights(literal, call.optional_literal(3)?, 1)?, inputs, outputs);
    let parameters = parameters(graph, call, x, 2)?;
    let id = pixels(graph, call, x, inputs)?;
    let op = Op::ConvolutionDynamic(Box::new(ConvolutionDynamic {
        window: Window::ONE,
        groups: 1,
        in_channels: inputs,
        out_channels: outputs,
        weights,
        sums: Sums::Integers,
    }));
    let shape = vec![1, 1, graph.tensor(id).shape[2], outputs];
    let id = graph.add_node(call.name, op, vec![id, parameters], shape, ElementType::I32, None);
    Ok(rows_value(graph, call, x, id, outputs, false))
}

/// Cast of sums to float: their product is computed anew, as floats; whoever reads the integers still can.
pub(super) fn sums_as_floats(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = call.placed(0)?;
    let Some(product) = graph.maker(x.id).cloned() else {
        return Err(Refusal::Unsupported("a cast of i32 that comes from without".into()));
    };
    let Op::ConvolutionDynamic(conv) = &product.op else {
        return Err(Refusal::Unsupported("a cast of i32 that no integer product makes".into()));
    };
    let shape = graph.tensor(product.output()).shape.clone();
    let op =
        Op::ConvolutionDynamic(Box::new(ConvolutionDynamic { sums: Sums::Floats(Scaling::NONE), ..(**conv).clone() }));
    let id = graph.add_node(call.name, op, product.inputs, shape, ElementType::F32, None);
    let shape = graph.tensor(x.id).shape.clone();
    Ok(Value::Placed(x.with(graph.add_reshape(call.name, id, shape))))
}
