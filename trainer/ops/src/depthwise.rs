//! Depthwise 3×3 convolution with padding 1, stride 1 or 2, over NHWC maps.
//!
//! Each image is first copied into a buffer with a border of zeros, so that the loops need no edge cases; then sixteen
//! channels at a time are accumulated over the nine taps. Weights are `[9, channels]`, taps in row order.

use pulp::Arch;

use crate::Real;

/// Channels handled at once; a multiple of every SIMD width in use. What is left over runs one by one.
const LANES: usize = 16;
/// Channels handled at once where nine accumulators have to stay in registers.
const NARROW: usize = 8;

/// Sizes of one depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images in the batch.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows and columns to step over from one output to the next: 1 or 2.
    pub stride: usize,
}

impl Geometry {
    /// Rows of the output: `ceil(height / stride)`.
    pub fn out_height(&self) -> usize {
        self.height.div_ceil(self.stride)
    }
    /// Columns of the output: `ceil(width / stride)`.
    pub fn out_width(&self) -> usize {
        self.width.div_ceil(self.stride)
    }
    /// Elements of the output.
    pub fn out_len(&self) -> usize {
        self.batch * self.out_height() * self.out_width() * self.channels
    }
    /// Elements of the input.
    pub fn in_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }
    fn padded_width(&self) -> usize {
        self.width + 2
    }
    fn padded_len(&self) -> usize {
        (self.height + 2) * self.padded_width() * self.channels
    }
    /// Where the nine taps lie in the bordered image, relative to the first.
    fn taps(&self) -> [usize; 9] {
        let row = self.padded_width() * self.channels;
        std::array::from_fn(|tap| tap / 3 * row + tap % 3 * self.channels)
    }
    /// Start of the first tap of an output pixel in the bordered image.
    fn origin(&self, y: usize, x: usize) -> usize {
        (y * self.stride * self.padded_width() + x * self.stride) * self.channels
    }
}

/// The convolution. `x` holds `in_len`, `weight` `9·channels` and the result `out_len` elements.
pub fn forward<T: Real>(x: &[T], weight: &[T], geometry: Geometry) -> Vec<T> {
    let g = geometry;
    assert_eq!((x.len(), weight.len()), (g.in_len(), 9 * g.channels), "depthwise operands of the wrong size");
    let mut out = vec![T::ZERO; g.out_len()];
    let mut bordered = vec![T::ZERO; g.padded_len()];
    let images = x.chunks_exact(g.in_len() / g.batch.max(1)).zip(out.chunks_exact_mut(g.out_len() / g.batch.max(1)));
    let arch = Arch::new();
    for (image, result) in images {
        arch.dispatch(
            #[inline(always)]
            || {
                border(image, &mut bordered, g);
                convolve(&bordered, weight, result, g);
            },
        );
    }
    out
}

/// Gradient of the loss with respect to `x`, from the gradient `dy` with respect to the output.
pub fn input_gradient<T: Real>(weight: &[T], dy: &[T], geometry: Geometry) -> Vec<T> {
    let g = geometry;
    assert_eq!((dy.len(), weight.len()), (g.out_len(), 9 * g.channels), "depthwise operands of the wrong size");
    if g.stride == 1 {
        // The transpose of a convolution of stride 1 is the convolution with the kernel turned by half a turn.
        let turned: Vec<T> = weight.chunks_exact(g.channels.max(1)).rev().flatten().copied().collect();
        return forward(dy, &turned, g);
    }
    let mut dx = vec![T::ZERO; g.in_len()];
    let mut bordered = vec![T::ZERO; g.padded_len()];
    let images = dy.chunks_exact(g.out_len() / g.batch.max(1)).zip(dx.chunks_exact_mut(g.in_len() / g.batch.max(1)));
    let arch = Arch::new();
    for (gradient, result) in images {
        arch.dispatch(
            #[inline(always)]
            || {
                scatter(gradient, weight, &mut bordered, g);
                unborder(&bordered, result, g);
            },
        );
    }
    dx
}

