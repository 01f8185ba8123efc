//! The integer matrix product of base NEON: 16 inputs of an output channel at a time.
//!
//! Without dot products, the cheapest exact way is to let the lanes of a vector hold inputs: SMULL and SMLAL add two
//! products in 16 bits, and SADALP adds pairs of those to four 32-bit sums, which are added up at the end. So one output
//! takes a register; a tile of 3 pixels by 8 channels takes 24 of 32, and loads 11 vectors for 72 multiplications and
//! additions. Two products overflow 16 bits only if both weights are −128 (2 · 128 · 128 = 2¹⁵); where that may be, each
//! goes to the sums by itself.
//!
//! Weights: `[block of 8 channels, the last of 4][16 inputs][channel][input]`.

use super::neon::{Neon, Rounding, store_some};
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks};
use core::arch::aarch64::*;

/// Inputs multiplied at a time.
const UNIT: usize = 16;

/// Computes `pixels` pixels.
///
/// # Safety
/// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply).
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(isa: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, rounding: Rounding, to: Target) {
    let inputs = runs.starts.len() * (runs.fours * 4 + runs.rest).next_multiple_of(UNIT);
    for block in blocks(to.channels, 4, 2) {
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
            match (block.vectors, constants.extreme) {
                (2, false) => isa.invoke(Sweep::<2, false> { runs, pixels, constants, rounding, to }),
                (_, false) => isa.invoke(Sweep::<1, false> { runs, pixels, constants, rounding, to }),
                (2, true) => isa.invoke(Sweep::<2, true> { runs, pixels, constants, rounding, to }),
                (_, true) => isa.invoke(Sweep::<1, true> { runs, pixels, constants, rounding, to }),
            }
        }
    }
}

/// All pixels of a block of N vectors of channels. EXTREME: two products may not fit 16 bits. It is a task of its own, so that its loops have all registers to
/// themselves.
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
    fn run(mut self, _: Neon) {
        // SAFETY: the caller of `multiply` says that the pixels can be read and written; each call does the next ones.
        unsafe {
            while self.pixels > 0 {
                match self.pixels.min(6 / N) {
                    6 => self.tile::<6>(),
                    3.. => self.tile::<3>(),
                    2 => self.tile::<2>(),
                    _ => self.tile::<1>(),
                }
            }
        }
    }
}

impl<const N: usize, const EXTREME: bool> Sweep<'_, N, EXTREME> {
    /// Computes M pixels.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<const M: usize>(&mut self) {
        let Runs { starts, offset, fours, rest, step } = self.runs;
        // SAFETY: reads and writes are those that the caller allows.
        unsafe {
            let mut sums = [[[vdupq_n_s32(0); 4]; N]; M];
            let mut weights = self.constants.weights.cast::<i8>();
            for &start in starts {
                let mut x = start.add(offset);
                for _ in 0..fours / 4 {
                    let mut inputs = [vdupq_n_s8(0); M];
                    for m in 0..M {
                        inputs[m] = flipped(vld1q_u8(x.add(m * step)));
                    }
                    add::<M, N, EXTREME>(&mut sums, inputs, weights);
                    x = x.add(UNIT);
                    weights = weights.add(N * 4 * UNIT);
                }
                let left = fours % 4 * 4 + rest;
                if left > 0 {
                    let mut inputs = [vdupq_n_s8(0); M];
                    for m in 0..M {
                        inputs[m] = flipped(some(x.add(m * step), left));
                    }
                    add::<M, N, EXTREME>(&mut sums, inputs, weights);
                    weights = weights.add(N * 4 * UNIT);
                }
            }
            self.round::<M>(&sums);
        }
        self.runs.offset += M * step;
        self.to.first = self.to.first.wrapping_add(M * self.to.step);
        self.pixels -= M;
    }

    /// Adds up, rounds and writes the sums of M pixels.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn round<const M: usize>(&self, sums: &[[[int32x4_t; 4]; N]; M]) {
        let Target { first, step, channels } = self.to;
        let Constants { bias, multiplier, .. } = self.constants;
        // SAFETY: as the caller says; a block has as many biases and multipliers.
        unsafe {
            let (mut by, mut start) = ([vdupq_n_f32(0.0); 2], [vdupq_n_s32(0); 2]);
            for v in 0..N {
                by[v] = vld1q_f32(multiplier.add(v * 4));
                start[v] = vld1q_s32(bias.add(v * 4));
            }
            // Two pixels' bytes fill a vector where they have eight channels, and half of one where they have four.
            let mut m = 0;
            while m < M {
                let next = if m + 1 < M { m + 1 } else { m };
                let (mut a, mut b) = (start, start);
                for v in 0..N {
                    a[v] = vaddq_s32(start[v], total(sums[m][v]));
                    b[v] = vaddq_s32(start[v], total(sums[next][v]));
                }
                let to = first.add(m * step);
                if N == 2 {
                    let bytes = self.rounding.bytes(self.rounding.scale(a, by), self.rounding.scale(b, by));
                    store_some(bytes, to, channels);
                    if m + 1 < M {
                        store_some(vextq_u8::<8>(bytes, bytes), to.add(step), channels);
                    }
                } else {
                    let both = self.rounding.scale([a[0], b[0]], [by[0], by[0]]);
                    let bytes = self.rounding.bytes(both, both);
                    store_some(bytes, to, channels);
                    if m + 1 < M {
                        store_some(vextq_u8::<4>(bytes, bytes), to.add(step), channels);
                    }
                }
                m += 2;
            }
        }
    }
}

