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
/// second mean (section 3.2 and 3.3). Both are logits `[batch, classes]`.
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
