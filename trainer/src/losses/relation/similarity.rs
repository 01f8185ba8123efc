//! Similarities between pictures: Tung and Mori 2019, Similarity-Preserving Knowledge Distillation (ICCV).

use burn::tensor::Tensor;

use crate::losses::error::{LossError, enough, same_batch};
use crate::losses::safe::unit;

const NAME: &str = "SP";

/// ‖Gₛ − Gₜ‖²/batch² (Frobenius' norm; equation 4), where G is F·Fᵀ with each row divided by its length. F are embeddings, or
/// maps written as rows: `[batch, dims]`.
///
/// A picture whose embedding is 0 is like no other: its row is 0, and it has no gradient.
pub fn similarity(student: Tensor<2>, teacher: Tensor<2>) -> Result<Tensor<1>, LossError> {
    let batch = same_batch(NAME, &student, &teacher)?;
    enough(NAME, batch, 2)?;
    let similarities = |rows: Tensor<2>| unit(rows.clone().matmul(rows.transpose()), 1);
    let difference = similarities(student) - similarities(teacher.detach());
    Ok((difference.clone() * difference).mean())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_finite, check_gradient, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_its_formula_whatever_the_dims() {
        // G of the student is the identity; all of the teacher's are 1, or 1/√2 in rows of length 1. Each of two rows is
        // (1 − 1/√2)² + 1/2 = 2 − √2 apart, over 4.
        let (student, teacher) = (floats(&[1.0, 0.0, 0.0, 1.0], [2, 2]), floats(&[1.0, 1.0], [2, 1]));
        close(value(similarity(student, teacher)), (2.0 - 2f64.sqrt()) / 2.0);
    }

    #[test]
    fn size_and_turn_of_the_student_do_not_matter() {
        let (student, teacher) = (floats(&wave(10, 0.7), [5, 2]), floats(&wave(15, 1.3), [5, 3]));
        let loss = value(similarity(student.clone(), teacher.clone()));
        let turn = floats(&[0.6, 0.8, -0.8, 0.6], [2, 2]);
        close(value(similarity(student.matmul(turn) * -7.0, teacher.clone())), loss);
        assert!(value(similarity(teacher.clone() * 0.1, teacher)).abs() < 1e-6);
    }

    #[test]
    fn gradients_are_right_and_finite_where_an_embedding_is_zero() {
        let teacher = doubles(&wave(15, 1.3), [5, 3]);
        check_gradient(&wave(10, 0.7), [5, 2], |x| similarity(x, teacher.clone()));
        let teacher = floats(&wave(15, 1.3), [5, 3]);
        check_finite(&[0.0; 10], [5, 2], |x| similarity(x, teacher.clone()));
        check_finite(&[0.0, 0.0, 0.7, 0.3, 0.1, 9.0, 0.7, 0.3, 0.4, 0.5], [5, 2], |x| similarity(x, teacher.clone()));
    }

    #[test]
    fn a_batch_of_one_and_other_pictures_are_refused() {
        let (one, two) = (floats(&[1.0], [1, 1]), floats(&[1.0, 2.0], [2, 1]));
        let text = refusal(similarity(one.clone(), one.clone()));
        assert!(text.starts_with("SP: a batch of 1, but it compares 2 pictures"), "{text}");
        let text = refusal(similarity(one, two));
        assert!(text.starts_with("SP: the student gives [1, 1] and the teacher [2, 1]"), "{text}");
    }
}
