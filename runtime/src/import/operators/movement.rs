//! Operators that only move, pick or rename elements. Most become nothing at all: see [`layout`](super::super::layout).

use super::super::Refusal;
use super::super::layout::{Aligned, Placed, align, element, is_signed, materialise};
use super::super::literal::{Elements, Literal};
use super::super::node::{Call, Value, axis};
use super::dynamic;
use crate::graph::{Graph, Op};
use crate::tensor::ElementType;

/// Imports one of these operators.
pub(super) fn import(graph: &mut Graph, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let one = |placed: Placed| Ok(vec![Value::Placed(placed)]);
    match call.proto.op_type.as_str() {
        "Identity" => Ok(vec![call.input(0)?.clone()]),
        "Dropout" if is_random(call)? => {
            Err(Refusal::Invalid("in training mode its result is random; export the model for inference".into()))
        }
        "Dropout" if call.proto.output.len() > 1 && !call.proto.output[1].is_empty() => {
            Err(Refusal::Unsupported("the mask output".into()))
        }
        "Dropout" => Ok(vec![call.input(0)?.clone()]),
        "Cast" => cast(graph, call),
        "Transpose" => one(transpose(call)?),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            let x = call.placed(0)?;
            let shape = match call.proto.op_type.as_str() {
                "Reshape" => reshape(call, &x.shape)?,
                "Flatten" => flatten(call, &x.shape)?,
                "Squeeze" => squeeze(call, &x.shape)?,
                _ => unsqueeze(call, &x.shape)?,
            };
            one(x.reshaped(graph, call.name, &shape)?)
        }
        "Expand" => one(expand(graph, call)?),
        "Concat" => one(concat(graph, call)?),
        "Slice" => one(slice(graph, call)?),
        "Split" => split(graph, call),
        "Gather" => one(gather(graph, call)?),
        "DepthToSpace" => one(depth_to_space(graph, call)?),
        "SpaceToDepth" => one(space_to_depth(graph, call)?),
        _ => one(pad(graph, call)?),
    }
}

/// Whether a Dropout drops anything: its third input says that this is training, and the share is not 0.
fn is_random(call: &Call<'_>) -> Result<bool, Refusal> {
    let trains =
        call.optional_literal(2)?.is_some_and(|mode| matches!(&mode.elements, Elements::Bool(on) if on[..] == [true]));
    Ok(trains && call.optional_literal(1)?.map(Literal::scalar).transpose()? != Some(0.0))
}

/// The value of a Constant node.
pub(super) fn constant(call: &Call<'_>) -> Result<Literal, Refusal> {
    if let Some(literal) = call.tensor("value")? {
        return Ok(literal);
    }
    match call.proto.attribute.first() {
        None => Err(Refusal::Invalid("a constant without a value".into())),
        Some(attribute) => match attribute.name.as_str() {
            "value_float" => Literal::new(vec![], Elements::F32(vec![attribute.f])),
            "value_int" => Literal::new(vec![], Elements::I64(vec![attribute.i])),
            "value_floats" => Literal::new(vec![attribute.floats.len()], Elements::F32(attribute.floats.clone())),
            "value_ints" => Literal::new(vec![attribute.ints.len()], Elements::I64(attribute.ints.clone())),
            other => Err(Refusal::Invalid(format!("a constant given as {other}"))),
        },
    }
}

fn cast(graph: &mut Graph, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    // ONNX numbers its element types; 1 is float.
    match (element(graph, call.input(0)?), call.int("to", 0)) {
        (ElementType::F32, 1) => Ok(vec![call.input(0)?.clone()]),
        (ElementType::I32, 1) => dynamic::sums_as_floats(graph, call).map(|value| vec![value]),
        (from, to) => Err(Refusal::Unsupported(format!("a cast from {from} to ONNX type {to}"))),
    }
}

