//! Kernels: what an instruction set offers to run the steps of a plan.
//!
//! A kernel set is a layout of packed weights together with the code that reads it. [`Packing`] is the layout and works
//! on any machine; [`Kernels`] is the code, and who holds one may run it. [`portable()`] is always there and defines what
//! every other kernel set must compute, byte for byte in integers. A kernel set need only write the convolutions; the
//! other steps fall back to the portable code.
//!
//! | folder | what it holds |
//! |---|---|
//! | `portable` | plain Rust for any processor: the truth |
//! | `vector` | the fast algorithms, written once over the few vector operations they need |
//! | `x86` | those operations in AVX512-VNNI, AVX-VNNI and AVX2, products on tiles in AMX, and which of them this processor has |
//! | `aarch64` | those operations in NEON, and int8 products of its own for each of base NEON, SDOT and USMMLA |

#[cfg(target_endian = "big")]
compile_error!("plans are little-endian, and kernels read their words in place");

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(test)]
mod convolution_dynamic_tests;
#[cfg(test)]
mod convolution_tests;
#[cfg(test)]
mod element_tests;
#[cfg(test)]
mod name_tests;
mod packing;
mod parallel;
mod peak;
pub mod portable;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::apply_exponential;
pub use packing::{
    Chains, ConvolutionShape, DynamicConstants, IntegerWeights, Packed, PackedLen, PackedMut, Packing, Parameters,
};
pub use parallel::{Alone, Parallel, Work};
pub use peak::Arithmetic;

use crate::plan::record::numbered;
use crate::plan::step::{
    BinaryF32, BinaryInt8, ConvolutionDynamic, ConvolutionF32, ConvolutionInt8, Copy, Dequantize, Fill, Gather,
    GlobalAverageInt8, Lookup, MatMulF32, PoolF32, PoolInt8, Quantize, QuantizeDynamic, RangeF32, ReduceF32, ResizeF32,
    ResizeInt8, SoftmaxF32, SoftmaxInt8, Step, UnaryF32,
};

/// The kernel sets that a plan can be packed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelSet {
    /// Plain Rust, for any processor.
    #[default]
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with byte dot products on 256-bit vectors: AVX-VNNI, or AVX512-VNNI with AVX512-VL.
    AvxVnni,
    /// x86-64 with byte dot products on 512-bit vectors.
    Avx512Vnni,
    /// The same, with products on tiles where the processor has AMX-INT8.
    AmxInt8,
    /// aarch64 as it always is: NEON.
    Neon,
    /// aarch64 with byte dot products (`FEAT_DotProd`).
    NeonDotprod,
    /// aarch64 with byte matrix products (`FEAT_I8MM`).
    NeonI8mm,
}
numbered!(KernelSet, "kernel set": 0 => Portable, 1 => Avx2, 2 => AvxVnni, 3 => Avx512Vnni, 4 => Neon, 5 => NeonDotprod, 6 => NeonI8mm, 7 => AmxInt8);

impl KernelSet {
    /// Every kernel set that this build knows; of those for the same processors, the slowest first.
    pub const ALL: &'static [KernelSet] = &[
        KernelSet::Portable,
        KernelSet::Avx2,
        KernelSet::AvxVnni,
        KernelSet::Avx512Vnni,
        KernelSet::AmxInt8,
        KernelSet::Neon,
        KernelSet::NeonDotprod,
        KernelSet::NeonI8mm,
    ];

    /// The fastest kernel set that this processor and build can run.
    pub fn best() -> KernelSet {
        (KernelSet::ALL.iter().rev().copied().find(|&set| select(set).is_some())).unwrap_or_default()
    }

    /// The name by which users choose it.
    pub fn name(self) -> &'static str {
        match self {
            KernelSet::Portable => "portable",
            KernelSet::Avx2 => "avx2",
            KernelSet::AvxVnni => "avx-vnni",
            KernelSet::Avx512Vnni => "avx512-vnni",
            KernelSet::AmxInt8 => "amx-int8",
            KernelSet::Neon => "neon",
            KernelSet::NeonDotprod => "neon-dotprod",
            KernelSet::NeonI8mm => "neon-i8mm",
        }
    }
}

impl core::fmt::Display for KernelSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// A 256-byte table that maps each stored byte to another.
pub type Table = [u8; 256];

