//! The integer rules: how scales and zero points turn into the constants and tables of integer steps.
//!
//! Every rule gives the same bytes as ONNX Runtime's CPU kernels, so a model means the same here as there. All arithmetic
//! is f32 in exactly the order written, without fused multiply-add, unless a rule says otherwise; exponentials come from the
//! libm crate rather than the system, so that tables are the same wherever a plan is made. Values are in the u8
//! domain: signed ones and their zero points are shifted by 128.

use crate::graph::Table;
use crate::tensor::Quantisation;

/// QuantizeLinear: x / scale rounded half to even, plus the zero point, saturated. NaN gives the least value.
pub fn quantise(x: f32, to: Quantisation) -> u8 {
    let rounded = (x / to.scale).round_ties_even();
    // Far outside the range of bytes, but where a sum with the zero point cannot overflow.
    if rounded.is_nan() { 0 } else { (rounded.clamp(-1e6, 1e6) as i32 + to.zero_point).clamp(0, 255) as u8 }
}

/// DequantizeLinear.
pub fn dequantise(x: u8, from: Quantisation) -> f32 {
    from.real(i32::from(x))
}

/// QLinearConv's multipliers: (sx · sw) / sy for each output channel.
pub fn multipliers(x_scale: f32, weight_scales: &[f32], y_scale: f32) -> Vec<f32> {
    weight_scales.iter().map(|&w| x_scale * w / y_scale).collect()
}

/// The first output channel whose accumulator could overflow 32 bits, with the largest value it could reach: a weight is
/// multiplied with at most 255. Weights lie channel by channel, a bias to each.
pub fn overflowing(weights: &[i16], bias: &[i32]) -> Option<(usize, i64)> {
    let taps = (weights.len() / bias.len().max(1)).max(1);
    let largest = |(weights, &bias): (&[i16], &i32)| {
        255 * weights.iter().map(|&w| i64::from(w).abs()).sum::<i64>() + i64::from(bias).abs()
    };
    let reached = weights.chunks_exact(taps).zip(bias).map(largest);
    reached.enumerate().find(|&(_, largest)| largest > i64::from(i32::MAX))
}

/// The table of a function between two quantisations; also QLinearSigmoid and QLinearLeakyRelu.
pub fn table(from: Quantisation, to: Quantisation, function: impl Fn(f32) -> f32) -> Table {
    Box::new(std::array::from_fn(|byte| quantise(function(dequantise(byte as u8, from)), to)))
}

/// The logistic function, computed in f64: rounded to f32 it gives QLinearSigmoid's tables.
pub fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + libm::exp(-f64::from(x)))) as f32
}

/// The constants of QLinearAdd: factors of a and b, and what is added. The zero points count less `shift`, which is 128
/// where the model computes on signed bytes, else 0: the same numbers, but rounded differently on the way.
pub fn add_constants(a: Quantisation, b: Quantisation, y: Quantisation, shift: i32) -> (f32, f32, f32) {
    let (a_scale, b_scale) = (a.scale / y.scale, b.scale / y.scale);
    let [a_zero, b_zero, y_zero] = [a, b, y].map(|q| (q.zero_point - shift) as f32);
    (a_scale, b_scale, y_zero - (a_scale * a_zero + b_scale * b_zero))
}

/// The factor of QLinearMul.
pub fn multiply_constant(a: Quantisation, b: Quantisation, y: Quantisation) -> f32 {
    a.scale * b.scale / y.scale
}

/// QLinearMul of two stored values, by the quantisations of a, b and y: what tables of x · f(x) are made with.
pub fn multiply(a: u8, b: u8, [qa, qb, y]: [Quantisation; 3], shift: i32) -> u8 {
    let product = (i32::from(a) - qa.zero_point) * (i32::from(b) - qb.zero_point);
    byte(product as f32 * multiply_constant(qa, qb, y) + (y.zero_point - shift) as f32, shift)
}

/// QLinearAdd of two stored values, by the quantisations of a, b and y.
pub fn add(a: u8, b: u8, [qa, qb, y]: [Quantisation; 3], shift: i32) -> u8 {
    let (a_scale, b_scale, offset) = add_constants(qa, qb, y, shift);
    let [a, b] = [a, b].map(|byte| (i32::from(byte) - shift) as f32);
    byte(b * b_scale + (a * a_scale + offset), shift)
}

/// Rounded half to even, shifted, saturated.
fn byte(value: f32, shift: i32) -> u8 {
    (value.round_ties_even() + shift as f32).clamp(0.0, 255.0) as u8
}

/// QLinearGlobalAveragePool's multiplier for `n` pixels.
pub fn global_average_multiplier(x_scale: f32, y_scale: f32, n: usize) -> f32 {
    x_scale / (y_scale * n as f32)
}

/// QLinearSoftmax over rows of `len`: exp((i − 255 + shift) · scale) for i = 0..255 (in f64, then rounded to f32), where the
/// shift makes the largest possible sum just fit an f32; and the factor ⌊1 / y's scale⌋.
pub fn softmax_constants(x_scale: f32, y_scale: f32, len: usize) -> (Vec<f32>, f32) {
    let scale = f64::from(x_scale);
    let shift = (f64::from(libm::logf(f32::MAX / len as f32)) - 5.0).max(0.0) / scale;
    let table = (0..256).map(|i| libm::exp((f64::from(i) - 255.0 + shift) * scale) as f32).collect();
    (table, (1.0 / y_scale).floor())
}

/// The bounds in stored values of a real interval: clamping a stored value to them is the same as clamping the real one
/// before it is quantised, because quantising is monotone.
pub fn bounds(low: f32, high: f32, to: Quantisation) -> (u8, u8) {
    // As the float function has it, the upper bound wins.
    let high = quantise(high, to);
    (quantise(low, to).min(high), high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_rounds_half_to_even_and_saturates() {
        let q = |x: f32| quantise(x, Quantisation::UNIT);
        assert_eq!([0.5, 1.5, 2.5, -1.0, 300.0, f32::NAN, f32::INFINITY].map(q), [0, 2, 2, 0, 255, 0, 255]);
    }

    #[test]
    fn relu6_becomes_a_clamp() {
        let to = Quantisation { scale: 0.05, zero_point: 10 };
        assert_eq!(bounds(0.0, 6.0, to), (10, 130));
        assert_eq!(bounds(0.0, f32::INFINITY, to), (10, 255));
        assert_eq!(bounds(6.0, 0.0, to), (10, 10), "the upper bound wins");
    }

    #[test]
    fn accumulators_that_may_overflow_are_found() {
        // 66 311 weights of 127 times 255 just fit 31 bits; one more does not.
        let fits = vec![127; 66_311];
        assert_eq!(overflowing(&fits, &[0]), None);
        assert_eq!(overflowing(&[fits, vec![-127]].concat(), &[0]), Some((0, 66_312 * 127 * 255)));
        assert_eq!(overflowing(&[1, 1, 1, 1], &[i32::MAX - 510, i32::MIN]), Some((1, 510 + (1 << 31))));
    }

    #[test]
    fn a_table_of_the_identity_between_equal_quantisations_changes_nothing() {
        let q = Quantisation { scale: 0.037, zero_point: 91 };
        assert!(table(q, q, |x| x).iter().enumerate().all(|(i, &v)| usize::from(v) == i));
    }
}
