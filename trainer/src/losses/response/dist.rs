//! Relations instead of values: Huang et al. 2022, Knowledge Distillation from A Stronger Teacher (DIST, NeurIPS).

use burn::tensor::{Tensor, activation::softmax};

use crate::losses::error::{LossError, SAME_CLASSES, enough, same_shape, warm};
use crate::losses::safe::standing_out;

const NAME: &str = "DIST";

/// How [`dist`] compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dist {
    /// β, the weight of how a picture's probabilities relate over the classes ("inter-class").
    pub inter: f32,
    /// γ, the weight of how a class's probabilities relate over the pictures of the batch ("intra-class").
    pub intra: f32,
    /// T, which both logits are divided by.
    pub temperature: f32,
}

impl Default for Dist {
    fn default() -> Dist {
        Dist { inter: 1.0, intra: 1.0, temperature: 1.0 }
    }
}

/// T²·(β·mean over pictures of (1 − ρ) + γ·mean over classes of (1 − ρ)): ρ is Pearson's correlation of the student's with
/// the teacher's probabilities, over the classes of one picture in the first and over the pictures of one class in the
/// second mean (section 3). Both are logits `[batch, classes]`. The factor T² is the authors'; other than in KD it makes the
/// gradient grow, since ρ does not shrink with the temperature.
///
/// A row or column in which all probabilities are alike correlates with nothing: it counts as ρ = 0 and has no gradient. A
/// batch of one picture is refused unless γ is 0.
pub fn dist(student: Tensor<2>, teacher: Tensor<2>, options: Dist) -> Result<Tensor<1>, LossError> {
    let [batch, classes] = same_shape(NAME, &student, &teacher, SAME_CLASSES)?;
    let temperature = options.temperature;
    warm(NAME, temperature)?;
    if classes < 2 {
        return Err(LossError::Classes { loss: NAME, classes, needed: 2, instead: "a loss on features" });
    }
    enough(NAME, batch, if options.intra == 0.0 { 1 } else { 2 })?;
    let (q, p) = (softmax(student / temperature, 1), softmax(teacher.detach() / temperature, 1));
    let apart = |axis: usize, vectors: usize| {
        let correlations = standing_out(q.clone(), axis) * standing_out(p.clone(), axis);
        correlations.sum() / -(vectors as f32) + 1.0
    };
    let mut loss = apart(1, batch) * options.inter;
    if options.intra != 0.0 {
        loss = loss + apart(0, classes) * options.intra;
    }
    Ok(loss * (temperature * temperature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, close, doubles, floats, gradient, refusal, value, wave};

    fn logits<const N: usize>(probabilities: [f64; N], shape: [usize; 2]) -> Tensor<2> {
        floats(&probabilities.map(f64::ln), shape)
    }

    #[test]
    fn it_is_its_formula() {
        // About their mean of 1/3, (−1, 0, 1)/6 and (−1, 1, 0)/6: ρ = 1/(√2·√2) = 1/2.
        let one = Dist { intra: 0.0, ..Dist::default() };
        let (student, teacher) = (logits([1.0, 2.0, 3.0], [1, 3]), logits([1.0, 3.0, 2.0], [1, 3]));
        close(value(dist(student.clone(), teacher.clone(), one)), 0.5);
        // T² = 4, for the same distributions.
        let warm = Dist { temperature: 2.0, ..one };
        close(value(dist(student * 2.0, teacher * 2.0, warm)), 2.0);
        // Over the classes ρ is 1 for the first and −1 for the second picture, over the pictures −1 for both classes:
        // (0 + 2)/2 = 1, and (2 + 2)/2 = 2.
        let (student, teacher) = (logits([0.25, 0.75, 0.75, 0.25], [2, 2]), logits([0.4, 0.6, 0.1, 0.9], [2, 2]));
        let weights = Dist { inter: 10.0, intra: 1.0, temperature: 1.0 };
        close(value(dist(student, teacher, weights)), 10.0 + 2.0);
    }

    #[test]
    fn it_vanishes_wherever_probabilities_are_a_line_of_the_teachers() {
        let teacher = floats(&wave(12, 1.7), [3, 4]);
        assert!(value(dist(teacher.clone(), teacher.clone(), Dist::default())).abs() < 1e-5);
        assert!(value(dist(teacher.clone() + 5.0, teacher, Dist::default())).abs() < 1e-5);
        // q = 1/4 + (p − 1/4)/2 in every picture, a student half as sure.
        let (sure, unsure) =
            ([0.7, 0.1, 0.1, 0.1, 0.1, 0.4, 0.3, 0.2], [0.475, 0.175, 0.175, 0.175, 0.175, 0.325, 0.275, 0.225]);
        assert!(value(dist(logits(unsure, [2, 4]), logits(sure, [2, 4]), Dist::default())).abs() < 1e-5);
    }

    #[test]
    fn gradients_are_right_and_there_is_none_where_all_are_alike() {
        let teacher = doubles(&wave(12, 1.7).iter().map(|v| 3.0 * v).collect::<Vec<_>>(), [3, 4]);
        let options = Dist { inter: 1.5, intra: 0.5, temperature: 2.0 };
        check_gradient(&wave(12, 0.9), [3, 4], |x| dist(x, teacher.clone(), options));
        let teacher = floats(&wave(15, 1.7), [5, 3]);
        assert_eq!(gradient(floats(&[0.3; 15], [5, 3]), |x| dist(x, teacher.clone(), Dist::default())), [0.0; 15]);
        close(value(dist(floats(&[0.3; 15], [5, 3]), teacher, Dist::default())), 2.0);
        // A class that nobody believes in.
        let (low, teacher) = ([0.0, 1.0, -300.0, 1.0, 0.0, -300.0], floats(&wave(6, 1.7), [2, 3]));
        let slope = gradient(floats(&low, [2, 3]), |x| dist(x, teacher.clone(), Dist::default()));
        assert!(slope.iter().all(|g| g.is_finite()), "{slope:?}");
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let one = floats(&[0.0; 3], [1, 3]);
        let text = refusal(dist(one.clone(), one.clone(), Dist::default()));
        assert!(text.starts_with("DIST: a batch of 1, but it compares 2 pictures"), "{text}");
        assert!(dist(one.clone(), one.clone(), Dist { intra: 0.0, ..Dist::default() }).is_ok());
        let text = refusal(dist(one.clone(), floats(&[0.0; 2], [1, 2]), Dist::default()));
        assert!(text.starts_with("DIST: the student gives [1, 3] and the teacher [1, 2]"), "{text}");
        let single = floats(&[0.0; 2], [2, 1]);
        assert!(refusal(dist(single.clone(), single, Dist::default())).starts_with("DIST: 1 classes"));
        let cold = Dist { temperature: 0.0, ..Dist::default() };
        assert!(refusal(dist(one.clone(), one, cold)).starts_with("DIST: the temperature is 0"));
        let empty = floats(&[], [0, 3]);
        assert!(refusal(dist(empty.clone(), empty, Dist::default())).starts_with("DIST: the batch is empty"));
    }
}
