//! Any ONNX file as a teacher: what it says in the end, with its classes brought to the student's.

use std::path::{Path, PathBuf};

use retort::contract::{Contract, ImageSpec, Task};
use retort::model::Model;
use retort::vision::classifier::Classifier;
use retort::vision::detector::Detector;

use super::{Opinion, TeacherError, crc32_of, logits_of, options};
use crate::data::{Label, Sample};
use crate::nets::{Answer, Network};

/// Boxes below this score are not kept: they would fill the disk and teach nothing.
const LOWEST: f32 = 0.05;
/// Classes named in an error.
const NAMED: usize = 8;

/// A file and how its classes map to the student's.
pub struct OnnxTeacher {
    path: PathBuf,
    model: Model,
    contract: Contract,
    /// For each of its own classes the student's; none where the student does not have it.
    classes: Vec<Option<usize>>,
    crc32: u32,
}

impl std::fmt::Debug for OnnxTeacher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxTeacher").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OnnxTeacher {
    /// Opens a file that is to teach a student with these classes, about `pictures` of one width and height where they have one.
    /// The file has a contract within or beside it, or is of a well-known network.
    pub fn open(
        path: &Path,
        student: &Network,
        classes: &[String],
        pictures: Option<[usize; 2]>,
    ) -> Result<OnnxTeacher, TeacherError> {
        let fail = |source| TeacherError::Model { path: path.to_owned(), source: Box::new(source) };
        let model = Model::open(path, &options(pictures)).map_err(fail)?;
        let mut contract = model.find_contract(None).map_err(fail)?;
        let detects = !student.levels().is_empty();
        let (finds, names) = ("finds objects", "says what a picture shows");
        if detects != (contract.task == Task::Detect) {
            let (does, student) = if detects { (names, finds) } else { (finds, names) };
            return Err(TeacherError::Task { path: path.to_owned(), does, student });
        }
        if let Some(class) = classes.iter().find(|class| !contract.classes.contains(class)) {
            let mut known = contract.classes[..contract.classes.len().min(NAMED)].join(", ");
            if contract.classes.len() > NAMED {
                known += ", …";
            }
            return Err(TeacherError::Class { path: path.to_owned(), class: class.clone(), known });
        }
        contract.limits.score = contract.limits.score.min(LOWEST);
        let map = contract.classes.iter().map(|name| classes.iter().position(|class| class == name)).collect();
        Ok(OnnxTeacher { path: path.to_owned(), model, contract, classes: map, crc32: crc32_of(path)? })
    }

    /// The CRC-32 of the file.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// Multiply-accumulates for one picture.
    pub fn macs(&self) -> u64 {
        self.model.macs()
    }

    /// The file, and how it takes pictures.
    pub fn inside(&self) -> (&Path, &ImageSpec) {
        (&self.path, &self.contract.image)
    }

    /// What it says about pictures of any size: logits (up to a constant that softmax does not see), or boxes.
    pub fn ask(&self, samples: &[Sample]) -> Result<Vec<Opinion>, TeacherError> {
        let answers = if self.contract.task == Task::Detect { self.detect(samples) } else { self.classify(samples) };
        answers.map_err(|source| TeacherError::Model { path: self.path.clone(), source: Box::new(source) })
    }

    fn detect(&self, samples: &[Sample]) -> Result<Vec<Opinion>, retort::Error> {
        let mut detector = Detector::new(&self.model, &self.contract)?;
        let look = |sample: &Sample| {
            let found = detector.detect(&sample.frame()?)?.iter().filter_map(|detection| {
                let class = self.classes.get(detection.class as usize).copied().flatten()?;
                let rect = detection.rect;
                let bounds = [rect.left, rect.top, rect.right, rect.bottom];
                Some(Label { score: detection.score, ..Label::new(class, bounds) })
            });
            Ok(Opinion::Boxes(found.collect()))
        };
        samples.iter().map(look).collect()
    }

    fn classify(&self, samples: &[Sample]) -> Result<Vec<Opinion>, retort::Error> {
        let mut classifier = Classifier::new(&self.model, &self.contract)?;
        let count = self.classes.iter().flatten().count();
        let look = |sample: &Sample| {
            // Which of the improbable classes is the less improbable is what a high temperature teaches: down to the least
            // number that there is, they are told apart.
            let mut shares = vec![0.0; count];
            for ranked in classifier.classify(&sample.frame()?)? {
                if let Some(class) = self.classes.get(ranked.class as usize).copied().flatten() {
                    shares[class] = ranked.score;
                }
            }
            Ok(Opinion::Answer(Answer { classes: logits_of(&shares, f32::MIN_POSITIVE), boxes: Vec::new() }))
        };
        samples.iter().map(look).collect()
    }
}
