//! Similarities between pictures: Tung and Mori 2019, Similarity-Preserving Knowledge Distillation (ICCV).

use burn::tensor::Tensor;

use crate::losses::error::{LossError, enough, same_batch};
use crate::losses::safe::unit;

const NAME: &str = "SP";

/// ‖Gₛ − Gₜ‖²/batch² (Frobenius' norm; equation 4), where G is F·Fᵀ with each row divided by its length. F are embeddings, or
/// maps written as rows: `[batch, dims]`.
///
/// A picture whose embedding is 0 is like no other: its row is 0, and it has no gradient.
pub fn similarity(student: Tensor<2>, teacher: Tensor<2>) -> Result<Tensor<1>, LossError> {
    let batch = same_batch(NAME, &student, &teacher)?;
    enough(NAME, batch, 2)?;
    let similarities = |rows: Tensor<2>| unit(rows.clone().matmul(rows.transpose()), 1);
    let difference = similarities(student) - similarities(teacher.detach());
    Ok((difference.clone() * difference).mean())
}
