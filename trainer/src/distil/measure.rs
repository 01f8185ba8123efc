//! Measures a model as its users will run it: through the runtime, from pixels to boxes or classes.

use std::path::Path;

use rayon::prelude::*;
use retort::contract::Contract;
use retort::model::{InputKind, LoadOptions, Model};
use retort::vision::classifier::Classifier;
use retort::vision::detector::Detector;
use serde::{Deserialize, Serialize};

use super::pictures::Set;
use crate::data::Sample;
use crate::evaluate::{Found, Summary, Truth, summarise};

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
    Classifier(Accuracy),
}

/// How often a classifier is right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Pictures.
    pub pictures: usize,
    /// Of which the likeliest class is the wrong one.
    pub errors: usize,
    /// Share of pictures whose class is among the five likeliest.
    pub top5: f64,
    /// Mean of −ln p of the right class.
    pub nll: f64,
}

impl Figures {
    /// The figure that students are compared by, from 0 to 100.
    pub fn main(&self) -> f64 {
        match self {
            Figures::Detector(summary) => percent(summary.ap),
            Figures::Classifier(accuracy) => accuracy.top1(),
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
        if detects { &["AP", "AP50", "AP75", "small", "medium", "large"] } else { &["accuracy", "errors", "top5", "nll"] }
    }

    /// The figures as cells of a table.
    pub fn row(&self) -> Vec<String> {
        let cell = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{:.1}", 100.0 * value));
        match self {
            Figures::Detector(s) => [s.ap, s.ap50, s.ap75, s.small, s.medium, s.large].map(cell).to_vec(),
            Figures::Classifier(a) => vec![
                format!("{:.2}", a.top1()),
                format!("{} of {}", a.errors, a.pictures),
                format!("{:.2}", 100.0 * a.top5),
                format!("{:.4}", a.nll),
            ],
        }
    }

    /// The two figures that matter most.
    pub fn words(&self) -> String {
        match self {
            Figures::Detector(s) => format!("AP {:.1}, AP50 {:.1}", percent(s.ap), percent(s.ap50)),
            Figures::Classifier(a) => format!("accuracy {:.2} ({} errors)", a.top1(), a.errors),
        }
    }

    /// Figures by name, as they go into a contract.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        match self {
            Figures::Detector(s) => {
                vec![("ap", percent(s.ap)), ("ap50", percent(s.ap50)), ("ap75", percent(s.ap75))]
            }
            Figures::Classifier(a) => vec![("top1", a.top1()), ("top5", 100.0 * a.top5)],
        }
    }
}

impl Accuracy {
    /// Share of pictures that are right, from 0 to 100.
    pub fn top1(&self) -> f64 {
        100.0 * (self.pictures - self.errors) as f64 / self.pictures.max(1) as f64
    }
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
        let look = |indices: &[usize]| -> Result<Accuracy, retort::Error> {
            let mut classifier = Classifier::new(model, contract)?;
            let mut sum = Accuracy { pictures: 0, errors: 0, top5: 0.0, nll: 0.0 };
            for sample in indices.iter().filter_map(|&index| set.load(index).ok()) {
                let Some(class) = sample.class else { continue };
                let ranked = classifier.classify(&sample.frame()?)?;
                let place = ranked.iter().position(|ranked| ranked.class as usize == class);
                sum.pictures += 1;
                sum.errors += usize::from(place != Some(0));
                sum.top5 += f64::from(u8::from(place.is_some_and(|place| place < 5)));
                let probability = place.map_or(0.0, |place| f64::from(ranked[place].score));
                sum.nll -= probability.max(1e-12).ln();
            }
            done(indices.len());
            Ok(sum)
        };
        let shares: Vec<Accuracy> = shares.map(look).collect::<Result<_, _>>()?;
        let mut sum = Accuracy { pictures: 0, errors: 0, top5: 0.0, nll: 0.0 };
        for share in shares {
            sum.pictures += share.pictures;
            sum.errors += share.errors;
            sum.top5 += share.top5;
            sum.nll += share.nll;
        }
        let pictures = sum.pictures.max(1) as f64;
        return Ok(Figures::Classifier(Accuracy { top5: sum.top5 / pictures, nll: sum.nll / pictures, ..sum }));
    }
    let mut contract = contract.clone();
    contract.limits.score = SCORE;
    let look = |indices: &[usize]| -> Result<Vec<(Vec<Found>, Vec<Truth>)>, retort::Error> {
        let mut detector = Detector::new(model, &contract)?;
        let mut all = Vec::with_capacity(indices.len());
        for sample in indices.iter().filter_map(|&index| set.load(index).ok()) {
            all.push((find(&mut detector, &sample)?, truths(&sample)));
        }
        done(indices.len());
        Ok(all)
    };
    let shares: Vec<_> = shares.map(look).collect::<Result<_, retort::Error>>()?;
    let pictures: Vec<(Vec<Found>, Vec<Truth>)> = shares.into_iter().flatten().collect();
    Ok(Figures::Detector(summarise(&pictures, contract.classes.len())))
}

/// What a detector finds in a picture.
pub fn find(detector: &mut Detector, sample: &Sample) -> Result<Vec<Found>, retort::Error> {
    let found = detector.detect(&sample.frame()?)?.iter().map(|detection| Found {
        class: detection.class as usize,
        score: detection.score,
        bounds: [detection.rect.left, detection.rect.top, detection.rect.right, detection.rect.bottom],
    });
    Ok(found.collect())
}

fn truths(sample: &Sample) -> Vec<Truth> {
    sample.boxes.iter().map(|label| Truth { class: label.class, bounds: label.bounds }).collect()
}
