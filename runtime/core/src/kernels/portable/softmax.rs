//! Softmax, in floats and in integers.

use super::reduce::{LANES, for_each_column, largest};
use crate::function::Function;
use crate::plan::step::{SoftmaxF32, SoftmaxInt8};

/// See [`SoftmaxF32`]. The largest element is subtracted first, so that no exponential overflows.
pub fn softmax_f32(step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) {
    if let Some(x) = x {
        y.copy_from_slice(x);
    }
    let (len, inner) = (step.len as usize, step.inner as usize);
    for y in y.chunks_exact_mut(len * inner) {
        match inner {
            1 => softmax_row(y),
            _ => for_each_column(inner, |first, lanes| softmax_columns(y, inner, first, lanes)),
        }
    }
}

fn softmax_row(y: &mut [f32]) {
    let most = largest(y);
    y.iter_mut().for_each(|y| *y -= most);
    Function::Exp.apply_all(y);
    let sum: f32 = y.iter().sum();
    let factor = 1.0 / sum;
    y.iter_mut().for_each(|y| *y *= factor);
}

/// Softmax of `lanes` columns from `first` on; rows have `inner` elements.
fn softmax_columns(y: &mut [f32], inner: usize, first: usize, lanes: usize) {
    let mut most = [f32::NEG_INFINITY; LANES];
    for row in y.chunks_exact(inner) {
        most.iter_mut().zip(&row[first..][..lanes]).for_each(|(most, &y)| *most = if y > *most { y } else { *most });
    }
    let mut sums = [0.0f32; LANES];
    for row in y.chunks_exact_mut(inner) {
        let row = &mut row[first..][..lanes];
        row.iter_mut().zip(&most).for_each(|(y, most)| *y -= most);
        Function::Exp.apply_all(row);
        sums.iter_mut().zip(&*row).for_each(|(sum, y)| *sum += y);
    }
    let factors = sums.map(|sum| 1.0 / sum);
    for row in y.chunks_exact_mut(inner) {
        row[first..][..lanes].iter_mut().zip(&factors).for_each(|(y, factor)| *y *= factor);
    }
}

/// See [`SoftmaxInt8`].
pub fn softmax_int8(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) {
    let len = step.len as usize;
    let (factor, zero) = (f64::from(step.y_factor), f64::from(step.y_zero));
    for (x, y) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)) {
        let most = x.iter().fold(0, |most, &x| x.max(most));
        let exponential = |x: u8| table[usize::from(255 - (most - x))];
        // The order of the sum is part of the result.
        let sum = f64::from(x.iter().fold(0.0f32, |sum, &x| sum + exponential(x)));
        for (y, &x) in y.iter_mut().zip(x) {
            *y = (libm::rint(f64::from(exponential(x)) * factor / sum) + zero).clamp(0.0, 255.0) as u8;
        }
    }
}
