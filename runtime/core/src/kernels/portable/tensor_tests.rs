//! Gathers, softmax, reductions and matrix products against their definitions.

use crate::plan::step::{Gather, MatMulF32, ReduceF32, Reduction, SoftmaxF32, SoftmaxInt8, Step};
use crate::plan::view::{Operand, Span};
use crate::testing::{Arena, Random, Writer, floats, run_step};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn close(found: f32, expected: f64) -> bool {
    (f64::from(found) - expected).abs() <= 1e-5 * expected.abs().max(1.0)
}

fn span(offset: u32, bytes: usize) -> Span {
    Span { offset, len: bytes as u32 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gathers(
        outer in 1usize..4, len in 1usize..9, inner in 1usize..12, count in 1usize..12,
        size in prop_oneof![Just(1usize), Just(4), Just(8)], seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let indices: Vec<u32> = (0..count).map(|_| random.next() % len as u32).collect();
        let x = random.bytes(outer * len * inner * size);
        let mut arena = Arena::default();
        let x_at = arena.add(&x);
        let y_at = arena.add(&vec![0; outer * count * inner * size]);
        let mut writer = Writer::default();
        let step = Gather {
            size: size as u32, outer: outer as u32, len: len as u32, inner: inner as u32, x: span(x_at, x.len()),
            y: span(y_at, outer * count * inner * size), indices: writer.blob(bytemuck::cast_slice(&indices)),
        };
        let after = run_step(writer, &Step::Gather(step), &arena.bytes).expect("the plan is right");
        let run = inner * size;
        for o in 0..outer {
            for (i, &index) in indices.iter().enumerate() {
                let found = &after[y_at as usize + (o * count + i) * run..][..run];
                prop_assert_eq!(found, &x[(o * len + index as usize) * run..][..run]);
            }
        }
    }

    #[test]
    fn softmax_of_floats(
        outer in 1usize..4, len in 1usize..50, inner in prop_oneof![Just(1usize), 2usize..40], in_place in any::<bool>(),
        seed in any::<u64>(),
    ) {
        // Large enough that exp alone would overflow.
        let x: Vec<f32> = Random::new(seed).floats(outer * len * inner).iter().map(|x| x * 40.0).collect();
        let mut arena = Arena::default();
        let x_at = arena.add_floats(&x);
        let y_at = if in_place { x_at } else { arena.add_floats(&vec![0.0; x.len()]) };
        let (x_span, y_span) = (span(x_at, x.len() * 4), span(y_at, x.len() * 4));
        let step = SoftmaxF32 { outer: outer as u32, len: len as u32, inner: inner as u32, x: x_span, y: y_span };
        let after = run_step(Writer::default(), &Step::SoftmaxF32(step), &arena.bytes).expect("the plan is right");
        let found = floats(&after[y_at as usize..]);
        for o in 0..outer {
            for k in 0..inner {
                let at = |i: usize| (o * len + i) * inner + k;
                let most = (0..len).map(|i| x[at(i)]).fold(f32::MIN, f32::max);
                let exponential = |i: usize| libm::exp(f64::from(x[at(i)] - most));
                let sum: f64 = (0..len).map(exponential).sum();
                for i in 0..len {
                    prop_assert!(close(found[at(i)], exponential(i) / sum));
                }
            }
        }
    }

    #[test]
    fn softmax_of_bytes(outer in 1usize..4, len in 1usize..300, y_zero in 0i32..256, seed in any::<u64>()) {
        let x = Random::new(seed).bytes(outer * len);
        let table: Vec<f32> = (0..256).map(|i| (libm::exp(f64::from(i - 255) * 0.05) * 1e5) as f32).collect();
        let mut arena = Arena::default();
        let (x_at, y_at) = (arena.add(&x), arena.add(&vec![0; x.len()]));
        let mut writer = Writer::default();
        let step = SoftmaxInt8 {
            outer: outer as u32, len: len as u32, x: span(x_at, x.len()), y: span(y_at, x.len()),
            table: writer.blob(bytemuck::cast_slice(&table)), y_factor: 256.0, y_zero,
        };
        let after = run_step(writer, &Step::SoftmaxInt8(step), &arena.bytes).expect("the plan is right");
        for (x, found) in x.chunks(len).zip(after[y_at as usize..].chunks(len)) {
            let most = x.iter().max().copied().unwrap_or(0);
            let t: Vec<f32> = x.iter().map(|&x| table[255 - usize::from(most - x)]).collect();
            let mut sum = 0.0f32;
            t.iter().for_each(|t| sum += t);
            for (found, t) in found.iter().zip(t) {
                let expected = libm::rint(f64::from(t) * 256.0 / f64::from(sum)) as i32 + y_zero;
                prop_assert_eq!(i32::from(*found), expected.clamp(0, 255));
            }
        }
    }

    #[test]
    fn reductions(outer in 1usize..4, len in 1usize..70, inner in prop_oneof![Just(1usize), 2usize..40], seed in any::<u64>()) {
        let x = Random::new(seed).floats(outer * len * inner);
        let mut arena = Arena::default();
        let (x_at, y_at) = (arena.add_floats(&x), arena.add_floats(&vec![0.0; outer * inner]));
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::Maximum, Reduction::Minimum] {
            let step = ReduceF32 {
                reduction, outer: outer as u32, len: len as u32, inner: inner as u32, x: span(x_at, x.len() * 4),
                y: span(y_at, outer * inner * 4),
            };
            let after = run_step(Writer::default(), &Step::ReduceF32(step), &arena.bytes).expect("the plan is right");
            for (index, &found) in floats(&after[y_at as usize..]).iter().enumerate() {
                let elements = (0..len).map(|i| f64::from(x[(index / inner * len + i) * inner + index % inner]));
                let magnitude: f64 = elements.clone().map(f64::abs).sum();
                let expected = match reduction {
                    Reduction::Mean => elements.sum::<f64>() / len as f64,
                    Reduction::Sum => elements.sum(),
                    Reduction::Maximum => elements.fold(f64::MIN, f64::max),
                    Reduction::Minimum => elements.fold(f64::MAX, f64::min),
                };
                // Each addition rounds a partial sum.
                let near = (f64::from(found) - expected).abs() <= 1e-6 * magnitude;
                prop_assert!(near, "{:?} {}: {} instead of {}", reduction, index, found, expected);
            }
        }
    }

    #[test]
    fn matrix_products(
        batch in 1usize..4, rows in 1usize..11, inner in 1usize..20, columns in 1usize..20,
        shared in prop::array::uniform2(any::<bool>()), seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let [a_step, b_step] = [if shared[0] { 0 } else { rows * inner }, if shared[1] { 0 } else { inner * columns + 3 }];
        let a = random.floats((batch - 1) * a_step + rows * inner);
        let b = random.floats((batch - 1) * b_step + inner * columns);
        let mut arena = Arena::default();
        let (a_at, b_at) = (arena.add_floats(&a), arena.add_floats(&b));
        let y_at = arena.add_floats(&vec![0.0; batch * rows * columns]);
        let step = MatMulF32 {
            batch: batch as u32, rows: rows as u32, inner: inner as u32, columns: columns as u32, a_step: a_step as u32,
            b_step: b_step as u32, a: Operand { offset: a_at, ..Operand::default() },
            b: Operand { offset: b_at, ..Operand::default() }, y: span(y_at, batch * rows * columns * 4),
        };
        let after = run_step(Writer::default(), &Step::MatMulF32(step), &arena.bytes).expect("the plan is right");
        for (index, &found) in floats(&after[y_at as usize..]).iter().enumerate() {
            let (n, row, column) = (index / columns / rows, index / columns % rows, index % columns);
            let product = |i: usize| {
                f64::from(a[n * a_step + row * inner + i]) * f64::from(b[n * b_step + i * columns + column])
            };
            prop_assert!(close(found, (0..inner).map(product).sum()));
        }
    }
}
