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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, check_temperature, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_its_formula() {
        let three = 3f64.ln();
        // Of the first of two points, the left side's bins are (1/4, 3/4) against (1/2, 1/2): KL = ln(4/3)/2, over four sides. The
        // second point is far off, but of no weight.
        let student = floats(&[&[0.0, three][..], &[1.0; 6], &[5.0, -5.0].repeat(4)].concat(), [1, 2, 4, 2]);
        let teacher = floats(&[0.0; 16], [1, 2, 4, 2]);
        let weighed = |weight: f64| floats(&[weight, 0.0], [1, 2]);
        let expected = (4f64 / 3.0).ln() / 8.0;
        close(value(localisation(student.clone(), teacher.clone(), weighed(2.0), 1.0)), expected);
        // Weights of less than 1 in all weigh less.
        close(value(localisation(student.clone(), teacher.clone(), weighed(0.5), 1.0)), expected / 2.0);
        assert_eq!(value(localisation(student.clone(), teacher.clone(), weighed(0.0), 1.0)), 0.0);
        close(value(localisation(student * 2.0, teacher, weighed(2.0), 2.0)), 4.0 * expected);
    }

    #[test]
    fn it_vanishes_at_the_teacher_and_wherever_the_softmax_is_the_same() {
        let (teacher, weights) = (floats(&wave(48, 1.3), [2, 2, 4, 3]), floats(&[1.0, 0.2, 0.0, 3.0], [2, 2]));
        for student in [teacher.clone(), teacher.clone() + 4.0] {
            assert!(value(localisation(student, teacher.clone(), weights.clone(), 10.0)).abs() < 1e-4);
        }
    }

    #[test]
    fn gradients_are_right_and_keep_their_size() {
        let (teacher, weights) = (doubles(&wave(48, 1.3), [2, 2, 4, 3]), doubles(&[1.0, 0.2, 0.0, 3.0], [2, 2]));
        let loss = |x: Tensor<4>, t: f32| localisation(x, teacher.clone(), weights.clone(), t);
        check_gradient(&wave(48, 0.7), [2, 2, 4, 3], |x| loss(x, 2.0));
        check_temperature(&wave(48, 0.7), [2, 2, 4, 3], loss);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (sides, weights) = (floats(&[0.0; 8], [1, 1, 4, 2]), floats(&[1.0], [1, 1]));
        let text = refusal(localisation(sides.clone(), floats(&[0.0; 12], [1, 1, 4, 3]), weights.clone(), 1.0));
        assert!(text.starts_with("LD: the student gives [1, 1, 4, 2] and the teacher [1, 1, 4, 3]"), "{text}");
        let text = refusal(localisation(sides.clone(), sides.clone(), floats(&[1.0; 2], [1, 2]), 1.0));
        assert_eq!(text, "LD: weights of shape [1, 2] where [1, 1] is needed");
        let two = floats(&[0.0; 8], [1, 1, 2, 4]);
        let text = refusal(localisation(two.clone(), two, weights.clone(), 1.0));
        assert_eq!(text, "LD: logits of the sides of shape [1, 1, 2, 4] where [1, 1, 4, 4] is needed");
        assert!(refusal(localisation(sides.clone(), sides, weights, 0.0)).starts_with("LD: the temperature is 0"));
    }
}
