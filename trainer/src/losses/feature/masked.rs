//! Masked generation: Yang et al. 2022, Masked Generative Distillation (MGD, ECCV).

use burn::tensor::Tensor;
use retort_train_ops as ops;

use super::sizes::aligned;
use crate::losses::error::{LossError, shaped};

const NAME: &str = "MGD";

/// What guesses the teacher's map from what is left of the student's: a 3×3 convolution, ReLU, and another.
#[derive(Clone, Debug)]
pub struct Generator {
    /// Of the first and the second convolution, `[9 · channels, channels]`, as [`ops::conv2d`] has them.
    pub weights: [Tensor<2>; 2],
    /// Of the first and the second convolution, `[1, channels]`.
    pub biases: [Tensor<2>; 2],
}

impl Generator {
    fn generate(&self, map: Tensor<4>) -> Tensor<4> {
        let inner = self.convolve(0, map, ops::Activation::Relu);
        self.convolve(1, inner, ops::Activation::None)
    }

    fn convolve(&self, index: usize, map: Tensor<4>, activation: ops::Activation) -> Tensor<4> {
        let bias = self.biases[index].clone().flatten::<1>(0, 1);
        let ones = bias.ones_like().detach();
        let sums = ops::conv2d(map, self.weights[index].clone(), ops::Window::square(3, 1));
        ops::scale_shift(sums, ones, bias, activation)
    }
}

/// Σ (g(m·s) − t)² / batch: from the places of the student's map that the mask m leaves, the generator g has to make the teacher's
/// whole map (section 3.1). Maps are `[batch, height, width, channels]`.
///
/// `mask` is `[batch, height, width, 1]`, of the height and width that [`common_size`](super::common_size) gives: 1 where the
/// student is seen, and 0 where it is hidden, at random; the authors hide 65 % in one-stage detectors.
pub fn masked(
    student: Tensor<4>,
    teacher: Tensor<4>,
    mask: Tensor<4>,
    generator: &Generator,
) -> Result<Tensor<1>, LossError> {
    let (student, teacher) = aligned(NAME, student, teacher)?;
    let [batch, height, width, channels] = student.dims();
    shaped(NAME, "a mask", &mask, [batch, height, width, 1])?;
    for (weight, bias) in generator.weights.iter().zip(&generator.biases) {
        shaped(NAME, "a generator's weight", weight, [9 * channels, channels])?;
        shaped(NAME, "a generator's bias", bias, [1, channels])?;
    }
    let difference = generator.generate(student * mask) - teacher;
    Ok((difference.clone() * difference).sum() / batch as f32)
}
