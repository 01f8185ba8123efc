//! Depthwise convolution of NHWC maps: every channel by a window of its own.
//!
//! Weights are `[taps, channels]`, taps in row order. A vector is some channels of one pixel. For windows of 3×3 and 5×5 at
//! stride 1 or 2, four neighbouring outputs are summed at a time, so that an input that several of them see is loaded once;
//! rows that lie outside are read from a row of zeros, columns that do count as zeros. Any other window takes plain loops
//! over its taps.

use rayon::prelude::*;

use super::product::sum_of;
use crate::Real;
use crate::memory::Buffer;
use crate::simd::{Isa, Simd, Task};
use crate::window::{Geometry, Window};

/// Outputs that are summed together.
const TOGETHER: usize = 4;
/// Elements of the output that one part of the work has, about.
const PART: usize = 32 << 10;
/// Most parts of the weight gradient's sum.
const SUMS: usize = 16;

/// The convolution; writes all of `out`.
pub fn forward<T: Real>(isa: Isa, x: &[T], weight: &[T], g: Geometry, out: &mut [T]) {
    check(g, x.len(), weight.len(), out.len());
    let row = g.output[1] * g.channels;
    if out.is_empty() {
        return;
    }
    let zeros = Buffer::zeros(g.input[1] * g.channels);
    let rows = (PART / row).clamp(1, g.output[0]);
    out.par_chunks_mut(g.places() * g.channels).zip(x.par_chunks(g.in_map())).for_each(|(out, map)| {
        out.par_chunks_mut(rows * row).enumerate().for_each(|(i, out)| {
            isa.run(Forward { map, weight, zeros: &zeros, first: i * rows, out, g });
        });
    });
}

/// Gradient with respect to the input; writes all of `out`.
pub fn input_gradient<T: Real>(isa: Isa, weight: &[T], dy: &[T], g: Geometry, out: &mut [T]) {
    check(g, out.len(), weight.len(), dy.len());
    if out.is_empty() {
        return;
    }
    if g.window.stride == [1, 1] {
        // The transpose of a convolution of stride 1 is the convolution with the kernel turned by half a turn.
        let mut turned = Buffer::stale(weight.len());
        for (to, from) in turned.chunks_exact_mut(g.channels).zip(weight.chunks_exact(g.channels).rev()) {
            to.copy_from_slice(from);
        }
        let [rows, columns] = g.window.kernel;
        let padding = [rows - 1 - g.window.padding[0], columns - 1 - g.window.padding[1]];
        let back = Geometry { window: Window { padding, ..g.window }, input: g.output, output: g.input, ..g };
        return forward(isa, dy, &turned, back, out);
    }
    let row = g.input[1] * g.channels;
    let rows = (PART / row).clamp(1, g.input[0]);
    let sources = [Sources::new(g, 0), Sources::new(g, 1)];
    let (kernel, stride) = (g.window.kernel, g.window.stride);
    out.par_chunks_mut(g.in_map()).zip(dy.par_chunks(g.places() * g.channels)).for_each(|(out, dy)| {
        out.par_chunks_mut(rows * row).enumerate().for_each(|(i, dx)| {
            let task = Backward { weight, dy, sources: &sources, first: i * rows, dx, g };
            match (kernel, stride) {
                ([3, 3], [2, 2]) => isa.run(BackwardByTwo::<T, 3>(task)),
                ([5, 5], [2, 2]) => isa.run(BackwardByTwo::<T, 5>(task)),
                _ => isa.run(task),
            }
        });
    });
}

/// Gradient with respect to the weights; writes all of `out`.
pub fn weight_gradient<T: Real>(isa: Isa, x: &[T], dy: &[T], g: Geometry, out: &mut [T]) {
    check(g, x.len(), out.len(), dy.len());
    let zeros = Buffer::zeros(g.input[1] * g.channels);
    let parts = (dy.len() / PART).clamp(1, SUMS);
    sum_of(parts, g.batch * g.output[0], out, |first, last, sum| {
        isa.run(Weights { x, dy, zeros: &zeros, rows: [first, last], sum, g });
    });
}

fn check(g: Geometry, x: usize, weight: usize, y: usize) {
    assert_eq!(x, g.batch * g.in_map(), "a depthwise convolution's input of the wrong size");
    assert_eq!(weight, g.window.taps() * g.channels, "a depthwise convolution's weight of the wrong size");
    assert_eq!(y, g.batch * g.places() * g.channels, "a depthwise convolution's output of the wrong size");
}

/// For every row (axis 0) or column (axis 1) of the input, the taps and places of the window that see it.
struct Sources {
    /// Where each one's list begins in `pairs`; one more for the end.
    starts: Vec<usize>,
    /// Tap and place.
    pairs: Vec<[usize; 2]>,
}

