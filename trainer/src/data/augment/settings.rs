//! What may be done to pictures in training: the keys of a recipe's `[augment]`. By default nothing is.

use serde::{Deserialize, Serialize};

/// Random changes of pictures. Chances are from 0, never, to 1, always; `±` is uniform between the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Chance to mirror left and right. Default 0.
    pub flip: f32,
    /// Chance to mirror top and bottom. Default 0.
    pub flip_vertical: f32,
    /// Chance of one of the eight turns and mirrorings of a square; only four of them where the target is not square.
    /// Default 0.
    pub turn: f32,
    /// Least and greatest zoom about the middle; every doubling is as likely as another. Default [1, 1].
    pub scale: [f32; 2],
    /// Greatest change of width against height, as a factor. Default 1.
    pub aspect: f32,
    /// Rotation about the middle, ± degrees. Boxes become the bounds of their turned corners. Default 0.
    pub rotate: f32,
    /// Shift, ± share of the target's sides. Default 0.
    pub translate: f32,
    /// Shift by whole target pixels, ± so many on each axis, beside `translate`. Default 0.
    pub jitter: u32,
    /// Chance to show only a part, which fills the target (Szegedy et al. 2015, "Inception crop"). Default 0.
    pub crop: f32,
    /// Least and greatest share of the picture's area that such a part has. Default [0.35, 1].
    pub crop_area: [f32; 2],
    /// Greatest width against height, or height against width, of such a part, measured in pixels. Default 1.33.
    pub crop_aspect: f32,
    /// Turn of the hue, ± share of the circle. Default 0.
    pub hue: f32,
    /// Change of the saturation, a factor of 1 ± this. Default 0.
    pub saturation: f32,
    /// Change of HSV's value, a factor of 1 ± this. Default 0.
    pub value: f32,
    /// Change of brightness, a factor of 1 ± this. Default 0.
    pub brightness: f32,
    /// Change of contrast about mid-grey, a factor of 1 ± this. Default 0.
    pub contrast: f32,
    /// Change of each colour channel on its own, a factor of 1 ± this. Default 0.
    pub channels: f32,
    /// Chance to take all colour away. Default 0.
    pub grey: f32,
    /// Chance to blur. Default 0.
    pub blur: f32,
    /// Greatest deviation of that Gaussian, in target pixels. Default 1.5.
    pub blur_sigma: f32,
    /// Greatest deviation of noise that is added to each value, in units of 0 to 255; 0 is none. Default 0.
    pub noise: f32,
    /// Chance to pass through JPEG. Default 0.
    pub jpeg: f32,
    /// Least and greatest quality of that, 1 to 100. Default [30, 80].
    pub jpeg_quality: [u8; 2],
    /// Chance to put four pictures together around a random point (Bochkovskiy et al. 2020). Default 0.
    pub mosaic: f32,
    /// Least and greatest zoom of its tiles, beside `scale`. Default [0.5, 1].
    pub mosaic_scale: [f32; 2],
    /// Chance to blend with another picture (Zhang et al. 2018). Default 0.
    pub mixup: f32,
    /// The `α` of the Beta distribution that the other picture's share comes from; the greater, the nearer to a half.
    /// The greater share always is the first picture's. Default 1.
    pub mixup_alpha: f32,
    /// Chance to cover parts (DeVries and Taylor 2017). Default 0.
    pub cutout: f32,
    /// The most parts. Default 3.
    pub cutout_count: u32,
    /// Greatest side of a part, as a share of the target's. Default 0.3.
    pub cutout_size: f32,
    /// Chance to copy objects from other pictures of the same size to the same place, for cameras that do not move. Default 0.
    pub paste: f32,
    /// The most objects. Default 3.
    pub paste_count: u32,
    /// Share of an object that must stay in sight; what shows less of it loses its box. Default 0.25.
    pub visible: f32,
    /// Least width and height of a box in target pixels. Default 2.
    pub smallest: f32,
    /// Share of a training at whose end pictures are moved an eighth as much, and neither mirrored, cropped nor put together: the
    /// student ends on what it will see (Ge et al. 2021, YOLOX, section 2.2). Default 0.
    pub settle: f32,
    /// Grey level of what is cut out, and of what no picture covers where the target is not letterboxed, 0 to 255. Default 114,
    /// as in YOLO.
    pub fill: u8,
}

impl Default for Augmentation {
    /// Leaves pictures as they are.
    fn default() -> Self {
        Augmentation {
            flip: 0.0,
            flip_vertical: 0.0,
            turn: 0.0,
            scale: [1.0, 1.0],
            aspect: 1.0,
            rotate: 0.0,
            translate: 0.0,
            jitter: 0,
            crop: 0.0,
            crop_area: [0.35, 1.0],
            crop_aspect: 4.0 / 3.0,
            hue: 0.0,
            saturation: 0.0,
            value: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            channels: 0.0,
            grey: 0.0,
            blur: 0.0,
            blur_sigma: 1.5,
            noise: 0.0,
            jpeg: 0.0,
            jpeg_quality: [30, 80],
            mosaic: 0.0,
            mosaic_scale: [0.5, 1.0],
            mixup: 0.0,
            mixup_alpha: 1.0,
            cutout: 0.0,
            cutout_count: 3,
            cutout_size: 0.3,
            paste: 0.0,
            paste_count: 3,
            visible: 0.25,
            smallest: 2.0,
            settle: 0.0,
            fill: 114,
        }
    }
}

