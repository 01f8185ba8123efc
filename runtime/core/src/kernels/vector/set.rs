//! A kernel set made of the vector algorithms and an instruction set's operations.

use super::{Float, Int8, Tables, VectorPacking, convolution_dynamic, convolution_f32, convolution_int8, elements};
use crate::kernels::{
    Arithmetic, DynamicConstants, KernelSet, Kernels, Packed, Packing, Parameters, Table, Work, portable,
};
use crate::plan::step::{
    BinaryF32, BinaryInt8, ConvolutionDynamic, ConvolutionF32, ConvolutionInt8, Copy, Dequantize, Fill, Gather,
    GlobalAverageInt8, Lookup, PoolF32, PoolInt8, Quantize, RangeF32, ReduceF32, ResizeF32, ResizeInt8, SoftmaxF32,
    SoftmaxInt8, Step, UnaryF32,
};

/// A kernel set: who computes on bytes, who on floats, and who puts bytes through tables.
pub struct VectorKernels<I, F, T> {
    pub int8: I,
    pub float: F,
    pub tables: T,
    pub packing: &'static VectorPacking,
}

impl<I: Int8, F: Float, T: Tables> Kernels for VectorKernels<I, F, T> {
    fn kernel_set(&self) -> KernelSet {
        self.packing.kernel_set()
    }

    fn name_of(&self, step: &Step) -> &'static str {
        match step {
            Step::ConvolutionInt8(step) => super::name_of_convolution_int8(self.int8, step),
            Step::ConvolutionDynamic(step) => super::name_of_convolution_dynamic(step),
            Step::ConvolutionF32(step) => super::name_of_convolution_f32(step),
            Step::BinaryF32(step) if super::add_f32::adds(step, F::LANES) => "vector/add_f32",
            _ => F::name_of(step).unwrap_or_else(|| portable::name_of(step)),
        }
    }

    fn peak(&self, arithmetic: Arithmetic, rounds: u32) -> u64 {
        match arithmetic {
            Arithmetic::Int8 => self.int8.peak(rounds),
            Arithmetic::F32 => super::multiply_adds(self.float, rounds),
        }
    }

    fn read(&self, memory: &[u8]) {
        super::read(self.int8, memory);
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

    fn convolution_dynamic(
        &self,
        step: &ConvolutionDynamic,
        x: &[u8],
        parameters: Parameters,
        y: &mut [i32],
        constants: DynamicConstants<'_>,
        work: Work<'_>,
    ) {
        convolution_dynamic(self.int8, self.packing, step, (x, parameters), y, constants, work);
    }

    fn range_f32(&self, step: &RangeF32, x: &[f32], y: &mut [f32]) {
        elements::range_f32(self.float, step, x, y);
    }

    fn binary_int8(&self, step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8], table: Option<&Table>) {
        elements::binary_int8(self.float, self.tables, step, a, b, y, table);
    }

    fn lookup(&self, step: &Lookup, x: Option<&[u8]>, y: &mut [u8], table: &Table) {
        elements::lookup(self.float, self.tables, step, x, y, table);
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
