//! Measures a model as its users will run it: through the runtime, from pixels to boxes or classes.

use retort::contract::Task;
use serde::{Deserialize, Serialize};

use super::pictures::Set;
use crate::data::{Label, Sample};
use crate::evaluate::coco::from_edges;
use crate::evaluate::{Classification, Judged, Probabilities, Respondent, Summary, Truth, summarise};
use crate::report::percent as in_percent;

/// Scores below this are left out of the figures, to which they add next to nothing.
const SCORE: f64 = 0.01;

/// What a model got right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Figures {
    /// Of a detector.
    Detector(Summary),
    /// Of a classifier.
    Classifier(Classification),
}

impl Figures {
    /// The figure that students are compared by, from 0 to 100.
    pub fn main(&self) -> f64 {
        match self {
            Figures::Detector(summary) => percent(summary.ap),
            Figures::Classifier(c) => percent(top1(c)),
        }
    }

    /// What that figure is called.
    pub fn name(&self) -> &'static str {
        match self {
            Figures::Detector(_) => "AP",
            Figures::Classifier(_) => "accuracy",
        }
    }

    /// Headings of [`Figures::row`].
    pub fn headings(detects: bool) -> &'static [&'static str] {
        if detects {
            &["AP", "AP50", "AP75", "small", "medium", "large"]
        } else {
            &["accuracy", "errors", "top5", "nll"]
        }
    }

    /// The figures as cells of a table.
    pub fn row(&self) -> Vec<String> {
        match self {
            Figures::Detector(s) => [s.ap, s.ap50, s.ap75, s.small, s.medium, s.large].map(in_percent).to_vec(),
            Figures::Classifier(c) => vec![
                format!("{:.2}", percent(top1(c))),
                format!("{} of {}", errors(c), c.pictures),
                in_percent(c.top5.map(|share| share.value)),
                c.nll.map_or("–".to_owned(), |nll| format!("{nll:.4}")),
            ],
        }
    }

    /// The two figures that matter most.
    pub fn words(&self) -> String {
        match self {
            Figures::Detector(s) => format!("AP {:.1}, AP50 {:.1}", percent(s.ap), percent(s.ap50)),
            Figures::Classifier(c) => format!("accuracy {:.2} ({} errors)", percent(top1(c)), errors(c)),
        }
    }

    /// Figures by name, as they go into a contract.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        match self {
            Figures::Detector(s) => {
                vec![("ap", percent(s.ap)), ("ap50", percent(s.ap50)), ("ap75", percent(s.ap75))]
            }
            Figures::Classifier(c) => {
                vec![("top1", percent(top1(c))), ("top5", percent(c.top5.map(|share| share.value)))]
            }
        }
    }
}

fn top1(c: &Classification) -> Option<f64> {
    c.top1.map(|share| share.value)
}

/// Pictures whose likeliest class is the wrong one.
fn errors(c: &Classification) -> usize {
    ((1.0 - top1(c).unwrap_or(0.0)) * c.pictures as f64).round() as usize
}

/// A share in percent, 0 where there is none.
pub fn percent(value: Option<f64>) -> f64 {
    100.0 * value.unwrap_or(0.0)
}

/// The figures of a model over a set. Pictures that cannot be read are left out. `done` is called with the number of
/// pictures finished, from any thread.
pub fn measure(respondent: &Respondent, set: &Set, done: impl Fn(usize) + Sync) -> Result<Figures, retort::Error> {
    let (classes, pictures) = (respondent.classes().len(), set.pictures());
    if respondent.task() == Task::Classify {
        let answers = respondent.classify(pictures, done, |sample, row| sample.class.map(|class| (row, class)))?;
        let (rows, truths): (Vec<Vec<f32>>, Vec<usize>) = answers.answers.into_iter().flatten().flatten().unzip();
        let answers = Probabilities { classes, rows: rows.concat() };
        return Ok(Figures::Classifier(Classification::new(&answers, &truths)));
    }
    let judge = |sample: &Sample, found| Judged { found, truths: truths(sample) };
    let pictures = respondent.detect(pictures, SCORE, done, judge)?.answers;
    let pictures: Vec<Judged> = pictures.into_iter().flatten().collect();
    Ok(Figures::Detector(summarise(&pictures, classes)))
}

/// The objects of a picture, to be judged by.
pub fn truths(sample: &Sample) -> Vec<Truth> {
    let truth = |label: &Label| Truth { ignored: label.ignored, ..Truth::new(label.class, from_edges(label.bounds)) };
    sample.boxes.iter().map(truth).collect()
}