/// The code of a kernel set, one method a kind of step.
///
/// Every slice begins at the operand's first element and ends with its furthest one, as the step's shapes and strides
/// say; [`Plan::check`](crate::plan::Plan::check) saw to it that they agree with each other and with the blobs. An input
/// of `None` stands for the output's own place.
pub trait Kernels: Sync {
    /// Which kernel set this is, and so how the weights of a plan must be packed for it.
    fn kernel_set(&self) -> KernelSet;

    /// Where the code is that runs `step`: a file under `kernels/` without its ending, and where that file has several
    /// ways, which of them in parentheses. It is written beside the choice itself, and lists the same cases.
    fn name_of(&self, step: &Step) -> &'static str {
        portable::name_of(step)
    }

    /// Multiplies and adds as fast as this kernel set's instructions can, `rounds` times the same amount, with operands in
    /// registers or next to them. Returns how many multiply-accumulates that were; timed, it gives the peak.
    fn peak(&self, arithmetic: Arithmetic, rounds: u32) -> u64 {
        portable::peak(arithmetic, rounds)
    }

    /// Reads `memory` from its start to its end as kernels read, up to a remainder of less than 512 bytes; timed, it gives
    /// the bandwidth of whatever holds the memory.
    fn read(&self, memory: &[u8]) {
        portable::read(memory);
    }

    /// See [`ConvolutionInt8`].
    fn convolution_int8(
        &self,
        step: &ConvolutionInt8,
        x: &[u8],
        y: &mut [u8],
        packed: Packed<'_>,
        table: Option<&Table>,
        work: Work<'_>,
    );

    /// See [`ConvolutionF32`].
    fn convolution_f32(&self, step: &ConvolutionF32, x: &[f32], y: &mut [f32], packed: Packed<'_>, work: Work<'_>);

    /// See [`BinaryInt8`].
    fn binary_int8(&self, step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8], table: Option<&Table>) {
        portable::binary_int8(step, a, b, y, table);
    }

    /// See [`BinaryF32`].
    fn binary_f32(&self, step: &BinaryF32, a: &[f32], b: &[f32], y: &mut [f32]) {
        portable::binary_f32(step, a, b, y);
    }

    /// See [`UnaryF32`].
    fn unary_f32(&self, step: &UnaryF32, x: Option<&[f32]>, y: &mut [f32]) {
        portable::unary_f32(step, x, y);
    }

    /// See [`Lookup`].
    fn lookup(&self, step: &Lookup, x: Option<&[u8]>, y: &mut [u8], table: &Table) {
        portable::lookup(step, x, y, table);
    }

    /// See [`Quantize`].
    fn quantize(&self, step: &Quantize, x: &[f32], y: &mut [u8]) {
        portable::quantize(step, x, y);
    }

    /// See [`Dequantize`].
    fn dequantize(&self, step: &Dequantize, x: &[u8], y: &mut [f32]) {
        portable::dequantize(step, x, y);
    }

    /// See [`Copy`](struct@Copy).
    fn copy(&self, step: &Copy, x: &[u8], y: &mut [u8]) {
        portable::copy(step, x, y);
    }

    /// See [`Fill`].
    fn fill(&self, step: &Fill, y: &mut [u8]) {
        portable::fill(step, y);
    }

    /// See [`Gather`].
    fn gather(&self, step: &Gather, x: &[u8], y: &mut [u8], indices: &[u32]) {
        portable::gather(step, x, y, indices);
    }

    /// See [`PoolInt8`].
    fn pool_int8(&self, step: &PoolInt8, x: &[u8], y: &mut [u8]) {
        portable::pool_int8(step, x, y);
    }

    /// See [`GlobalAverageInt8`].
    fn global_average_int8(&self, step: &GlobalAverageInt8, x: &[u8], y: &mut [u8]) {
        portable::global_average_int8(step, x, y);
    }

    /// See [`PoolF32`].
    fn pool_f32(&self, step: &PoolF32, x: &[f32], y: &mut [f32]) {
        portable::pool_f32(step, x, y);
    }

    /// See [`ResizeInt8`]; `rows` and `columns` hold the records' words.
    fn resize_int8(&self, step: &ResizeInt8, x: &[u8], y: &mut [u8], rows: &[u32], columns: &[u32]) {
        portable::resize_int8(step, x, y, rows, columns);
    }

    /// See [`ResizeF32`]; `rows` and `columns` hold the records' words.
    fn resize_f32(&self, step: &ResizeF32, x: &[f32], y: &mut [f32], rows: &[u32], columns: &[u32]) {
        portable::resize_f32(step, x, y, rows, columns);
    }

    /// See [`SoftmaxF32`].
    fn softmax_f32(&self, step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) {
        portable::softmax_f32(step, x, y);
    }

    /// See [`SoftmaxInt8`].
    fn softmax_int8(&self, step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) {
        portable::softmax_int8(step, x, y, table);
    }

    /// See [`ReduceF32`].
    fn reduce_f32(&self, step: &ReduceF32, x: &[f32], y: &mut [f32]) {
        portable::reduce_f32(step, x, y);
    }

    /// See [`MatMulF32`].
    fn matmul_f32(&self, step: &MatMulF32, a: &[f32], b: &[f32], y: &mut [f32]) {
        portable::matmul_f32(step, a, b, y);
    }

    /// See [`RangeF32`].
    fn range_f32(&self, step: &RangeF32, x: &[f32], y: &mut [f32]) {
        portable::range_f32(step, x, y);
    }

    /// See [`QuantizeDynamic`].
    fn quantize_dynamic(&self, step: &QuantizeDynamic, x: &[f32], parameters: Parameters, y: &mut [u8]) {
        let &QuantizeDynamic { extent, x: from, y: to, .. } = step;
        let Parameters { scale, zero } = parameters;
        self.quantize(&Quantize { extent, x: from, y: to, scale, zero: zero.into() }, x, y);
    }

    /// See [`ConvolutionDynamic`]; `y` holds i32, or the bits of floats.
    fn convolution_dynamic(
        &self,
        step: &ConvolutionDynamic,
        x: &[u8],
        parameters: Parameters,
        y: &mut [i32],
        constants: DynamicConstants<'_>,
        work: Work<'_>,
    ) {
        portable::convolution_dynamic(step, x, parameters, y, constants, work.scratch);
    }
}

