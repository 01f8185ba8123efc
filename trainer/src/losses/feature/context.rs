//! The global context block: Cao et al. 2019, GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond.

use burn::tensor::{Tensor, activation::softmax};
use retort_train_ops as ops;

use crate::losses::error::{LossError, shaped};

/// Of layer normalisation, added to the variance.
const EPSILON: f64 = 1e-5;

/// Parameters of a block that adds to every place of a map what the whole map is about. `inner` is the number of channels in
/// between, half of those of the map in FGD.
#[derive(Clone, Debug)]
pub struct ContextBlock {
    /// What makes a place matter, W_k: `[channels, 1]`. It needs no bias, which would not change the softmax over places.
    pub attention: Tensor<2>,
    /// From channels to fewer, W_v1: `[channels, inner]`.
    pub squeeze: Tensor<2>,
    /// `[1, inner]`.
    pub squeeze_bias: Tensor<2>,
    /// Of layer normalisation, γ: `[1, inner]`.
    pub scale: Tensor<2>,
    /// Of layer normalisation, β: `[1, inner]`.
    pub shift: Tensor<2>,
    /// Back to all channels, W_v2: `[inner, channels]`.
    pub expand: Tensor<2>,
    /// `[1, channels]`.
    pub expand_bias: Tensor<2>,
}

impl ContextBlock {
    /// Refuses parameters that do not fit to maps of so many channels.
    pub(super) fn check(&self, loss: &'static str, channels: usize) -> Result<(), LossError> {
        let inner = self.squeeze.dims()[1].max(1);
        shaped(loss, "a context block's attention", &self.attention, [channels, 1])?;
        shaped(loss, "a context block's squeeze", &self.squeeze, [channels, inner])?;
        shaped(loss, "a context block's squeeze bias", &self.squeeze_bias, [1, inner])?;
        shaped(loss, "a context block's scale", &self.scale, [1, inner])?;
        shaped(loss, "a context block's shift", &self.shift, [1, inner])?;
        shaped(loss, "a context block's expand", &self.expand, [inner, channels])?;
        shaped(loss, "a context block's expand bias", &self.expand_bias, [1, channels])
    }

    /// F + W_v2·ReLU(LN(W_v1·Σ softmax(W_k·F)·F)), the sum and the softmax over the places of a map
    /// `[batch, height, width, channels]`.
    pub(super) fn apply(&self, map: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, channels] = map.dims();
        let places = map.clone().reshape([batch, height * width, channels]);
        let scores = ops::conv2d(map.clone(), self.attention.clone(), ops::Window::square(1, 1));
        let shares = softmax(scores.reshape([batch, 1, height * width]), 2);
        let context = shares.matmul(places).reshape([batch, channels]);
        let inner = linear(context, &self.squeeze, &self.squeeze_bias);
        let centred = inner.clone() - inner.mean_dim(1);
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        let normal = centred / (variance + EPSILON).sqrt() * self.scale.clone() + self.shift.clone();
        let added = linear(normal.clamp_min(0.0), &self.expand, &self.expand_bias);
        map + added.reshape([batch, 1, 1, channels])
    }
}

fn linear(x: Tensor<2>, weight: &Tensor<2>, bias: &Tensor<2>) -> Tensor<2> {
    ops::linear(x, weight.clone(), Some(bias.clone().flatten::<1>(0, 1)), ops::Activation::None)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::losses::check::{close, doubles, floats, refusal, wave};

    /// A block of any numbers.
    pub fn block(channels: usize, inner: usize, step: f64) -> ContextBlock {
        let tensor =
            |index: usize, shape: [usize; 2]| doubles(&wave(shape[0] * shape[1], step + index as f64 * 0.37), shape);
        ContextBlock {
            attention: tensor(0, [channels, 1]),
            squeeze: tensor(1, [channels, inner]),
            squeeze_bias: tensor(2, [1, inner]),
            scale: tensor(3, [1, inner]),
            shift: tensor(4, [1, inner]),
            expand: tensor(5, [inner, channels]),
            expand_bias: tensor(6, [1, channels]),
        }
    }

    #[test]
    fn it_adds_what_the_map_is_about_to_every_place() {
        let block = ContextBlock {
            attention: floats(&[0.0, 3f64.ln()], [2, 1]),
            squeeze: floats(&[1.0, 0.0, 0.0, 1.0], [2, 2]),
            squeeze_bias: floats(&[0.0, 1.0], [1, 2]),
            scale: floats(&[1.0, 2.0], [1, 2]),
            shift: floats(&[3.0, 0.5], [1, 2]),
            expand: floats(&[1.0, 2.0, 3.0, 4.0], [2, 2]),
            expand_bias: floats(&[0.0, -1.0], [1, 2]),
        };
        // The second place matters three times as much: (1, 0)/4 + (5, 1)·3/4 = (4, 3/4). With the bias (4, 7/4), whose
        // deviations are ±9/8: (1, −1), and (1·1 + 3, −1·2 + 1/2) = (4, −3/2). ReLU leaves (4, 0), which becomes
        // (4·1, 4·2 − 1) = (4, 7).
        let sum = block.apply(floats(&[1.0, 0.0, 5.0, 1.0], [1, 1, 2, 2])).try_to_vec_as::<f64>().expect("numbers");
        for (got, expected) in sum.iter().zip([5.0, 7.0, 9.0, 8.0]) {
            close(*got, expected);
        }
    }

    #[test]
    fn parameters_of_another_shape_are_refused() {
        assert_eq!(block(4, 2, 0.5).check("FGD", 4), Ok(()));
        let text = refusal(block(4, 2, 0.5).check("FGD", 3));
        assert_eq!(text, "FGD: a context block's attention of shape [4, 1] where [3, 1] is needed");
        let odd = ContextBlock { shift: doubles(&[0.0; 3], [1, 3]), ..block(4, 2, 0.5) };
        assert_eq!(refusal(odd.check("FGD", 4)), "FGD: a context block's shift of shape [1, 3] where [1, 2] is needed");
    }
}
