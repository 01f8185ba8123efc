//! Who teaches, and what they say about each picture.
//!
//! A teacher is a network of our own, whose raw answers are laid out as the student's, or any ONNX file that the runtime
//! understands, of which only what it says in the end is known: class probabilities, or boxes with scores. Several may teach
//! together ([`fusion`]). What they say is computed once and kept on disk ([`Cache`]).

mod cache;
mod fusion;
mod onnx;
mod own;
mod persistence;
mod taps;
mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retort::contract::ImageSpec;
use retort::model::{Fit, LoadOptions};

use crate::data::{Label, Sample};
use crate::evaluate::exchange::ExchangeError;
use crate::limits::{load_options, read_model};
use crate::nets::{Answer, FixedHeads, Network};

pub use cache::{Cache, CacheError, Progress};
pub use fusion::{fuse_boxes, mean_logits};
pub use onnx::OnnxTeacher;
pub use own::OwnTeacher;
pub use persistence::{Calibration, calibrate};
pub use taps::{Feature, Tap, Tapped, list as taps_of};
pub use told::Told;

/// What a teacher says about one picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Opinion {
    /// Raw answers: of a classifier its logits, of a detector those of every cell.
    Answer(Answer),
    /// Boxes in pixels of the picture, with scores.
    Boxes(Vec<Label>),
}

impl Opinion {
    /// The raw answer, if it is one.
    pub fn answer(self) -> Option<Answer> {
        match self {
            Opinion::Answer(answer) => Some(answer),
            Opinion::Boxes(_) => None,
        }
    }
}

/// Why a teacher cannot teach.
#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    /// The runtime does not take the file, or it failed to run.
    #[error("cannot ask the teacher {path}")]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<retort::Error>,
    },
    /// A file of answers cannot be used.
    #[error("cannot use the teacher's answers")]
    Answers {
        /// Which file, and why.
        source: ExchangeError,
    },
    /// A file of answers says nothing about some pictures.
    #[error("{path} says nothing about {count} of {of} pictures, such as {first}; let the teacher answer them too")]
    Unanswered {
        /// The file.
        path: PathBuf,
        /// One of the pictures.
        first: String,
        /// How many there are.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// It was asked about a picture that its file does not have.
    #[error(
        "{0} has answers about pictures as they are, and to nothing else: set distil.views to 0 and distil.live to false"
    )]
    Silent(PathBuf),
    /// It cannot be read.
    #[error("cannot read the teacher {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does something else than the student.
    #[error("{path} {does}, but the student {student}; choose a teacher that does the same")]
    Task {
        /// The file.
        path: PathBuf,
        /// What it does.
        does: &'static str,
        /// What the student does.
        student: &'static str,
    },
    /// It knows other classes.
    #[error(
        "{path} does not know the class `{class}`; it knows {known}. Leave the class out, or choose another teacher"
    )]
    Class {
        /// The file.
        path: PathBuf,
        /// The class.
        class: String,
        /// Some of those it knows.
        known: String,
    },
}

/// One or several teachers.
#[derive(Debug)]
pub enum Teacher {
    /// A network of our own.
    Own(Box<OwnTeacher>),
    /// ONNX files that teach together.
    Files(Vec<OnnxTeacher>),
    /// A file of answers.
    Told(Told),
}

impl Teacher {
    /// Opens files that are to teach a student with these classes. `pictures` is the width and height of all pictures that they
    /// will see, where those are known to be alike.
    ///
    /// # Errors
    /// A [`TeacherError`] that names the file.
    pub fn open(
        files: &[PathBuf],
        student: &Network,
        classes: &[String],
        pictures: Option<[usize; 2]>,
    ) -> Result<Teacher, TeacherError> {
        let open = |path: &PathBuf| OnnxTeacher::open(path, student, classes, pictures);
        Ok(Teacher::Files(files.iter().map(open).collect::<Result<_, _>>()?))
    }

