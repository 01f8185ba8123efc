//! A float picture while it is being painted, and what a camera does to it on the way to bytes.

use super::ground::Colour;
use crate::data::Rng;

/// Linear colours, row by row.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` colours.
    pub pixels: Vec<Colour>,
}

/// What a camera adds. Blur and noise are stated for a picture whose shorter side is [`Camera::REFERENCE`] pixels.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    cast: Colour,
    exposure: f32,
    gamma: f32,
    blur: f32,
    noise: f32,
    seed: u64,
}

impl Camera {
    /// The shorter side, in pixels, that blur and noise refer to.
    pub const REFERENCE: f32 = 128.0;

    /// A random camera.
    pub fn random(rng: &mut Rng) -> Camera {
        Camera {
            cast: std::array::from_fn(|_| rng.range(0.85, 1.15)),
            exposure: rng.range(0.75, 1.2),
            gamma: rng.range(0.8, 1.25),
            blur: rng.range(0.0, 0.6),
            noise: rng.range(0.0, 0.04),
            seed: rng.next(),
        }
    }

    /// Develops a picture into RGB bytes.
    pub fn develop(&self, mut picture: Picture) -> Vec<u8> {
        let scale = picture.width.min(picture.height) as f32 / Camera::REFERENCE;
        blur(&mut picture, self.blur * scale);
        let mut rng = Rng::new(&[self.seed]);
        let mut bytes = Vec::with_capacity(picture.pixels.len() * 3);
        for pixel in &picture.pixels {
            for (value, cast) in pixel.iter().zip(self.cast) {
                let exposed = (value * cast * self.exposure).clamp(0.0, 1.0).powf(self.gamma);
                let noisy = exposed + self.noise * grain(&mut rng);
                bytes.push((noisy * 255.0 + 0.5) as u8);
            }
        }
        bytes
    }
}

/// Nearly normal noise of unit deviation: the sum of four uniform bytes, quicker than a true normal.
fn grain(rng: &mut Rng) -> f32 {
    let bits = rng.next();
    let sum: u32 = (0..4).map(|i| (bits >> (16 * i)) as u32 & 0xffff).sum();
    // Four uniform numbers in [0, 1) have mean 2 and variance 1/3.
    (sum as f32 / 65536.0 - 2.0) * 1.732
}

/// Two box blurs a side, which is close to a Gaussian of deviation `sigma` pixels.
fn blur(picture: &mut Picture, sigma: f32) {
    // Two boxes of half-width r (with fractional ends) have variance 2·((2r+1)² − 1)/12.
    let reach = ((6.0 * sigma * sigma + 1.0).sqrt() - 1.0) / 2.0;
    if reach < 0.05 {
        return;
    }
    for _ in 0..2 {
        smooth(&mut picture.pixels, picture.width, 1, reach);
        smooth(&mut picture.pixels, picture.height, picture.width, reach);
    }
}

/// One box blur along lines of `length` pixels that are `step` apart; edges repeat.
fn smooth(pixels: &mut [Colour], length: usize, step: usize, reach: f32) {
    let whole = reach as usize;
    let part = reach - whole as f32;
    let weight = 1.0 / (2.0 * reach + 1.0);
    let mut line = vec![[0.0; 3]; length];
    for index in 0..pixels.len() / length.max(1) {
        // Lines along rows start a row apart; lines along columns start a pixel apart.
        let start = if step == 1 { index * length } else { index };
        for (i, value) in line.iter_mut().enumerate() {
            *value = pixels[start + i * step];
        }
        let at = |i: isize| line[i.clamp(0, length as isize - 1) as usize];
        for i in 0..length as isize {
            let mut sum = at(i);
            for distance in 1..=whole as isize + 1 {
                let share = if distance as usize > whole { part } else { 1.0 };
                let (a, b) = (at(i - distance), at(i + distance));
                for channel in 0..3 {
                    sum[channel] += share * (a[channel] + b[channel]);
                }
            }
            pixels[start + i as usize * step] = sum.map(|value| value * weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_mean_and_spreads_by_sigma() {
        let side = 41;
        let mut picture = Picture { width: side, height: side, pixels: vec![[0.0; 3]; side * side] };
        picture.pixels[20 * side + 20] = [1.0; 3];
        blur(&mut picture, 2.0);
        let total: f32 = picture.pixels.iter().map(|p| p[0]).sum();
        let spread: f32 =
            picture.pixels.iter().enumerate().map(|(i, p)| p[0] * ((i % side) as f32 - 20.0).powi(2)).sum();
        assert!((total - 1.0).abs() < 1e-4, "{total}");
        // The fractional ends of the boxes add a little.
        assert!((spread.sqrt() - 2.0).abs() < 0.1, "{}", spread.sqrt());
    }
}
