//! Channel-wise distillation: Shu et al. 2021, Channel-wise Knowledge Distillation for Dense Prediction (ICCV).

use burn::tensor::{Tensor, activation::log_softmax};

use super::sizes::aligned;
use crate::losses::error::{LossError, warm};
use crate::losses::safe::divergence;

const NAME: &str = "CWD";

/// T²·KL(softmax(t/T) ‖ softmax(s/T)), mean over pictures and channels: each channel of a map `[batch, height, width, channels]`
/// is a distribution over its places (section 3.2). The authors take T = 4; on class maps detectors have done well with
/// T = 5, on features with T = 1.
pub fn channels(student: Tensor<4>, teacher: Tensor<4>, temperature: f32) -> Result<Tensor<1>, LossError> {
    warm(NAME, temperature)?;
    let (student, teacher) = aligned(NAME, student, teacher)?;
    let [batch, height, width, channels] = student.dims();
    let places = |map: Tensor<4>| log_softmax(map.reshape([batch, height * width, channels]) / temperature, 1);
    let sum = divergence(places(teacher), places(student)).sum();
    Ok(sum * (temperature * temperature / (batch * channels) as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, check_temperature, close, doubles, floats, refusal, value, wave};

    #[test]
    fn it_is_its_formula() {
        let three = 3f64.ln();
        // The first channel is (1/4, 3/4) against (1/2, 1/2): ln(4/3)/2; the second is at the teacher. Mean over both.
        let student = floats(&[0.0, 5.0, three, 5.0], [1, 1, 2, 2]);
        let teacher = floats(&[0.0; 4], [1, 1, 2, 2]);
        close(value(channels(student.clone(), teacher.clone(), 1.0)), (4f64 / 3.0).ln() / 4.0);
        close(value(channels(student * 2.0, teacher, 2.0)), (4f64 / 3.0).ln());
    }

    #[test]
    fn it_vanishes_wherever_a_channel_is_the_teachers_shifted() {
        let teacher = floats(&wave(24, 1.3), [2, 2, 3, 2]);
        let shift = floats(&[4.0, -2.0], [1, 1, 1, 2]);
        assert!(value(channels(teacher.clone(), teacher.clone(), 4.0)).abs() < 1e-5);
        assert!(value(channels(teacher.clone() + shift, teacher, 4.0)).abs() < 1e-5);
    }

    #[test]
    fn gradients_are_right_and_keep_their_size() {
        let teacher = doubles(&wave(24, 1.3), [2, 2, 3, 2]);
        check_gradient(&wave(24, 0.7), [2, 2, 3, 2], |x| channels(x, teacher.clone(), 1.5));
        check_gradient(&wave(48, 0.7), [2, 4, 3, 2], |x| channels(x, teacher.clone(), 1.0));
        check_temperature(&wave(24, 0.7), [2, 2, 3, 2], |x, t| channels(x, teacher.clone(), t));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let (one, two) = (floats(&[0.0; 4], [1, 2, 2, 1]), floats(&[0.0; 8], [1, 2, 2, 2]));
        assert!(refusal(channels(one.clone(), two, 1.0)).starts_with("CWD: the student gives [1, 2, 2, 1]"));
        assert!(refusal(channels(one.clone(), one, f32::NAN)).starts_with("CWD: the temperature is NaN"));
    }
}
