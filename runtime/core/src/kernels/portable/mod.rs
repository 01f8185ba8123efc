//! The portable kernels: plain Rust that compilers turn into vector code, and the truth for every other kernel set.

mod binary;
pub(super) mod convolution_dynamic;
pub(super) mod convolution_f32;
pub(super) mod convolution_int8;
mod copy;
#[cfg(test)]
pub(super) mod element_tests;
pub(super) mod geometry;
#[cfg(test)]
mod image_tests;
mod layout;
mod matmul;
mod peak;
mod pool;
mod product;
mod product_int8;
mod range;
mod reduce;
mod resize;
mod rounding;
mod rows;
mod softmax;
#[cfg(test)]
mod tensor_tests;
mod unary;
mod walk;

pub use binary::{binary_f32, binary_int8};
pub use convolution_dynamic::convolution_dynamic;
pub use copy::{copy, fill, gather};
pub use matmul::matmul_f32;
pub use peak::{peak, read};
#[cfg(target_arch = "aarch64")]
pub(super) use pool::{EachPlaces, Places, for_each_places};
pub use pool::{global_average_int8, pool_f32, pool_int8};
pub use range::range_f32;
pub use reduce::reduce_f32;
pub use resize::{resize_f32, resize_int8};
#[cfg(target_arch = "aarch64")]
pub(super) use softmax::{Exponentials, divide};
pub use softmax::{softmax_f32, softmax_int8};
pub use unary::{ByteRows, Entries, dequantize, lookup, lookup_by, quantize, unary_f32};
pub(super) use walk::Walk;

use super::{KernelSet, Kernels, Packed, Table, Work};
use crate::plan::step::{ConvolutionF32, ConvolutionInt8, Step};

/// The file under `kernels/` whose function of this module runs `step`. A step that the host runs has none.
pub fn name_of(step: &Step) -> &'static str {
    match step {
        Step::ConvolutionInt8(_) => "portable/convolution_int8",
        Step::ConvolutionF32(_) => "portable/convolution_f32",
        Step::ConvolutionDynamic(_) => "portable/convolution_dynamic",
        Step::BinaryInt8(_) | Step::BinaryF32(_) => "portable/binary",
        Step::UnaryF32(_) | Step::Lookup(_) | Step::Quantize(_) | Step::QuantizeDynamic(_) | Step::Dequantize(_) => {
            "portable/unary"
        }
        Step::RangeF32(_) => "portable/range",
        Step::Copy(_) | Step::Fill(_) | Step::Gather(_) => "portable/copy",
        Step::PoolInt8(_) | Step::GlobalAverageInt8(_) | Step::PoolF32(_) => "portable/pool",
        Step::ResizeInt8(_) | Step::ResizeF32(_) => "portable/resize",
        Step::SoftmaxF32(_) | Step::SoftmaxInt8(_) => "portable/softmax",
        Step::ReduceF32(_) => "portable/reduce",
        Step::MatMulF32(_) => "portable/matmul",
        Step::External(_) => "host",
    }
}

/// The portable kernel set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Kernels for Portable {
    fn kernel_set(&self) -> KernelSet {
        KernelSet::Portable
    }

    fn convolution_int8(
        &self,
        step: &ConvolutionInt8,
        x: &[u8],
        y: &mut [u8],
        packed: Packed<'_>,
        table: Option<&Table>,
        work: Work<'_>,
    ) {
        convolution_int8::convolution_int8(step, x, y, packed, table, work.scratch);
    }

    fn convolution_f32(&self, step: &ConvolutionF32, x: &[f32], y: &mut [f32], packed: Packed<'_>, work: Work<'_>) {
        convolution_f32::convolution_f32(step, x, y, packed, work.scratch);
    }
}
