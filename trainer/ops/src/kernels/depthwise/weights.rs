//! The gradient with respect to the weights, whose sums stay in registers for a row of the output.

use super::{TOGETHER, all_inside, rows_under};
use crate::Real;
use crate::simd::{Simd, Task};
use crate::window::Geometry;

/// What rows `rows[0]..rows[1]` of all maps' outputs add to the weight gradient.
pub(super) struct Weights<'a, T> {
    pub(super) x: &'a [T],
    pub(super) dy: &'a [T],
    pub(super) zeros: &'a [T],
    pub(super) rows: [usize; 2],
    pub(super) sum: &'a mut [T],
    pub(super) g: Geometry,
}

impl<T: Real> Task<T> for Weights<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        match (self.g.window.kernel, self.g.window.stride) {
            ([3, 3], [1, 1]) => simd.invoke(WeightsOf::<T, 3, 1>(self)),
            ([3, 3], [2, 2]) => simd.invoke(WeightsOf::<T, 3, 2>(self)),
            ([5, 5], [1, 1]) => simd.invoke(WeightsOf::<T, 5, 1>(self)),
            ([5, 5], [2, 2]) => simd.invoke(WeightsOf::<T, 5, 2>(self)),
            _ => simd.invoke(WeightsAny(self)),
        }
    }
}

/// With a square window of K at a stride.
struct WeightsOf<'a, T, const K: usize, const STRIDE: usize>(Weights<'a, T>);

impl<T: Real, const K: usize, const STRIDE: usize> Task<T> for WeightsOf<'_, T, K, STRIDE> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Weights { x, dy, zeros, rows, sum, g } = self.0;
        let channels = g.channels;
        assert!(sum.len() >= K * K * channels && zeros.len() >= g.input[1] * channels);
        for row in rows[0]..rows[1] {
            let map = &x[row / g.output[0] * g.in_map()..][..g.in_map()];
            let dy = &dy[row * g.output[1] * channels..][..g.output[1] * channels];
            let rows = rows_under::<T, K>(map, zeros, row % g.output[0], g);
            for channel in (0..channels).step_by(S::LANES) {
                let rows = rows.map(|row| row.wrapping_add(channel));
                let (dy, sum) = (dy.as_ptr().wrapping_add(channel), sum.as_mut_ptr().wrapping_add(channel));
                let left = channels - channel;
                // SAFETY: the rows have as many columns as the input, the sum as many taps as the window, the gradient as many
                // columns as the output, and each of them `left` channels from here on.
                #[allow(unsafe_code)]
                unsafe {
                    if left >= S::LANES {
                        weights_row::<T, S, K, STRIDE, false>(simd, rows, dy, sum, left, g);
                    } else {
                        weights_row::<T, S, K, STRIDE, true>(simd, rows, dy, sum, left, g);
                    }
                }
            }
        }
    }
}

/// Adds what one row of the output gives to the weight gradient, for one vector of channels.
///
/// # Safety
/// The rows hold the input's columns, `sum` the window's taps and `dy` the output's columns, each of `g.channels` elements of
/// which `left` are beyond the pointer.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn weights_row<T: Real, S: Simd<T>, const K: usize, const STRIDE: usize, const PARTIAL: bool>(
    simd: S,
    rows: [*const T; K],
    dy: *const T,
    sum: *mut T,
    left: usize,
    g: Geometry,
) {
    let channels = g.channels;
    let mask = simd.mask(left.min(S::LANES));
    // SAFETY: reads and writes are those that the caller allows; the mask leaves out what the last vector has too much.
    unsafe {
        let load = |from: *const T| if PARTIAL { simd.load_masked(from, mask) } else { simd.load(from) };
        let store = |v, to: *mut T| if PARTIAL { simd.store_masked(v, to, mask) } else { simd.store(v, to) };
        let mut sums = [[simd.splat(T::ZERO); K]; K];
        for (row, sums) in sums.iter_mut().enumerate() {
            for (column, s) in sums.iter_mut().enumerate() {
                *s = load(sum.add((row * K + column) * channels));
            }
        }
        for place in (0..g.output[1]).step_by(TOGETHER) {
            let inside = all_inside::<K, STRIDE>(place, g);
            // Wraps where the window begins in the padding; such columns are not read.
            let left = (place * STRIDE).wrapping_sub(g.window.padding[1]);
            let mut d = [simd.splat(T::ZERO); TOGETHER];
            for (i, d) in d.iter_mut().enumerate() {
                if inside || place + i < g.output[1] {
                    *d = load(dy.add((place + i) * channels));
                }
            }
            for column in 0..(TOGETHER - 1) * STRIDE + K {
                let at = left.wrapping_add(column);
                if !inside && at >= g.input[1] {
                    continue;
                }
                for row in 0..K {
                    let x = load(rows[row].add(at * channels));
                    for (i, &d) in d.iter().enumerate() {
                        if column >= i * STRIDE && column < i * STRIDE + K {
                            let s = &mut sums[row][column - i * STRIDE];
                            *s = simd.mul_add(x, d, *s);
                        }
                    }
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (column, &s) in sums.iter().enumerate() {
                store(s, sum.add((row * K + column) * channels));
            }
        }
    }
}

/// With any window.
struct WeightsAny<'a, T>(Weights<'a, T>);

impl<T: Real> Task<T> for WeightsAny<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, _simd: S) {
        let Weights { x, dy, rows, sum, g, .. } = self.0;
        let channels = g.channels;
        for place in rows[0] * g.output[1]..rows[1] * g.output[1] {
            let map = &x[place / g.places() * g.in_map()..][..g.in_map()];
            let dy = &dy[place * channels..][..channels];
            let (top, left) = (place % g.places() / g.output[1], place % g.output[1]);
            for (tap, sum) in sum.chunks_exact_mut(channels).enumerate() {
                let y = g.under(0, top, tap / g.window.kernel[1]);
                let x = g.under(1, left, tap % g.window.kernel[1]);
                let (Some(y), Some(x)) = (y, x) else { continue };
                let from = &map[(y * g.input[1] + x) * channels..][..channels];
                for ((sum, &x), &d) in sum.iter_mut().zip(from).zip(dy) {
                    *sum = x.mul_add(d, *sum);
                }
            }
        }
    }
}
