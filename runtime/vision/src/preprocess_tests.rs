//! The preprocessor against a plain reference in f64, and its memory orders, formats and tables against each other.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::contract::{Align, Interpolation};

fn spec(colour: Colour, resize: Resize) -> ImageSpec {
    let channels = colour.channels();
    let (mean, std) = (vec![100.0, 110.0, 120.0], vec![50.0, 55.0, 60.0]);
    ImageSpec {
        input: None,
        colour,
        mean: mean[..channels].into(),
        std: std[..channels].into(),
        resize,
        interpolation: Interpolation::Linear,
    }
}

fn port(element: ElementType, channels: usize, width: usize, height: usize, order: [usize; 4]) -> Port {
    Port {
        name: "image".into(),
        element,
        shape: vec![1, channels, height, width],
        order: order.into(),
        quantisation: None,
    }
}

const NHWC: [usize; 4] = [0, 2, 3, 1];
const NCHW: [usize; 4] = [0, 1, 2, 3];

fn floats(spec: &ImageSpec, frame: &Frame<'_>, width: usize, height: usize, order: [usize; 4]) -> Vec<f32> {
    let port = port(ElementType::F32, spec.colour.channels(), width, height, order);
    let mut input = vec![f32::NAN; port.len()];
    let mut preprocessor = Preprocessor::new(spec, &port).unwrap();
    preprocessor.fill(frame, TensorMut::F32(&mut input)).unwrap();
    input
}

#[test]
fn a_picture_of_the_inputs_size_is_only_normalised_and_reordered() {
    let pixels = [100, 165, 0, 255, 110, 180];
    let frame = Frame::rgb(&pixels, 2, 1).unwrap();
    let stretch = |colour| spec(colour, Resize::Stretch);
    assert_eq!(floats(&stretch(Colour::Rgb), &frame, 2, 1, NHWC), [0.0, 1.0, -2.0, 3.1, 0.0, 1.0]);
    assert_eq!(floats(&stretch(Colour::Rgb), &frame, 2, 1, NCHW), [0.0, 3.1, 1.0, 0.0, -2.0, 1.0]);
    // Blue, green, red; mean and deviation are in the input's order.
    assert_eq!(floats(&stretch(Colour::Bgr), &frame, 2, 1, NHWC), [-2.0, 1.0, -20.0 / 60.0, 1.6, 0.0, 2.25]);
    // Luma (77·100 + 150·165 + 29·0 + 128) >> 8 = 127 and (77·255 + 150·110 + 29·180 + 128) >> 8 = 162.
    assert_eq!(floats(&stretch(Colour::Grey), &frame, 2, 1, NHWC), [27.0 / 50.0, 62.0 / 50.0]);
    let grey = Frame::new(&[100, 150], PixelFormat::Grey8, 2, 1, 2, Duration::ZERO).unwrap();
    assert_eq!(floats(&stretch(Colour::Grey), &grey, 2, 1, NCHW), [0.0, 1.0]);
    assert_eq!(
        floats(&stretch(Colour::Rgb), &grey, 2, 1, NCHW),
        [0.0, 1.0, -10.0 / 55.0, 40.0 / 55.0, -20.0 / 60.0, 0.5]
    );
}

#[test]
fn quantisation_rounds_half_to_even_and_saturates() {
    let mut spec = spec(Colour::Grey, Resize::Stretch);
    (spec.mean, spec.std) = (vec![0.0], vec![1.0]);
    let mut port = port(ElementType::I8, 1, 5, 1, NHWC);
    port.quantisation = Some(Quantisation { scale: 2.0, zero_point: -100 });
    let frame = Frame::new(&[0, 1, 3, 4, 255], PixelFormat::Grey8, 5, 1, 5, Duration::ZERO).unwrap();
    let mut input = [0; 5];
    Preprocessor::new(&spec, &port).unwrap().fill(&frame, TensorMut::I8(&mut input)).unwrap();
    // 0.5 and 1.5 become 0 and 2; 127.5 becomes 128, and 28 with the zero point.
    assert_eq!(input, [-100, -100, -98, -98, 28]);
    port.quantisation = Some(Quantisation { scale: 0.5, zero_point: 0 });
    Preprocessor::new(&spec, &port).unwrap().fill(&frame, TensorMut::I8(&mut input)).unwrap();
    assert_eq!(input, [0, 2, 6, 8, 127]);
}

