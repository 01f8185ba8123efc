//! Dense convolution of NHWC maps as a matrix product, a few pixels at a time.
//!
//! The weight is a matrix `[taps·inputs, outputs]`: taps in row order, then input channels. What the window sees at a few dozen
//! places is laid out row by row in a scratch that stays in the second cache, multiplied, and forgotten; the backward
//! pass lays it out again. Nothing of the size of the maps times the window is ever stored.

use rayon::prelude::*;

use super::product::{self, Product, Start, add_transposed, rows_at_once, unbounded};
use crate::Real;
use crate::memory::Buffer;
use crate::simd::{Isa, Simd, Task};
use crate::window::{Geometry, Window};

/// Places from which on the weight gradient's sum gets another part.
const PLACES_OF_PART: usize = 1024;

/// The convolution of `x` by `weight` with `outputs` channels; writes all of `out`.
pub fn forward<T: Real>(isa: Isa, x: &[T], weight: &[T], outputs: usize, g: Geometry, out: &mut [T]) {
    let steps = g.window.taps() * g.channels;
    assert_eq!(x.len(), g.batch * g.in_map(), "a convolution's input of the wrong size");
    assert_eq!(weight.len(), steps * outputs, "a convolution's weight of the wrong size");
    assert_eq!(out.len(), g.batch * g.places() * outputs, "a convolution's output of the wrong size");
    if g.window.is_pointwise() {
        return product::multiply(isa, x, weight, [steps, outputs], None, unbounded(), out);
    }
    if outputs == 0 {
        return;
    }
    let part = rows_at_once(steps);
    out.par_chunks_mut(part * outputs).enumerate().for_each(|(i, c)| {
        let rows = c.len() / outputs;
        let mut seen = Buffer::stale(rows * steps);
        isa.run(Gather { x, first: i * part, seen: &mut seen, g });
        isa.run(Product {
            a: &seen,
            a_strides: [steps, 1],
            b: weight,
            b_stride: outputs,
            c,
            c_stride: outputs,
            size: [rows, steps, outputs],
            start: Start::Zero,
            bounds: unbounded(),
        });
    });
}

/// Gradient with respect to the weight: `[taps·inputs, outputs]`.
pub fn weight_gradient<T: Real>(isa: Isa, x: &[T], dy: &[T], outputs: usize, g: Geometry, out: &mut [T]) {
    let steps = g.window.taps() * g.channels;
    let places = g.batch * g.places();
    assert_eq!((x.len(), dy.len()), (g.batch * g.in_map(), places * outputs), "a convolution's maps of the wrong size");
    assert_eq!(out.len(), steps * outputs, "a convolution's weight of the wrong size");
    if g.window.is_pointwise() {
        return product::multiply_transposed(isa, x, dy, [steps, outputs], out);
    }
    let block = rows_at_once(steps);
    let parts = places.div_ceil(PLACES_OF_PART).clamp(1, 16);
    product::sum_of(parts, places, out, |first, last, sum| {
        let mut seen = Buffer::stale(block.min(last - first) * steps);
        for first in (first..last).step_by(block) {
            let rows = block.min(last - first);
            let seen = &mut seen[..rows * steps];
            isa.run(Gather { x, first, seen, g });
            isa.run(add_transposed(seen, &dy[first * outputs..], [steps, rows, outputs], sum));
        }
    });
}