fn transpose(call: &Call<'_>) -> Result<Placed, Refusal> {
    let x = call.placed(0)?;
    let rank = x.shape.len();
    let perm: Vec<usize> = match call.ints("perm") {
        Some(perm) => perm.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    match sorted.iter().copied().eq(0..rank) {
        true => Ok(x.transposed(&perm)),
        false => Err(Refusal::Invalid(format!("perm {perm:?} names no order of {rank} axes"))),
    }
}

fn reshape(call: &Call<'_>, from: &[usize]) -> Result<Vec<usize>, Refusal> {
    let wanted = call.ints_or_input("shape", 1)?.ok_or_else(|| Refusal::Invalid("no shape".into()))?;
    let keeps_zero = call.int("allowzero", 0) == 0;
    let wrong = || Refusal::Invalid(format!("a tensor of shape {from:?} cannot be reshaped to {wanted:?}"));
    let mut shape = Vec::with_capacity(wanted.len());
    for (axis, &length) in wanted.iter().enumerate() {
        shape.push(match length {
            0 if keeps_zero => Some(*from.get(axis).ok_or_else(wrong)?),
            -1 => None,
            length => Some(usize::try_from(length).map_err(|_| wrong())?),
        });
    }
    let known = super::super::literal::count(&shape.iter().flatten().copied().collect::<Vec<_>>())?;
    let total: usize = from.iter().product();
    match shape.iter().filter(|length| length.is_none()).count() {
        0 => {}
        1 if known > 0 && total.is_multiple_of(known) => {}
        _ => return Err(wrong()),
    }
    Ok(shape.into_iter().map(|length| length.unwrap_or(total / known.max(1))).collect())
}

fn flatten(call: &Call<'_>, from: &[usize]) -> Result<Vec<usize>, Refusal> {
    let at = match call.int("axis", 1) {
        end if end == from.len() as i64 => from.len(),
        at => axis(at, from.len())?,
    };
    Ok(vec![from[..at].iter().product(), from[at..].iter().product()])
}

fn squeeze(call: &Call<'_>, from: &[usize]) -> Result<Vec<usize>, Refusal> {
    let axes = match call.ints_or_input("axes", 1)? {
        Some(axes) => axes.iter().map(|&a| axis(a, from.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..from.len()).filter(|&a| from[a] == 1).collect(),
    };
    if let Some(&wide) = axes.iter().find(|&&a| from[a] != 1) {
        return Err(Refusal::Invalid(format!("axis {wide} of {from:?} is longer than 1")));
    }
    Ok((0..from.len()).filter(|a| !axes.contains(a)).map(|a| from[a]).collect())
}

fn unsqueeze(call: &Call<'_>, from: &[usize]) -> Result<Vec<usize>, Refusal> {
    let axes = call.ints_or_input("axes", 1)?.ok_or_else(|| Refusal::Invalid("no axes".into()))?;
    let rank = from.len() + axes.len();
    let axes = axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut rest = from.iter().copied();
    Ok((0..rank).map(|a| if axes.contains(&a) { 1 } else { rest.next().unwrap_or(1) }).collect())
}

fn expand(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let x = call.placed(0)?;
    let wanted = call.ints_or_input("shape", 1)?.ok_or_else(|| Refusal::Invalid("no shape".into()))?;
    let shape = wanted.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect::<Vec<_>>();
    let like = Literal::new(vec![1; shape.len().max(1)], Elements::U8(vec![0]))?;
    let Aligned { ids, order, .. } = align(graph, call.name, &[call.input(0)?, &Value::Literal(like)])?;
    let rank = order.len();
    let own = rank - x.shape.len();
    let mut full = vec![1; rank];
    for (axis, &length) in x.shape.iter().enumerate() {
        full[axis + own] = length;
    }
    for (axis, &length) in shape.iter().enumerate() {
        let axis = axis + rank - shape.len();
        match (full[axis], length) {
            (_, 1) => {}
            (1, length) if length > 0 => full[axis] = length,
            (a, b) if a == b => {}
            (a, b) => return Err(Refusal::Invalid(format!("an axis of length {a} cannot be expanded to {b}"))),
        }
    }
    call.fits(&full)?;
    let memory = order.iter().map(|&a| full[a]).collect();
    let id = graph.add_like(call.name, Op::Broadcast, vec![ids[0]], memory);
    Ok(Placed { id, shape: full, order, signed: x.signed })
}

/// The shape of values joined along an axis, checked.
pub(super) fn joined(values: &[&Value], axis: usize) -> Result<Vec<usize>, Refusal> {
    let first = values.first().map(|value| value.shape()).unwrap_or_default();
    let mut shape = first.to_vec();
    for value in values.iter().skip(1) {
        let other = value.shape();
        let fits = other.len() == first.len() && (0..first.len()).all(|a| a == axis || other[a] == first[a]);
        if !fits {
            return Err(Refusal::Invalid(format!("shapes {first:?} and {other:?} cannot be joined on axis {axis}")));
        }
        shape[axis] += other[axis];
    }
    Ok(shape)
}

fn concat(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let values: Vec<&Value> = call.inputs.iter().flatten().collect();
    let rank = values.first().map(|value| value.shape().len());
    let axis = axis(call.int("axis", 1), rank.ok_or_else(|| Refusal::Invalid("has no inputs".into()))?)?;
    let shape = joined(&values, axis)?;
    // Everything follows the largest computed input.
    let order = (values.iter())
        .filter_map(|value| match value {
            Value::Placed(placed) => Some((placed.shape.iter().product::<usize>(), &placed.order)),
            Value::Literal(_) => None,
        })
        .max_by_key(|(size, _)| *size)
        .map(|(_, order)| order.clone())
        .ok_or_else(|| Refusal::Unsupported("constants only".into()))?;
    let ids: Vec<_> = values.iter().map(|value| materialise(graph, call.name, value, &order)).collect();
    let kinds: Vec<ElementType> = ids.iter().map(|&id| graph.tensor(id).element).collect();
    if kinds.iter().any(|kind| *kind != kinds[0]) {
        return Err(Refusal::Invalid("its inputs have different element types".into()));
    }
    let signed = values.iter().any(|value| is_signed(value));
    let at = order.iter().position(|&a| a == axis).unwrap_or_default();
    let memory = order.iter().map(|&a| shape[a]).collect();
    let id = graph.add_like(call.name, Op::Concat(at), ids, memory);
    Ok(Placed { id, shape, order, signed })
}

/// Takes `len` elements from `start` on, `step` apart, along one axis.
pub(super) fn take(
    graph: &mut Graph,
    name: &str,
    x: &Placed,
    axis: usize,
    (start, step, len): (usize, usize, usize),
) -> Placed {
    let rank = x.shape.len();
    if start == 0 && step == 1 && len == x.shape[axis] {
        return x.clone();
    }
    let at = x.memory_axis(axis);
    let (mut starts, mut steps) = (vec![0; rank], vec![1; rank]);
    (starts[at], steps[at]) = (start, step);
    let mut shape = x.shape.clone();
    shape[axis] = len;
    let memory = x.order.iter().map(|&a| shape[a]).collect();
    let id = graph.add_like(name, Op::Slice { start: starts, step: steps }, vec![x.id], memory);
    Placed { id, shape, ..x.clone() }
}

/// Picks these indices of an axis.
fn pick(graph: &mut Graph, name: &str, x: &Placed, axis: usize, indices: Vec<u32>) -> Placed {
    let mut shape = x.shape.clone();
    shape[axis] = indices.len();
    let memory = x.order.iter().map(|&a| shape[a]).collect();
    let id = graph.add_like(name, Op::Gather { axis: x.memory_axis(axis), indices }, vec![x.id], memory);
    Placed { id, shape, ..x.clone() }
}

fn slice(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let x = call.placed(0)?;
    let missing = |what: &str| Refusal::Invalid(format!("no {what}"));
    let starts = call.ints_or_input("starts", 1)?.ok_or_else(|| missing("starts"))?;
    let ends = call.ints_or_input("ends", 2)?.ok_or_else(|| missing("ends"))?;
    let axes = call.ints_or_input("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.ints_or_input("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if starts.len() > x.shape.len() {
        return Err(Refusal::Invalid(format!("{} starts for {} axes", starts.len(), x.shape.len())));
    }
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(Refusal::Invalid("starts, ends, axes and steps differ in length".into()));
    }
    let mut result = x.clone();
    for (((&start, &end), &a), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let a = axis(a, x.shape.len())?;
        let length = result.shape[a] as i64;
        let from_end = |v: i64| if v < 0 { v.saturating_add(length) } else { v };
        result = match step {
            0 => return Err(Refusal::Invalid("a step of 0".into())),
            1.. => {
                let (start, end) = (from_end(start).clamp(0, length), from_end(end).clamp(0, length));
                let len = (end - start).max(0).cast_unsigned().div_ceil(step.cast_unsigned()) as usize;
                take(graph, call.name, &result, a, (start as usize, (step.min(length.max(1))) as usize, len))
            }
            _ => {
                let (start, end) = (from_end(start).clamp(-1, length - 1), from_end(end).clamp(-1, length - 1));
                let indices = std::iter::successors(Some(start), |&i| i.checked_add(step))
                    .take_while(|&i| i > end)
                    .map(|i| i as u32)
                    .collect();
                pick(graph, call.name, &result, a, indices)
            }
        };
        if result.shape[a] == 0 {
            return Err(Refusal::Unsupported(format!("an empty slice of axis {a}")));
        }
    }
    Ok(result)
}

fn split(graph: &mut Graph, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = call.placed(0)?;
    let axis = axis(call.int("axis", 0), x.shape.len())?;
    let n = call.proto.output.len();
    if n == 0 {
        return Err(Refusal::Invalid("has no outputs".into()));
    }
    let lengths: Vec<usize> = match call.ints_or_input("split", 1)? {
        Some(lengths) => lengths.iter().map(|&l| usize::try_from(l).unwrap_or(0)).collect(),
        None => {
            let each = x.shape[axis].div_ceil(n);
            (0..n).map(|i| each.min(x.shape[axis].saturating_sub(i * each))).collect()
        }
    };
    if lengths.len() != n
        || lengths.contains(&0)
        || lengths.iter().fold(0usize, |sum, &len| sum.saturating_add(len)) != x.shape[axis]
    {
        return Err(Refusal::Invalid(format!("parts {lengths:?} do not make up axis {axis} of {:?}", x.shape)));
    }
    let mut start = 0;
    let mut parts = Vec::new();
    for (len, output) in lengths.into_iter().zip(&call.proto.output) {
        if !output.is_empty() {
            parts.push(Value::Placed(take(graph, call.name, x, axis, (start, 1, len))));
        }
        start += len;
    }
    Ok(parts)
}

fn gather(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let x = call.placed(0)?;
    let axis = axis(call.int("axis", 0), x.shape.len())?;
    let length = x.shape[axis] as i64;
    let picked = call.literal(1)?;
    let indices = (picked.integers()?.into_iter())
        .map(|i| if i < 0 { i.saturating_add(length) } else { i })
        .map(|i| match (0..length).contains(&i) {
            true => Ok(i as u32),
            false => Err(Refusal::Invalid(format!("index {i} is outside axis {axis} of {:?}", x.shape))),
        })
        .collect::<Result<Vec<u32>, _>>()?;
    if indices.is_empty() {
        return Err(Refusal::Unsupported("no indices".into()));
    }
    let step = indices.get(1).map_or(1, |second| i64::from(*second) - i64::from(indices[0]));
    let regular = step > 0 && indices.windows(2).all(|pair| i64::from(pair[1]) - i64::from(pair[0]) == step);
    let result = if regular {
        take(graph, call.name, x, axis, (indices[0] as usize, step as usize, indices.len()))
    } else {
        pick(graph, call.name, x, axis, indices)
    };
    let shape: Vec<usize> = [&x.shape[..axis], &picked.shape, &x.shape[axis + 1..]].concat();
    result.reshaped(graph, call.name, &shape)
}

/// The side of the blocks of pixels that become channels, or the other way round, of an input that is an image.
fn block<'a>(call: &'a Call<'_>) -> Result<(&'a Placed, usize), Refusal> {
    let x = call.placed(0)?;
    let side = call.int("blocksize", 0);
    match usize::try_from(side) {
        Ok(side @ 1..=1024) if x.shape.len() == 4 => Ok((x, side)),
        _ => {
            Err(Refusal::Invalid(format!("blocks of {side} pixels a side do not fit a tensor of shape {:?}", x.shape)))
        }
    }
}

fn depth_to_space(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let (x, side) = block(call)?;
    let outer = match call.text("mode", "DCR").as_str() {
        "DCR" => true,
        "CRD" => false,
        other => return Err(Refusal::Invalid(format!("mode {other} is neither DCR nor CRD"))),
    };
    x.spread(graph, call.name, [side, side], outer)
}

fn space_to_depth(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let (x, side) = block(call)?;
    let [n, channels, rows, columns] = x.shape[..] else { return Err(Refusal::Invalid("no image".into())) };
    if rows % side != 0 || columns % side != 0 {
        return Err(Refusal::Invalid(format!("blocks of {side} pixels a side do not divide {rows} × {columns}")));
    }
    let split = x.reshaped(graph, call.name, &[n, channels, rows / side, side, columns / side, side])?;
    let shape = [n, side * side * channels, rows / side, columns / side];
    split.transposed(&[0, 3, 5, 1, 2, 4]).reshaped(graph, call.name, &shape)
}

fn pad(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let x = call.placed(0)?;
    let rank = x.shape.len();
    let pads = call.ints_or_input("pads", 1)?.ok_or_else(|| Refusal::Invalid("no pads".into()))?;
    let axes = match call.optional_literal(3)? {
        Some(axes) => axes.integers()?.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(Refusal::Invalid(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let (mut front, mut back) = (vec![0; rank], vec![0; rank]);
    for (index, &a) in axes.iter().enumerate() {
        for (side, v) in [(&mut front, pads[index]), (&mut back, pads[index + axes.len()])] {
            side[a] = usize::try_from(v).map_err(|_| Refusal::Unsupported(format!("negative padding {v}")))?;
        }
    }
    if front.iter().chain(&back).any(|&v: &usize| v > 1 << 20) {
        return Err(Refusal::Invalid(format!("padding {pads:?} is too large")));
    }
    if front.iter().chain(&back).all(|&v| v == 0) {
        return Ok(x.clone());
    }
    match call.text("mode", "constant").as_str() {
        "constant" => {
            let value = match call.optional(2) {
                Some(Value::Literal(literal)) => match &literal.elements {
                    Elements::F32(v) if v.len() == 1 => v[0],
                    Elements::U8(v) if v.len() == 1 => f32::from(v[0]),
                    Elements::I8(v) if v.len() == 1 => f32::from(v[0]) + 128.0,
                    _ => return Err(Refusal::Unsupported("such a pad value".into())),
                },
                Some(Value::Placed(_)) => return Err(Refusal::Unsupported("a computed pad value".into())),
                None if x.signed => 128.0,
                None => call.float("value", 0.0),
            };
            if !matches!(graph.tensor(x.id).element, ElementType::F32 | ElementType::U8) {
                return Err(Refusal::Unsupported("padding of integers".into()));
            }
            let shape: Vec<usize> = (0..rank).map(|a| x.shape[a] + front[a] + back[a]).collect();
            call.fits(&shape)?;
            let before = x.order.iter().map(|&a| front[a]).collect();
            let memory = x.order.iter().map(|&a| shape[a]).collect();
            let id = graph.add_like(call.name, Op::Pad { before, value }, vec![x.id], memory);
            Ok(Placed { id, shape, ..x.clone() })
        }
        mode @ ("edge" | "reflect") => {
            let mut result = x.clone();
            for a in 0..rank {
                let length = x.shape[a] as i64;
                if front[a] == 0 && back[a] == 0 {
                    continue;
                }
                if mode == "reflect" && front[a].max(back[a]) as i64 >= length {
                    return Err(Refusal::Invalid(format!("reflecting padding as wide as axis {a}")));
                }
                let source = |i: i64| match mode {
                    "edge" => i.clamp(0, length - 1),
                    _ => (length - 1) - ((length - 1) - i.abs()).abs(),
                };
                let indices = (-(front[a] as i64)..length + back[a] as i64).map(|i| source(i) as u32).collect();
                result = pick(graph, call.name, &result, a, indices);
            }
            Ok(result)
        }
        other => Err(Refusal::Unsupported(format!("padding mode {other}"))),
    }
}
