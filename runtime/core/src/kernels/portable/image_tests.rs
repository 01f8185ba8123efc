//! Pools and resizes against loops over every tap and every neighbour.

use crate::plan::step::{GlobalAverageInt8, Interpolation, PoolF32, PoolInt8, Pooling, ResizeF32, ResizeInt8, Step};
use crate::plan::view::{Image, Window};
use crate::testing::{Arena, Random, Writer, floats, run_step};
use proptest::prelude::*;
use std::vec::Vec;

/// Images with a gap between their pixels, and elements that they span.
fn image(sizes: [u32; 4], gap: u32) -> Image {
    let [batch, height, width, channels] = sizes;
    Image { offset: 0, batch, height, width, channels, stride: channels + gap }
}

fn elements(image: &Image) -> usize {
    ((image.batch * image.height * image.width - 1) * image.stride + image.channels) as usize
}

fn index(image: &Image, [n, y, x, c]: [u32; 4]) -> usize {
    (((n * image.height + y) * image.width + x) * image.stride + c) as usize
}

/// Every position of an image.
fn positions(image: &Image) -> Vec<[u32; 4]> {
    let mut positions = Vec::new();
    for n in 0..image.batch {
        for y in 0..image.height {
            for x in 0..image.width {
                positions.extend((0..image.channels).map(|c| [n, y, x, c]));
            }
        }
    }
    positions
}

/// A pool whose windows all see the image, and some of which hang over the padding.
fn pool() -> impl Strategy<Value = (Image, Image, Window)> {
    let sizes = (1u32..3, 1u32..8, 1u32..8, 1u32..20);
    let kernel = (1u32..4, 1u32..4, 1u32..4, 1u32..4, 1u32..3);
    (sizes, kernel, prop::array::uniform4(0u32..3), 0u32..4).prop_filter_map(
        "a window sees only padding",
        |(s, k, pad, gap)| {
            let x = image([s.0, s.1, s.2, s.3], gap);
            let window = Window { kernel: [k.0, k.1], stride: [k.2, k.3], dilation: [k.4, 1], pad };
            let places = |len: u32, axis: usize| (len + pad[axis] + pad[axis + 2] - 1) / window.stride[axis] + 1;
            let y = image([s.0, places(s.1, 0), places(s.2, 1), s.3], gap);
            let sees = |axis: usize, len: u32, places: u32| {
                (0..places).all(|place| {
                    let tap = |k: u32| (place * window.stride[axis] + k * window.dilation[axis]).checked_sub(pad[axis]);
                    (0..window.kernel[axis]).any(|k| tap(k).is_some_and(|at| at < len))
                })
            };
            (sees(0, x.height, y.height) && sees(1, x.width, y.width)).then_some((x, y, window))
        },
    )
}

/// The inputs inside the image behind output `at`, and how many taps lie in the padded image.
fn taps(x: &Image, w: &Window, at: [u32; 4]) -> (Vec<usize>, usize) {
    let (mut inside, mut padded) = (Vec::new(), 0);
    for ky in 0..w.kernel[0] {
        for kx in 0..w.kernel[1] {
            let (row, column) = (at[1] * w.stride[0] + ky * w.dilation[0], at[2] * w.stride[1] + kx * w.dilation[1]);
            if row < x.height + w.pad[0] + w.pad[2] && column < x.width + w.pad[1] + w.pad[3] {
                padded += 1;
            }
            if let (Some(row), Some(column)) = (row.checked_sub(w.pad[0]), column.checked_sub(w.pad[1]))
                && row < x.height
                && column < x.width
            {
                inside.push(index(x, [at[0], row, column, at[3]]));
            }
        }
    }
    (inside, padded)
}

/// A record per output index: the neighbours and the share of the second, or only the nearest.
fn records(random: &mut Random, interpolation: Interpolation, len: u32, count: u32) -> Vec<u32> {
    let record = |_| {
        let (low, high) = (random.next() % len, random.next() % len);
        let share = (random.next() % 8) as f32 / 8.0;
        match interpolation {
            Interpolation::Nearest => Vec::from([low]),
            Interpolation::Linear => Vec::from([low, high, share.to_bits()]),
        }
    };
    (0..count).flat_map(record).collect()
}

