//! Hints: Romero et al. 2015, FitNets: Hints for Thin Deep Nets (ICLR).

use burn::tensor::Tensor;

use super::sizes::aligned;
use crate::losses::error::LossError;

const NAME: &str = "FitNet hint";

/// The mean of (s − t)² over all values of the maps `[batch, height, width, channels]`. s is the student's map after the
/// regressor. Equation 3 of the paper has half the sum; the usual weight of 100 belongs to this mean.
pub fn hint(student: Tensor<4>, teacher: Tensor<4>) -> Result<Tensor<1>, LossError> {
    let (student, teacher) = aligned(NAME, student, teacher)?;
    let difference = student - teacher;
    Ok((difference.clone() * difference).mean())
}
