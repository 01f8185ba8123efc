//! What the networks of a run have to show side by side, as it lies in the run folder.

use serde::{Deserialize, Serialize};

use crate::evaluate::{Cost, Latency};

/// The file that a [`Comparison`] is kept in.
pub const COMPARISON: &str = "comparison.json";

/// Networks, and pictures that the student is wrong about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The teacher, if it is one file, and the student in f32 and int8.
    pub networks: Vec<Compared>,
    /// Precision over recall of detectors, a curve a network.
    pub curves: Vec<PrecisionCurve>,
    /// The pictures that the student is worst on, the worst first.
    pub hardest: Vec<Hard>,
}

/// A network's file and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What it is: `teacher` or `student`.
    pub network: String,
    /// `f32` or `int8`.
    pub format: String,
    /// The file's name.
    pub file: String,
    /// Its bytes.
    pub bytes: u64,
    /// Learned numbers, where the network is of our own.
    pub parameters: Option<usize>,
    /// What an inference costs.
    pub cost: Cost,
    /// How long it takes on the machine of the run.
    pub latency: Option<Latency>,
}

/// Precision at COCO's 101 recalls, 0:.01:1, at IoU .50, made monotone and averaged over classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionCurve {
    /// Whose.
    pub network: String,
    /// 101 values from 0 to 1.
    pub precision: Vec<f64>,
}

/// A picture that the student is wrong about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hard {
    /// The PNG in the run folder; it may be smaller than the picture was.
    pub file: String,
    /// Width and height of the picture in the pixels that boxes are in.
    pub size: [usize; 2],
    /// What is there.
    pub truth: Vec<Marked>,
    /// What the teacher says.
    pub teacher: Option<Vec<Marked>>,
    /// What the student says, in int8.
    pub student: Vec<Marked>,
}

/// A class and how it came out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    /// Number of the class.
    pub class: usize,
    /// Score or probability, 0 to 1; none of what is true or missed.
    pub score: Option<f64>,
    /// Left, top, width and height in pixels; none where the picture as a whole is meant.
    pub bbox: Option<[f64; 4]>,
    /// What became of it.
    pub fate: Fate,
}

/// Whether an answer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is what is there.
    True,
    /// An answer that is right.
    Right,
    /// An answer that is not.
    Wrong,
    /// It is there, and there is no answer.
    Missed,
}
