//! Convolutions, float and quantised.

use retort_core::function::Function;

use super::super::Refusal;
use super::super::layout::{Placed, channels_last};
use super::super::literal::{Elements, Literal};
use super::super::node::{Call, Value};
use super::quantise::{parameters, with_quantisation};
use crate::graph::{Bias, Convolution, ConvolutionInt8, Epilogue, Graph, Op, QuantisedWeights, Weights, Window};
use crate::quantised;
use crate::tensor::ElementType;

/// The parts of a convolution that do not depend on its number format.
pub(super) struct Geometry {
    pub window: Window,
    pub groups: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    /// Output rows and columns.
    size: [usize; 2],
    /// Whether the file's tensors have one spatial axis; it is treated as an image of one row.
    one_dimensional: bool,
}

/// Reads the window of a convolution or pool over `spatial` input axes (one or two).
pub(super) fn window(call: &Call<'_>, kernel: &[usize], spatial: &[usize]) -> Result<Window, Refusal> {
    let n = spatial.len();
    let read = |name: &str, default: usize| -> Result<Vec<usize>, Refusal> {
        let values = match call.ints(name) {
            Some(values) => values.iter().map(|&v| usize::try_from(v).unwrap_or(0)).collect(),
            None => vec![default; n],
        };
        match values.len() == n && values.iter().all(|&v| v > 0 && v <= 1 << 20) {
            true => Ok(values),
            false => Err(Refusal::Invalid(format!("{name} {:?} does not fit {n} spatial axes", call.ints(name)))),
        }
    };
    let (stride, dilation) = (read("strides", 1)?, read("dilations", 1)?);
    if kernel.len() != n || kernel.iter().any(|&k| k == 0 || k > 1 << 20) {
        return Err(Refusal::Invalid(format!("a window of {kernel:?} does not fit {n} spatial axes")));
    }
    let extent = |i: usize| (kernel[i] - 1) * dilation[i] + 1;
    let pads: Vec<usize> = match call.text("auto_pad", "NOTSET").as_str() {
        "NOTSET" | "" => match call.ints("pads") {
            Some(pads) if pads.len() == 2 * n => (pads.iter())
                .map(|&p| usize::try_from(p).map_err(|_| Refusal::Unsupported(format!("negative padding {p}"))))
                .collect::<Result<_, _>>()?,
            Some(pads) => return Err(Refusal::Invalid(format!("pads {pads:?} do not fit {n} spatial axes"))),
            None => vec![0; 2 * n],
        },
        "VALID" => vec![0; 2 * n],
        mode @ ("SAME_UPPER" | "SAME_LOWER") => {
            let total = |i: usize| {
                let places = spatial[i].div_ceil(stride[i]);
                ((places - 1) * stride[i] + extent(i)).saturating_sub(spatial[i])
            };
            let front = |i: usize| if mode == "SAME_UPPER" { total(i) / 2 } else { total(i).div_ceil(2) };
            (0..n).map(front).chain((0..n).map(|i| total(i) - front(i))).collect()
        }
        other => return Err(Refusal::Invalid(format!("auto_pad {other}"))),
    };
    if pads.iter().any(|&p| p > 1 << 20) {
        return Err(Refusal::Invalid(format!("padding {pads:?} is too large")));
    }
    Ok(match n {
        1 => Window {
            kernel: [1, kernel[0]],
            stride: [1, stride[0]],
            dilation: [1, dilation[0]],
            pad: [0, pads[0], 0, pads[1]],
        },
        2 => Window {
            kernel: [kernel[0], kernel[1]],
            stride: [stride[0], stride[1]],
            dilation: [dilation[0], dilation[1]],
            pad: [pads[0], pads[1], pads[2], pads[3]],
        },
        _ => return Err(Refusal::Unsupported(format!("{n} spatial axes"))),
    })
}

/// How many places a window takes along an axis; rounding up when `ceil` (a place must start inside the padded front).
pub(super) fn places(window: &Window, axis: usize, length: usize, ceil: bool) -> Result<usize, Refusal> {
    let extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
    let padded = length + window.pad[axis] + window.pad[axis + 2];
    let room = padded.checked_sub(extent).ok_or_else(|| {
        Refusal::Invalid(format!("a window of {extent} does not fit an axis of {length} padded to {padded}"))
    })?;
    let stride = window.stride[axis];
    let mut n = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
    if ceil && (n - 1) * stride >= length + window.pad[axis] {
        n -= 1;
    }
    Ok(n)
}

