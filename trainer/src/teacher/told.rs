//! A teacher of whom nothing is known but its answers, in a file: a black box, a service, a committee of people.

use std::path::{Path, PathBuf};

use super::{Opinion, TeacherError, crc32_of, logits_of};
use crate::data::Label;
use crate::evaluate::exchange::{Register, read_classes, read_detections};
use crate::nets::{Answer, Network};

/// Files have few digits, so that what they call 0 may be anything below this.
const LEAST: f32 = 1e-12;

/// A file of answers, in the form that `retort-train evaluate --predictions` writes ([`crate::evaluate::exchange`]).
#[derive(Debug)]
pub struct Told {
    path: PathBuf,
    classes: Vec<String>,
    detects: bool,
    crc32: u32,
}

impl Told {
    /// A file of answers about a student's classes.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(path: &Path, student: &Network, classes: &[String]) -> Result<Told, TeacherError> {
        let detects = !student.levels().is_empty();
        Ok(Told { path: path.to_owned(), classes: classes.to_vec(), detects, crc32: crc32_of(path)? })
    }

    /// The CRC-32 of the file.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says about pictures of these names; in a picture of which it says nothing there is no object.
    ///
    /// # Errors
    /// A [`TeacherError`], also where it has no probabilities for some picture: without them nobody knows what it shows.
    pub fn about(&self, names: &[String]) -> Result<Vec<Opinion>, TeacherError> {
        let fail = |source| TeacherError::Answers { source };
        let register = Register::counted(names.iter().cloned(), &self.classes);
        if self.detects {
            let (found, _) = read_detections(&self.path, &register).map_err(fail)?;
            let label = |found: &crate::evaluate::Found| {
                let [left, top, width, height] = found.bbox.map(|edge| edge as f32);
                let bounds = [left, top, left + width, top + height];
                Label { score: found.score as f32, ..Label::new(found.class, bounds) }
            };
            return Ok(found.iter().map(|found| Opinion::Boxes(found.iter().map(label).collect())).collect());
        }
        let (answers, _) = read_classes(&self.path, &register).map_err(fail)?;
        let missing: Vec<&String> =
            answers.iter().zip(names).filter(|(answer, _)| answer.is_none()).map(|(_, name)| name).collect();
        if let Some(first) = missing.first() {
            let (path, first, count) = (self.path.clone(), (*first).clone(), missing.len());
            return Err(TeacherError::Unanswered { path, first, count, of: names.len() });
        }
        let answer = |row: Vec<f32>| Opinion::Answer(Answer { classes: logits_of(&row, LEAST), boxes: Vec::new() });
        Ok(answers.into_iter().flatten().map(answer).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::{detector, perceptron};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn probabilities_become_logits_and_gaps_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("answers.json");
        let text = r#"[{"image_id": 7, "file_name": "b.png", "probabilities": [0.25, 0.75]},
                       {"image_id": 8, "file_name": "a.png", "probabilities": [1.0, 0.0]}]"#;
        std::fs::write(&path, text).expect("written");
        let told = Told::open(&path, &perceptron(2), &names(&["x", "y"])).expect("opened");
        let opinions = told.about(&names(&["a.png", "b.png"])).expect("read");
        let Opinion::Answer(answer) = &opinions[1] else { panic!("an answer") };
        assert!((answer.classes[1] - answer.classes[0] - 3f32.ln()).abs() < 1e-5);
        let Opinion::Answer(answer) = &opinions[0] else { panic!("an answer") };
        assert!(answer.classes.iter().all(|v| v.is_finite()), "nothing is impossible");
        let error = told.about(&names(&["a.png", "c.png", "d.png"])).expect_err("refused").to_string();
        assert!(error.contains("c.png") && error.contains("2 of 3"), "{error}");
        std::fs::write(&path, "{}").expect("written");
        assert!(told.about(&names(&["a.png"])).is_err());
    }

    #[test]
    fn boxes_are_edges_and_silence_is_an_empty_picture() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("boxes.json");
        let text = r#"[{"image_id": 1, "category_id": 0, "bbox": [1, 2, 10, 20], "score": 0.5}]"#;
        std::fs::write(&path, text).expect("written");
        let told = Told::open(&path, &detector(32, 1), &names(&["x"])).expect("opened");
        let opinions = told.about(&names(&["a.png", "b.png"])).expect("read");
        let Opinion::Boxes(boxes) = &opinions[0] else { panic!("boxes") };
        assert_eq!((boxes[0].bounds, boxes[0].score), ([1.0, 2.0, 11.0, 22.0], 0.5));
        assert_eq!(opinions[1], Opinion::Boxes(Vec::new()));
    }
}
