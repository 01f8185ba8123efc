//! Scalar functions of one float: activations, and whatever else maps each element by itself.
//!
//! The same definition serves the f32 steps and the 256-entry tables that replace these functions in int8.
//! [`Function::apply`] is the reference, for single elements; [`Function::apply_all`] computes the usual activations
//! of a whole slice faster.

pub(crate) mod exponential;

use exponential::{exp, sigmoid, tanh};

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

impl Function {
    /// The function's value at `x`.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Function::Identity => x,
            Function::Clamp { low, high } => clamp(x, low, high),
            Function::LeakyRelu { slope } => leaky(x, slope),
            Function::HardSigmoid { slope, offset } => clamp(slope * x + offset, 0.0, 1.0),
            Function::HardSwish => hard_swish(x),
            Function::Sigmoid => 1.0 / (1.0 + libm::expf(-x)),
            Function::Silu => x / (1.0 + libm::expf(-x)),
            Function::Tanh => libm::tanhf(x),
            Function::Exp => libm::expf(x),
            Function::Log => libm::logf(x),
            Function::Sqrt => sqrt(x),
            Function::Abs => x.abs(),
            Function::Negate => -x,
            Function::Reciprocal => 1.0 / x,
            Function::Erf => libm::erff(x),
            Function::Elu { slope } => {
                if x >= 0.0 {
                    x
                } else {
                    slope * libm::expm1f(x)
                }
            }
            // max(x, 0) taken out, so that exp cannot overflow.
            Function::Softplus => clamp(x, 0.0, f32::INFINITY) + libm::log1pf(libm::expf(-x.abs())),
            Function::Floor => libm::floorf(x),
            Function::Ceil => libm::ceilf(x),
            Function::Round => libm::rintf(x),
        }
    }

    /// Replaces every element by the function's value, within a few units in the last place of [`apply`](Self::apply).
    ///
    /// On x86-64 it is compiled for the instruction set of each of its callers; elsewhere, where there is but one, once: that is
    /// less code, and its constants have all registers.
    #[cfg_attr(target_arch = "x86_64", inline(always))]
    #[cfg_attr(not(target_arch = "x86_64"), inline(never))]
    pub fn apply_all(self, values: &mut [f32]) {
        #[cfg(target_arch = "aarch64")]
        if crate::kernels::apply_exponential(self, values) {
            return;
        }
        /// A loop whose body the compiler sees, so that it can be vectorised. No closure: one that is not inlined would be
        /// compiled without the instruction set that the caller is compiled for.
        macro_rules! each {
            (|$x:ident| $value:expr) => {
                for value in values.iter_mut() {
                    let $x = *value;
                    *value = $value;
                }
            };
        }
        match self {
            Function::Identity => {}
            Function::Clamp { low, high } => each!(|x| clamp(x, low, high)),
            Function::LeakyRelu { slope } => each!(|x| leaky(x, slope)),
            Function::HardSigmoid { slope, offset } => each!(|x| clamp(slope * x + offset, 0.0, 1.0)),
            Function::HardSwish => each!(|x| hard_swish(x)),
            Function::Sigmoid => each!(|x| sigmoid(x)),
            Function::Silu => each!(|x| x * sigmoid(x)),
            Function::Tanh => each!(|x| tanh(x)),
            Function::Exp => each!(|x| exp(x)),
            Function::Sqrt => each!(|x| sqrt(x)),
            Function::Abs => each!(|x| x.abs()),
            Function::Negate => each!(|x| -x),
            Function::Reciprocal => each!(|x| 1.0 / x),
            other => each!(|x| other.apply(x)),
        }
    }

    /// Replaces the first `channels` elements of every pixel; pixels lie `stride` elements apart. Compiled as
    /// [`apply_all`](Self::apply_all) is.
    #[cfg_attr(target_arch = "x86_64", inline(always))]
    #[cfg_attr(not(target_arch = "x86_64"), inline(never))]
    pub fn apply_to_pixels(self, values: &mut [f32], stride: usize, channels: usize) {
        match channels {
            _ if stride == channels => self.apply_all(values),
            1..=4 => self.apply_to_few::<4>(values, stride, channels),
            5..=8 => self.apply_to_few::<8>(values, stride, channels),
            9..=15 => self.apply_to_few::<16>(values, stride, channels),
            _ => self.apply_to_each(values, stride, channels),
        }
    }

    /// As [`apply_to_pixels`](Self::apply_to_pixels), pixel by pixel.
    #[inline(always)]
    fn apply_to_each(self, values: &mut [f32], stride: usize, channels: usize) {
        for pixel in values.chunks_mut(stride) {
            let len = channels.min(pixel.len());
            self.apply_all(&mut pixel[..len]);
        }
    }

    /// As [`apply_to_pixels`](Self::apply_to_pixels), of at most N channels. Those of some pixels are brought together and taken
    /// apart again, N elements at a time, which is a copy that a compiler knows the length of; what is behind a pixel's channels
    /// is overwritten by the next pixel there, and here by what it was.
    #[inline(always)]
    fn apply_to_few<const N: usize>(self, values: &mut [f32], stride: usize, channels: usize) {
        const PIXELS: usize = 16;
        let mut of_channels = [[0u32; N]; PIXELS];
        for pixel in &mut of_channels {
            pixel[..channels].fill(u32::MAX);
        }
        let mut rest = values;
        while let Some(some) = rest.get_mut(..(PIXELS - 1) * stride + N).filter(|_| stride >= N) {
            let mut before = [[0.0; N]; PIXELS];
            for (pixel, from) in before.iter_mut().zip(some.chunks(stride)) {
                *pixel = from.first_chunk().copied().unwrap_or([0.0; N]);
            }
            let mut together = [[0.0; N]; PIXELS + 1];
            let together = together.as_flattened_mut();
            for (index, pixel) in before.iter().enumerate() {
                together[index * channels..][..N].copy_from_slice(pixel);
            }
            self.apply_all(&mut together[..PIXELS * channels]);
            let mut after = before;
            for (index, pixel) in after.iter_mut().enumerate() {
                pixel.copy_from_slice(&together[index * channels..][..N]);
            }
            let masks = of_channels.as_flattened().iter();
            for ((after, before), mask) in after.as_flattened_mut().iter_mut().zip(before.as_flattened()).zip(masks) {
                *after = f32::from_bits(after.to_bits() & mask | before.to_bits() & !mask);
            }
            for (pixel, to) in after.iter().zip(some.chunks_mut(stride)) {
                if let Some(to) = to.first_chunk_mut() {
                    *to = *pixel;
                }
            }
            let done = rest.len().min(PIXELS * stride);
            rest = &mut rest[done..];
        }
        self.apply_to_each(rest, stride, channels);
    }
}

