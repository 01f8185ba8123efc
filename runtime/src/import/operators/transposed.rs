//! Transposed convolution, as an ordinary one whose results are laid out between each other.
//!
//! With a stride of s, output places are of s · s kinds by their remainders, and what reaches those of a kind are every s-th
//! taps of the window. So the output is that of a convolution with one set of output channels for each kind, of which each
//! result then goes to its place: depth to space (Shi et al., "Is the deconvolution layer the same as a convolutional layer?",
//! arXiv 1609.07009). Where s does not divide the window, sets are filled up with zeros.

use retort_core::function::Function;

use super::super::Refusal;
use super::super::layout::{Placed, channels_last};
use super::super::node::{Call, Value};
use super::convolution::{bias, window};
use super::movement::take;
use crate::graph::{Bias, Convolution, Graph, Op, Weights, Window};
use crate::tensor::ElementType;

/// How an axis of the output comes about.
struct Axis {
    stride: usize,
    /// Taps of the window, and of the convolution that stands for it.
    kernel: usize,
    taps: usize,
    /// Places of the convolution; times the stride, what is laid out.
    places: usize,
    /// What of that is the output.
    start: usize,
    length: usize,
}

impl Axis {
    fn new(input: usize, kernel: usize, stride: usize, start: usize, length: usize) -> Axis {
        // As many as the window needs, and no fewer than the output reaches over.
        let reach = (start + length).div_ceil(stride).saturating_sub(input) + 1;
        let taps = kernel.div_ceil(stride).max(reach);
        Axis { stride, kernel, taps, places: input + taps - 1, start, length }
    }

    /// The tap of the window that tap `tap` of kind `kind` is, if it is one: the convolution looks from back to front.
    fn tap(&self, kind: usize, tap: usize) -> Option<usize> {
        Some(kind + self.stride * (self.taps - 1 - tap)).filter(|&tap| tap < self.kernel)
    }
}

/// ConvTranspose of images in one group.
pub(super) fn convolution(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let (x, weights) = (call.placed(0)?, call.literal(1)?);
    if graph.tensor(x.id).element != ElementType::F32 {
        return Err(Refusal::Unsupported("an input that is not float".into()));
    }
    let w = &weights.shape;
    if x.shape.len() != 4 || w.len() != 4 {
        return Err(Refusal::Unsupported(format!("weights of shape {w:?} on an input of shape {:?}", x.shape)));
    }
    if call.int("group", 1) != 1 {
        return Err(Refusal::Unsupported("a transposed convolution in groups".into()));
    }
    if w[0] != x.shape[1] || w.contains(&0) {
        return Err(Refusal::Invalid(format!("weights of shape {w:?} do not fit an input of shape {:?}", x.shape)));
    }
    if let Some(kernel) = call.ints("kernel_shape")
        && !kernel.iter().map(|&k| usize::try_from(k).unwrap_or(0)).eq(w[2..].iter().copied())
    {
        return Err(Refusal::Invalid(format!("kernel_shape {kernel:?} contradicts weights of shape {w:?}")));
    }
    let [rows, columns] = axes(call, x, [w[2], w[3]])?;
    let (inputs, outputs) = (w[0], w[1]);
    // What the convolution gives, which may be more than is kept of it, and its weights.
    call.fits(&[x.shape[0], rows.stride, columns.stride, outputs, rows.places, columns.places])?;
    call.fits(&[rows.stride, columns.stride, outputs, inputs, rows.taps, columns.taps])?;
    let kinds = rows.stride * columns.stride;

    let floats = weights.floats()?;
    let at = |row: Option<usize>, column: Option<usize>, output: usize, input: usize| match (row, column) {
        (Some(row), Some(column)) => floats[((input * outputs + output) * w[2] + row) * w[3] + column],
        _ => 0.0,
    };
    let mut spread = Vec::with_capacity(kinds * outputs * rows.taps * columns.taps * inputs);
    for kind in 0..kinds {
        let (row_kind, column_kind) = (kind / columns.stride, kind % columns.stride);
        for output in 0..outputs {
            for (row, column) in (0..rows.taps).flat_map(|row| (0..columns.taps).map(move |column| (row, column))) {
                let (row, column) = (rows.tap(row_kind, row), columns.tap(column_kind, column));
                spread.extend((0..inputs).map(|input| at(row, column, output, input)));
            }
        }
    }
    let bias = call.optional_literal(2)?.map(|literal| bias(literal, outputs)).transpose()?;
    let bias = bias.map(|bias| Bias { floats: bias.floats.repeat(kinds), stored: None });
    let image = x.with(x.in_order(graph, call.name, &channels_last(4)));
    let pad = [rows.taps - 1, columns.taps - 1, rows.taps - 1, columns.taps - 1];
    let op = Op::Convolution(Box::new(Convolution {
        window: Window { kernel: [rows.taps, columns.taps], pad, ..Window::ONE },
        groups: 1,
        in_channels: inputs,
        out_channels: kinds * outputs,
        weights: Weights::Float(spread),
        bias,
        activation: Function::Identity,
    }));
    let memory = vec![x.shape[0], rows.places, columns.places, kinds * outputs];
    let id = graph.add_node(call.name, op, vec![image.id], memory, ElementType::F32, None);
    let shape = vec![x.shape[0], kinds * outputs, rows.places, columns.places];
    let all = Placed { id, shape, order: channels_last(4), signed: false };
    let mut result = all.spread(graph, call.name, [rows.stride, columns.stride], true)?;
    for (axis, along) in [(2, &rows), (3, &columns)] {
        result = take(graph, call.name, &result, axis, (along.start, 1, along.length));
    }
    Ok(Value::Placed(result))
}

