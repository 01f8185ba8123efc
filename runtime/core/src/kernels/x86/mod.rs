//! The kernels of x86-64: the tokens of its instruction sets, and the kernel sets that they make.
//!
//! | kernel set | bytes | floats |
//! |---|---|---|
//! | `avx512-vnni` | [`Avx512Vnni`](avx512::Avx512Vnni) | the same |
//! | `avx-vnni` | [`AvxVnni`](ymm::AvxVnni), or [`Avx512Ymm`](ymm::Avx512Ymm) where the processor only has the longer encoding | [`Avx2`](ymm::Avx2) |
//! | `avx2` | [`Avx2`](ymm::Avx2) | the same |
// Loops with indices over arrays of vectors are unrolled; iterators over them need not be inlined.
#![allow(clippy::needless_range_loop)]

mod avx512;
mod avx512_f32;
mod cpu;
mod lookup;
mod ymm;
mod ymm_f32;

use super::vector::{self, Float, Int8, Tables, VectorPacking, convolution_f32, convolution_int8, elements};
use super::{Arithmetic, KernelSet, Kernels, Packed, Packing, Table, Work, portable};
use crate::plan::step::{
    BinaryF32, BinaryInt8, ConvolutionF32, ConvolutionInt8, Copy, Dequantize, Fill, Gather, GlobalAverageInt8, Lookup,
    PoolF32, PoolInt8, Quantize, ReduceF32, ResizeF32, ResizeInt8, SoftmaxF32, SoftmaxInt8, Step, UnaryF32,
};
use avx512::Avx512Vnni;
use lookup::Avx512Vbmi;
use ymm::{Avx2, Avx512Ymm, AvxVnni};

/// A kernel set: who computes on bytes, who on floats, and who puts bytes through tables.
struct X86<I, F, T> {
    int8: I,
    float: F,
    tables: T,
    packing: &'static VectorPacking,
}

impl<I: Int8, F: Float, T: Tables> Kernels for X86<I, F, T> {
    fn kernel_set(&self) -> KernelSet {
        self.packing.kernel_set()
    }

