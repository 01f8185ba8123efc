//! QuantizeLinear and DequantizeLinear, of known values and of computed ones.

use std::sync::Arc;

use super::super::Refusal;
use super::super::layout::is_signed;
use super::super::literal::{Elements, Literal, Stored};
use super::super::node::{Call, Value, axis};
use crate::graph::{Graph, Op, TensorId};
use crate::tensor::{ElementType, Quantisation};

/// Scale and zero point of a whole tensor, in the u8 domain, and whether the file's zero point is signed. The zero point
/// at `zero` may be left out: u8 with zero point 0.
pub(super) fn parameters(call: &Call<'_>, scale: usize, zero: usize) -> Result<(Quantisation, bool), Refusal> {
    let scale = one_scale(call.literal(scale)?)?;
    let (zero_point, signed) = match call.optional_literal(zero)? {
        None => (0, false),
        Some(Literal { elements: Elements::U8(v), .. }) if v.len() == 1 => (i32::from(v[0]), false),
        Some(Literal { elements: Elements::I8(v), .. }) if v.len() == 1 => (i32::from(v[0]) + 128, true),
        Some(literal) if literal.len() != 1 => {
            return Err(Refusal::Unsupported("a zero point per channel of an activation".into()));
        }
        Some(_) => return Err(Refusal::Unsupported("a zero point that is neither u8 nor i8".into())),
    };
    Ok((Quantisation { scale, zero_point }, signed))
}

/// Requires as many scales as zero points: one, or one for each index of the axis. Whether they are supported is another matter.
fn fitting(call: &Call<'_>, shape: &[usize]) -> Result<(), Refusal> {
    let scales = call.literal(1)?.len();
    let zeros = call.optional_literal(2)?.map_or(scales, Literal::len);
    if scales != 1 && call.int("block_size", 0) == 0 {
        let axis = axis(call.int("axis", 1), shape.len())?;
        if scales != shape[axis] {
            return Err(Refusal::Invalid(format!(
                "{scales} scales do not fit axis {axis} of a tensor of shape {shape:?}"
            )));
        }
    }
    match zeros == scales {
        true => Ok(()),
        false => Err(Refusal::Invalid(format!("{zeros} zero points for {scales} scales"))),
    }
}

fn one_scale(literal: &Literal) -> Result<f32, Refusal> {
    match literal.floats()? {
        [scale] => valid_scale(*scale),
        _ => Err(Refusal::Unsupported("a scale per channel of an activation".into())),
    }
}

/// Requires a scale that can be divided by.
pub(super) fn valid_scale(scale: f32) -> Result<f32, Refusal> {
    match scale.is_normal() && scale > 0.0 {
        true => Ok(scale),
        false => Err(Refusal::Invalid(format!(
            "a scale of {scale:e}; scales must be finite and at least {:e}; calibrate and export the model again",
            f32::MIN_POSITIVE
        ))),
    }
}

/// `id`, which must be of bytes, read with this scale and zero point: most often it already is.
pub(super) fn with_quantisation(
    graph: &mut Graph,
    name: &str,
    id: TensorId,
    wanted: Quantisation,
) -> Result<TensorId, Refusal> {
    let element = graph.tensor(id).element;
    if element != ElementType::U8 {
        return Err(Refusal::Invalid(format!("an input of {element}, which is neither u8 nor i8")));
    }
    Ok(match graph.tensor(id).quantisation {
        Some(own) if own == wanted => id,
        None => {
            graph.tensors[id.0].quantisation = Some(wanted);
            id
        }
        Some(_) => {
            let shape = graph.tensor(id).shape.clone();
            graph.add_node(name, Op::Reshape, vec![id], shape, ElementType::U8, Some(wanted))
        }
    })
}

/// QuantizeLinear of a computed value.
pub(super) fn quantise(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let of_run_time = |index| matches!(call.optional(index), Some(Value::Placed(_)));
    if (of_run_time(1) || of_run_time(2)) && [0, 2, 3].contains(&call.int("output_dtype", 0)) {
        return super::dynamic::quantise_by(graph, call);
    }
    let x = call.placed(0)?;
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    fitting(call, &x.shape)?;
    let (quantisation, signed) = match call.int("output_dtype", 0) {
        0 | 2 => parameters(call, 1, 2)?,
        3 if call.optional(2).is_none() => {
            let (q, _) = parameters(call, 1, 2)?;
            (Quantisation { zero_point: 128, ..q }, true)
        }
        3 => parameters(call, 1, 2)?,
        other => return Err(Refusal::Unsupported(format!("output_dtype {other}"))),
    };
    let shape = graph.tensor(x.id).shape.clone();
    let id = graph.add_node(call.name, Op::Quantize, vec![x.id], shape, ElementType::U8, Some(quantisation));
    Ok(Value::Placed(super::super::layout::Placed { id, signed, ..x.clone() }))
}

