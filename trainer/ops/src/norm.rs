//! Batch normalisation followed by ReLU6, over NHWC maps, in two passes forward and two back.
//!
//! With x̂ = (x − μ) / √(σ² + ε) and z = γ·x̂ + β the output is min(max(z, 0), 6). μ and the biased σ² are those of the
//! batch, and the gradient flows through them (Ioffe and Szegedy 2015, section 3).

use pulp::Arch;

use crate::Real;

/// Rows summed in the working precision before the sum is added to an f64 total, so that long sums keep their digits.
const BLOCK: usize = 128;

/// What the gradient needs beside `x`: the layer's parameters and the batch's moments, each one value a channel.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a, T> {
    /// γ.
    pub gamma: &'a [T],
    /// β.
    pub beta: &'a [T],
    /// μ over batch, rows and columns.
    pub mean: &'a [T],
    /// The biased σ².
    pub variance: &'a [T],
    /// ε.
    pub epsilon: f64,
}

impl<T: Real> Affine<'_, T> {
    fn channels(&self) -> usize {
        self.gamma.len()
    }
    /// 1/√(σ² + ε) a channel.
    fn inverse_deviation(&self) -> Vec<T> {
        self.variance.iter().map(|v| T::of(1.0 / (v.wide() + self.epsilon).sqrt())).collect()
    }
    /// The factor and the offset that take x to z.
    fn scale_and_shift(&self) -> (Vec<T>, Vec<T>) {
        let scale: Vec<T> = self.inverse_deviation().iter().zip(self.gamma).map(|(&i, &g)| i * g).collect();
        let shift = self.beta.iter().zip(self.mean).zip(&scale).map(|((&b, &m), &s)| b - m * s).collect();
        (scale, shift)
    }
}

/// Mean and biased variance of each channel: `[mean…, variance…]`, `2·channels` values.
pub fn moments<T: Real>(x: &[T], channels: usize) -> Vec<T> {
    let count = (x.len() / channels.max(1)).max(1) as f64;
    let mean = column_sums(x, channels, |x, sums| {
        for (sum, &value) in sums.iter_mut().zip(x) {
            *sum += value;
        }
    });
    let mean: Vec<T> = mean.iter().map(|sum| T::of(sum / count)).collect();
    let variance = column_sums(x, channels, |x, sums| {
        for ((sum, &value), &mean) in sums.iter_mut().zip(x).zip(&mean) {
            let deviation = value - mean;
            *sum += deviation * deviation;
        }
    });
    mean.iter().copied().chain(variance.iter().map(|sum| T::of(sum / count))).collect()
}

/// Sums over rows of whatever `add` adds for one row, in f64 over blocks of rows.
fn column_sums<T: Real>(x: &[T], channels: usize, add: impl Fn(&[T], &mut [T])) -> Vec<f64> {
    let mut totals = vec![0.0; channels];
    let mut sums = vec![T::ZERO; channels];
    let arch = Arch::new();
    for block in x.chunks(BLOCK * channels.max(1)) {
        sums.fill(T::ZERO);
        arch.dispatch(
            #[inline(always)]
            || {
                for row in block.chunks_exact(channels) {
                    add(row, &mut sums);
                }
            },
        );
        for (total, sum) in totals.iter_mut().zip(&sums) {
            *total += sum.wide();
        }
    }
    totals
}

/// The layer's output.
pub fn forward<T: Real>(x: &[T], affine: Affine<'_, T>) -> Vec<T> {
    let (scale, shift) = affine.scale_and_shift();
    let mut out = vec![T::ZERO; x.len()];
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(affine.channels()).zip(out.chunks_exact_mut(affine.channels()));
            for (x, y) in rows {
                for (((y, &x), &scale), &shift) in y.iter_mut().zip(x).zip(&scale).zip(&shift) {
                    *y = saturate(x * scale + shift);
                }
            }
        },
    );
    out
}

/// Gradients with respect to β and γ: `[dβ…, dγ…]`. The input's gradient needs both.
pub fn parameter_gradients<T: Real>(x: &[T], affine: Affine<'_, T>, dy: &[T]) -> Vec<T> {
    let channels = affine.channels();
    let (scale, shift) = affine.scale_and_shift();
    let inverse = affine.inverse_deviation();
    let mut totals = vec![0.0; 2 * channels];
    let mut sums = vec![T::ZERO; 2 * channels];
    let arch = Arch::new();
    for (x, dy) in x.chunks(BLOCK * channels.max(1)).zip(dy.chunks(BLOCK * channels.max(1))) {
        sums.fill(T::ZERO);
        let (beta, gamma) = sums.split_at_mut(channels);
        arch.dispatch(
            #[inline(always)]
            || {
                for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
                    for c in 0..channels {
                        let dz = gate(dy[c], x[c] * scale[c] + shift[c]);
                        beta[c] += dz;
                        gamma[c] += dz * (x[c] - affine.mean[c]) * inverse[c];
                    }
                }
            },
        );
        for (total, sum) in totals.iter_mut().zip(&sums) {
            *total += sum.wide();
        }
    }
    totals.into_iter().map(T::of).collect()
}

