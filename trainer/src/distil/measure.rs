//! Measures a model as its users will run it: through the runtime, from pixels to boxes or classes.

use std::path::Path;

use rayon::prelude::*;
use retort::contract::Contract;
use retort::model::{InputKind, LoadOptions, Model};
use retort::vision::classifier::Classifier;
use retort::vision::detector::Detector;
use serde::{Deserialize, Serialize};

use super::pictures::Set;
use crate::data::{Label, Sample};
use crate::evaluate::coco::from_edges;
use crate::evaluate::{Classification, Found, Judged, Probabilities, Summary, Truth, summarise};

/// Scores below this are left out of the figures, to which they add next to nothing.
const SCORE: f32 = 0.01;
/// Pictures that one session looks at before the next one starts.
const SHARE: usize = 64;

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
        let cell = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{:.1}", 100.0 * value));
        match self {
            Figures::Detector(s) => [s.ap, s.ap50, s.ap75, s.small, s.medium, s.large].map(cell).to_vec(),
            Figures::Classifier(c) => vec![
                format!("{:.2}", percent(top1(c))),
                format!("{} of {}", errors(c), c.pictures),
                cell(c.top5.map(|share| share.value)),
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

/// A model and its contract, ready to run on pictures of bytes.
pub fn open(path: &Path) -> Result<(Model, Contract), retort::Error> {
    let options = LoadOptions { input: InputKind::Quantised, ..LoadOptions::default() };
    let model = Model::open(path, &options)?;
    let contract = Contract::find(path, None, model.contract())?;
    Ok((model, contract))
}

/// The figures of a model over a set. Pictures that cannot be read are left out. `done` is called with the number of
/// pictures finished, from any thread.
pub fn measure(
    model: &Model,
    contract: &Contract,
    set: &Set,
    done: impl Fn(usize) + Sync,
) -> Result<Figures, retort::Error> {
    let indices: Vec<usize> = (0..set.len()).collect();
    let shares = indices.par_chunks(SHARE);
    if contract.task == retort::contract::Task::Classify {
        let look = |indices: &[usize]| -> Result<(Vec<f32>, Vec<usize>), retort::Error> {
            let mut classifier = Classifier::new(model, contract)?;
            let (mut answers, mut truths) = (Vec::new(), Vec::new());
            for sample in indices.iter().filter_map(|&index| set.load(index).ok()) {
                let Some(class) = sample.class else { continue };
                let start = answers.len();
                answers.resize(start + contract.classes.len(), 0.0);
                for ranked in classifier.classify(&sample.frame()?)? {
                    answers[start + ranked.class as usize] = ranked.score;
                }
                truths.push(class);
            }
            done(indices.len());
            Ok((answers, truths))
        };
        let shares: Vec<_> = shares.map(look).collect::<Result<_, retort::Error>>()?;
        let (answers, truths): (Vec<Vec<f32>>, Vec<Vec<usize>>) = shares.into_iter().unzip();
        let answers = Probabilities { classes: contract.classes.len(), rows: answers.concat() };
        return Ok(Figures::Classifier(Classification::new(&answers, &truths.concat())));
    }
    let mut contract = contract.clone();
    contract.limits.score = SCORE;
    let look = |indices: &[usize]| -> Result<Vec<Judged>, retort::Error> {
        let mut detector = Detector::new(model, &contract)?;
        let mut all = Vec::with_capacity(indices.len());
        for sample in indices.iter().filter_map(|&index| set.load(index).ok()) {
            all.push(Judged { found: find(&mut detector, &sample)?, truths: truths(&sample) });
        }
        done(indices.len());
        Ok(all)
    };
    let shares: Vec<_> = shares.map(look).collect::<Result<_, retort::Error>>()?;
    let pictures: Vec<Judged> = shares.into_iter().flatten().collect();
    Ok(Figures::Detector(summarise(&pictures, contract.classes.len())))
}

/// What a detector finds in a picture.
pub fn find(detector: &mut Detector, sample: &Sample) -> Result<Vec<Found>, retort::Error> {
    let found = detector.detect(&sample.frame()?)?.iter().map(|detection| Found {
        class: detection.class as usize,
        score: f64::from(detection.score),
        bbox: from_edges([detection.rect.left, detection.rect.top, detection.rect.right, detection.rect.bottom]),
    });
    Ok(found.collect())
}

fn truths(sample: &Sample) -> Vec<Truth> {
    let truth = |label: &Label| Truth { ignored: label.ignored, ..Truth::new(label.class, from_edges(label.bounds)) };
    sample.boxes.iter().map(truth).collect()
}
