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
use super::product::Constants;
use super::quads::Quads;
use super::ring::Source;
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

/// What a sweep along an output row needs besides the instruction set.
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
            let mut done = rows.start;
            while done < rows.end {
                // The rows of one image.
                let image = done / height;
                let end = rows.end.min((image + 1) * height);
                let part = ImageRows { chunk, image, rows: done - image * height..end - image * height };
                let y = &mut y[(done - rows.start) * step.y.width as usize * step.y.stride as usize..];
                part.run(isa, step, &memory, taps, x, y, constants, rounding, scratch);
                done = end;
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
            Quads { elements, chunk, pad, columns, padding }.clear();
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
                #[allow(unsafe_code)]
                unsafe {
                    match (chunk.pitch / I::LANES, delay) {
                        (1, 0) => sweep.run::<I, 1, false>(isa, rounding),
                        (1, _) => sweep.run::<I, 1, true>(isa, rounding),
                        (2, 0) => sweep.run::<I, 2, false>(isa, rounding),
                        (2, _) => sweep.run::<I, 2, true>(isa, rounding),
                        (_, 0) => sweep.run::<I, 4, false>(isa, rounding),
                        (_, _) => sweep.run::<I, 4, true>(isa, rounding),
                    }
                }
            }
            row += memory.at_once;
        }
    }
}

/// Rounds a block. Where it is one pixel, its channels stay in the order of [`lane_channel`].
#[inline(always)]
fn narrow<I: Int8, const N: usize>(isa: I, sums: [I::Sums; 4], by: [I::Floats; 4], rounding: I::Rounding) -> I::Bytes {
    if N == 4 { isa.narrow::<false>(sums, by, rounding) } else { isa.narrow::<true>(sums, by, rounding) }
}

impl Sweep<'_> {
    /// Computes one output row of pixels of N vectors. DELAY: it is the second of two rows.
    ///
    /// # Safety
    /// Behind every offset the interleaved rows hold as many whole blocks of four vectors as the pixels take, and the
    /// channels of every pixel can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn run<I: Int8, const N: usize, const DELAY: bool>(&self, isa: I, rounding: I::Rounding) {
        let constants = &self.constants;
        // SAFETY: reads and writes are those that the caller allows.
        unsafe {
            let by = load_floats::<I, 4>(isa, constants.multiplier);
            let blocks = (self.pixels * N).div_ceil(4);
            if let &[first, second, third] = self.offsets {
                // The usual window: its weights stay in registers.
                let [a, b, c] = [
                    self.weights::<I, DELAY>(isa, 0),
                    self.weights::<I, DELAY>(isa, 1),
                    self.weights::<I, DELAY>(isa, 2),
                ];
                for block in 0..blocks {
                    let mut sums = load_sums::<I, 4>(isa, constants.bias);
                    for v in 0..4 {
                        let quads = self.vector::<I, N>(block, v);
                        sums[v] = isa.dot(sums[v], isa.bytes(quads.add(first)), a[v]);
                        sums[v] = isa.dot(sums[v], isa.bytes(quads.add(second)), b[v]);
                        sums[v] = isa.dot(sums[v], isa.bytes(quads.add(third)), c[v]);
                    }
                    self.store::<I, N>(isa, narrow::<I, N>(isa, sums, by, rounding), block);
                }
            } else {
                for block in 0..blocks {
                    let mut sums = load_sums::<I, 4>(isa, constants.bias);
                    for (tap, offset) in self.offsets.iter().enumerate() {
                        let weights = self.weights::<I, DELAY>(isa, tap);
                        for v in 0..4 {
                            let quads = self.vector::<I, N>(block, v).add(*offset);
                            sums[v] = isa.dot(sums[v], isa.bytes(quads), weights[v]);
                        }
                    }
                    self.store::<I, N>(isa, narrow::<I, N>(isa, sums, by, rounding), block);
                }
            }
        }
    }

    /// Where vector `v` of a block begins in the interleaved rows, for a tap in column 0.
    #[inline(always)]
    fn vector<I: Int8, const N: usize>(&self, block: usize, v: usize) -> *const u8 {
        let column = (block * (4 / N) + v / N) * self.stride;
        self.quads.wrapping_add((column * N + v % N) * 4 * I::LANES)
    }

    /// The weights of a tap.
    ///
    /// # Safety
    /// There is such a tap.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn weights<I: Int8, const DELAY: bool>(&self, isa: I, tap: usize) -> [I::Weights; 4] {
        // SAFETY: the constants are packed tap after tap.
        let mut weights = unsafe { load_weights::<I, 4>(isa, self.constants.weights.add(tap * 4 * I::WEIGHT_BYTES)) };
        if DELAY {
            for weights in &mut weights {
                *weights = isa.delay(*weights);
            }
        }
        weights
    }

    /// Writes the pixels of a block.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn store<I: Int8, const N: usize>(&self, isa: I, bytes: I::Bytes, block: usize) {
        let first = block * (4 / N);
        let left = self.pixels - first;
        // SAFETY: only pixels that there are.
        unsafe {
            if self.step == self.channels && self.channels == N * I::LANES && left >= 4 / N {
                return isa.store::<4, 0>(bytes, self.y.add(first * self.step), 4 * I::LANES);
            }
            let at = self.y.add(first * self.step);
            isa.store::<N, 0>(bytes, at, self.channels);
            if N < 4 && left > 1 {
                isa.store::<N, 1>(bytes, at.add(self.step), self.channels);
            }
            if N == 1 && left > 2 {
                isa.store::<N, 2>(bytes, at.add(2 * self.step), self.channels);
            }
            if N == 1 && left > 3 {
                isa.store::<N, 3>(bytes, at.add(3 * self.step), self.channels);
            }
        }
    }
}
