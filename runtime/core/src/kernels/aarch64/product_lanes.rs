//! The integer matrix product of SDOT by lane: 16 inputs of a pixel are a vector, of which every instruction multiplies
//! four, the same for four output channels.
//!
//! A tile is up to 6 pixels by 16 channels: 24 sums, 6 vectors of inputs, and weights as they come, two at a time (LDP), in
//! 32 registers; 20 loads and flips for 96 products. The usual tiles are in assembly, `tile_lanes`. `sums_lanes`
//! makes sums that become floats the same way.
//!
//! Weights: `[block of 16 channels, the last of as many vectors as it takes][4 inputs][channel][input]`.

use super::finish::{Finish, finish};
use super::instructions::sdot_lane;
use super::neon::{NeonDotprod, Rounding, flipped_by, some};
use super::parts::in_parts;
use super::tile_lanes::{Operands, tiles};
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks};
use core::arch::aarch64::*;

/// Inputs of a vector.
pub const UNIT: usize = 16;

/// Computes `pixels` pixels, whose inputs are one run.
///
/// # Safety
/// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply).
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(
    isa: NeonDotprod,
    runs: Runs<'_>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
) {
    let inputs = (runs.fours + usize::from(runs.rest > 0)) * 4;
    for block in blocks(to.channels, 4, 4, None) {
        let channels = (to.channels - block.start).min(block.vectors * 4);
        // SAFETY: constants are packed block after block, and the channels of a block are some of those that can be written.
        unsafe {
            let to = Target { first: to.first.add(block.start), channels, ..to };
            let constants = Constants {
                weights: constants.weights.add(inputs * block.start),
                bias: constants.bias.add(block.start),
                multiplier: constants.multiplier.add(block.start),
                ..constants
            };
            let sweep = |runs, pixels, to| match (block.vectors, rounding.is_plain()) {
                (1, true) => isa.invoke(Sweep::<1, true> { runs, pixels, constants, rounding, to }),
                (2, true) => isa.invoke(Sweep::<2, true> { runs, pixels, constants, rounding, to }),
                (3, true) => isa.invoke(Sweep::<3, true> { runs, pixels, constants, rounding, to }),
                (_, true) => isa.invoke(Sweep::<4, true> { runs, pixels, constants, rounding, to }),
                (1, false) => isa.invoke(Sweep::<1, false> { runs, pixels, constants, rounding, to }),
                (2, false) => isa.invoke(Sweep::<2, false> { runs, pixels, constants, rounding, to }),
                (3, false) => isa.invoke(Sweep::<3, false> { runs, pixels, constants, rounding, to }),
                (_, false) => isa.invoke(Sweep::<4, false> { runs, pixels, constants, rounding, to }),
            };
            if channels == block.vectors * 4 {
                sweep(runs, pixels, to);
            } else {
                in_parts(pixels, to, block.vectors * 4, |first, count, to| {
                    sweep(Runs { offset: runs.offset + first * runs.step, ..runs }, count, to);
                });
            }
        }
    }
}

/// All pixels of a block of N vectors of channels. It is a task of its own, so that its loops have all registers to
/// themselves.
struct Sweep<'r, const N: usize, const PLAIN: bool> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

impl<const N: usize, const PLAIN: bool> Task<NeonDotprod> for Sweep<'_, N, PLAIN> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, isa: NeonDotprod) {
        // SAFETY: the caller of `multiply` says that the pixels can be read and written; each call does the next ones.
        unsafe {
            let Runs { fours, rest, step, readable, .. } = self.runs;
            let len = (fours * 4 + rest).next_multiple_of(UNIT);
            if PLAIN && N == 4 && self.to.channels == 16 {
                self.tiles::<6, true>();
            }
            if PLAIN && N == 2 && self.to.channels == 8 {
                self.tiles::<8, false>();
            }
            let most = const { [12, 8, 6, 6][N - 1] };
            while self.pixels >= most && self.runs.offset + (most - 1) * step + len <= readable {
                match N {
                    1 => self.tile::<12, true>(),
                    2 => self.tile::<8, true>(),
                    _ => self.tile::<6, true>(),
                }
            }
            // A task of its own too: its branches would disturb the loop.
            if self.pixels > 0 {
                isa.invoke(Rest(self));
            }
        }
    }
}

/// The pixels that are left.
struct Rest<'r, const N: usize, const PLAIN: bool>(Sweep<'r, N, PLAIN>);

impl<const N: usize, const PLAIN: bool> Task<NeonDotprod> for Rest<'_, N, PLAIN> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, _: NeonDotprod) {
        // SAFETY: as for the pixels before.
        unsafe {
            while self.0.pixels >= 4 {
                self.0.tile::<4, false>();
            }
            while self.0.pixels > 0 {
                self.0.tile::<1, false>();
            }
        }
    }
}

