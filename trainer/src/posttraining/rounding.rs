//! Weights as integers: to which side each is rounded is decided by what the layer makes of the pictures.
//!
//! Rounding every weight to the nearest integer gives the least error of the weights, not of what is computed with them. The
//! squared error of a layer's results is a quadratic form in its weights, whose matrix is the covariance of the layer's
//! inputs (Nagel et al. 2020, "Up or Down?", equation 13); of all weights that lie less than one step from the float ones, those with a
//! small error are found by changing one weight at a time as long as that helps. What remains of the mean, that of rounding the
//! inputs included, goes into the bias (Banner et al. 2019). Each layer makes good what its own rounding does and no more: layers that all
//! make good what they get from those before them do it over and over.

use rayon::prelude::*;

use super::layer::Layer;
use crate::quantise::Scale;

/// The share of the mean variance that is added to every variance, so that what the pictures do not show costs something, too.
const CAUTION: f32 = 0.01;
/// Shares of a channel's largest weight that 127 may stand for.
const REACHES: [f32; 6] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.7];
/// Most changes for each weight of a channel.
const CHANGES: usize = 4;
/// Layers with more weights an output than this are rounded to the nearest.
pub const MOST_TAPS: usize = 1536;

/// The largest integer.
const LARGEST: f32 = 127.0;

/// A layer in integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Integers {
    /// Output by output.
    pub weight: Vec<i8>,
    /// One for each output.
    pub scales: Vec<f32>,
    /// As floats.
    pub bias: Vec<f32>,
}

impl Integers {
    /// Every weight rounded to the nearest.
    pub fn nearest(layer: &Layer, weight: &[f32], bias: &[f32]) -> Integers {
        let scales: Vec<f32> = weight.chunks_exact(layer.taps).map(|channel| full_reach(channel) / LARGEST).collect();
        let rounded = weight.chunks_exact(layer.taps).zip(&scales);
        let weight = rounded.flat_map(|(channel, scale)| channel.iter().map(|w| nearest(*w, *scale) as i8)).collect();
        Integers { weight, scales, bias: bias.to_vec() }
    }
}

fn full_reach(channel: &[f32]) -> f32 {
    channel.iter().fold(1e-8f32, |largest, w| largest.max(w.abs()))
}

fn nearest(w: f32, scale: f32) -> f32 {
    (w / scale).round_ties_even().clamp(-LARGEST, LARGEST)
}

/// What goes into one group of a layer, before it is rounded and after.
struct Inputs {
    taps: usize,
    /// Means of each tap.
    float_mean: Vec<f32>,
    integer_mean: Vec<f32>,
    /// Covariance of the rounded taps.
    covariance: Vec<f32>,
}

impl Inputs {
    /// From patches of `width` values each, of which the group's taps begin at `start`.
    fn new(patches: &[f32], scale: Scale, width: usize, start: usize, taps: usize) -> Inputs {
        let part = patches.chunks_exact(width).flat_map(|patch| &patch[start..start + taps]);
        let mut float: Vec<f32> = part.copied().collect();
        let mut integer: Vec<f32> = float.iter().map(|value| scale.round(*value)).collect();
        let count = (float.len() / taps.max(1)).max(1) as f32;
        let centre = |values: &mut [f32]| -> Vec<f32> {
            let mut mean = vec![0.0f64; taps];
            for patch in values.chunks_exact(taps) {
                mean.iter_mut().zip(patch).for_each(|(mean, value)| *mean += f64::from(*value));
            }
            let mean: Vec<f32> = mean.iter().map(|sum| (sum / f64::from(count)) as f32).collect();
            for patch in values.chunks_exact_mut(taps) {
                patch.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
            }
            mean
        };
        let (float_mean, integer_mean) = (centre(&mut float), centre(&mut integer));
        let mut covariance = products(&integer, taps, count);
        let variance = (0..taps).map(|tap| covariance[tap * (taps + 1)]).sum::<f32>() / taps as f32;
        (0..taps).for_each(|tap| covariance[tap * (taps + 1)] += CAUTION * variance + f32::MIN_POSITIVE);
        Inputs { taps, float_mean, integer_mean, covariance }
    }

