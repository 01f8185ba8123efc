//! Which steps besides convolutions have code of their own.

use super::neon::Neon;
use super::{elements, exponential, pool, softmax, softmax_int8};
use crate::kernels::vector::Elements;
use crate::plan::step::{BinaryInt8, Copy, Dequantize, PoolInt8, Quantize, SoftmaxF32, SoftmaxInt8, Step, UnaryF32};

/// Runs `$run` if `$covered`, and says whether that is so.
macro_rules! if_covered {
    ($covered:expr, $run:expr) => {{
        let covered = $covered;
        if covered {
            $run;
        }
        covered
    }};
}

impl Elements for Neon {
    fn name_of(step: &Step) -> Option<&'static str> {
        match step {
            Step::BinaryInt8(step) if elements::adds(step) => Some("aarch64/elements (add)"),
            Step::UnaryF32(step) if exponential::is_covered(step) => Some("aarch64/exponential"),
            Step::Quantize(step) if elements::quantizes(step) => Some("aarch64/elements (quantize)"),
            Step::Dequantize(step) if elements::dequantizes(step) => Some("aarch64/elements (dequantize)"),
            Step::Copy(step) if elements::copies_halves(step) => Some("aarch64/elements (copy_halves)"),
            Step::PoolInt8(step) if pool::is_covered(step) => Some("aarch64/pool"),
            Step::SoftmaxInt8(step) if softmax_int8::is_covered(step) => Some("aarch64/softmax_int8"),
            Step::SoftmaxF32(step) if softmax::is_covered(step) => Some("aarch64/softmax"),
            _ => None,
        }
    }

    fn binary_int8(self, step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8]) -> bool {
        if_covered!(elements::adds(step), elements::add(step, a, b, y))
    }

    fn unary_f32(self, step: &UnaryF32, x: Option<&[f32]>, y: &mut [f32]) -> bool {
        if_covered!(exponential::is_covered(step), exponential::apply(step, x, y))
    }

    fn quantize(self, step: &Quantize, x: &[f32], y: &mut [u8]) -> bool {
        if_covered!(elements::quantizes(step), elements::quantize(step, x, y))
    }

    fn dequantize(self, step: &Dequantize, x: &[u8], y: &mut [f32]) -> bool {
        if_covered!(elements::dequantizes(step), elements::dequantize(step, x, y))
    }

    fn copy(self, step: &Copy, x: &[u8], y: &mut [u8]) -> bool {
        if_covered!(elements::copies_halves(step), elements::copy_halves(step, x, y))
    }

    fn pool_int8(self, step: &PoolInt8, x: &[u8], y: &mut [u8]) -> bool {
        if_covered!(pool::is_covered(step), pool::pool(step, x, y))
    }

    fn softmax_f32(self, step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) -> bool {
        if_covered!(softmax::is_covered(step), softmax::softmax(step, x, y))
    }
    fn softmax_int8(self, step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) -> bool {
        if_covered!(softmax_int8::is_covered(step), softmax_int8::softmax(step, x, y, table))
    }
}
