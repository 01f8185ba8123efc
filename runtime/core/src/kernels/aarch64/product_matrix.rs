//! The integer matrix product of USMMLA: two pixels by two output channels, eight inputs of each at a time.
//!
//! A tile is up to 6 pixels by 16 channels: 24 sums of 2 × 2, 3 pairs of pixels, and weights as they come.
//!
//! Weights: `[block of 16 channels, the last of as many vectors as it takes][8 inputs][channel][input]`.

use super::instructions::usmmla;
use super::neon::{NeonI8mm, Rounding, store_some};
use super::product_rows::some;
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks};
use core::arch::aarch64::*;

/// Inputs multiplied at a time.
const UNIT: usize = 8;

/// Computes `pixels` pixels.
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
    let inputs = runs.starts.len() * (runs.fours * 4 + runs.rest).next_multiple_of(UNIT);
    for block in blocks(to.channels, 4, 4) {
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
        let Runs { starts, offset, fours, rest, step } = self.runs;
        let pixels = self.pixels.min(2 * P);
        let even = pixels == 2 * P;
        // SAFETY: reads and writes are those that the caller allows; a second pixel that is not there is the first once more.
        unsafe {
            let mut sums = [[[vdupq_n_s32(0); 2]; N]; P];
            let mut weights = self.constants.weights.cast::<i8>();
            for &start in starts {
                let mut x = start.add(offset);
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
                    weights = weights.add(N * 4 * UNIT);
                }
            }
            for p in 0..P {
                self.round(sums[p], p, p + 1 < P || even);
            }
        }
        self.runs.offset += pixels * step;
        self.to.first = self.to.first.wrapping_add(pixels * self.to.step);
        self.pixels -= pixels;
    }

    /// Rounds and writes the sums of pair `pair`, of both its pixels or the first.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn round(&self, sums: [[int32x4_t; 2]; N], pair: usize, both: bool) {
        let Constants { bias, multiplier, .. } = self.constants;
        // SAFETY: as the caller says; a block has as many biases and multipliers.
        unsafe {
            let (mut by, mut first) = ([vdupq_n_f32(0.0); 4], [vdupq_n_s32(0); 4]);
            let mut second = first;
            for v in 0..N {
                by[v] = vld1q_f32(multiplier.add(v * 4));
                let start = vld1q_s32(bias.add(v * 4));
                let [a, b] = [vreinterpretq_s64_s32(sums[v][0]), vreinterpretq_s64_s32(sums[v][1])];
                first[v] = vaddq_s32(start, vreinterpretq_s32_s64(vzip1q_s64(a, b)));
                second[v] = vaddq_s32(start, vreinterpretq_s32_s64(vzip2q_s64(a, b)));
            }
            let to = self.to.first.add(2 * pair * self.to.step);
            self.write(first, by, to);
            if both {
                self.write(second, by, to.add(self.to.step));
            }
        }
    }

    /// Rounds and writes the sums of a pixel.
    ///
    /// # Safety
    /// It can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn write(&self, sums: [int32x4_t; 4], by: [float32x4_t; 4], to: *mut u8) {
        let low = self.rounding.scale([sums[0], sums[1]], [by[0], by[1]]);
        let high = if N > 2 { self.rounding.scale([sums[2], sums[3]], [by[2], by[3]]) } else { low };
        // SAFETY: as the caller says.
        unsafe { store_some(self.rounding.bytes(low, high), to, self.to.channels) };
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