    /// A number that stands for the teachers: the CRC-32 of all their bytes.
    pub fn crc32(&self) -> u32 {
        match self {
            Teacher::Own(own) => own.crc32(),
            Teacher::Told(told) => told.crc32(),
            Teacher::Files(files) => {
                let mut hasher = crc32fast::Hasher::new();
                files.iter().for_each(|file| hasher.update(&file.crc32().to_le_bytes()));
                hasher.finalize()
            }
        }
    }

    /// Asks about pictures one after another, on the calling thread.
    pub fn ask(&self, samples: &[Sample]) -> Result<Vec<Opinion>, TeacherError> {
        match self {
            Teacher::Own(own) => own.ask(samples),
            Teacher::Told(told) => Err(TeacherError::Silent(told.path().to_owned())),
            Teacher::Files(files) => {
                let each: Vec<Vec<Opinion>> =
                    files.iter().map(|file| file.ask(samples)).collect::<Result<_, TeacherError>>()?;
                Ok((0..samples.len()).map(|picture| together(each.iter().map(|all| &all[picture]))).collect())
            }
        }
    }

    /// The file that one may look into, and how it takes pictures; none where several teach.
    pub fn inside(&self) -> Option<(&Path, &ImageSpec)> {
        match self {
            Teacher::Own(own) => Some(own.inside()),
            Teacher::Files(files) => match &files[..] {
                [one] => Some(one.inside()),
                _ => None,
            },
            Teacher::Told(_) => None,
        }
    }

    /// The heads of a detector that the recipe trains.
    pub fn heads(&self) -> Option<&Arc<FixedHeads>> {
        if let Teacher::Own(own) = self { own.heads() } else { None }
    }

    /// Multiply-accumulates for one picture, of all together; 0 where nobody knows.
    pub fn macs(&self) -> u64 {
        match self {
            Teacher::Own(own) => own.macs(),
            Teacher::Files(files) => files.iter().map(OnnxTeacher::macs).sum(),
            Teacher::Told(_) => 0,
        }
    }

    /// Whether its answers are laid out as the student's and so hold only for pictures that are turned, not moved.
    pub fn answers_by_cell(&self) -> bool {
        matches!(self, Teacher::Own(own) if own.detects())
    }
}

/// Several teachers' opinions of one picture, all of one kind.
fn together<'a>(opinions: impl Iterator<Item = &'a Opinion>) -> Opinion {
    let (mut logits, mut boxes) = (Vec::new(), Vec::new());
    for opinion in opinions {
        match opinion {
            Opinion::Answer(answer) => logits.push(answer.classes.clone()),
            Opinion::Boxes(found) => boxes.push(found.clone()),
        }
    }
    if boxes.is_empty() {
        Opinion::Answer(Answer { classes: mean_logits(&logits), boxes: Vec::new() })
    } else {
        Opinion::Boxes(fuse_boxes(&boxes))
    }
}

/// Logits, up to a constant that softmax does not see, of probabilities, none of which is taken for less than `least`.
fn logits_of(probabilities: &[f32], least: f32) -> Vec<f32> {
    probabilities.iter().map(|p| p.max(least).ln()).collect()
}

/// How a teacher's file is loaded: one that leaves the size of its input open gets it in the shape of the `pictures`, of which width
/// and height are given, or as a square where they have no one shape.
fn options(pictures: Option<[usize; 2]>) -> LoadOptions {
    let fit = pictures.map_or(Fit::square(Fit::LONGEST), |[width, height]| Fit::new(width, height, Fit::LONGEST));
    LoadOptions { fit: Some(fit), ..load_options() }
}

fn crc32_of(path: &Path) -> Result<u32, TeacherError> {
    let bytes = read_model(path).map_err(|source| TeacherError::Io { path: path.to_owned(), source })?;
    Ok(crc32fast::hash(&bytes))
}
