//! What an integer runtime does to a sum before it stores it as a byte, in floats that hold whole numbers, and the
//! straight-through estimator backward.
//!
//! A convolution's sum s becomes round(min(max((s + bias)·multiplier, low), high)), and two stored values become
//! round(min(max(b·fb + (a·fa + offset), low), high)): half to even, every step rounded by itself and in this order, none of
//! them fused, so that results are the bytes of a runtime that does the same. Rounding has no useful slope; backward it counts
//! as the identity (Bengio et al. 2013, section 2.3), while what was clamped lets no gradient pass.

use rayon::prelude::*;

use super::elementwise::{Loop, clamp};
use super::sweep::{self, Period, Target, Visit};
use crate::Real;
use crate::simd::{Isa, Simd};

/// Elements that one part of the work has.
const PART: usize = 32 << 10;

/// 1.5 · 2ⁿ, where n is the number of bits behind a float's first: adding it rounds half to even to a whole number, as every
/// addition rounds, and taking it off again leaves that.
fn rounder<T: Real>() -> T {
    T::of(if size_of::<T>() == 4 { 1.5 * f64::from(1 << 23) } else { 1.5 * (1u64 << 52) as f64 })
}

/// A bias and a multiplier a channel, and the whole numbers between which results lie.
#[derive(Clone, Debug)]
pub struct Requantise<'a, T> {
    /// What is added to sums.
    pub bias: &'a [T],
    /// What they are multiplied with then.
    pub multiplier: &'a [T],
    /// The least and the greatest result.
    pub bounds: (T, T),
}

impl<T: Real> Requantise<'_, T> {
    /// Writes the results for sums `x` to all of `out`.
    pub fn forward(&self, isa: Isa, x: &[T], out: &mut [T]) {
        assert_eq!(x.len(), out.len(), "input and output have the same size");
        let period = Period::new(self.bias.len());
        let visit = Forward {
            x,
            out: Target(out.as_mut_ptr()),
            bias: &period.spread(self.bias),
            multiplier: &period.spread(self.multiplier),
            bounds: self.bounds,
        };
        sweep::visit(isa, x.len(), period, &visit);
    }

    /// Replaces `dy` by the gradient with respect to the sums `x`; returns that with respect to the bias.
    pub fn backward(&self, isa: Isa, x: &[T], dy: &mut [T]) -> Vec<T> {
        assert_eq!(x.len(), dy.len(), "input and gradient have the same size");
        let period = Period::new(self.bias.len());
        let visit = Backward {
            x,
            dy: Target(dy.as_mut_ptr()),
            bias: &period.spread(self.bias),
            multiplier: &period.spread(self.multiplier),
            bounds: self.bounds,
        };
        sweep::sum(isa, x.len(), period, 1, &visit).into_iter().map(T::of).collect()
    }
}

struct Forward<'a, T> {
    x: &'a [T],
    out: Target<T>,
    bias: &'a [T],
    multiplier: &'a [T],
    bounds: (T, T),
}

// SAFETY: reads `x` and writes `out`, whose length is what is visited.
#[allow(unsafe_code)]
unsafe impl<T: Real> Visit<T> for Forward<'_, T> {
    /// Bias, multiplier, bounds and rounder.
    type Held<V: Copy> = [V; 5];

    #[inline(always)]
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> [S::V; 5] {
        let (low, high) = self.bounds;
        [
            period.load(simd, self.bias, channel),
            period.load(simd, self.multiplier, channel),
            simd.splat(low),
            simd.splat(high),
            simd.splat(rounder()),
        ]
    }

    #[inline(always)]
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut [S::V; 5], at: usize, mask: Option<S::Mask>) {
        let [bias, multiplier, low, high, rounder] = *held;
        // SAFETY: as the caller says.
        unsafe {
            let x = sweep::load(simd, self.x.as_ptr().add(at), mask);
            let y = simd.clamp(simd.mul(simd.add(x, bias), multiplier), low, high);
            let y = simd.sub(simd.add(y, rounder), rounder);
            sweep::store(simd, y, self.out.0.add(at), mask);
        }
    }
}

struct Backward<'a, T> {
    x: &'a [T],
    dy: Target<T>,
    bias: &'a [T],
    multiplier: &'a [T],
    bounds: (T, T),
}

// SAFETY: reads `x`, and reads and writes `dy`, whose length is what is visited.
#[allow(unsafe_code)]
unsafe impl<T: Real> Visit<T> for Backward<'_, T> {
    /// Bias, multiplier, bounds and the sum.
    type Held<V: Copy> = [V; 5];

    #[inline(always)]
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> [S::V; 5] {
        let (low, high) = self.bounds;
        [
            period.load(simd, self.bias, channel),
            period.load(simd, self.multiplier, channel),
            simd.splat(low),
            simd.splat(high),
            simd.splat(T::ZERO),
        ]
    }

    #[inline(always)]
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut [S::V; 5], at: usize, mask: Option<S::Mask>) {
        let [bias, multiplier, low, high, sum] = held;
        // SAFETY: as the caller says. Lanes without an element have no gradient.
        unsafe {
            let x = sweep::load(simd, self.x.as_ptr().add(at), mask);
            let dy = sweep::load(simd, self.dy.0.add(at), mask);
            let z = simd.mul(simd.add(x, *bias), *multiplier);
            let dx = simd.gate(simd.mul(dy, *multiplier), z, *low, *high);
            *sum = simd.add(*sum, dx);
            sweep::store(simd, dx, self.dy.0.add(at), mask);
        }
    }

    #[inline(always)]
    fn leave<S: Simd<T>>(&self, simd: S, held: [S::V; 5], sums: &mut [T], period: Period, channel: usize) {
        assert!(sums.len() >= period.len && channel + S::LANES <= period.len);
        // SAFETY: the slice is that long.
        #[allow(unsafe_code)]
        unsafe {
            simd.store(held[4], sums.as_mut_ptr().add(channel));
        }
    }
}

