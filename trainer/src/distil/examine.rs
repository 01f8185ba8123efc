//! What is looked at once everything is trained: what the teacher is bad at, which of its mistakes the students make, and
//! what the networks have to show side by side.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;
use retort::model::{InputKind, LoadOptions, Model};

use super::error::ExperimentError;
use super::experiment::network;
use super::measure::truths;
use super::pictures::{Pictures, Set};
use super::results::{Arm, Results};
use crate::audit::{Audit, ClassMistakes, Inheritance, ObjectMistakes, Quality};
use crate::data::{self, DataError, Sample};
use crate::evaluate::coco::Evaluation;
use crate::evaluate::{Cost, Found, IOU, Judged, Latency, Pairs, Probabilities, Respondent, Truth, likeliest, pair};
use crate::limits::load_options;
use crate::recipe::Recipe;
use crate::report::{
    AUDIT, Bars, COMPARISON, Compared, Comparison, Fate, Hard, INHERITANCE, Look, Marked, PrecisionCurve, RunFolder,
    reduced, worst,
};
use crate::teacher::{Opinion, Teacher};

/// Detections below this score are left out of curves, to which they add next to nothing.
const LEAST_SCORE: f64 = 0.01;
/// Pictures that one session looks at before the next one starts.
const SHARE: usize = 16;
/// Hard pictures that are kept of a detector, and of a classifier.
const HARD_SCENES: usize = 6;
const HARD_PICTURES: usize = 24;
/// The longer side of such pictures, at most.
const SCENE_SIDE: u32 = 480;
const PICTURE_SIDE: u32 = 96;
/// Time that an inference is measured for.
const TIMED: Duration = Duration::from_millis(300);

/// A picture of the test set that can be judged by.
struct Seen {
    index: usize,
    quality: Quality,
    class: usize,
    truths: Vec<Truth>,
}

/// The test set without what cannot be read or has no label, so that all answers are to the same pictures.
struct Test<'a> {
    set: &'a Set,
    seen: Vec<Seen>,
}

impl data::Pictures for Test<'_> {
    fn count(&self) -> usize {
        self.seen.len()
    }

    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        self.set.load(self.seen[index].index)
    }
}

/// What a network says about all of them.
enum Answered {
    Classes(Probabilities),
    Boxes(Vec<Judged>),
}

enum Mistakes {
    Classes(ClassMistakes),
    Objects(ObjectMistakes),
}

/// Everything that is needed to look.
struct Examination<'a> {
    recipe: &'a Recipe,
    folder: &'a RunFolder,
    bars: &'a Bars,
    classes: &'a [String],
    test: Test<'a>,
}

