//! A picture in memory and what is in it, wherever both came from.

use std::time::Duration;

use retort::error::FrameError;
use retort::vision::frame::{Frame, PixelFormat};

/// An object in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Index into the class names of the set.
    pub class: usize,
    /// Left, top, right and bottom edge in pixels; the first pixel's left edge is 0, so that a box over the whole picture
    /// is `[0, 0, width, height]`. Parts that other objects hide are included.
    pub bounds: [f32; 4],
    /// How sure the one who drew it was, 0 to 1: 1 for people, the score for a teacher.
    pub score: f32,
    /// Neither an object to be found nor ground to be left alone: COCO's `iscrowd`, VOC's `difficult`, MOT's boxes that
    /// are not to be considered. Training and evaluation take no notice of what is predicted there.
    pub ignored: bool,
}

impl Label {
    /// An object that is certainly there.
    pub fn new(class: usize, bounds: [f32; 4]) -> Label {
        Label { class, bounds, score: 1.0, ignored: false }
    }

    /// Right minus left; negative where the sides are swapped.
    pub fn width(&self) -> f32 {
        self.bounds[2] - self.bounds[0]
    }

    /// Bottom minus top; negative where the sides are swapped.
    pub fn height(&self) -> f32 {
        self.bounds[3] - self.bounds[1]
    }

    /// Width times height, 0 where either is negative.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// The label with its box cut to a picture of `width` × `height` pixels.
    pub fn clipped(self, width: usize, height: usize) -> Label {
        let [left, top, right, bottom] = self.bounds;
        let (width, height) = (width as f32, height as f32);
        let bounds =
            [left.clamp(0.0, width), top.clamp(0.0, height), right.clamp(0.0, width), bottom.clamp(0.0, height)];
        Label { bounds, ..self }
    }
}

/// A picture and what is in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes a pixel: 1 of luma, or 3 of red, green and blue.
    pub channels: usize,
    /// Row by row from the top left, the channels of a pixel side by side: `height · width · channels` bytes.
    pub pixels: Vec<u8>,
    /// Every object whose place is known.
    pub boxes: Vec<Label>,
    /// What the whole picture shows, where that is known.
    pub class: Option<usize>,
    /// What a picture that was blended into this one shows.
    pub mixed: Option<Mixed>,
}

/// The second class of a blend of two pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixed {
    /// Its number.
    pub class: usize,
    /// Its share, 0 to a half; the first class has the rest.
    pub share: f32,
}

impl Sample {
    /// An unlabelled picture of red, green and blue.
    pub fn rgb(width: usize, height: usize, pixels: Vec<u8>) -> Sample {
        Sample { width, height, channels: 3, pixels, ..Sample::default() }
    }

    /// The picture as the runtime takes it.
    ///
    /// # Errors
    /// Where its bytes are not as many as its size says.
    pub fn frame(&self) -> Result<Frame<'_>, FrameError> {
        let format = if self.channels == 1 { PixelFormat::Grey8 } else { PixelFormat::Rgb8 };
        Frame::new(&self.pixels, format, self.width, self.height, self.width * self.channels, Duration::ZERO)
    }

    /// What a network sees: every byte divided by 255.
    pub fn values(&self) -> impl Iterator<Item = f32> + '_ {
        self.pixels.iter().map(|&byte| f32::from(byte) / 255.0)
    }

    /// The share that each of so many classes has in the picture; none if that is not known.
    pub fn class_shares(&self, classes: usize) -> Option<Vec<f32>> {
        let mut shares = vec![0.0; classes];
        *shares.get_mut(self.class?)? = 1.0 - self.mixed.map_or(0.0, |mixed| mixed.share);
        if let Some(mixed) = self.mixed {
            *shares.get_mut(mixed.class)? += mixed.share;
        }
        Some(shares)
    }

    /// The same picture with `channels` bytes a pixel (1 or 3): luma repeated, or the luma that the runtime's
    /// preprocessing takes (ITU-R BT.601 in 8 bits).
    pub fn with_channels(mut self, channels: usize) -> Sample {
        match (self.channels, channels) {
            (1, 3) => self.pixels = self.pixels.iter().flat_map(|&luma| [luma; 3]).collect(),
            (3, 1) => self.pixels = self.pixels.as_chunks().0.iter().map(|&pixel| luma(pixel)).collect(),
            _ => return self,
        }
        self.channels = channels;
        self
    }
}

/// Luma of ITU-R BT.601 in 8 bits, as the runtime's preprocessing has it.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b) + 128) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_a_blend_share_it() {
        let sample = Sample { class: Some(2), mixed: Some(Mixed { class: 0, share: 0.25 }), ..Sample::default() };
        assert_eq!(sample.class_shares(3), Some(vec![0.25, 0.0, 0.75]));
        assert_eq!(sample.class_shares(2), None, "a class that is not there");
        assert_eq!(Sample::default().class_shares(3), None);
    }

    #[test]
    fn channels_come_and_go() {
        let sample = Sample::rgb(2, 1, vec![100, 165, 0, 255, 110, 180]);
        let grey = sample.clone().with_channels(1);
        assert_eq!((grey.channels, grey.pixels.as_slice()), (1, &[127, 162][..]));
        assert_eq!(grey.with_channels(3).pixels, [127, 127, 127, 162, 162, 162]);
        assert_eq!(sample.clone().with_channels(3), sample);
    }

    #[test]
    fn boxes_are_cut_to_the_picture() {
        let label = Label::new(1, [-3.0, 2.0, 30.0, 9.0]).clipped(20, 8);
        assert_eq!((label.bounds, label.area()), ([0.0, 2.0, 20.0, 8.0], 120.0));
    }
}