impl Augmentation {
    /// Only what leaves every pixel in its place: what is known of each place of a picture still holds.
    pub fn unmoved(&self) -> Augmentation {
        let kept = Augmentation::default();
        Augmentation {
            hue: self.hue,
            saturation: self.saturation,
            value: self.value,
            brightness: self.brightness,
            contrast: self.contrast,
            channels: self.channels,
            grey: self.grey,
            blur: self.blur,
            blur_sigma: self.blur_sigma,
            noise: self.noise,
            jpeg: self.jpeg,
            jpeg_quality: self.jpeg_quality,
            fill: self.fill,
            ..kept
        }
    }

    /// What remains of it at the end of a training.
    pub fn settled(&self) -> Augmentation {
        let eighth = |factor: f32| factor.powf(0.125);
        Augmentation {
            flip: 0.0,
            flip_vertical: 0.0,
            turn: 0.0,
            scale: self.scale.map(eighth),
            aspect: eighth(self.aspect),
            rotate: self.rotate / 8.0,
            translate: self.translate / 8.0,
            crop: 0.0,
            mosaic: 0.0,
            mixup: 0.0,
            ..self.clone()
        }
    }

    /// Refuses values that mean nothing.
    ///
    /// # Errors
    /// The key, its value and its range.
    pub fn check(&self) -> Result<(), String> {
        let within = |key: &str, value: f32, least: f32, most: f32| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(format!("`{key}` is {value}; give {least} to {most}")),
        };
        let chances = [
            ("flip", self.flip),
            ("flip_vertical", self.flip_vertical),
            ("turn", self.turn),
            ("crop", self.crop),
            ("grey", self.grey),
            ("blur", self.blur),
            ("jpeg", self.jpeg),
            ("mosaic", self.mosaic),
            ("mixup", self.mixup),
            ("cutout", self.cutout),
            ("paste", self.paste),
            ("translate", self.translate),
            ("hue", self.hue),
            ("saturation", self.saturation),
            ("value", self.value),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("channels", self.channels),
            ("cutout_size", self.cutout_size),
            ("visible", self.visible),
            ("settle", self.settle),
        ];
        for (key, value) in chances {
            within(key, value, 0.0, 1.0)?;
        }
        let ranges = [
            ("scale", self.scale, 0.05, 20.0),
            ("crop_area", self.crop_area, 0.01, 1.0),
            ("mosaic_scale", self.mosaic_scale, 0.05, 20.0),
            ("jpeg_quality", self.jpeg_quality.map(f32::from), 1.0, 100.0),
        ];
        for (key, [low, high], least, most) in ranges {
            within(key, low, least, most)?;
            within(key, high, least, most)?;
            if low > high {
                return Err(format!("`{key}` is [{low}, {high}]; give the lesser first"));
            }
        }
        within("aspect", self.aspect, 1.0, 10.0)?;
        within("crop_aspect", self.crop_aspect, 1.0, 10.0)?;
        within("rotate", self.rotate, 0.0, 180.0)?;
        within("blur_sigma", self.blur_sigma, 0.0, 10.0)?;
        within("noise", self.noise, 0.0, 255.0)?;
        within("mixup_alpha", self.mixup_alpha, 0.05, 100.0)?;
        within("smallest", self.smallest, 0.0, 1000.0)
    }

    /// Whether a picture's place in the target may change.
    pub(super) fn moves(&self) -> bool {
        let chances = [self.flip, self.flip_vertical, self.turn, self.crop, self.rotate, self.translate];
        chances.iter().any(|&chance| chance > 0.0) || self.jitter > 0 || self.scale != [1.0; 2] || self.aspect != 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_may_be_left_out_and_none_be_added() {
        let some: Augmentation = toml::from_str("flip = 0.5\nscale = [0.5, 2.0]").expect("keys");
        assert_eq!(some, Augmentation { flip: 0.5, scale: [0.5, 2.0], ..Augmentation::default() });
        assert!(toml::from_str::<Augmentation>("flop = 0.5").is_err());
        let written = toml::to_string(&Augmentation::default()).expect("TOML");
        assert_eq!(toml::from_str::<Augmentation>(&written).expect("keys"), Augmentation::default());
    }

    #[test]
    fn nonsense_is_refused_by_its_key() {
        assert_eq!(Augmentation::default().check(), Ok(()));
        let refused = |wrong: Augmentation| wrong.check().expect_err("refused");
        assert!(refused(Augmentation { flip: 1.5, ..Default::default() }).contains("`flip` is 1.5"));
        assert!(refused(Augmentation { noise: f32::NAN, ..Default::default() }).contains("`noise`"));
        assert!(refused(Augmentation { scale: [2.0, 1.0], ..Default::default() }).contains("lesser first"));
    }
}
