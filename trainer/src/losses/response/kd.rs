//! Knowledge distillation: Hinton, Vinyals and Dean 2015, section 2.

use burn::tensor::{Tensor, activation::log_softmax};

use super::standardise;
use crate::losses::error::{LossError, SAME_CLASSES, same_shape, warm};
use crate::losses::safe::divergence;

const NAME: &str = "KD";

/// How [`kd`] compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kd {
    /// T, which both logits are divided by.
    pub temperature: f32,
    /// Whether each row of logits is standardised first; see [`standardise`].
    pub standardise: bool,
}

impl Default for Kd {
    fn default() -> Kd {
        Kd { temperature: 4.0, standardise: false }
    }
}

/// T²·KL(softmax(v/T) ‖ softmax(z/T)), mean over the pictures. z are the student's and v the teacher's logits, both
/// `[batch, classes]`. The factor T² keeps the gradient's size the same whatever the temperature.
pub fn kd(student: Tensor<2>, teacher: Tensor<2>, options: Kd) -> Result<Tensor<1>, LossError> {
    let [batch, _] = same_shape(NAME, &student, &teacher, SAME_CLASSES)?;
    let temperature = options.temperature;
    warm(NAME, temperature)?;
    let (student, teacher) = sized(student, teacher.detach(), options.standardise)?;
    let (q, p) = (log_softmax(student / temperature, 1), log_softmax(teacher / temperature, 1));
    Ok(divergence(p, q).sum() * (temperature * temperature / batch as f32))
}

/// Both logits, standardised if that is asked for.
pub(super) fn sized(
    student: Tensor<2>,
    teacher: Tensor<2>,
    standardised: bool,
) -> Result<(Tensor<2>, Tensor<2>), LossError> {
    if standardised { Ok((standardise(student)?, standardise(teacher)?)) } else { Ok((student, teacher)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{
        check_gradient, check_temperature, close, doubles, floats, gradient, refusal, value, wave,
    };

    fn at(temperature: f32) -> Kd {
        Kd { temperature, ..Kd::default() }
    }

    #[test]
    fn it_is_its_formula() {
        let three = 3f64.ln();
        // q = (1/4, 3/4) and p = (1/2, 1/2): KL = ln(2)/2 + ln(2/3)/2 = ln(4/3)/2. The second picture is at the teacher, and
        // the mean over both is half of that.
        let one = kd(floats(&[0.0, three, 7.0, 7.0], [2, 2]), floats(&[0.0; 4], [2, 2]), at(1.0));
        close(value(one), (4f64 / 3.0).ln() / 4.0);
        // Logits twice as large at T = 2 are the same distributions, and T² = 4.
        let two = kd(floats(&[0.0, 2.0 * three, 7.0, 7.0], [2, 2]), floats(&[0.0; 4], [2, 2]), at(2.0));
        close(value(two), (4f64 / 3.0).ln());
    }

    #[test]
    fn it_vanishes_at_the_teacher_and_wherever_the_softmax_is_the_same() {
        let teacher = [2.0, -1.0, 0.5];
        for t in [1.0, 4.0, 20.0] {
            close(value(kd(floats(&teacher, [1, 3]), floats(&teacher, [1, 3]), at(t))), 0.0);
            let shifted = teacher.map(|v| v + 10.0);
            assert!(value(kd(floats(&shifted, [1, 3]), floats(&teacher, [1, 3]), at(t))).abs() < 1e-4);
        }
        // Standardised, logits of another size are the same, too.
        let options = Kd { standardise: true, ..Kd::default() };
        let larger = teacher.map(|v| 3.0 * v - 1.0);
        assert!(value(kd(floats(&larger, [1, 3]), floats(&teacher, [1, 3]), options)) < 1e-5);
        assert!(value(kd(floats(&larger, [1, 3]), floats(&teacher, [1, 3]), Kd::default())) > 0.1);
    }

    #[test]
    fn gradients_are_right_and_keep_their_size() {
        let teacher = wave(12, 1.7).iter().map(|v| 3.0 * v).collect::<Vec<_>>();
        let teacher = doubles(&teacher, [3, 4]);
        for standardise in [false, true] {
            let options = Kd { temperature: 2.5, standardise };
            check_gradient(&wave(12, 0.9), [3, 4], |x| kd(x, teacher.clone(), options));
        }
        check_temperature(&wave(12, 0.9), [3, 4], |x, t| kd(x, teacher.clone(), at(t)));
        // At high temperature it is (z − v)/classes, both with their means taken away (equation 4).
        let slope =
            gradient(doubles(&[1.0, 0.0, -1.0], [1, 3]), |x| kd(x, doubles(&[2.0, -1.0, 0.5], [1, 3]), at(2000.0)));
        for (got, expected) in slope.iter().zip([(1.0 - 1.5) / 3.0, 1.5 / 3.0, -1.0 / 3.0]) {
            assert!((got - expected).abs() < 1e-3, "{got} {expected}");
        }
    }

    #[test]
    fn the_teacher_gets_no_gradient_and_improbable_classes_do_no_harm() {
        let z = floats(&[0.0, 1.0], [1, 2]).require_grad();
        let v = floats(&[1.0, 0.0], [1, 2]).require_grad();
        let loss = kd(z.clone(), v.clone(), at(1.0)).expect("a loss");
        let gradients = loss.backward();
        assert!(z.grad(&gradients).is_some() && v.grad(&gradients).is_none());
        // e^-2000 is 0 in f32, and its logarithm is not needed.
        close(value(kd(floats(&[0.0, 0.0], [1, 2]), floats(&[2000.0, 0.0], [1, 2]), at(1.0))), 2f64.ln());
        close(value(kd(floats(&[2000.0, 0.0], [1, 2]), floats(&[2000.0, 0.0], [1, 2]), at(1.0))), 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let (two, three) = (floats(&[0.0; 4], [2, 2]), floats(&[0.0; 6], [2, 3]));
        assert!(
            refusal(kd(two.clone(), three, at(1.0))).starts_with("KD: the student gives [2, 2] and the teacher [2, 3]")
        );
        assert!(refusal(kd(two.clone(), two.clone(), at(0.0))).starts_with("KD: the temperature is 0"));
        let empty = floats(&[], [0, 2]);
        assert!(refusal(kd(empty.clone(), empty, at(1.0))).starts_with("KD: the batch is empty ([0, 2])"));
    }
}