/// Gradient of the loss with respect to the weights, from the gradient `dy` with respect to the output.
pub fn weight_gradient<T: Real>(x: &[T], dy: &[T], geometry: Geometry) -> Vec<T> {
    let g = geometry;
    assert_eq!((x.len(), dy.len()), (g.in_len(), g.out_len()), "depthwise operands of the wrong size");
    let mut dw = vec![T::ZERO; 9 * g.channels];
    let mut bordered = vec![T::ZERO; g.padded_len()];
    let images = x.chunks_exact(g.in_len() / g.batch.max(1)).zip(dy.chunks_exact(g.out_len() / g.batch.max(1)));
    let arch = Arch::new();
    for (image, gradient) in images {
        arch.dispatch(
            #[inline(always)]
            || {
                border(image, &mut bordered, g);
                correlate(&bordered, gradient, &mut dw, g);
            },
        );
    }
    dw
}

/// Copies an image into the middle of a bordered buffer; the border itself is never written and stays zero.
#[inline(always)]
fn border<T: Real>(image: &[T], bordered: &mut [T], g: Geometry) {
    let (row, padded) = (g.width * g.channels, g.padded_width() * g.channels);
    for (y, source) in image.chunks_exact(row).enumerate() {
        let start = (y + 1) * padded + g.channels;
        bordered[start..start + row].copy_from_slice(source);
    }
}

/// Copies the middle of a bordered buffer out.
#[inline(always)]
fn unborder<T: Real>(bordered: &[T], image: &mut [T], g: Geometry) {
    let (row, padded) = (g.width * g.channels, g.padded_width() * g.channels);
    for (y, target) in image.chunks_exact_mut(row).enumerate() {
        let start = (y + 1) * padded + g.channels;
        target.copy_from_slice(&bordered[start..start + row]);
    }
}

#[inline(always)]
fn convolve<T: Real>(bordered: &[T], weight: &[T], out: &mut [T], g: Geometry) {
    let (taps, channels) = (g.taps(), g.channels);
    for (pixel, target) in out.chunks_exact_mut(channels).enumerate() {
        let origin = g.origin(pixel / g.out_width(), pixel % g.out_width());
        let mut start = 0;
        let mut chunks = target.chunks_exact_mut(LANES);
        for chunk in &mut chunks {
            let mut sum = [T::ZERO; LANES];
            for (tap, offset) in taps.iter().enumerate() {
                let x = &bordered[origin + offset + start..][..LANES];
                let w = &weight[tap * channels + start..][..LANES];
                for lane in 0..LANES {
                    sum[lane] += x[lane] * w[lane];
                }
            }
            chunk.copy_from_slice(&sum);
            start += LANES;
        }
        for value in chunks.into_remainder() {
            for (tap, offset) in taps.iter().enumerate() {
                *value += bordered[origin + offset + start] * weight[tap * channels + start];
            }
            start += 1;
        }
    }
}

/// Spreads the output's gradient over the inputs it came from.
#[inline(always)]
fn scatter<T: Real>(dy: &[T], weight: &[T], bordered: &mut [T], g: Geometry) {
    let (taps, channels) = (g.taps(), g.channels);
    bordered.fill(T::ZERO);
    for (pixel, gradient) in dy.chunks_exact(channels).enumerate() {
        let origin = g.origin(pixel / g.out_width(), pixel % g.out_width());
        for (tap, offset) in taps.iter().enumerate() {
            let target = &mut bordered[origin + offset..][..channels];
            let w = &weight[tap * channels..][..channels];
            for ((t, &d), &w) in target.iter_mut().zip(gradient).zip(w) {
                *t += d * w;
            }
        }
    }
}

