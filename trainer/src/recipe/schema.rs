//! Every key of a recipe, what it means and what it is if nobody says.

use serde::{Deserialize, Serialize};

use super::again::Again;
use super::coverage::Coverage;
use crate::bindings::Binding;
use crate::data::Augmentation;
use crate::distil::repair::Repair;
use crate::losses::ScoreBand;
use crate::nets::{Architecture, Family};
use crate::train::{Decline, OptimiserOptions, Rule, Schedule};

/// A whole experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Name of the experiment and of the student's file.
    pub name: String,
    /// Each seed trains the student twice, distilled and undistilled. The first one's student is kept.
    pub seeds: Vec<u64>,
    /// The pictures.
    pub data: Data,
    /// How many scenes are drawn, if pictures are drawn.
    pub scenes: Scenes,
    /// What happens to pictures on their way into a network that learns.
    pub augment: Augmentation,
    /// Who teaches.
    pub teacher: Teacher,
    /// How the teacher is trained, if it is.
    pub teaching: Optimisation,
    /// The student's layers.
    pub student: Architecture,
    /// How the student is trained.
    pub learning: Optimisation,
    /// What the distilled student hears beside its labels.
    pub distil: Distil,
    /// Whether classes that the student has never seen get their due afterwards.
    pub repair: Repair,
    /// How the student becomes int8.
    pub quantise: Quantise,
    /// How boxes are read off the outputs.
    pub detection: Detection,
    /// What the student remembers of what it was taught.
    pub coverage: Coverage,
    /// Which student is taught on, if one is.
    pub again: Again,
}

/// Which pictures there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// A file or folder in any format that `retort-train data check` knows, or `shapes`, which draws scenes.
    pub source: String,
    /// Which frames of the source, where it is a video, as `1-600,700-`; if empty, all.
    pub frames: String,
    /// A file with the labels of the source, where they do not lie with it, as those of a video; if empty, none.
    pub labels: String,
    /// Names of the classes, for sources that have no names for them. A source without labels is learned from all the same
    /// where teacher.models or teacher.answers say what is in it.
    pub classes: Vec<String>,
    /// Most pictures of a source without labels to learn from; of a video, those that are least alike. 0 for all.
    pub most: usize,
    /// Labelled pictures to measure on; if empty, the source's own test part, or a share of it. Where they have no labels, the
    /// teacher judges.
    pub test: String,
    /// Which frames to measure on, where that is a video: of the source, if `test` is empty.
    pub test_frames: String,
    /// A file with the labels of what is measured on, where they do not lie with it.
    pub test_labels: String,
    /// Most pictures to measure on, every so manieth; 0 for all.
    pub test_most: usize,
    /// Labelled pictures to choose by; if empty, the source's own validation part, or a share of what is left.
    pub validation: String,
    /// Pictures for the distilled student only, whose labels nobody looks at; if empty, it learns from the labelled ones.
    pub transfer: String,
    /// Share of the pictures that is kept for the test, and then for the validation, where the source does not say.
    pub holdout: f32,
    /// Labelled pictures that the student has; 0 for all.
    pub labelled: usize,
    /// Classes of which no student sees a picture; the teacher does.
    pub without: Vec<String>,
    /// Names all that is random about pictures.
    pub seed: u64,
    /// Columns that the student sees.
    pub width: usize,
    /// Rows that the student sees.
    pub height: usize,
    /// Bytes a pixel that the student sees: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Whether pictures fill the student's input whatever their aspect ratio, rather than keep it within a grey border.
    pub stretch: bool,
}

/// How many scenes are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenes {
    /// Labelled ones for the teacher.
    pub teacher: usize,
    /// Labelled ones for the student, distilled or not.
    pub labelled: usize,
    /// Ones without labels, for the distilled student only.
    pub transfer: usize,
    /// Ones to choose by.
    pub validation: usize,
    /// Ones to measure on.
    pub test: usize,
}

