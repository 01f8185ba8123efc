//! Angles between pictures: Park et al. 2019, Relational Knowledge Distillation (CVPR).

use burn::tensor::Tensor;

use crate::losses::error::{LossError, enough, same_batch};
use crate::losses::safe::{smooth_l1, unit};

const NAME: &str = "RKD-A";

/// The mean over all triples (i, j, k) of smooth-L1 of cos ∠ₛ − cos ∠ₜ, the angle being that at j between i and k (section
/// 3.2.2). Embeddings are `[batch, dims]`, pooled to keep them short: time grows with batch³·dims. The mean is over batch³
/// triples, those without an angle (cos = 0) included, as is the custom to which the usual weight of 50 belongs.
pub fn angle(student: Tensor<2>, teacher: Tensor<2>) -> Result<Tensor<1>, LossError> {
    let batch = same_batch(NAME, &student, &teacher)?;
    enough(NAME, batch, 3)?;
    Ok(smooth_l1(cosines(student) - cosines(teacher.detach())).mean())
}

/// The cosine of the angle at j between i and k at `[j, i, k]`; 0 where i or k is at the same point as j.
fn cosines(points: Tensor<2>) -> Tensor<3> {
    let directions = unit(points.clone().unsqueeze_dim::<3>(0) - points.unsqueeze_dim::<3>(1), 2);
    directions.clone().matmul(directions.swap_dims(1, 2))
}
