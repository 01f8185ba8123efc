//! Reductions of one axis.

use crate::plan::step::{ReduceF32, Reduction};

/// Columns or partial results that are held at once.
pub(super) const LANES: usize = 16;

/// Calls `f(first, count)` for stretches of at most [`LANES`] of `inner` columns.
#[inline(always)]
pub(super) fn for_each_column(inner: usize, mut f: impl FnMut(usize, usize)) {
    (0..inner).step_by(LANES).for_each(|first| f(first, LANES.min(inner - first)));
}

/// Combines all elements, [`LANES`] at once and then those.
#[inline(always)]
fn fold(x: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    if chunks.is_empty() {
        return rest.iter().fold(start, |all, &x| combine(all, x));
    }
    let mut partial = [start; LANES];
    for chunk in chunks {
        partial.iter_mut().zip(chunk).for_each(|(partial, &x)| *partial = combine(*partial, x));
    }
    let rest = rest.iter().fold(start, |all, &x| combine(all, x));
    partial.iter().fold(rest, |all, &partial| combine(all, partial))
}

/// The largest element.
#[inline(always)]
pub(super) fn largest(x: &[f32]) -> f32 {
    fold(x, f32::NEG_INFINITY, maximum)
}

/// The sum of all elements.
#[inline(always)]
pub(super) fn sum(x: &[f32]) -> f32 {
    fold(x, 0.0, |a, b| a + b)
}

#[inline(always)]
pub(super) fn maximum(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[inline(always)]
pub(super) fn minimum(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// See [`ReduceF32`].
#[inline(always)]
pub fn reduce_f32(step: &ReduceF32, x: &[f32], y: &mut [f32]) {
    let share = 1.0 / step.len as f32;
    match step.reduction {
        Reduction::Sum => reduce(step, x, y, 0.0, |a, b| a + b, |sum| sum),
        Reduction::Mean => reduce(step, x, y, 0.0, |a, b| a + b, |sum| sum * share),
        Reduction::Maximum => reduce(step, x, y, f32::NEG_INFINITY, maximum, |most| most),
        Reduction::Minimum => reduce(step, x, y, f32::INFINITY, minimum, |least| least),
    }
}

#[inline(always)]
fn reduce(
    step: &ReduceF32,
    x: &[f32],
    y: &mut [f32],
    start: f32,
    combine: impl Fn(f32, f32) -> f32,
    finish: impl Fn(f32) -> f32,
) {
    let (len, inner) = (step.len as usize, step.inner as usize);
    for (x, y) in x.chunks_exact(len * inner).zip(y.chunks_exact_mut(inner)) {
        if let [y] = y {
            *y = finish(fold(x, start, &combine));
            continue;
        }
        for_each_column(inner, |first, lanes| {
            let mut all = [start; LANES];
            for row in x.chunks_exact(inner) {
                all.iter_mut().zip(&row[first..][..lanes]).for_each(|(all, &x)| *all = combine(*all, x));
            }
            y[first..][..lanes].iter_mut().zip(all).for_each(|(y, all)| *y = finish(all));
        });
    }
}
