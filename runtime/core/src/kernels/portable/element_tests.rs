//! Element-wise steps and copies against nested loops over every index.

use crate::function::Function;
use crate::plan::step::{
    BinaryF32, BinaryInt8, Copy, Dequantize, Fill, FloatOperation, IntegerOperation, Lookup, Quantize, Step, UnaryF32,
};
use crate::plan::view::{Extent, MAX_AXES, Operand, Place};
use crate::testing::{Arena, Random, Writer, floats, run_step};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

pub type Axes = [u32; MAX_AXES];

/// Strides of a tensor whose axes lie in memory in some order, with a gap between its rows, and with some axes broadcast.
pub fn strides(lens: Axes, seed: u64, broadcast: u8) -> Axes {
    let mut random = Random::new(seed);
    let mut order: Vec<usize> = (0..MAX_AXES).collect();
    if random.next().is_multiple_of(2) {
        order.sort_by_key(|_| random.next());
    }
    let mut strides = [0; MAX_AXES];
    let mut next = 1;
    for axis in order.into_iter().rev() {
        if broadcast >> axis & 1 == 0 {
            strides[axis] = next;
            next = next * lens[axis] + u32::from(random.next().is_multiple_of(4));
        }
    }
    strides
}

/// The index of every element in walking order.
fn indices(lens: Axes, strides: Axes) -> Vec<usize> {
    let mut indices = vec![0u32];
    for (len, stride) in lens.into_iter().zip(strides) {
        indices = indices.into_iter().flat_map(|at| (0..len).map(move |i| at + i * stride)).collect();
    }
    indices.into_iter().map(|index| index as usize).collect()
}

/// Elements from the first to the furthest.
pub fn span(lens: Axes, strides: Axes) -> usize {
    indices(lens, strides).into_iter().max().unwrap_or(0) + 1
}

pub fn operand(offset: u32, strides: Axes) -> Operand {
    Operand { place: Place::Arena, offset, strides }
}

fn axes() -> impl Strategy<Value = Axes> {
    prop_oneof![
        prop::array::uniform6(1u32..4),
        // Rows longer than one pass over them.
        (1u32..3, 1u32..2500).prop_map(|(outer, inner)| [1, 1, 1, 1, outer, inner])
    ]
}