/// Gradient with respect to the input.
pub fn input_gradient<T: Real>(isa: Isa, weight: &[T], dy: &[T], outputs: usize, g: Geometry, out: &mut [T]) {
    let taps = g.window.taps();
    assert_eq!(dy.len(), g.batch * g.places() * outputs, "a convolution's output of the wrong size");
    assert_eq!(weight.len(), taps * g.channels * outputs, "a convolution's weight of the wrong size");
    assert_eq!(out.len(), g.batch * g.in_map(), "a convolution's input of the wrong size");
    if out.is_empty() {
        return;
    }
    if g.window.is_pointwise() {
        let turned = product::transpose(weight, g.channels, outputs);
        return product::multiply(isa, dy, &turned, [outputs, g.channels], None, unbounded(), out);
    }
    if g.window.stride == [1, 1] {
        // The transpose of a convolution of stride 1 is the convolution with the kernel turned by half a turn, and inputs
        // and outputs exchanged.
        let mut turned = Buffer::stale(weight.len());
        let size = g.channels * outputs;
        for (tap, weight) in weight.chunks_exact(size).enumerate() {
            let part = product::transpose(weight, g.channels, outputs);
            turned[(taps - 1 - tap) * size..][..size].copy_from_slice(&part);
        }
        let [rows, columns] = g.window.kernel;
        let padding = [rows - 1 - g.window.padding[0], columns - 1 - g.window.padding[1]];
        let back = Geometry {
            window: Window { padding, ..g.window },
            batch: g.batch,
            input: g.output,
            output: g.input,
            channels: outputs,
        };
        return forward(isa, dy, &turned, g.channels, back, out);
    }
    let steps = taps * g.channels;
    let turned = product::transpose(weight, steps, outputs);
    let part = rows_at_once(steps);
    out.par_chunks_mut(g.in_map()).enumerate().for_each(|(map, dx)| {
        dx.fill(T::ZERO);
        let mut seen = Buffer::stale(part * steps);
        for first in (0..g.places()).step_by(part) {
            let rows = part.min(g.places() - first);
            let seen = &mut seen[..rows * steps];
            isa.run(Product {
                a: &dy[(map * g.places() + first) * outputs..],
                a_strides: [outputs, 1],
                b: &turned,
                b_stride: steps,
                c: seen,
                c_stride: steps,
                size: [rows, outputs, steps],
                start: Start::Zero,
                bounds: unbounded(),
            });
            isa.run(Scatter { seen, first, dx, g });
        }
    });
}

/// Lays out what the window sees at places from `first` on (counted over the whole batch), one place a row of `seen`.
struct Gather<'a, T> {
    x: &'a [T],
    first: usize,
    seen: &'a mut [T],
    g: Geometry,
}

impl<T: Real> Task<T> for Gather<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Gather { x, first, seen, g } = self;
        let [kernel_rows, kernel_columns] = g.window.kernel;
        let (channels, width) = (g.channels, g.input[1]);
        let run = kernel_columns * channels;
        if run == 0 {
            return;
        }
        let mut places = Places::from(first, g);
        for row in seen.chunks_exact_mut(kernel_rows * run) {
            let [map, top, left] = places.step();
            let map = &x[map * g.in_map()..][..g.in_map()];
            // May lie in the padding, before the first column.
            let left = (left * g.window.stride[1]).wrapping_sub(g.window.padding[1]);
            for (tap, to) in row.chunks_exact_mut(run).enumerate() {
                let Some(y) = g.under(0, top, tap) else {
                    to.fill(T::ZERO);
                    continue;
                };
                let from = &map[y * width * channels..][..width * channels];
                if left < width && left + kernel_columns <= width {
                    copy(simd, &from[left * channels..][..run], to);
                    continue;
                }
                for (column, to) in to.chunks_exact_mut(channels).enumerate() {
                    let x = left.wrapping_add(column);
                    if x < width { copy(simd, &from[x * channels..][..channels], to) } else { to.fill(T::ZERO) }
                }
            }
        }
    }
}

/// Places of the window, one after the other, over all maps.
struct Places {
    map: usize,
    row: usize,
    column: usize,
    output: [usize; 2],
}

impl Places {
    fn from(first: usize, g: Geometry) -> Places {
        let (map, place) = (first / g.places().max(1), first % g.places().max(1));
        Places { map, row: place / g.output[1], column: place % g.output[1], output: g.output }
    }

    /// Map, row and column of the next place.
    #[inline(always)]
    fn step(&mut self) -> [usize; 3] {
        let place = [self.map, self.row, self.column];
        self.column += 1;
        if self.column == self.output[1] {
            (self.column, self.row) = (0, self.row + 1);
        }
        if self.row == self.output[0] {
            (self.row, self.map) = (0, self.map + 1);
        }
        place
    }
}

/// Copies a short slice without a call.
#[inline(always)]
fn copy<T: Real, S: Simd<T>>(simd: S, from: &[T], to: &mut [T]) {
    assert_eq!(from.len(), to.len(), "slices of the same length");
    let whole = from.len() / S::LANES * S::LANES;
    // SAFETY: both slices have `whole` elements, and as many more as the mask has lanes.
    #[allow(unsafe_code)]
    unsafe {
        let (from_first, to_first) = (from.as_ptr(), to.as_mut_ptr());
        let mut at = 0;
        while at < whole {
            simd.store(simd.load(from_first.add(at)), to_first.add(at));
            at += S::LANES;
        }
        if at < from.len() {
            let mask = simd.mask(from.len() - at);
            simd.store_masked(simd.load_masked(from_first.add(at), mask), to_first.add(at), mask);
        }
    }
}

