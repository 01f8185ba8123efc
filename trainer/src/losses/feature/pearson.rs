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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_finite, check_gradient, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_one_less_the_correlation() {
        // About their mean, (−1, 0, 1) and (−1, 1, 0): ρ = 1/(√2·√2) = 1/2 over three pictures of one cell.
        let (student, teacher) = (floats(&[1.0, 2.0, 3.0], [3, 1, 1, 1]), floats(&[1.0, 3.0, 2.0], [3, 1, 1, 1]));
        close(value(pearson(student, teacher)), 0.5);
        // A second channel that agrees, and the mean over both.
        let student = floats(&[1.0, 0.0, 2.0, 5.0, 3.0, 1.0], [3, 1, 1, 2]);
        let teacher = floats(&[1.0, 0.0, 3.0, 10.0, 2.0, 2.0], [3, 1, 1, 2]);
        close(value(pearson(student, teacher)), 0.25);
    }

    #[test]
    fn size_and_shift_of_a_channel_do_not_matter() {
        let (student, teacher) = (floats(&wave(24, 0.7), [2, 2, 3, 2]), floats(&wave(24, 1.3), [2, 2, 3, 2]));
        let (size, shift) = (floats(&[3.0, 0.5], [1, 1, 1, 2]), floats(&[-1.0, 2.0], [1, 1, 1, 2]));
        let loss = value(pearson(student.clone(), teacher.clone()));
        close(value(pearson(student * size.clone() + shift.clone(), teacher.clone())), loss);
        assert!(value(pearson(teacher.clone() * size + shift, teacher)).abs() < 1e-5);
    }

    #[test]
    fn gradients_are_right_and_finite_where_nothing_changes() {
        let teacher = doubles(&wave(24, 1.3), [2, 2, 3, 2]);
        check_gradient(&wave(24, 0.7), [2, 2, 3, 2], |x| pearson(x, teacher.clone()));
        check_gradient(&wave(96, 0.7), [2, 4, 6, 2], |x| pearson(x, teacher.clone()));
        let teacher = floats(&wave(24, 1.3), [2, 2, 3, 2]);
        check_finite(&[0.0; 24], [2, 2, 3, 2], |x| pearson(x, teacher.clone()));
    }

    #[test]
    fn other_channels_are_refused() {
        let text = refusal(pearson(floats(&[0.0; 2], [1, 1, 1, 2]), floats(&[0.0; 3], [1, 1, 1, 3])));
        assert!(text.starts_with("PKD: the student gives [1, 1, 1, 2] and the teacher [1, 1, 1, 3]"), "{text}");
    }
}
