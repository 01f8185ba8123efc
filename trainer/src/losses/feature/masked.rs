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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, close, doubles, floats, refusal, value, wave};

    /// A generator of one channel from the taps of its windows.
    fn generator(first: [f64; 9], second: [f64; 9], biases: [f64; 2]) -> Generator {
        Generator {
            weights: [floats(&first, [9, 1]), floats(&second, [9, 1])],
            biases: biases.map(|bias| floats(&[bias], [1, 1])),
        }
    }

    fn tap(index: usize, value: f64) -> [f64; 9] {
        let mut taps = [0.0; 9];
        taps[index] = value;
        taps
    }

    #[test]
    fn it_is_its_formula_and_does_not_see_what_is_hidden() {
        let mut second = tap(4, 1.0);
        // The neighbour to the left.
        second[3] = 1.0;
        let generator = generator(tap(4, 2.0), second, [-1.0, 0.5]);
        let (teacher, mask) = (floats(&[3.0, 5.0], [1, 1, 2, 1]), floats(&[1.0, 0.0], [1, 1, 2, 1]));
        // (2, hidden) → (2·2 − 1, −1) → ReLU (3, 0) → (3 + 0.5, 0 + 3 + 0.5), so 0.5² + 1.5².
        for hidden in [3.0, 100.0] {
            let student = floats(&[2.0, hidden], [1, 1, 2, 1]);
            close(value(masked(student, teacher.clone(), mask.clone(), &generator)), 2.5);
        }
    }

    #[test]
    fn it_vanishes_where_the_generator_passes_on_the_teacher() {
        let identity = generator(tap(4, 1.0), tap(4, 1.0), [0.0; 2]);
        let teacher = floats(&[3.0, 5.0, 0.5, 0.0], [1, 2, 2, 1]);
        assert_eq!(value(masked(teacher.clone(), teacher.clone(), teacher.ones_like(), &identity)), 0.0);
    }

    #[test]
    fn gradients_of_the_student_and_the_generator_are_right() {
        let (shape, channels) = ([2, 2, 3, 2], 2);
        let (student, teacher) = (wave(24, 0.7), doubles(&wave(24, 1.3), shape));
        let mask: Vec<f64> = (0..12).map(|i| f64::from(i % 3 != 0)).collect();
        let mask = doubles(&mask, [2, 2, 3, 1]);
        let weights = [0.4, 0.9].map(|step| wave(9 * channels * channels, step));
        let biases = [wave(channels, 2.0), wave(channels, 3.0)];
        let fixed = Generator {
            weights: weights.clone().map(|values| doubles(&values, [9 * channels, channels])),
            biases: biases.clone().map(|values| doubles(&values, [1, channels])),
        };
        check_gradient(&student, shape, |x| masked(x, teacher.clone(), mask.clone(), &fixed));
        for i in 0..2 {
            let loss =
                |generator: Generator| masked(doubles(&student, shape), teacher.clone(), mask.clone(), &generator);
            check_gradient(&weights[i], [9 * channels, channels], |x| {
                let mut generator = fixed.clone();
                generator.weights[i] = x;
                loss(generator)
            });
            check_gradient(&biases[i], [1, channels], |x| {
                let mut generator = fixed.clone();
                generator.biases[i] = x;
                loss(generator)
            });
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let identity = generator(tap(4, 1.0), tap(4, 1.0), [0.0; 2]);
        let map = floats(&[0.0; 2], [1, 1, 2, 1]);
        let text = refusal(masked(map.clone(), map.clone(), floats(&[1.0], [1, 1, 1, 1]), &identity));
        assert_eq!(text, "MGD: a mask of shape [1, 1, 1, 1] where [1, 1, 2, 1] is needed");
        let wide = floats(&[0.0; 4], [1, 1, 2, 2]);
        let text = refusal(masked(wide.clone(), wide.clone(), map.clone(), &identity));
        assert_eq!(text, "MGD: a generator's weight of shape [9, 1] where [18, 2] is needed");
        let text = refusal(masked(map.clone(), wide, map, &identity));
        assert!(text.starts_with("MGD: the student gives [1, 1, 2, 1] and the teacher [1, 1, 2, 2]"), "{text}");
    }
}
