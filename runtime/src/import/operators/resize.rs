//! Resize and Upsample: which source pixels each output row and column is made of.

use retort_core::plan::step::Interpolation;

use super::super::Refusal;
use super::super::layout::{Placed, channels_last};
use super::super::node::{Call, Value};
use crate::graph::{Graph, Op, ResizeTap};
use crate::tensor::ElementType;

/// How an output index maps to a source coordinate (ONNX `coordinate_transformation_mode`).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coordinates {
    Asymmetric,
    HalfPixel,
    PytorchHalfPixel,
    AlignCorners,
}

/// Which neighbour a coordinate between two pixels takes (ONNX `nearest_mode`).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

impl Coordinates {
    fn source(self, index: usize, scale: f32, from: usize, to: usize) -> f32 {
        let i = index as f32;
        match self {
            Coordinates::Asymmetric => i / scale,
            Coordinates::PytorchHalfPixel if to <= 1 => 0.0,
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => (i + 0.5) / scale - 0.5,
            Coordinates::AlignCorners if to <= 1 => 0.0,
            Coordinates::AlignCorners => i * (from - 1) as f32 / (to - 1) as f32,
        }
    }
}

impl Nearest {
    fn pick(self, source: f32) -> f32 {
        match self {
            Nearest::RoundPreferFloor if source == source.trunc() + 0.5 => source.floor(),
            Nearest::RoundPreferFloor => source.round(),
            Nearest::RoundPreferCeil => source.round(),
            Nearest::Floor => source.floor(),
            Nearest::Ceil => source.ceil(),
        }
    }
}

fn taps(
    interpolation: Interpolation,
    (coordinates, nearest): (Coordinates, Nearest),
    (scale, from, to): (f32, usize, usize),
) -> Vec<ResizeTap> {
    let last = (from - 1) as f32;
    (0..to)
        .map(|index| {
            let source = coordinates.source(index, scale, from, to);
            match interpolation {
                Interpolation::Nearest => {
                    let low = nearest.pick(source).clamp(0.0, last) as u32;
                    ResizeTap { low, high: low, share: 0.0 }
                }
                Interpolation::Linear => {
                    let source = source.clamp(0.0, last);
                    let low = source.floor();
                    // Behind the last pixel there is none to blend with: two halves of it, which is how ONNX Runtime
                    // rounds there.
                    let share = if low < last { source - low } else { 0.5 };
                    ResizeTap { low: low as u32, high: (low + 1.0).min(last) as u32, share }
                }
            }
        })
        .collect()
}

/// Resize (x, roi, scales, sizes; operator set 10: x, scales) and Upsample (x, scales).
pub(super) fn resize(graph: &mut Graph, call: &Call<'_>) -> Result<Value, Refusal> {
    let x = call.placed(0)?;
    let [n, c, h, w] = x.shape[..] else {
        return Err(Refusal::Unsupported(format!("an input of {} axes", x.shape.len())));
    };
    if !matches!(graph.tensor(x.id).element, ElementType::F32 | ElementType::U8) {
        return Err(Refusal::Unsupported("integers".into()));
    }
    let upsample = call.proto.op_type == "Upsample" || call.opset < 11;
    let interpolation = match call.text("mode", "nearest").as_str() {
        "nearest" => Interpolation::Nearest,
        "linear" | "bilinear" => Interpolation::Linear,
        other => return Err(Refusal::Unsupported(format!("mode {other}"))),
    };
    let coordinates = match call.text("coordinate_transformation_mode", "half_pixel").as_str() {
        _ if upsample => Coordinates::Asymmetric,
        "asymmetric" => Coordinates::Asymmetric,
        "half_pixel" => Coordinates::HalfPixel,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        other => return Err(Refusal::Unsupported(format!("coordinate_transformation_mode {other}"))),
    };
    let nearest = match call.text("nearest_mode", "round_prefer_floor").as_str() {
        _ if upsample => Nearest::Floor,
        "round_prefer_floor" => Nearest::RoundPreferFloor,
        "round_prefer_ceil" => Nearest::RoundPreferCeil,
        "floor" => Nearest::Floor,
        "ceil" => Nearest::Ceil,
        other => return Err(Refusal::Invalid(format!("nearest_mode {other}"))),
    };
    if call.int("antialias", 0) != 0 || call.ints("axes").is_some() || call.int("exclude_outside", 0) != 0 {
        return Err(Refusal::Unsupported("antialias, axes or exclude_outside".into()));
    }
    let scales_at = if upsample { 1 } else { 2 };
    let given = match call.optional_literal(scales_at)? {
        Some(literal) if literal.len() > 0 => Some(literal.floats()?.to_vec()),
        _ => call.floats("scales").map(<[f32]>::to_vec),
    };
    let (scales, size) = match (given, call.optional_literal(3)?) {
        (Some(scales), _) if scales.len() == 4 => {
            let to = |from: usize, scale: f32| (from as f32 * scale).floor() as usize;
            if scales.iter().any(|s| !s.is_finite() || *s <= 0.0) {
                return Err(Refusal::Invalid(format!("scales {scales:?}")));
            }
            (
                [scales[0], scales[1], scales[2], scales[3]],
                [to(n, scales[0]), to(c, scales[1]), to(h, scales[2]), to(w, scales[3])],
            )
        }
        (None, Some(sizes)) if sizes.len() == 4 => {
            if call.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
                return Err(Refusal::Unsupported("keep_aspect_ratio_policy".into()));
            }
            let sizes: Vec<usize> = sizes.integers()?.iter().map(|&s| usize::try_from(s).unwrap_or(0)).collect();
            let scale = |i: usize| sizes[i] as f32 / x.shape[i] as f32;
            ([scale(0), scale(1), scale(2), scale(3)], [sizes[0], sizes[1], sizes[2], sizes[3]])
        }
        _ => return Err(Refusal::Invalid("neither four scales nor four sizes".into())),
    };
    call.fits(&size)?;
    if size[..2] != [n, c] {
        return Err(Refusal::Unsupported("resizing of batch or channels".into()));
    }
    if size.contains(&0) {
        return Err(Refusal::Invalid(format!("an output of shape {size:?}")));
    }
    let rule = (coordinates, nearest);
    let op = Op::Resize {
        interpolation,
        rows: taps(interpolation, rule, (scales[2], h, size[2])),
        columns: taps(interpolation, rule, (scales[3], w, size[3])),
    };
    let id = x.in_order(graph, call.name, &channels_last(4));
    let id = graph.add_like(call.name, op, vec![id], vec![n, size[2], size[3], c]);
    Ok(Value::Placed(Placed { id, shape: size.to_vec(), order: channels_last(4), signed: x.signed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_by_asymmetric_floor_repeats_pixels() {
        let rule = (Coordinates::Asymmetric, Nearest::Floor);
        let lows: Vec<u32> = taps(Interpolation::Nearest, rule, (2.0, 3, 6)).iter().map(|tap| tap.low).collect();
        assert_eq!(lows, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn linear_half_pixel_blends_and_clamps() {
        let rule = (Coordinates::HalfPixel, Nearest::Floor);
        let taps = taps(Interpolation::Linear, rule, (2.0, 2, 4));
        let expected = [(0, 1, 0.0), (0, 1, 0.25), (0, 1, 0.75), (1, 1, 0.5)];
        assert!(taps.iter().map(|t| (t.low, t.high, t.share)).eq(expected));
    }
}
