//! The kernels of aarch64: the tokens of its instruction sets, and the kernel sets that they make.
//!
//! | kernel set | boards | integer products |
//! |---|---|---|
//! | `neon` | Cortex-A53 (Pi 3, Zero 2 W), A72 (Pi 4) | SMULL, SMLAL, SADALP in `product_twos` |
//! | `neon-dotprod` | Cortex-A55, A76 (Pi 5) | SDOT by lane, in `product_lanes` |
//! | `neon-i8mm` | Cortex-A510, A710 and later | USMMLA in `product_matrix` |
//!
//! Base NEON and SDOT multiply signed bytes only: bytes are flipped (less 128) as they are read or copied, which costs one
//! operation for 16 of them. For SDOT, tensors that nothing else reads are stored as signed bytes from the start (retort's
//! `plan/signed.rs`). Depthwise convolutions of 3 × 3 and 5 × 5 have dot products of their own, `depthwise_columns` and
//! `depthwise_5x5`; without dot products they go tap by tap, in `depthwise_taps` with `three_by_three`. What writes a few channels of a vector does so in `parts`. Of the steps that are no convolutions, `steps`
//! says which do not run the portable code.
//!
//! Tiles that fill all registers are in assembly (`tile_*`), from the first load to the bytes that are written: a compiler
//! would spill some of them in every round. They read weights in order, which the hardware prefetchers of all these cores
//! follow (Cortex-A53's after three cache lines in sequence), so there is no explicit prefetch.
// Loops with indices over arrays of vectors are unrolled; iterators over them need not be inlined.
#![allow(clippy::needless_range_loop)]

mod assembly;
mod byte_floats;
mod depthwise_5x5;
mod depthwise_columns;
mod depthwise_taps;
mod elements;
mod exponential;
mod finish;
mod gather;
mod instructions;
mod lookup;
mod neon;
mod neon_f32;
mod padded;
mod parts;
mod peak;
mod pool;
mod product_lanes;
mod product_matrix;
mod product_twos;
mod rounding;
mod slide;
mod softmax;
mod softmax_int8;
mod stem;
mod steps;
mod sums_lanes;
mod sums_twos;
mod three_by_three;
mod tile_5x5;
mod tile_columns;
mod tile_f32;
mod tile_lanes;
mod tile_stem;
mod tile_taps;
mod tile_twos;

pub(crate) use exponential::apply_all as apply_exponential;

use super::Kernels;
use super::vector::{VectorKernels, VectorPacking};
use neon::{Neon, NeonDotprod, NeonI8mm};

/// `neon`, which every aarch64 processor has.
pub fn neon() -> &'static dyn Kernels {
    static SET: VectorKernels<Neon, Neon, Neon> =
        VectorKernels { int8: Neon, float: Neon, tables: Neon, packing: &VectorPacking::NEON };
    &SET
}

/// `neon-dotprod`, where the processor has it.
#[allow(unsafe_code)]
pub fn neon_dotprod() -> Option<&'static dyn Kernels> {
    // SAFETY: given out only where the processor has the instructions.
    static SET: VectorKernels<NeonDotprod, Neon, Neon> = VectorKernels {
        int8: unsafe { NeonDotprod::assume() },
        float: Neon,
        tables: Neon,
        packing: &VectorPacking::NEON_DOTPROD,
    };
    has_dotprod().then_some(&SET as _)
}

/// `neon-i8mm`, where the processor has it.
#[allow(unsafe_code)]
pub fn neon_i8mm() -> Option<&'static dyn Kernels> {
    // SAFETY: given out only where the processor has the instructions.
    static SET: VectorKernels<NeonI8mm, Neon, Neon> = VectorKernels {
        int8: unsafe { NeonI8mm::assume() },
        float: Neon,
        tables: Neon,
        packing: &VectorPacking::NEON_I8MM,
    };
    has_i8mm().then_some(&SET as _)
}

/// Whether there are byte dot products. Programs may not ask the processor, only the operating system; without one, what
/// the build was told counts.
fn has_dotprod() -> bool {
    #[cfg(any(test, feature = "std"))]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(any(test, feature = "std")))]
    return cfg!(target_feature = "dotprod");
}

/// Whether there are byte matrix products.
fn has_i8mm() -> bool {
    #[cfg(any(test, feature = "std"))]
    return std::arch::is_aarch64_feature_detected!("i8mm");
    #[cfg(not(any(test, feature = "std")))]
    return cfg!(target_feature = "i8mm");
}