    fn name_of(&self, step: &Step) -> &'static str {
        match step {
            Step::ConvolutionInt8(step) => vector::name_of_convolution_int8::<I>(step),
            Step::ConvolutionF32(step) => vector::name_of_convolution_f32(step),
            _ => portable::name_of(step),
        }
    }

    fn peak(&self, arithmetic: Arithmetic, rounds: u32) -> u64 {
        match arithmetic {
            Arithmetic::Int8 => vector::dots(self.int8, rounds),
            Arithmetic::F32 => vector::multiply_adds(self.float, rounds),
        }
    }

    fn read(&self, memory: &[u8]) {
        vector::read(self.int8, memory);
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
        convolution_int8(self.int8, self.tables, self.packing, step, x, y, packed, table, work);
    }

    fn convolution_f32(&self, step: &ConvolutionF32, x: &[f32], y: &mut [f32], packed: Packed<'_>, work: Work<'_>) {
        convolution_f32(self.float, self.packing, step, x, y, packed, work);
    }

    fn binary_int8(&self, step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8], table: Option<&Table>) {
        elements::binary_int8(self.tables, step, a, b, y, table);
    }

    fn lookup(&self, step: &Lookup, x: Option<&[u8]>, y: &mut [u8], table: &Table) {
        elements::lookup(self.tables, step, x, y, table);
    }

    fn binary_f32(&self, step: &BinaryF32, a: &[f32], b: &[f32], y: &mut [f32]) {
        elements::binary_f32(self.float, step, a, b, y);
    }

    fn unary_f32(&self, step: &UnaryF32, x: Option<&[f32]>, y: &mut [f32]) {
        elements::unary_f32(self.float, step, x, y);
    }

    fn quantize(&self, step: &Quantize, x: &[f32], y: &mut [u8]) {
        elements::quantize(self.float, step, x, y);
    }

    fn dequantize(&self, step: &Dequantize, x: &[u8], y: &mut [f32]) {
        elements::dequantize(self.float, step, x, y);
    }

    fn copy(&self, step: &Copy, x: &[u8], y: &mut [u8]) {
        elements::copy(self.float, step, x, y);
    }

    fn fill(&self, step: &Fill, y: &mut [u8]) {
        elements::fill(self.float, step, y);
    }

    fn gather(&self, step: &Gather, x: &[u8], y: &mut [u8], indices: &[u32]) {
        elements::gather(self.float, step, x, y, indices);
    }

    fn pool_int8(&self, step: &PoolInt8, x: &[u8], y: &mut [u8]) {
        elements::pool_int8(self.float, step, x, y);
    }

    fn global_average_int8(&self, step: &GlobalAverageInt8, x: &[u8], y: &mut [u8]) {
        elements::global_average_int8(self.float, step, x, y);
    }

    fn pool_f32(&self, step: &PoolF32, x: &[f32], y: &mut [f32]) {
        elements::pool_f32(self.float, step, x, y);
    }

    fn resize_int8(&self, step: &ResizeInt8, x: &[u8], y: &mut [u8], rows: &[u32], columns: &[u32]) {
        elements::resize_int8(self.float, step, x, y, rows, columns);
    }

    fn resize_f32(&self, step: &ResizeF32, x: &[f32], y: &mut [f32], rows: &[u32], columns: &[u32]) {
        elements::resize_f32(self.float, step, x, y, rows, columns);
    }

    fn softmax_f32(&self, step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) {
        elements::softmax_f32(self.float, step, x, y);
    }

    fn softmax_int8(&self, step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) {
        elements::softmax_int8(self.float, step, x, y, table);
    }

    fn reduce_f32(&self, step: &ReduceF32, x: &[f32], y: &mut [f32]) {
        elements::reduce_f32(self.float, step, x, y);
    }
}

/// `avx2`, where the processor has it.
#[allow(unsafe_code)]
pub fn avx2() -> Option<&'static dyn Kernels> {
    // SAFETY: given out only where the processor has the instructions.
    const ISA: Avx2 = unsafe { Avx2::assume() };
    static SET: X86<Avx2, Avx2, Avx2> = X86 { int8: ISA, float: ISA, tables: ISA, packing: &VectorPacking::AVX2 };
    cpu::features().avx2.then_some(&SET as _)
}

/// `avx-vnni`, where the processor has it in either encoding.
#[allow(unsafe_code)]
pub fn avx_vnni() -> Option<&'static dyn Kernels> {
    // SAFETY: each is given out only where the processor has the instructions.
    const ISA: Avx2 = unsafe { Avx2::assume() };
    // SAFETY: as above.
    static SHORT: X86<AvxVnni, Avx2, Avx2> =
        X86 { int8: unsafe { AvxVnni::assume() }, float: ISA, tables: ISA, packing: &VectorPacking::AVX_VNNI };
    // SAFETY: as above.
    static LONG: X86<Avx512Ymm, Avx2, Avx2> =
        X86 { int8: unsafe { Avx512Ymm::assume() }, float: ISA, tables: ISA, packing: &VectorPacking::AVX_VNNI };
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
    static SET: X86<Avx512Vnni, Avx512Vnni, Avx512Vnni> =
        X86 { int8: ISA, float: ISA, tables: ISA, packing: &VectorPacking::AVX512_VNNI };
    // SAFETY: as above.
    static WITH_VBMI: X86<Avx512Vnni, Avx512Vnni, Avx512Vbmi> =
        X86 { int8: ISA, float: ISA, tables: unsafe { Avx512Vbmi::assume() }, packing: &VectorPacking::AVX512_VNNI };
    match cpu::features() {
        features if features.avx512_vbmi => Some(&WITH_VBMI),
        features if features.avx512_vnni => Some(&SET),
        _ => None,
    }
}
