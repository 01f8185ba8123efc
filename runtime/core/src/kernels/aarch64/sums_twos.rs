//! The sums of [`product_twos`](super::product_twos) as they are, for what makes floats of them.
//!
//! Inputs are flipped into a buffer, some pixels at a time: as they lie where they are one run, else the runs of a pixel brought together.
//! Single pixels, and weights of which two products may not fit 16 bits, go without assembly.

use super::neon::{Neon, flipped};
use super::product_twos::{LEN, PIXELS, flip};
use super::tile_twos::{Operands, sums};
use crate::kernels::vector::{Constants, Runs, Target, blocks_of_twos, words_of_twos};
use core::arch::aarch64::*;
use core::mem::MaybeUninit;

/// Bytes of a vector.
const VECTOR: usize = 16;

/// Computes sums, as [`Int8::multiply_to_sums`](crate::kernels::vector::Int8::multiply_to_sums) says. Where there are no notes, two
/// products may not fit 16 bits.
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(_: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, to: Target) {
    let Runs { starts, offset, step, .. } = runs;
    let len = runs.inputs();
    let inputs = starts.len() * len;
    let read = inputs.next_multiple_of(2);
    // Bytes from one pixel to the next in the buffer.
    let pitch = if starts.len() == 1 { step } else { read };
    let room = LEN.checked_sub(read).map_or(0, |spare| (spare / pitch + 1) / PIXELS * PIXELS);
    let depth = inputs.next_multiple_of(4);
    let blocks = || blocks_of_twos(to.channels);
    if read > LEN {
        for (start, block) in blocks() {
            let sums = Sums { runs, len, weights: constants.weights.wrapping_add(depth * start), block };
            for (pixel, channel) in
                (0..pixels).flat_map(|pixel| (0..block.min(to.channels - start)).map(move |c| (pixel, c)))
            {
                // SAFETY: the caller says that all can be read and written.
                unsafe {
                    let sum = sums.of(offset + pixel * step, channel);
                    let to = to.first.add(pixel * to.step).cast::<i32>().add(start + channel);
                    to.write((*constants.bias.add(start + channel)).wrapping_add(sum));
                }
            }
        }
        return;
    }
    let mut bytes = MaybeUninit::<[u8; LEN + VECTOR]>::uninit();
    let buffer = bytes.as_mut_ptr().cast::<u8>();
    // A pixel or two, or rare cases.
    if room == 0 || constants.chains.is_null() || pixels < PIXELS {
        for pixel in 0..pixels {
            // SAFETY: the caller says that all can be read and written; there is room for a pixel.
            unsafe {
                fill(&runs, pixel, 1, pitch, buffer);
                // The partner of an odd input, whose weights are 0.
                buffer.add(inputs).write(0);
                for (start, block) in blocks() {
                    let (weights, bias) = (constants.weights.add(depth * start), constants.bias.add(start));
                    let channels = block.min(to.channels - start);
                    let to = to.first.add(pixel * to.step + 4 * start).cast();
                    match block {
                        16 => pixel_of::<4>(buffer, inputs, weights, bias, to, channels),
                        8 => pixel_of::<2>(buffer, inputs, weights, bias, to, channels),
                        _ => pixel_of::<1>(buffer, inputs, weights, bias, to, channels),
                    }
                }
            }
        }
        return;
    }
    let words = words_of_twos(inputs);
    let mut done = 0;
    while done < pixels {
        // The last ones are a whole number of tiles, some of them once more.
        let count = room.min((pixels - done).next_multiple_of(PIXELS));
        let first = done.min(pixels - count.min(pixels));
        let count = count.min(pixels);
        // SAFETY: the caller says that all can be read and written; there is room for so many pixels.
        unsafe {
            fill(&runs, first, count, pitch, buffer);
            for (start, block) in blocks() {
                let operands = Operands {
                    x: buffer,
                    step: pitch,
                    weights: constants.weights.add(depth * start),
                    notes: constants.chains.add(start / 4 * words),
                    bias: constants.bias.add(start),
                };
                let channels = block.min(to.channels - start);
                let to = Target { first: to.first.add(first * to.step + 4 * start), channels, ..to };
                match block {
                    16 => tiles::<16>(operands, count, to),
                    8 => tiles::<8>(operands, count, to),
                    _ => tiles::<4>(operands, count, to),
                }
            }
        }
        done = first + count;
    }
}

