//! SSD-style heads such as UltraFace before its decoding: offsets from prior boxes.

use super::matrix::Matrix;
use super::scan::scan;
use super::{Outputs, Plan, cells};
use crate::candidates::Candidates;
use crate::contract::{Labels, Priors, ScoreColumns};
use crate::error::ContractError;
use crate::geometry::Rect;

#[derive(Debug)]
pub(super) struct Ssd {
    scores: Matrix,
    boxes: Matrix,
    first: usize,
    priors: Vec<Prior>,
    centre_variance: f32,
    size_variance: f32,
    score: f32,
}

/// A prior box in input pixels.
#[derive(Clone, Copy, Debug)]
struct Prior {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

impl Ssd {
    pub(super) fn new(
        scores: &str,
        boxes: &str,
        columns: ScoreColumns,
        priors: &Priors,
        plan: &Plan<'_>,
    ) -> Result<Ssd, ContractError> {
        let first = first_class(columns);
        let (centre_variance, size_variance) = (priors.centre_variance, priors.size_variance);
        // Counted first: a contract with absurd strides is refused before its priors take memory.
        let boxes = Matrix::find(plan, "head.boxes", boxes, Some(count(priors, plan.input)), 4)?;
        let priors = lay_out(priors, plan.input);
        let scores = Matrix::find(plan, "head.scores", scores, Some(boxes.rows), first + plan.classes)?;
        Ok(Ssd { scores, boxes, first, priors, centre_variance, size_variance, score: plan.score })
    }

    pub(super) fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        let offsets = self.boxes.of(outputs);
        scan(&self.scores.of(outputs), self.first, self.score, Labels::Every, |row, class, score| {
            if candidates.admits(score) {
                let prior = self.priors[row];
                let [x, y, width, height] = offsets.four(row, 0);
                let rect = Rect::around(
                    prior.x + x * self.centre_variance * prior.width,
                    prior.y + y * self.centre_variance * prior.height,
                    prior.width * (width * self.size_variance).exp(),
                    prior.height * (height * self.size_variance).exp(),
                );
                candidates.push(class, score, rect);
            }
        });
    }
}

/// The column of class 0.
pub(super) fn first_class(columns: ScoreColumns) -> usize {
    match columns {
        ScoreColumns::All => 0,
        ScoreColumns::AfterBackground => 1,
    }
}

fn count(priors: &Priors, input: [usize; 2]) -> usize {
    let level = |(&stride, sizes): (&u32, &Vec<f32>)| cells(input[0], stride) * cells(input[1], stride) * sizes.len();
    priors.strides.iter().zip(&priors.sizes).map(level).sum()
}

/// The priors in the order of the outputs' rows, none larger than the input.
fn lay_out(priors: &Priors, input: [usize; 2]) -> Vec<Prior> {
    let most = input.map(|side| side as f32);
    let mut all = Vec::with_capacity(count(priors, input));
    for (&stride, sizes) in priors.strides.iter().zip(&priors.sizes) {
        let centre = |cell: usize, most: f32| ((cell as f32 + 0.5) * stride as f32).min(most);
        for row in 0..cells(input[1], stride) {
            for column in 0..cells(input[0], stride) {
                all.extend(sizes.iter().map(|&side| Prior {
                    x: centre(column, most[0]),
                    y: centre(row, most[1]),
                    width: side.min(most[0]),
                    height: side.min(most[1]),
                }));
            }
        }
    }
    all
}