/// The sum of two stored values, each with a factor of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum<T> {
    /// What the values are multiplied with.
    pub factors: [T; 2],
    /// What is added to both to have the stored values: they come less their zero points.
    pub zeros: [T; 2],
    /// What is added to the first product.
    pub offset: T,
    /// The least and the greatest stored result.
    pub bounds: (T, T),
    /// What is taken off the stored result: its zero point.
    pub zero: T,
}

impl<T: Real> Sum<T> {
    #[inline(always)]
    fn exactly(&self, a: T, b: T) -> T {
        (b + self.zeros[1]) * self.factors[1] + ((a + self.zeros[0]) * self.factors[0] + self.offset)
    }

    /// Writes the results to all of `out`.
    pub fn forward(&self, isa: Isa, a: &[T], b: &[T], out: &mut [T]) {
        assert_eq!((a.len(), b.len()), (out.len(), out.len()), "maps of the same size");
        let rounder: T = rounder();
        out.par_chunks_mut(PART).zip(a.par_chunks(PART)).zip(b.par_chunks(PART)).for_each(|((out, a), b)| {
            isa.run::<T, _>(Loop(
                #[inline(always)]
                || {
                    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *out = clamp(self.exactly(a, b), self.bounds) + rounder - rounder - self.zero;
                    }
                },
            ));
        });
    }

    /// Replaces `dy` by what was not clamped of it.
    pub fn gate(&self, isa: Isa, a: &[T], b: &[T], dy: &mut [T]) {
        assert_eq!((a.len(), b.len()), (dy.len(), dy.len()), "maps of the same size");
        dy.par_chunks_mut(PART).zip(a.par_chunks(PART)).zip(b.par_chunks(PART)).for_each(|((dy, a), b)| {
            isa.run::<T, _>(Loop(
                #[inline(always)]
                || {
                    for ((dy, &a), &b) in dy.iter_mut().zip(a).zip(b) {
                        let z = self.exactly(a, b);
                        *dy = if z <= self.bounds.0 || z >= self.bounds.1 { T::ZERO } else { *dy };
                    }
                },
            ));
        });
    }
}

/// `out = x·factor`.
pub fn scaled<T: Real>(x: &[T], factor: T, out: &mut [T]) {
    out.par_chunks_mut(PART).zip(x.par_chunks(PART)).for_each(|(out, x)| {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = x * factor);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{on_threads, wave};

    #[test]
    fn ties_go_to_even_and_the_ends_let_no_gradient_pass() {
        let x = [1.0f32, 3.0, 5.0, -1.0, -3.0, 600.0, -600.0, 0.9999999, 4.0, 510.0];
        for isa in Isa::all() {
            let layer = Requantise { bias: &[0.0], multiplier: &[0.5], bounds: (-2.0, 253.0) };
            let mut out = [9.0; 10];
            layer.forward(isa, &x, &mut out);
            assert_eq!(out, [0.0, 2.0, 2.0, 0.0, -2.0, 253.0, -2.0, 0.0, 2.0, 253.0], "{isa:?}");
            let mut dy = [1.0; 10];
            let bias = layer.backward(isa, &x, &mut dy);
            assert_eq!(dy, [0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.5, 0.5, 0.0]);
            assert_eq!(bias, [3.5]);
        }
    }

    #[test]
    fn sums_are_of_stored_values() {
        // Stored 10 and 20, with zero points 3 and 5.
        let sum = Sum { factors: [0.5f32, 0.25], zeros: [3.0, 5.0], offset: 1.5, bounds: (0.0, 255.0), zero: 4.0 };
        for isa in Isa::all() {
            let mut out = [0.0; 3];
            sum.forward(isa, &[7.0, 1000.0, -100.0], &[15.0, 0.0, 0.0], &mut out);
            // 5 + 5 + 1.5 is half way between 11 and 12.
            assert_eq!(out, [8.0, 251.0, -4.0], "{isa:?}");
            let mut dy = [1.0; 3];
            sum.gate(isa, &[7.0, 1000.0, -100.0], &[15.0, 0.0, 0.0], &mut dy);
            assert_eq!(dy, [1.0, 0.0, 0.0]);
        }
    }

    #[test]
    fn sets_and_threads_do_not_change_a_bit() {
        let x: Vec<f32> = wave(200_000, 0.77).iter().map(|&v| (v * 9000.0).round() as f32).collect();
        for channels in [1, 3, 16, 24] {
            let bias: Vec<f32> = (0..channels).map(|i| i as f32 * 17.0 - 40.0).collect();
            let multiplier: Vec<f32> = (0..channels).map(|i| 0.0123 / (i + 1) as f32).collect();
            let x = &x[..x.len() / channels * channels];
            let layer = Requantise { bias: &bias, multiplier: &multiplier, bounds: (-100.0, 155.0) };
            let plain = |(i, &x): (usize, &f32)| {
                let (bias, multiplier) = (bias[i % channels], multiplier[i % channels]);
                ((x + bias) * multiplier).clamp(-100.0, 155.0).round_ties_even()
            };
            let expected: Vec<f32> = x.iter().enumerate().map(plain).collect();
            for isa in Isa::all() {
                let mut out = vec![9.0; x.len()];
                layer.forward(isa, x, &mut out);
                assert_eq!(out, expected, "{isa:?} {channels}");
            }
            on_threads(|| {
                let mut dy = x.to_vec();
                (layer.backward(Isa::best(), x, &mut dy), dy)
            });
        }
    }
}