/// Gradient with respect to `x`, given the result of [`parameter_gradients`].
pub fn input_gradient<T: Real>(x: &[T], affine: Affine<'_, T>, dy: &[T], parameters: &[T]) -> Vec<T> {
    let channels = affine.channels();
    let (scale, shift) = affine.scale_and_shift();
    let inverse = affine.inverse_deviation();
    let count = T::of((x.len() / channels.max(1)).max(1) as f64);
    let beta: Vec<T> = parameters[..channels].iter().map(|&v| v / count).collect();
    let gamma: Vec<T> = parameters[channels..].iter().zip(&inverse).map(|(&v, &i)| v / count * i).collect();
    let mut dx = vec![T::ZERO; x.len()];
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels)).zip(dx.chunks_exact_mut(channels));
            for ((x, dy), dx) in rows {
                for c in 0..channels {
                    let dz = gate(dy[c], x[c] * scale[c] + shift[c]);
                    dx[c] = scale[c] * (dz - beta[c] - (x[c] - affine.mean[c]) * gamma[c]);
                }
            }
        },
    );
    dx
}

/// ReLU6.
#[inline(always)]
fn saturate<T: Real>(z: T) -> T {
    let z = if z > T::ZERO { z } else { T::ZERO };
    if z < T::SIX { z } else { T::SIX }
}

/// ReLU6's gradient: passes `dy` where `z` is strictly inside the range.
#[inline(always)]
fn gate<T: Real>(dy: T, z: T) -> T {
    if z > T::ZERO && z < T::SIX { dy } else { T::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNELS: usize = 5;

    fn wave(len: usize, step: f64, size: f64) -> Vec<f64> {
        (0..len).map(|i| ((i as f64 + 0.5) * step).sin() * size).collect()
    }

    fn loss(x: &[f64], gamma: &[f64], beta: &[f64], dy: &[f64]) -> f64 {
        let m = moments(x, CHANNELS);
        let (mean, variance) = m.split_at(CHANNELS);
        let y = forward(x, Affine { gamma, beta, mean, variance, epsilon: 1e-3 });
        y.iter().zip(dy).map(|(y, d)| y * d).sum()
    }

    #[test]
    fn moments_are_mean_and_biased_variance() {
        let x = [1.0, 10.0, 3.0, 10.0, 8.0, 40.0];
        assert_eq!(moments(&x, 2), [4.0, 20.0, 26.0 / 3.0, 200.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        // γ is large enough that some outputs saturate at 6 and others at 0.
        let x = wave(CHANNELS * 23, 0.77, 2.0);
        let (gamma, beta) = (wave(CHANNELS, 0.9, 8.0), wave(CHANNELS, 2.1, 2.0));
        let dy = wave(x.len(), 0.31, 1.0);
        let m = moments(&x, CHANNELS);
        let (mean, variance) = m.split_at(CHANNELS);
        let affine = Affine { gamma: &gamma, beta: &beta, mean, variance, epsilon: 1e-3 };
        let y = forward(&x, affine);
        assert!(y.contains(&0.0) && y.contains(&6.0) && y.iter().any(|&v| v > 0.0 && v < 6.0));
        let parameters = parameter_gradients(&x, affine, &dy);
        let dx = input_gradient(&x, affine, &dy, &parameters);
        let h = 1e-6;
        let slope = |at: usize, of: &dyn Fn(&[f64]) -> f64, v: &[f64]| {
            let (mut up, mut down) = (v.to_vec(), v.to_vec());
            up[at] += h;
            down[at] -= h;
            (of(&up) - of(&down)) / (2.0 * h)
        };
        for (at, dx) in dx.iter().enumerate() {
            let expected = slope(at, &|x| loss(x, &gamma, &beta, &dy), &x);
            assert!((dx - expected).abs() < 1e-6, "dx[{at}] {dx} against {expected}");
        }
        for at in 0..CHANNELS {
            let d_beta = slope(at, &|beta| loss(&x, &gamma, beta, &dy), &beta);
            let d_gamma = slope(at, &|gamma| loss(&x, gamma, &beta, &dy), &gamma);
            assert!((parameters[at] - d_beta).abs() < 1e-6, "dβ[{at}]");
            assert!((parameters[CHANNELS + at] - d_gamma).abs() < 1e-6, "dγ[{at}]");
        }
    }
}
