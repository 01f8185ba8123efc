//! What the commands on finished models of any make have in common: pictures, a contract, labelled pictures to measure on.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use retort::contract::{Contract, Task};
use retort::model::Model;

use crate::data::{Collection, OpenOptions, Part, Sample};
use crate::evaluate::{Judged, LabelledSet, Respondent, Truths, class_map, in_classes, likeliest, summarise};

/// Detections below this score do not count.
const SCORE: f64 = 0.01;

/// The contract of a model that was made of another: figures and checksums of that are not its own.
pub(super) fn described(contract: &Contract, what: &str, by: &str) -> Contract {
    let mut contract = Contract { golden: None, coverage: None, ..contract.clone() };
    contract.metrics.clear();
    contract.provenance.insert(what.into(), by.into());
    contract
}

/// A file beside a model, whose name says what was done to it.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{what}.onnx"))
}

/// Labelled pictures, if there are any, and how the model is read.
pub(super) struct Judge<'a> {
    pub contract: &'a Contract,
    pub labelled: Option<&'a LabelledSet>,
}

impl Judge<'_> {
    /// What is measured.
    pub(super) fn measured(&self) -> &'static str {
        if self.contract.task == Task::Detect { "AP" } else { "% right" }
    }

    /// AP, or the share of right answers, in points.
    pub(super) fn measure(&self, model: Model) -> Result<Option<f64>> {
        let Some(set) = self.labelled else { return Ok(None) };
        let respondent = Respondent::new(model, self.contract.clone());
        let names = set.register.class_names();
        let map = class_map(respondent.classes(), &names).map_err(anyhow::Error::msg)?;
        match &set.truths {
            Truths::Boxes(truths) => {
                ensure!(respondent.task() == Task::Detect, "the labels are boxes, but the model finds none");
                let answers = respondent.detect(&set.items, SCORE, |_| (), |_, found| in_classes(found, &map))?;
                let judged = answers.answers.into_iter().zip(truths);
                let judged: Vec<Judged> = judged
                    .filter_map(|(found, truths)| Some(Judged { found: found?, truths: truths.clone() }))
                    .collect();
                Ok(summarise(&judged, names.len()).ap.map(|ap| 100.0 * ap))
            }
            Truths::Classes(truths) => {
                ensure!(respondent.task() == Task::Classify, "the labels are classes, but the model finds boxes");
                let answers = respondent.classify(&set.items, |_| (), |_, row| likeliest(&row))?;
                let answered: Vec<(usize, usize)> = answers
                    .answers
                    .into_iter()
                    .zip(truths)
                    .filter_map(|(answer, truth)| Some((answer?, *truth)))
                    .collect();
                ensure!(!answered.is_empty(), "no labelled picture can be read");
                let right = answered.iter().filter(|(answer, truth)| map.get(*answer) == Some(&Some(*truth)));
                Ok(Some(100.0 * right.count() as f64 / answered.len() as f64))
            }
        }
    }
}

/// Pictures spread evenly over a set; over the part to learn from, where it is divided.
pub(super) fn pictures(path: &Path, most: usize) -> Result<Vec<Sample>> {
    let mut set = Collection::open(path, &OpenOptions::default())?;
    let learned = set.part(Part::Train);
    if !learned.is_empty() {
        set = learned;
    }
    let count = set.items.len().min(most);
    let chosen = (0..count).map(|place| &set.items[place * set.items.len() / count]);
    let pictures: Vec<Sample> = chosen.filter_map(|item| item.load().ok()).collect();
    ensure!(!pictures.is_empty(), "{} has no picture that can be read", path.display());
    Ok(pictures)
}
