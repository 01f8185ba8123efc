//! The kernels of x86-64: the tokens of its instruction sets, and the kernel sets that they make.
//!
//! | kernel set | bytes | floats |
//! |---|---|---|
//! | `amx-int8` | [`Avx512Vnni`](avx512::Avx512Vnni) with [`Tiles`](amx::Tiles) | [`Avx512Vnni`](avx512::Avx512Vnni) |
//! | `avx512-vnni` | [`Avx512Vnni`](avx512::Avx512Vnni) | the same |
//! | `avx-vnni` | [`AvxVnni`](ymm::AvxVnni), or [`Avx512Ymm`](ymm::Avx512Ymm) where the processor only has the longer encoding | [`Avx2`](ymm::Avx2) |
//! | `avx2` | [`Avx2`](ymm::Avx2) | the same |
// Loops with indices over arrays of vectors are unrolled; iterators over them need not be inlined.
#![allow(clippy::needless_range_loop)]

mod add;
mod amx;
mod avx512;
mod avx512_f32;
mod cpu;
mod lookup;
mod pairs;
mod stack;
mod ymm;
mod ymm_f32;

use super::Kernels;
use super::vector::{VectorKernels, VectorPacking};
use amx::Tiles;
use avx512::Avx512Vnni;
use lookup::Avx512Vbmi;
use ymm::{Avx2, Avx512Ymm, AvxVnni};

/// `avx2`, where the processor has it.
#[allow(unsafe_code)]
pub fn avx2() -> Option<&'static dyn Kernels> {
    // SAFETY: given out only where the processor has the instructions.
    const ISA: Avx2 = unsafe { Avx2::assume() };
    static SET: VectorKernels<Avx2, Avx2, Avx2> =
        VectorKernels { int8: ISA, float: ISA, tables: ISA, packing: &VectorPacking::AVX2 };
    cpu::features().avx2.then_some(&SET as _)
}

/// `avx-vnni`, where the processor has it in either encoding.
#[allow(unsafe_code)]
pub fn avx_vnni() -> Option<&'static dyn Kernels> {
    // SAFETY: each is given out only where the processor has the instructions.
    const ISA: Avx2 = unsafe { Avx2::assume() };
    // SAFETY: as above.
    static SHORT: VectorKernels<AvxVnni, Avx2, Avx2> = VectorKernels {
        int8: unsafe { AvxVnni::assume() },
        float: ISA,
        tables: ISA,
        packing: &VectorPacking::AVX_VNNI,
    };
    // SAFETY: as above.
    static LONG: VectorKernels<Avx512Ymm, Avx2, Avx2> = VectorKernels {
        int8: unsafe { Avx512Ymm::assume(None) },
        float: ISA,
        tables: ISA,
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
    // SAFETY: each is given out only where the processor has the instructions.
    const ISA: Avx512Vnni = unsafe { Avx512Vnni::assume() };
    static SET: VectorKernels<Avx512Vnni, Avx512Vnni, Avx512Vnni> =
        VectorKernels { int8: ISA, float: ISA, tables: ISA, packing: &VectorPacking::AVX512_VNNI };
    // SAFETY: as above.
    static WITH_VBMI: VectorKernels<Avx512Vnni, Avx512Vnni, Avx512Vbmi> = VectorKernels {
        int8: ISA,
        float: ISA,
        tables: unsafe { Avx512Vbmi::assume() },
        packing: &VectorPacking::AVX512_VNNI,
    };
    match cpu::features() {
        features if features.avx512_vbmi => Some(&WITH_VBMI),
        features if features.avx512_vnni => Some(&SET),
        _ => None,
    }
}

/// `amx-int8`, where the processor has it and the system permits it.
#[allow(unsafe_code)]
pub fn amx_int8() -> Option<&'static dyn Kernels> {
    // SAFETY: each is given out only where the processor has the instructions and the system permits them.
    static SET: VectorKernels<Avx512Vnni, Avx512Vnni, Avx512Vbmi> = unsafe {
        VectorKernels {
            int8: Avx512Vnni::assume().with(Tiles::assume()),
            float: Avx512Vnni::assume(),
            tables: Avx512Vbmi::assume(),
            packing: &VectorPacking::AMX_INT8,
        }
    };
    (cpu::features().amx_int8 && amx::permit()).then_some(&SET as _)
}
