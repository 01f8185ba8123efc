//! Which range of real numbers the 256 bytes of a tensor stand for.
//!
//! Four ways to find one compete, for each tensor by itself: all that was seen; what leaves a few out; what gives the least
//! squared error; what keeps most of the distribution (Kullback-Leibler divergence; Migacz 2017). The one that gives the least
//! error on pictures that none of them saw is taken. The error is that of what is made of the tensor: where a tensor goes into
//! an activation only, that is the activation, so that nobody keeps room for numbers that it does not tell apart.

use super::formula::Map;
use crate::quantise::{Observer, Scale};

/// How a range was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// It was known beforehand.
    Known,
    /// All that was seen.
    MinMax,
    /// All but the share on each side, in millionths.
    Percentile(u32),
    /// What gives the least squared error.
    Mse,
    /// What keeps most of the distribution.
    Entropy,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Method::Known => f.write_str("known"),
            Method::MinMax => f.write_str("min-max"),
            Method::Percentile(millionths) => write!(f, "percentile {}", 100.0 - f64::from(*millionths) / 1e4),
            Method::Mse => f.write_str("mse"),
            Method::Entropy => f.write_str("entropy"),
        }
    }
}

/// Shares that percentiles leave out, in millionths.
const LEFT_OUT: [u32; 3] = [10, 100, 1000];
/// By how much the edge of a range moves in a step of the search.
const STEP: f32 = 0.95;
/// Steps of the search from all that was seen inwards.
const STEPS: i32 = 30;
/// Rounds of the search, lower edge and upper edge by turns.
const ROUNDS: usize = 2;

/// A range that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// What bytes stand for.
    pub scale: Scale,
    /// How it was found.
    pub method: Method,
    /// What the errors cost, relative to the variance of what is computed with them.
    pub noise: f64,
}

/// Values, each with what an error of it costs, for each function of them that somebody computes with.
struct Distribution {
    uses: Vec<Vec<(f32, f64)>>,
    images: Vec<Vec<f32>>,
}

impl Distribution {
    fn new(observers: &[&Observer], maps: &[Map]) -> Distribution {
        let uses: Vec<Vec<(f32, f64)>> = observers.iter().map(|observer| observer.bins().collect()).collect();
        let image = |(values, map): (&Vec<(f32, f64)>, &Map)| values.iter().map(|(value, _)| map(*value)).collect();
        let images = uses.iter().zip(maps).map(image).collect();
        Distribution { uses, images }
    }

    /// What the errors cost.
    fn noise(&self, scale: Scale, maps: &[Map]) -> f64 {
        let uses = maps.iter().zip(&self.images).zip(&self.uses);
        uses.map(|((map, image), values)| {
            let table: Vec<f32> = (0..=255u8).map(|byte| map(scale.real(f32::from(byte)))).collect();
            let error = |(image, (value, cost)): (&f32, &(f32, f64))| {
                f64::from(table[scale.stored(*value) as usize] - image).powi(2) * cost
            };
            image.iter().zip(values).map(error).sum::<f64>()
        })
        .sum()
    }

    /// How much is lost of the distribution itself, in nats.
    fn divergence(&self, scale: Scale) -> f64 {
        let values = self.uses.first().map_or(&[][..], |values| values);
        let total: f64 = values.iter().map(|(_, count)| count).sum();
        let (low, high) = scale.span();
        let mut mass = [0.0f64; 256];
        let mut bins = [0.0f64; 256];
        for (value, count) in values {
            let byte = scale.stored(*value) as usize;
            if *value >= low && *value <= high {
                mass[byte] += count;
                bins[byte] += 1.0;
            }
        }
        let inside: f64 = mass.iter().sum();
        // What lies outside is piled up at the edges, where the rounded distribution knows nothing of it.
        let edge = |value: f32| if value < low { 0 } else { 255 };
        let mut sum = 0.0;
        for (value, count) in values {
            let outside = *value < low || *value > high;
            let at = if outside { edge(*value) } else { scale.stored(*value) as usize };
            let p = count / total;
            let q = if bins[at] > 0.0 { mass[at] / bins[at] / inside.max(1.0) } else { 1e-9 };
            sum += p * (p / q.max(1e-12)).ln();
        }
        sum
    }
}

/// The best range for a tensor: from what `seen` has seen, by the error on what `unseen` has seen. Both have an observer for each of
/// `maps`, the functions of the tensor that somebody computes with, in which every value weighs what an error of it costs.
pub fn find(seen: &[&Observer], unseen: &[&Observer], maps: &[Map]) -> Found {
    let distribution = Distribution::new(seen, maps);
    let check = Distribution::new(unseen, maps);
    let range = |share: f64| {
        let ranges = seen.iter().map(|seen| seen.range(share));
        ranges.fold((0.0f32, 0.0f32), |(low, high), (a, b)| (low.min(a), high.max(b)))
    };
    let (low, high) = range(1.0);
    let mut candidates = vec![(Method::MinMax, (low, high))];
    candidates.extend(LEFT_OUT.map(|out| (Method::Percentile(out), range(1.0 - f64::from(out) / 1e6))));
    let squared = |low: f32, high: f32| distribution.noise(Scale::spanning(low, high), maps);
    candidates.push((Method::Mse, search(low, high, &squared)));
    let divergence = |factor: f32| distribution.divergence(Scale::spanning(low * factor, high * factor));
    let factors = (0..STEPS).map(|step| STEP.powi(step));
    let best = factors.map(|factor| (factor, divergence(factor))).min_by(|a, b| a.1.total_cmp(&b.1));
    let factor = best.map_or(1.0, |(factor, _)| factor);
    candidates.push((Method::Entropy, (low * factor, high * factor)));
    let judged = candidates.into_iter().map(|(method, (low, high))| {
        let scale = Scale::spanning(low, high);
        Found { scale, method, noise: check.noise(scale, maps) }
    });
    let best = judged.min_by(|a, b| a.noise.total_cmp(&b.noise));
    best.unwrap_or(Found { scale: Scale::spanning(low, high), method: Method::MinMax, noise: 0.0 })
}

/// The range with the least `error`, moving one edge at a time.
fn search(low: f32, high: f32, error: &dyn Fn(f32, f32) -> f64) -> (f32, f32) {
    let (mut best, mut least) = ((low, high), error(low, high));
    for _ in 0..ROUNDS {
        let from = best;
        for step in 0..STEPS {
            for edges in [(low * STEP.powi(step), from.1), (from.0, high * STEP.powi(step))] {
                let error = error(edges.0, edges.1);
                if error < least {
                    (best, least) = (edges, error);
                }
            }
        }
    }
    best
}
