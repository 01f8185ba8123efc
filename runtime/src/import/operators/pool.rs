//! Pools over windows and over whole images.

use retort_core::plan::step::{Pooling, Reduction};

use super::super::Refusal;
use super::super::layout::{Placed, channels_last};
use super::super::node::{Call, Value};
use super::convolution::{places, window};
use crate::graph::{Graph, Op};
use crate::tensor::ElementType;

/// The input as an NHWC image; pools of one spatial axis are left to tract.
fn image(graph: &mut Graph, call: &Call<'_>) -> Result<Placed, Refusal> {
    let x = call.placed(0)?;
    if x.shape.len() != 4 {
        return Err(Refusal::Unsupported(format!("an input of {} axes", x.shape.len())));
    }
    let id = x.in_order(graph, call.name, &channels_last(4));
    Ok(Placed { id, order: channels_last(4), ..x.clone() })
}

fn value(x: &Placed, id: crate::graph::TensorId, size: [usize; 2]) -> Value {
    Value::Placed(Placed { id, shape: vec![x.shape[0], x.shape[1], size[0], size[1]], ..x.clone() })
}

/// The pooling, the window and the output size of a pooling node.
pub(super) fn plan(call: &Call<'_>, maximum: bool, shape: &[usize]) -> Result<(Pooling, Op, [usize; 2]), Refusal> {
    let kernel: Vec<usize> =
        (call.ints("kernel_shape").unwrap_or_default().iter()).map(|&k| usize::try_from(k).unwrap_or(0)).collect();
    let window = window(call, &kernel, &shape[2..])?;
    let ceil = call.int("ceil_mode", 0) != 0;
    if window.pad.iter().enumerate().any(|(side, &pad)| pad > (window.kernel[side % 2] - 1) * window.dilation[side % 2])
    {
        return Err(Refusal::Invalid(format!(
            "padding {:?} reaches beyond the window {:?}",
            window.pad, window.kernel
        )));
    }
    let size = [places(&window, 0, shape[2], ceil)?, places(&window, 1, shape[3], ceil)?];
    let pooling = match maximum {
        true => Pooling::Maximum,
        false if call.int("count_include_pad", 0) != 0 => Pooling::AverageWithPadding,
        false => Pooling::Average,
    };
    Ok((pooling, Op::Pool(pooling, window), size))
}

/// MaxPool and AveragePool.
pub(super) fn pool(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let maximum = call.proto.op_type == "MaxPool";
    if call.proto.output.iter().filter(|name| !name.is_empty()).count() > 1 {
        return Err(Refusal::Unsupported("the indices output".into()));
    }
    let over_padding = call.int("ceil_mode", 0) != 0 && call.int("count_include_pad", 0) != 0;
    if !maximum && over_padding && call.placed(0)?.shape.len() != 4 {
        // tract divides by another count there.
        let problem = "an average over padding with ceil_mode is known for pictures only (four axes)";
        return Err(Refusal::Invalid(problem.into()));
    }
    let x = image(graph, call)?;
    let element = graph.tensor(x.id).element;
    if !(element == ElementType::F32 || element == ElementType::U8 && maximum) {
        return Err(Refusal::Unsupported(format!("a pool of {element}")));
    }
    let (_, op, size) = plan(call, maximum, &x.shape)?;
    let id = graph.add_like(call.name, op, vec![x.id], vec![x.shape[0], size[0], size[1], x.shape[1]]);
    Ok(value(&x, id, size))
}

/// GlobalAveragePool.
pub(super) fn global_average(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = image(graph, call)?;
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    let shape = vec![x.shape[0], 1, 1, x.shape[1]];
    let id = graph.add_node(call.name, Op::GlobalAverage, vec![x.id], shape, ElementType::F32, None);
    Ok(value(&x, id, [1, 1]))
}

/// GlobalMaxPool: a reduction over the rows and columns, which are neighbours in memory.
pub(super) fn global_maximum(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = image(graph, call)?;
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    let [n, c, h, w] = x.shape[..] else { return Err(Refusal::Unsupported("an input that is no image".into())) };
    let flat = graph.add_reshape(call.name, x.id, vec![n, h * w, c]);
    let id = graph.add_like(call.name, Op::Reduce(Reduction::Maximum, 1), vec![flat], vec![n, 1, c]);
    let id = graph.add_reshape(call.name, id, vec![n, 1, 1, c]);
    Ok(value(&x, id, [1, 1]))
}
