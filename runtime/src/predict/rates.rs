//! How many instructions each kind of work takes: counted, not assumed.
//!
//! The counts are of Retort's own kernels in QEMU with one virtual nanosecond an instruction, where the step times of
//! `retort bench --profile` are instruction counts, exact and the same in every run. The rates are fitted to every step of
//! networks on cortex-a72 and cortex-a76: det320, fastestdet, rfb320 and slim320 in int8, and det320, fastestdet, rfb320, NanoDet-m,
//! PicoDet-XS and YOLOX-nano in floats. When kernels change, count again and
//! correct the numbers below; nothing else here knows of them.

use super::board::Kernels;
use super::work::Kind;

/// Instructions of a kind of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// For each of [`Work::units`](super::Work::units).
    pub per_unit: f64,
    /// For each of [`Work::outputs`](super::Work::outputs): rounding, storing.
    pub per_output: f64,
}

/// Instructions that every step takes, however little it does.
pub const PER_STEP: f64 = 1_000.0;

/// Instructions for each of [`Work::functions`](super::Work::functions).
pub const PER_FUNCTION: f64 = 9.3;

/// The rate of a kind of work on a kernel set.
pub fn rate(kernels: Kernels, kind: Kind) -> Rate {
    let [per_unit, per_output] = match (kernels, kind) {
        // Multiply-accumulates of bytes.
        (Kernels::Neon, Kind::ProductInt8) => [0.183, 1.7],
        (Kernels::Neon, Kind::GeneralInt8) => [0.223, 1.8],
        (Kernels::Neon, Kind::SlidingInt8) => [0.465, 0.0],
        (Kernels::Neon, Kind::DepthwiseInt8) => [0.437, 0.0],
        (Kernels::NeonDotprod, Kind::ProductInt8) => [0.0765, 1.3],
        (Kernels::NeonDotprod, Kind::GeneralInt8) => [0.123, 0.5],
        (Kernels::NeonDotprod, Kind::SlidingInt8) => [0.325, 0.0],
        (Kernels::NeonDotprod, Kind::DepthwiseInt8) => [0.242, 0.0],
        // The rest is the same code on both.
        (_, Kind::ProductF32) => [0.291, 1.4],
        (_, Kind::GeneralF32) => [0.328, 1.6],
        (_, Kind::DepthwiseF32) => [0.405, 2.1],
        (_, Kind::BinaryInt8) => [3.0, 0.0],
        (_, Kind::BinaryF32) => [3.7, 0.0],
        (_, Kind::Lookup) => [0.9, 0.0],
        (_, Kind::Dequantize) => [1.4, 0.0],
        (_, Kind::CopyRuns) => [0.8, 0.0],
        (_, Kind::CopyElements) => [1.7, 0.0],
        (_, Kind::MaximumInt8) => [0.04, 1.2],
        (_, Kind::AverageInt8) => [1.25, 0.0],
        (_, Kind::PoolF32) => [0.4, 5.5],
        (_, Kind::ResizeNearest) => [0.8, 0.0],
        (_, Kind::SoftmaxF32) => [13.5, 0.0],
        (_, Kind::SoftmaxInt8) => [6.2, 0.0],
        (_, Kind::FunctionF32) => [9.0, 0.0],
        (_, Kind::Quantize) => [1.7, 0.0],
        (_, Kind::GlobalAverageInt8) => [1.0, 0.0],
        (_, Kind::ResizeLinear) => [4.7, 0.0],
        (_, Kind::ReduceF32) => [1.9, 0.0],
        // Not counted, but estimated from what the code does for each element.
        (_, Kind::PlainInt8) => [4.0, 20.0],
        (_, Kind::MatMulF32) => [1.0, 2.0],
        (_, Kind::SimpleF32) => [2.0, 0.0],
        (_, Kind::Fill) => [0.1, 0.0],
        (_, Kind::Gather) => [4.0, 0.0],
        // Unknown: as a multiply-accumulate of the portable code.
        (_, Kind::External) => [4.0, 20.0],
    };
    Rate { per_unit, per_output }
}