/// The transpose of [`Gather`] within one map: adds every row to the inputs that it was laid out from.
struct Scatter<'a, T> {
    seen: &'a [T],
    first: usize,
    dx: &'a mut [T],
    g: Geometry,
}

impl<T: Real> Task<T> for Scatter<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, _simd: S) {
        let Scatter { seen, first, dx, g } = self;
        let [kernel_rows, kernel_columns] = g.window.kernel;
        let channels = g.channels;
        let mut places = Places::from(first, g);
        for row in seen.chunks_exact(kernel_rows * kernel_columns * channels) {
            let [_, top, left] = places.step();
            for (tap, from) in row.chunks_exact(kernel_columns * channels).enumerate() {
                let Some(y) = g.under(0, top, tap) else { continue };
                for (column, from) in from.chunks_exact(channels).enumerate() {
                    let Some(x) = g.under(1, left, column) else { continue };
                    let to = &mut dx[(y * g.input[1] + x) * channels..][..channels];
                    for (to, &from) in to.iter_mut().zip(from) {
                        *to += from;
                    }
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
    fn reference(x: &[f64], weight: &[f64], outputs: usize, g: Geometry) -> Vec<f64> {
        let mut out = Vec::new();
        for map in x.chunks_exact(g.in_map()) {
            for place in 0..g.places() {
                for output in 0..outputs {
                    let mut sum = 0.0;
                    for tap in 0..g.window.taps() {
                        let y = g.under(0, place / g.output[1], tap / g.window.kernel[1]);
                        let x = g.under(1, place % g.output[1], tap % g.window.kernel[1]);
                        let (Some(y), Some(x)) = (y, x) else { continue };
                        for c in 0..g.channels {
                            sum += map[(y * g.input[1] + x) * g.channels + c]
                                * weight[(tap * g.channels + c) * outputs + output];
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    prop_compose! {
        pub fn windows()(kernel in [1usize..5, 1usize..5], stride in [1usize..4, 1usize..4], pad in [0usize..4, 0usize..4])
            -> Window {
            Window { kernel, stride, padding: [pad[0] % kernel[0], pad[1] % kernel[1]] }
        }
    }

    proptest! {
        #[test]
        fn forward_is_the_definition(window in windows(), height in 4usize..8, width in 4usize..8,
                                     channels in 1usize..20, outputs in 1usize..20) {
            let g = Geometry::new([2, height, width, channels], window);
            let (x, w) = (wave(2 * g.in_map(), 0.7), wave(window.taps() * channels * outputs, 1.3));
            let expected = reference(&x, &w, outputs, g);
            for isa in Isa::all() {
                let mut out = vec![7.0; expected.len()];
                forward(isa, &x, &w, outputs, g, &mut out);
                prop_assert!(worst(&out, &expected) < 1e-11);
            }
        }

        /// The convolution is linear in the input and in the weight, so a central difference is exact up to rounding.
        #[test]
        fn gradients_match_finite_differences(window in windows(), height in 4usize..8, width in 4usize..8,
                                              channels in 1usize..9, outputs in 1usize..9, pick in 0usize..10_000) {
            let g = Geometry::new([2, height, width, channels], window);
            let (x, w) = (wave(2 * g.in_map(), 0.7), wave(window.taps() * channels * outputs, 1.3));
            let dy = wave(2 * g.places() * outputs, 0.37);
            let loss = |x: &[f64], w: &[f64]| {
                let mut out = vec![0.0; dy.len()];
                forward(Isa::best(), x, w, outputs, g, &mut out);
                dot(&out, &dy)
            };
            let (at_x, at_w) = (pick % x.len(), pick % w.len());
            for isa in Isa::all() {
                let (mut dx, mut dw) = (vec![7.0; x.len()], vec![7.0; w.len()]);
                input_gradient(isa, &w, &dy, outputs, g, &mut dx);
                weight_gradient(isa, &x, &dy, outputs, g, &mut dw);
                prop_assert!((slope(&x, at_x, 1e-3, |x| loss(x, &w)) - dx[at_x]).abs() < 1e-8);
                prop_assert!((slope(&w, at_w, 1e-3, |w| loss(&x, w)) - dw[at_w]).abs() < 1e-8);
            }
        }
    }
}
