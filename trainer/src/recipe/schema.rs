//! Every key of a recipe, what it means and what it is if nobody says.

use serde::{Deserialize, Serialize};

use super::merge::KeyError;
use crate::data::CLASSES;
use crate::nets::Architecture;

/// A whole experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Name of the experiment and of the student's file.
    pub name: String,
    /// Each seed trains the student twice, distilled and undistilled. The first one's student is kept.
    pub seeds: Vec<u64>,
    /// The scenes.
    pub data: Data,
    /// The teacher's layers.
    pub teacher: Network,
    /// How the teacher is trained.
    pub teaching: Optimisation,
    /// The student's layers.
    pub student: Network,
    /// How the student is trained.
    pub learning: Optimisation,
    /// What the distilled student hears beside its labels.
    pub distil: Distil,
    /// How the student becomes int8.
    pub quantise: Quantise,
    /// How boxes are read off the outputs.
    pub detection: Detection,
}

/// Which scenes there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Names all scenes.
    pub seed: u64,
    /// Pixels along a side; a multiple of 32. Teacher and student both see this size.
    pub size: usize,
    /// Labelled scenes for the teacher.
    pub teacher: usize,
    /// Labelled scenes for the student, distilled or not.
    pub labelled: usize,
    /// Scenes without labels, for the distilled student only.
    pub transfer: usize,
    /// Scenes to measure on.
    pub test: usize,
    /// Strength of random changes of brightness, contrast and colour in training, from 0 to 1.
    pub jitter: f32,
}

/// How wide and how deep a network is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Channels at strides 2, 4, 8, 16 and 32.
    pub widths: [usize; 5],
    /// Blocks at strides 4, 8, 16 and 32 beyond the first.
    pub depths: [usize; 4],
    /// Channels of the merged maps.
    pub neck: usize,
    /// Blocks before the outputs of each level.
    pub head: usize,
    /// Whether blocks add their input to their output: helps depth, costs a little on a board.
    pub residual: bool,
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimisation {
    /// Steps.
    pub steps: usize,
    /// Pictures a step.
    pub batch: usize,
    /// Parts that a step's pictures are split into, each on its own thread with its own batch statistics.
    pub shards: usize,
    /// Highest learning rate.
    pub rate: f32,
    /// Steps over which the rate rises at first.
    pub warmup: usize,
    /// Weight decay.
    pub decay: f32,
    /// Largest norm of a step's gradient.
    pub clip: f32,
    /// Share that the running average of the weights keeps each step.
    pub average: f32,
    /// Weight of the loss on classes.
    pub classes: f32,
    /// Weight of the loss on boxes.
    pub boxes: f32,
    /// Cells that an object may have.
    pub cells: usize,
}

/// What the teacher adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distil {
    /// Temperature of the class probabilities.
    pub temperature: f32,
    /// Weight of the loss on the teacher's classes.
    pub classes: f32,
    /// Weight of the loss on the teacher's boxes.
    pub boxes: f32,
    /// Labelled pictures in each batch; the rest is unlabelled.
    pub labelled: usize,
}

/// How ranges of int8 values are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantise {
    /// Unlabelled scenes to watch the activations on.
    pub scenes: usize,
    /// Share of the values that a range must hold, at most 1, which is the whole range.
    pub percentile: f64,
}

/// How boxes are read off the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Lowest score to show.
    pub score: f32,
    /// Overlap above which the weaker of two boxes of a class is dropped.
    pub overlap: f32,
}

