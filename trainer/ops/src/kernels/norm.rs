//! Layers that scale and shift channels and then clamp: batch normalisation with its activation, a bias, a frozen
//! normalisation.
//!
//! With x̂ = (x − μ) / √(σ² + ε), z = γ·x̂ + β and y = min(max(z, low), high). μ and the biased σ² are those of the batch, and the
//! gradient flows through them (Ioffe and Szegedy 2015, section 3). z is x·scale + shift, which is all that the forward
//! pass computes and the backward pass computes again. One sweep for the moments, one for y; two back.

use super::sweep::{self, Period, Target, Visit};
use crate::Real;
use crate::memory::Buffer;
use crate::simd::{Isa, Simd};

/// Rows whose mean is what values are measured from before they are squared.
const ROWS_OF_ORIGIN: usize = 64;

/// Mean and biased variance of each channel: `[mean…, variance…]`, `2·channels` values.
///
/// Sums are of x − o and (x − o)², where o is the mean of the first few rows, so that a large mean costs no digits.
pub fn moments<T: Real>(isa: Isa, x: &[T], channels: usize) -> Vec<T> {
    let period = Period::new(channels);
    let count = (x.len() / channels.max(1)).max(1);
    let rows = count.min(ROWS_OF_ORIGIN);
    let mut origin = vec![0.0; channels];
    for row in x.chunks_exact(channels.max(1)).take(rows) {
        for (origin, x) in origin.iter_mut().zip(row) {
            *origin += x.wide() / rows as f64;
        }
    }
    let origin: Vec<T> = origin.into_iter().map(T::of).collect();
    let visit = Deviations { x, origin: &period.spread(&origin) };
    let sums = sweep::sum(isa, x.len(), period, 2, &visit);
    let (first, second) = sums.split_at(channels);
    let shift = first.iter().map(|sum| sum / count as f64);
    let mean = origin.iter().zip(shift.clone()).map(|(o, shift)| T::of(o.wide() + shift));
    let variance = second.iter().zip(shift).map(|(sum, shift)| T::of((sum / count as f64 - shift * shift).max(0.0)));
    mean.chain(variance).collect()
}

/// Sums of x − origin and of its square.
struct Deviations<'a, T> {
    x: &'a [T],
    origin: &'a [T],
}

// SAFETY: reads `x` only, whose length is what is visited.
#[allow(unsafe_code)]
unsafe impl<T: Real> Visit<T> for Deviations<'_, T> {
    /// Origin and both sums.
    type Held<V: Copy> = [V; 3];

    #[inline(always)]
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> [S::V; 3] {
        let zero = simd.splat(T::ZERO);
        [period.load(simd, self.origin, channel), zero, zero]
    }

    #[inline(always)]
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut [S::V; 3], at: usize, mask: Option<S::Mask>) {
        let [origin, first, second] = held;
        // SAFETY: as the caller says. Lanes without an element count as the origin.
        let x = unsafe {
            let from = self.x.as_ptr().add(at);
            match mask {
                None => simd.sub(simd.load(from), *origin),
                Some(mask) => {
                    let mut lanes = [T::ZERO; 16];
                    simd.store_masked(simd.sub(simd.load_masked(from, mask), *origin), lanes.as_mut_ptr(), mask);
                    simd.load(lanes.as_ptr())
                }
            }
        };
        *first = simd.add(*first, x);
        *second = simd.mul_add(x, x, *second);
    }

    #[inline(always)]
    fn leave<S: Simd<T>>(&self, simd: S, held: [S::V; 3], sums: &mut [T], period: Period, channel: usize) {
        put(simd, [held[1], held[2]], sums, period, channel);
    }
}

/// Writes two sums to the rows of a block's.
#[inline(always)]
fn put<T: Real, S: Simd<T>>(simd: S, values: [S::V; 2], sums: &mut [T], period: Period, channel: usize) {
    assert!(sums.len() >= 2 * period.len && channel + S::LANES <= period.len);
    // SAFETY: the slice is that long.
    #[allow(unsafe_code)]
    unsafe {
        simd.store(values[0], sums.as_mut_ptr().add(channel));
        simd.store(values[1], sums.as_mut_ptr().add(period.len + channel));
    }
}