/// Flips the inputs of `count` pixels from pixel `first` on into the buffer, `pitch` bytes a pixel: of one run as they lie, of several
/// behind each other.
///
/// # Safety
/// They can be read, and of several runs a vector from any of their bytes on; there is room, and a vector behind it.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn fill(runs: &Runs<'_>, first: usize, count: usize, pitch: usize, buffer: *mut u8) {
    let (len, offset) = (runs.inputs(), runs.offset + first * runs.step);
    if let [start] = runs.starts {
        // SAFETY: as the caller says.
        return unsafe { flip(start.add(offset), buffer, (count - 1) * runs.step + len) };
    }
    for pixel in 0..count {
        for (run, start) in runs.starts.iter().enumerate() {
            for at in (0..len).step_by(VECTOR) {
                // SAFETY: as the caller says. What is written behind a run is overwritten by the next one.
                unsafe {
                    let from = start.add(offset + pixel * runs.step + at);
                    vst1q_s8(buffer.add(pixel * pitch + run * len + at).cast(), flipped(vld1q_u8(from)));
                }
            }
        }
    }
}

/// Computes the sums of `count` pixels, a tile or more.
///
/// # Safety
/// They can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tiles<const CHANNELS: usize>(operands: Operands, count: usize, to: Target) {
    // SAFETY: as the caller says.
    unsafe {
        if to.channels == CHANNELS {
            sums::<CHANNELS>(operands, count / PIXELS, to.first.cast(), to.step);
        }
        // Pixels behind whole tiles, with some before them; all of them where channels do not fill a block.
        let mut first = if to.channels == CHANNELS { count / PIXELS * PIXELS } else { 0 };
        while first < count {
            let at = first.min(count - PIXELS);
            let mut buffer = [0i32; 16 * PIXELS];
            let operands = Operands { x: operands.x.add(at * operands.step), ..operands };
            sums::<CHANNELS>(operands, 1, buffer.as_mut_ptr(), 4 * CHANNELS);
            for pixel in 0..PIXELS {
                let from = buffer[pixel * CHANNELS..].as_ptr();
                to.first.add((at + pixel) * to.step).cast::<i32>().copy_from_nonoverlapping(from, to.channels);
            }
            first = at + PIXELS;
        }
    }
}

/// Computes the sums of a pixel, whose inputs are at `x`, and of N vectors of channels, of which there are `channels`. Every product goes
/// to the sums by itself.
///
/// # Safety
/// Inputs, and the one behind an odd number of them, weights and biases can be read, and the sums written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn pixel_of<const N: usize>(
    x: *const u8,
    inputs: usize,
    mut weights: *const u8,
    bias: *const i32,
    to: *mut i32,
    channels: usize,
) {
    // SAFETY: as the caller says.
    unsafe {
        let mut sums = [vdupq_n_s32(0); N];
        for v in 0..N {
            sums[v] = vld1q_s32(bias.add(4 * v));
        }
        for first in (0..inputs).step_by(2) {
            let both = vreinterpret_s8_u16(vdup_n_u16(x.add(first).cast::<u16>().read_unaligned()));
            for v in 0..N {
                sums[v] = vpadalq_s16(sums[v], vmull_s8(both, vld1_s8(weights.add(8 * v).cast())));
            }
            weights = weights.add(8 * N);
        }
        let mut all = [[0i32; 4]; N];
        for v in 0..N {
            vst1q_s32(all[v].as_mut_ptr(), sums[v]);
        }
        to.copy_from_nonoverlapping(all.as_ptr().cast(), channels);
    }
}

/// The sums of a pixel, one by one.
struct Sums<'r> {
    runs: Runs<'r>,
    /// Inputs of a run.
    len: usize,
    /// Those of a block of so many channels.
    weights: *const u8,
    block: usize,
}

impl Sums<'_> {
    /// The sum of a channel, whose inputs begin at `offset`.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn of(&self, offset: usize, channel: usize) -> i32 {
        let mut sum = 0i32;
        for (run, start) in self.runs.starts.iter().enumerate() {
            for index in 0..self.len {
                let input = run * self.len + index;
                // SAFETY: as the caller says; a channel's two weights lie side by side.
                unsafe {
                    let x = (*start.add(offset + index) ^ 0x80) as i8;
                    let w = *self.weights.add((input / 2 * self.block + channel) * 2 + input % 2) as i8;
                    sum = sum.wrapping_add(i32::from(x) * i32::from(w));
                }
            }
        }
        sum
    }
}
