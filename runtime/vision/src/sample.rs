//! Where each resized pixel is sampled: for every column and row of the input two source positions and a weight.
//!
//! Pixel centres are at halves: the centre of input pixel x is source position `(x + 0.5 - offset) / scale - 0.5`, the
//! convention of OpenCV's INTER_LINEAR. Beyond the border the outermost pixel repeats. Weights have 11 bits.

use super::frame::{Frame, Range};
use super::geometry::Mapping;
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

/// The samples of a picture: of its pixels, and of its chroma where that has a size of its own.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// One for each column and row that the input shows.
    pub luma: Axes,
    /// The same for chroma; empty where it is sampled as luma is.
    pub chroma: Axes,
}

/// Samples along both axes.
#[derive(Debug, Default)]
pub(super) struct Axes {
    /// One for each column that the input shows.
    pub columns: Vec<Sample>,
    /// One for each row that the input shows.
    pub rows: Vec<Sample>,
}

impl Grid {
    /// Samples of pictures like `frame`. Allocates only to grow.
    pub fn fill(&mut self, mapping: &Mapping, interpolation: Interpolation, frame: &Frame<'_>) {
        self.luma.fill(mapping, interpolation, [frame.width(), frame.height()], [1, 1], 0.0);
        // Chroma lies on the left one of its two pixels in video, between them in JPEG; down it lies between in both.
        let siting = if frame.range() == Range::Full { 0.0 } else { 0.25 };
        if let Some(subsampling) = frame.format().subsampling() {
            let siting = if subsampling[0] == 2 { siting } else { 0.0 };
            let size = [frame.width().div_ceil(subsampling[0]), frame.height().div_ceil(subsampling[1])];
            self.chroma.fill(mapping, interpolation, size, subsampling, siting);
        }
    }
}

impl Axes {
    /// For a plane of `size`, of which a pixel belongs to `subsampling` pixels of the picture and lies `siting` pixels of
    /// the plane left of their middle.
    fn fill(
        &mut self,
        mapping: &Mapping,
        interpolation: Interpolation,
        size: [usize; 2],
        subsampling: [usize; 2],
        siting: f32,
    ) {
        let [left, top, width, height] = mapping.shown;
        let scale = |axis: usize| mapping.scale[axis] * subsampling[axis] as f32;
        let across = (scale(0), mapping.offset[0] - siting * scale(0));
        fill(&mut self.columns, interpolation, (left, width), size[0], across);
        fill(&mut self.rows, interpolation, (top, height), size[1], (scale(1), mapping.offset[1]));
    }
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
