//! Depthwise int8 convolution: byte dot products down the columns of the window.
//!
//! Rows are interleaved by fours, so that one dot product multiplies a channel of four rows with the four weights of one
//! kernel column. Where a window of up to three rows moves down by one row at a time, two output rows are computed from the
//! same four rows, the second with its weights delayed by one. Channels are worked on in chunks whose pixels fill vectors
//! evenly, so that the lanes of every block of four vectors belong to the same channels, and weights stay in registers
//! along a row.

use super::Task;
use super::convolution_int8::rounding;
use super::int8::{Int8, load_floats, load_sums, load_weights};
use super::layout::{Chunk, MAX_RUNS, chunks};
use super::product::{Constants, Target};
use super::quads::Quads;
use super::ring::{Source, by_image};
use super::round::round_four;
use super::scratch;
use crate::kernels::Packed;
use crate::plan::step::ConvolutionInt8;
use core::ops::Range;

/// Some output rows of a depthwise convolution.
pub struct Depthwise<'d> {
    pub step: &'d ConvolutionInt8,
    pub x: &'d [u8],
    /// Output rows, those of all images counted through.
    pub rows: Range<usize>,
    /// The elements of those rows.
    pub y: &'d mut [u8],
    pub packed: Packed<'d>,
    pub constants: Constants,
    pub scratch: &'d mut [u8],
}

/// A sweep along an output row.
#[derive(Clone, Copy)]
struct Sweep<'s> {
    /// The interleaved rows.
    quads: *const u8,
    /// Where each dot product's first operand lies in them.
    offsets: &'s [usize],
    constants: Constants,
    y: *mut u8,
    /// Columns from one place of the window to the next.
    stride: usize,
    /// Bytes from one output pixel to the next.
    step: usize,
    pixels: usize,
    channels: usize,
}

impl<I: Int8> Task<I> for Depthwise<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Depthwise { step, x, rows, y, packed, mut constants, scratch } = self;
        let rounding = rounding(isa, step, packed);
        let height = step.y.height as usize;
        for chunk in chunks(step.y.channels as usize, I::LANES) {
            let memory = scratch::Depthwise::new(step, chunk.pitch, I::LANES);
            let mut offsets = [0; MAX_RUNS];
            let taps = tap_offsets(step, &memory, chunk.pitch, &mut offsets);
            for (image, rows, before) in by_image(rows.clone(), height) {
                let part = ImageRows { chunk, image, rows };
                let y = &mut y[before * step.y.width as usize * step.y.stride as usize..];
                part.run(isa, step, &memory, taps, x, y, constants, rounding, scratch);
            }
            // SAFETY: constants are packed chunk after chunk.
            #[allow(unsafe_code)]
            unsafe {
                constants.weights = constants.weights.add(taps.len() * 4 * I::WEIGHT_BYTES);
                constants.bias = constants.bias.add(4 * I::LANES);
                constants.multiplier = constants.multiplier.add(4 * I::LANES);
            }
        }
    }
}

/// Where the operands of the dot products lie: by group of kernel rows, then by kernel column.
#[inline(always)]
fn tap_offsets<'o>(
    step: &ConvolutionInt8,
    memory: &scratch::Depthwise,
    pitch: usize,
    offsets: &'o mut [usize; MAX_RUNS],
) -> &'o [usize] {
    let (columns, dilation) = (step.window.kernel[1] as usize, step.window.dilation[1] as usize);
    let taps = &mut offsets[..memory.groups * columns];
    for (index, offset) in taps.iter_mut().enumerate() {
        let (group, column) = (index / columns, index % columns);
        *offset = group * memory.group_len + column * dilation * pitch * 4;
    }
    taps
}

/// Output rows of one image in one chunk of channels.
struct ImageRows {
    chunk: Chunk,
    image: usize,
    rows: Range<usize>,
}

