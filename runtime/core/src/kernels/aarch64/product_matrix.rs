//! The integer matrix product of USMMLA: two pixels by two output channels, eight inputs of each at a time.
//!
//! A tile is up to 6 pixels by 16 channels: 24 sums of 2 × 2, 3 pairs of pixels, and weights as they come.
//!
//! Weights: `[block of 16 channels, the last of as many vectors as it takes][8 inputs][channel][input]`.

use super::finish::finish;
use super::instructions::usmmla;
use super::neon::{NeonI8mm, Rounding, some};
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks};
use core::arch::aarch64::*;

/// Inputs multiplied at a time.
const UNIT: usize = 8;

/// Computes `pixels` pixels, whose inputs are one run.
///
/// # Safety
/// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply).
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(
    isa: NeonI8mm,
    runs: Runs<'_>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
) {
    let inputs = (runs.fours * 4 + runs.rest).next_multiple_of(UNIT);
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
            match block.vectors {
                1 => isa.invoke(Sweep::<1> { runs, pixels, constants, rounding, to }),
                2 => isa.invoke(Sweep::<2> { runs, pixels, constants, rounding, to }),
                3 => isa.invoke(Sweep::<3> { runs, pixels, constants, rounding, to }),
                _ => isa.invoke(Sweep::<4> { runs, pixels, constants, rounding, to }),
            }
        }
    }
}

/// All pixels of a block of N vectors of channels. It is a task of its own, so that its loops have all registers to
/// themselves.
struct Sweep<'r, const N: usize> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

impl<const N: usize> Task<NeonI8mm> for Sweep<'_, N> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, _: NeonI8mm) {
        // SAFETY: the caller of `multiply` says that the pixels can be read and written; each call does the next ones.
        unsafe {
            while self.pixels > 0 {
                match self.pixels {
                    5.. => self.tile::<3>(),
                    3.. => self.tile::<2>(),
                    _ => self.tile::<1>(),
                }
            }
        }
    }
}

impl<const N: usize> Sweep<'_, N> {
    /// Computes P pairs of pixels, the last of which may lack its second one.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<const P: usize>(&mut self) {
        let Runs { starts, offset, fours, rest, step, .. } = self.runs;
        let pixels = self.pixels.min(2 * P);
        let even = pixels == 2 * P;
        // SAFETY: reads and writes are those that the caller allows; a second pixel that is not there is the first once more.
        unsafe {
            let mut sums = [[[vdupq_n_s32(0); 2]; N]; P];
            let mut weights = self.constants.weights.cast::<i8>();
            let mut x = starts[0].add(offset);
            for _ in 0..fours / 2 {
                let mut inputs = [vdupq_n_u8(0); P];
                for p in 0..P {
                    let first = x.add(2 * p * step);
                    let second = if p + 1 < P || even { first.add(step) } else { first };
                    inputs[p] = vcombine_u8(vld1_u8(first), vld1_u8(second));
                }
                add(&mut sums, inputs, weights);
                x = x.add(UNIT);
                weights = weights.add(N * 4 * UNIT);
            }
            let left = fours % 2 * 4 + rest;
            if left > 0 {
                let mut inputs = [vdupq_n_u8(0); P];
                for p in 0..P {
                    let first = x.add(2 * p * step);
                    let second = if p + 1 < P || even { first.add(step) } else { first };
                    inputs[p] = vcombine_u8(vget_low_u8(some(first, left)), vget_low_u8(some(second, left)));
                }
                add(&mut sums, inputs, weights);
            }
            self.round::<P>(sums, even);
        }
        self.runs.offset += pixels * step;
        self.to.first = self.to.first.wrapping_add(pixels * self.to.step);
        self.pixels -= pixels;
    }

    /// Rounds and writes the sums of P pairs of pixels, or all but the last pixel.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn round<const P: usize>(&self, sums: [[[int32x4_t; 2]; N]; P], even: bool) {
        let Constants { bias, multiplier, .. } = self.constants;
        // SAFETY: as the caller says; a block has as many biases and multipliers.
        unsafe {
            let (mut by, mut start) = ([vdupq_n_f32(0.0); N], [vdupq_n_s32(0); N]);
            for v in 0..N {
                by[v] = vld1q_f32(multiplier.add(v * 4));
                start[v] = vld1q_s32(bias.add(v * 4));
            }
            for p in 0..P {
                let mut pair = [start; 2];
                for v in 0..N {
                    let [a, b] = [vreinterpretq_s64_s32(sums[p][v][0]), vreinterpretq_s64_s32(sums[p][v][1])];
                    pair[0][v] = vaddq_s32(start[v], vreinterpretq_s32_s64(vzip1q_s64(a, b)));
                    pair[1][v] = vaddq_s32(start[v], vreinterpretq_s32_s64(vzip2q_s64(a, b)));
                }
                let to = Target { first: self.to.first.add(2 * p * self.to.step), ..self.to };
                match (p + 1 < P || even, self.rounding.is_plain()) {
                    (true, true) => finish::<2, N, true>(pair, by, &self.rounding, to),
                    (true, false) => finish::<2, N, false>(pair, by, &self.rounding, to),
                    (false, true) => finish::<1, N, true>([pair[0]], by, &self.rounding, to),
                    (false, false) => finish::<1, N, false>([pair[0]], by, &self.rounding, to),
                }
            }
        }
    }
}

/// Adds the products of 8 inputs of P pairs of pixels with the weights of N vectors of channels.
///
/// # Safety
/// The weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add<const P: usize, const N: usize>(
    sums: &mut [[[int32x4_t; 2]; N]; P],
    inputs: [uint8x16_t; P],
    weights: *const i8,
) {
    // SAFETY: as the caller says; only where the token says that there is the instruction.
    unsafe {
        for v in 0..N {
            for half in 0..2 {
                let w = vld1q_s8(weights.add((v * 2 + half) * 2 * UNIT));
                for p in 0..P {
                    sums[p][v][half] = usmmla(sums[p][v][half], inputs[p], w);
                }
            }
        }
    }
}
