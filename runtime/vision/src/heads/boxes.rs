//! Models whose graph already decodes its boxes, with or without the suppression.

use super::matrix::Matrix;
use super::scan::scan;
use super::ssd::first_class;
use super::{Outputs, Plan};
use crate::candidates::Candidates;
use crate::contract::{BoxForm, BoxUnits, Labels, ScoreColumns, fields, output_index};
use crate::error::ContractError;
use crate::geometry::Rect;
use crate::tensor::{ElementType, TensorRef};

/// Boxes and scores side by side.
#[derive(Debug)]
pub(super) struct Boxes {
    scores: Matrix,
    boxes: Matrix,
    first: usize,
    form: BoxForm,
    /// Input pixels a unit of each axis.
    units: [f32; 2],
    score: f32,
}

impl Boxes {
    pub(super) fn new(
        scores: &str,
        boxes: &str,
        columns: ScoreColumns,
        form: BoxForm,
        units: BoxUnits,
        plan: &Plan<'_>,
    ) -> Result<Boxes, ContractError> {
        let first = first_class(columns);
        let boxes = Matrix::find(plan, "head.boxes", boxes, None, 4)?;
        let scores = Matrix::find(plan, "head.scores", scores, Some(boxes.rows), first + plan.classes)?;
        Ok(Boxes { scores, boxes, first, form, units: pixels(units, plan), score: plan.score })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        let boxes = self.boxes.of(outputs);
        scan(&self.scores.of(outputs), self.first, self.score, Labels::Every, |row, class, score| {
            if candidates.admits(score) {
                candidates.push(class, score, rect(boxes.four(row, 0), self.form, self.units));
            }
        });
    }
}

/// What is left after a suppression within the graph.
#[derive(Debug)]
pub(super) struct Detections {
    detections: Matrix,
    labels: Option<Ids>,
    classes: usize,
    units: [f32; 2],
    score: f32,
}

/// The output of class ids.
#[derive(Clone, Copy, Debug)]
struct Ids {
    output: usize,
}

impl Detections {
    pub(super) fn new(
        detections: &str,
        labels: Option<&str>,
        units: BoxUnits,
        plan: &Plan<'_>,
    ) -> Result<Detections, ContractError> {
        let columns = if labels.is_some() { 5 } else { 6 };
        let detections = Matrix::find(plan, "head.detections", detections, None, columns)?;
        let labels = labels.map(|name| ids(name, detections.rows, plan)).transpose()?;
        Ok(Detections { detections, labels, classes: plan.classes, units: pixels(units, plan), score: plan.score })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        let values = self.detections.of(outputs);
        for row in 0..self.detections.rows {
            let score = values.at(row, 4);
            let id = match self.labels {
                Some(labels) => labels.at(outputs, row),
                None => values.at(row, 5) as i64,
            };
            let class = usize::try_from(id).ok().filter(|&class| class < self.classes);
            if let Some(class) = class
                && score >= self.score
                && candidates.admits(score)
            {
                candidates.push(class as u32, score, rect(values.four(row, 0), BoxForm::Corners, self.units));
            }
        }
    }
}

impl Ids {
    fn at(self, outputs: &dyn Outputs, row: usize) -> i64 {
        match outputs.output(self.output) {
            TensorRef::I64(ids) => ids.get(row).copied().unwrap_or(-1),
            TensorRef::I32(ids) => ids.get(row).map_or(-1, |&id| i64::from(id)),
            TensorRef::F32(ids) => ids.get(row).map_or(-1, |&id| id as i64),
            TensorRef::U8(_) | TensorRef::I8(_) => -1,
        }
    }
}

fn ids(name: &str, rows: usize, plan: &Plan<'_>) -> Result<Ids, ContractError> {
    let key = "head.labels";
    let output = output_index(key, name, plan.outputs)?;
    let port = &plan.outputs[output];
    let whole = matches!(port.element, ElementType::I64 | ElementType::I32 | ElementType::F32);
    if !whole || port.len() != rows {
        let problem =
            format!("output `{name}` is {:?} of {}, not a class id for each of {rows} boxes", port.shape, port.element);
        return Err(fields::error(key, problem));
    }
    Ok(Ids { output })
}

fn pixels(units: BoxUnits, plan: &Plan<'_>) -> [f32; 2] {
    match units {
        BoxUnits::Pixels => [1.0; 2],
        BoxUnits::Fractions => plan.input.map(|side| side as f32),
    }
}

fn rect(numbers: [f32; 4], form: BoxForm, [across, down]: [f32; 2]) -> Rect {
    let [a, b, c, d] = [numbers[0] * across, numbers[1] * down, numbers[2] * across, numbers[3] * down];
    match form {
        BoxForm::Corners => Rect { left: a, top: b, right: c, bottom: d },
        BoxForm::CornerSize => Rect { left: a, top: b, right: a + c, bottom: b + d },
        BoxForm::CentreSize => Rect::around(a, b, c, d),
    }
}
