//! Asks a model file about the pictures of a set, through the runtime and in parallel. A picture that cannot be decoded
//! has no answer, and is named.

use std::path::Path;

use rayon::prelude::*;
use retort::Error;
use retort::contract::{Contract, Golden, Task};
use retort::model::{Fit, InputKind, LoadOptions, Model};
use retort::vision::classifier::Classifier;
use retort::vision::detector::Detector;

use super::coco::{Found, from_edges};
use crate::data::{Pictures, Sample};
use crate::limits::load_options;

/// Pictures that one session looks at before the next one starts.
const SHARE: usize = 16;

/// A model file that is ready to be asked.
pub struct Respondent {
    model: Model,
    contract: Contract,
}

/// What was answered to each picture; none where it could not be decoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers<T> {
    /// By picture.
    pub answers: Vec<Option<T>>,
    /// Which pictures could not be decoded, and why.
    pub problems: Vec<String>,
}

impl Respondent {
    /// Opens a model with the contract that it carries, that lies beside it, that is given, or that is known of it.
    ///
    /// # Errors
    /// What the runtime says of a model or contract that it cannot use.
    pub fn open(path: &Path, contract: Option<&Path>) -> Result<Respondent, Error> {
        // A model for pictures of any size gets them letterboxed into a square.
        let fit = Some(Fit::square(Fit::LONGEST));
        let options = LoadOptions { input: InputKind::Quantised, fit, ..load_options() };
        let model = Model::open(path, &options)?;
        let contract = model.find_contract(contract)?;
        Ok(Respondent { model, contract })
    }

    /// A model in memory.
    pub fn new(model: Model, contract: Contract) -> Respondent {
        Respondent { model, contract }
    }

    /// The checksums of what it computes for the golden picture of a seed.
    ///
    /// # Errors
    /// What the runtime says of a model that does not run.
    pub fn golden(&self, seed: u32) -> Result<Golden, Error> {
        retort::model::golden::golden(&self.model, &self.contract, seed)
    }

    /// What the model does.
    pub fn task(&self) -> Task {
        self.contract.task
    }

    /// The names of its classes.
    pub fn classes(&self) -> &[String] {
        &self.contract.classes
    }

    /// The score from which it says by itself that it has found something.
    pub fn score(&self) -> f64 {
        f64::from(self.contract.limits.score)
    }

    /// What it finds, from `score` on, in whatever form `keep` makes of a picture and what is found in it. `done` is called
    /// with the number of pictures finished, from any thread.
    ///
    /// # Errors
    /// What the runtime says of a model that does not run.
    pub fn detect<T: Send>(
        &self,
        pictures: &dyn Pictures,
        score: f64,
        done: impl Fn(usize) + Sync,
        keep: impl Fn(&Sample, Vec<Found>) -> T + Sync,
    ) -> Result<Answers<T>, Error> {
        let mut contract = self.contract.clone();
        contract.limits.score = score as f32;
        let start = || Detector::new(&self.model, &contract);
        ask(pictures, done, start, |detector, sample| {
            let found = detector.detect(&sample.frame()?)?.iter().map(|d| Found {
                class: d.class as usize,
                score: f64::from(d.score),
                bbox: from_edges([d.rect.left, d.rect.top, d.rect.right, d.rect.bottom]),
            });
            Ok(keep(sample, found.collect()))
        })
    }

    /// The probability of every class, likewise.
    ///
    /// # Errors
    /// What the runtime says of a model that does not run.
    pub fn classify<T: Send>(
        &self,
        pictures: &dyn Pictures,
        done: impl Fn(usize) + Sync,
        keep: impl Fn(&Sample, Vec<f32>) -> T + Sync,
    ) -> Result<Answers<T>, Error> {
        let start = || Classifier::new(&self.model, &self.contract);
        ask(pictures, done, start, |classifier, sample| {
            let mut row = vec![0.0; self.contract.classes.len()];
            for ranked in classifier.classify(&sample.frame()?)? {
                row[ranked.class as usize] = ranked.score;
            }
            Ok(keep(sample, row))
        })
    }
}

fn ask<S, T: Send>(
    pictures: &dyn Pictures,
    done: impl Fn(usize) + Sync,
    start: impl Fn() -> Result<S, Error> + Sync,
    answer: impl Fn(&mut S, &Sample) -> Result<T, Error> + Sync,
) -> Result<Answers<T>, Error> {
    let indices: Vec<usize> = (0..pictures.count()).collect();
    let look = |indices: &[usize]| -> Result<Answers<T>, Error> {
        let mut session = start()?;
        let mut all = Answers { answers: Vec::with_capacity(indices.len()), problems: Vec::new() };
        for &index in indices {
            match pictures.picture(index) {
                Ok(sample) => all.answers.push(Some(answer(&mut session, &sample)?)),
                Err(problem) => {
                    all.answers.push(None);
                    all.problems.push(problem.to_string());
                }
            }
        }
        done(indices.len());
        Ok(all)
    };
    let shares: Result<Vec<Answers<T>>, Error> = indices.par_chunks(SHARE).map(look).collect();
    let mut all = Answers { answers: Vec::with_capacity(indices.len()), problems: Vec::new() };
    for mut share in shares? {
        all.answers.append(&mut share.answers);
        all.problems.append(&mut share.problems);
    }
    Ok(all)
}
