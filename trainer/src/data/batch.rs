//! Pictures on their way into a network: turned, recoloured, and unfolded into the patches that the stem sees.

use super::augment::Turn;
use super::rng::Rng;
use super::sample::{Label, Sample};

/// Values in one patch: 3×3 pixels of three channels.
pub const PATCH: usize = 27;

/// A change of brightness, contrast and colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    gain: [f32; 3],
    offset: f32,
}

impl Default for Jitter {
    /// Leaves pictures as they are.
    fn default() -> Self {
        Jitter { gain: [1.0; 3], offset: 0.0 }
    }
}

impl Jitter {
    /// A random change; `strength` 0 changes nothing, 1 a lot.
    pub fn random(rng: &mut Rng, strength: f32) -> Jitter {
        let contrast = 1.0 + strength * rng.range(-0.4, 0.4);
        let gain = std::array::from_fn(|_| contrast * (1.0 + strength * rng.range(-0.15, 0.15)));
        // Contrast about mid-grey, then brightness.
        Jitter { gain, offset: 0.5 * (1.0 - contrast) + strength * rng.range(-0.2, 0.2) }
    }

    /// What each byte of each channel becomes: between 0 and 1.
    fn table(self) -> [[f32; 256]; 3] {
        self.gain.map(|gain| std::array::from_fn(|byte| (byte as f32 / 255.0 * gain + self.offset).clamp(0.0, 1.0)))
    }
}

/// Pictures ready for the network.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `[pictures, side/2, side/2, 27]`, see [`patches`].
    pub patches: Vec<f32>,
    /// The labels of each picture.
    pub labels: Vec<Vec<Label>>,
}

impl Batch {
    /// Adds a square picture.
    pub fn push(&mut self, sample: &Sample, turn: Turn, jitter: Jitter) {
        let side = sample.width;
        if turn == Turn::default() {
            patches(&sample.pixels, side, jitter, &mut self.patches);
        } else {
            patches(&turn.grid(&sample.pixels, side, 3), side, jitter, &mut self.patches);
        }
        self.labels.push(sample.boxes.iter().map(|&label| turn.label(label, side as f32)).collect());
    }
}

/// Appends the input of every position of a 3×3 convolution with stride 2 and padding 1 over a square RGB picture:
/// 27 values a position (rows, columns, then channels), each byte divided by 255. This is the stem's `im2col`; pictures
/// need no gradient, so it is done once, outside the network.
pub fn patches(pixels: &[u8], side: usize, jitter: Jitter, out: &mut Vec<f32>) {
    let table = jitter.table();
    let half = side.div_ceil(2);
    out.reserve(half * half * PATCH);
    for y in 0..half {
        for x in 0..half {
            for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                let (row, column) = ((2 * y + dy).wrapping_sub(1), (2 * x + dx).wrapping_sub(1));
                if row < side && column < side {
                    let pixel = &pixels[(row * side + column) * 3..][..3];
                    out.extend(pixel.iter().zip(&table).map(|(&byte, table)| table[byte as usize]));
                } else {
                    out.extend([0.0; 3]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_what_a_padded_convolution_sees() {
        let pixels: Vec<u8> = (0..4 * 4 * 3).map(|i| i as u8).collect();
        let mut out = Vec::new();
        patches(&pixels, 4, Jitter::default(), &mut out);
        assert_eq!(out.len(), 4 * PATCH);
        // The first patch hangs over the top left corner; its middle is pixel (0, 0), then (0, 1), then (1, 0).
        assert_eq!(out[..12], [0.0; 12]);
        let byte = |at: usize| (out[at] * 255.0).round() as usize;
        assert_eq!([byte(12), byte(13), byte(14), byte(15)], [0, 1, 2, 3]);
        assert_eq!([byte(21), byte(24)], [12, 15]);
        // The last patch is centred on pixel (2, 2).
        assert_eq!(byte(3 * PATCH + 12), (2 * 4 + 2) * 3);
    }
}
