//! Steps of optimisers on plain slices: one pass over weight, gradient and state each.

use rayon::prelude::*;

use super::elementwise::Loop;
use crate::Real;
use crate::simd::Isa;

/// Elements that one part of the work has.
const PART: usize = 16 << 10;

/// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2; Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// η, the learning rate of this step.
    pub rate: f64,
    /// β₁ and β₂, the shares of the old moments that are kept.
    pub betas: (f64, f64),
    /// ε, added to the root of the second moment.
    pub epsilon: f64,
    /// λ: a step takes η·λ of the weight away.
    pub decay: f64,
}

impl AdamW {
    /// One step: updates `weight` and both moments by `gradient`, times `factor` (1, or what clips it). `step` counts from 1.
    ///
    /// # Panics
    /// If the slices differ in length, or `step` is 0.
    pub fn step<T: Real>(
        &self,
        step: u64,
        weight: &mut [T],
        gradient: &[T],
        factor: f64,
        first: &mut [T],
        second: &mut [T],
    ) {
        let len = weight.len();
        assert_eq!((gradient.len(), first.len(), second.len()), (len, len, len), "slices of the same length");
        assert!(step > 0, "steps are counted from 1");
        let (beta1, beta2) = self.betas;
        // √v̂ = √v / √(1 − β₂ᵗ), so that the update is (η / (1 − β₁ᵗ)) · m / (√v̂ + ε).
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let rate = T::of(self.rate / correction(beta1));
        let root = T::of(1.0 / correction(beta2).sqrt());
        let kept = T::of(1.0 - self.rate * self.decay);
        let (epsilon, factor) = (T::of(self.epsilon), T::of(factor));
        let (keep1, take1, keep2, take2) = (T::of(beta1), T::of(1.0 - beta1), T::of(beta2), T::of(1.0 - beta2));
        let parts = weight.par_chunks_mut(PART).zip(gradient.par_chunks(PART));
        parts.zip(first.par_chunks_mut(PART)).zip(second.par_chunks_mut(PART)).for_each(|(((w, g), m), v)| {
            Isa::best().run::<T, _>(Loop(
                #[inline(always)]
                || {
                    for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                        let g = g * factor;
                        *m = m.mul_add(keep1, take1 * g);
                        *v = v.mul_add(keep2, take2 * g * g);
                        *w = w.mul_add(kept, -(rate * *m / (v.root() * root + epsilon)));
                    }
                },
            ));
        });
    }
}

/// Stochastic gradient descent with momentum, Nesterov's by default, and decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// η, the learning rate of this step.
    pub rate: f64,
    /// μ, the share of the old velocity that is kept; 0 for none.
    pub momentum: f64,
    /// Whether to step from where the velocity leads (Sutskever et al. 2013, in the form that PyTorch has).
    pub nesterov: bool,
    /// λ: a step takes η·λ of the weight away.
    pub decay: f64,
}

impl Sgd {
    /// One step: v ← μ·v + g, then w ← (1 − η·λ)·w − η·(g + μ·v), or − η·v without Nesterov. The gradient counts `factor` times
    /// (1, or what clips it). The velocity begins as zeros.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step<T: Real>(&self, weight: &mut [T], gradient: &[T], factor: f64, velocity: &mut [T]) {
        assert_eq!((gradient.len(), velocity.len()), (weight.len(), weight.len()), "slices of the same length");
        let (momentum, rate, factor) = (T::of(self.momentum), T::of(-self.rate), T::of(factor));
        let kept = T::of(1.0 - self.rate * self.decay);
        let (of_gradient, of_velocity) = if self.nesterov { (T::ONE, momentum) } else { (T::ZERO, T::ONE) };
        let parts = weight.par_chunks_mut(PART).zip(gradient.par_chunks(PART)).zip(velocity.par_chunks_mut(PART));
        parts.for_each(|((w, g), v)| {
            Isa::best().run::<T, _>(Loop(
                #[inline(always)]
                || {
                    for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
                        let g = g * factor;
                        *v = v.mul_add(momentum, g);
                        *w = w.mul_add(kept, rate * (of_gradient * g + of_velocity * *v));
                    }
                },
            ));
        });
    }
}

