//! Every step besides convolutions, on every kernel set that this processor can run: all leave the arena as the portable
//! kernels do, bit for bit in floats, too. What the portable kernels compute is tested beside them.

use super::KernelSet;
use super::portable::element_tests::{Axes, operand, span, strides};
use crate::function::Function;
use crate::plan::step::*;
use crate::plan::view::{Blob, Extent, Image, Operand, Place, Span, Window};
use crate::testing::{Arena, Random, Writer, kernel_sets, run_step};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::vec;
use std::vec::Vec;

/// Runs the step on every kernel set and compares the arenas. Its constant, if any, is at the start of the weights.
fn same_everywhere(step: Step, constant: &[u8], arena: &Arena) -> TestCaseResult {
    let mut arena = arena.bytes.clone();
    arena.resize(arena.len().next_multiple_of(4), 0xA5);
    let run = |set: KernelSet| {
        let mut writer = Writer::of(set);
        writer.blob(constant);
        run_step(writer, &step, &arena)
    };
    let expected = match run(KernelSet::Portable) {
        Ok(expected) => expected,
        Err(error) => return Err(TestCaseError::fail(std::format!("{error}"))),
    };
    // The sign and the payload of a NaN are nobody's business.
    let floats = matches!(step, Step::BinaryF32(_) | Step::UnaryF32(_));
    let nan = |word: &[u8; 4]| floats && f32::from_le_bytes(*word).is_nan();
    for set in kernel_sets() {
        let after = run(set).expect("the plan is right for the portable kernels");
        let words = after.as_chunks::<4>().0.iter().zip(expected.as_chunks().0);
        let differs = words.into_iter().position(|(a, b)| a != b && !(nan(a) && nan(b)));
        prop_assert_eq!(differs, None, "{}: {:?}", set, step);
    }
    Ok(())
}

/// A blob at the start of the weights.
fn constant(bytes: &[u8]) -> Blob {
    Blob { offset: 0, len: bytes.len() as u32 }
}

/// Lengths around those of vectors and of their multiples.
fn len() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..18, 31u32..34, 47u32..50, 63u32..66, 79u32..82, 127u32..131, 1000u32..1100]
}

/// Shapes whose innermost rows are up to a thousand elements long.
fn axes() -> impl Strategy<Value = Axes> {
    (1u32..3, 1u32..5, len()).prop_map(|(outer, middle, inner)| [1, 1, 1, outer, middle, inner])
}

/// Rows of elements that lie evenly apart, as slices of channels and halves of a channel shuffle do.
fn even(lens: Axes, step: u32, gap: u32) -> Axes {
    let row = lens[5] * step + gap;
    [0, 0, 0, lens[4] * row, row, step]
}

/// Strides of an operand: any order of the axes and any broadcast, or evenly spaced rows.
fn layout(lens: Axes, seed: u64, broadcast: u8) -> Axes {
    match seed % 3 {
        0 => strides(lens, seed, broadcast),
        1 => even(lens, 1, (seed >> 8) as u32 % 4),
        _ => even(lens, 1 + (seed >> 8) as u32 % 5, (seed >> 16) as u32 % 4),
    }
}

fn byte() -> impl Strategy<Value = i32> {
    prop_oneof![Just(0i32), Just(255), 0i32..256]
}

/// Scales from those that make every result 0 to those that saturate it.
fn scale() -> impl Strategy<Value = f32> {
    prop_oneof![Just(1e-30f32), Just(1e30), Just(0.5), 1e-3f32..4.0]
}

/// An image with a gap between its pixels.
fn image(offset: u32, [batch, height, width, channels]: [u32; 4], gap: u32) -> Image {
    Image { offset, batch, height, width, channels, stride: channels + gap }
}

fn elements(image: &Image) -> usize {
    ((image.batch * image.height * image.width - 1) * image.stride + image.channels) as usize
}

fn channels() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..18, 31u32..34, 48u32..50, 64u32..66]
}

fn function() -> impl Strategy<Value = Function> {
    prop_oneof![
        Just(Function::Identity),
        Just(Function::Clamp { low: 0.0, high: 6.0 }),
        Just(Function::LeakyRelu { slope: 0.1 }),
        Just(Function::HardSwish),
        Just(Function::Sigmoid),
        Just(Function::Silu),
        Just(Function::Tanh),
        Just(Function::Exp),
        Just(Function::Sqrt),
        Just(Function::Erf),
        Just(Function::Floor),
    ]
}