impl Sources {
    fn new(g: Geometry, axis: usize) -> Sources {
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

/// Some rows of one map's output.
struct Forward<'a, T> {
    map: &'a [T],
    weight: &'a [T],
    zeros: &'a [T],
    first: usize,
    out: &'a mut [T],
    g: Geometry,
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

/// The K rows under the window at row `place` of the output; zeros for those outside.
#[inline(always)]
fn rows_under<T: Real, const K: usize>(map: &[T], zeros: &[T], place: usize, g: Geometry) -> [*const T; K] {
    std::array::from_fn(|tap| match g.under(0, place, tap) {
        Some(y) => map[y * g.input[1] * g.channels..].as_ptr(),
        None => zeros.as_ptr(),
    })
}

/// Whether the next few places, and all columns that their windows see, lie inside the map.
#[inline(always)]
fn all_inside<const K: usize, const STRIDE: usize>(place: usize, g: Geometry) -> bool {
    let left = place * STRIDE;
    place + TOGETHER <= g.output[1]
        && left >= g.window.padding[1]
        && left + (TOGETHER - 1) * STRIDE + K <= g.input[1] + g.window.padding[1]
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

/// Some rows of the gradient with respect to one map, with any window.
struct Backward<'a, T> {
    weight: &'a [T],
    dy: &'a [T],
    sources: &'a [Sources; 2],
    first: usize,
    dx: &'a mut [T],
    g: Geometry,
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
struct BackwardByTwo<'a, T, const K: usize>(Backward<'a, T>);

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

/// What rows `rows[0]..rows[1]` of all maps' outputs add to the weight gradient.
struct Weights<'a, T> {
    x: &'a [T],
    dy: &'a [T],
    zeros: &'a [T],
    rows: [usize; 2],
    sum: &'a mut [T],
    g: Geometry,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{dot, slope, wave, worst};
    use proptest::prelude::*;

    /// Written from the definition, one multiplication at a time.
    fn reference(x: &[f64], w: &[f64], g: Geometry) -> Vec<f64> {
        let mut out = Vec::new();
        for map in x.chunks_exact(g.in_map()) {
            for place in 0..g.places() {
                for c in 0..g.channels {
                    let mut sum = 0.0;
                    for tap in 0..g.window.taps() {
                        let y = g.under(0, place / g.output[1], tap / g.window.kernel[1]);
                        let x = g.under(1, place % g.output[1], tap % g.window.kernel[1]);
                        if let (Some(y), Some(x)) = (y, x) {
                            sum += map[(y * g.input[1] + x) * g.channels + c] * w[tap * g.channels + c];
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    prop_compose! {
        /// Mostly windows that have kernels of their own.
        fn windows()(kernel in prop::sample::select(vec![[3, 3], [5, 5], [1, 1], [2, 4], [3, 5]]),
                     stride in prop::sample::select(vec![[1, 1], [2, 2], [2, 1], [3, 3]]), padding in [0usize..5, 0usize..5])
            -> Window {
            Window { kernel, stride, padding: [padding[0] % kernel[0], padding[1] % kernel[1]] }
        }
    }

    proptest! {
        #[test]
        fn forward_is_the_definition(window in windows(), height in 5usize..10, width in 5usize..18, channels in 1usize..37) {
            let g = Geometry::new([2, height, width, channels], window);
            let (x, w) = (wave(2 * g.in_map(), 0.7), wave(window.taps() * channels, 1.3));
            let expected = reference(&x, &w, g);
            let narrow = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
            for isa in Isa::all() {
                let mut out = vec![7.0; expected.len()];
                forward(isa, &x, &w, g, &mut out);
                prop_assert!(worst(&out, &expected) < 1e-12);
                let mut out = vec![7.0; expected.len()];
                forward(isa, &narrow(&x), &narrow(&w), g, &mut out);
                prop_assert!(worst(&out, &expected) < 1e-4);
            }
        }

        /// The convolution is linear in the input and in the weights, so a central difference is exact up to rounding.
        #[test]
        fn gradients_match_finite_differences(window in windows(), height in 5usize..10, width in 5usize..18,
                                              channels in 1usize..19, pick in 0usize..10_000) {
            let g = Geometry::new([2, height, width, channels], window);
            let (x, w) = (wave(2 * g.in_map(), 0.7), wave(window.taps() * channels, 1.3));
            let dy = wave(2 * g.places() * channels, 0.37);
            let loss = |x: &[f64], w: &[f64]| dot(&reference(x, w, g), &dy);
            let (at_x, at_w) = (pick % x.len(), pick % w.len());
            let (slope_x, slope_w) = (slope(&x, at_x, 1e-3, |x| loss(x, &w)), slope(&w, at_w, 1e-3, |w| loss(&x, w)));
            for isa in Isa::all() {
                let (mut dx, mut dw) = (vec![7.0; x.len()], vec![7.0; w.len()]);
                input_gradient(isa, &w, &dy, g, &mut dx);
                weight_gradient(isa, &x, &dy, g, &mut dw);
                prop_assert!((slope_x - dx[at_x]).abs() < 1e-8, "{isa:?} dx {} against {slope_x}", dx[at_x]);
                prop_assert!((slope_w - dw[at_w]).abs() < 1e-8, "{isa:?} dw {} against {slope_w}", dw[at_w]);
            }
        }
    }
}
