//! Rounding to bytes: half to even, exact, and in few enough instructions to be vector code.

/// 1.5 · 2²³: adding it to a float of magnitude up to 2²² rounds the float half to even, as every addition rounds, and
/// leaves the integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// How a result becomes a byte: round half to even, add the zero point, clamp.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToByte {
    /// The bounds less the zero point. Clamping to whole numbers before rounding gives what clamping after it would.
    low: f32,
    high: f32,
    zero: i32,
}

impl ToByte {
    /// For results with zero point `zero`, clamped to `low..=high`. All three lie in 0..=255.
    pub fn new(zero: i32, low: i32, high: i32) -> Self {
        ToByte { low: (low - zero) as f32, high: (high - zero) as f32, zero }
    }

    /// The byte for `value`. NaN becomes the lower bound.
    #[inline(always)]
    pub fn apply(self, value: f32) -> u8 {
        let value = if value > self.low { value } else { self.low };
        let value = if value < self.high { value } else { self.high };
        ((value + ROUNDER).to_bits() as i32).wrapping_add(self.zero) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_go_to_even_and_the_ends_saturate() {
        let byte = ToByte::new(10, 0, 255);
        let cases = [(0.5, 10), (1.5, 12), (2.5, 12), (-0.5, 10), (-1.5, 8), (-2.5, 8), (0.499_999_97, 10)];
        for (value, expected) in cases {
            assert_eq!(byte.apply(value), expected, "{value}");
        }
        let ends = [(f32::INFINITY, 255), (f32::MAX, 255), (244.5, 254), (245.5, 255), (1e9, 255), (3e9, 255)];
        for (value, expected) in ends {
            assert_eq!(byte.apply(value), expected, "{value}");
            let mirrored = ToByte::new(245, 0, 255);
            assert_eq!(mirrored.apply(-value), 255 - expected, "-{value}");
        }
        assert_eq!(byte.apply(f32::NAN), 0);
        assert_eq!(ToByte::new(128, 128, 200).apply(-3.0), 128);
        assert_eq!(ToByte::new(128, 128, 200).apply(100.0), 200);
    }

    proptest! {
        #[test]
        fn agrees_with_rounding_then_clamping(
            value in prop_oneof![-600.0f32..600.0, any::<f32>(), (-1200i32..1200).prop_map(|n| n as f32 / 2.0)],
            zero in 0i32..256, a in 0i32..256, b in 0i32..256,
        ) {
            prop_assume!(!value.is_nan());
            let (low, high) = (a.min(b), a.max(b));
            let expected = (libm::rint(f64::from(value)) + f64::from(zero)).clamp(f64::from(low), f64::from(high));
            prop_assert_eq!(f64::from(ToByte::new(zero, low, high).apply(value)), expected);
        }
    }
}
