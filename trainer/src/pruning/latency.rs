//! What a board would take for a model in int8, predicted.
//!
//! Neither size nor speed depends on what the integers are, so the model is written in int8 with whatever scales, and the runtime plans it
//! as it would the finished one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use retort::model::Model;
use retort::predict::{Board, Prediction};

use super::PruneError;
use crate::posttraining::borders::Borders;
use crate::posttraining::fitting::nearest;
use crate::posttraining::formula::Formulas;
use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::sensitivity::Without;
use crate::posttraining::watch::{floats_of, options};
use crate::posttraining::write;
use crate::quantise::Scale;

/// The board that counts.
pub struct Clock(&'static Board);

impl Clock {
    /// Of a board, by its key.
    ///
    /// # Errors
    /// Where there is none.
    pub fn new(board: &str) -> Result<Clock, PruneError> {
        Board::named(board).map(Clock).ok_or_else(|| PruneError::Board(board.to_owned()))
    }

    fn prediction(&self, graph: &OnnxGraph) -> Result<Prediction, retort::Error> {
        let formulas = Formulas::new(graph);
        let floats: HashSet<String> = floats_of(graph).into_keys().collect();
        let borders = Borders::new(graph, &formulas, &floats, &|_| true);
        let scales = vec![Scale::spanning(-1.0, 1.0); borders.rounded.len()];
        let extent = Without::new(&borders, HashSet::new());
        let integers = write::qdq(graph, &borders, &scales, &nearest(graph, &borders), &extent);
        let model = Model::from_bytes(&integers.encode(), Path::new("the pruned model"), &self.0.options(options()))?;
        Ok(Prediction::of(&model, self.0, self.0.cores))
    }

    /// Milliseconds of one inference on all cores.
    ///
    /// # Errors
    /// What the runtime says of the model.
    pub fn ms(&self, graph: &OnnxGraph) -> Result<f64, retort::Error> {
        Ok(self.prediction(graph)?.ms())
    }

    /// Milliseconds of each step, by the name of what it makes.
    ///
    /// # Errors
    /// What the runtime says of the model.
    pub fn layers(&self, graph: &OnnxGraph) -> Result<HashMap<String, f64>, retort::Error> {
        let steps = self.prediction(graph)?.steps;
        Ok(steps.into_iter().map(|step| (step.name, step.cost.ms)).collect())
    }
}
