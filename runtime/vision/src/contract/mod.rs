//! The contract between a model and whoever runs it: how a picture becomes the input, and what the outputs mean.
//!
//! The same fields come from four places: the model file itself (ONNX `metadata_props` under the prefix `retort.`,
//! see [`Contract::from_metadata`]), a sidecar TOML beside a model that carries none ([`Contract::from_toml`]), what is
//! known of well-known networks ([`Contract::recognise`]), and flags that override the thresholds. The written ones are flattened to dotted keys first, so an error names the
//! same key wherever the contract was written.
//!
//! ```toml
//! task = "detect"
//! classes = ["person", "bicycle"]
//!
//! [image]
//! colour = "bgr"                # the order of the input's channels: rgb, bgr, grey
//! mean = [0.0, 0.0, 0.0]        # value = (pixel - mean) / std, pixel 0 to 255
//! std = [1.0, 1.0, 1.0]
//! resize = "letterbox"          # or stretch, centre-crop
//! pad = 114
//! align = "top-left"            # or centre
//! interpolation = "linear"      # or nearest
//!
//! [head]
//! kind = "yolox"
//! output = "output"
//! strides = [8, 16, 32]
//!
//! [limits]
//! score = 0.3
//! iou = 0.5
//! max_detections = 100
//! ```

mod check;
mod coco;
mod coverage;
pub(crate) mod fields;
mod golden;
mod head;
mod nearest;
mod read;
mod recognise;
mod write;

use std::collections::BTreeMap;

use crate::error::ContractError;
use fields::Fields;

pub use fields::Named;

pub(crate) use check::output_index;
pub use coverage::Coverage;
pub use golden::{Golden, golden_picture};
pub use head::{
    AnchorPoint, BoxForm, BoxUnits, Head, Labels, Level, PointCoding, PointHead, Priors, QueryScores, ScoreColumns,
    ScoreForm,
};
pub use nearest::edits;
pub use recognise::{Clues, Cut, Unrecognised};

/// The prefix of the contract's keys among a model's metadata.
pub const METADATA_PREFIX: &str = "retort.";

/// The version of the contract's fields that this library reads and writes.
pub const VERSION: u32 = 1;

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Finds objects: boxes with a class and a score.
    Detect,
    /// Says what a whole picture shows.
    Classify,
}

impl Named for Task {
    const NAMES: &'static [(&'static str, Self)] = &[("detect", Task::Detect), ("classify", Task::Classify)];
}

/// The order of the input's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel: luma as JPEG defines it, `(77 R + 150 G + 29 B + 128) / 256`, rounded down.
    Grey,
}

impl Colour {
    /// The number of channels.
    pub const fn channels(self) -> usize {
        match self {
            Colour::Rgb | Colour::Bgr => 3,
            Colour::Grey => 1,
        }
    }
}

impl Named for Colour {
    const NAMES: &'static [(&'static str, Self)] =
        &[("rgb", Colour::Rgb), ("bgr", Colour::Bgr), ("grey", Colour::Grey)];
}

/// Where a letterboxed picture lies in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// In the middle; where the border is odd, the smaller half is left or above.
    Centre,
    /// In the top left corner.
    TopLeft,
}

impl Named for Align {
    const NAMES: &'static [(&'static str, Self)] = &[("centre", Align::Centre), ("top-left", Align::TopLeft)];
}

/// How a picture of any size is brought to the input's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resize {
    /// The whole picture, its aspect ratio kept; what it leaves free is filled with `pad`.
    Letterbox {
        /// Grey level of the border, 0 to 255, before normalisation.
        pad: u8,
        /// Where the picture lies.
        align: Align,
    },
    /// The whole picture, each axis scaled on its own.
    Stretch,
    /// The largest centred part that has the input's aspect ratio, shrunk about its centre by `crop`.
    CentreCrop {
        /// In (0, 1]. A network evaluated on "shorter side to 256, middle 224" has 224/256 = 0.875.
        crop: f32,
    },
}

/// How a resized pixel is made of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Bilinear between the four nearest pixel centres, without antialiasing, rounded to a whole 0 to 255.
    Linear,
    /// The pixel whose square the sample falls in.
    Nearest,
}

impl Named for Interpolation {
    const NAMES: &'static [(&'static str, Self)] =
        &[("linear", Interpolation::Linear), ("nearest", Interpolation::Nearest)];
}

/// How a picture becomes the model's input. What the network sees of a pixel of channel `c` is
/// `(pixel - mean[c]) / std[c]` in f32, where `pixel` is the resized pixel, rounded to a whole 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSpec {
    /// The input's name; needed only where the model has several.
    pub input: Option<String>,
    /// The order of the channels.
    pub colour: Colour,
    /// Subtracted from each channel, in the input's channel order; one value a channel, in units of 0 to 255.
    pub mean: Vec<f32>,
    /// What each channel is then divided by; finite and not 0.
    pub std: Vec<f32>,
    /// How the picture is brought to size.
    pub resize: Resize,
    /// How pixels are interpolated.
    pub interpolation: Interpolation,
}

/// What is reported of what a detector finds. The command line may override each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The least score, 0 to 1.
    pub score: f32,
    /// Of two boxes of one class that overlap more (intersection over union, 0 to 1) the worse is dropped. At 1 none
    /// is.
    pub iou: f32,
    /// The most detections a picture.
    pub max_detections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { score: 0.3, iou: 0.5, max_detections: 100 }
    }
}

/// How a model wants its input, what its outputs mean, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// What the model does.
    pub task: Task,
    /// The names of the classes, in the order of the model's scores.
    pub classes: Vec<String>,
    /// How a picture becomes the input.
    pub image: ImageSpec,
    /// What the outputs mean.
    pub head: Head,
    /// What is reported.
    pub limits: Limits,
    /// Checksums that show whether a runtime computes what the exporter did.
    pub golden: Option<Golden>,
    /// Around which places in the embedding's space lay what the model was taught.
    pub coverage: Option<Coverage>,
    /// Where the model comes from: hashes of recipe, teacher and data, the exporter, a licence. Keys are free.
    pub provenance: BTreeMap<String, String>,
    /// What was measured when it was made, such as `ap` and `ap50`. Keys are free.
    pub metrics: BTreeMap<String, f64>,
}

impl Contract {
    /// Reads the pairs under [`METADATA_PREFIX`] of an ONNX file's `metadata_props`; others are left alone. `None`
    /// where there is none. Values are plain text; lists are JSON arrays; the n-th table of a list has n in its key
    /// (`retort.head.levels.0.stride`).
    ///
    /// # Errors
    /// [`ContractError`] names the key that is missing, unknown, repeated or ill-typed.
    pub fn from_metadata(pairs: &[(String, String)]) -> Result<Option<Contract>, ContractError> {
        let fields = Fields::from_metadata(pairs)?;
        if fields.is_empty() { Ok(None) } else { read::contract(fields).map(Some) }
    }

    /// The pairs to write into an ONNX file's `metadata_props`, in a fixed order;
    /// [`from_metadata`](Self::from_metadata) gives the same contract again.
    pub fn to_metadata(&self) -> Vec<(String, String)> {
        write::metadata(self)
    }

    /// Reads a contract from TOML text, as the module's example shows it.
    ///
    /// # Errors
    /// [`ContractError`] names the line, or the key that is missing, unknown or ill-typed.
    pub fn from_toml(text: &str) -> Result<Contract, ContractError> {
        read::contract(Fields::from_toml(text)?)
    }
}

#[cfg(test)]
mod tests;