#[test]
fn bytes_that_mean_themselves_are_copied() {
    let mut spec = spec(Colour::Rgb, Resize::Stretch);
    (spec.mean, spec.std) = (vec![0.0; 3], vec![255.0; 3]);
    let pixels: Vec<u8> = (0..=255).chain(0..=43).collect();
    let frame = Frame::rgb(&pixels, 100, 1).unwrap();
    let mut port = port(ElementType::U8, 3, 100, 1, NHWC);
    port.quantisation = Some(Quantisation { scale: 1.0 / 255.0, zero_point: 0 });
    let mut bytes = vec![1; 300];
    let mut preprocessor = Preprocessor::new(&spec, &port).unwrap();
    assert!(preprocessor.plain);
    preprocessor.fill(&frame, TensorMut::U8(&mut bytes)).unwrap();
    assert_eq!(bytes, pixels);
    port.element = ElementType::I8;
    port.quantisation = Some(Quantisation { scale: 1.0 / 255.0, zero_point: -128 });
    let mut signed = vec![1; 300];
    let mut preprocessor = Preprocessor::new(&spec, &port).unwrap();
    assert!(preprocessor.plain);
    preprocessor.fill(&frame, TensorMut::I8(&mut signed)).unwrap();
    assert!(signed.iter().zip(&pixels).all(|(&signed, &pixel)| i32::from(signed) == i32::from(pixel) - 128));
    // Blue first, another scale, or planes: not so simple.
    spec.std[1] = 254.0;
    assert!(!Preprocessor::new(&spec, &port).unwrap().plain);
}

#[test]
fn the_border_has_the_pads_normalised_value() {
    let resize = Resize::Letterbox { pad: 110, align: Align::Centre };
    let pixels = [160; 6];
    let frame = Frame::rgb(&pixels, 2, 1).unwrap();
    let seen = floats(&spec(Colour::Rgb, resize), &frame, 2, 3, NHWC);
    assert_eq!(seen[..3], [0.2, 0.0, -10.0 / 60.0]);
    assert_eq!(seen[6..9], [1.2, 50.0 / 55.0, 40.0 / 60.0]);
    assert_eq!(seen[..6], seen[12..]);
}

#[test]
fn wrong_memory_and_wrong_ports_are_refused() {
    let spec = spec(Colour::Rgb, Resize::Stretch);
    let frame = Frame::rgb(&[0; 3], 1, 1).unwrap();
    let good = port(ElementType::F32, 3, 2, 2, NHWC);
    let mut preprocessor = Preprocessor::new(&spec, &good).unwrap();
    assert!(preprocessor.fill(&frame, TensorMut::F32(&mut [0.0; 11])).is_err());
    assert!(preprocessor.fill(&frame, TensorMut::U8(&mut [0; 12])).is_err());
    for (element, channels, order) in
        [(ElementType::I64, 3, NHWC), (ElementType::F32, 1, NHWC), (ElementType::F32, 3, [0, 2, 1, 3])]
    {
        assert!(Preprocessor::new(&spec, &port(element, channels, 2, 2, order)).is_err());
    }
}

/// Bilinear interpolation as a textbook has it, at the centre of input pixel (x, y).
fn reference(pixels: &[u8], [width, height]: [usize; 2], mapping: &Mapping, x: usize, y: usize, c: usize) -> f64 {
    let axis = |at: usize, axis: usize, length: usize| {
        let position = (at as f64 + 0.5 - f64::from(mapping.offset[axis])) / f64::from(mapping.scale[axis]) - 0.5;
        let position = position.clamp(0.0, (length - 1) as f64);
        (position as usize, (position as usize + 1).min(length - 1), position.fract())
    };
    let (left, right, across) = axis(x, 0, width);
    let (top, bottom, down) = axis(y, 1, height);
    let pixel = |x: usize, y: usize| f64::from(pixels[(y * width + x) * 3 + c]);
    let line = |y: usize| pixel(left, y) * (1.0 - across) + pixel(right, y) * across;
    line(top) * (1.0 - down) + line(bottom) * down
}

