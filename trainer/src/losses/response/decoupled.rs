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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, check_temperature, close, doubles, floats, refusal, value, wave};
    use crate::losses::response::{Kd, kd};

    fn weighed(alpha: f32, beta: f32) -> Decoupled {
        Decoupled { alpha, beta, temperature: 1.0, standardise: false }
    }

    fn logits(probabilities: [f64; 3]) -> Tensor<2> {
        floats(&probabilities.map(f64::ln), [1, 3])
    }

    #[test]
    fn it_is_its_formula() {
        let student = logits([0.5, 0.25, 0.25]);
        // KL((3/4, 1/4) ‖ (1/2, 1/2)), among the others in the first case and on the target in the second.
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        let among = decoupled(student.clone(), logits([0.5, 0.375, 0.125]), &[0], weighed(2.0, 8.0));
        close(value(among), 8.0 * expected);
        let on = decoupled(student, logits([0.75, 0.125, 0.125]), &[0], weighed(2.0, 8.0));
        close(value(on), 2.0 * expected);
    }

    #[test]
    fn it_is_kd_where_the_others_weigh_what_the_teacher_leaves_them() {
        // Equation 6: KD = TCKD + (1 − p)·NCKD, at T = 1 and at another temperature.
        let (student, teacher) = (floats(&[0.3, -0.2, 1.0], [1, 3]), floats(&[2.0, 1.0, 0.0], [1, 3]));
        for t in [1.0f32, 3.0] {
            let powers = [2.0f32, 1.0, 0.0].map(|v| (v / t).exp());
            let rest = 1.0 - powers[1] / powers.iter().sum::<f32>();
            let options = Decoupled { temperature: t, ..weighed(1.0, rest) };
            let whole = kd(student.clone(), teacher.clone(), Kd { temperature: t, standardise: false });
            close(value(decoupled(student.clone(), teacher.clone(), &[1], options)), value(whole));
        }
    }

    #[test]
    fn it_vanishes_at_the_teacher_and_wherever_the_softmax_is_the_same() {
        let teacher = [2.0, -1.0, 0.5, 0.0, 40.0, -40.0];
        for standardise in [false, true] {
            let options = Decoupled { standardise, ..Decoupled::default() };
            let shifted = teacher.map(|v| v + 1.0);
            let (teacher, shifted) = (floats(&teacher, [2, 3]), floats(&shifted, [2, 3]));
            close(value(decoupled(teacher.clone(), teacher.clone(), &[0, 1], options)), 0.0);
            assert!(value(decoupled(shifted, teacher, &[0, 1], options)).abs() < 1e-4);
        }
    }

    #[test]
    fn gradients_are_right_and_keep_their_size() {
        let teacher = doubles(&wave(12, 1.7).iter().map(|v| 3.0 * v).collect::<Vec<_>>(), [3, 4]);
        for standardise in [false, true] {
            let options = Decoupled { standardise, temperature: 2.0, ..Decoupled::default() };
            check_gradient(&wave(12, 0.9), [3, 4], |x| decoupled(x, teacher.clone(), &[3, 0, 1], options));
        }
        check_temperature(&wave(12, 0.9), [3, 4], |x, temperature| {
            decoupled(x, teacher.clone(), &[3, 0, 1], Decoupled { temperature, ..Decoupled::default() })
        });
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let (two, three) = (floats(&[0.0; 4], [2, 2]), floats(&[0.0; 6], [2, 3]));
        let text = refusal(decoupled(two.clone(), two.clone(), &[0, 1], Decoupled::default()));
        assert_eq!(text, "DKD: 2 classes, but it needs at least 3; use KD");
        let refused =
            |targets: &[usize]| refusal(decoupled(three.clone(), three.clone(), targets, Decoupled::default()));
        assert_eq!(refused(&[0]), "DKD: targets of shape [1] where [2] is needed");
        assert_eq!(refused(&[0, 3]), "DKD: picture 1 is of class 3, but there are 3 classes, from 0 on");
        let text = refusal(decoupled(three.clone(), two, &[0, 1], Decoupled::default()));
        assert!(text.starts_with("DKD: the student gives [2, 3] and the teacher [2, 2]"), "{text}");
        let cold = Decoupled { temperature: -1.0, ..Decoupled::default() };
        assert!(refusal(decoupled(three.clone(), three, &[0, 1], cold)).starts_with("DKD: the temperature is -1"));
        let empty = floats(&[], [0, 3]);
        let text = refusal(decoupled(empty.clone(), empty, &[], Decoupled::default()));
        assert!(text.starts_with("DKD: the batch is empty"), "{text}");
    }
}
