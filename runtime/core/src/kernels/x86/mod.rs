//! The kernels of x86-64: the tokens of its instruction sets, and the kernel sets that they make.
//!
//! | kernel set | bytes | floats |
//! |---|---|---|
//! | `avx512-vnni` | [`Avx512Vnni`](avx512::Avx512Vnni) | the same |
//! | `avx-vnni` | [`AvxVnni`](ymm::AvxVnni), or [`Avx512Ymm`](ymm::Avx512Ymm) where the processor only has the longer encoding | [`Avx2`](ymm::Avx2) |
//! | `avx2` | [`Avx2`](ymm::Avx2) | the same |

mod avx512;
mod avx512_f32;
mod cpu;
mod ymm;
mod ymm_f32;

use super::vector::{Float, Int8, VectorPacking, convolution_f32, convolution_int8};
use super::{KernelSet, Kernels, Packed, Packing, Table, Work};
use crate::plan::step::{ConvolutionF32, ConvolutionInt8};
use avx512::Avx512Vnni;
use ymm::{Avx2, Avx512Ymm, AvxVnni};

/// A kernel set: who computes on bytes, and who on floats.
struct X86<I, F> {
    int8: I,
    float: F,
    packing: &'static VectorPacking,
}

impl<I: Int8, F: Float> Kernels for X86<I, F> {
    fn kernel_set(&self) -> KernelSet {
        self.packing.kernel_set()
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
        convolution_int8(self.int8, self.packing, step, x, y, packed, table, work);
    }

    fn convolution_f32(&self, step: &ConvolutionF32, x: &[f32], y: &mut [f32], packed: Packed<'_>, work: Work<'_>) {
        convolution_f32(self.float, self.packing, step, x, y, packed, work);
    }
}

/// `avx2`, where the processor has it.
#[allow(unsafe_code)]
pub fn avx2() -> Option<&'static dyn Kernels> {
    // SAFETY: given out only where the processor has the instructions.
    static SET: X86<Avx2, Avx2> =
        X86 { int8: unsafe { Avx2::assume() }, float: unsafe { Avx2::assume() }, packing: &VectorPacking::AVX2 };
    cpu::features().avx2.then_some(&SET as _)
}

/// `avx-vnni`, where the processor has it in either encoding.
#[allow(unsafe_code)]
pub fn avx_vnni() -> Option<&'static dyn Kernels> {
    // SAFETY: each is given out only where the processor has the instructions.
    static SHORT: X86<AvxVnni, Avx2> =
        X86 { int8: unsafe { AvxVnni::assume() }, float: unsafe { Avx2::assume() }, packing: &VectorPacking::AVX_VNNI };
    // SAFETY: as above.
    static LONG: X86<Avx512Ymm, Avx2> = X86 {
        int8: unsafe { Avx512Ymm::assume() },
        float: unsafe { Avx2::assume() },
        packing: &VectorPacking::AVX_VNNI,
    };
    match cpu::features() {
        features if features.avx_vnni => Some(&SHORT),
        features if features.avx512_vnni => Some(&LONG),
        _ => None,
    }
}

/// `avx512-vnni`, where the processor has it.
#[allow(unsafe_code)]
pub fn avx512_vnni() -> Option<&'static dyn Kernels> {
    // SAFETY: given out only where the processor has the instructions.
    static SET: X86<Avx512Vnni, Avx512Vnni> = X86 {
        int8: unsafe { Avx512Vnni::assume() },
        float: unsafe { Avx512Vnni::assume() },
        packing: &VectorPacking::AVX512_VNNI,
    };
    cpu::features().avx512_vnni.then_some(&SET as _)
}