/// Rows and columns: what the attributes say of the output's size and place.
fn axes(call: &Call<'_>, x: &Placed, kernel: [usize; 2]) -> Result<[Axis; 2], Refusal> {
    let two = |name: &str, default: i64| -> Result<[usize; 2], Refusal> {
        let values = call.ints(name).map_or_else(|| vec![default; 2], <[i64]>::to_vec);
        let values: Option<Vec<usize>> =
            values.iter().map(|&v| usize::try_from(v).ok().filter(|&v| v <= 1 << 20)).collect();
        values
            .and_then(|values| values.try_into().ok())
            .ok_or_else(|| Refusal::Invalid(format!("{name} {:?} does not fit 2 spatial axes", call.ints(name))))
    };
    if two("dilations", 1)? != [1, 1] {
        return Err(Refusal::Unsupported("a transposed convolution with dilation".into()));
    }
    let wanted = call.ints("output_shape").is_some().then(|| two("output_shape", 0)).transpose()?;
    let extra = two("output_padding", 0)?;
    let auto = call.text("auto_pad", "NOTSET");
    // The window as a convolution has it, whose strides and paddings are checked alike; SAME is for that another thing.
    let Window { stride, pad, .. } = match auto.as_str() {
        "SAME_UPPER" | "SAME_LOWER" => Window { stride: two("strides", 1)?, ..Window::ONE },
        _ => window(call, &kernel, &x.shape[2..])?,
    };
    if stride.contains(&0) || kernel.iter().any(|&taps| taps > 1 << 20) {
        return Err(Refusal::Invalid(format!("strides {stride:?} of a window of {kernel:?}")));
    }
    let axis = |axis: usize| {
        let (input, kernel, stride) = (x.shape[axis + 2], kernel[axis], stride[axis]);
        // What there is before anything is cut off.
        let full = input.saturating_sub(1).saturating_mul(stride).saturating_add(kernel);
        let same = auto.starts_with("SAME");
        let length = match wanted {
            Some(wanted) => wanted[axis],
            None if same => input * stride,
            None => (full + extra[axis])
                .checked_sub(pad[axis] + pad[axis + 2])
                .ok_or_else(|| Refusal::Invalid(format!("pads cut off more than the {full} places of an axis")))?,
        };
        let start = if wanted.is_some() || same {
            // ONNX: the larger half in front unless the upper end is to have it.
            let total = (full + extra[axis]).saturating_sub(length);
            if auto == "SAME_UPPER" { total / 2 } else { total.div_ceil(2) }
        } else {
            pad[axis]
        };
        let made = Axis::new(input, kernel, stride, start, length);
        match length {
            0 => Err(Refusal::Unsupported("an empty result".into())),
            // Most of the weights would be the zeros that fill up.
            _ if stride > kernel || made.taps > kernel.div_ceil(stride) + 1 => {
                Err(Refusal::Unsupported("a transposed convolution that leaves places empty".into()))
            }
            _ => Ok(made),
        }
    };
    Ok([axis(0)?, axis(1)?])
}