const POOLINGS: [Pooling; 3] = [Pooling::Maximum, Pooling::Average, Pooling::AverageWithPadding];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pools((mut x, mut y, window) in pool(), zeros in prop::array::uniform2(0i32..256), seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let (bytes, values) = (random.bytes(elements(&x)), random.floats(elements(&x)));
        for pooling in POOLINGS {
            let mut arena = Arena::default();
            x.offset = arena.add(&bytes);
            y.offset = arena.add(&random.bytes(elements(&y)));
            let (x_scale, y_scale) = (0.25, 0.375);
            let step = PoolInt8 { pooling, x, y, window, x_scale, y_scale, x_zero: zeros[0], y_zero: zeros[1] };
            let after = run_step(Writer::default(), &Step::PoolInt8(step), &arena.bytes).expect("the plan is right");
            let mut expected = arena.bytes.clone();
            for at in positions(&y) {
                let (inside, padded) = taps(&x, &window, at);
                let sum: f32 = inside.iter().map(|&i| (i32::from(bytes[i]) - zeros[0]) as f32 * x_scale).sum();
                let count = if pooling == Pooling::Average { inside.len() } else { padded };
                let mean = libm::rintf(sum / count as f32 / y_scale + zeros[1] as f32) as i32;
                expected[y.offset as usize + index(&y, at)] = match pooling {
                    Pooling::Maximum => inside.iter().map(|&i| bytes[i]).max().unwrap_or(0),
                    _ => mean.clamp(0, 255) as u8,
                };
            }
            prop_assert_eq!(&after, &expected);

            let mut arena = Arena::default();
            x.offset = arena.add_floats(&values);
            y.offset = arena.add_floats(&random.floats(elements(&y)));
            let step = PoolF32 { pooling, x, y, window };
            let after = run_step(Writer::default(), &Step::PoolF32(step), &arena.bytes).expect("the plan is right");
            let found = floats(&after[y.offset as usize..]);
            for at in positions(&y) {
                let (inside, padded) = taps(&x, &window, at);
                let sum: f32 = inside.iter().map(|&i| values[i]).sum();
                let expected = match pooling {
                    Pooling::Maximum => inside.iter().map(|&i| values[i]).fold(f32::NEG_INFINITY, f32::max),
                    Pooling::Average => sum / inside.len() as f32,
                    Pooling::AverageWithPadding => sum / padded as f32,
                };
                prop_assert!((found[index(&y, at)] - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn global_means(sizes in (1u32..3, 1u32..12, 1u32..12, 1u32..20), gap in 0u32..4, zeros in prop::array::uniform2(0i32..256), seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let mut x = image([sizes.0, sizes.1, sizes.2, sizes.3], gap);
        let mut y = image([sizes.0, 1, 1, sizes.3], gap);
        let bytes = random.bytes(elements(&x));
        let mut arena = Arena::default();
        x.offset = arena.add(&bytes);
        y.offset = arena.add(&random.bytes(elements(&y)));
        let pixels = sizes.1 * sizes.2;
        let multiplier = 0.5 / (0.25 * pixels as f32);
        let step = GlobalAverageInt8 { x, y, multiplier, x_zero: zeros[0], y_zero: zeros[1] };
        let after = run_step(Writer::default(), &Step::GlobalAverageInt8(step), &arena.bytes).expect("the plan is right");
        for [n, _, _, c] in positions(&y) {
            let sum: i32 = (0..pixels).map(|p| i32::from(bytes[index(&x, [n, p / sizes.2, p % sizes.2, c])])).sum();
            let mean = libm::rintf((sum - pixels as i32 * zeros[0]) as f32 * multiplier) as i32 + zeros[1];
            prop_assert_eq!(after[y.offset as usize + index(&y, [n, 0, 0, c])], mean.clamp(0, 255) as u8);
        }
    }

    #[test]
    fn resizes(
        sizes in (1u32..3, 1u32..6, 1u32..6, 1u32..10), to in (1u32..9, 1u32..9), gap in 0u32..3, linear in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let interpolation = if linear { Interpolation::Linear } else { Interpolation::Nearest };
        let mut x = image([sizes.0, sizes.1, sizes.2, sizes.3], gap);
        let mut y = image([sizes.0, to.0, to.1, sizes.3], gap);
        let rows = records(&mut random, interpolation, x.height, y.height);
        let columns = records(&mut random, interpolation, x.width, y.width);
        // Shares of the source rows or columns behind one output row or column.
        let parts = |records: &[u32], at: u32| {
            let record = &records[at as usize * interpolation.record_words()..];
            if linear {
                let share = f64::from(f32::from_bits(record[2]));
                Vec::from([(record[0], 1.0 - share), (record[1], share)])
            } else {
                Vec::from([(record[0], 1.0)])
            }
        };
        let source = x;
        let blend = |at: [u32; 4], value: &dyn Fn(usize) -> f64| {
            let mut sum = 0.0;
            for (row, vertical) in parts(&rows, at[1]) {
                for (column, horizontal) in parts(&columns, at[2]) {
                    sum += vertical * horizontal * value(index(&source, [at[0], row, column, at[3]]));
                }
            }
            sum
        };
        let bytes = random.bytes(elements(&x));
        let values = random.floats(elements(&x));

        let mut arena = Arena::default();
        x.offset = arena.add(&bytes);
        y.offset = arena.add(&random.bytes(elements(&y)));
        let mut writer = Writer::default();
        let [row_blob, column_blob] = [&rows, &columns].map(|words| writer.blob(bytemuck::cast_slice(words)));
        let step = ResizeInt8 { interpolation, x, y, rows: row_blob, columns: column_blob };
        let after = run_step(writer, &Step::ResizeInt8(step), &arena.bytes).expect("the plan is right");
        for at in positions(&y) {
            // With shares in eighths every sum is exact.
            let expected = libm::rint(blend(at, &|i| f64::from(bytes[i]))) as u8;
            prop_assert_eq!(after[y.offset as usize + index(&y, at)], expected);
        }

        let mut arena = Arena::default();
        x.offset = arena.add_floats(&values);
        y.offset = arena.add_floats(&random.floats(elements(&y)));
        let mut writer = Writer::default();
        let [row_blob, column_blob] = [&rows, &columns].map(|words| writer.blob(bytemuck::cast_slice(words)));
        let step = ResizeF32 { interpolation, x, y, rows: row_blob, columns: column_blob };
        let after = run_step(writer, &Step::ResizeF32(step), &arena.bytes).expect("the plan is right");
        let found = floats(&after[y.offset as usize..]);
        for at in positions(&y) {
            let expected = blend(at, &|i| f64::from(values[i]));
            prop_assert!((f64::from(found[index(&y, at)]) - expected).abs() < 1e-5);
        }
    }
}
