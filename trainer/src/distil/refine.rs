//! From trained weights to what is exported: trained on in the board's integers, repaired, folded, with ranges.
//!
//! The ranges are those of the student as it was trained in floats, with room for its answers. A training in integers
//! happens within them and leaves them as they are, so that what it has learned is what the file computes.

use super::error::ExperimentError;
use super::pictures::{PictureError, Set};
use super::repair::{Repaired, chosen, repair};
use super::results::Arm;
use super::trainings::{Bench, Task};
use crate::data::Sample;
use crate::nets::{Folded, Weights};
use crate::quantise::{Ranges, calibrate};
use crate::train::load;

/// What a student has learned.
pub(super) struct Learned {
    /// In floats.
    trained: Weights,
    /// In the board's integers after that, if the recipe wants it.
    refined: Option<Weights>,
}

/// A student as it is exported.
pub(super) struct Finished {
    /// Its weights.
    pub folded: Folded,
    /// The ranges of its values.
    pub ranges: Ranges,
    /// What was done about missing classes.
    pub repair: Option<Repaired>,
}

impl Bench<'_> {
    /// Trains a student, and goes on in the board's integers if the recipe wants that.
    pub(super) fn learned(&self, task: &Task<'_>) -> Result<Learned, ExperimentError> {
        let trained = self.train(task)?;
        let Some(optimisation) = self.recipe.refining() else { return Ok(Learned { trained, refined: None }) };
        let (_, ranges) = self.quantised(&self.repaired(trained.clone())?.0);
        let task = Task { optimisation: &optimisation, ..*task };
        let refined = self.refine(&task, Folded::new(&trained).weights(), &ranges)?;
        Ok(Learned { trained, refined: Some(refined) })
    }

    /// The same of a student that was trained before.
    pub(super) fn kept(&self, arm: Arm, seed: u64) -> Result<Learned, ExperimentError> {
        let read = |file: String| load(&self.folder.file(&file));
        let trained = read(Task::checkpoint(arm.name(), seed))?;
        let refined = self.recipe.refining().map(|_| read(Task::refined_checkpoint(arm.name(), seed))).transpose()?;
        Ok(Learned { trained, refined })
    }

    /// What is exported of a student.
    pub(super) fn finished(&self, learned: Learned) -> Result<Finished, ExperimentError> {
        let (trained, repair) = self.repaired(learned.trained)?;
        let (folded, ranges) = self.quantised(&trained);
        let Some(refined) = learned.refined else { return Ok(Finished { folded, ranges, repair }) };
        let (refined, repair) = self.repaired(refined)?;
        Ok(Finished { folded: Folded::new(&refined), ranges, repair })
    }

    /// The weights with the biases of missing classes repaired, if the recipe wants that.
    fn repaired(&self, mut weights: Weights) -> Result<(Weights, Option<Repaired>), ExperimentError> {
        let (wanted, pictures) = (&self.recipe.repair, self.pictures);
        let free = chosen(wanted, &pictures.classes).map_err(|class| {
            let (key, known) = ("repair.classes", pictures.classes.join(", "));
            PictureError::Class { key, class, known }
        })?;
        if free.is_empty() {
            return Ok((weights, None));
        }
        let fitted = |set: &Set, count: usize| -> Vec<Sample> {
            (0..count.min(set.len())).filter_map(|index| set.fitted(self.recipe, index).ok()).collect()
        };
        let unlabelled = if pictures.validation.is_empty() { &pictures.labelled } else { &pictures.validation };
        let (seen, test) = (fitted(unlabelled, wanted.pictures), fitted(&pictures.test, usize::MAX));
        let (seen, test): (Vec<&Sample>, Vec<&Sample>) = (seen.iter().collect(), test.iter().collect());
        let repaired = repair(&mut weights, &free, &wanted.priors, &seen, &test);
        Ok((weights, Some(repaired)))
    }

    /// Folds a network and finds the ranges of its values on pictures that it learned from.
    fn quantised(&self, weights: &Weights) -> (Folded, Ranges) {
        let folded = Folded::new(weights);
        let set = if self.pictures.transfer.is_empty() { &self.pictures.labelled } else { &self.pictures.transfer };
        let count = self.recipe.quantise.pictures.min(set.len());
        let samples: Vec<Sample> = (0..count).filter_map(|index| set.fitted(self.recipe, index).ok()).collect();
        let ranges = calibrate(&folded, &samples.iter().collect::<Vec<_>>(), self.recipe.quantise.percentile);
        let ranges = if self.recipe.refining().is_some() { ranges.with_room(&folded.network) } else { ranges };
        (folded, ranges)
    }
}
