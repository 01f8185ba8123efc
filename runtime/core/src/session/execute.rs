//! Handing one step to its kernel.

use super::memory::{Memory, split};
use super::{External, RunError};
use crate::kernels::{DynamicConstants, Kernels, Packed, Parallel, Parameters, Table, Work};
use crate::plan::step::Step;
use crate::plan::view::Blob;
use crate::plan::{Plan, Regions};
use bytemuck::{AnyBitPattern, cast_slice, cast_slice_mut};

/// Runs `step`, the `index`-th of `plan`, which reads and writes `regions`.
pub fn execute<B: AsRef<[u8]>>(
    plan: &Plan<B>,
    kernels: &dyn Kernels,
    parallel: &dyn Parallel,
    index: u32,
    step: &Step,
    regions: &Regions,
    arena: &mut [u8],
    external: &mut dyn External,
) -> Result<(), RunError> {
    if let Step::External(host) = step {
        let called = external.call(host.index, arena);
        return called.map_err(|_| RunError::External { step: index, index: host.index });
    }
    // The plan's check refuses steps whose operands cannot be split or whose tables have another length.
    if let Some(memory) = split(arena, plan.weights(), regions) {
        run_kernel(plan, kernels, parallel, step, memory);
    }
    Ok(())
}

fn run_kernel<B: AsRef<[u8]>>(
    plan: &Plan<B>,
    kernels: &dyn Kernels,
    parallel: &dyn Parallel,
    step: &Step,
    memory: Memory<'_>,
) {
    let Memory { inputs, output: y, scratch } = memory;
    let work = Work { scratch, parallel };
    let blob = |blob: Blob| plan.blob(blob);
    let table = |table: Blob| <&Table>::try_from(blob(table)).ok();
    let words = |words: Blob| cast_slice::<u8, u32>(blob(words));
    let packed =
        |weights, bias, multiplier| Packed { weights: blob(weights), bias: blob(bias), multiplier: blob(multiplier) };
    let [a, b] = inputs.map(Option::unwrap_or_default);
    let floats = |bytes| cast_slice::<u8, f32>(bytes);
    match step {
        Step::ConvolutionInt8(s) => {
            kernels.convolution_int8(s, a, y, packed(s.weights, s.bias, s.multiplier), table(s.table), work);
        }
        Step::ConvolutionF32(s) => {
            let packed = packed(s.weights, s.bias, Blob::default());
            kernels.convolution_f32(s, floats(a), cast_slice_mut(y), packed, work);
        }
        Step::BinaryInt8(s) => kernels.binary_int8(s, a, b, y, table(s.table)),
        Step::BinaryF32(s) => kernels.binary_f32(s, floats(a), floats(b), cast_slice_mut(y)),
        Step::UnaryF32(s) => kernels.unary_f32(s, inputs[0].map(floats), cast_slice_mut(y)),
        Step::Lookup(s) => {
            if let Some(table) = table(s.table) {
                kernels.lookup(s, inputs[0], y, table);
            }
        }
        Step::Quantize(s) => kernels.quantize(s, floats(a), y),
        Step::Dequantize(s) => kernels.dequantize(s, a, cast_slice_mut(y)),
        Step::Copy(s) => kernels.copy(s, a, y),
        Step::Fill(s) => kernels.fill(s, y),
        Step::Gather(s) => kernels.gather(s, a, y, words(s.indices)),
        Step::PoolInt8(s) => kernels.pool_int8(s, a, y),
        Step::GlobalAverageInt8(s) => kernels.global_average_int8(s, a, y),
        Step::PoolF32(s) => kernels.pool_f32(s, floats(a), cast_slice_mut(y)),
        Step::ResizeInt8(s) => kernels.resize_int8(s, a, y, words(s.rows), words(s.columns)),
        Step::ResizeF32(s) => kernels.resize_f32(s, floats(a), cast_slice_mut(y), words(s.rows), words(s.columns)),
        Step::SoftmaxF32(s) => kernels.softmax_f32(s, inputs[0].map(floats), cast_slice_mut(y)),
        Step::SoftmaxInt8(s) => {
            if let Ok(table) = floats(blob(s.table)).try_into() {
                kernels.softmax_int8(s, a, y, table);
            }
        }
        Step::ReduceF32(s) => kernels.reduce_f32(s, floats(a), cast_slice_mut(y)),
        Step::MatMulF32(s) => kernels.matmul_f32(s, floats(a), floats(b), cast_slice_mut(y)),
        Step::RangeF32(s) => kernels.range_f32(s, floats(a), cast_slice_mut(y)),
        Step::QuantizeDynamic(s) => kernels.quantize_dynamic(s, floats(a), Parameters::of(floats(b)), y),
        Step::ConvolutionDynamic(s) => {
            let constants = DynamicConstants {
                weights: blob(s.weights),
                weight_sums: optional(blob(s.weight_sums)),
                offset: optional(blob(s.offset)),
                scale: optional(blob(s.scale)),
                bias: optional(blob(s.bias)),
            };
            kernels.convolution_dynamic(s, a, Parameters::of(floats(b)), cast_slice_mut(y), constants, work);
        }
        // Runs above, where the whole arena is at hand.
        Step::External(_) => {}
    }
}

/// Words of a constant, which may be absent: no bytes lie anywhere, not at a multiple of four.
fn optional<T: AnyBitPattern>(bytes: &[u8]) -> &[T] {
    if bytes.is_empty() { &[] } else { cast_slice(bytes) }
}