/// The sum of squares, in f64 over fixed blocks, so that it is the same on any number of threads.
pub fn sum_of_squares<T: Real>(values: &[T]) -> f64 {
    let parts: Vec<f64> = values
        .par_chunks(PART)
        .map(|part| {
            let mut lanes = [0.0f64; 16];
            let mut sum = 0.0;
            let chunks = part.chunks_exact(16);
            sum += chunks.remainder().iter().map(|v| v.wide() * v.wide()).sum::<f64>();
            Isa::best().run::<T, _>(Loop(
                #[inline(always)]
                || {
                    for chunk in chunks {
                        for (lane, v) in lanes.iter_mut().zip(chunk) {
                            *lane += v.wide() * v.wide();
                        }
                    }
                },
            ));
            sum + lanes.iter().sum::<f64>()
        })
        .collect();
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{on_threads, wave};

    /// The algorithm as it is written, in f64, one weight at a time.
    fn adam(optimiser: AdamW, weight: &mut f64, gradients: &[f64]) {
        let (mut m, mut v) = (0.0, 0.0);
        for (t, g) in gradients.iter().enumerate() {
            let (b1, b2) = optimiser.betas;
            m = b1 * m + (1.0 - b1) * g;
            v = b2 * v + (1.0 - b2) * g * g;
            let (m_hat, v_hat) = (m / (1.0 - b1.powi(t as i32 + 1)), v / (1.0 - b2.powi(t as i32 + 1)));
            *weight -= optimiser.rate * (m_hat / (v_hat.sqrt() + optimiser.epsilon) + optimiser.decay * *weight);
        }
    }

    #[test]
    fn adam_is_its_algorithm() {
        let optimiser = AdamW { rate: 0.01, betas: (0.9, 0.99), epsilon: 1e-8, decay: 0.1 };
        let start = wave(37, 0.7);
        let mut weight = start.clone();
        let (mut m, mut v) = (vec![0.0; 37], vec![0.0; 37]);
        let gradients: Vec<Vec<f64>> = (0..5).map(|t| wave(37, 0.3 + t as f64)).collect();
        for (t, gradient) in gradients.iter().enumerate() {
            let doubled: Vec<f64> = gradient.iter().map(|g| 2.0 * g).collect();
            optimiser.step(t as u64 + 1, &mut weight, &doubled, 0.5, &mut m, &mut v);
        }
        for (i, &w) in weight.iter().enumerate() {
            let mut expected = start[i];
            adam(optimiser, &mut expected, &gradients.iter().map(|g| g[i]).collect::<Vec<_>>());
            assert!((w - expected).abs() < 1e-12, "{w} {expected}");
        }
    }

    #[test]
    fn nesterov_looks_ahead() {
        let (mut plain, mut ahead) = ([1.0], [1.0]);
        let (mut v, mut v2) = ([0.0], [0.0]);
        let optimiser = Sgd { rate: 0.1, momentum: 0.5, nesterov: false, decay: 0.0 };
        for _ in 0..2 {
            optimiser.step(&mut plain, &[1.0], 1.0, &mut v);
            Sgd { nesterov: true, ..optimiser }.step(&mut ahead, &[1.0], 1.0, &mut v2);
        }
        // Velocities are 1 and 1.5.
        assert!((plain[0] - (1.0f64 - 0.1 - 0.15)).abs() < 1e-12);
        assert!((ahead[0] - (1.0f64 - 0.15 - 0.175)).abs() < 1e-12);
        let mut decayed = [1.0];
        Sgd { decay: 0.5, ..optimiser }.step(&mut decayed, &[0.0], 1.0, &mut [0.0]);
        assert!((decayed[0] - 0.95f64).abs() < 1e-12);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let gradient: Vec<f32> = wave(100_000, 0.3).iter().map(|&v| v as f32).collect();
        on_threads(|| sum_of_squares(&gradient).to_bits());
        assert!((sum_of_squares(&[3.0f32, 4.0]) - 25.0).abs() < 1e-12);
    }
}