impl ImageRows {
    #[inline(always)]
    fn run<I: Int8>(
        &self,
        isa: I,
        step: &ConvolutionInt8,
        memory: &scratch::Depthwise,
        taps: &[usize],
        x: &[u8],
        y: &mut [u8],
        constants: Constants,
        rounding: I::Rounding,
        scratch: &mut [u8],
    ) {
        let (chunk, window, height) = (self.chunk, &step.window, step.x.height as usize);
        let source = Source::new(x, &step.x, self.image, chunk.start..chunk.start + chunk.channels);
        let scratch = &mut scratch[..memory.len()];
        let (pad, columns, padding) = (window.pad[1] as usize, memory.columns, step.x_zero as u8);
        for elements in scratch.chunks_exact_mut(memory.group_len) {
            Quads { elements, chunk, pad, columns, padding }.clear(I::FLIP);
        }
        let (stride, dilation) = (window.stride[0] as usize, window.dilation[0] as usize);
        let (pixels, pixel_step) = (step.y.width as usize, step.y.stride as usize);
        let mut row = self.rows.start;
        while row < self.rows.end {
            for (group, elements) in scratch.chunks_exact_mut(memory.group_len).enumerate() {
                // Rows behind the window's last have weights of 0, so it does not matter what they hold.
                let mut rows = [None; 4];
                for (index, from) in rows.iter_mut().enumerate() {
                    let down = (group * 4 + index) * dilation;
                    let inside = |from: &usize| down < memory.rows && *from < height;
                    *from = (row * stride + down).checked_sub(window.pad[0] as usize).filter(inside);
                }
                Quads { elements, chunk, pad, columns, padding }.fill(isa, &source, rows);
            }
            for delay in 0..memory.at_once.min(self.rows.end - row) {
                let begin = (row + delay - self.rows.start) * pixels * pixel_step + chunk.start;
                // The last element that is written.
                assert!(begin + (pixels - 1) * pixel_step + chunk.channels <= y.len(), "the output is too small");
                let sweep = Sweep {
                    quads: scratch.as_ptr(),
                    offsets: taps,
                    constants,
                    // SAFETY: inside, as was just seen.
                    #[allow(unsafe_code)]
                    y: unsafe { y.as_mut_ptr().add(begin) },
                    stride: window.stride[1] as usize,
                    step: pixel_step,
                    pixels,
                    channels: chunk.channels,
                };
                // SAFETY: taps and blocks lie inside the interleaved rows, whose length has a block of slack for the last
                // one; the constants are those of this chunk; the pixels can be written, as was just seen.
                match (chunk.pitch / I::LANES, sweep.stride == 1) {
                    (1, true) => sweep.invoke::<I, 1, true>(isa, delay > 0, rounding),
                    (1, false) => sweep.invoke::<I, 1, false>(isa, delay > 0, rounding),
                    (2, true) => sweep.invoke::<I, 2, true>(isa, delay > 0, rounding),
                    (2, false) => sweep.invoke::<I, 2, false>(isa, delay > 0, rounding),
                    _ => sweep.invoke::<I, 4, true>(isa, delay > 0, rounding),
                }
            }
            row += memory.at_once;
        }
    }
}

/// A sweep of pixels of N vectors. CLOSE: the vectors of a block lie side by side. DELAY: this is the second of two rows.
///
/// It is a task of its own, so that its loop has all registers to itself.
struct SweepTask<'s, I: Int8, const N: usize, const CLOSE: bool, const DELAY: bool> {
    sweep: Sweep<'s>,
    rounding: I::Rounding,
}

impl Sweep<'_> {
    #[inline(always)]
    fn invoke<I: Int8, const N: usize, const CLOSE: bool>(self, isa: I, delay: bool, rounding: I::Rounding) {
        if delay {
            isa.invoke(SweepTask::<I, N, CLOSE, true> { sweep: self, rounding });
        } else {
            isa.invoke(SweepTask::<I, N, CLOSE, false> { sweep: self, rounding });
        }
    }
}

