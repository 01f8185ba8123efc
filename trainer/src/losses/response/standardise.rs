//! Logits without their size: Sun et al. 2024, Logit Standardization in Knowledge Distillation (CVPR).

use burn::tensor::Tensor;

use crate::losses::error::{LossError, filled};

const NAME: &str = "logit standardisation";

/// Added to the variance, so that a row of equal logits has a gradient. Sun et al. add 1e-7 to the standard deviation, which
/// leaves its gradient infinite there.
const EPSILON: f64 = 1e-6;

/// (z − mean)/s of each row of `logits` `[batch, classes]`, s its standard deviation (algorithm 1 of Sun et al.), to be divided by
/// the temperature next.
///
/// s is the sample's, s² = Σ(z − mean)²/(classes − 1), as in the authors' implementation, with which their temperatures and
/// weights were chosen.
pub fn standardise(logits: Tensor<2>) -> Result<Tensor<2>, LossError> {
    let [batch, classes] = logits.dims();
    filled(NAME, &[batch, classes])?;
    if classes < 2 {
        return Err(LossError::Classes { loss: NAME, classes, needed: 2, instead: "the logits as they are" });
    }
    let centred = logits.clone() - logits.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).sum_dim(1) / (classes - 1) as f64;
    Ok(centred / (variance + EPSILON).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    use crate::losses::check::{check_finite, check_gradient, close, doubles, floats, refusal, wave};

    fn standard(logits: &[f64]) -> Vec<f64> {
        let logits = floats(logits, [logits.len() / 3, 3]);
        standardise(logits).expect("logits").try_to_vec_as::<f64>().expect("numbers")
    }

    #[test]
    fn rows_get_mean_0_and_the_deviation_of_a_sample_1() {
        // Mean 2 and s² = (1 + 0 + 1)/2 = 1; and the same, enlarged and shifted.
        for (got, expected) in standard(&[1.0, 2.0, 3.0, 15.0, 25.0, 35.0]).iter().zip([-1.0, 0.0, 1.0, -1.0, 0.0, 1.0])
        {
            close(*got, expected);
        }
    }

    #[test]
    fn gradients_are_right_and_finite_where_all_logits_are_equal() {
        let weigh = |x: Tensor<2>| {
            let weights = Tensor::from_data(TensorData::new(wave(6, 2.3), [2, 3]), (&x.device(), x.dtype()));
            Ok((standardise(x)? * weights).sum())
        };
        check_gradient(&wave(6, 0.7), [2, 3], weigh);
        check_finite(&[0.0; 6], [2, 3], weigh);
        assert_eq!(standard(&[4.0; 3]), [0.0; 3]);
    }

    #[test]
    fn one_class_is_refused() {
        let text = refusal(standardise(doubles(&[1.0], [1, 1])));
        assert!(text.starts_with("logit standardisation: 1 classes, but it needs at least 2"), "{text}");
    }
}
