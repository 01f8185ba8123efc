//! Depthwise convolution of NHWC maps: every channel by a window of its own.
//!
//! Weights are `[taps, channels]`, taps in row order. A vector is some channels of one pixel. For windows of 3×3 and 5×5 at
//! stride 1 or 2, four neighbouring outputs are summed at a time, so that an input that several of them see is loaded once;
//! rows that lie outside are read from a row of zeros, columns that do count as zeros. Any other window takes plain loops
//! over its taps.

mod backward;
mod forward;
mod weights;

use rayon::prelude::*;

use self::backward::{Backward, BackwardByTwo, Sources};
use self::forward::Forward;
use self::weights::Weights;
use super::product::sum_of;
use crate::Real;
use crate::memory::Buffer;
use crate::simd::Isa;
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
