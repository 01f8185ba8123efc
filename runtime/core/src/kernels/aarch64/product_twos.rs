//! The integer matrix product of base NEON: two inputs of an output channel at a time.
//!
//! Without dot products, the cheapest exact way is to add products of bytes in 16 bits (SMULL and SMLAL, eight at a time) and then pairs of
//! those to 32-bit sums (SADALP). Such a pair is two inputs of a channel, so that every lane of the sums is a channel and none need be added
//! up in the end; two inputs of a pixel are brought to all lanes, up to four times two in one instruction (LD3R and the like). Two products
//! always fit 16 bits unless both weights are −128 (2 · 128 · 128 = 2¹⁵); where that may be, each goes to the sums by itself. Three or four
//! fit where their weights' magnitudes are 255 at most, roughly: how inputs are best divided is found when weights are packed, for every
//! block of channels (see [`VectorPacking`](crate::kernels::vector::VectorPacking)), and saves every fifth instruction or more.
//!
//! A tile is 4 pixels by 16 channels, or by the last 8 or 4. Inputs are read where they lie if they are signed bytes or gathered, and from
//! flipped copies of a few pixels else.
//!
//! Weights: `[block of 16 channels, the last of 8, and of 4][two inputs][channel][input]`, inputs filled up to a multiple of four.

use super::finish::{Finish, finish};
use super::neon::{Neon, Rounding, flipped};
use super::tile_twos::{Operands, sums, tiles};
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks_of_twos, words_of_twos};
use core::arch::aarch64::*;
use core::mem::MaybeUninit;

/// Pixels of a tile.
pub const PIXELS: usize = 4;

/// Bytes that are flipped at a time: they stay in the smallest first cache, of 32 KiB, along with weights and results.
pub const LEN: usize = 8 << 10;

/// Computes `pixels` pixels, whose inputs are one run.
///
/// # Safety
/// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply).
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(isa: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, rounding: Rounding, to: Target) {
    let (inputs, step) = (runs.fours * 4 + runs.rest, runs.step);
    // Pixels whose inputs fit the copy, and of what is behind them as much as makes two.
    let strip = LEN.checked_sub(inputs + 1).map_or(0, |spare| spare / step + 1);
    if runs.flip == 0 || strip == 0 {
        // SAFETY: as the caller says.
        return unsafe { of_signed(isa, runs, pixels, constants, rounding, to) };
    }
    let mut bytes = MaybeUninit::<[u8; LEN]>::uninit();
    let start = bytes.as_mut_ptr().cast::<u8>();
    for first in (0..pixels).step_by(strip) {
        let count = strip.min(pixels - first);
        // SAFETY: the caller says that the pixels can be read and written; a strip of them fits the copy.
        unsafe {
            flip(runs.starts[0].add(runs.offset + first * step), start, (count - 1) * step + inputs);
            let starts = [start.cast_const()];
            let runs = Runs { starts: &starts, offset: 0, readable: LEN, flip: 0, ..runs };
            let to = Target { first: to.first.wrapping_add(first * to.step), ..to };
            of_signed(isa, runs, count, constants, rounding, to);
        }
    }
}

/// Writes `len` bytes less 128.
///
/// # Safety
/// They can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn flip(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    // SAFETY: as the caller says.
    unsafe {
        while at + 64 <= len {
            for vector in 0..4 {
                let place = at + 16 * vector;
                vst1q_s8(to.add(place).cast(), flipped(vld1q_u8(from.add(place))));
            }
            at += 64;
        }
        while at < len {
            *to.add(at) = *from.add(at) ^ 0x80;
            at += 1;
        }
    }
}

/// Computes `pixels` pixels, of signed bytes unless there are too many of them to be copied.
///
/// # Safety
/// As for [`multiply`].
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn of_signed(isa: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, rounding: Rounding, to: Target) {
    let inputs = runs.inputs();
    let depth = inputs.next_multiple_of(4);
    let words = words_of_twos(inputs);
    for (start, channels) in blocks_of_twos(to.channels) {
        // SAFETY: constants are packed block after block, and the channels of a block are some of those that can be written.
        unsafe {
            let to = Target { first: to.first.add(start), channels: channels.min(to.channels - start), ..to };
            let constants = Constants {
                weights: constants.weights.add(depth * start),
                bias: constants.bias.add(start),
                multiplier: constants.multiplier.add(start),
                chains: constants.chains.wrapping_add(start / 4 * words),
            };
            let sweep = Sweep { runs, inputs, pixels, constants, rounding, to };
            match channels {
                16 => isa.invoke(Block::<16, 4>(sweep)),
                8 => isa.invoke(Block::<8, 2>(sweep)),
                _ => isa.invoke(Block::<4, 1>(sweep)),
            }
        }
    }
}

