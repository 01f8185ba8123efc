//! Scalar functions of one float: activations, and whatever else maps each element by itself.
//!
//! The same definition serves the f32 steps and the 256-entry tables that replace these functions in int8.

/// A function applied to every element.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Function {
    /// x
    #[default]
    Identity,
    /// min(max(x, low), high); ReLU is low 0 and high infinity, ReLU6 has high 6.
    Clamp {
        /// The lower bound.
        low: f32,
        /// The upper bound.
        high: f32,
    },
    /// x where x ≥ 0, else slope · x.
    LeakyRelu {
        /// The factor for negative elements.
        slope: f32,
    },
    /// max(0, min(1, slope · x + offset)).
    HardSigmoid {
        /// The factor of x.
        slope: f32,
        /// What is added to it.
        offset: f32,
    },
    /// x · max(0, min(1, x / 6 + 1/2)).
    HardSwish,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// x · sigmoid(x), also called swish.
    Silu,
    /// tanh(x).
    Tanh,
    /// exp(x).
    Exp,
    /// ln(x).
    Log,
    /// √x.
    Sqrt,
    /// |x|.
    Abs,
    /// −x.
    Negate,
    /// 1 / x.
    Reciprocal,
    /// The error function.
    Erf,
    /// x where x ≥ 0, else slope · (exp(x) − 1).
    Elu {
        /// The factor for negative elements.
        slope: f32,
    },
    /// ln(1 + exp(x)).
    Softplus,
    /// The largest integer not above x.
    Floor,
    /// The smallest integer not below x.
    Ceil,
    /// The nearest integer, ties to even.
    Round,
}
