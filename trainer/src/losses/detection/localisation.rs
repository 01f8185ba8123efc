//! Where boxes end, as a distribution: Zheng et al. 2022, Localization Distillation for Dense Object Detection (LD, CVPR).

use burn::tensor::{Tensor, activation::log_softmax};

use crate::losses::error::{LossError, same_shape, shaped, warm};
use crate::losses::safe::divergence;

const NAME: &str = "LD";

/// T²·KL(softmax(t/T) ‖ softmax(s/T)) of each side's distribution over distances, mean over the four sides, and Σ w·… / Σ w over the
/// points (section 3.2). Logits are `[batch, points, 4, bins]`, as in generalised focal loss, weights `[batch, points]`. Σ w
/// counts as 1 at least, so that pictures with next to no object do not weigh as much as others.
///
/// The authors take T = 10 and a weight of 0.25. Their mean is over the bins, too: that weight is 0.25/bins here.
pub fn localisation(
    student: Tensor<4>,
    teacher: Tensor<4>,
    weights: Tensor<2>,
    temperature: f32,
) -> Result<Tensor<1>, LossError> {
    warm(NAME, temperature)?;
    let [batch, points, sides, _] = same_shape(NAME, &student, &teacher, "both need the same points and bins")?;
    if sides != 4 {
        let (given, needed) = (student.dims().to_vec(), vec![batch, points, 4, student.dims()[3]]);
        return Err(LossError::Part { loss: NAME, part: "logits of the sides", given, needed });
    }
    shaped(NAME, "weights", &weights, [batch, points])?;
    let (q, p) = (log_softmax(student / temperature, 3), log_softmax(teacher.detach() / temperature, 3));
    let weights = weights.detach();
    let total = weights.clone().sum().clamp_min(1.0);
    let sum = (divergence(p, q) * weights.reshape([batch, points, 1, 1])).sum();
    Ok(sum / total * (temperature * temperature / 4.0))
}
