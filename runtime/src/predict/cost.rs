//! What a step costs on a board.

use serde::Serialize;

use super::board::{Board, Core};
use super::rates::{PER_FUNCTION, PER_STEP, rate};
use super::work::{Kind, Work};

/// Cycles for which threads tell each other of a shared step and of its end.
const CYCLES_TO_SHARE: f64 = 6_000.0;
/// Multiply-accumulates of the smallest piece that the kernels cut a step into (`kernels/parallel.rs` of retort-core).
const MACS_A_PIECE: u64 = 200_000;
/// For how many of them one of a depthwise convolution counts there.
const DEPTHWISE_WEIGHT: u64 = 4;
/// What share of a core's time a further thread adds: pieces do not end at once, and caches are shared.
const GAIN_A_THREAD: f64 = 0.6;

/// What a step is predicted to take, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Instructions on one thread.
    pub instructions: f64,
    /// To compute, with all operands at hand.
    pub compute_ms: f64,
    /// To bring operands from where they are to the first-level cache, and back.
    pub memory_ms: f64,
    /// To begin and end the step.
    pub overhead_ms: f64,
    /// All in all.
    pub ms: f64,
}

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting<'b> {
    /// The board.
    pub board: &'b Board,
    /// Threads, from 1 to the board's cores.
    pub threads: usize,
    /// Bytes of the whole network's arena and weights: what does not fit the cache comes from memory in every run.
    pub footprint: u64,
}

impl Setting<'_> {
    /// The cost of one step.
    ///
    /// Computing takes the instructions at the core's rate, or the multiply-accumulates at its peak if that is longer.
    /// Operands lie in the smallest memory that the step's own bytes fit, weights in the smallest that the whole network
    /// fits, as they were last used one run ago. Part of the shorter of both hides behind the longer.
    pub fn cost(&self, work: &Work) -> Cost {
        let Board { core, ghz, .. } = self.board;
        let ms = |cycles: f64| cycles / ghz / 1e6;
        let rate = rate(core.kernels, work.kind);
        let instructions = rate.per_unit * work.units as f64
            + rate.per_output * work.outputs as f64
            + PER_FUNCTION * work.functions as f64;
        let cycles = (instructions / per_cycle(core, work.kind)).max(work.macs as f64 / peak(core, work.kind));
        let threads = self.threads_for(work);
        // With n threads the work of 1 + (n − 1) · gain.
        let speed = 1.0 + (threads as f64 - 1.0) * GAIN_A_THREAD;
        let compute_ms = ms(cycles) / speed;

        let operands = work.bytes_in.saturating_add(work.bytes_out);
        let memory_ms = self.transfer_ms(operands, operands.saturating_add(work.bytes_constant), threads)
            + self.transfer_ms(work.bytes_constant, self.footprint, threads);
        let sharing = if threads > 1 { CYCLES_TO_SHARE } else { 0.0 };
        let overhead_ms = ms(PER_STEP / core.ipc_other + sharing);
        let hidden = core.overlap * compute_ms.min(memory_ms);
        let total = compute_ms + memory_ms - hidden + overhead_ms;
        Cost { instructions: instructions + PER_STEP, compute_ms, memory_ms, overhead_ms, ms: total }
    }

    /// How many threads find a piece of the work.
    fn threads_for(&self, work: &Work) -> usize {
        let weight = match work.kind {
            Kind::SlidingInt8 | Kind::DepthwiseInt8 | Kind::DepthwiseF32 => DEPTHWISE_WEIGHT,
            _ => 1,
        };
        let pieces = usize::try_from(work.macs.saturating_mul(weight) / MACS_A_PIECE).unwrap_or(usize::MAX);
        if work.is_shared { self.threads.min(self.board.cores).min(pieces).max(1) } else { 1 }
    }

    /// The time to move `bytes` that are part of `set` bytes in use.
    fn transfer_ms(&self, bytes: u64, set: u64, threads: usize) -> f64 {
        let Board { core, ghz, cache_bytes, memory_one_core, memory_all_cores, .. } = *self.board;
        let gigabytes_a_second = if set <= core.l1_bytes {
            // Loading is among the instructions.
            return 0.0;
        } else if set <= cache_bytes {
            core.l2_bytes_per_cycle * ghz * threads as f64
        } else {
            (memory_one_core * threads as f64).min(memory_all_cores)
        };
        bytes as f64 / gigabytes_a_second / 1e6
    }
}

/// Instructions a cycle.
fn per_cycle(core: &Core, kind: Kind) -> f64 {
    match kind {
        Kind::ProductInt8 | Kind::GeneralInt8 => core.ipc_int8,
        Kind::ProductF32 | Kind::GeneralF32 | Kind::MatMulF32 => core.ipc_f32,
        Kind::SlidingInt8 | Kind::DepthwiseInt8 | Kind::DepthwiseF32 => core.ipc_depthwise,
        _ => core.ipc_other,
    }
}

/// The most multiply-accumulates a cycle.
fn peak(core: &Core, kind: Kind) -> f64 {
    match kind {
        Kind::ProductInt8 | Kind::GeneralInt8 | Kind::SlidingInt8 | Kind::DepthwiseInt8 => core.peak_int8,
        Kind::ProductF32 | Kind::GeneralF32 | Kind::DepthwiseF32 | Kind::MatMulF32 => core.peak_f32,
        // Not made of multiply-accumulates, or not on vectors.
        _ => f64::INFINITY,
    }
}