/// Writes `audit.json`, `audit.txt` and `inheritance.json` where there is a teacher, and `comparison.json` with its pictures.
/// `kept` is the arm of the student that the run hands over.
pub fn examine(
    recipe: &Recipe,
    folder: &RunFolder,
    bars: &Bars,
    pictures: &Pictures,
    kept: Arm,
    results: &Results,
) -> Result<(), ExperimentError> {
    let detects = recipe.detects();
    let look = |index: usize| {
        let sample = pictures.test.load(index).ok()?;
        let class = if detects { 0 } else { sample.class? };
        Some(Seen { index, quality: Quality::of(&sample), class, truths: truths(&sample) })
    };
    let seen = (0..pictures.test.len()).into_par_iter().filter_map(look).collect();
    let test = Test { set: &pictures.test, seen };
    let exam = Examination { recipe, folder, bars, classes: &pictures.classes, test };

    // A file of answers about the pictures to learn from says nothing about those to measure on.
    let there = results.taught() && recipe.teacher.answers.is_empty();
    let teacher = there.then(|| exam.teacher()).transpose()?;
    let mistakes = match &teacher {
        Some((answered, score)) => Some(exam.audit(answered, *score)?),
        None => {
            [AUDIT, "audit.txt", INHERITANCE].iter().try_for_each(|name| folder.remove(name))?;
            None
        }
    };
    let (mut shared, mut student, mut curves) = ([Vec::new(), Vec::new()], None, Vec::new());
    for one in results.students.iter().filter(|student| student.arm != Arm::Direct) {
        let of_arm = &mut shared[usize::from(one.arm == Arm::Control)];
        let first = results.students.iter().find(|other| other.arm == one.arm).is_some_and(|f| f.seed == one.seed);
        if mistakes.is_none() && !first {
            continue;
        }
        let answered = exam.file(&format!("{}-{}-int8.onnx", one.arm.name(), one.seed))?;
        let score = f64::from(recipe.detection.score);
        match (&mistakes, &answered) {
            (Some(Mistakes::Classes(mistakes)), Answered::Classes(answers)) => of_arm.push(mistakes.shared(answers)),
            (Some(Mistakes::Objects(mistakes)), Answered::Boxes(found)) => of_arm.push(mistakes.shared(found, score)),
            _ => {}
        }
        if first {
            let name = if one.arm == kept { "student, int8" } else { "control, int8" };
            curves.extend(exam.curve(name, &answered));
            if one.arm == kept {
                student = Some(answered);
            }
        }
    }
    // Without a control arm nobody knows which of the teacher's mistakes a student would make anyway.
    let controlled = results.students.iter().any(|student| student.arm == Arm::Control);
    if !controlled {
        folder.remove(INHERITANCE)?;
    }
    if let Some(mistakes) = mistakes.as_ref().filter(|_| controlled) {
        let mistakes = match mistakes {
            Mistakes::Classes(mistakes) => mistakes.mistakes(),
            Mistakes::Objects(mistakes) => mistakes.mistakes(),
        };
        let [distilled, control] = &shared;
        exam.json(INHERITANCE, &Inheritance::new(mistakes, distilled, control, exam.classes))?;
    }
    if detects {
        curves.extend(exam.curve("student, f32", &exam.file("student-f32.onnx")?));
    }
    if let Some((answered, _)) = &teacher {
        curves.extend(exam.curve("teacher", answered));
    }
    curves.sort_by_key(|curve| curve.network != "teacher");
    let hardest = student.map(|student| exam.hardest(&student, teacher.as_ref())).transpose()?.unwrap_or_default();
    let comparison = Comparison { networks: exam.networks()?, curves, hardest };
    exam.json(COMPARISON, &comparison)
}

