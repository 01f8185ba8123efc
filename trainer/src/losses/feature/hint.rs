//! Hints: Romero et al. 2015, FitNets: Hints for Thin Deep Nets (ICLR).

use burn::tensor::Tensor;

use super::sizes::aligned;
use crate::losses::error::LossError;

const NAME: &str = "FitNet hint";

/// The mean of (s − t)² over all values of the maps `[batch, height, width, channels]`. s is the student's map after the
/// regressor. Equation 3 of the paper has half the sum; the usual weight of 100 belongs to this mean.
pub fn hint(student: Tensor<4>, teacher: Tensor<4>) -> Result<Tensor<1>, LossError> {
    let (student, teacher) = aligned(NAME, student, teacher)?;
    let difference = student - teacher;
    Ok((difference.clone() * difference).mean())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_its_formula_and_vanishes_at_the_teacher() {
        // (1² + 2²)/2.
        let teacher = floats(&[0.0, 1.0], [1, 1, 2, 1]);
        close(value(hint(floats(&[1.0, 3.0], [1, 1, 2, 1]), teacher.clone())), 2.5);
        assert_eq!(value(hint(teacher.clone(), teacher)), 0.0);
    }

    #[test]
    fn gradients_are_right() {
        for shape in [[2, 2, 2, 3], [2, 4, 4, 3]] {
            let teacher = doubles(&wave(24, 1.3), [2, 2, 2, 3]);
            check_gradient(&wave(shape.iter().product(), 0.7), shape, |x| hint(x, teacher.clone()));
        }
    }

    #[test]
    fn other_channels_are_refused() {
        let text = refusal(hint(floats(&[0.0; 2], [1, 1, 1, 2]), floats(&[0.0; 3], [1, 1, 1, 3])));
        assert_eq!(
            text,
            "FitNet hint: the student gives [1, 1, 1, 2] and the teacher [1, 1, 1, 3]; bring the student to the \
             teacher's channels with a 1×1 convolution first"
        );
    }
}
