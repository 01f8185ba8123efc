//! What classifiers learn from labels.

use burn::tensor::{Tensor, TensorData, activation};

/// Cross-entropy of `logits` `[batch, classes]` with the target distributions `[batch, classes]`, mean over the pictures
/// whose weight is not 0: −Σ q·ln softmax(z). With no such picture it is 0.
///
/// `weights` has one number a picture; a picture of weight 2 counts twice.
pub fn cross_entropy(logits: Tensor<2>, targets: &[f32], weights: &[f32]) -> Tensor<1> {
    let [batch, classes] = logits.dims();
    let device = logits.device();
    let total = weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let scaled: Vec<f32> = targets
        .chunks_exact(classes)
        .zip(weights)
        .flat_map(|(row, w)| row.iter().map(move |q| q * w / total))
        .collect();
    let targets = Tensor::<2>::from_data(TensorData::new(scaled, [batch, classes]), &device);
    (activation::log_softmax(logits, 1) * targets).sum().neg()
}

/// softmax(v/T) of one row.
pub fn softmax(row: &[f32], temperature: f32) -> Vec<f32> {
    let high = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = row.iter().map(|v| ((v - high) / temperature).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn logits(values: &[f32], classes: usize) -> Tensor<2> {
        let data = TensorData::new(values.to_vec(), [values.len() / classes, classes]);
        Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
    }

    #[test]
    fn cross_entropy_is_its_formula_and_passes_over_unlabelled_pictures() {
        // softmax(0, ln 3) = (1/4, 3/4).
        let z = logits(&[0.0, 3f32.ln(), 5.0, -5.0], 2);
        let loss = cross_entropy(z.clone(), &[0.0, 1.0, 0.0, 1.0], &[1.0, 0.0]);
        assert!((loss.clone().into_scalar::<f32>() - (4.0f32 / 3.0).ln()).abs() < 1e-6);
        let gradient = z.grad(&loss.backward()).expect("a leaf").into_data();
        let gradient = gradient.as_slice::<f32>().expect("floats").to_vec();
        // softmax − target for the first picture, nothing for the second.
        for (got, expected) in gradient.iter().zip([0.25, -0.25, 0.0, 0.0]) {
            assert!((got - expected).abs() < 1e-6, "{gradient:?}");
        }
        assert_eq!(cross_entropy(z, &[0.0; 4], &[0.0; 2]).into_scalar::<f32>(), 0.0);
    }
}