impl Examination<'_> {
    fn json(&self, name: &str, value: &impl serde::Serialize) -> Result<(), ExperimentError> {
        Ok(self.folder.write(name, serde_json::to_string_pretty(value).unwrap_or_default())?)
    }

    /// What the teacher says, and the score from which its boxes are taken for its word.
    fn teacher(&self) -> Result<(Answered, f64), ExperimentError> {
        let files: Vec<PathBuf> = self.recipe.teacher.models.iter().map(PathBuf::from).collect();
        if files.is_empty() {
            return Ok((self.file("teacher.onnx")?, f64::from(self.recipe.detection.score)));
        }
        let student = network(self.recipe, "student", self.classes.len())?;
        let teacher = Teacher::open(&files, &student, self.classes, self.test.set.size())?;
        let bar = self.bars.start("examining the teacher", self.test.seen.len());
        let ask = |seen: &[Seen]| {
            let samples: Vec<Sample> = seen
                .iter()
                .map(|seen| self.test.set.load(seen.index).map(|s| Sample::clone(&s)).unwrap_or_default())
                .collect();
            bar.advance(samples.len());
            teacher.ask(&samples)
        };
        let opinions: Result<Vec<Vec<Opinion>>, _> = self.test.seen.par_chunks(SHARE).map(ask).collect();
        bar.finish("");
        let (mut logits, mut boxes) = (Vec::new(), Vec::new());
        for (opinion, seen) in opinions?.into_iter().flatten().zip(&self.test.seen) {
            match opinion {
                Opinion::Answer(answer) => logits.extend(answer.classes),
                Opinion::Boxes(labels) => {
                    let found = labels.iter().map(|label| Found {
                        class: label.class,
                        score: f64::from(label.score),
                        bbox: crate::evaluate::coco::from_edges(label.bounds),
                    });
                    boxes.push(Judged { found: found.collect(), truths: seen.truths.clone() });
                }
            }
        }
        let answered = if self.recipe.detects() {
            Answered::Boxes(boxes)
        } else {
            Answered::Classes(Probabilities::of_logits(self.classes.len(), &logits))
        };
        Ok((answered, f64::from(self.recipe.distil.score)))
    }

    /// What a file of the run folder says.
    fn file(&self, name: &str) -> Result<Answered, ExperimentError> {
        let respondent = Respondent::open(&self.folder.file(name), None)?;
        let bar = self.bars.start(format!("examining {name}"), self.test.seen.len());
        let done = |count: usize| bar.advance(count);
        let answered = if self.recipe.detects() {
            let found = respondent.detect(&self.test, LEAST_SCORE, done, |_, found| found)?.answers;
            let judged = found.into_iter().zip(&self.test.seen);
            let judged =
                judged.map(|(found, seen)| Judged { found: found.unwrap_or_default(), truths: seen.truths.clone() });
            Answered::Boxes(judged.collect())
        } else {
            let count = self.classes.len();
            let rows = respondent.classify(&self.test, done, |_, row| row)?.answers.into_iter();
            let rows = rows.flat_map(|row| row.unwrap_or_else(|| vec![0.0; count])).collect();
            Answered::Classes(Probabilities { classes: count, rows })
        };
        bar.finish("");
        Ok(answered)
    }

    /// Writes the audit down; what the teacher gets wrong.
    fn audit(&self, teacher: &Answered, score: f64) -> Result<Mistakes, ExperimentError> {
        let qualities: Vec<Quality> = self.test.seen.iter().map(|seen| seen.quality).collect();
        let (audit, mistakes) = match teacher {
            Answered::Classes(answers) => {
                let truths = self.truths();
                let audit = Audit::of_classifier(answers, &truths, &qualities, self.classes);
                (audit, Mistakes::Classes(ClassMistakes::new(answers, &truths)))
            }
            Answered::Boxes(pictures) => {
                let audit = Audit::of_detector(pictures, &qualities, score, self.classes);
                (audit, Mistakes::Objects(ObjectMistakes::new(pictures, score)))
            }
        };
        self.json(AUDIT, &audit)?;
        self.folder.write("audit.txt", audit.text(Look::default()))?;
        Ok(mistakes)
    }

    fn truths(&self) -> Vec<usize> {
        self.test.seen.iter().map(|seen| seen.class).collect()
    }

    fn curve(&self, network: &str, answered: &Answered) -> Option<PrecisionCurve> {
        let Answered::Boxes(pictures) = answered else { return None };
        let precision = Evaluation::new(pictures, self.classes.len()).mean_precision(0)?;
        Some(PrecisionCurve { network: network.into(), precision: precision.to_vec() })
    }

    /// The files that people may want to run, and what they cost.
    fn networks(&self) -> Result<Vec<Compared>, ExperimentError> {
        let of = [
            ("teacher", "f32", "teacher.onnx"),
            ("student", "f32", "student-f32.onnx"),
            ("student", "int8", "student.onnx"),
        ];
        let mut all = Vec::new();
        for (key, format, file) in of {
            let path = self.folder.file(file);
            // A teacher that is somebody's file is not in the folder.
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let options = LoadOptions { input: InputKind::Quantised, ..load_options() };
            let model = Model::open(&path, &options)?;
            all.push(Compared {
                network: key.into(),
                format: format.into(),
                file: file.into(),
                bytes: metadata.len(),
                parameters: Some(network(self.recipe, key, self.classes.len())?.parameters()),
                cost: Cost::of(|options| Model::open(&path, options))?,
                latency: Some(Latency::measure(&model, TIMED)?),
            });
        }
        Ok(all)
    }

    /// The pictures that the student is worst on, drawn and written down.
    fn hardest(&self, student: &Answered, teacher: Option<&(Answered, f64)>) -> Result<Vec<Hard>, ExperimentError> {
        let score = f64::from(self.recipe.detection.score);
        let mut all = Vec::new();
        match student {
            Answered::Boxes(pictures) => {
                for number in worst(pictures, score, HARD_SCENES) {
                    let taught = teacher.and_then(|(answered, score)| match answered {
                        Answered::Boxes(taught) => taught.get(number).map(|picture| boxes(picture, *score)),
                        Answered::Classes(_) => None,
                    });
                    let truth = pictures[number].truths.iter().map(|truth| Marked {
                        class: truth.class,
                        score: None,
                        bbox: Some(truth.bbox),
                        fate: Fate::True,
                    });
                    let (truth, student) = (truth.collect(), boxes(&pictures[number], score));
                    self.keep(&mut all, number, SCENE_SIDE, [Some(truth), taught, Some(student)])?;
                }
            }
            Answered::Classes(answers) => {
                let rows: Vec<&[f32]> = answers.iter().collect();
                let truths = self.truths();
                let sure = |number: usize| rows[number][likeliest(rows[number])];
                let mut wrong: Vec<usize> =
                    (0..rows.len()).filter(|&number| likeliest(rows[number]) != truths[number]).collect();
                wrong.sort_by(|&a, &b| sure(b).total_cmp(&sure(a)).then(a.cmp(&b)));
                for number in wrong.into_iter().take(HARD_PICTURES) {
                    let taught = teacher.and_then(|(answered, _)| match answered {
                        Answered::Classes(taught) => taught.iter().nth(number).map(|row| answer(row, truths[number])),
                        Answered::Boxes(_) => None,
                    });
                    let truth = Marked { class: truths[number], score: None, bbox: None, fate: Fate::True };
                    let student = answer(rows[number], truths[number]);
                    self.keep(&mut all, number, PICTURE_SIDE, [Some(vec![truth]), taught, Some(student)])?;
                }
            }
        }
        // What an earlier run in this folder left.
        let more = |number: usize| self.folder.file(&file_of(number)).exists();
        (all.len()..).take_while(|&number| more(number)).try_for_each(|number| self.folder.remove(&file_of(number)))?;
        Ok(all)
    }

    fn keep(
        &self,
        all: &mut Vec<Hard>,
        number: usize,
        side: u32,
        [truth, teacher, student]: [Option<Vec<Marked>>; 3],
    ) -> Result<(), ExperimentError> {
        let Ok(sample) = self.test.set.load(self.test.seen[number].index) else { return Ok(()) };
        let file = file_of(all.len());
        write_png(&reduced(&sample, side), &self.folder.file(&file))?;
        let size = [sample.width, sample.height];
        let (truth, student) = (truth.unwrap_or_default(), student.unwrap_or_default());
        all.push(Hard { file, size, truth, teacher, student });
        Ok(())
    }
}

