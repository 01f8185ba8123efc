//! Every byte of an input against the formulas in whole numbers, pixel by pixel: what takes fewer instructions gives
//! the same.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::contract::{Align, Interpolation};
use crate::sample::Axes;

/// A value of a frame: luma or colour 0, Cb or colour 1, Cr or colour 2.
fn value(frame: &Frame<'_>, channel: usize, x: usize, y: usize) -> i32 {
    let of = |plane: usize, at: usize| frame.plane(plane).row(y)[at];
    i32::from(match (frame.format(), channel) {
        (PixelFormat::Rgb8 | PixelFormat::Bgr8, c) => of(0, 3 * x + c),
        (PixelFormat::Yuyv, 0) => of(0, 2 * x),
        (PixelFormat::Yuyv, c) => of(0, 4 * x + 2 * c - 1),
        (PixelFormat::Uyvy, 0) => of(0, 2 * x + 1),
        (PixelFormat::Uyvy, c) => of(0, 4 * x + 2 * c - 2),
        (PixelFormat::Nv12, 1 | 2) => of(1, 2 * x + channel - 1),
        (_, c) => of(c, x),
    })
}

/// That channel where the axes' samples of pixel (x, y) are: blended down, then across.
fn sampled(frame: &Frame<'_>, channel: usize, axes: &Axes, [width, height]: [usize; 2], x: usize, y: usize) -> i32 {
    let (column, row) = (axes.columns[x], axes.rows[y]);
    let down = |x: usize| {
        let value = |y: usize| value(frame, channel, x, y.min(height - 1));
        (value(row.low) * (2048 - row.weight) + value(row.low + 1) * row.weight + 8) >> 4
    };
    let (low, high) = (down(column.low), down((column.low + 1).min(width - 1)));
    (low * (2048 - column.weight) + high * column.weight + (1 << 17)) >> 18
}

/// BT.601 in 14 bits.
fn colours(range: Range, [luma, cb, cr]: [i32; 3]) -> [u8; 3] {
    let (black, luma_scale, chroma_scale) =
        if range == Range::Full { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
    let fixed = |value: f64| (value * 16384.0 + 0.5) as i32;
    let (red, blue) = (2.0 * (1.0 - 0.299) * chroma_scale, 2.0 * (1.0 - 0.114) * chroma_scale);
    let (luma, cb, cr) = ((luma - black) * fixed(luma_scale), cb - 128, cr - 128);
    let green = -fixed(blue * 0.114 / 0.587) * cb - fixed(red * 0.299 / 0.587) * cr;
    [fixed(red) * cr, green, fixed(blue) * cb].map(|chroma| ((luma + chroma + 8192) >> 14).clamp(0, 255) as u8)
}

/// A pixel of what the input shows.
fn pixel(frame: &Frame<'_>, grid: &Grid, colour: Colour, x: usize, y: usize) -> Vec<u8> {
    let size = [frame.width(), frame.height()];
    let luma = |channel: usize| sampled(frame, channel, &grid.luma, size, x, y);
    let rgb = match frame.format() {
        PixelFormat::Grey8 => [luma(0) as u8; 3],
        PixelFormat::Rgb8 => [0, 1, 2].map(|channel| luma(channel) as u8),
        PixelFormat::Bgr8 => [2, 1, 0].map(|channel| luma(channel) as u8),
        format => {
            let [across, down] = format.subsampling().unwrap();
            let size = [size[0].div_ceil(across), size[1].div_ceil(down)];
            let chroma = |channel: usize| sampled(frame, channel, &grid.chroma, size, x, y);
            if colour == Colour::Grey {
                return vec![colours(frame.range(), [luma(0), 128, 128])[0]];
            }
            colours(frame.range(), [luma(0), chroma(1), chroma(2)])
        }
    };
    let [r, g, b] = rgb;
    match colour {
        Colour::Grey if frame.format() == PixelFormat::Grey8 => vec![r],
        Colour::Grey => vec![((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b) + 128) >> 8) as u8],
        Colour::Bgr => vec![b, g, r],
        Colour::Rgb => vec![r, g, b],
    }
}

/// A side of the source and of the input: any, the one a multiple of the other, and one so much larger that columns lie
/// far apart.
fn any_sides() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![
        (1usize..90, 1usize..70),
        (1usize..50, 1usize..9).prop_map(|(side, times)| (side * times, side)),
        (1usize..40).prop_map(|side| (side, 2 * side)),
        (300usize..900, 1usize..24),
    ]
}

