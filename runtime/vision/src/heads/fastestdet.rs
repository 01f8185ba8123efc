//! FastestDet: one level whose cells say how far the centre is and how large a part of the input the box is.

use super::matrix::Matrix;
use super::scan::scan;
use super::{Outputs, Plan, sigmoid};
use crate::candidates::Candidates;
use crate::contract::{Labels, fields, output_index};
use crate::error::ContractError;
use crate::geometry::Rect;

/// Columns before the classes: objectness, then the box.
const BEFORE_CLASSES: usize = 5;
/// Exponents of the score: objectness^0.6 · class^0.4.
const OBJECTNESS_POWER: f32 = 0.6;
const CLASS_POWER: f32 = 0.4;

#[derive(Debug)]
pub(super) struct FastestDet {
    predictions: Matrix,
    /// Cells a row.
    width: usize,
    /// Input pixels a cell.
    cell: [f32; 2],
    input: [f32; 2],
    score: f32,
    /// What the class alone must reach, objectness being at most 1.
    least_class: f32,
}

impl FastestDet {
    pub(super) fn new(output: &str, plan: &Plan<'_>) -> Result<FastestDet, ContractError> {
        let key = "head.output";
        let predictions = Matrix::find(plan, key, output, None, BEFORE_CLASSES + plan.classes)?;
        let shape = &plan.outputs[output_index(key, output, plan.outputs)?].shape;
        let &[1, _, height, width] = shape.as_slice() else {
            return Err(fields::error(
                key,
                format!("output `{output}` is {shape:?}, not [1, 5 + classes, rows, columns]"),
            ));
        };
        let input = plan.input.map(|side| side as f32);
        Ok(FastestDet {
            predictions,
            width,
            cell: [input[0] / width as f32, input[1] / height as f32],
            input,
            score: plan.score,
            least_class: plan.score.powf(1.0 / CLASS_POWER),
        })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        let values = self.predictions.of(outputs);
        scan(&values, BEFORE_CLASSES, self.least_class, Labels::Best, |row, class, value| {
            let score = values.at(row, 0).max(0.0).powf(OBJECTNESS_POWER) * value.max(0.0).powf(CLASS_POWER);
            if score < self.score || !candidates.admits(score) {
                return;
            }
            let [x, y, width, height] = values.four(row, 1);
            let rect = Rect::around(
                (x.tanh() + (row % self.width) as f32) * self.cell[0],
                (y.tanh() + (row / self.width) as f32) * self.cell[1],
                sigmoid(width) * self.input[0],
                sigmoid(height) * self.input[1],
            );
            candidates.push(class, score, rect);
        });
    }
}