/// Reads the shape of a convolution of `x` by `weights`.
pub(super) fn geometry(call: &Call<'_>, x: &Placed, weights: &Literal) -> Result<Geometry, Refusal> {
    let (rank, w) = (x.shape.len(), &weights.shape);
    if rank != w.len() || !(3..=4).contains(&rank) {
        return Err(Refusal::Unsupported(format!("weights of shape {w:?} on an input of shape {:?}", x.shape)));
    }
    if let Some(kernel) = call.ints("kernel_shape")
        && !kernel.iter().map(|&k| usize::try_from(k).unwrap_or(0)).eq(w[2..].iter().copied())
    {
        return Err(Refusal::Invalid(format!("kernel_shape {kernel:?} contradicts weights of shape {w:?}")));
    }
    let groups = usize::try_from(call.int("group", 1)).unwrap_or(0);
    let (in_channels, out_channels) = (x.shape[1], w[0]);
    if groups == 0 || out_channels == 0 || out_channels % groups != 0 || Some(in_channels) != w[1].checked_mul(groups) {
        return Err(Refusal::Invalid(format!(
            "{groups} groups of weights {w:?} do not fit an input of {in_channels} channels"
        )));
    }
    let window = window(call, &w[2..], &x.shape[2..])?;
    if w.contains(&0) {
        return Err(Refusal::Invalid(format!("weights of shape {w:?} are none")));
    }
    let one_dimensional = rank == 3;
    let rows = if one_dimensional { 1 } else { x.shape[2] };
    let size = [places(&window, 0, rows, false)?, places(&window, 1, x.shape[rank - 1], false)?];
    Ok(Geometry { window, groups, in_channels, out_channels, size, one_dimensional })
}

impl Geometry {
    /// From \[out\]\[in\]\[row\]\[column\] to \[out\]\[row\]\[column\]\[in\].
    pub(super) fn reorder<T: Copy>(&self, weights: &[T]) -> Vec<T> {
        let taps = self.window.kernel[0] * self.window.kernel[1];
        let inputs = self.in_channels / self.groups;
        (0..self.out_channels)
            .flat_map(|o| (0..taps).flat_map(move |t| (0..inputs).map(move |i| (o * inputs + i) * taps + t)))
            .map(|index| weights[index])
            .collect()
    }

    /// The input as an NHWC image.
    pub(super) fn image(&self, graph: &mut Graph, call: &Call<'_>, x: &Placed) -> Placed {
        let x = x.with(x.in_order(graph, call.name, &channels_last(x.shape.len())));
        let mut shape = x.shape.clone();
        let mut memory: Vec<usize> = channels_last(shape.len()).iter().map(|&axis| shape[axis]).collect();
        if self.one_dimensional {
            shape.insert(2, 1);
            memory.insert(1, 1);
        }
        let id = graph.add_reshape(call.name, x.id, memory);
        Placed { id, shape, order: channels_last(4), signed: x.signed }
    }

    /// The output's shape in memory order.
    pub(super) fn output(&self, x: &Placed) -> Vec<usize> {
        vec![x.shape[0], self.size[0], self.size[1], self.out_channels]
    }

    /// The ONNX value of an NHWC result.
    pub(super) fn value(&self, graph: &mut Graph, call: &Call<'_>, id: crate::graph::TensorId, signed: bool) -> Value {
        let m = graph.tensor(id).shape.clone();
        if self.one_dimensional {
            let id = graph.add_reshape(call.name, id, vec![m[0], m[2], m[3]]);
            Value::Placed(Placed { id, shape: vec![m[0], m[3], m[2]], order: channels_last(3), signed })
        } else {
            Value::Placed(Placed { id, shape: vec![m[0], m[3], m[1], m[2]], order: channels_last(4), signed })
        }
    }
}

/// The integers of a dequantised literal whose scales go with `axis`, one scale an output channel.
pub(super) fn quantised_weights(literal: &Literal, axis: usize) -> Option<QuantisedWeights> {
    let stored = literal.stored.as_ref()?;
    let channels = literal.shape[axis];
    let scales = match stored.scales.len() {
        1 => vec![stored.scales[0]; channels],
        n if n == channels && stored.axis == axis => stored.scales.clone(),
        _ => return None,
    };
    let values = stored.values.iter().map(|&v| i16::try_from(v).ok()).collect::<Option<Vec<_>>>()?;
    Some(QuantisedWeights { values, scales })
}

