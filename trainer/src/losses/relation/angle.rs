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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_finite, check_gradient, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_its_formula_whatever_the_dims() {
        // Cosines at the three corners of a right triangle: 0, 1/√2, 1/√2; of three points on a line: 1, −1, 1. Differences
        // −1, 1 + 1/√2 and 1/√2 − 1, whose smooth-L1 are 1/2, 1/2 + 1/√2 and (3/2 − √2)/2: 7/4 in all. Each angle counts twice,
        // and there are 27 triples.
        let student = floats(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0], [3, 2]);
        let teacher = floats(&[0.0, 1.0, 2.0], [3, 1]);
        close(value(angle(student, teacher)), 3.5 / 27.0);
    }

    #[test]
    fn size_shift_and_turn_of_the_student_do_not_matter() {
        let (student, teacher) = (floats(&wave(10, 0.7), [5, 2]), floats(&wave(15, 1.3), [5, 3]));
        let loss = value(angle(student.clone(), teacher.clone()));
        let turn = floats(&[0.6, 0.8, -0.8, 0.6], [2, 2]);
        close(value(angle(student.matmul(turn) * 7.0 + 3.0, teacher.clone())), loss);
        assert!(value(angle(teacher.clone() * 0.1 - 2.0, teacher)).abs() < 1e-6);
    }

    #[test]
    fn gradients_are_right_and_finite_where_points_coincide() {
        let teacher = doubles(&wave(15, 1.3), [5, 3]);
        check_gradient(&wave(10, 0.7), [5, 2], |x| angle(x, teacher.clone()));
        let teacher = floats(&wave(15, 1.3), [5, 3]);
        check_finite(&[0.7; 10], [5, 2], |x| angle(x, teacher.clone()));
        check_finite(&[0.7, 0.3, 0.7, 0.3, 0.1, 9.0, 0.7, 0.3, 0.4, 0.5], [5, 2], |x| angle(x, teacher.clone()));
    }

    #[test]
    fn a_batch_of_two_and_other_pictures_are_refused() {
        let (two, three) = (floats(&[1.0, 2.0], [2, 1]), floats(&[1.0, 2.0, 3.0], [3, 1]));
        let text = refusal(angle(two.clone(), two.clone()));
        assert!(text.starts_with("RKD-A: a batch of 2, but it compares 3 pictures"), "{text}");
        let text = refusal(angle(two, three));
        assert!(text.starts_with("RKD-A: the student gives [2, 1] and the teacher [3, 1]"), "{text}");
    }
}
