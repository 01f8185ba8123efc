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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_finite, check_gradient, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_its_formula_whatever_the_dims() {
        // Distances 1, 3 and 2 have the mean 2: 1/2, 3/2 and 1. The teacher's, 1, 2 and 1, have 4/3: 3/4, 3/2 and 3/4.
        // Differences −1/4, 0 and 1/4: 2·(1/32) in the upper half of nine pairs, and as much in the lower.
        let student = floats(&[0.0, 1.0, 3.0], [3, 1]);
        let teacher = floats(&[0.0, 0.0, 0.6, 0.8, 1.2, 1.6], [3, 2]);
        close(value(distance(student, teacher)), 0.125 / 9.0);
    }

    #[test]
    fn size_shift_and_turn_of_the_student_do_not_matter() {
        let (student, teacher) = (floats(&wave(10, 0.7), [5, 2]), floats(&wave(15, 1.3), [5, 3]));
        let loss = value(distance(student.clone(), teacher.clone()));
        let turn = floats(&[0.6, 0.8, -0.8, 0.6], [2, 2]);
        close(value(distance(student.matmul(turn) * 7.0 + 3.0, teacher.clone())), loss);
        assert!(value(distance(teacher.clone() * 0.1 - 2.0, teacher)).abs() < 1e-6);
    }

    #[test]
    fn gradients_are_right_and_finite_where_points_coincide() {
        let teacher = doubles(&wave(15, 1.3), [5, 3]);
        check_gradient(&wave(10, 0.7), [5, 2], |x| distance(x, teacher.clone()));
        let teacher = floats(&wave(15, 1.3), [5, 3]);
        check_finite(&[0.7; 10], [5, 2], |x| distance(x, teacher.clone()));
        check_finite(&[0.0; 10], [5, 2], |x| distance(x, teacher.clone()));
        check_finite(&[0.7, 0.3, 0.7, 0.3, 0.1, 9.0, 0.7, 0.3, 0.4, 0.5], [5, 2], |x| distance(x, teacher.clone()));
        // The teacher's, too.
        check_finite(&wave(10, 0.7), [5, 2], |x| distance(x, floats(&[0.5; 10], [5, 2])));
    }

    #[test]
    fn a_batch_of_one_and_other_pictures_are_refused() {
        let (one, two) = (floats(&[1.0], [1, 1]), floats(&[1.0, 2.0], [2, 1]));
        let text = refusal(distance(one.clone(), one.clone()));
        assert!(text.starts_with("RKD-D: a batch of 1, but it compares 2 pictures"), "{text}");
        let text = refusal(distance(one, two));
        assert!(text.starts_with("RKD-D: the student gives [1, 1] and the teacher [2, 1]"), "{text}");
    }
}