/// Pixels of a block of channels.
#[derive(Clone, Copy)]
struct Sweep<'r> {
    runs: Runs<'r>,
    /// Inputs of a pixel.
    inputs: usize,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

/// Some of CHANNELS channels, in N vectors. It is a task of its own, so that its loops have all registers to themselves.
struct Block<'r, const CHANNELS: usize, const N: usize>(Sweep<'r>);

impl<const CHANNELS: usize, const N: usize> Task<Neon> for Block<'_, CHANNELS, N> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        let Sweep { runs, inputs, pixels, constants, ref rounding, to } = self.0;
        let Runs { starts, offset, step, readable, flip, .. } = runs;
        // Two inputs are read together, and behind the last one of all there may be none.
        let read = inputs.next_multiple_of(2);
        let spare = readable.checked_sub(offset + read);
        let whole =
            if rounding.extreme() || flip != 0 { 0 } else { spare.map_or(0, |spare| pixels.min(spare / step + 1)) };
        // SAFETY: the caller of `multiply` says that the pixels can be read and written.
        unsafe {
            let operands = Operands {
                x: starts[0].add(offset),
                step,
                weights: constants.weights,
                notes: constants.chains,
                bias: constants.bias,
            };
            let mut done = whole / PIXELS * PIXELS;
            if done > 0 && rounding.is_plain() && to.channels == CHANNELS {
                tiles::<CHANNELS>(operands, done / PIXELS, Finish::new(rounding, constants.multiplier, to));
            } else {
                for pixel in (0..done).step_by(PIXELS) {
                    self.tile(operands, pixel);
                }
            }
            // What is left is a tile with some of those before.
            if done > 0 && whole == pixels && done < pixels {
                self.tile(operands, pixels - PIXELS);
                done = pixels;
            }
            for pixel in done..pixels {
                self.pixel(pixel);
            }
        }
    }
}

impl<const CHANNELS: usize, const N: usize> Block<'_, CHANNELS, N> {
    /// Computes the tile that begins with a pixel.
    ///
    /// # Safety
    /// It can be read and written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile(&self, operands: Operands, pixel: usize) {
        let Sweep { constants, ref rounding, to, .. } = self.0;
        let mut buffer = [[[0i32; 4]; N]; PIXELS];
        // SAFETY: as the caller says; the buffer is as long as a tile's sums.
        unsafe {
            let operands = Operands { x: operands.x.add(pixel * operands.step), ..operands };
            sums::<CHANNELS>(operands, 1, buffer.as_mut_ptr().cast(), 4 * CHANNELS);
            let (mut sums, mut by) = ([[vdupq_n_s32(0); N]; PIXELS], [vdupq_n_f32(0.0); N]);
            for v in 0..N {
                by[v] = vld1q_f32(constants.multiplier.add(v * 4));
                for m in 0..PIXELS {
                    sums[m][v] = vld1q_s32(buffer[m][v].as_ptr());
                }
            }
            let to = Target { first: to.first.add(pixel * to.step), ..to };
            finish::<PIXELS, N, false>(sums, by, rounding, to);
        }
    }

    /// Computes a single pixel.
    ///
    /// # Safety
    /// It can be read and written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn pixel(&self, pixel: usize) {
        let Sweep { runs, inputs, constants, ref rounding, to, .. } = self.0;
        // SAFETY: as the caller says.
        unsafe {
            let x = runs.starts[0].add(runs.offset + pixel * runs.step);
            let (mut sums, mut by) = ([vdupq_n_s32(0); N], [vdupq_n_f32(0.0); N]);
            for v in 0..N {
                sums[v] = vld1q_s32(constants.bias.add(v * 4));
                by[v] = vld1q_f32(constants.multiplier.add(v * 4));
            }
            let mut weights = constants.weights;
            let mut input = 0;
            while input < inputs {
                let second = if input + 1 < inputs { *x.add(input + 1) } else { 0 };
                let both = u16::from_le_bytes([*x.add(input) ^ runs.flip, second ^ runs.flip]);
                let both = vreinterpret_s8_u16(vdup_n_u16(both));
                for v in 0..N {
                    let w = vld1_s8(weights.add(v * 8).cast());
                    sums[v] = vpadalq_s16(sums[v], vmull_s8(both, w));
                }
                (input, weights) = (input + 2, weights.add(2 * CHANNELS));
            }
            let to = Target { first: to.first.add(pixel * to.step), ..to };
            finish::<1, N, false>([sums], by, rounding, to);
        }
    }
}
