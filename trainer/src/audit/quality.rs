//! What a picture is like as a picture: how bright, and how sharp.

use crate::data::Sample;

/// Figures of one picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Mean luma (ITU-R BT.601), from 0 for black to 1 for white.
    pub brightness: f64,
    /// Variance of the Laplacian of the luma, which is from 0 to 255 (Pech-Pacheco et al., ICPR 2000): the less, the more
    /// blurred. It depends on the size of the picture, so that it compares pictures of about one size.
    pub sharpness: f64,
}

impl Quality {
    /// Of a picture; both figures are 0 where there is nothing to look at.
    pub fn of(sample: &Sample) -> Quality {
        let grey;
        let luma: &[u8] = if sample.channels == 1 {
            &sample.pixels
        } else {
            grey = Sample { boxes: Vec::new(), ..sample.clone() }.with_channels(1);
            &grey.pixels
        };
        let mean = luma.iter().map(|&value| f64::from(value)).sum::<f64>() / (255.0 * luma.len().max(1) as f64);
        Quality { brightness: mean, sharpness: variance_of_laplacian(luma, sample.width) }
    }
}

/// The variance of four times a pixel less its four neighbours, over the pixels that have all four.
fn variance_of_laplacian(luma: &[u8], width: usize) -> f64 {
    if width < 3 || luma.len() < 3 * width {
        return 0.0;
    }
    let (mut sum, mut squares, mut count) = (0i64, 0i64, 0i64);
    for row in 1..luma.len() / width - 1 {
        for column in 1..width - 1 {
            let at = row * width + column;
            let value = |index: usize| i64::from(luma[index]);
            let laplacian = 4 * value(at) - value(at - 1) - value(at + 1) - value(at - width) - value(at + width);
            sum += laplacian;
            squares += laplacian * laplacian;
            count += 1;
        }
    }
    let mean = sum as f64 / count as f64;
    squares as f64 / count as f64 - mean * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_known_pictures() {
        let flat = Quality::of(&Sample::rgb(4, 4, vec![51; 48]));
        assert_eq!(flat, Quality { brightness: 0.2, sharpness: 0.0 });
        // One white pixel in the second row and column of 4×4: Laplacians 1020, -255, -255 and 0, whose mean is 127.5 and
        // whose mean square is (1020² + 2·255²) / 4.
        let mut pixels = vec![0; 16];
        pixels[5] = 255;
        let spot = Quality::of(&Sample { width: 4, height: 4, channels: 1, pixels, ..Sample::default() });
        assert_eq!(spot.brightness, 1.0 / 16.0);
        assert_eq!(spot.sharpness, (1_040_400.0 + 2.0 * 65_025.0) / 4.0 - 127.5 * 127.5);
        assert_eq!(Quality::of(&Sample::rgb(2, 1, vec![0; 6])).sharpness, 0.0);
    }
}
