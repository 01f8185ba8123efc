//! The integer matrix product of base NEON: 16 inputs of an output channel at a time.
//!
//! Without dot products, the cheapest exact way is to let the lanes of a vector hold inputs: SMULL and SMLAL add two
//! products in 16 bits, and SADALP adds pairs of those to four 32-bit sums, which are added up at the end. So one output
//! takes a register; a tile of 3 pixels by 8 channels takes 24 of 32, and loads 11 vectors for 72 multiplications and
//! additions. Two products overflow 16 bits only if both weights are −128 (2 · 128 · 128 = 2¹⁵); where that may be, each
//! goes to the sums by itself.
//!
//! Weights: `[block of 8 channels, the last of 4][16 inputs][channel][input]`.

use super::finish::finish;
use super::neon::{Neon, Rounding, flipped, some};
use super::tile_rows::tile_3_by_8;
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks};
use core::arch::aarch64::*;

/// Inputs multiplied at a time.
pub const UNIT: usize = 16;

/// Computes `pixels` pixels, whose inputs are one run.
///
/// # Safety
/// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply).
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(isa: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, rounding: Rounding, to: Target) {
    let inputs = (runs.fours * 4 + runs.rest).next_multiple_of(UNIT);
    for block in blocks(to.channels, 4, 2) {
        let channels = (to.channels - block.start).min(block.vectors * 4);
        // SAFETY: constants are packed block after block, and the channels of a block are some of those that can be written.
        unsafe {
            let to = Target { first: to.first.add(block.start), channels, ..to };
            let constants = Constants {
                weights: constants.weights.add(inputs * block.start),
                bias: constants.bias.add(block.start),
                multiplier: constants.multiplier.add(block.start),
            };
            match (block.vectors, rounding.extreme()) {
                (2, false) => isa.invoke(Sweep::<2, false> { runs, pixels, constants, rounding, to }),
                (_, false) => isa.invoke(Sweep::<1, false> { runs, pixels, constants, rounding, to }),
                (2, true) => isa.invoke(Sweep::<2, true> { runs, pixels, constants, rounding, to }),
                (_, true) => isa.invoke(Sweep::<1, true> { runs, pixels, constants, rounding, to }),
            }
        }
    }
}

/// All pixels of a block of N vectors of channels. EXTREME: two products may not fit 16 bits. It is a task of its own, so
/// that its loops have all registers to themselves.
struct Sweep<'r, const N: usize, const EXTREME: bool> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

impl<const N: usize, const EXTREME: bool> Task<Neon> for Sweep<'_, N, EXTREME> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, isa: Neon) {
        // SAFETY: the caller of `multiply` says that the pixels can be read and written; each call does the next ones.
        unsafe {
            if N == 2 && !EXTREME {
                if self.rounding.is_plain() && self.to.channels == 8 {
                    self.threes::<true>();
                } else {
                    self.threes::<false>();
                }
            }
            // A task of its own too: what is left are a pixel or two, or rare cases.
            if self.pixels > 0 {
                isa.invoke(Rest(self));
            }
        }
    }
}

impl<const N: usize, const EXTREME: bool> Sweep<'_, N, EXTREME> {
    /// Computes three pixels at a time, as long as whole vectors of inputs can be read.
    ///
    /// # Safety
    /// The pixels can be read and written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn threes<const PLAIN: bool>(&mut self) {
        let Runs { starts, fours, rest, step, readable, .. } = self.runs;
        let units = (fours * 4 + rest).div_ceil(UNIT);
        let Constants { weights, bias, multiplier, .. } = self.constants;
        let (rounding, mut to, mut pixels, mut offset) = (self.rounding, self.to, self.pixels, self.runs.offset);
        // SAFETY: every read is seen to be within what can be read, and weights are filled up to whole units.
        unsafe {
            let start = [vld1q_s32(bias), vld1q_s32(bias.add(4))];
            let by = [vld1q_f32(multiplier), vld1q_f32(multiplier.add(4))];
            while pixels >= 3 && offset + 2 * step + units * UNIT <= readable {
                let x = starts[0].add(offset);
                let sums = tile_3_by_8([x, x.add(step), x.add(2 * step)], weights, units, start);
                finish::<3, 2, PLAIN>(sums, by, &rounding, to);
                offset += 3 * step;
                to.first = to.first.wrapping_add(3 * to.step);
                pixels -= 3;
            }
        }
        (self.to, self.pixels, self.runs.offset) = (to, pixels, offset);
    }
}

/// The pixels that are left, one by one.
struct Rest<'r, const N: usize, const EXTREME: bool>(Sweep<'r, N, EXTREME>);

impl<const N: usize, const EXTREME: bool> Task<Neon> for Rest<'_, N, EXTREME> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        let Sweep { runs, pixels, constants, rounding, to } = self.0;
        let left = runs.fours % 4 * 4 + runs.rest;
        for pixel in 0..pixels {
            // SAFETY: the caller of `multiply` says that the pixels can be read and written.
            unsafe {
                let mut sums = [[vdupq_n_s32(0); 4]; N];
                let mut weights = constants.weights.cast::<i8>();
                let mut x = runs.starts[0].add(runs.offset + pixel * runs.step);
                for _ in 0..runs.fours / 4 {
                    add::<N, EXTREME>(&mut sums, flipped(vld1q_u8(x)), weights);
                    (x, weights) = (x.add(UNIT), weights.add(N * 4 * UNIT));
                }
                if left > 0 {
                    add::<N, EXTREME>(&mut sums, flipped(some(x, left)), weights);
                }
                let (mut by, mut totals) = ([vdupq_n_f32(0.0); N], [vdupq_n_s32(0); N]);
                for v in 0..N {
                    let [a, b, c, d] = sums[v];
                    let total = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
                    totals[v] = vaddq_s32(vld1q_s32(constants.bias.add(v * 4)), total);
                    by[v] = vld1q_f32(constants.multiplier.add(v * 4));
                }
                let to = Target { first: to.first.add(pixel * to.step), ..to };
                finish::<1, N, false>([totals], by, &rounding, to);
            }
        }
    }
}

/// Adds the products of 16 inputs of a pixel with the weights of N vectors of channels.
///
/// # Safety
/// The weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add<const N: usize, const EXTREME: bool>(
    sums: &mut [[int32x4_t; 4]; N],
    inputs: int8x16_t,
    weights: *const i8,
) {
    // SAFETY: as the caller says.
    unsafe {
        for v in 0..N {
            for c in 0..4 {
                let w = vld1q_s8(weights.add((v * 4 + c) * UNIT));
                let products = vmull_s8(vget_low_s8(inputs), vget_low_s8(w));
                if EXTREME {
                    sums[v][c] = vpadalq_s16(sums[v][c], products);
                    sums[v][c] = vpadalq_s16(sums[v][c], vmull_high_s8(inputs, w));
                } else {
                    sums[v][c] = vpadalq_s16(sums[v][c], vmlal_high_s8(products, inputs, w));
                }
            }
        }
    }
}
