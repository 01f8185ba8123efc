//! Distances between pictures: Park et al. 2019, Relational Knowledge Distillation (CVPR).

use burn::tensor::Tensor;

use crate::losses::error::{LossError, enough, same_batch};
use crate::losses::safe::{root, smooth_l1};

const NAME: &str = "RKD-D";

/// Squared distances below this share of the squares they are the difference of are rounding.
const ROUNDING: f64 = 1e-6;

/// The mean over all pairs (i, j) of smooth-L1 of ψₛ − ψₜ, where ψ = ‖xᵢ − xⱼ‖₂/μ and μ is the mean over the pairs of different
/// pictures (section 3.2.1). Embeddings are `[batch, dims]`. The mean is over batch² pairs, those of a picture with itself
/// included, as is the custom to which the usual weight of 25 belongs.
///
/// Points that coincide have the distance 0, without a gradient.
pub fn distance(student: Tensor<2>, teacher: Tensor<2>) -> Result<Tensor<1>, LossError> {
    let batch = same_batch(NAME, &student, &teacher)?;
    enough(NAME, batch, 2)?;
    Ok(smooth_l1(relative(student) - relative(teacher.detach())).mean())
}

/// All distances, divided by their mean: `[batch, batch]`.
fn relative(points: Tensor<2>) -> Tensor<2> {
    let batch = points.dims()[0];
    // About their centre, what is common to all points does not use up the digits of the products.
    let points = points.clone() - points.mean_dim(0);
    let squares = (points.clone() * points.clone()).sum_dim(1);
    let sums = squares.clone() + squares.transpose();
    let apart = sums.clone() - points.clone().matmul(points.transpose()) * 2.0;
    let together = apart.clone().detach().lower_equal(sums.detach() * ROUNDING);
    let distances = root(apart, together);
    let mean = distances.clone().sum() / (batch * (batch - 1)) as f32;
    distances / mean.clamp_min(f32::MIN_POSITIVE).unsqueeze::<2>()
}