/// Reads one element of `size` bytes.
fn element(bytes: &[u8], offset: u32, index: usize, size: usize) -> Vec<u8> {
    bytes[offset as usize + index * size..][..size].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn int8_pairs(
        lens in axes(), seeds in prop::array::uniform3(any::<u64>()), masks in prop::array::uniform2(any::<u8>()),
        multiply in any::<bool>(), zeros in prop::array::uniform2(0i32..256), shift in prop::sample::select(&[0i32, 128][..]), with_table in any::<bool>(),
        constant in any::<bool>(),
    ) {
        let mut random = Random::new(seeds[0]);
        let [a, b, y] = [strides(lens, seeds[0], masks[0]), strides(lens, seeds[1], masks[1]), strides(lens, seeds[2], 0)];
        let [a_data, b_data, y_data] = [a, b, y].map(|s| random.bytes(span(lens, s)));
        let mut arena = Arena::default();
        let mut writer = Writer::default();
        let table = if with_table { random.bytes(256) } else { Vec::new() };
        let b_operand = if constant {
            Operand { place: Place::Weights, offset: writer.blob(&b_data).offset, strides: b }
        } else {
            operand(arena.add(&b_data), b)
        };
        let (a_at, y_at) = (arena.add(&a_data), arena.add(&y_data));
        let step = BinaryInt8 {
            operation: if multiply { IntegerOperation::Multiply } else { IntegerOperation::Add },
            extent: Extent(lens), a: operand(a_at, a), b: b_operand, y: operand(y_at, y),
            a_scale: if multiply { 0.01 } else { 0.5 }, b_scale: 0.75, offset: -3.25,
            a_zero: zeros[0], b_zero: zeros[1], shift, low: 3, high: 250, table: writer.blob(&table),
        };
        let after = run_step(writer, &Step::BinaryInt8(step), &arena.bytes).expect("the plan is right");
        let mut expected = arena.bytes.clone();
        for ((i, j), k) in indices(lens, a).into_iter().zip(indices(lens, b)).zip(indices(lens, y)) {
            let (a, b) = (a_data[i], b_data[j]);
            let value = if multiply {
                let product = (i32::from(a) - zeros[0]) * (i32::from(b) - zeros[1]);
                libm::rintf(product as f32 * 0.01 - 3.25) as i32
            } else {
                // In halves and quarters every sum is exact, ties included.
                let [a, b] = [a, b].map(|byte| (i32::from(byte) - shift) as f32);
                libm::rintf(b * 0.75 + (a * 0.5 - 3.25)) as i32
            };
            let byte = (value + shift).clamp(3, 250) as u8;
            expected[y_at as usize + k] = if with_table { table[usize::from(byte)] } else { byte };
        }
        prop_assert_eq!(after, expected);
    }

    #[test]
    fn float_pairs(
        lens in axes(), seeds in prop::array::uniform3(any::<u64>()), masks in prop::array::uniform2(any::<u8>()),
    ) {
        let mut random = Random::new(seeds[0]);
        let [a, b, y] = [strides(lens, seeds[0], masks[0]), strides(lens, seeds[1], masks[1]), strides(lens, seeds[2], 0)];
        let [a_data, b_data, y_data] = [a, b, y].map(|s| random.floats(span(lens, s)));
        let mut arena = Arena::default();
        let [a_at, b_at, y_at] = [&a_data, &b_data, &y_data].map(|data| arena.add_floats(data));
        type Reference = fn(f32, f32) -> f32;
        let operations: [(FloatOperation, Reference); 8] = [
            (FloatOperation::Add, |a, b| a + b),
            (FloatOperation::Subtract, |a, b| a - b),
            (FloatOperation::Multiply, |a, b| a * b),
            (FloatOperation::Divide, |a, b| a / b),
            (FloatOperation::Minimum, f32::min),
            (FloatOperation::Maximum, f32::max),
            (FloatOperation::Power, libm::powf),
            (FloatOperation::PRelu, |a, b| if a < 0.0 { a * b } else { a }),
        ];
        for (operation, reference) in operations {
            let activation = Function::LeakyRelu { slope: 0.25 };
            let step = BinaryF32 {
                operation, extent: Extent(lens), a: operand(a_at, a), b: operand(b_at, b), y: operand(y_at, y), activation,
            };
            let after = run_step(Writer::default(), &Step::BinaryF32(step), &arena.bytes).expect("the plan is right");
            let mut expected = y_data.clone();
            for ((i, j), k) in indices(lens, a).into_iter().zip(indices(lens, b)).zip(indices(lens, y)) {
                expected[k] = activation.apply(reference(a_data[i], b_data[j]));
            }
            let found = floats(&after[y_at as usize..]);
            let same = |(a, b): (&f32, &f32)| a == b || a.is_nan() && b.is_nan();
            prop_assert!(found.iter().zip(&expected).all(same), "{:?}: {:?} instead of {:?}", operation, found, expected);
        }
    }

    #[test]
    fn bytes_through_tables_and_scales(
        lens in axes(), seeds in prop::array::uniform2(any::<u64>()), mask in any::<u8>(), zero in 0i32..256,
        in_place in any::<bool>(),
    ) {
        let mut random = Random::new(seeds[0]);
        let (x, y) = (strides(lens, seeds[0], mask), strides(lens, seeds[1], 0));
        let table = random.bytes(256);
        let data = random.bytes(span(lens, x));
        let mut arena = Arena::default();
        let x_at = arena.add(&data);
        let y_at = arena.add_floats(&random.floats(span(lens, y)));
        let extent = Extent(lens);
        let pairs: Vec<_> = indices(lens, x).into_iter().zip(indices(lens, y)).collect();

        let mut writer = Writer::default();
        let blob = writer.blob(&table);
        let from = if in_place { operand(y_at, y) } else { operand(x_at, x) };
        let lookup = Lookup { extent, x: from, y: operand(y_at, y), table: blob };
        let after = run_step(writer, &Step::Lookup(lookup), &arena.bytes).expect("the plan is right");
        for &(i, k) in &pairs {
            let byte = if in_place { arena.bytes[y_at as usize + k] } else { data[i] };
            prop_assert_eq!(after[y_at as usize + k], table[usize::from(byte)]);
        }

        let step = Dequantize { extent, x: operand(x_at, x), y: operand(y_at, y), scale: 0.3, zero };
        let after = run_step(Writer::default(), &Step::Dequantize(step), &arena.bytes).expect("the plan is right");
        let found = floats(&after[y_at as usize..]);
        for &(i, k) in &pairs {
            prop_assert_eq!(found[k], (i32::from(data[i]) - zero) as f32 * 0.3);
        }
    }

    #[test]
    fn floats_through_functions_and_scales(
        lens in axes(), seeds in prop::array::uniform2(any::<u64>()), mask in any::<u8>(), zero in 0i32..256,
        in_place in any::<bool>(),
    ) {
        let mut random = Random::new(seeds[0]);
        let (x, y) = (strides(lens, seeds[0], mask), strides(lens, seeds[1], 0));
        let [x_data, y_data] = [x, y].map(|s| random.floats(span(lens, s)));
        let mut arena = Arena::default();
        let [x_at, y_at] = [&x_data, &y_data].map(|data| arena.add_floats(data));
        let extent = Extent(lens);
        let pairs: Vec<_> = indices(lens, x).into_iter().zip(indices(lens, y)).collect();

        let function = Function::HardSigmoid { slope: 0.25, offset: 0.5 };
        let from = if in_place { operand(y_at, y) } else { operand(x_at, x) };
        let step = UnaryF32 { function, extent, x: from, y: operand(y_at, y) };
        let after = run_step(Writer::default(), &Step::UnaryF32(step), &arena.bytes).expect("the plan is right");
        let mut expected = y_data.clone();
        for &(i, k) in &pairs {
            expected[k] = function.apply(if in_place { y_data[k] } else { x_data[i] });
        }
        prop_assert_eq!(floats(&after[y_at as usize..]), expected);

        let step = Quantize { extent, x: operand(x_at, x), y: operand(y_at, y), scale: 0.03, zero };
        let after = run_step(Writer::default(), &Step::Quantize(step), &arena.bytes).expect("the plan is right");
        for &(i, k) in &pairs {
            let expected = (libm::rintf(x_data[i] / 0.03) as i32 + zero).clamp(0, 255) as u8;
            prop_assert_eq!(after[y_at as usize + k], expected);
        }
    }

    #[test]
    fn copies_and_fills(
        lens in axes(), seeds in prop::array::uniform2(any::<u64>()), mask in any::<u8>(), size in prop_oneof![Just(1), Just(4), Just(8)],
        value in any::<u32>(),
    ) {
        let mut random = Random::new(seeds[0]);
        let (x, y) = (strides(lens, seeds[0], mask), strides(lens, seeds[1], 0));
        let mut arena = Arena::default();
        let [x_at, y_at] = [x, y].map(|s| arena.add(&random.bytes(span(lens, s) * size)));
        let extent = Extent(lens);
        let step = Copy { size: size as u32, extent, x: operand(x_at, x), y: operand(y_at, y) };
        let after = run_step(Writer::default(), &Step::Copy(step), &arena.bytes).expect("the plan is right");
        let mut expected = arena.bytes.clone();
        for (i, k) in indices(lens, x).into_iter().zip(indices(lens, y)) {
            expected[y_at as usize + k * size..][..size].copy_from_slice(&element(&arena.bytes, x_at, i, size));
        }
        prop_assert_eq!(after, expected);

        let step = Fill { size: size as u32, extent, y: operand(y_at, y), value };
        let after = run_step(Writer::default(), &Step::Fill(step), &arena.bytes).expect("the plan is right");
        let mut expected = arena.bytes.clone();
        for k in indices(lens, y) {
            expected[y_at as usize + k * size..][..size].copy_from_slice(&u64::from(value).to_le_bytes()[..size]);
        }
        prop_assert_eq!(after, expected);
    }
}
