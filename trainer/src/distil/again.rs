//! Teaching a student on: from the weights that a run left, with pictures that its camera has kept since; and what that changed,
//! there and where it was taught at first.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ExperimentError;
use super::measure::{Figures, measure};
use super::narrow;
use super::pictures::Set;
use super::results::Arm;
use super::teaching::judged;
use super::trainings::{Bench, Task};
use crate::evaluate::Respondent;
use crate::nets::{Network, Weights};
use crate::report::Table;
use crate::train::{CheckpointError, load, save};

/// The student before it was taught on, and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which pictures they were measured on.
    pub pictures: String,
    /// How many.
    pub count: usize,
    /// Whether the teacher was the judge.
    pub unjudged: bool,
    /// The student of the run that was gone on from.
    pub before: Figures,
    /// The student now, of the first seed.
    pub after: Figures,
}

/// A line for each set of pictures.
pub fn table(changes: &[Change]) -> Table {
    let name = changes.first().map_or("AP", |change| change.before.name());
    let mut table = Table::new(["pictures", "judged by", "before", "after", name]);
    for change in changes {
        let judge = if change.unjudged { "the teacher" } else { "labels" };
        let gain = format!("{:+.1}", change.after.main() - change.before.main());
        let name = format!("{} {}", change.count, change.pictures);
        table.row([name, judge.to_owned(), change.before.words(), change.after.words(), gain]);
    }
    table
}

impl Bench<'_> {
    /// The weights that a training of the student begins with, if they are those of another run.
    ///
    /// # Errors
    /// Where that run has no such student, or one of another network.
    pub(super) fn begun(&self, task: &Task<'_>) -> Result<Option<Weights>, ExperimentError> {
        let again = &self.recipe.again;
        let arms = [Arm::Distilled, Arm::Control].map(Arm::name);
        if again.from.is_empty() || !arms.contains(&task.name) {
            return Ok(None);
        }
        let path = match narrow::start(self.folder) {
            // What was pruned is where both arms begin: whoever goes on without the teacher has lost as much.
            Some(path) => path,
            None if task.name == Arm::Control.name() => return Ok(None),
            None => Path::new(&again.from).join(Task::checkpoint(task.name, self.recipe.seeds[0])),
        };
        let weights = load(&path)?;
        if weights.network != *task.network {
            return Err(CheckpointError::OtherNetwork(path).into());
        }
        Ok(Some(weights))
    }

    /// The teacher that the run which is gone on from has trained, if it has one of this network.
    ///
    /// # Errors
    /// Where its weights cannot be read.
    pub(super) fn known_teacher(&self, network: &Network) -> Result<Option<Weights>, ExperimentError> {
        let again = &self.recipe.again;
        let path = Path::new(&again.from).join(Task::checkpoint("teacher", self.recipe.data.seed));
        if again.from.is_empty() || !path.exists() {
            return Ok(None);
        }
        let known = Some(load(&path)?).filter(|weights| weights.network == *network);
        if let Some(weights) = &known {
            // Whoever goes on from this run finds it here.
            save(weights, &self.folder.file(&Task::checkpoint("teacher", self.recipe.data.seed)))?;
        }
        Ok(known)
    }

    /// What teaching on has changed: on the pictures that were measured on before, and on the added ones; nothing where no run was
    /// gone on from.
    ///
    /// # Errors
    /// Those of the teacher and of measuring.
    pub(super) fn changes(&self, arm: Arm) -> Result<Vec<Change>, ExperimentError> {
        let again = &self.recipe.again;
        if again.from.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(untaught) = narrow::untaught(self.folder) {
            self.measured("pruned", self.recipe.seeds[0], "f32", &untaught)?;
        }
        let before = Respondent::open(&Path::new(&again.from).join("student.onnx"), None)?;
        let name = format!("{}-{}-int8.onnx", arm.name(), self.recipe.seeds[0]);
        let after = Respondent::open(&self.folder.file(&name), None)?;
        let mut changes = Vec::new();
        let mut compare = |pictures: &str, set: &Set, unjudged: bool| -> Result<(), ExperimentError> {
            if !set.is_empty() {
                let [before, after] = [&before, &after].map(|student| measure(student, set, |_| ()));
                let (pictures, count) = (pictures.to_owned(), set.len());
                changes.push(Change { pictures, count, unjudged, before: before?, after: after? });
            }
            Ok(())
        };
        compare("of the first run", &self.pictures.test, self.pictures.unjudged)?;
        if !self.pictures.added.is_empty() {
            let added = judged(self, "added", &self.pictures.added)?;
            compare("that were added", &added, true)?;
        }
        Ok(changes)
    }
}
