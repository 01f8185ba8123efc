//! DETR and what came of it: a fixed number of queries, each with the logits of its classes and one box (Carion et al., End-to-End
//! Object Detection with Transformers, 2020). A query that finds nothing says so, and no two are meant to find the same.

use super::matrix::Matrix;
use super::scan::{scan, threshold};
use super::{Outputs, Plan, sigmoid};
use crate::candidates::Candidates;
use crate::contract::{Labels, QueryScores, ScoreForm};
use crate::error::ContractError;
use crate::geometry::Rect;

/// Queries with logits and boxes.
#[derive(Debug)]
pub(super) struct Detr {
    logits: Matrix,
    boxes: Matrix,
    scores: QueryScores,
    classes: usize,
    /// Width and height of the input.
    input: [f32; 2],
    score: f32,
}

impl Detr {
    pub(super) fn new(logits: &str, boxes: &str, scores: QueryScores, plan: &Plan<'_>) -> Result<Detr, ContractError> {
        let columns = match scores {
            QueryScores::Softmax => plan.classes + 1,
            QueryScores::Sigmoid => plan.classes,
        };
        let boxes = Matrix::find(plan, "head.boxes", boxes, None, 4)?;
        let logits = Matrix::find(plan, "head.scores", logits, Some(boxes.rows), columns)?;
        let input = plan.input.map(|side| side as f32);
        Ok(Detr { logits, boxes, scores, classes: plan.classes, input, score: plan.score })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        let (logits, boxes) = (self.logits.of(outputs), self.boxes.of(outputs));
        let mut add = |row: usize, class: u32, score: f32| {
            if candidates.admits(score) {
                let [x, y, width, height] = boxes.four(row, 0);
                let [across, down] = self.input;
                candidates.push(class, score, Rect::around(x * across, y * down, width * across, height * down));
            }
        };
        if self.scores == QueryScores::Sigmoid {
            let least = threshold(self.score, ScoreForm::Logits);
            return scan(&logits, 0, least, Labels::Every, |row, class, logit| add(row, class, sigmoid(logit)));
        }
        for row in 0..self.logits.rows {
            let (mut best, mut largest) = (0, f32::NEG_INFINITY);
            for class in 0..self.classes {
                let logit = logits.at(row, class);
                if logit > largest {
                    (best, largest) = (class, logit);
                }
            }
            // The share of the best class among all and nothing.
            let sum: f32 = (0..=self.classes).map(|column| (logits.at(row, column) - largest).exp()).sum();
            let score = 1.0 / sum;
            if score >= self.score {
                add(row, best as u32, score);
            }
        }
    }
}
