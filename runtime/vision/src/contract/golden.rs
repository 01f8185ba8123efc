//! Golden checksums: what a model must compute on a picture that anyone can make again from a number.

/// Checksums (CRC-32, IEEE) of a run on [`golden_picture`], taken when the model was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Golden {
    /// Seed of the picture, which is as large as the model's input and needs no resizing.
    pub seed: u32,
    /// Of the picture's bytes.
    pub input_crc32: u32,
    /// Of the outputs in the graph's order, each as little-endian f32 in ONNX layout.
    pub output_crc32: u32,
}

/// Pseudo-random pixels, row by row, `channels` bytes a pixel in the input's channel order: the high bytes of
/// xorshift32 (Marsaglia, 2003) started from `seed`, 0 being replaced by 1.
pub fn golden_picture(seed: u32, width: usize, height: usize, channels: usize) -> Vec<u8> {
    let mut state = seed.max(1);
    (0..width * height * channels)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_never_changes() {
        // The first xorshift32 states from 1: 270369, 67634689, 2647435461, 307599695.
        assert_eq!(golden_picture(1, 4, 1, 1), [0, 4, 157, 18]);
        assert_eq!(golden_picture(0, 2, 2, 3), golden_picture(1, 4, 1, 3));
    }
}
