//! Attention transfer: Zagoruyko and Komodakis 2017, Paying More Attention to Attention (ICLR).

use burn::tensor::Tensor;

use super::sizes::brought_together;
use crate::losses::error::LossError;
use crate::losses::safe::unit;

const NAME: &str = "AT";

/// The mean over pictures, rows and columns of (aₛ − aₜ)², where a = Q/‖Q‖₂ and Q, `[height · width]`, is the mean over the
/// channels of the squares of a map `[batch, height, width, channels]` (equation 2, with p = 2 and F²). The numbers of
/// channels may differ. Equation 2 has a sum; the usual weight of 1000 belongs to this mean.
///
/// A map that is 0 everywhere attends to nothing: a is 0, and it has no gradient.
pub fn attention(student: Tensor<4>, teacher: Tensor<4>) -> Result<Tensor<1>, LossError> {
    let (student, teacher) = brought_together(NAME, student, teacher)?;
    let attention = |map: Tensor<4>| {
        let [batch, height, width, _] = map.dims();
        unit((map.clone() * map).mean_dim(3).reshape([batch, height * width]), 1)
    };
    let difference = attention(student) - attention(teacher);
    Ok((difference.clone() * difference).mean())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_finite, check_gradient, close, doubles, floats, gradient, refusal, value, wave};

    #[test]
    fn it_is_its_formula_whatever_the_channels() {
        // Squares (3, 4) and (4, 3), both of length 5: (0.6, 0.8) and (0.8, 0.6), so (0.2² + 0.2²)/2.
        let three = 3f64.sqrt();
        let student = floats(&[three, 2.0], [1, 1, 2, 1]);
        let teacher = floats(&[2.0, -2.0, three, three], [1, 1, 2, 2]);
        close(value(attention(student, teacher)), 0.04);
    }

    #[test]
    fn the_size_and_the_sign_of_the_student_do_not_matter() {
        let (student, teacher) = (floats(&wave(24, 0.7), [2, 2, 3, 2]), floats(&wave(36, 1.3), [2, 2, 3, 3]));
        let loss = value(attention(student.clone(), teacher.clone()));
        close(value(attention(student * -7.0, teacher.clone())), loss);
        close(value(attention(teacher.clone() * 0.01, teacher)), 0.0);
    }

    #[test]
    fn gradients_are_right_and_none_comes_from_a_map_of_zeros() {
        let teacher = doubles(&wave(36, 1.3), [2, 2, 3, 3]);
        check_gradient(&wave(24, 0.7), [2, 2, 3, 2], |x| attention(x, teacher.clone()));
        check_gradient(&wave(96, 0.7), [2, 4, 6, 2], |x| attention(x, teacher.clone()));
        let teacher = floats(&wave(36, 1.3), [2, 2, 3, 3]);
        check_finite(&[0.0; 24], [2, 2, 3, 2], |x| attention(x, teacher.clone()));
        // One of the two pictures.
        let mut half = wave(24, 0.7);
        half[12..].fill(0.0);
        let slope = gradient(floats(&half, [2, 2, 3, 2]), |x| attention(x, teacher.clone()));
        assert!(slope[..12].iter().any(|&g| g != 0.0) && slope[12..].iter().all(|&g| g == 0.0));
    }

    #[test]
    fn other_pictures_and_other_proportions_are_refused() {
        let text = refusal(attention(floats(&[0.0; 2], [2, 1, 1, 1]), floats(&[0.0; 3], [3, 1, 1, 1])));
        assert!(text.starts_with("AT: the student gives [2, 1, 1, 1] and the teacher [3, 1, 1, 1]"), "{text}");
        let text = refusal(attention(floats(&[0.0; 2], [1, 2, 1, 1]), floats(&[0.0; 2], [1, 1, 2, 1])));
        assert!(text.starts_with("AT: the student gives [1, 2, 1, 1] and the teacher [1, 1, 2, 1]"), "{text}");
    }
}
