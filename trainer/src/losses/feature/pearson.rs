//! Pearson's correlation of features: Cao et al. 2022, PKD: General Distillation Framework for Object Detectors via Pearson
//! Correlation Coefficient (NeurIPS).

use burn::tensor::Tensor;
use retort_train_ops as ops;

use super::sizes::aligned;
use crate::losses::error::LossError;

const NAME: &str = "PKD";

/// Added to the variance of a channel, so that one that never changes has a gradient, and not too large a one.
const EPSILON: f64 = 1e-6;

/// Half the mean of (ŝ − t̂)² over all values of the maps `[batch, height, width, channels]`, where each channel is brought to mean
/// 0 and variance 1 over batch, rows and columns. That is the mean over the channels of 1 − ρ, Pearson's correlation
/// (section 3.3).
pub fn pearson(student: Tensor<4>, teacher: Tensor<4>) -> Result<Tensor<1>, LossError> {
    let (student, teacher) = aligned(NAME, student, teacher)?;
    let (channels, options) = (student.dims()[3], (&student.device(), student.dtype()));
    let (ones, zeros) = (Tensor::<1>::ones([channels], options), Tensor::<1>::zeros([channels], options));
    let standard = |map| ops::batch_norm(map, ones.clone(), zeros.clone(), EPSILON, ops::Activation::None).0;
    let difference = standard(student) - standard(teacher);
    Ok((difference.clone() * difference).mean() * 0.5)
}