fn file_of(number: usize) -> String {
    format!("hardest-{}.png", number + 1)
}

fn write_png(picture: &image::RgbImage, path: &Path) -> Result<(), ExperimentError> {
    Ok(picture.save_with_format(path, image::ImageFormat::Png)?)
}

/// A classifier's likeliest class.
fn answer(row: &[f32], truth: usize) -> Vec<Marked> {
    let class = likeliest(row);
    let score = row.get(class).map(|&score| f64::from(score));
    let fate = if class == truth { Fate::Right } else { Fate::Wrong };
    vec![Marked { class, score, bbox: None, fate }]
}

/// What a detector found from a score on, and what it missed.
fn boxes(picture: &Judged, score: f64) -> Vec<Marked> {
    let Pairs { pairs, spurious, missed } = pair(picture, score, IOU);
    let found = |index: usize, fate: Fate| {
        let Found { class, score, bbox } = picture.found[index];
        Marked { class, score: Some(score), bbox: Some(bbox), fate }
    };
    let of_pair = |(index, truth): (usize, usize)| {
        let right = picture.found[index].class == picture.truths[truth].class;
        found(index, if right { Fate::Right } else { Fate::Wrong })
    };
    let missed = missed.into_iter().map(|truth| Marked {
        class: picture.truths[truth].class,
        score: None,
        bbox: Some(picture.truths[truth].bbox),
        fate: Fate::Missed,
    });
    let spurious = spurious.into_iter().map(|index| found(index, Fate::Wrong));
    missed.chain(pairs.into_iter().map(of_pair)).chain(spurious).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_marked_by_what_became_of_them() {
        let at = |left: f64| [left, 0.0, 10.0, 10.0];
        let found = |class, left, score| Found { class, score, bbox: at(left) };
        let picture = Judged {
            found: vec![found(0, 0.0, 0.9), found(1, 30.0, 0.8), found(0, 90.0, 0.7), found(0, 60.0, 0.1)],
            truths: vec![Truth::new(0, at(0.0)), Truth::new(0, at(30.0)), Truth::new(1, at(60.0))],
        };
        let marked: Vec<_> = boxes(&picture, 0.5).iter().map(|m| (m.class, m.score, m.fate)).collect();
        let expected = [
            (1, None, Fate::Missed),
            (0, Some(0.9), Fate::Right),
            (1, Some(0.8), Fate::Wrong),
            (0, Some(0.7), Fate::Wrong),
        ];
        assert_eq!(marked, expected);
        assert_eq!(answer(&[0.25, 0.75], 1)[0].fate, Fate::Right);
    }
}