/// DequantizeLinear of a computed value.
pub(super) fn dequantise(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = call.placed(0)?;
    if graph.tensor(x.id).element != ElementType::U8 {
        return Err(Refusal::Unsupported("an input that is neither u8 nor i8".into()));
    }
    fitting(call, &x.shape)?;
    let (mut quantisation, signed) = parameters(call, 1, 2)?;
    if call.optional(2).is_none() && x.signed {
        quantisation.zero_point = 128;
    } else if signed != is_signed(call.input(0)?) {
        return Err(Refusal::Invalid("its input and its zero point have different types".into()));
    }
    let x = x.with(with_quantisation(graph, call.name, x.id, quantisation)?);
    let shape = graph.tensor(x.id).shape.clone();
    let id = graph.add_node(call.name, Op::Dequantize, vec![x.id], shape, ElementType::F32, None);
    Ok(Value::Placed(super::super::layout::Placed { id, signed: false, ..x }))
}

/// stored − zero point, with the scales, of known integers; checks that all fit together.
pub(super) fn stored(
    integers: &Literal,
    scales: &Literal,
    zeros: Option<&Literal>,
    default_axis: i64,
) -> Result<Stored, Refusal> {
    let scales = scales.floats()?.iter().map(|&s| valid_scale(s)).collect::<Result<Vec<f32>, _>>()?;
    let rank = integers.shape.len();
    let axis = if scales.len() == 1 { 0 } else { axis(default_axis, rank)? };
    if scales.is_empty() || scales.len() > 1 && scales.len() != integers.shape[axis] {
        return Err(Refusal::Invalid(format!(
            "{} scales do not fit axis {axis} of a tensor of shape {:?}",
            scales.len(),
            integers.shape
        )));
    }
    let zeros = zeros.map(Literal::integers).transpose()?.unwrap_or_else(|| vec![0; scales.len()]);
    if zeros.len() != scales.len() && zeros.len() != 1 {
        return Err(Refusal::Invalid(format!("{} zero points for {} scales", zeros.len(), scales.len())));
    }
    let inner: usize = integers.shape.iter().skip(axis + 1).product();
    let channel = |index: usize| if scales.len() == 1 { 0 } else { index / inner % scales.len() };
    let values = (integers.integers()?.iter().enumerate())
        .map(|(index, &v)| {
            let zero = zeros[channel(index).min(zeros.len() - 1)];
            let value = v.checked_sub(zero).and_then(|value| i32::try_from(value).ok());
            value.ok_or_else(|| Refusal::Invalid(format!("{v} less its zero point {zero} does not fit 32 bits")))
        })
        .collect::<Result<_, _>>()?;
    Ok(Stored { values, scales, axis })
}

/// DequantizeLinear of known integers; the integers are remembered.
pub(super) fn dequantise_literal(call: &Call<'_>, integers: &Literal) -> Result<Literal, Refusal> {
    if call.int("block_size", 0) != 0 {
        return Err(Refusal::Unsupported("block-wise scales".into()));
    }
    let stored = stored(integers, call.literal(1)?, call.optional_literal(2)?, call.int("axis", 1))?;
    let inner: usize = integers.shape.iter().skip(stored.axis + 1).product();
    let n = stored.scales.len();
    let floats = (stored.values.iter().enumerate())
        .map(|(index, &v)| v as f32 * stored.scales[if n == 1 { 0 } else { index / inner % n }])
        .collect();
    let literal = Literal::new(integers.shape.clone(), Elements::F32(floats))?;
    Ok(Literal { stored: Some(Arc::new(stored)), ..literal })
}

/// QuantizeLinear of known floats.
pub(super) fn quantise_literal(call: &Call<'_>, floats: &Literal) -> Result<Literal, Refusal> {
    let scales = call.literal(1)?.floats()?.iter().map(|&s| valid_scale(s)).collect::<Result<Vec<f32>, _>>()?;
    let zeros = call.optional_literal(2)?;
    let axis = if scales.len() == 1 { 0 } else { axis(call.int("axis", 1), floats.shape.len())? };
    if scales.is_empty() || scales.len() > 1 && scales.len() != floats.shape[axis] {
        return Err(Refusal::Invalid(format!("{} scales do not fit shape {:?}", scales.len(), floats.shape)));
    }
    let inner: usize = floats.shape.iter().skip(axis + 1).product();
    let zero_points = zeros.map(Literal::integers).transpose()?.unwrap_or_else(|| vec![0]);
    let channel = |index: usize, n: usize| if n == 1 { 0 } else { index / inner % n };
    let rounded = |low: f32, high: f32| -> Result<Vec<f32>, Refusal> {
        if zero_points.len() != 1 && zero_points.len() != scales.len() {
            return Err(Refusal::Invalid(format!("{} zero points for {} scales", zero_points.len(), scales.len())));
        }
        Ok((floats.floats()?.iter().enumerate())
            .map(|(index, &x)| {
                let zero = zero_points[channel(index, zero_points.len())] as f32;
                ((x / scales[channel(index, scales.len())]).round_ties_even() + zero).clamp(low, high)
            })
            .collect())
    };
    let elements = match zeros.map(|literal| &literal.elements) {
        Some(Elements::I8(_)) => Elements::I8(rounded(-128.0, 127.0)?.into_iter().map(|v| v as i8).collect()),
        Some(Elements::U8(_)) | None => Elements::U8(rounded(0.0, 255.0)?.into_iter().map(|v| v as u8).collect()),
        Some(_) => return Err(Refusal::Unsupported("a zero point that is neither u8 nor i8".into())),
    };
    Literal::new(floats.shape.clone(), elements)
}
