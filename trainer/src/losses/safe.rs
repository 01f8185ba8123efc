//! Arithmetic that several losses share, with values and gradients that are finite wherever the input is.

use burn::tensor::{Bool, Tensor};

/// Vectors shorter than this have no direction.
const SHORT: f64 = 1e-8;

/// Vectors of probabilities that differ by less than this have none either. Below it, the inverse cube of a length, which
/// the gradient needs, would leave the range of f32.
const EVEN: f64 = 1e-12;

/// Deviations from the mean below this share of the values are rounding.
const ROUNDING: f64 = 1e-6;

/// x/‖x‖₂ along `axis`. Vectors without a length become 0 and pass no gradient on.
pub(super) fn unit<const D: usize>(x: Tensor<D>, axis: usize) -> Tensor<D> {
    let squares = (x.clone() * x.clone()).sum_dim(axis);
    let short = squares.clone().detach().lower_equal_elem(SHORT * SHORT);
    shortened(x, squares, short)
}

/// (x − mean)/‖x − mean‖₂ along `axis`: vectors whose products are Pearson's correlations. Where all values are alike it is 0
/// and passes no gradient on.
pub(super) fn standing_out<const D: usize>(x: Tensor<D>, axis: usize) -> Tensor<D> {
    let size = x.clone().detach();
    let floor = (size.clone() * size).sum_dim(axis) * (ROUNDING * ROUNDING) + EVEN * EVEN;
    let centred = x.clone() - x.mean_dim(axis);
    let squares = (centred.clone() * centred.clone()).sum_dim(axis);
    let even = squares.clone().detach().lower_equal(floor);
    shortened(centred, squares, even)
}

/// x/√squares, and 0 where `none` says so. Of the two masks the first keeps the gradient finite, the second stops it.
fn shortened<const D: usize>(x: Tensor<D>, squares: Tensor<D>, none: Tensor<D, Bool>) -> Tensor<D> {
    x * squares.mask_fill(none.clone(), 1.0).sqrt().recip().mask_fill(none, 0.0)
}

/// √squares, and 0 without a gradient where `none` says so.
pub(super) fn root<const D: usize>(squares: Tensor<D>, none: Tensor<D, Bool>) -> Tensor<D> {
    squares.mask_fill(none.clone(), 1.0).sqrt().mask_fill(none, 0.0)
}

/// The summands of KL(p ‖ q), p·(ln p − ln q), from the logarithms.
pub(super) fn divergence<const D: usize>(log_p: Tensor<D>, log_q: Tensor<D>) -> Tensor<D> {
    log_p.clone().exp() * (log_p - log_q)
}

/// Huber's function with δ = 1: d²/2 where |d| < 1, and |d| − 1/2 elsewhere.
pub(super) fn smooth_l1<const D: usize>(difference: Tensor<D>) -> Tensor<D> {
    let size = difference.abs();
    let inner = size.clone().clamp_max(1.0);
    inner.clone() * (size - inner * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{close, doubles, gradient, wave};

    #[test]
    fn vectors_without_a_length_have_neither_direction_nor_gradient() {
        let rows = [3.0, 4.0, 0.0, 0.0];
        let unit = |x: Tensor<2>| unit(x, 1);
        let got = unit(doubles(&rows, [2, 2])).try_to_vec_as::<f64>().expect("numbers");
        assert_eq!(got, [0.6, 0.8, 0.0, 0.0]);
        let slope = gradient(doubles(&rows, [2, 2]), |x| Ok((unit(x) * doubles(&[1.0, 0.0], [1, 2])).sum()));
        // d(x/r) = (y²/r³, −xy/r³).
        for (got, expected) in slope.iter().zip([16.0 / 125.0, -12.0 / 125.0, 0.0, 0.0]) {
            close(*got, expected);
        }
    }

    #[test]
    fn values_that_differ_by_rounding_are_all_alike() {
        let rows = [1.0, 2.0, 3.0, 1.0, 1.0 + 1e-9, 1.0];
        let got = standing_out(doubles(&rows, [2, 3]), 1).try_to_vec_as::<f64>().expect("numbers");
        for (got, expected) in got.iter().zip([-0.5f64.sqrt(), 0.0, 0.5f64.sqrt(), 0.0, 0.0, 0.0]) {
            close(*got, expected);
        }
        let slope =
            gradient(doubles(&rows, [2, 3]), |x| Ok((standing_out(x, 1) * doubles(&wave(6, 1.0), [2, 3])).sum()));
        assert_eq!(slope[3..], [0.0; 3]);
    }

    #[test]
    fn smooth_l1_is_a_parabola_between_straight_lines() {
        let sizes = doubles(&[0.0, 0.5, -1.0, 2.0, -3.0], [5]);
        let got = smooth_l1(sizes.clone()).try_to_vec_as::<f64>().expect("numbers");
        assert_eq!(got, [0.0, 0.125, 0.5, 1.5, 2.5]);
        assert_eq!(gradient(sizes, |x| Ok(smooth_l1(x).sum())), [0.0, 0.5, -1.0, 1.0, -1.0]);
    }
}