/// The totals of four sums each.
#[inline(always)]
#[allow(unsafe_code)]
fn total(sums: [int32x4_t; 4]) -> int32x4_t {
    let [a, b, c, d] = sums;
    // SAFETY: every aarch64 processor has NEON.
    unsafe { vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)) }
}

/// Bytes less 128.
#[inline(always)]
#[allow(unsafe_code)]
fn flipped(bytes: uint8x16_t) -> int8x16_t {
    // SAFETY: every aarch64 processor has NEON.
    unsafe { vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(0x80))) }
}

/// Adds the products of 16 inputs of M pixels with the weights of N vectors of channels.
///
/// # Safety
/// The weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add<const M: usize, const N: usize, const EXTREME: bool>(
    sums: &mut [[[int32x4_t; 4]; N]; M],
    inputs: [int8x16_t; M],
    weights: *const i8,
) {
    // SAFETY: as the caller says.
    unsafe {
        for v in 0..N {
            for c in 0..4 {
                let w = vld1q_s8(weights.add((v * 4 + c) * UNIT));
                for m in 0..M {
                    let products = vmull_s8(vget_low_s8(inputs[m]), vget_low_s8(w));
                    if EXTREME {
                        sums[m][v][c] = vpadalq_s16(sums[m][v][c], products);
                        sums[m][v][c] = vpadalq_s16(sums[m][v][c], vmull_high_s8(inputs[m], w));
                    } else {
                        sums[m][v][c] = vpadalq_s16(sums[m][v][c], vmlal_high_s8(products, inputs[m], w));
                    }
                }
            }
        }
    }
}

/// The first `len` bytes, 1 to 15; the others are arbitrary.
///
/// # Safety
/// They can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn some(from: *const u8, len: usize) -> uint8x16_t {
    let mut bytes = [0u8; UNIT];
    // SAFETY: as the caller says.
    unsafe {
        if len >= 8 {
            // Two halves, which may overlap.
            bytes.as_mut_ptr().cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned());
            let rest = from.add(len - 8).cast::<u64>().read_unaligned();
            bytes.as_mut_ptr().add(len - 8).cast::<u64>().write_unaligned(rest);
        } else {
            for (index, byte) in bytes.iter_mut().enumerate().take(len) {
                *byte = *from.add(index);
            }
        }
        vld1q_u8(bytes.as_ptr())
    }
}