/// A bias literal of `channels` values.
pub(super) fn bias(literal: &Literal, channels: usize) -> Result<Bias, Refusal> {
    let floats = literal.floats()?;
    if floats.len() != channels {
        return Err(Refusal::Invalid(format!("a bias of {} values for {channels} channels", floats.len())));
    }
    let stored = literal.stored.as_ref().map(|stored| stored.values.clone());
    Ok(Bias { floats: floats.to_vec(), stored })
}

/// A quantised bias.
pub(super) fn integer_bias(literal: &Literal) -> Result<Vec<i32>, Refusal> {
    let value =
        |&v: &i64| i32::try_from(v).map_err(|_| Refusal::Invalid(format!("a bias of {v} does not fit 32 bits")));
    literal.integers()?.iter().map(value).collect()
}

/// Requires sums that fit 32 bits, and factors that are numbers.
pub(super) fn can_be_computed(weights: &[i16], bias: &[i32], multiplier: &[f32]) -> Result<(), Refusal> {
    if let Some((channel, largest)) = quantised::overflowing(weights, bias) {
        return Err(Refusal::Invalid(format!(
            "the sum of output channel {channel} may reach {largest}, which overflows 32 bits; quantise to smaller weights, or \
             split the layer"
        )));
    }
    match multiplier.iter().position(|factor| !factor.is_finite()) {
        Some(channel) => Err(Refusal::Invalid(format!(
            "its scales make no factor for output channel {channel}: input times weight by output is not finite"
        ))),
        None => Ok(()),
    }
}

/// Conv.
pub(super) fn convolution(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let (x, weights) = (call.placed(0)?, call.literal(1)?);
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    let geometry = geometry(call, x, weights)?;
    let reordered = match quantised_weights(weights, 0) {
        Some(q) => Weights::Quantised(QuantisedWeights { values: geometry.reorder(&q.values), scales: q.scales }),
        None => Weights::Float(geometry.reorder(weights.floats()?)),
    };
    let bias = call.optional_literal(2)?.map(|literal| bias(literal, geometry.out_channels)).transpose()?;
    let image = geometry.image(graph, call, x);
    let op = Op::Convolution(Box::new(Convolution {
        window: geometry.window,
        groups: geometry.groups,
        in_channels: geometry.in_channels,
        out_channels: geometry.out_channels,
        weights: reordered,
        bias,
        activation: Function::Identity,
    }));
    let id = graph.add_node(call.name, op, vec![image.id], geometry.output(&image), ElementType::F32, None);
    Ok(geometry.value(graph, call, id, false))
}

/// QLinearConv: x, x scale, x zero, w, w scales, w zeros, y scale, y zero, bias.
pub(super) fn qlinear(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let (x, weights) = (call.placed(0)?, call.literal(3)?);
    let (input, _) = parameters(call, 1, 2)?;
    let (output, signed) = parameters(call, 6, 7)?;
    let geometry = geometry(call, x, weights)?;
    let stored = super::quantise::stored(weights, call.literal(4)?, call.optional_literal(5)?, 0)?;
    let literal = Literal {
        stored: Some(std::sync::Arc::new(stored)),
        ..Literal::new(weights.shape.clone(), Elements::F32(vec![0.0; weights.len()]))?
    };
    let q = quantised_weights(&literal, 0)
        .ok_or_else(|| Refusal::Invalid("its weight scales do not fit its output channels".into()))?;
    let bias = match call.optional_literal(8)? {
        Some(literal) => integer_bias(literal)?,
        None => vec![0; geometry.out_channels],
    };
    if bias.len() != geometry.out_channels {
        return Err(Refusal::Invalid(format!(
            "a bias of {} values for {} channels",
            bias.len(),
            geometry.out_channels
        )));
    }
    let weights = geometry.reorder(&q.values);
    let multiplier = quantised::multipliers(input.scale, &q.scales, output.scale);
    can_be_computed(&weights, &bias, &multiplier)?;
    let image = geometry.image(graph, call, x);
    let id = with_quantisation(graph, call.name, image.id, input)?;
    let op = Op::ConvolutionInt8(Box::new(ConvolutionInt8 {
        window: geometry.window,
        groups: geometry.groups,
        in_channels: geometry.in_channels,
        out_channels: geometry.out_channels,
        weights,
        bias,
        multiplier,
        y_zero: output.zero_point,
        epilogue: Epilogue::default(),
    }));
    let id = graph.add_node(call.name, op, vec![id], geometry.output(&image), ElementType::U8, Some(output));
    Ok(geometry.value(graph, call, id, signed))
}