impl<I: Int8, const N: usize, const CLOSE: bool, const DELAY: bool> Task<I> for SweepTask<'_, I, N, CLOSE, DELAY> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let Sweep { quads, offsets, constants, pixels, .. } = self.sweep;
        let blocks = (pixels * N).div_ceil(4);
        // Bytes from one block to the next.
        let advance = 4 * self.sweep.stride * 4 * I::LANES;
        // SAFETY: behind every offset the interleaved rows hold as many whole blocks as the pixels take, and the channels
        // of every pixel can be written; who made the sweep saw to that.
        unsafe {
            let by = load_floats::<I, 4>(isa, constants.multiplier);
            if let &[first, second, third] = offsets {
                // The usual window: its weights stay in registers.
                let (a, b, c) = (self.weights(isa, 0), self.weights(isa, 1), self.weights(isa, 2));
                let mut block = 0;
                while block < blocks {
                    // Two blocks at a time where registers allow: one's products are under way while the other is rounded.
                    let pair = I::MANY_REGISTERS && block + 2 <= blocks;
                    let mut sums = [load_sums::<I, 4>(isa, constants.bias); 2];
                    for (tap, weights) in [(first, a), (second, b), (third, c)] {
                        let quads = quads.add(tap + block * advance);
                        self.add(isa, quads, weights, &mut sums[0]);
                        if pair {
                            self.add(isa, quads.add(advance), weights, &mut sums[1]);
                        }
                    }
                    self.store(isa, sums[0], by, block);
                    if pair {
                        self.store(isa, sums[1], by, block + 1);
                    }
                    block += if pair { 2 } else { 1 };
                }
            } else {
                for block in 0..blocks {
                    let mut sums = load_sums::<I, 4>(isa, constants.bias);
                    for (tap, offset) in offsets.iter().enumerate() {
                        let weights = self.weights(isa, tap);
                        self.add(isa, quads.add(offset + block * advance), weights, &mut sums);
                    }
                    self.store(isa, sums, by, block);
                }
            }
        }
    }
}

impl<I: Int8, const N: usize, const CLOSE: bool, const DELAY: bool> SweepTask<'_, I, N, CLOSE, DELAY> {
    /// Adds the products of one tap to the sums of a block.
    ///
    /// # Safety
    /// The block can be read from `quads` on.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn add(&self, isa: I, quads: *const u8, weights: [I::Weights; 4], sums: &mut [I::Sums; 4]) {
        for v in 0..4 {
            let vector = if CLOSE { v } else { v / N * self.sweep.stride * N + v % N };
            // SAFETY: as the caller says.
            sums[v] = isa.dot(sums[v], unsafe { isa.bytes(quads.add(vector * 4 * I::LANES)) }, weights[v]);
        }
    }

    /// The weights of a tap.
    ///
    /// # Safety
    /// There is such a tap.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn weights(&self, isa: I, tap: usize) -> [I::Weights; 4] {
        let at = self.sweep.constants.weights.wrapping_add(tap * 4 * I::WEIGHT_BYTES);
        // SAFETY: the constants are packed tap after tap.
        let mut weights = unsafe { load_weights::<I, 4>(isa, at) };
        if DELAY {
            for weights in &mut weights {
                *weights = isa.delay(*weights);
            }
        }
        weights
    }

    /// Rounds a block and writes its pixels. Where it is one pixel, its channels are in the order of
    /// [`lane_channel`](super::layout::lane_channel), which narrowing undoes.
    ///
    /// # Safety
    /// The channels of every pixel that there is can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn store(&self, isa: I, sums: [I::Sums; 4], by: [I::Floats; 4], block: usize) {
        let Sweep { y, step, pixels, channels, .. } = self.sweep;
        let first = block * (4 / N);
        let to = Target { first: y, step, channels }.skip(first);
        // SAFETY: only pixels that there are.
        unsafe { round_four::<I, N>(isa, sums, by, self.rounding, to, pixels - first) }
    }
}
