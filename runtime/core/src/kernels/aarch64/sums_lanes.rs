//! The sums of [`product_lanes`](super::product_lanes) as they are, for what makes floats of them.
//!
//! Inputs are several runs, where they lie, and each is a product that goes on from the sums of the one before. Blocks of sixteen
//! channels are in assembly, `tile_lanes`.

use super::neon::{NeonDotprod, flipped_by};
use super::product_lanes::{UNIT, add_lane};
use super::tile_lanes::{Operands, sums};
use crate::kernels::vector::{self, Constants, Isa, Runs, Target, Task};
use core::arch::aarch64::*;

/// Pixels of a tile.
const PIXELS: usize = 6;

/// Channels of a block.
const CHANNELS: usize = 16;

/// Computes sums, as [`vector::multiply_to_sums`] does, which does what is left of them.
///
/// # Safety
/// As there. As many bytes of every run can be read as of the first.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(isa: NeonDotprod, runs: Runs<'_>, pixels: usize, constants: Constants, to: Target) {
    let (weights, bias) = (constants.weights, constants.bias.cast::<u8>());
    let Runs { starts, offset, fours, rest, step, readable, .. } = runs;
    let to_step = to.step;
    let padded = (fours + usize::from(rest > 0)) * 4;
    let depth = starts.len() * padded;
    // Pixels whose last vector can be read.
    let spare = readable.checked_sub(offset + padded.next_multiple_of(UNIT));
    let whole = spare.map_or(0, |spare| pixels.min(spare / step + 1));
    let count = whole / PIXELS;
    // The first channels, in whole blocks.
    let wide = if count > 0 { to.channels / CHANNELS * CHANNELS } else { 0 };
    // SAFETY: as the caller says. Sums of a tile that is done once more begin with the biases again.
    unsafe {
        for first in (0..wide).step_by(CHANNELS) {
            let to = to.first.add(4 * first);
            let tiles = |pixel: usize, count: usize| {
                for (index, start) in starts.iter().enumerate() {
                    let operands = Operands {
                        x: start.add(offset + pixel * step),
                        step,
                        flip: true,
                        weights: weights.add(first * depth + index * padded * CHANNELS),
                        units: (padded - 1) / UNIT,
                        fours: ((padded - 1) % UNIT + 1) / 4,
                        bias: bias.add(4 * first).cast(),
                    };
                    let to = to.add(pixel * to_step);
                    if index == 0 {
                        sums::<false>(operands, count, to, to_step);
                    } else {
                        sums::<true>(operands, count, to, to_step);
                    }
                }
            };
            tiles(0, count);
            if whole == pixels && !pixels.is_multiple_of(PIXELS) {
                tiles(pixels - PIXELS, 1);
            }
        }
        let rest = |first: usize, channels: usize, pixel: usize| {
            let runs = Runs { offset: offset + pixel * step, ..runs };
            let to = Target { first: to.first.add(4 * first + pixel * to_step), step: to_step, channels };
            let constants =
                Constants { weights: weights.add(first * depth), bias: bias.add(4 * first).cast(), ..constants };
            vector::multiply_to_sums(isa, runs, pixels - pixel, constants, to);
        };
        if wide > 0 && whole < pixels {
            rest(0, wide, count * PIXELS);
        }
        let few = to.channels - wide;
        if few > 0 && whole == pixels && pixels >= PIXELS {
            let constants = [weights.add(wide * depth), bias.add(4 * wide)];
            let to = Target { first: to.first.add(4 * wide), channels: few, ..to };
            match few.div_ceil(4) {
                1 => isa.invoke(Sums::<1> { runs, pixels, constants, to }),
                2 => isa.invoke(Sums::<2> { runs, pixels, constants, to }),
                3 => isa.invoke(Sums::<3> { runs, pixels, constants, to }),
                _ => isa.invoke(Sums::<4> { runs, pixels, constants, to }),
            }
        } else if few > 0 {
            rest(wide, few, 0);
        }
    }
}

/// The sums of N vectors of channels, the last of which may be filled up, and of all pixels, at least a tile of them.
struct Sums<'r, const N: usize> {
    runs: Runs<'r>,
    pixels: usize,
    constants: [*const u8; 2],
    to: Target,
}

impl<const N: usize> Task<NeonDotprod> for Sums<'_, N> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: NeonDotprod) {
        let last = self.pixels - PIXELS;
        for pixel in (0..self.pixels).step_by(PIXELS) {
            // SAFETY: the caller of `multiply` says that the pixels can be read and written. The last tile may overlap.
            unsafe { self.tile(pixel.min(last)) };
        }
    }
}

impl<const N: usize> Sums<'_, N> {
    /// Computes the tile that begins with a pixel.
    ///
    /// # Safety
    /// Whole vectors of its inputs can be read, and the sums written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile(&self, pixel: usize) {
        const M: usize = PIXELS;
        let Runs { starts, offset, fours, rest, step, flip, .. } = self.runs;
        let (fours, [weights, bias]) = (fours + usize::from(rest > 0), self.constants);
        // SAFETY: as the caller says.
        unsafe {
            let mut sums = [[vdupq_n_s32(0); N]; M];
            for v in 0..N {
                let bias = vld1q_s32(bias.cast::<i32>().add(v * 4));
                for m in 0..M {
                    sums[m][v] = bias;
                }
            }
            let mut weights = weights.cast::<i8>();
            for start in starts {
                let mut x = start.add(offset + pixel * step);
                let mut left = fours;
                while left > 0 {
                    let mut inputs = [vdupq_n_s8(0); M];
                    for m in 0..M {
                        inputs[m] = flipped_by(vld1q_u8(x.add(m * step)), flip);
                    }
                    add_lane::<0, M, N>(&mut sums, inputs, weights);
                    if left > 1 {
                        add_lane::<1, M, N>(&mut sums, inputs, weights);
                    }
                    if left > 2 {
                        add_lane::<2, M, N>(&mut sums, inputs, weights);
                    }
                    if left > 3 {
                        add_lane::<3, M, N>(&mut sums, inputs, weights);
                    }
                    let done = left.min(4);
                    (x, left, weights) = (x.add(UNIT), left - done, weights.add(done * N * UNIT));
                }
            }
            for m in 0..M {
                let to = self.to.first.add((pixel + m) * self.to.step).cast::<i32>();
                for v in 0..N {
                    store(sums[m][v], to.add(4 * v), self.to.channels - 4 * v);
                }
            }
        }
    }
}

/// Writes up to `len` sums.
///
/// # Safety
/// They can be written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn store(sums: int32x4_t, to: *mut i32, len: usize) {
    // SAFETY: as the caller says.
    unsafe {
        match len {
            4.. => vst1q_s32(to, sums),
            3 => {
                vst1_s32(to, vget_low_s32(sums));
                vst1q_lane_s32::<2>(to.add(2), sums);
            }
            2 => vst1_s32(to, vget_low_s32(sums)),
            _ => vst1q_lane_s32::<0>(to, sums),
        }
    }
}