/// A layer that computes min(max(x·scale + shift, low), high), both constants a channel.
#[derive(Clone, Debug)]
pub struct Affine<T> {
    /// The factor.
    pub scale: Vec<T>,
    /// The offset.
    pub shift: Vec<T>,
    /// Between what results are clamped.
    pub bounds: (T, T),
}

impl<T: Real> Affine<T> {
    /// Batch normalisation with the given moments (`[mean…, variance…]`).
    pub fn normalisation(gamma: &[T], beta: &[T], moments: &[T], epsilon: f64, bounds: (T, T)) -> Affine<T> {
        assert_eq!((beta.len(), moments.len()), (gamma.len(), 2 * gamma.len()), "one value a channel of each");
        let (mean, variance) = moments.split_at(gamma.len());
        let scale: Vec<T> =
            gamma.iter().zip(inverse_deviations(variance, epsilon)).map(|(g, i)| T::of(g.wide() * i)).collect();
        let shift = beta.iter().zip(mean).zip(&scale);
        let shift = shift.map(|((b, m), s)| T::of(b.wide() - m.wide() * s.wide())).collect();
        Affine { scale, shift, bounds }
    }

    fn period(&self) -> Period {
        Period::new(self.scale.len())
    }

    /// Writes the layer's output to all of `out`.
    pub fn forward(&self, isa: Isa, x: &[T], out: &mut [T]) {
        assert_eq!(x.len(), out.len(), "input and output have the same size");
        let period = self.period();
        let visit = Forward {
            x,
            out: Target(out.as_mut_ptr()),
            scale: &period.spread(&self.scale),
            shift: &period.spread(&self.shift),
            bounds: self.bounds,
        };
        sweep::visit(isa, x.len(), period, &visit);
    }

    /// Sums over rows of dz and of dz·(x − origin) a channel, where dz is the gradient with respect to x·scale + shift.
    pub fn sums(&self, isa: Isa, x: &[T], dy: &[T], origin: &[T]) -> Vec<f64> {
        assert_eq!(x.len(), dy.len(), "input and gradient have the same size");
        let period = self.period();
        let visit = Sums {
            x,
            dy,
            scale: &period.spread(&self.scale),
            shift: &period.spread(&self.shift),
            origin: &period.spread(origin),
            bounds: self.bounds,
        };
        sweep::sum(isa, x.len(), period, 2, &visit)
    }

    /// Replaces `dy` by scale·dz, plus `slope`·x + `offset` where those are given.
    pub fn backward(&self, isa: Isa, x: &[T], dy: &mut [T], line: Option<(&[T], &[T])>) {
        assert_eq!(x.len(), dy.len(), "input and gradient have the same size");
        let period = self.period();
        let zeros = vec![T::ZERO; self.scale.len()];
        let (slope, offset) = line.unwrap_or((&zeros, &zeros));
        let visit = Backward {
            x,
            dy: Target(dy.as_mut_ptr()),
            scale: &period.spread(&self.scale),
            shift: &period.spread(&self.shift),
            slope: &period.spread(slope),
            offset: &period.spread(offset),
            bounds: self.bounds,
        };
        sweep::visit(isa, x.len(), period, &visit);
    }
}

/// 1/√(σ² + ε).
fn inverse_deviations<T: Real>(variance: &[T], epsilon: f64) -> impl Iterator<Item = f64> {
    variance.iter().map(move |v| 1.0 / (v.wide() + epsilon).sqrt())
}

/// The backward pass of batch normalisation: replaces `dy` by the gradient with respect to `x`, and returns those with respect
/// to γ and β.
pub fn batch_gradients<T: Real>(
    isa: Isa,
    layer: &Affine<T>,
    moments: &[T],
    epsilon: f64,
    x: &[T],
    dy: &mut [T],
) -> [Vec<T>; 2] {
    let channels = layer.scale.len();
    let (mean, variance) = moments.split_at(channels);
    let sums = layer.sums(isa, x, dy, mean);
    let (beta, products) = sums.split_at(channels);
    let count = (x.len() / channels.max(1)).max(1) as f64;
    let inverse: Vec<f64> = inverse_deviations(variance, epsilon).collect();
    let gamma: Vec<f64> = products.iter().zip(&inverse).map(|(p, i)| p * i).collect();
    // dx = scale·(dz − dβ/n − x̂·dγ/n), written as a line in x.
    let slope = layer.scale.iter().zip(&gamma).zip(&inverse).map(|((s, g), i)| T::of(-s.wide() * g * i / count));
    let slope: Vec<T> = slope.collect();
    let offset = layer.scale.iter().zip(beta).zip(mean.iter().zip(&slope));
    let offset: Vec<T> =
        offset.map(|((s, b), (m, slope))| T::of(-s.wide() * b / count - m.wide() * slope.wide())).collect();
    layer.backward(isa, x, dy, Some((&slope, &offset)));
    [gamma.into_iter().map(T::of).collect(), beta.iter().map(|&b| T::of(b)).collect()]
}