fn any_resize() -> impl Strategy<Value = Resize> {
    let align = prop_oneof![Just(Align::Centre), Just(Align::TopLeft)];
    prop_oneof![
        align.prop_map(|align| Resize::Letterbox { pad: 7, align }),
        Just(Resize::Stretch),
        (0.3f32..=1.0).prop_map(|crop| Resize::CentreCrop { crop }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_way_of_looking_at_a_picture_agrees(
        resize in any_resize(),
        source in [1usize..40, 1usize..40],
        input in [1usize..24, 1usize..24],
        seed in any::<u32>(),
    ) {
        let pixels = crate::contract::golden_picture(seed, source[0], source[1], 3);
        let frame = Frame::rgb(&pixels, source[0], source[1]).unwrap();
        let mut spec = spec(Colour::Rgb, resize);
        (spec.mean, spec.std) = (vec![0.0; 3], vec![1.0; 3]);
        let mut preprocessor =
            Preprocessor::new(&spec, &port(ElementType::U8, 3, input[0], input[1], NHWC)).unwrap();
        let mut bytes = vec![0; input[0] * input[1] * 3];
        // A frame of another size in between must leave no trace.
        preprocessor.fill(&Frame::rgb(&[9; 12], 4, 1).unwrap(), TensorMut::U8(&mut bytes)).unwrap();
        let mapping = preprocessor.fill(&frame, TensorMut::U8(&mut bytes)).unwrap();

        // Within half of a grey level, plus what 11 bits of weight lose.
        let [left, top, width, height] = mapping.shown;
        for y in 0..input[1] {
            for x in 0..input[0] {
                for c in 0..3 {
                    let got = f64::from(bytes[(y * input[0] + x) * 3 + c]);
                    let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                    let wanted = if inside { reference(&pixels, source, &mapping, x, y, c) } else { 7.0 };
                    prop_assert!((got - wanted).abs() <= 0.8, "({x}, {y}, {c}): {got} for {wanted}");
                }
            }
        }

        let nhwc = floats(&spec, &frame, input[0], input[1], NHWC);
        let nchw = floats(&spec, &frame, input[0], input[1], NCHW);
        for (i, &byte) in bytes.iter().enumerate() {
            prop_assert_eq!(nhwc[i], f32::from(byte));
            prop_assert_eq!(nchw[i % 3 * input[0] * input[1] + i / 3], nhwc[i]);
        }

        // The same picture as BGR, with gaps between its rows.
        let stride = source[0] * 3 + 5;
        let mut padded = vec![0; stride * source[1]];
        for (from, to) in pixels.chunks(source[0] * 3).zip(padded.chunks_mut(stride)) {
            for (from, to) in from.chunks(3).zip(to.chunks_mut(3)) {
                to.copy_from_slice(&[from[2], from[1], from[0]]);
            }
        }
        let bgr = Frame::new(&padded, PixelFormat::Bgr8, source[0], source[1], stride, Duration::ZERO).unwrap();
        prop_assert_eq!(floats(&spec, &bgr, input[0], input[1], NHWC), nhwc);
    }

    /// Luma and chroma of every layout against bilinear interpolation and BT.601 in f64.
    #[test]
    fn luma_and_chroma_become_colours_while_they_are_resized(
        resize in any_resize(),
        size in [1usize..40, 1usize..40],
        input in [1usize..24, 1usize..24],
        seed in any::<u32>(),
        format in prop_oneof![
            Just(PixelFormat::Yuyv), Just(PixelFormat::Uyvy), Just(PixelFormat::Nv12),
            Just(PixelFormat::I420), Just(PixelFormat::I422), Just(PixelFormat::I444),
        ],
        range in prop_oneof![Just(Range::Limited), Just(Range::Full)],
    ) {
        let pixels = crate::contract::golden_picture(seed, format.picture_bytes(size[0], size[1]).unwrap(), 1, 1);
        let stride = format.row_bytes(size[0]).unwrap();
        let frame = Frame::new(&pixels, format, size[0], size[1], stride, Duration::ZERO).unwrap().ranged(range);
        let mut spec = spec(Colour::Rgb, resize);
        (spec.mean, spec.std) = (vec![0.0; 3], vec![1.0; 3]);
        let port = port(ElementType::U8, 3, input[0], input[1], NHWC);
        let mut bytes = vec![0; port.len()];
        let mut preprocessor = Preprocessor::new(&spec, &port).unwrap();
        // A frame of the same size but another layout in between must leave no trace.
        let grey = vec![9; size[0] * size[1]];
        let grey = Frame::new(&grey, PixelFormat::Grey8, size[0], size[1], size[0], Duration::ZERO).unwrap();
        preprocessor.fill(&grey, TensorMut::U8(&mut bytes)).unwrap();
        let mapping = preprocessor.fill(&frame, TensorMut::U8(&mut bytes)).unwrap();

        let [left, top, width, height] = mapping.shown;
        for y in top..top + height {
            for x in left..left + width {
                let [luma, cb, cr] = [0, 1, 2].map(|channel| sampled(&frame, channel, &mapping, x, y));
                let wanted = colours(range, luma, cb, cr);
                for c in 0..3 {
                    let got = f64::from(bytes[(y * input[0] + x) * 3 + c]);
                    // Half a level of each of three, of which the largest coefficient is 2.02; and what is cut of weights.
                    prop_assert!((got - wanted[c]).abs() <= 3.2, "({x}, {y}, {c}) of {format:?}: {got} for {}", wanted[c]);
                }
            }
        }
    }
}

/// A channel at the centre of input pixel (x, y): luma 0, Cb 1 and Cr 2.
fn sampled(frame: &Frame<'_>, channel: usize, mapping: &Mapping, x: usize, y: usize) -> f64 {
    let [across, down] = if channel == 0 { [1, 1] } else { frame.format().subsampling().unwrap() };
    let size = [frame.width().div_ceil(across), frame.height().div_ceil(down)];
    let siting = if across == 2 && frame.range() == Range::Limited { 0.25 } else { 0.0 };
    let axis = |at: usize, axis: usize, subsampling: usize, siting: f64| {
        let scale = f64::from(mapping.scale[axis]) * subsampling as f64;
        let position = (at as f64 + 0.5 - f64::from(mapping.offset[axis])) / scale - 0.5 + siting;
        let position = position.clamp(0.0, (size[axis] - 1) as f64);
        (position as usize, (position as usize + 1).min(size[axis] - 1), position.fract())
    };
    let (left, right, to_right) = axis(x, 0, across, siting);
    let (top, bottom, to_bottom) = axis(y, 1, down, 0.0);
    let value = |x: usize, y: usize| {
        let byte = match (frame.format(), channel) {
            (PixelFormat::Yuyv, 0) => frame.row(y)[2 * x],
            (PixelFormat::Yuyv, c) => frame.row(y)[4 * x + 2 * c - 1],
            (PixelFormat::Uyvy, 0) => frame.row(y)[2 * x + 1],
            (PixelFormat::Uyvy, c) => frame.row(y)[4 * x + 2 * c - 2],
            (PixelFormat::Nv12, 1 | 2) => frame.plane(1).row(y)[2 * x + channel - 1],
            (_, c) => frame.plane(c).row(y)[x],
        };
        f64::from(byte)
    };
    let line = |y: usize| value(left, y) * (1.0 - to_right) + value(right, y) * to_right;
    line(top) * (1.0 - to_bottom) + line(bottom) * to_bottom
}

/// BT.601 in floating point, cut to 0 to 255.
fn colours(range: Range, luma: f64, cb: f64, cr: f64) -> [f64; 3] {
    let (luma, stretch) = match range {
        Range::Full => (luma, 1.0),
        Range::Limited => ((luma - 16.0) * 255.0 / 219.0, 255.0 / 224.0),
    };
    let (cb, cr) = ((cb - 128.0) * stretch, (cr - 128.0) * stretch);
    [luma + 1.402 * cr, luma - 0.344_136 * cb - 0.714_136 * cr, luma + 1.772 * cb].map(|level| level.clamp(0.0, 255.0))
}

#[test]
fn grey_models_take_luma_alone() {
    // Limited range: 16 is black and 235 white; chroma plays no part.
    let pixels = [16, 0, 235, 255];
    let frame = Frame::new(&pixels, PixelFormat::Yuyv, 2, 1, 4, Duration::ZERO).unwrap();
    let mut spec = spec(Colour::Grey, Resize::Stretch);
    (spec.mean, spec.std) = (vec![0.0], vec![1.0]);
    assert_eq!(floats(&spec, &frame, 2, 1, NHWC), [0.0, 255.0]);
    assert_eq!(floats(&spec, &frame.ranged(Range::Full), 2, 1, NHWC), [16.0, 235.0]);
}
