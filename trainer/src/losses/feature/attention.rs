//! Attention transfer: Zagoruyko and Komodakis 2017, Paying More Attention to Attention (ICLR).

use burn::tensor::Tensor;

use super::sizes::brought_together;
use crate::losses::error::LossError;
use crate::losses::safe::unit;

const NAME: &str = "AT";

/// The mean over pictures, rows and columns of (aₛ − aₜ)², where a = Q/‖Q‖₂ and Q, `[height · width]`, is the mean over the
/// channels of the squares of a map `[batch, height, width, channels]` (equation 2, with p = 2 and F²). The numbers of
/// channels may differ. Equation 2 has a sum; the usual weight of 1000 belongs to this mean.
///
/// A map that is 0 everywhere attends to nothing: a is 0, and it has no gradient.
pub fn attention(student: Tensor<4>, teacher: Tensor<4>) -> Result<Tensor<1>, LossError> {
    let (student, teacher) = brought_together(NAME, student, teacher)?;
    let attention = |map: Tensor<4>| {
        let [batch, height, width, _] = map.dims();
        unit((map.clone() * map).mean_dim(3).reshape([batch, height * width]), 1)
    };
    let difference = attention(student) - attention(teacher);
    Ok((difference.clone() * difference).mean())
}
