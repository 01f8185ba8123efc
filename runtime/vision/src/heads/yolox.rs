//! YOLOX: one output for all levels, boxes as offsets from cells, objectness times class.

use super::matrix::Matrix;
use super::scan::scan;
use super::{Outputs, Plan, cells};
use crate::candidates::Candidates;
use crate::contract::Labels;
use crate::error::ContractError;
use crate::geometry::Rect;

/// Columns before the classes: centre x and y, width, height, objectness.
const BEFORE_CLASSES: usize = 5;
const OBJECTNESS: usize = 4;

#[derive(Debug)]
pub(super) struct Yolox {
    levels: Vec<Level>,
    predictions: Matrix,
    score: f32,
}

#[derive(Debug)]
struct Level {
    stride: f32,
    /// Cells a row.
    width: usize,
    /// One past its last row of the output.
    end: usize,
}

impl Yolox {
    pub(super) fn new(output: &str, strides: &[u32], plan: &Plan<'_>) -> Result<Yolox, ContractError> {
        let mut end = 0;
        let levels: Vec<Level> = strides
            .iter()
            .map(|&stride| {
                let [width, height] = plan.input.map(|side| cells(side, stride));
                end += width * height;
                Level { stride: stride as f32, width, end }
            })
            .collect();
        let predictions = Matrix::find(plan, "head.output", output, Some(end), BEFORE_CLASSES + plan.classes)?;
        Ok(Yolox { levels, predictions, score: plan.score })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        let values = self.predictions.of(outputs);
        let (mut level, mut begin) = (0, 0);
        // Objectness is at most 1, so a class below the threshold cannot reach it; it is the larger filter by far.
        scan(&values, BEFORE_CLASSES, self.score, Labels::Best, |row, class, value| {
            let score = value * values.at(row, OBJECTNESS);
            if score < self.score || !candidates.admits(score) {
                return;
            }
            while row >= self.levels[level].end {
                begin = self.levels[level].end;
                level += 1;
            }
            let Level { stride, width, .. } = self.levels[level];
            let cell = row - begin;
            let [x, y, log_width, log_height] = values.four(row, 0);
            let x = (x + (cell % width) as f32) * stride;
            let y = (y + (cell / width) as f32) * stride;
            candidates.push(class, score, Rect::around(x, y, log_width.exp() * stride, log_height.exp() * stride));
        });
    }
}
