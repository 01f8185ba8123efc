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
