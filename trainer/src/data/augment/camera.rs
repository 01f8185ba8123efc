//! What cameras and their codecs do to pictures: blur, noise, JPEG.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::settings::Augmentation;
use crate::data::decode;
use crate::data::rng::Rng;
use crate::data::sample::Sample;

impl Augmentation {
    /// Blurs, adds noise, and passes through JPEG, each if chance has it.
    pub(super) fn degrade(&self, sample: &mut Sample, rng: &mut Rng) {
        if rng.chance(self.blur) {
            blur(sample, rng.range(0.3, self.blur_sigma.max(0.3)));
        }
        if self.noise > 0.0 {
            noise(sample, rng.range(0.0, self.noise), rng);
        }
        if rng.chance(self.jpeg) {
            let [least, most] = self.jpeg_quality.map(usize::from);
            jpeg(sample, (least + rng.below(most + 1 - least)) as u8);
        }
    }
}

/// A Gaussian of deviation `sigma` pixels, along rows and then along columns; edges repeat.
fn blur(sample: &mut Sample, sigma: f32) {
    let reach = (3.0 * sigma).ceil() as usize;
    // Weights of 8 bits that sum to 256, the middle one taking what rounding leaves.
    let weight = |distance: usize| (-0.5 * (distance as f32 / sigma).powi(2)).exp();
    let sum: f32 = weight(0) + 2.0 * (1..=reach).map(weight).sum::<f32>();
    let sides: Vec<u32> = (1..=reach).map(|distance| (256.0 * weight(distance) / sum).round() as u32).collect();
    let middle = 256 - 2 * sides.iter().sum::<u32>().min(127);
    let (channels, row) = (sample.channels, sample.width * sample.channels);
    let smooth = |from: &[u8], to: &mut Vec<u8>, step: usize, length: usize, lines: &mut dyn Iterator<Item = usize>| {
        for start in lines {
            for i in 0..length {
                let at = |i: usize| u32::from(from[start + i * step]);
                let ends =
                    sides.iter().zip(1..).map(|(w, d)| w * (at(i.saturating_sub(d)) + at((i + d).min(length - 1))));
                to[start + i * step] = ((middle * at(i) + ends.sum::<u32>() + 128) >> 8) as u8;
            }
        }
    };
    let mut rows = sample.pixels.clone();
    let starts = |y: usize| (0..channels).map(move |c| y * row + c);
    smooth(&sample.pixels, &mut rows, channels, sample.width, &mut (0..sample.height).flat_map(starts));
    smooth(&rows, &mut sample.pixels, row, sample.height, &mut (0..row));
}

/// Adds nearly normal noise: the sum of four uniform numbers, which has deviation 1/√3.
fn noise(sample: &mut Sample, deviation: f32, rng: &mut Rng) {
    let scale = deviation * 3f32.sqrt() / 65536.0;
    for value in &mut sample.pixels {
        let bits = rng.next();
        let sum: u64 = (0..4).map(|i| (bits >> (16 * i)) & 0xffff).sum();
        *value = (f32::from(*value) + (sum as f32 - 131_070.0) * scale + 0.5) as u8;
    }
}

/// Encodes and decodes. What a codec cannot do stays as it was.
fn jpeg(sample: &mut Sample, quality: u8) {
    let kind = if sample.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    let encoded = encoder.encode(&sample.pixels, sample.width as u32, sample.height as u32, kind);
    if encoded.is_ok()
        && let Ok(decoded) = decode::picture(&bytes)
        && decoded.pixels.len() == sample.pixels.len()
    {
        sample.pixels = decoded.pixels;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(channels: usize) -> Sample {
        let mut pixels = vec![0; 21 * 21 * channels];
        pixels[(10 * 21 + 10) * channels] = 255;
        Sample { channels, ..Sample::rgb(21, 21, pixels) }
    }

    #[test]
    fn blur_spreads_by_sigma_within_its_channel() {
        for channels in [1, 3] {
            let mut sample = dot(channels);
            sample.pixels.iter_mut().for_each(|value| *value = if *value > 0 { 255 } else { 0 });
            blur(&mut sample, 1.0);
            let at = |x: usize, y: usize, c: usize| f64::from(sample.pixels[(y * 21 + x) * channels + c]);
            let mass: f64 = (0..441).map(|i| at(i % 21, i / 21, 0)).sum();
            let spread: f64 =
                (0..441).map(|i| at(i % 21, i / 21, 0) * (i as f64 % 21.0 - 10.0).powi(2)).sum::<f64>() / mass;
            assert!((mass - 255.0).abs() < 12.0 && (spread - 1.0).abs() < 0.2, "{mass} {spread}");
            assert!((1..channels).all(|c| at(10, 10, c) == 0.0));
        }
        let mut flat = Sample::rgb(5, 4, vec![77; 60]);
        blur(&mut flat, 2.0);
        assert_eq!(flat.pixels, vec![77; 60]);
    }

    #[test]
    fn noise_has_its_deviation() {
        let mut sample = Sample::rgb(100, 100, vec![128; 30_000]);
        noise(&mut sample, 10.0, &mut Rng::new(&[4]));
        let deviations = || sample.pixels.iter().map(|&value| f64::from(value) - 128.0);
        let mean = deviations().sum::<f64>() / 30_000.0;
        let deviation = (deviations().map(|d| d * d).sum::<f64>() / 30_000.0).sqrt();
        assert!(mean.abs() < 0.3 && (deviation - 10.0).abs() < 0.3, "{mean} {deviation}");
    }

    #[test]
    fn jpeg_changes_a_little() {
        let mut sample = Sample::rgb(16, 16, (0..768).map(|i| (i % 251) as u8).collect());
        let before = sample.clone();
        jpeg(&mut sample, 60);
        assert!(sample.pixels.len() == 768 && sample.pixels != before.pixels);
    }
}
