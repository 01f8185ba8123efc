//! Heads: from a model's outputs to candidates, one family a file.
//!
//! A [`Decoder`] is planned once from the contract and the model's outputs: names become indices, shapes are checked,
//! strides and thresholds are worked out. After that it cannot fail, and it does not allocate. Scores are compared in
//! the form in which they are stored, quantised or not; only what reaches the threshold is dequantised, activated and
//! decoded.

mod boxes;
mod detr;
mod fastestdet;
mod matrix;
mod points;
mod scan;
mod ssd;
mod yolox;

use super::candidates::Candidates;
use crate::contract::{Contract, Head, fields};
use crate::error::ContractError;
use crate::tensor::{Port, TensorRef};

/// The outputs of a run, by index.
pub trait Outputs {
    /// Output `index`, in the memory order of its port.
    fn output(&self, index: usize) -> TensorRef<'_>;
}

impl Outputs for &[TensorRef<'_>] {
    fn output(&self, index: usize) -> TensorRef<'_> {
        self[index]
    }
}

/// Reads candidates off the outputs of a detector.
#[derive(Debug)]
pub struct Decoder(Family);

#[derive(Debug)]
enum Family {
    Points(points::Points),
    Yolox(yolox::Yolox),
    FastestDet(fastestdet::FastestDet),
    Ssd(ssd::Ssd),
    Boxes(boxes::Boxes),
    Detr(detr::Detr),
    Detections(boxes::Detections),
}

/// What a family needs to know to be planned.
struct Plan<'a> {
    outputs: &'a [Port],
    classes: usize,
    /// Width and height of the input.
    input: [usize; 2],
    score: f32,
}

impl Decoder {
    /// Plans for a contract whose task is to detect, an input of width and height `input`, and the score threshold
    /// `score`.
    ///
    /// # Errors
    /// [`ContractError`] names the key and the output whose shape or type does not fit.
    pub fn new(contract: &Contract, input: [usize; 2], outputs: &[Port], score: f32) -> Result<Decoder, ContractError> {
        let plan = Plan { outputs, classes: contract.classes.len(), input, score };
        Ok(Decoder(match &contract.head {
            Head::Points(head) => Family::Points(points::Points::new(head, &plan)?),
            Head::Yolox { output, strides } => Family::Yolox(yolox::Yolox::new(output, strides, &plan)?),
            Head::FastestDet { output } => Family::FastestDet(fastestdet::FastestDet::new(output, &plan)?),
            Head::Ssd { scores, boxes, columns, priors } => {
                Family::Ssd(ssd::Ssd::new(scores, boxes, *columns, priors, &plan)?)
            }
            Head::Boxes { scores, boxes, columns, form, units } => {
                Family::Boxes(boxes::Boxes::new(scores, boxes, *columns, *form, *units, &plan)?)
            }
            Head::Detr { logits, boxes, scores } => Family::Detr(detr::Detr::new(logits, boxes, *scores, &plan)?),
            Head::Detections { detections, labels, units } => {
                Family::Detections(boxes::Detections::new(detections, labels.as_deref(), *units, &plan)?)
            }
            Head::Logits { .. } => return Err(fields::error("head.kind", "`logits` classifies; it has no boxes")),
        }))
    }

    /// Adds what reaches the score threshold to `candidates`, boxes in pixels of the input. `outputs` must be those
    /// of the ports that this was planned for; an output of another length or type adds nothing.
    #[inline(never)]
    pub fn decode(&self, outputs: &dyn Outputs, candidates: &mut Candidates) {
        match &self.0 {
            Family::Points(head) => head.decode(outputs, candidates),
            Family::Yolox(head) => head.decode(outputs, candidates),
            Family::FastestDet(head) => head.decode(outputs, candidates),
            Family::Ssd(head) => head.decode(outputs, candidates),
            Family::Boxes(head) => head.decode(outputs, candidates),
            Family::Detr(head) => head.decode(outputs, candidates),
            Family::Detections(head) => head.decode(outputs, candidates),
        }
    }
}

/// The number of cells along an axis: the last may reach beyond the input.
fn cells(side: usize, stride: u32) -> usize {
    side.div_ceil(stride as usize)
}

/// The logistic function.
fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests;
