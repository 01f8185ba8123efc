//! Logits without their size: Sun et al. 2024, Logit Standardization in Knowledge Distillation (CVPR).

use burn::tensor::Tensor;

use crate::losses::error::{LossError, filled};

const NAME: &str = "logit standardisation";

/// Added to the variance, so that a row of equal logits has a gradient. Sun et al. add 1e-7 to the standard deviation, which
/// leaves its gradient infinite there.
const EPSILON: f64 = 1e-6;

/// (z − mean)/s of each row of `logits` `[batch, classes]`, s its standard deviation (algorithm 1 of Sun et al.), to be divided by
/// the temperature next.
///
/// s is the sample's, s² = Σ(z − mean)²/(classes − 1), as in the authors' implementation, with which their temperatures and
/// weights were chosen.
pub fn standardise(logits: Tensor<2>) -> Result<Tensor<2>, LossError> {
    let [batch, classes] = logits.dims();
    filled(NAME, &[batch, classes])?;
    if classes < 2 {
        return Err(LossError::Classes { loss: NAME, classes, needed: 2, instead: "the logits as they are" });
    }
    let centred = logits.clone() - logits.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).sum_dim(1) / (classes - 1) as f64;
    Ok(centred / (variance + EPSILON).sqrt())
}
