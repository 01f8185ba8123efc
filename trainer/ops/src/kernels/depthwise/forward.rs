//! Forward: a few outputs of a row at a time.

use super::{TOGETHER, all_inside, rows_under};
use crate::Real;
use crate::simd::{Simd, Task};
use crate::window::Geometry;

/// Some rows of one map's output.
pub(super) struct Forward<'a, T> {
    pub(super) map: &'a [T],
    pub(super) weight: &'a [T],
    pub(super) zeros: &'a [T],
    pub(super) first: usize,
    pub(super) out: &'a mut [T],
    pub(super) g: Geometry,
}

impl<T: Real> Task<T> for Forward<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        match (self.g.window.kernel, self.g.window.stride) {
            ([3, 3], [1, 1]) => simd.invoke(ForwardOf::<T, 3, 1>(self)),
            ([3, 3], [2, 2]) => simd.invoke(ForwardOf::<T, 3, 2>(self)),
            ([5, 5], [1, 1]) => simd.invoke(ForwardOf::<T, 5, 1>(self)),
            ([5, 5], [2, 2]) => simd.invoke(ForwardOf::<T, 5, 2>(self)),
            _ => simd.invoke(ForwardAny(self)),
        }
    }
}

/// With a square window of K at a stride.
struct ForwardOf<'a, T, const K: usize, const STRIDE: usize>(Forward<'a, T>);

impl<T: Real, const K: usize, const STRIDE: usize> Task<T> for ForwardOf<'_, T, K, STRIDE> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Forward { map, weight, zeros, first, out, g } = self.0;
        let channels = g.channels;
        assert!(map.len() >= g.in_map() && weight.len() >= K * K * channels && zeros.len() >= g.input[1] * channels);
        for (i, out) in out.chunks_exact_mut(g.output[1] * channels).enumerate() {
            let rows = rows_under::<T, K>(map, zeros, first + i, g);
            for channel in (0..channels).step_by(S::LANES) {
                let rows = rows.map(|row| row.wrapping_add(channel));
                let (weight, out) = (weight.as_ptr().wrapping_add(channel), out.as_mut_ptr().wrapping_add(channel));
                let left = channels - channel;
                // SAFETY: the rows have as many columns as the input, the weight as many taps as the window, the output as many
                // columns as the geometry says, and each of them `left` channels from here on.
                #[allow(unsafe_code)]
                unsafe {
                    if left >= S::LANES {
                        forward_row::<T, S, K, STRIDE, false>(simd, rows, weight, out, left, g);
                    } else {
                        forward_row::<T, S, K, STRIDE, true>(simd, rows, weight, out, left, g);
                    }
                }
            }
        }
    }
}

/// One row of the output, for one vector of channels.
///
/// # Safety
/// The rows hold the input's columns, `weight` the window's taps and `out` the output's columns, each of `g.channels` elements of
/// which `left` are beyond the pointer.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn forward_row<T: Real, S: Simd<T>, const K: usize, const STRIDE: usize, const PARTIAL: bool>(
    simd: S,
    rows: [*const T; K],
    weight: *const T,
    out: *mut T,
    left: usize,
    g: Geometry,
) {
    let channels = g.channels;
    let mask = simd.mask(left.min(S::LANES));
    // SAFETY: reads and writes are those that the caller allows; the mask leaves out what the last vector has too much.
    unsafe {
        let load = |from: *const T| if PARTIAL { simd.load_masked(from, mask) } else { simd.load(from) };
        let store = |v, to: *mut T| if PARTIAL { simd.store_masked(v, to, mask) } else { simd.store(v, to) };
        let mut weights = [[simd.splat(T::ZERO); K]; K];
        for (row, weights) in weights.iter_mut().enumerate() {
            for (column, w) in weights.iter_mut().enumerate() {
                *w = load(weight.add((row * K + column) * channels));
            }
        }
        for place in (0..g.output[1]).step_by(TOGETHER) {
            let inside = all_inside::<K, STRIDE>(place, g);
            // Wraps where the window begins in the padding; such columns are not read.
            let left = (place * STRIDE).wrapping_sub(g.window.padding[1]);
            let mut sums = [simd.splat(T::ZERO); TOGETHER];
            for column in 0..(TOGETHER - 1) * STRIDE + K {
                let at = left.wrapping_add(column);
                if !inside && at >= g.input[1] {
                    continue;
                }
                for row in 0..K {
                    let x = load(rows[row].add(at * channels));
                    for (i, sum) in sums.iter_mut().enumerate() {
                        if column >= i * STRIDE && column < i * STRIDE + K {
                            *sum = simd.mul_add(x, weights[row][column - i * STRIDE], *sum);
                        }
                    }
                }
            }
            for (i, &sum) in sums.iter().enumerate() {
                if inside || place + i < g.output[1] {
                    store(sum, out.add((place + i) * channels));
                }
            }
        }
    }
}

/// With any window.
struct ForwardAny<'a, T>(Forward<'a, T>);

impl<T: Real> Task<T> for ForwardAny<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, _simd: S) {
        let Forward { map, weight, first, out, g, .. } = self.0;
        let channels = g.channels;
        out.fill(T::ZERO);
        for (i, out) in out.chunks_exact_mut(channels).enumerate() {
            let (top, left) = (first + i / g.output[1], i % g.output[1]);
            for (tap, w) in weight.chunks_exact(channels).enumerate() {
                let y = g.under(0, top, tap / g.window.kernel[1]);
                let x = g.under(1, left, tap % g.window.kernel[1]);
                let (Some(y), Some(x)) = (y, x) else { continue };
                let from = &map[(y * g.input[1] + x) * channels..][..channels];
                for ((out, &x), &w) in out.iter_mut().zip(from).zip(w) {
                    *out = x.mul_add(w, *out);
                }
            }
        }
    }
}