/// Adds one image's share to the weight gradient.
#[inline(always)]
fn correlate<T: Real>(bordered: &[T], dy: &[T], dw: &mut [T], g: Geometry) {
    let (taps, channels) = (g.taps(), g.channels);
    let whole = channels / NARROW * NARROW;
    for start in (0..whole).step_by(NARROW) {
        let mut sums = [[T::ZERO; NARROW]; 9];
        for (pixel, gradient) in dy.chunks_exact(channels).enumerate() {
            let origin = g.origin(pixel / g.out_width(), pixel % g.out_width()) + start;
            let d = &gradient[start..start + NARROW];
            for tap in 0..9 {
                let x = &bordered[origin + taps[tap]..][..NARROW];
                for lane in 0..NARROW {
                    sums[tap][lane] += x[lane] * d[lane];
                }
            }
        }
        for (tap, sum) in sums.iter().enumerate() {
            for (lane, &value) in sum.iter().enumerate() {
                dw[tap * channels + start + lane] += value;
            }
        }
    }
    for channel in whole..channels {
        for (tap, offset) in taps.iter().enumerate() {
            let mut sum = T::ZERO;
            for (pixel, gradient) in dy.chunks_exact(channels).enumerate() {
                let origin = g.origin(pixel / g.out_width(), pixel % g.out_width());
                sum += bordered[origin + offset + channel] * gradient[channel];
            }
            dw[tap * channels + channel] += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Written from the definition, one multiplication at a time.
    fn reference(x: &[f64], w: &[f64], g: Geometry) -> Vec<f64> {
        let mut out = vec![0.0; g.out_len()];
        for b in 0..g.batch {
            for oy in 0..g.out_height() {
                for ox in 0..g.out_width() {
                    for c in 0..g.channels {
                        let mut sum = 0.0;
                        for (tap, dy, dx) in (0..9).map(|tap| (tap, tap / 3, tap % 3)) {
                            let (y, x_) = ((oy * g.stride + dy).wrapping_sub(1), (ox * g.stride + dx).wrapping_sub(1));
                            if y < g.height && x_ < g.width {
                                let at = ((b * g.height + y) * g.width + x_) * g.channels + c;
                                sum += x[at] * w[tap * g.channels + c];
                            }
                        }
                        out[((b * g.out_height() + oy) * g.out_width() + ox) * g.channels + c] = sum;
                    }
                }
            }
        }
        out
    }

    fn wave(len: usize, step: f64) -> Vec<f64> {
        (0..len).map(|i| (i as f64 * step).sin()).collect()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    proptest! {
        #[test]
        fn forward_is_the_definition(batch in 1usize..3, height in 1usize..7, width in 1usize..7,
                                     channels in 1usize..35, stride in 1usize..3) {
            let g = Geometry { batch, height, width, channels, stride };
            let (x, w) = (wave(g.in_len(), 0.7), wave(9 * channels, 1.3));
            for (a, b) in forward(&x, &w, g).iter().zip(reference(&x, &w, g)) {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }

        /// The convolution is linear in the input and in the weights, so a central difference is exact up to rounding.
        #[test]
        fn gradients_match_finite_differences(height in 1usize..6, width in 1usize..6, channels in 1usize..19,
                                              stride in 1usize..3, pick in 0usize..10_000) {
            let g = Geometry { batch: 2, height, width, channels, stride };
            let (x, w, dy) = (wave(g.in_len(), 0.7), wave(9 * channels, 1.3), wave(g.out_len(), 0.37));
            let h = 1e-3;
            let (dx, dw) = (input_gradient(&w, &dy, g), weight_gradient(&x, &dy, g));
            let (at_x, at_w) = (pick % x.len(), pick % w.len());
            let loss = |x: &[f64], w: &[f64]| dot(&forward(x, w, g), &dy);
            let nudge = |v: &[f64], at: usize, by: f64| { let mut v = v.to_vec(); v[at] += by; v };
            let slope_x = (loss(&nudge(&x, at_x, h), &w) - loss(&nudge(&x, at_x, -h), &w)) / (2.0 * h);
            let slope_w = (loss(&x, &nudge(&w, at_w, h)) - loss(&x, &nudge(&w, at_w, -h))) / (2.0 * h);
            prop_assert!((slope_x - dx[at_x]).abs() < 1e-9, "dx {} against {slope_x}", dx[at_x]);
            prop_assert!((slope_w - dw[at_w]).abs() < 1e-9, "dw {} against {slope_w}", dw[at_w]);
        }
    }
}
