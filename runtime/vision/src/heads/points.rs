//! Anchor-free heads: NanoDet, PicoDet, and Retort's own. At each anchor point the distances to the box's four sides.

use super::matrix::{Matrix, Values};
use super::scan::{scan, threshold};
use super::{Outputs, Plan, cells, sigmoid};
use crate::candidates::Candidates;
use crate::contract::{AnchorPoint, Labels, PointCoding, PointHead, ScoreForm};
use crate::error::ContractError;
use crate::geometry::Rect;

#[derive(Debug)]
pub(super) struct Points {
    levels: Vec<Level>,
    form: ScoreForm,
    coding: PointCoding,
    labels: Labels,
    /// Of the scores as they are stored.
    threshold: f32,
    /// Of an anchor point from its cell's corner, in strides.
    shift: f32,
}

#[derive(Debug)]
struct Level {
    stride: f32,
    /// Cells a row.
    width: usize,
    scores: Matrix,
    boxes: Matrix,
}

impl Points {
    pub(super) fn new(head: &PointHead, plan: &Plan<'_>) -> Result<Points, ContractError> {
        let numbers = match head.coding {
            PointCoding::Exp => 4,
            PointCoding::Dfl { reg_max } => 4 * (reg_max as usize + 1),
        };
        let level = |(i, level): (usize, &crate::contract::Level)| -> Result<Level, ContractError> {
            let [width, height] = plan.input.map(|side| cells(side, level.stride));
            let points = Some(width * height);
            let (scores, boxes) = (format!("head.levels.{i}.scores"), format!("head.levels.{i}.boxes"));
            Ok(Level {
                stride: level.stride as f32,
                width,
                scores: Matrix::find(plan, &scores, &level.scores, points, plan.classes)?,
                boxes: Matrix::find(plan, &boxes, &level.boxes, points, numbers)?,
            })
        };
        Ok(Points {
            levels: head.levels.iter().enumerate().map(level).collect::<Result<_, _>>()?,
            form: head.scores,
            coding: head.coding,
            labels: head.labels,
            threshold: threshold(plan.score, head.scores),
            shift: if head.anchor == AnchorPoint::Centre { 0.5 } else { 0.0 },
        })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        for level in &self.levels {
            let boxes = level.boxes.of(outputs);
            scan(&level.scores.of(outputs), 0, self.threshold, self.labels, |point, class, value| {
                let score = match self.form {
                    ScoreForm::Logits => sigmoid(value),
                    ScoreForm::Probabilities => value,
                };
                if candidates.admits(score) {
                    candidates.push(class, score, self.rect(level, &boxes, point));
                }
            });
        }
    }

    fn rect(&self, level: &Level, boxes: &Values<'_>, point: usize) -> Rect {
        let x = ((point % level.width) as f32 + self.shift) * level.stride;
        let y = ((point / level.width) as f32 + self.shift) * level.stride;
        let [left, top, right, bottom] = match self.coding {
            PointCoding::Exp => boxes.four(point, 0).map(|value| value.clamp(-4.0, 4.0).exp()),
            PointCoding::Dfl { reg_max } => {
                let bins = reg_max as usize + 1;
                std::array::from_fn(|side| expected_bin(boxes, point, side * bins, bins))
            }
        }
        .map(|strides| strides * level.stride);
        Rect { left: x - left, top: y - top, right: x + right, bottom: y + bottom }
    }
}

/// The mean of the softmax over `bins` columns from `first`, in bins.
fn expected_bin(boxes: &Values<'_>, point: usize, first: usize, bins: usize) -> f32 {
    let logits = || (0..bins).map(|bin| boxes.at(point, first + bin));
    let largest = logits().fold(f32::NEG_INFINITY, f32::max);
    let (mut weights, mut moments) = (0.0, 0.0);
    for (bin, logit) in logits().enumerate() {
        let weight = (logit - largest).exp();
        weights += weight;
        moments += weight * bin as f32;
    }
    moments / weights
}
