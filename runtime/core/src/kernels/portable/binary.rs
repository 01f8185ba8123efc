//! Element-wise steps of two operands, which may broadcast.

use super::rounding::ToByte;
use super::unary::{Entries, PIECE};
use super::walk::Walk;
use crate::function::Function;
use crate::kernels::Table;
use crate::plan::step::{BinaryF32, BinaryInt8, FloatOperation, IntegerOperation};

/// Writes `f(a, b)` for every pair of elements, `finish`ed, which is called on stretches of results.
#[inline(always)]
fn zip<T: Copy>(walk: &Walk<3>, a: &[T], b: &[T], y: &mut [T], f: impl Fn(T, T) -> T, finish: impl Fn(&mut [T])) {
    let (len, strides) = (walk.row_len(), walk.row_strides());
    walk.for_each_row(|[from_a, from_b, to]| {
        let [a_stride, b_stride, y_stride] = strides;
        for start in (0..len).step_by(PIECE) {
            let count = PIECE.min(len - start);
            let (from_a, from_b, to) = (from_a + start * a_stride, from_b + start * b_stride, to + start * y_stride);
            if y_stride != 1 {
                let mut results = [y[to]; PIECE];
                let results = &mut results[..count];
                spread(results, (&a[from_a..], a_stride), (&b[from_b..], b_stride), &f);
                finish(results);
                y[to..].iter_mut().step_by(y_stride.max(1)).zip(results).for_each(|(y, result)| *y = *result);
                continue;
            }
            let y = &mut y[to..][..count];
            match (a_stride, b_stride) {
                (1, 1) => {
                    let (a, b) = (&a[from_a..][..count], &b[from_b..][..count]);
                    y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = f(a, b));
                }
                (1, 0) => {
                    let b = b[from_b];
                    y.iter_mut().zip(&a[from_a..][..count]).for_each(|(y, &a)| *y = f(a, b));
                }
                (0, 1) => {
                    let a = a[from_a];
                    y.iter_mut().zip(&b[from_b..][..count]).for_each(|(y, &b)| *y = f(a, b));
                }
                _ => spread(y, (&a[from_a..], a_stride), (&b[from_b..], b_stride), &f),
            }
            finish(y);
        }
    });
}

/// Writes `f` of operands whose elements lie any number of elements apart, which begin at the slices' first.
#[inline(always)]
fn spread<T: Copy>(y: &mut [T], a: (&[T], usize), b: (&[T], usize), f: impl Fn(T, T) -> T) {
    match (a, b) {
        ((a, 0), (b, 0)) => y.fill(f(a[0], b[0])),
        ((a, 0), (b, stride)) => {
            let a = a[0];
            y.iter_mut().zip(b.iter().step_by(stride)).for_each(|(y, &b)| *y = f(a, b));
        }
        ((a, stride), (b, 0)) => {
            let b = b[0];
            y.iter_mut().zip(a.iter().step_by(stride)).for_each(|(y, &a)| *y = f(a, b));
        }
        ((a, a_stride), (b, b_stride)) => {
            let pairs = a.iter().step_by(a_stride).zip(b.iter().step_by(b_stride));
            y.iter_mut().zip(pairs).for_each(|(y, (&a, &b))| *y = f(a, b));
        }
    }
}

/// See [`BinaryInt8`].
#[inline(always)]
pub fn binary_int8(step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8], table: Option<&Table>) {
    let walk = Walk::new(&step.extent, [&step.a, &step.b, &step.y]).with_long_rows();
    let finish = |y: &mut [u8]| {
        if let Some(table) = table {
            table.map(None, y);
        }
    };
    // The zero point is part of the offset, and so added before rounding, which decides ties.
    let (byte, offset) = (ToByte::new(step.shift, step.low, step.high), step.offset);
    match step.operation {
        IntegerOperation::Add => {
            let (a_scale, b_scale, shift) = (step.a_scale, step.b_scale, step.shift);
            let shifted = |x: u8| (i32::from(x) - shift) as f32;
            let f = |a, b| byte.apply(shifted(b) * b_scale + (shifted(a) * a_scale + offset));
            zip(&walk, a, b, y, f, finish);
        }
        IntegerOperation::Multiply => {
            let (a_zero, b_zero, scale) = (step.a_zero, step.b_zero, step.a_scale);
            let f = |a, b| byte.apply(((i32::from(a) - a_zero) * (i32::from(b) - b_zero)) as f32 * scale + offset);
            zip(&walk, a, b, y, f, finish);
        }
    }
}

/// See [`BinaryF32`].
#[inline(always)]
pub fn binary_f32(step: &BinaryF32, a: &[f32], b: &[f32], y: &mut [f32]) {
    let walk = Walk::new(&step.extent, [&step.a, &step.b, &step.y]).with_long_rows();
    let activation = step.activation;
    match step.operation {
        FloatOperation::Add => zip_f32(&walk, a, b, y, activation, |a, b| a + b),
        FloatOperation::Subtract => zip_f32(&walk, a, b, y, activation, |a, b| a - b),
        FloatOperation::Multiply => zip_f32(&walk, a, b, y, activation, |a, b| a * b),
        FloatOperation::Divide => zip_f32(&walk, a, b, y, activation, |a, b| a / b),
        FloatOperation::Minimum => zip_f32(&walk, a, b, y, activation, |a, b| if b < a { b } else { a }),
        FloatOperation::Maximum => zip_f32(&walk, a, b, y, activation, |a, b| if b > a { b } else { a }),
        FloatOperation::Power => zip_f32(&walk, a, b, y, activation, power),
        FloatOperation::PRelu => zip_f32(&walk, a, b, y, activation, |a, b| if a >= 0.0 { a } else { b * a }),
    }
}

#[inline(always)]
fn zip_f32(walk: &Walk<3>, a: &[f32], b: &[f32], y: &mut [f32], activation: Function, f: impl Fn(f32, f32) -> f32) {
    zip(walk, a, b, y, f, |y| activation.apply_all(y));
}

/// a to the power of b; squares, the usual case, need no logarithm.
fn power(a: f32, b: f32) -> f32 {
    if b == 2.0 { a * a } else { libm::powf(a, b) }
}