impl Default for Recipe {
    fn default() -> Self {
        let learning = Optimisation {
            steps: 3400,
            batch: 8,
            shards: 1,
            rate: 2e-2,
            warmup: 50,
            decay: 0.02,
            clip: 10.0,
            average: 0.99,
            classes: 1.0,
            boxes: 2.0,
            cells: 9,
        };
        Recipe {
            name: "shapes".into(),
            seeds: vec![1, 2, 3],
            data: Data { seed: 7, size: 128, teacher: 3000, labelled: 48, transfer: 2400, test: 400, jitter: 0.5 },
            teacher: Network {
                widths: [24, 48, 96, 128, 160],
                depths: [0, 1, 1, 0],
                neck: 96,
                head: 0,
                residual: true,
            },
            teaching: Optimisation { steps: 2400, batch: 16, shards: 2, ..learning.clone() },
            student: Network {
                widths: [16, 32, 64, 96, 128],
                depths: [0, 1, 1, 0],
                neck: 64,
                head: 0,
                residual: false,
            },
            learning,
            distil: Distil { temperature: 1.5, classes: 1.0, boxes: 2.0, labelled: 1 },
            quantise: Quantise { scenes: 64, percentile: 1.0 },
            detection: Detection { score: 0.4, overlap: 0.6 },
        }
    }
}

impl Network {
    /// The architecture for pictures of `size` pixels.
    pub fn architecture(&self, size: usize) -> Architecture {
        Architecture {
            input: size,
            classes: CLASSES.len(),
            widths: self.widths,
            depths: self.depths,
            neck: self.neck,
            head: self.head,
            residual: self.residual,
        }
    }
}

impl Recipe {
    /// Refuses what cannot work, by the first key found.
    pub fn check(&self) -> Result<(), KeyError> {
        let refuse = |key: &str, reason: &str| Err(KeyError::Invalid { key: key.into(), reason: reason.into() });
        let name_fits =
            self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) && !self.name.is_empty();
        if !name_fits {
            return refuse("name", "becomes a file name: use letters, digits, - and _");
        }
        if self.seeds.is_empty() {
            return refuse("seeds", "is empty; three seeds show the spread");
        }
        if self.data.size == 0 || !self.data.size.is_multiple_of(32) || self.data.size > 1024 {
            return refuse("data.size", "must be a multiple of 32, at most 1024");
        }
        for (key, count) in [
            ("data.teacher", self.data.teacher),
            ("data.labelled", self.data.labelled),
            ("data.transfer", self.data.transfer),
            ("data.test", self.data.test),
            ("quantise.scenes", self.quantise.scenes),
        ] {
            if !(1..=1_000_000).contains(&count) {
                return refuse(key, "must be from 1 to 1000000");
            }
        }
        for (key, network) in [("teacher", &self.teacher), ("student", &self.student)] {
            let widths = network.widths.iter().chain([&network.neck]);
            if widths.copied().any(|width| !(1..=4096).contains(&width)) {
                return refuse(&format!("{key}.widths"), "and the neck must be from 1 to 4096 channels");
            }
            if network.depths.iter().chain([&network.head]).any(|&depth| depth > 64) {
                return refuse(&format!("{key}.depths"), "and the head must be at most 64 blocks");
            }
        }
        for (key, o) in [("teaching", &self.teaching), ("learning", &self.learning)] {
            if o.shards == 0 || o.batch == 0 || o.batch % o.shards != 0 {
                return refuse(&format!("{key}.batch"), "must be a multiple of the number of shards");
            }
            if !(o.rate > 0.0 && o.rate.is_finite() && o.clip > 0.0 && (0.0..1.0).contains(&o.average)) {
                return refuse(&format!("{key}.rate"), "and clip must be positive, and average below 1");
            }
        }
        if self.distil.temperature.is_nan() || self.distil.temperature < 0.1 {
            return refuse("distil.temperature", "must be at least 0.1; 1 leaves the teacher's words as they are");
        }
        if self.distil.labelled > self.learning.batch {
            return refuse("distil.labelled", "cannot exceed learning.batch");
        }
        if !(self.quantise.percentile > 0.5 && self.quantise.percentile <= 1.0) {
            return refuse("quantise.percentile", "must be above 0.5 and at most 1");
        }
        Ok(())
    }
}
