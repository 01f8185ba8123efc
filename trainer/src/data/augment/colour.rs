//! Changes of colour: by tables for each channel, and in HSV.

use super::settings::Augmentation;
use crate::data::rng::Rng;
use crate::data::sample::{Sample, luma};

impl Augmentation {
    /// Changes the colours of a picture: HSV, then brightness, contrast and channels, then perhaps grey.
    pub(super) fn recolour(&self, sample: &mut Sample, rng: &mut Rng) {
        let [hue, saturation, value] = [self.hue, self.saturation, self.value].map(|most| rng.range(-most, most));
        if sample.channels == 3 && (self.hue > 0.0 || self.saturation > 0.0 || self.value > 0.0) {
            let (saturation, value) = (1.0 + saturation, 1.0 + value);
            for pixel in sample.pixels.as_chunks_mut::<3>().0 {
                *pixel = shift(*pixel, hue, saturation, value);
            }
        } else if self.value > 0.0 {
            sample.pixels.iter_mut().for_each(|pixel| *pixel = (f32::from(*pixel) * (1.0 + value) + 0.5) as u8);
        }
        let [brightness, contrast] = [self.brightness, self.contrast].map(|most| 1.0 + rng.range(-most, most));
        let gains: [f32; 3] = std::array::from_fn(|_| 1.0 + rng.range(-self.channels, self.channels));
        if self.brightness > 0.0 || self.contrast > 0.0 || self.channels > 0.0 {
            let tables = gains.map(|gain| table(brightness * gain, contrast));
            match sample.channels {
                1 => sample.pixels.iter_mut().for_each(|value| *value = tables[0][usize::from(*value)]),
                _ => sample.pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| {
                    *pixel = std::array::from_fn(|c| tables[c][usize::from(pixel[c])]);
                }),
            }
        }
        if rng.chance(self.grey) && sample.channels == 3 {
            for pixel in sample.pixels.as_chunks_mut::<3>().0 {
                *pixel = [luma(*pixel); 3];
            }
        }
    }
}

/// What each byte becomes: contrast about mid-grey, then brightness.
fn table(brightness: f32, contrast: f32) -> [u8; 256] {
    std::array::from_fn(|byte| (((byte as f32 - 127.5) * contrast + 127.5) * brightness + 0.5) as u8)
}

/// A colour with its hue turned by a share of the circle, and its saturation and value multiplied (Smith 1978).
fn shift(pixel: [u8; 3], turn: f32, saturation: f32, value: f32) -> [u8; 3] {
    let [r, g, b] = pixel.map(f32::from);
    let most = r.max(g).max(b);
    let least = r.min(g).min(b);
    let chroma = most - least;
    if chroma == 0.0 {
        return [(most * value + 0.5) as u8; 3];
    }
    let hue = if most == r {
        (g - b) / chroma
    } else if most == g {
        2.0 + (b - r) / chroma
    } else {
        4.0 + (r - g) / chroma
    };
    let hue = (hue + 6.0 * turn).rem_euclid(6.0);
    let bright = (most * value).min(255.0);
    let chroma = bright * (chroma / most * saturation).min(1.0);
    [5.0, 3.0, 1.0].map(|n: f32| {
        let k = n + hue;
        let k = if k >= 6.0 { k - 6.0 } else { k };
        (bright - chroma * k.min(4.0 - k).clamp(0.0, 1.0) + 0.5) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::rng::Rng;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_shift_changes_nothing(pixel in any::<[u8; 3]>()) {
            let same = shift(pixel, 0.0, 1.0, 1.0);
            prop_assert!(same.iter().zip(pixel).all(|(a, b)| a.abs_diff(b) <= 1), "{:?} {:?}", pixel, same);
        }
    }

    #[test]
    fn hues_turn_and_saturation_and_value_scale() {
        assert_eq!(shift([200, 0, 0], 1.0 / 3.0, 1.0, 1.0), [0, 200, 0]);
        assert_eq!(shift([200, 0, 0], -1.0 / 3.0, 1.0, 0.5), [0, 0, 100]);
        assert_eq!(shift([200, 100, 100], 0.0, 2.0, 1.0), [200, 0, 0]);
        assert_eq!(shift([200, 0, 0], 0.0, 0.0, 2.0), [255; 3]);
    }

    #[test]
    fn tables_are_contrast_and_brightness() {
        let plain = table(1.0, 1.0);
        assert!(plain.iter().enumerate().all(|(i, &value)| i == usize::from(value)));
        let strong = table(1.0, 2.0);
        assert_eq!([strong[0], strong[127], strong[128], strong[255]], [0, 127, 129, 255]);
        assert_eq!(table(0.5, 1.0)[200], 100);
    }

    #[test]
    fn grey_has_no_colour() {
        let mut sample = Sample::rgb(1, 1, vec![100, 165, 0]);
        Augmentation { grey: 1.0, ..Default::default() }.recolour(&mut sample, &mut Rng::new(&[1]));
        assert_eq!(sample.pixels, [127; 3]);
    }
}
