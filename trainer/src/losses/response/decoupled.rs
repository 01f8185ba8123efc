//! Decoupled knowledge distillation: Zhao et al. 2022, Decoupled Knowledge Distillation (CVPR).

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};

use super::kd::sized;
use crate::losses::error::{LossError, SAME_CLASSES, same_shape, warm};
use crate::losses::safe::divergence;

const NAME: &str = "DKD";

/// How [`decoupled`] compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoupled {
    /// α, the weight of the target class against all others.
    pub alpha: f32,
    /// β, the weight of the other classes among themselves.
    pub beta: f32,
    /// T, which both logits are divided by.
    pub temperature: f32,
    /// Whether each row of logits is standardised first; see [`standardise`](super::standardise).
    pub standardise: bool,
}

impl Default for Decoupled {
    fn default() -> Decoupled {
        Decoupled { alpha: 1.0, beta: 8.0, temperature: 4.0, standardise: false }
    }
}

/// T²·(α·KL([p, 1 − p] ‖ [q, 1 − q]) + β·KL(p̂ ‖ q̂)), mean over the pictures (equation 7): p and q are the probabilities that
/// teacher and student give the target class at temperature T, p̂ and q̂ how each divides the rest among the other classes.
///
/// `student` and `teacher` are logits `[batch, classes]`, `targets` the true classes. The authors raise the loss from 0 to its
/// full size over the first 20 of 240 epochs.
pub fn decoupled(
    student: Tensor<2>,
    teacher: Tensor<2>,
    targets: &[usize],
    options: Decoupled,
) -> Result<Tensor<1>, LossError> {
    let [batch, classes] = same_shape(NAME, &student, &teacher, SAME_CLASSES)?;
    warm(NAME, options.temperature)?;
    // With two classes p̂ and q̂ are both [1], and half of the loss is about nothing.
    if classes < 3 {
        return Err(LossError::Classes { loss: NAME, classes, needed: 3, instead: "KD" });
    }
    if targets.len() != batch {
        let (given, needed) = (vec![targets.len()], vec![batch]);
        return Err(LossError::Part { loss: NAME, part: "targets", given, needed });
    }
    if let Some(picture) = targets.iter().position(|&class| class >= classes) {
        return Err(LossError::Target { loss: NAME, picture, class: targets[picture], classes });
    }
    let device = student.device();
    let indices = |indices: Vec<i64>, columns: usize| {
        Tensor::<2, Int>::from_data(TensorData::new(indices, [batch, columns]), &device)
    };
    let target = indices(targets.iter().map(|&class| class as i64).collect(), 1);
    let others = targets.iter().flat_map(|&target| (0..classes).filter(move |&class| class != target));
    let others = indices(others.map(|class| class as i64).collect(), classes - 1);

    // ln [q, 1 − q] and ln q̂.
    let divided = |logits: Tensor<2>| {
        let logits = logits / options.temperature;
        let others = logits.clone().gather(1, others.clone());
        let sum = log_sum_exp(others.clone());
        let pair = Tensor::cat(vec![logits.gather(1, target.clone()), sum.clone()], 1);
        (log_softmax(pair, 1), others - sum)
    };
    let (student, teacher) = sized(student, teacher.detach(), options.standardise)?;
    let ((pair, rest), (teacher_pair, teacher_rest)) = (divided(student), divided(teacher));
    let on_target = divergence(teacher_pair, pair).sum() * options.alpha;
    let on_others = divergence(teacher_rest, rest).sum() * options.beta;
    Ok((on_target + on_others) * (options.temperature * options.temperature / batch as f32))
}

/// ln Σ e^z of each row: `[batch, 1]`.
fn log_sum_exp(logits: Tensor<2>) -> Tensor<2> {
    let high = logits.clone().detach().max_dim(1);
    (logits - high.clone()).exp().sum_dim(1).log() + high
}