    /// What the integer weights should correlate to.
    fn aim(&self, weight: &[f32]) -> Vec<f32> {
        (0..self.taps).map(|tap| dot(&self.covariance[tap * self.taps..][..self.taps], weight)).collect()
    }

    fn error(&self, weight: &[f32], aim: &[f32]) -> f32 {
        let taps = self.taps;
        (0..taps).map(|tap| weight[tap] * (dot(&self.covariance[tap * taps..][..taps], weight) - 2.0 * aim[tap])).sum()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The mean of a · aᵀ over patches.
fn products(patches: &[f32], taps: usize, count: f32) -> Vec<f32> {
    let mut sums = vec![0.0f32; taps * taps];
    for patch in patches.chunks_exact(taps) {
        for (row, a) in sums.chunks_exact_mut(taps).zip(patch).filter(|(_, a)| **a != 0.0) {
            row.iter_mut().zip(patch).for_each(|(sum, b)| *sum += a * b);
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// A layer in integers that makes of `patches`, once they are rounded to `scale`, what its float weights, output by output, make of them.
pub fn fit(layer: &Layer, weight: &[f32], bias: &[f32], patches: &[f32], scale: Scale) -> Integers {
    let (taps, width) = (layer.taps, layer.taps * layer.groups);
    let groups: Vec<Inputs> =
        (0..layer.groups).into_par_iter().map(|group| Inputs::new(patches, scale, width, group * taps, taps)).collect();
    let channels: Vec<(Vec<i8>, f32, f32)> = (0..layer.outputs)
        .into_par_iter()
        .map(|output| {
            let inputs = &groups[layer.group(output)];
            let weight = &weight[output * taps..][..taps];
            let (integers, scale) = channel(inputs, weight);
            let rounded: Vec<f32> = integers.iter().map(|&w| f32::from(w) * scale).collect();
            let missing = dot(weight, &inputs.float_mean) - dot(&rounded, &inputs.integer_mean);
            (integers, scale, bias[output] + missing)
        })
        .collect();
    Integers {
        weight: channels.iter().flat_map(|(weight, _, _)| weight.iter().copied()).collect(),
        scales: channels.iter().map(|(_, scale, _)| *scale).collect(),
        bias: channels.iter().map(|(_, _, bias)| *bias).collect(),
    }
}

/// The integers of one output channel, and their scale.
fn channel(inputs: &Inputs, weight: &[f32]) -> (Vec<i8>, f32) {
    let aim = inputs.aim(weight);
    let reach = full_reach(weight);
    let error = |scale: f32| {
        let rounded: Vec<f32> = weight.iter().map(|w| nearest(*w, scale) * scale).collect();
        inputs.error(&rounded, &aim)
    };
    let scales = REACHES.map(|share| share * reach / LARGEST);
    let best = scales.into_iter().map(|scale| (scale, error(scale))).min_by(|a, b| a.1.total_cmp(&b.1));
    let scale = best.map_or(reach / LARGEST, |(scale, _)| scale);
    let taps = inputs.taps;
    let mut integers: Vec<f32> = weight.iter().map(|w| nearest(*w, scale)).collect();
    let real: Vec<f32> = integers.iter().map(|z| z * scale).collect();
    let mut slope: Vec<f32> =
        (0..taps).map(|tap| dot(&inputs.covariance[tap * taps..][..taps], &real) - aim[tap]).collect();
    for _ in 0..CHANGES * taps {
        let mut best = (0, 0.0f32, 0.0f32);
        for tap in 0..taps {
            let step = -slope[tap].signum();
            let changed = integers[tap] + step;
            if changed.abs() > LARGEST || (changed - weight[tap] / scale).abs() >= 1.0 {
                continue;
            }
            let step = step * scale;
            let gain = 2.0 * step * slope[tap] + step * step * inputs.covariance[tap * (taps + 1)];
            if gain < best.2 {
                best = (tap, step, gain);
            }
        }
        let (tap, step, gain) = best;
        if gain >= 0.0 {
            break;
        }
        integers[tap] += step / scale;
        let row = &inputs.covariance[tap * taps..][..taps];
        slope.iter_mut().zip(row).for_each(|(slope, covariance)| *slope += step * covariance);
    }
    (integers.iter().map(|z| z.round() as i8).collect(), scale)
}