fn any_frame() -> impl Strategy<Value = (PixelFormat, Range)> {
    use PixelFormat::*;
    let format = prop_oneof![
        Just(Rgb8),
        Just(Bgr8),
        Just(Grey8),
        Just(Yuyv),
        Just(Uyvy),
        Just(Nv12),
        Just(I420),
        Just(I422),
        Just(I444)
    ];
    (format, prop_oneof![Just(Range::Limited), Just(Range::Full)])
}

fn any_spec() -> impl Strategy<Value = ImageSpec> {
    let align = prop_oneof![Just(Align::Centre), Just(Align::TopLeft)];
    let resize = prop_oneof![
        align.prop_map(|align| Resize::Letterbox { pad: 7, align }),
        Just(Resize::Stretch),
        (0.3f32..=1.0).prop_map(|crop| Resize::CentreCrop { crop }),
    ];
    let colour = prop_oneof![Just(Colour::Rgb), Just(Colour::Bgr), Just(Colour::Grey)];
    let interpolation = prop_oneof![3 => Just(Interpolation::Linear), 1 => Just(Interpolation::Nearest)];
    // Bytes that stay as they are, the same for each channel, and each otherwise.
    let means = prop_oneof![Just([0.0; 3]), Just([20.5; 3]), Just([103.53, 116.28, 123.675])];
    (resize, colour, interpolation, means).prop_map(|(resize, colour, interpolation, means)| {
        let (mean, std) = (means[..colour.channels()].to_vec(), vec![1.0; colour.channels()]);
        ImageSpec { input: None, colour, mean, std, resize, interpolation }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_byte_is_what_the_formulas_say(
        (format, range) in any_frame(),
        spec in any_spec(),
        columns in any_sides(),
        rows in any_sides(),
        planes in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let (source, input, channels) = ([columns.0, rows.0], [columns.1, rows.1], spec.colour.channels());
        let pixels = crate::contract::golden_picture(seed, format.picture_bytes(source[0], source[1]).unwrap(), 1, 1);
        let stride = format.row_bytes(source[0]).unwrap();
        let frame = Frame::new(&pixels, format, source[0], source[1], stride, Duration::ZERO).unwrap().ranged(range);
        let port = |element: ElementType| Port {
            name: "image".into(),
            element,
            shape: vec![1, channels, input[1], input[0]],
            order: if planes { vec![0, 1, 2, 3] } else { vec![0, 2, 3, 1] },
            quantisation: (element == ElementType::I8).then_some(Quantisation { scale: 1.0, zero_point: -128 }),
        };
        let (mut floats, mut bytes, mut signed) = (vec![], vec![], vec![]);
        for element in [ElementType::F32, ElementType::U8, ElementType::I8] {
            let port = port(element);
            let mut preprocessor = Preprocessor::new(&spec, &port).unwrap();
            floats.resize(port.len(), f32::NAN);
            bytes.resize(port.len(), 1);
            signed.resize(port.len(), 1);
            let mapping = preprocessor.fill(&frame, match element {
                ElementType::F32 => TensorMut::F32(&mut floats),
                ElementType::U8 => TensorMut::U8(&mut bytes),
                _ => TensorMut::I8(&mut signed),
            }).unwrap();
            let [left, top, width, height] = mapping.shown;
            for (y, x) in (0..input[1]).flat_map(|y| (0..input[0]).map(move |x| (y, x))) {
                let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                let wanted = if inside {
                    pixel(&frame, &preprocessor.grid, spec.colour, x - left, y - top)
                } else {
                    vec![7; channels]
                };
                for (c, &byte) in wanted.iter().enumerate() {
                    let value = (f32::from(byte) - spec.mean[c]) / spec.std[c];
                    let at = if planes { (c * input[1] + y) * input[0] + x } else { (y * input[0] + x) * channels + c };
                    let (got, wanted) = match element {
                        ElementType::F32 => (floats[at], value),
                        ElementType::U8 => (f32::from(bytes[at]), value.round_ties_even().clamp(0.0, 255.0)),
                        _ => (f32::from(signed[at]), (value.round_ties_even() - 128.0).clamp(-128.0, 127.0)),
                    };
                    prop_assert_eq!(got, wanted, "({}, {}, {}) of {:?} as {:?}", x, y, c, format, element);
                }
            }
        }
    }
}
