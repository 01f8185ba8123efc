//! Where each resized pixel is sampled: for every column and row of the input two source positions and a weight.
//!
//! Pixel centres are at halves: the centre of input pixel x is source position `(x + 0.5 - offset) / scale - 0.5`, the
//! convention of OpenCV's INTER_LINEAR. Beyond the border the outermost pixel repeats. Weights have 11 bits.

use crate::contract::Interpolation;

/// Bits of a weight.
pub(super) const WEIGHT_BITS: u32 = 11;
/// The weight that is 1.
pub(super) const WEIGHT_ONE: i32 = 1 << WEIGHT_BITS;

/// Between which two neighbouring source pixels of an axis a sample lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// The pixel before.
    pub low: usize,
    /// Weight of the pixel after, 0 to [`WEIGHT_ONE`]; `low` has the rest. Where there is none after, it is 0.
    pub weight: i32,
}

/// Fills `samples` for the `shown` pixels of an axis from `first`. Allocates only to grow `samples`.
pub(super) fn fill(
    samples: &mut Vec<Sample>,
    interpolation: Interpolation,
    (first, shown): (usize, usize),
    source: usize,
    (scale, offset): (f32, f32),
) {
    samples.clear();
    let last = source - 1;
    samples.extend((first..first + shown).map(|x| {
        let position = (x as f64 + 0.5 - f64::from(offset)) / f64::from(scale);
        match interpolation {
            Interpolation::Nearest => {
                let pixel = (position.max(0.0) as usize).min(last);
                Sample { low: pixel, weight: 0 }
            }
            Interpolation::Linear => {
                let position = (position - 0.5).clamp(0.0, last as f64);
                let low = position as usize;
                let weight = ((position - low as f64) * f64::from(WEIGHT_ONE)).round_ties_even() as i32;
                Sample { low, weight }
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(interpolation: Interpolation, input: usize, source: usize) -> Vec<(usize, i32)> {
        let mut samples = Vec::new();
        fill(&mut samples, interpolation, (0, input), source, (input as f32 / source as f32, 0.0));
        samples.iter().map(|s| (s.low, s.weight)).collect()
    }

    #[test]
    fn halves_and_doubles_about_pixel_centres() {
        assert_eq!(samples(Interpolation::Linear, 2, 4), [(0, 1024), (2, 1024)]);
        assert_eq!(samples(Interpolation::Linear, 4, 2), [(0, 0), (0, 512), (0, 1536), (1, 0)]);
        assert_eq!(samples(Interpolation::Nearest, 4, 2), [(0, 0), (0, 0), (1, 0), (1, 0)]);
        assert_eq!(samples(Interpolation::Linear, 3, 3), [(0, 0), (1, 0), (2, 0)]);
    }
}
