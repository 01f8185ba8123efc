//! Reductions over axes, and softmax.

use retort_core::plan::step::Reduction;

use super::super::Refusal;
use super::super::layout::{Placed, row_major};
use super::super::node::{Call, Value, axis};
use crate::graph::{Graph, Op};
use crate::tensor::ElementType;

fn floats<'a>(graph: &Graph, call: &'a Call<'_>) -> Result<&'a Placed, Refusal> {
    let x = call.placed(0)?;
    match graph.tensor(x.id).element {
        ElementType::F32 => Ok(x),
        other => Err(Refusal::Unsupported(format!("a reduction of {other}"))),
    }
}

/// ReduceMean, ReduceSum, ReduceMax, ReduceMin: one axis after another in memory, neighbours merged first.
pub(super) fn reduce(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let reduction = match call.proto.op_type.as_str() {
        "ReduceMean" => Reduction::Mean,
        "ReduceSum" => Reduction::Sum,
        "ReduceMax" => Reduction::Maximum,
        _ => Reduction::Minimum,
    };
    let x = floats(graph, call)?.clone();
    let rank = x.shape.len();
    let mut axes = match call.ints_or_input("axes", 1)? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
        _ if call.int("noop_with_empty_axes", 0) != 0 => return Ok(Value::Placed(x)),
        _ => row_major(rank),
    };
    axes.sort_unstable();
    axes.dedup();
    let mut memory = graph.tensor(x.id).shape.clone();
    let mut id = x.id;
    let reduced: Vec<bool> = x.order.iter().map(|axis| axes.contains(axis)).collect();
    let mut first = 0;
    while first < rank {
        let last = first + reduced[first..].iter().take_while(|&&r| r).count();
        if last == first {
            first += 1;
            continue;
        }
        let (outer, inner) = (memory[..first].iter().product(), memory[last..].iter().product());
        let len = memory[first..last].iter().product();
        id = graph.add_reshape(call.name, id, vec![outer, len, inner]);
        id = graph.add_like(call.name, Op::Reduce(reduction, 1), vec![id], vec![outer, 1, inner]);
        memory[first..last].fill(1);
        first = last;
    }
    let id = graph.add_reshape(call.name, id, memory);
    let mut shape = x.shape.clone();
    axes.iter().for_each(|&a| shape[a] = 1);
    let kept = Placed { id, shape, ..x.clone() };
    if call.int("keepdims", 1) != 0 {
        return Ok(Value::Placed(kept));
    }
    let squeezed: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).map(|a| x.shape[a]).collect();
    kept.reshaped(graph, call.name, &squeezed).map(Value::Placed)
}

/// Softmax. Before operator set 13 all axes from `axis` on count as one.
pub(super) fn softmax(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = floats(graph, call)?.clone();
    let rank = x.shape.len();
    let flattens = call.opset < 13;
    let axis = axis(call.int("axis", if flattens { 1 } else { -1 }), rank)?;
    if flattens && x.shape[axis + 1..].iter().any(|&d| d != 1) {
        let id = x.in_order(graph, call.name, &row_major(rank));
        let outer = x.shape[..axis].iter().product();
        let flat = graph.add_reshape(call.name, id, vec![outer, x.shape[axis..].iter().product()]);
        let shape = graph.tensor(flat).shape.clone();
        let id = graph.add_like(call.name, Op::Softmax(1), vec![flat], shape);
        let id = graph.add_reshape(call.name, id, x.shape.clone());
        return Ok(Value::Placed(Placed { id, order: row_major(rank), ..x }));
    }
    let shape = graph.tensor(x.id).shape.clone();
    let id = graph.add_like(call.name, Op::Softmax(x.memory_axis(axis)), vec![x.id], shape);
    Ok(Value::Placed(x.with(id)))
}
