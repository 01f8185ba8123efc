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