/// The portable kernels.
pub fn portable() -> &'static dyn Kernels {
    &portable::Portable
}

/// The layouts of a kernel set, whatever this processor can run.
pub fn packing(set: KernelSet) -> &'static dyn Packing {
    match set {
        KernelSet::Portable => &portable::Portable,
        KernelSet::Avx2 => &vector::VectorPacking::AVX2,
        KernelSet::AvxVnni => &vector::VectorPacking::AVX_VNNI,
        KernelSet::Avx512Vnni => &vector::VectorPacking::AVX512_VNNI,
        KernelSet::AmxInt8 => &vector::VectorPacking::AMX_INT8,
        KernelSet::Neon => &vector::VectorPacking::NEON,
        KernelSet::NeonDotprod => &vector::VectorPacking::NEON_DOTPROD,
        KernelSet::NeonI8mm => &vector::VectorPacking::NEON_I8MM,
    }
}

/// The kernels of a set, `None` where this processor or build cannot run them.
pub fn select(set: KernelSet) -> Option<&'static dyn Kernels> {
    match set {
        KernelSet::Portable => Some(portable()),
        #[cfg(target_arch = "x86_64")]
        KernelSet::Avx2 => x86::avx2(),
        #[cfg(target_arch = "x86_64")]
        KernelSet::AvxVnni => x86::avx_vnni(),
        #[cfg(target_arch = "x86_64")]
        KernelSet::Avx512Vnni => x86::avx512_vnni(),
        #[cfg(target_arch = "x86_64")]
        KernelSet::AmxInt8 => x86::amx_int8(),
        #[cfg(not(target_arch = "x86_64"))]
        KernelSet::Avx2 | KernelSet::AvxVnni | KernelSet::Avx512Vnni | KernelSet::AmxInt8 => None,
        #[cfg(target_arch = "aarch64")]
        KernelSet::Neon => Some(aarch64::neon()),
        #[cfg(target_arch = "aarch64")]
        KernelSet::NeonDotprod => aarch64::neon_dotprod(),
        #[cfg(target_arch = "aarch64")]
        KernelSet::NeonI8mm => aarch64::neon_i8mm(),
        #[cfg(not(target_arch = "aarch64"))]
        KernelSet::Neon | KernelSet::NeonDotprod | KernelSet::NeonI8mm => None,
    }
}
