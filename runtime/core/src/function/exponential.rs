//! exp, and sigmoid and tanh made from it, without branches, so that loops over them become vector code.
//!
//! exp(x) = 2ⁿ · exp(r) with n = round(x / ln 2) and r = x − n · ln 2, |r| ≤ ln 2 / 2. The polynomials were fitted to the
//! least relative error over their interval (3·10⁻⁹ and 4·10⁻⁹), below what f32 resolves.

/// Adding it rounds a float of up to 2²² to an integer, which then stands in the low bits.
pub(crate) const ROUNDER: f32 = 12_582_912.0;

/// ln 2 in two parts: the first has few enough bits that its product with n is exact.
pub(crate) const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];

/// Above it, exp is infinity.
pub(crate) const HIGHEST: f32 = 90.0;

/// Below it, exp is 0.
pub(crate) const LOWEST: f32 = -105.0;

/// (exp(r) − 1 − r) / r² over |r| ≤ ln 2 / 2, from the constant term up.
pub(crate) const EXP: [f32; 5] = [0.5, 0.166_665_18, 0.041_666_204, 0.008_368_954, 0.001_395_06];

/// (tanh(x) − x) / x³ as a polynomial of x² over |x| ≤ 0.625, from the constant term up.
const TANH: [f32; 5] = [-0.333_332_8, 0.133_314_42, -0.053_739_71, 0.020_639_08, -0.005_704_978_4];

/// The polynomial with these coefficients, constant term first.
#[inline(always)]
fn polynomial(coefficients: [f32; 5], x: f32) -> f32 {
    let [a, b, c, d, e] = coefficients;
    (((e * x + d) * x + c) * x + b) * x + a
}

/// 2ⁿ for n from −126 to 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// exp(x); infinity above and 0 below what f32 holds.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Comparisons this way round let NaN through.
    let x = if x > HIGHEST { HIGHEST } else { x };
    let x = if x < LOWEST { LOWEST } else { x };
    let rounded = x * core::f32::consts::LOG2_E + ROUNDER;
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let whole = rounded - ROUNDER;
    let r = (x - whole * LN_2[0]) - whole * LN_2[1];
    let exp_r = 1.0 + (r + r * r * polynomial(EXP, r));
    // In two factors, because 2ⁿ itself can lie outside the normal range.
    let half = n >> 1;
    exp_r * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// 1 / (1 + exp(−x)).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh(x): a polynomial near 0, where 1 − 2 / (exp(2x) + 1) would lose digits.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let near = x + x * square * polynomial(TANH, square);
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 { near } else { far.copysign(x) }
}