/// min(max(x, low), high) in two comparisons; NaN stays NaN.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// √x, rounded correctly: where there is an operating system, in an instruction that compilers know.
#[inline(always)]
fn sqrt(x: f32) -> f32 {
    #[cfg(any(test, feature = "std"))]
    return x.sqrt();
    #[cfg(not(any(test, feature = "std")))]
    return libm::sqrtf(x);
}

#[inline(always)]
fn leaky(x: f32, slope: f32) -> f32 {
    if x >= 0.0 { x } else { slope * x }
}

#[inline(always)]
fn hard_swish(x: f32) -> f32 {
    x * clamp(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every function, with constants that models use.
    const ALL: [Function; 20] = [
        Function::Identity,
        Function::Clamp { low: 0.0, high: 6.0 },
        Function::LeakyRelu { slope: 0.1 },
        Function::HardSigmoid { slope: 0.2, offset: 0.5 },
        Function::HardSwish,
        Function::Sigmoid,
        Function::Silu,
        Function::Tanh,
        Function::Exp,
        Function::Log,
        Function::Sqrt,
        Function::Abs,
        Function::Negate,
        Function::Reciprocal,
        Function::Erf,
        Function::Elu { slope: 1.0 },
        Function::Softplus,
        Function::Floor,
        Function::Ceil,
        Function::Round,
    ];

    #[test]
    fn values_known_by_hand() {
        let at = |function: Function, x: f32| function.apply(x);
        assert_eq!(at(Function::Clamp { low: 0.0, high: 6.0 }, 7.0), 6.0);
        assert_eq!(at(Function::Clamp { low: 0.0, high: f32::INFINITY }, -7.0), 0.0);
        assert_eq!(at(Function::LeakyRelu { slope: 0.5 }, -2.0), -1.0);
        assert_eq!(at(Function::HardSigmoid { slope: 0.25, offset: 0.5 }, 1.0), 0.75);
        assert_eq!((at(Function::HardSwish, 3.0), at(Function::HardSwish, -3.0)), (3.0, 0.0));
        assert_eq!((at(Function::Sigmoid, 0.0), at(Function::Sigmoid, f32::NEG_INFINITY)), (0.5, 0.0));
        assert_eq!((at(Function::Round, 2.5), at(Function::Round, -0.6)), (2.0, -1.0));
        assert_eq!(at(Function::Softplus, 100.0), 100.0);
        assert_eq!(at(Function::Elu { slope: 2.0 }, f32::NEG_INFINITY), -2.0);
    }

    #[test]
    fn slices_treat_the_ends_of_the_range_as_elements_do() {
        let ends = [f32::NEG_INFINITY, f32::MIN, -1e4, -104.5, -0.0, 0.0, 1e-40, 104.5, 1e4, f32::MAX, f32::INFINITY];
        for function in ALL {
            for x in ends {
                let mut values = [x];
                function.apply_all(&mut values);
                let expected = function.apply(x);
                let same = values[0] == expected || values[0].is_nan() && expected.is_nan();
                // x · sigmoid(x) of −∞ is −∞ · 0 in a product and −∞ / ∞ in a quotient: NaN in both.
                assert!(same, "{function:?} of {x}: {} instead of {expected}", values[0]);
            }
            let mut values = [f32::NAN];
            function.apply_all(&mut values);
            assert!(values[0].is_nan() == function.apply(f32::NAN).is_nan(), "{function:?} of NaN");
        }
    }

    proptest! {
        #[test]
        fn slices_agree_with_elements(x in prop_oneof![-100.0f32..100.0, -1.0f32..1.0, -1e-3f32..1e-3]) {
            for function in ALL {
                let mut values = [x; 5];
                function.apply_all(&mut values);
                let expected = function.apply(x);
                // Below the smallest normal number floats lie a fixed distance apart, of which this is three.
                let tolerance = 4e-7 * expected.abs().max(f32::MIN_POSITIVE);
                for value in values {
                    let close = (value - expected).abs() <= tolerance || value == expected;
                    prop_assert!(close || expected.is_nan() && value.is_nan(), "{:?} of {x}: {value}, {expected}", function);
                }
            }
        }

        #[test]
        fn pixels_change_in_their_channels_only(
            channels in 1usize..20,
            gap in 0usize..40,
            pixels in 1usize..40,
            // Whether elements follow the last pixel's channels.
            whole in any::<bool>(),
        ) {
            let stride = channels + gap;
            let len = if whole { pixels * stride } else { (pixels - 1) * stride + channels };
            let before: std::vec::Vec<f32> = (0..len).map(|i| (i * 37 % 200) as f32 * 0.1 - 10.0).collect();
            for function in [Function::Silu, Function::HardSwish, Function::Exp] {
                let (mut expected, mut found) = (before.clone(), before.clone());
                for pixel in expected.chunks_mut(stride) {
                    function.apply_all(&mut pixel[..channels]);
                }
                function.apply_to_pixels(&mut found, stride, channels);
                let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<std::vec::Vec<_>>();
                prop_assert_eq!(bits(&found), bits(&expected), "{:?}", function);
            }
        }
    }
}