/// Floats among which are the ends of the range.
fn floats(random: &mut Random, len: usize) -> Vec<f32> {
    let mut floats = random.floats(len);
    for value in &mut floats {
        if random.next().is_multiple_of(16) {
            *value =
                [0.0, -0.0, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, 1e-40, 88.8][random.next() as usize % 8];
        }
    }
    floats
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pairs_of_bytes(
        lens in axes(), seeds in prop::array::uniform3(any::<u64>()), masks in prop::array::uniform2(any::<u8>()),
        operation in prop::sample::select(&[IntegerOperation::Add, IntegerOperation::Multiply][..]),
        (scales, zeros, bounds) in (prop::array::uniform2(scale()), prop::array::uniform2(byte()), prop::array::uniform2(byte())),
        shift in prop::sample::select(&[0i32, 128][..]), with_table in any::<bool>(),
    ) {
        let mut random = Random::new(seeds[0]);
        let [a, b] = [0, 1].map(|index| layout(lens, seeds[index], masks[index]));
        let y = layout(lens, seeds[2], 0);
        let mut arena = Arena::default();
        let [a_at, b_at, y_at] = [a, b, y].map(|strides| arena.add(&random.bytes(span(lens, strides))));
        let table = if with_table { random.bytes(256) } else { Vec::new() };
        let step = BinaryInt8 {
            operation, extent: Extent(lens), a: operand(a_at, a), b: operand(b_at, b), y: operand(y_at, y),
            a_scale: scales[0], b_scale: scales[1], offset: 7.5 - scales[0], a_zero: zeros[0], b_zero: zeros[1], shift,
            low: bounds[0].min(bounds[1]), high: bounds[0].max(bounds[1]), table: constant(&table),
        };
        same_everywhere(Step::BinaryInt8(step), &table, &arena)?;
    }

    #[test]
    fn pairs_of_floats(
        lens in axes(), seeds in prop::array::uniform3(any::<u64>()), masks in prop::array::uniform2(any::<u8>()),
        activation in function(),
    ) {
        use FloatOperation::{Add, Divide, Maximum, Minimum, Multiply, PRelu, Power, Subtract};
        let mut random = Random::new(seeds[0]);
        let [a, b] = [0, 1].map(|index| layout(lens, seeds[index], masks[index]));
        let y = layout(lens, seeds[2], 0);
        let mut arena = Arena::default();
        let [a_at, b_at, y_at] = [a, b, y].map(|strides| arena.add_floats(&random.floats(span(lens, strides))));
        for operation in [Add, Subtract, Multiply, Divide, Minimum, Maximum, Power, PRelu] {
            let (a, b, y) = (operand(a_at, a), operand(b_at, b), operand(y_at, y));
            let step = BinaryF32 { operation, extent: Extent(lens), a, b, y, activation };
            same_everywhere(Step::BinaryF32(step), &[], &arena)?;
        }
    }

    #[test]
    fn single_operands(
        lens in axes(), seeds in prop::array::uniform2(any::<u64>()), mask in any::<u8>(), in_place in any::<bool>(),
        function in function(), zero in byte(), scale in scale(), size in prop::sample::select(&[1u32, 4, 8][..]),
    ) {
        let mut random = Random::new(seeds[0]);
        let (x, y) = (layout(lens, seeds[0], mask), layout(lens, seeds[1], 0));
        let extent = Extent(lens);
        let mut arena = Arena::default();
        let x_at = arena.add_floats(&floats(&mut random, span(lens, x) * 2));
        let y_at = arena.add_floats(&floats(&mut random, span(lens, y) * 2));
        let (x, y) = (operand(x_at, x), operand(y_at, y));
        let from = if in_place { y } else { x };
        let table = random.bytes(256);
        let lookup = Lookup { extent, x: from, y, table: constant(&table) };
        same_everywhere(Step::Lookup(lookup), &table, &arena)?;
        same_everywhere(Step::UnaryF32(UnaryF32 { function, extent, x: from, y }), &[], &arena)?;
        same_everywhere(Step::Quantize(Quantize { extent, x, y, scale, zero }), &[], &arena)?;
        same_everywhere(Step::Dequantize(Dequantize { extent, x, y, scale, zero }), &[], &arena)?;
        same_everywhere(Step::Copy(Copy { size, extent, x, y }), &[], &arena)?;
        same_everywhere(Step::Fill(Fill { size, extent, y, value: random.next() }), &[], &arena)?;
    }

    #[test]
    fn ranges_and_bytes_in_them(
        lens in axes(), seeds in prop::array::uniform2(any::<u64>()), mask in any::<u8>(), tiny in any::<bool>(),
        parameters in (prop_oneof![scale(), any::<f32>()], prop_oneof![(0u8..=255).prop_map(f32::from), any::<f32>()]),
    ) {
        let mut random = Random::new(seeds[0]);
        let (x, y) = (layout(lens, seeds[0], mask), layout(lens, seeds[1], 0));
        let mut arena = Arena::default();
        let mut content = floats(&mut random, span(lens, x));
        if tiny {
            // Quotients of subnormal numbers.
            content.iter_mut().for_each(|value| *value *= 1e-43);
        }
        let all = Span { offset: arena.add_floats(&content), len: 4 * content.len() as u32 };
        let range = Span { offset: arena.add_floats(&[0.0, 0.0]), len: 8 };
        let given = operand(arena.add_floats(&[parameters.0, parameters.1]), [0; 6]);
        let y = operand(arena.add(&random.bytes(span(lens, y))), y);
        same_everywhere(Step::RangeF32(RangeF32 { x: all, y: range }), &[], &arena)?;
        let step = QuantizeDynamic { extent: Extent(lens), x: operand(all.offset, x), parameters: given, y };
        same_everywhere(Step::QuantizeDynamic(step), &[], &arena)?;
    }

    #[test]
    fn pools(
        sizes in (1u32..3, 1u32..9, 1u32..20, channels()), gaps in prop::array::uniform2(0u32..4),
        kernel in prop::array::uniform2(prop_oneof![Just(3u32), 1u32..6]), stride in prop::array::uniform2(1u32..4),
        dilation in prop::array::uniform2(1u32..3), pad in prop::array::uniform4(0u32..3),
        (zeros, scales) in (prop::array::uniform2(byte()), prop::array::uniform2(scale())), seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let window = Window { kernel, stride, dilation, pad };
        // As many places as begin inside the padded image: some windows see no input at all.
        let places = |len: u32, axis: usize| (len + pad[axis] + pad[axis + 2] - 1) / stride[axis] + 1;
        let mut x = image(0, [sizes.0, sizes.1, sizes.2, sizes.3], gaps[0]);
        let mut y = image(0, [sizes.0, places(sizes.1, 0), places(sizes.2, 1), sizes.3], gaps[1]);
        let mut arena = Arena::default();
        x.offset = arena.add(&random.bytes(elements(&x)));
        y.offset = arena.add(&random.bytes(elements(&y)));
        let mut float_arena = Arena::default();
        let float_x = Image { offset: float_arena.add_floats(&random.floats(elements(&x))), ..x };
        let float_y = Image { offset: float_arena.add_floats(&random.floats(elements(&y))), ..y };
        for pooling in [Pooling::Maximum, Pooling::Average, Pooling::AverageWithPadding] {
            let step = PoolInt8 {
                pooling, x, y, window, x_scale: scales[0], y_scale: scales[1], x_zero: zeros[0], y_zero: zeros[1],
            };
            same_everywhere(Step::PoolInt8(step), &[], &arena)?;
            let step = PoolF32 { pooling, x: float_x, y: float_y, window };
            same_everywhere(Step::PoolF32(step), &[], &float_arena)?;
        }
        let mut mean = image(0, [sizes.0, 1, 1, sizes.3], gaps[1]);
        mean.offset = arena.add(&random.bytes(elements(&mean)));
        let step = GlobalAverageInt8 { x, y: mean, multiplier: scales[0], x_zero: zeros[0], y_zero: zeros[1] };
        same_everywhere(Step::GlobalAverageInt8(step), &[], &arena)?;
    }

    #[test]
    fn resizes(
        sizes in prop::array::uniform2((1u32..7, 1u32..9)), channels in channels(), gaps in prop::array::uniform2(0u32..4),
        linear in any::<bool>(), seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let [from, to] = sizes;
        let mut x = image(0, [2, from.0, from.1, channels], gaps[0]);
        let mut y = image(0, [2, to.0, to.1, channels], gaps[1]);
        let mut records = |count: u32, len: u32| -> Vec<u32> {
            let mut record = |_| match (random.next() % len, random.next() % len, (random.next() % 9) as f32 / 8.0) {
                (low, high, share) if linear => vec![low, high, share.to_bits()],
                (nearest, ..) => vec![nearest],
            };
            (0..count).flat_map(&mut record).collect()
        };
        let (rows, columns) = (records(to.0, from.0), records(to.1, from.1));
        let interpolation = if linear { Interpolation::Linear } else { Interpolation::Nearest };
        let mut weights = bytemuck::cast_slice(&rows).to_vec();
        weights.resize(weights.len().next_multiple_of(64), 0);
        let (row_blob, at) = (constant(bytemuck::cast_slice(&rows)), weights.len() as u32);
        weights.extend(bytemuck::cast_slice::<u32, u8>(&columns));
        let column_blob = Blob { offset: at, len: columns.len() as u32 * 4 };
        let mut arena = Arena::default();
        x.offset = arena.add_floats(&random.floats(elements(&x)));
        y.offset = arena.add_floats(&random.floats(elements(&y)));
        let step = ResizeInt8 { interpolation, x, y, rows: row_blob, columns: column_blob };
        same_everywhere(Step::ResizeInt8(step), &weights, &arena)?;
        let step = ResizeF32 { interpolation, x, y, rows: row_blob, columns: column_blob };
        same_everywhere(Step::ResizeF32(step), &weights, &arena)?;
    }

    #[test]
    fn softmaxes_reductions_and_gathers(
        outer in 1u32..14, len in len(), inner in prop_oneof![Just(1u32), 2u32..40], y_zero in byte(), factor in scale(),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let count = (outer * len * inner) as usize;
        let mut arena = Arena::default();
        let x = Span { offset: arena.add_floats(&random.floats(count)), len: count as u32 * 4 };
        let y = Span { offset: arena.add_floats(&random.floats(count)), len: count as u32 * 4 };
        same_everywhere(Step::SoftmaxF32(SoftmaxF32 { outer, len, inner, x, y }), &[], &arena)?;
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::Maximum, Reduction::Minimum] {
            let y = Span { len: outer * inner * 4, ..y };
            same_everywhere(Step::ReduceF32(ReduceF32 { reduction, outer, len, inner, x, y }), &[], &arena)?;
        }
        let table: Vec<f32> = (0..256).map(|i| (libm::exp(f64::from(i - 255) * 0.05) * 1e5) as f32).collect();
        let bytes = |span: Span| Span { len: outer * len, ..span };
        let step = SoftmaxInt8 {
            outer, len, x: bytes(x), y: bytes(y), table: Blob { offset: 0, len: 1024 }, y_factor: 256.0 * factor, y_zero,
        };
        same_everywhere(Step::SoftmaxInt8(step), bytemuck::cast_slice(&table), &arena)?;

        let indices: Vec<u32> = (0..random.next() % len + 1).map(|_| random.next() % len).collect();
        for size in [1, 4] {
            let (x_len, y_len) = (count as u32 * size, outer * indices.len() as u32 * inner * size);
            let (x, y) = (Span { len: x_len, ..x }, Span { len: y_len, ..y });
            let blob = constant(bytemuck::cast_slice(&indices));
            let step = Gather { size, outer, len, inner, x, y, indices: blob };
            same_everywhere(Step::Gather(step), bytemuck::cast_slice(&indices), &arena)?;
        }
    }
}

/// An operand that is one element of the weights, broadcast: a constant scale or offset.
#[test]
fn constants_in_the_weights_are_found() {
    let mut arena = Arena::default();
    let bytes = Random::new(1).bytes(100);
    let (x, y) = (arena.add(&bytes), arena.add(&[0; 100]));
    let extent = Extent([1, 1, 1, 1, 1, 100]);
    let dense = |offset| Operand { offset, strides: [0, 0, 0, 0, 0, 1], ..Operand::default() };
    let step = BinaryInt8 {
        operation: IntegerOperation::Multiply,
        extent,
        a: dense(x),
        b: Operand { place: Place::Weights, ..Operand::default() },
        y: dense(y),
        a_scale: 0.25,
        b_scale: 1.0,
        offset: 0.0,
        a_zero: 0,
        b_zero: 0,
        shift: 0,
        low: 0,
        high: 255,
        table: Blob::default(),
    };
    for set in kernel_sets() {
        let mut writer = Writer::of(set);
        writer.blob(&[4]);
        let after = run_step(writer, &Step::BinaryInt8(step), &arena.bytes).expect("the plan is right");
        assert_eq!(after[y as usize..][..100], bytes[..], "{set}");
    }
}