struct Forward<'a, T> {
    x: &'a [T],
    out: Target<T>,
    scale: &'a Buffer<T>,
    shift: &'a Buffer<T>,
    bounds: (T, T),
}

// SAFETY: reads `x` and writes `out`, whose length is what is visited.
#[allow(unsafe_code)]
unsafe impl<T: Real> Visit<T> for Forward<'_, T> {
    /// Scale, shift and bounds.
    type Held<V: Copy> = [V; 4];

    #[inline(always)]
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> [S::V; 4] {
        let (low, high) = self.bounds;
        [
            period.load(simd, self.scale, channel),
            period.load(simd, self.shift, channel),
            simd.splat(low),
            simd.splat(high),
        ]
    }

    #[inline(always)]
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut [S::V; 4], at: usize, mask: Option<S::Mask>) {
        let [scale, shift, low, high] = *held;
        // SAFETY: as the caller says.
        unsafe {
            let x = sweep::load(simd, self.x.as_ptr().add(at), mask);
            let y = simd.clamp(simd.mul_add(x, scale, shift), low, high);
            sweep::store(simd, y, self.out.0.add(at), mask);
        }
    }
}

struct Sums<'a, T> {
    x: &'a [T],
    dy: &'a [T],
    scale: &'a Buffer<T>,
    shift: &'a Buffer<T>,
    origin: &'a Buffer<T>,
    bounds: (T, T),
}

// SAFETY: reads `x` and `dy`, whose length is what is visited.
#[allow(unsafe_code)]
unsafe impl<T: Real> Visit<T> for Sums<'_, T> {
    /// Scale, shift, origin, bounds and both sums.
    type Held<V: Copy> = [V; 7];

    #[inline(always)]
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> [S::V; 7] {
        let (low, high) = self.bounds;
        let zero = simd.splat(T::ZERO);
        [
            period.load(simd, self.scale, channel),
            period.load(simd, self.shift, channel),
            period.load(simd, self.origin, channel),
            simd.splat(low),
            simd.splat(high),
            zero,
            zero,
        ]
    }

    #[inline(always)]
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut [S::V; 7], at: usize, mask: Option<S::Mask>) {
        let [scale, shift, origin, low, high, first, second] = held;
        // SAFETY: as the caller says. Lanes without an element have no gradient.
        let (x, dy) = unsafe {
            (sweep::load(simd, self.x.as_ptr().add(at), mask), sweep::load(simd, self.dy.as_ptr().add(at), mask))
        };
        let dz = simd.gate(dy, simd.mul_add(x, *scale, *shift), *low, *high);
        *first = simd.add(*first, dz);
        *second = simd.mul_add(dz, simd.sub(x, *origin), *second);
    }

    #[inline(always)]
    fn leave<S: Simd<T>>(&self, simd: S, held: [S::V; 7], sums: &mut [T], period: Period, channel: usize) {
        put(simd, [held[5], held[6]], sums, period, channel);
    }
}

struct Backward<'a, T> {
    x: &'a [T],
    dy: Target<T>,
    scale: &'a Buffer<T>,
    shift: &'a Buffer<T>,
    slope: &'a Buffer<T>,
    offset: &'a Buffer<T>,
    bounds: (T, T),
}