impl<const N: usize, const PLAIN: bool> Sweep<'_, N, PLAIN> {
    /// Computes M pixels at a time, as long as whole vectors of inputs can be read, in assembly. Where some are left, they and as many
    /// of those before as make a tile are one more.
    ///
    /// # Safety
    /// They are of sixteen channels or, where not WIDE, eight, which rounding is plain for.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tiles<const M: usize, const WIDE: bool>(&mut self) {
        let Runs { starts, offset, fours, rest, step, readable, flip, .. } = self.runs;
        let inputs = fours * 4 + rest;
        let Some(spare) = readable.checked_sub(offset + inputs.next_multiple_of(UNIT)) else { return };
        let count = self.pixels.min(spare / step + 1) / M;
        if count == 0 {
            return;
        }
        let left = self.pixels - count * M;
        let ends_with_a_tile = left > 0 && self.pixels <= spare / step + 1;
        let Constants { weights, bias, multiplier, .. } = self.constants;
        // SAFETY: as the caller says; no pixel's last vector reaches over what can be read.
        unsafe {
            let x = starts[0].add(offset);
            let operands = Operands {
                x,
                step,
                flip: flip != 0,
                weights,
                units: (inputs - 1) / UNIT,
                fours: ((inputs - 1) % UNIT + 1).div_ceil(4),
                bias,
            };
            let finish = Finish::new(&self.rounding, multiplier, self.to);
            tiles::<WIDE>(operands, count, finish);
            if ends_with_a_tile {
                let first = self.pixels - M;
                let operands = Operands { x: x.add(first * step), ..operands };
                tiles::<WIDE>(operands, 1, Finish { to: finish.to.add(first * finish.step), ..finish });
                self.pixels = 0;
                return;
            }
        }
        self.runs.offset += count * M * step;
        self.to.first = self.to.first.wrapping_add(count * M * self.to.step);
        self.pixels -= count * M;
    }

    /// Computes M pixels. Where READABLE, whole vectors of inputs can be read.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<const M: usize, const READABLE: bool>(&mut self) {
        let Runs { starts, offset, fours, rest, step, flip, .. } = self.runs;
        let (units, left) = (fours / 4, fours % 4 * 4 + rest);
        // SAFETY: reads and writes are those that the caller allows.
        unsafe {
            let mut x = starts[0].add(offset);
            let mut weights = self.constants.weights.cast::<i8>();
            let mut sums = [[vdupq_n_s32(0); N]; M];
            for v in 0..N {
                let bias = vld1q_s32(self.constants.bias.add(v * 4));
                for m in 0..M {
                    sums[m][v] = bias;
                }
            }
            for _ in 0..units {
                let mut inputs = [vdupq_n_s8(0); M];
                for m in 0..M {
                    inputs[m] = flipped_by(vld1q_u8(x.add(m * step)), flip);
                }
                add_lane::<0, M, N>(&mut sums, inputs, weights);
                add_lane::<1, M, N>(&mut sums, inputs, weights);
                add_lane::<2, M, N>(&mut sums, inputs, weights);
                add_lane::<3, M, N>(&mut sums, inputs, weights);
                x = x.add(UNIT);
                weights = weights.add(N * 4 * UNIT);
            }
            if left > 0 {
                let mut inputs = [vdupq_n_s8(0); M];
                for m in 0..M {
                    let from = x.add(m * step);
                    inputs[m] = flipped_by(if READABLE { vld1q_u8(from) } else { some(from, left) }, flip);
                }
                add_lane::<0, M, N>(&mut sums, inputs, weights);
                if left > 4 {
                    add_lane::<1, M, N>(&mut sums, inputs, weights);
                }
                if left > 8 {
                    add_lane::<2, M, N>(&mut sums, inputs, weights);
                }
                if left > 12 {
                    add_lane::<3, M, N>(&mut sums, inputs, weights);
                }
            }
            let mut by = [vdupq_n_f32(0.0); N];
            for v in 0..N {
                by[v] = vld1q_f32(self.constants.multiplier.add(v * 4));
            }
            finish::<M, N, PLAIN>(sums, by, &self.rounding, self.to);
        }
        self.runs.offset += M * step;
        self.to.first = self.to.first.wrapping_add(M * self.to.step);
        self.pixels -= M;
    }
}

/// Adds the products of inputs 4 · LANE to 4 · LANE + 3 of M pixels with the weights of N vectors of channels.
///
/// # Safety
/// The weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn add_lane<const LANE: i32, const M: usize, const N: usize>(
    sums: &mut [[int32x4_t; N]; M],
    inputs: [int8x16_t; M],
    weights: *const i8,
) {
    for v in 0..N {
        // SAFETY: as the caller says; only where the token says that there is the instruction.
        unsafe {
            let w = vld1q_s8(weights.add((LANE as usize * N + v) * UNIT));
            for m in 0..M {
                sums[m][v] = sdot_lane::<LANE>(sums[m][v], inputs[m], w);
            }
        }
    }
}
