//! One picture of a set: what it is called, where its pixels are, and what is known of it. Pixels are decoded when asked
//! for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decode;
use super::error::DataError;
use super::sample::{Label, Sample};
use super::video::Video;

/// What a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose by: when to stop, which weights to keep.
    Validation,
    /// To measure on, once.
    Test,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

    /// The part that a folder or file is called after: `train`, `training`, `train2017`, `val`, `valid`, `test`, `t10k`, …
    pub fn named(name: &str) -> Option<Part> {
        match name.to_ascii_lowercase().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_') {
            "train" | "training" | "trainset" => Some(Part::Train),
            "val" | "valid" | "validation" | "dev" => Some(Part::Validation),
            "test" | "testing" | "t10k" | "testset" => Some(Part::Test),
            _ => None,
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        })
    }
}

/// Where pixels are.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// A BMP, JPEG, PNG, PNM or WebP file.
    File(PathBuf),
    /// Raw bytes that many pictures share.
    Memory {
        /// The pictures, one after another.
        bytes: Arc<Vec<u8>>,
        /// Where this one begins.
        start: usize,
        /// Width, height and channels.
        shape: [usize; 3],
    },
    /// A frame of a video, counted from 1.
    Frame {
        /// The video.
        video: Arc<Video>,
        /// Which of its frames.
        number: usize,
    },
}

/// One picture of a set.
#[derive(Clone, Debug)]
pub struct Item {
    /// The path below the set's folder, `file#frame` for a video, `file#index` in a file of many. Unique in the set, and the
    /// same wherever the folder lies.
    pub name: String,
    /// Where its pixels are.
    pub pixels: Pixels,
    /// Width and height as the labels state them.
    pub stated: Option<[usize; 2]>,
    /// The objects in it; `None` where nobody has looked for any, an empty list where there are none.
    pub boxes: Option<Vec<Label>>,
    /// Whether boxes are in shares of the picture's width and height rather than in pixels.
    pub relative: bool,
    /// What it shows as a whole.
    pub class: Option<usize>,
    /// What it is for, where the format says that.
    pub part: Option<Part>,
    /// When it was taken: the number of its frame, counted from 1, where the set is a film. Neighbours are nearly the same
    /// picture.
    pub frame: Option<usize>,
}

impl Item {
    /// A picture of which nothing is known.
    pub fn new(name: impl Into<String>, pixels: Pixels) -> Item {
        let frame = if let Pixels::Frame { number, .. } = pixels { Some(number) } else { None };
        Item { name: name.into(), pixels, stated: None, boxes: None, relative: false, class: None, part: None, frame }
    }

    /// Decodes the pixels: one channel of what is stored as grey, else three. Orientation tags (EXIF) are not followed, as
    /// they are not by the runtime, nor by those who drew the boxes of the public sets.
    ///
    /// # Errors
    /// [`DataError::Io`] and [`DataError::Picture`], which name the picture.
    pub fn load(&self) -> Result<Sample, DataError> {
        let mut sample = match &self.pixels {
            Pixels::File(path) => decode::file(path)?,
            &Pixels::Memory { ref bytes, start, shape: [width, height, channels] } => {
                let pixels = bytes.get(start..).and_then(|rest| rest.get(..width * height * channels));
                let problem = || "its file is shorter than its header says".to_string();
                let pixels =
                    pixels.ok_or_else(|| DataError::Picture { name: self.name.clone(), problem: problem() })?;
                Sample { channels, ..Sample::rgb(width, height, pixels.to_vec()) }
            }
            Pixels::Frame { video, number } => video.frame(*number)?,
        };
        sample.boxes = self.labels([sample.width, sample.height]);
        sample.class = self.class;
        Ok(sample)
    }

    /// Width and height, from the first bytes of a picture's file; nothing of a video is decoded for it, which gives `None`
    /// until a frame was.
    ///
    /// # Errors
    /// As for [`Item::load`].
    pub fn size(&self) -> Result<Option<[usize; 2]>, DataError> {
        match &self.pixels {
            Pixels::File(path) => decode::size(path).map(Some),
            Pixels::Memory { shape, .. } => Ok(Some([shape[0], shape[1]])),
            Pixels::Frame { video, .. } => Ok(video.size()),
        }
    }

    /// Whether its pixels are a frame of a video's.
    pub fn is_frame(&self) -> bool {
        matches!(self.pixels, Pixels::Frame { .. })
    }

    /// What a frame is one of: its video, or the folder that it lies in.
    pub(super) fn film(&self) -> Option<(&Path, usize)> {
        let film = match &self.pixels {
            Pixels::Frame { video, .. } => video.path(),
            Pixels::File(path) => path.parent()?,
            Pixels::Memory { .. } => return None,
        };
        Some((film, self.frame?))
    }

    /// The objects in pixels of a picture of this width and height.
    pub fn labels(&self, [width, height]: [usize; 2]) -> Vec<Label> {
        let boxes = self.boxes.iter().flatten();
        if !self.relative {
            return boxes.copied().collect();
        }
        let scale = [width as f32, height as f32, width as f32, height as f32];
        boxes.map(|label| Label { bounds: std::array::from_fn(|i| label.bounds[i] * scale[i]), ..*label }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_names() {
        for (name, part) in [("train2017", Part::Train), ("Val", Part::Validation), ("t10k", Part::Test)] {
            assert_eq!(Part::named(name), Some(part));
        }
        assert_eq!(Part::named("trains"), None);
    }

    #[test]
    fn relative_boxes_become_pixels() {
        let bytes = Arc::new((0..12).collect::<Vec<u8>>());
        let mut item = Item::new("a#1", Pixels::Memory { bytes, start: 4, shape: [4, 2, 1] });
        item.boxes = Some(vec![Label::new(2, [0.25, 0.5, 0.75, 1.0])]);
        item.relative = true;
        let sample = item.load().expect("it is in memory");
        assert_eq!((sample.width, sample.height, sample.channels), (4, 2, 1));
        assert_eq!(sample.pixels, [4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(sample.boxes[0].bounds, [1.0, 1.0, 3.0, 2.0]);
    }

    #[test]
    fn what_is_not_in_memory_is_an_error() {
        let item = Item::new("a#1", Pixels::Memory { bytes: Arc::new(vec![0; 5]), start: 2, shape: [2, 2, 1] });
        assert!(item.load().expect_err("too short").to_string().starts_with("a#1: "));
    }
}