// SAFETY: reads `x`, and reads and writes `dy`, whose length is what is visited.
#[allow(unsafe_code)]
unsafe impl<T: Real> Visit<T> for Backward<'_, T> {
    /// Scale, shift, slope, offset and bounds.
    type Held<V: Copy> = [V; 6];

    #[inline(always)]
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> [S::V; 6] {
        let (low, high) = self.bounds;
        [
            period.load(simd, self.scale, channel),
            period.load(simd, self.shift, channel),
            period.load(simd, self.slope, channel),
            period.load(simd, self.offset, channel),
            simd.splat(low),
            simd.splat(high),
        ]
    }

    #[inline(always)]
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut [S::V; 6], at: usize, mask: Option<S::Mask>) {
        let [scale, shift, slope, offset, low, high] = *held;
        // SAFETY: as the caller says.
        unsafe {
            let x = sweep::load(simd, self.x.as_ptr().add(at), mask);
            let dy = sweep::load(simd, self.dy.0.add(at), mask);
            let dz = simd.gate(dy, simd.mul_add(x, scale, shift), low, high);
            let dx = simd.mul_add(dz, scale, simd.mul_add(x, slope, offset));
            sweep::store(simd, dx, self.dy.0.add(at), mask);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{dot, on_threads, slope, wave, worst};

    const CHANNELS: usize = 5;
    const SIX: (f64, f64) = (0.0, 6.0);

    fn loss(isa: Isa, x: &[f64], gamma: &[f64], beta: &[f64], dy: &[f64]) -> f64 {
        let layer = Affine::normalisation(gamma, beta, &moments(isa, x, CHANNELS), 1e-3, SIX);
        let mut y = vec![0.0; x.len()];
        layer.forward(isa, x, &mut y);
        dot(&y, dy)
    }

    #[test]
    fn moments_are_mean_and_biased_variance() {
        for isa in Isa::all() {
            let x = [1.0, 10.0, 3.0, 10.0, 8.0, 40.0];
            assert!(worst(&moments(isa, &x, 2), &[4.0, 20.0, 26.0 / 3.0, 200.0]) < 1e-12, "{isa:?}");
            // A mean that is large against the deviation, in f32.
            let x: Vec<f32> = (0..30_000).map(|i| 1000.0 + (i / 3 % 2) as f32).collect();
            assert!(worst(&moments(isa, &x, 3), &[1000.5, 1000.5, 1000.5, 0.25, 0.25, 0.25]) < 1e-4, "{isa:?}");
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        // γ is large enough that some outputs saturate at 6 and others at 0.
        let x: Vec<f64> = wave(CHANNELS * 23, 0.77).iter().map(|v| v * 2.0).collect();
        let gamma: Vec<f64> = wave(CHANNELS, 0.9).iter().map(|v| v * 8.0).collect();
        let (beta, dy) = (wave(CHANNELS, 2.1), wave(x.len(), 0.31));
        for isa in Isa::all() {
            let m = moments(isa, &x, CHANNELS);
            let layer = Affine::normalisation(&gamma, &beta, &m, 1e-3, SIX);
            let mut y = vec![0.0; x.len()];
            layer.forward(isa, &x, &mut y);
            assert!(y.contains(&0.0) && y.contains(&6.0) && y.iter().any(|&v| v > 0.0 && v < 6.0));
            let mut dx = dy.clone();
            let [d_gamma, d_beta] = batch_gradients(isa, &layer, &m, 1e-3, &x, &mut dx);
            for (at, dx) in dx.iter().enumerate() {
                let expected = slope(&x, at, 1e-6, |x| loss(isa, x, &gamma, &beta, &dy));
                assert!((dx - expected).abs() < 1e-6, "{isa:?} dx[{at}] {dx} against {expected}");
            }
            for at in 0..CHANNELS {
                let expected_beta = slope(&beta, at, 1e-6, |beta| loss(isa, &x, &gamma, beta, &dy));
                let expected_gamma = slope(&gamma, at, 1e-6, |gamma| loss(isa, &x, gamma, &beta, &dy));
                assert!((d_beta[at] - expected_beta).abs() < 1e-6, "{isa:?} dβ[{at}]");
                assert!((d_gamma[at] - expected_gamma).abs() < 1e-6, "{isa:?} dγ[{at}]");
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let x: Vec<f32> = wave(300_000, 0.77).iter().map(|&v| v as f32).collect();
        let dy: Vec<f32> = wave(300_000, 0.31).iter().map(|&v| v as f32).collect();
        for channels in [3, 16, 24] {
            on_threads(|| {
                let m = moments(Isa::best(), &x, channels);
                let (gamma, beta) = (vec![1.5; channels], vec![0.2; channels]);
                let layer = Affine::normalisation(&gamma, &beta, &m, 1e-3, (0.0, 6.0));
                let mut dx = dy.clone();
                let parameters = batch_gradients(Isa::best(), &layer, &m, 1e-3, &x, &mut dx);
                (m, parameters, dx)
            });
        }
    }
}