/// Who teaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Teacher {
    /// ONNX files that teach together; if empty, the network below is trained.
    pub models: Vec<String>,
    /// A JSON file of a teacher's answers about the pictures, as `retort-train evaluate --predictions` writes it, for a teacher of
    /// whom no more is known; if empty, there is none.
    pub answers: String,
    /// What is trained where there is no file.
    #[serde(flatten)]
    pub network: Architecture,
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimisation {
    /// Times that every picture is seen; if 0, `steps` counts. For students with pictures without labels those are counted, and the
    /// control takes as many steps.
    pub epochs: usize,
    /// Steps.
    pub steps: usize,
    /// Pictures a step.
    pub batch: usize,
    /// `adamw` or `sgd`.
    pub rule: Rule,
    /// Highest learning rate.
    pub rate: f32,
    /// Steps over which the rate rises at first.
    pub warmup: usize,
    /// How it falls: `cosine`, `linear`, `steps` or `constant`.
    pub decline: Decline,
    /// The last rate as a share of the highest.
    pub floor: f32,
    /// Shares of the training at which `steps` multiplies the rate.
    pub milestones: Vec<f32>,
    /// By how much.
    pub factor: f32,
    /// Weight decay.
    pub decay: f32,
    /// Largest norm of a step's gradient; `inf` for none.
    pub clip: f32,
    /// Share of the last step that `sgd` keeps.
    pub momentum: f32,
    /// Largest norm of the weights into one output; `inf` for none.
    pub max_norm: f32,
    /// Share that the running average of the weights keeps each step; 0 for the last weights themselves.
    pub average: f32,
    /// Batches on which the result's batch statistics are measured anew; 0 for their running average.
    pub measured: usize,
    /// Steps between validations; 0 for none.
    pub validate: usize,
    /// Validations without a better figure after which training stops; 0 for never.
    pub patience: usize,
    /// Whether the weights of the best validation are kept rather than the last.
    pub keep_best: bool,
    /// Seconds between savings of the state that an interrupted training goes on from; 0 saves after every step.
    pub save: u64,
    /// Weight of the loss on classes.
    pub classes: f32,
    /// Weight of the loss on boxes.
    pub boxes: f32,
    /// Share of a classifier's labels that is spread over all classes.
    pub smoothing: f32,
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
    /// Weight of the loss on where the teacher sees the sides of its boxes, as distributions (LD, Zheng et al. 2022); for a
    /// teacher that the recipe trains with the student's `reg_max`.
    pub sides: f32,
    /// Weight of the labels beside the teacher.
    pub labels: f32,
    /// Labelled pictures in each batch where there are others without labels.
    pub labelled: usize,
    /// Scores from which on the boxes of an ONNX teacher are taken for labels, each with its score for a weight.
    pub score: f32,
    /// Scores from which on, up to `score`, its boxes are ignored: neither object nor ground. Below they are ground.
    pub ignore: f32,
    /// Whether what persists along a film says from which score on a teacher's boxes are taken for labels, instead of `score` and `ignore`:
    /// from where at least half of them lie on tracks that last and are mostly as sure as `score`. Pictures that lie too far apart to
    /// be linked go by `score` and `ignore`.
    pub tracks: bool,
    /// Views of each picture that the teacher speaks about, each augmented in its own way; 0 for the picture as it is.
    pub views: usize,
    /// Whether the teacher is asked in every step about the very pictures that the student sees, rather than beforehand; always
    /// so where a binding looks inside it.
    pub live: bool,
    /// Whether networks stand between teacher and student, each learning from the one above: `none`; `chain`, those of
    /// `assistants`; or `auto`, one in the middle if a brief trial shows that it helps.
    pub assistant: Assistant,
    /// Their widths as multiples of the student's, from the teacher down; with `auto` the one to try, instead of one in the middle.
    pub assistants: Vec<f32>,
    /// Share of the training that the trial takes.
    pub probe: f32,
    /// Further losses, each between a layer of the student and one of the teacher, as `[[distil.bindings]]`.
    pub bindings: Vec<Binding>,
}

/// Whether networks stand between teacher and student.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assistant {
    /// The teacher teaches the student.
    #[default]
    None,
    /// Those that the recipe lists.
    Chain,
    /// One, if a trial shows that it helps.
    Auto,
}

/// How ranges of int8 values are found, and how a student goes on learning within them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantise {
    /// Pictures to watch the activations on.
    pub pictures: usize,
    /// Share of the values that a range must hold, at most 1, which is the whole range.
    pub percentile: f64,
    /// Times that every picture is seen in a training in the board's integers, which goes on from the trained student; if 0,
    /// `steps` counts.
    pub epochs: usize,
    /// Steps of that training; 0 (as well as `epochs`) for none.
    pub steps: usize,
    /// Its highest learning rate. It falls along a cosine, nothing decays, and all else is as in `learning`.
    pub rate: f32,
    /// Steps over which the rate rises at first.
    pub warmup: usize,
}

/// How boxes are read off the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Lowest score to show.
    pub score: f32,
    /// Overlap above which the weaker of two boxes of a class is dropped.
    pub overlap: f32,
}

impl Distil {
    /// What becomes of a teacher's boxes by their score.
    pub fn band(&self) -> ScoreBand {
        ScoreBand { low: self.ignore, high: self.score }
    }

    /// Whether what the teacher answers counts by itself, without a binding.
    pub fn weighs_answers(&self) -> bool {
        [self.classes, self.boxes, self.sides].iter().any(|&weight| weight > 0.0)
    }
}

impl Optimisation {
    /// Steps for so many pictures.
    pub fn steps(&self, pictures: usize) -> usize {
        if self.epochs == 0 { self.steps } else { (self.epochs * pictures).div_ceil(self.batch.max(1)) }
    }

    /// The learning rates of so many steps.
    pub fn schedule(&self, steps: usize) -> Schedule {
        Schedule {
            peak: self.rate,
            warmup: self.warmup.min(steps),
            steps,
            decline: self.decline,
            floor: self.floor,
            milestones: self.milestones.clone(),
            factor: self.factor,
        }
    }

    /// The optimiser.
    pub fn optimiser(&self) -> OptimiserOptions {
        OptimiserOptions {
            rule: self.rule,
            decay: self.decay,
            clip: self.clip,
            momentum: self.momentum,
            max_norm: self.max_norm,
        }
    }
}

impl Recipe {
    /// Whether who teaches is not trained here, so that the recipe needs no labels.
    pub fn has_foreign_teacher(&self) -> bool {
        !self.teacher.models.is_empty() || !self.teacher.answers.is_empty()
    }

    /// How students are trained on in the board's integers, if they are.
    pub fn refining(&self) -> Option<Optimisation> {
        let Quantise { epochs, steps, rate, warmup, .. } = self.quantise;
        (epochs > 0 || steps > 0).then(|| Optimisation {
            epochs,
            steps,
            rate,
            warmup,
            decline: Decline::Cosine,
            decay: 0.0,
            max_norm: f32::INFINITY,
            // There are no batch statistics any more.
            measured: 0,
            ..self.learning.clone()
        })
    }

    /// Whether the student finds objects rather than says what a picture shows.
    pub fn detects(&self) -> bool {
        self.student.family == Family::Detector
    }
}
