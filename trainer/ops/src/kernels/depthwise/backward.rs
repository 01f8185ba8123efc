//! The gradient with respect to the input, where the stride is not 1: every input gathers from the outputs that saw it.

use super::TOGETHER;
use crate::Real;
use crate::simd::{Simd, Task};
use crate::window::Geometry;

/// For every row (axis 0) or column (axis 1) of the input, the taps and places of the window that see it.
pub(super) struct Sources {
    /// Where each one's list begins in `pairs`; one more for the end.
    starts: Vec<usize>,
    /// Tap and place.
    pairs: Vec<[usize; 2]>,
}

impl Sources {
    pub(super) fn new(g: Geometry, axis: usize) -> Sources {
        let mut sources = Sources { starts: vec![0], pairs: Vec::new() };
        for at in 0..g.input[axis] {
            for tap in 0..g.window.kernel[axis] {
                let Some(from) = (at + g.window.padding[axis]).checked_sub(tap) else { continue };
                let (place, rest) = (from / g.window.stride[axis], from % g.window.stride[axis]);
                if rest == 0 && place < g.output[axis] {
                    sources.pairs.push([tap, place]);
                }
            }
            sources.starts.push(sources.pairs.len());
        }
        sources
    }

    #[inline(always)]
    fn of(&self, at: usize) -> &[[usize; 2]] {
        &self.pairs[self.starts[at]..self.starts[at + 1]]
    }
}

/// Some rows of the gradient with respect to one map, with any window.
pub(super) struct Backward<'a, T> {
    pub(super) weight: &'a [T],
    pub(super) dy: &'a [T],
    pub(super) sources: &'a [Sources; 2],
    pub(super) first: usize,
    pub(super) dx: &'a mut [T],
    pub(super) g: Geometry,
}

impl<T: Real> Task<T> for Backward<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Backward { weight, dy, sources, first, dx, g } = self;
        let channels = g.channels;
        assert!(weight.len() >= g.window.taps() * channels && dy.len() >= g.places() * channels);
        for (i, dx) in dx.chunks_exact_mut(g.input[1] * channels).enumerate() {
            let rows = sources[0].of(first + i);
            for (x, dx) in dx.chunks_exact_mut(channels).enumerate() {
                let columns = sources[1].of(x);
                for channel in (0..channels).step_by(S::LANES) {
                    let left = channels - channel;
                    let mask = simd.mask(left.min(S::LANES));
                    let mut sum = simd.splat(T::ZERO);
                    for &[row, y] in rows {
                        for &[column, x] in columns {
                            let (tap, place) = (row * g.window.kernel[1] + column, y * g.output[1] + x);
                            debug_assert!(tap < g.window.taps() && place < g.places());
                            // SAFETY: taps and places are those of the geometry, by the way `Sources` are made.
                            #[allow(unsafe_code)]
                            unsafe {
                                let w = weight.as_ptr().add(tap * channels + channel);
                                let d = dy.as_ptr().add(place * channels + channel);
                                sum = if left >= S::LANES {
                                    simd.mul_add(simd.load(w), simd.load(d), sum)
                                } else {
                                    simd.mul_add(simd.load_masked(w, mask), simd.load_masked(d, mask), sum)
                                };
                            }
                        }
                    }
                    // SAFETY: `left` elements are left.
                    #[allow(unsafe_code)]
                    unsafe {
                        let to = dx.as_mut_ptr().add(channel);
                        if left >= S::LANES { simd.store(sum, to) } else { simd.store_masked(sum, to, mask) }
                    }
                }
            }
        }
    }
}

/// With a square window of K at stride 2.
pub(super) struct BackwardByTwo<'a, T, const K: usize>(pub(super) Backward<'a, T>);

impl<T: Real, const K: usize> Task<T> for BackwardByTwo<'_, T, K> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Backward { weight, dy, sources, first, dx, g } = self.0;
        let channels = g.channels;
        assert!(weight.len() >= K * K * channels && dy.len() >= g.places() * channels);
        for (i, dx) in dx.chunks_exact_mut(g.input[1] * channels).enumerate() {
            let rows = sources[0].of(first + i);
            for channel in (0..channels).step_by(S::LANES) {
                let (weight, dy) = (weight.as_ptr().wrapping_add(channel), dy.as_ptr().wrapping_add(channel));
                let (dx, left) = (dx.as_mut_ptr().wrapping_add(channel), channels - channel);
                // SAFETY: taps and places are those of the geometry, by the way `Sources` are made; the row has as many columns as
                // the input; and each of them has `left` channels from here on.
                #[allow(unsafe_code)]
                unsafe {
                    if left >= S::LANES {
                        backward_row::<T, S, K, false>(simd, rows, weight, dy, dx, left, g);
                    } else {
                        backward_row::<T, S, K, true>(simd, rows, weight, dy, dx, left, g);
                    }
                }
            }
        }
    }
}

/// One row of the gradient, for one vector of channels, at stride 2.
///
/// With p columns of padding, input columns 2m − p and 2m + 1 − p are seen from places m, m − 1, … through the even and the odd columns of
/// the window. So pairs of columns are summed, a few at a time.
///
/// # Safety
/// The rows' taps and places are those of the geometry, and `dx` holds the input's columns, each of `g.channels` elements of which
/// `left` are beyond the pointer.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn backward_row<T: Real, S: Simd<T>, const K: usize, const PARTIAL: bool>(
    simd: S,
    rows: &[[usize; 2]],
    weight: *const T,
    dy: *const T,
    dx: *mut T,
    left: usize,
    g: Geometry,
) {
    let (channels, padding) = (g.channels, g.window.padding[1]);
    let mask = simd.mask(left.min(S::LANES));
    let earlier = K.div_ceil(2) - 1;
    // SAFETY: reads and writes are those that the caller allows; the mask leaves out what the last vector has too much.
    unsafe {
        let load = |from: *const T| if PARTIAL { simd.load_masked(from, mask) } else { simd.load(from) };
        for pair in (0..(g.input[1] + padding).div_ceil(2)).step_by(TOGETHER) {
            let mut sums = [[simd.splat(T::ZERO); 2]; TOGETHER];
            for &[row, y] in rows {
                let mut weights = [simd.splat(T::ZERO); K];
                for (column, w) in weights.iter_mut().enumerate() {
                    *w = load(weight.add((row * K + column) * channels));
                }
                for step in 0..TOGETHER + earlier {
                    // Wraps before the first place; neither that nor what lies after the last is read.
                    let place = (pair + step).wrapping_sub(earlier);
                    if place >= g.output[1] {
                        continue;
                    }
                    let d = load(dy.add((y * g.output[1] + place) * channels));
                    for (i, sums) in sums.iter_mut().enumerate() {
                        // From place m − back.
                        let back = (i + earlier).wrapping_sub(step);
                        if back <= earlier {
                            sums[0] = simd.mul_add(d, weights[2 * back], sums[0]);
                            if 2 * back + 1 < K {
                                sums[1] = simd.mul_add(d, weights[2 * back + 1], sums[1]);
                            }
                        }
                    }
                }
            }
            for (i, &[even, odd]) in sums.iter().enumerate() {
                for (column, sum) in [(2 * (pair + i), even), (2 * (pair + i) + 1, odd)] {
                    let column = column.wrapping_sub(padding);
                    if column < g.input[1] {
                        let to = dx.add(column * channels);
                        if PARTIAL { simd.store_masked(sum, to, mask) } else { simd.store(sum, to) }
                    }
                }
            }
        }
    }
}
