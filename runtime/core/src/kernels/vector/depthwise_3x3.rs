//! Depthwise 3 × 3 int8 convolution where registers are many: the columns under the window stay in them.
//!
//! The window slides along a row; each column that it comes upon is read once, its rows interleaved by fours, so that one
//! dot product multiplies a channel of the column with the weights of a kernel column. Where the window moves down by one row
//! at a time, two output rows are computed from the same four rows, the second with its weights delayed by one. Where a
//! chunk of channels fills only a half or a quarter of the vectors, they hold that chunk of two or four *sets* of rows, as
//! if these were further channels.

use super::Task;
use super::convolution_int8::rounding;
use super::depthwise_int8::Depthwise;
use super::int8::{Int8, load_floats, load_sums, load_weights};
use super::layout::{Chunk, chunks};
use super::product::Constants;
use super::ring::by_image;
use super::scratch;
use crate::plan::step::ConvolutionInt8;
use core::ops::Range;

/// Some output rows of a depthwise 3 × 3 convolution; see [`slides`](super::layout::slides).
pub struct Depthwise3x3<'d>(pub Depthwise<'d>);

impl<I: Int8> Task<I> for Depthwise3x3<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Depthwise { step, x, rows, y, packed, mut constants, scratch } = self.0;
        let rounding = rounding(isa, step, packed);
        let height = step.y.height as usize;
        for chunk in chunks(step.y.channels as usize, I::LANES) {
            let spare = SpareRows::new(step, chunk, x, scratch);
            for (image, rows, before) in by_image(rows.clone(), height) {
                let part = ImageRows { step, x, chunk, image, spare: &spare, constants };
                let y = &mut y[before * step.y.width as usize * step.y.stride as usize..];
                part.run(isa, rows, y, rounding);
            }
            // SAFETY: constants are packed chunk after chunk.
            #[allow(unsafe_code)]
            unsafe {
                constants.weights = constants.weights.add(3 * 4 * I::WEIGHT_BYTES);
                constants.bias = constants.bias.add(4 * I::LANES);
                constants.multiplier = constants.multiplier.add(4 * I::LANES);
            }
        }
    }
}

/// Rows that are not read where they lie: one of padding, and copies of the last ones of the input where reading whole
/// vectors would run over its end.
struct SpareRows<'s> {
    rows: &'s [u8],
    /// Bytes of one.
    len: usize,
    /// The first input row, those of all images counted through, that is a copy.
    first_copy: usize,
}

impl<'s> SpareRows<'s> {
    fn new(step: &ConvolutionInt8, chunk: Chunk, x: &[u8], scratch: &'s mut [u8]) -> Self {
        let (width, stride) = (step.x.width as usize, step.x.stride as usize);
        let total = step.x.batch as usize * step.x.height as usize;
        let len = scratch::spare_row_len(step, chunk.pitch);
        let copies = scratch::copied_rows(step, chunk);
        let (padding, copied) = scratch[..(1 + copies) * len].split_at_mut(len);
        padding.fill(step.x_zero as u8);
        for (index, to) in copied.chunks_exact_mut(len).enumerate() {
            // Images of fewer rows than that have none at the front.
            let Some(row) = (total + index).checked_sub(copies) else { continue };
            let from = &x[chunk.start + row * width * stride..][..(width - 1) * stride + chunk.channels];
            to[..from.len()].copy_from_slice(from);
            to[from.len()..].fill(0);
        }
        SpareRows { rows: &scratch[..(1 + copies) * len], len, first_copy: total.saturating_sub(copies) }
    }
}

/// Output rows of one image in one chunk of channels.
struct ImageRows<'i> {
    step: &'i ConvolutionInt8,
    x: &'i [u8],
    chunk: Chunk,
    image: usize,
    spare: &'i SpareRows<'i>,
    constants: Constants,
}

impl ImageRows<'_> {
    #[inline(always)]
    fn run<I: Int8>(&self, isa: I, rows: Range<usize>, y: &mut [u8], rounding: I::Rounding) {
        let stride = self.step.window.stride;
        match (self.chunk.pitch / I::LANES, stride) {
            (1, [1, 1]) => self.slide::<I, 1, 2, 1>(isa, rows, y, rounding),
            (1, [_, 1]) => self.slide::<I, 1, 1, 1>(isa, rows, y, rounding),
            (1, [_, 2]) => self.slide::<I, 1, 1, 2>(isa, rows, y, rounding),
            (1, _) => self.slide::<I, 1, 1, 3>(isa, rows, y, rounding),
            (2, [1, 1]) => self.slide::<I, 2, 2, 1>(isa, rows, y, rounding),
            (2, [_, 1]) => self.slide::<I, 2, 1, 1>(isa, rows, y, rounding),
            (2, [_, 2]) => self.slide::<I, 2, 1, 2>(isa, rows, y, rounding),
            (2, _) => self.slide::<I, 2, 1, 3>(isa, rows, y, rounding),
            (_, [1, 1]) => self.slide::<I, 4, 2, 1>(isa, rows, y, rounding),
            (_, [_, 1]) => self.slide::<I, 4, 1, 1>(isa, rows, y, rounding),
            (_, [_, 2]) => self.slide::<I, 4, 1, 2>(isa, rows, y, rounding),
            (_, _) => self.slide::<I, 4, 1, 3>(isa, rows, y, rounding),
        }
    }

    /// Slides along all rows: pixels of N vectors, R output rows a set, and a window that moves by S columns, or by more
    /// where S is 3.
    #[inline(always)]
    fn slide<I: Int8, const N: usize, const R: usize, const S: usize>(
        &self,
        isa: I,
        rows: Range<usize>,
        y: &mut [u8],
        rounding: I::Rounding,
    ) {
        let (step, chunk, sets) = (self.step, self.chunk, 4 / N);
        let (places, y_step) = (step.y.width as usize, step.y.stride as usize);
        for first in rows.clone().step_by(R * sets) {
            let (mut from, mut to) = ([[self.spare.rows.as_ptr(); 4]; 4], [[core::ptr::null_mut(); 4]; R]);
            for set in 0..sets {
                let row = first + set * R;
                for (r, to) in to.iter_mut().enumerate().take_while(|&(r, _)| row + r < rows.end) {
                    let row = &mut y[(row + r - rows.start) * places * y_step + chunk.start..];
                    // The last element that is written.
                    assert!((places - 1) * y_step + chunk.channels <= row.len(), "the output is too small");
                    to[set] = row.as_mut_ptr();
                }
                for (down, from) in from[set].iter_mut().enumerate().filter(|_| row < rows.end) {
                    *from = self.input_row(row * step.window.stride[0] as usize + down);
                }
            }
            let slide = Slide { from, to, step, channels: chunk.channels, constants: self.constants, rounding };
            isa.invoke::<Slide<'_, I, N, R, S>>(slide);
        }
    }

    /// Where an input row begins, counted from the first row of padding on.
    #[inline(always)]
    fn input_row(&self, row: usize) -> *const u8 {
        let (height, width) = (self.step.x.height as usize, self.step.x.width as usize);
        let inside = row.checked_sub(self.step.window.pad[0] as usize).filter(|&row| row < height);
        let Some(row) = inside.map(|row| self.image * height + row) else { return self.spare.rows.as_ptr() };
        match row.checked_sub(self.spare.first_copy) {
            Some(copy) => self.spare.rows[(1 + copy) * self.spare.len..].as_ptr(),
            None => self.x[self.chunk.start + row * width * self.step.x.stride as usize..].as_ptr(),
        }
    }
}

/// Sliding along the rows of 4 / N sets; see [`ImageRows::slide`]. It is a task of its own, so that its loop has all
/// registers to itself.
struct Slide<'s, I: Int8, const N: usize, const R: usize, const S: usize> {
    /// The first pixel of the four input rows of every set.
    from: [[*const u8; 4]; 4],
    /// The first pixel of the output rows of every set; null where there is no such row.
    to: [[*mut u8; 4]; R],
    step: &'s ConvolutionInt8,
    channels: usize,
    constants: Constants,
    rounding: I::Rounding,
}

impl<I: Int8, const N: usize, const R: usize, const S: usize> Task<I> for Slide<'_, I, N, R, S> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let (places, stride) = (self.step.y.width as usize, self.step.window.stride[1] as usize);
        // SAFETY: every input row can be read a vector at a time at all its pixels, and every output row that is there can
        // be written; who made this saw to both.
        unsafe {
            let mut weights = [load_weights::<I, 4>(isa, self.constants.weights); 3];
            for tap in 1..3 {
                weights[tap] = load_weights::<I, 4>(isa, self.constants.weights.add(tap * 4 * I::WEIGHT_BYTES));
            }
            let mut delayed = weights;
            for v in 0..4 {
                for delayed in &mut delayed {
                    delayed[v] = isa.delay(delayed[v]);
                }
            }
            let by = load_floats::<I, 4>(isa, self.constants.multiplier);
            let mut a = self.column(isa, 0);
            let mut b = if S == 1 { self.column(isa, 1) } else { a };
            for place in 0..places {
                let first = place * stride;
                if S > 2 {
                    a = self.column(isa, first);
                }
                if S > 1 {
                    b = self.column(isa, first + 1);
                }
                let c = self.column(isa, first + 2);
                self.write(isa, 0, place, self.products(isa, [a, b, c], weights), by);
                if R == 2 {
                    self.write(isa, R - 1, place, self.products(isa, [a, b, c], delayed), by);
                }
                (a, b) = if S == 1 { (b, c) } else { (c, b) };
            }
        }
    }
}

impl<I: Int8, const N: usize, const R: usize, const S: usize> Slide<'_, I, N, R, S> {
    /// A column, counted from the first one of padding on.
    ///
    /// # Safety
    /// As [`run`](Task::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn column(&self, isa: I, column: usize) -> [I::Bytes; 4] {
        let column = column.wrapping_sub(self.step.window.pad[1] as usize);
        if column >= self.step.x.width as usize {
            return [isa.flip(isa.splat(u32::from_ne_bytes([self.step.x_zero as u8; 4]))); 4];
        }
        let (from, at) = (&self.from, column * self.step.x.stride as usize);
        // SAFETY: the column is one of the rows' pixels. Rows of chunks of four vectors, which have one set, are those of
        // the first set.
        unsafe {
            let mut rows = [isa.flip(isa.pixels::<N>(at_row(from, 0, at))); 4];
            for row in 1..4 {
                rows[row] = isa.flip(isa.pixels::<N>(at_row(from, row, at)));
            }
            isa.interleave::<false>(rows)
        }
    }

    /// The sums of one output row.
    ///
    /// # Safety
    /// As [`run`](Task::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn products(&self, isa: I, columns: [[I::Bytes; 4]; 3], weights: [[I::Weights; 4]; 3]) -> [I::Sums; 4] {
        // SAFETY: a chunk has so many biases.
        let mut sums = unsafe { load_sums::<I, 4>(isa, self.constants.bias) };
        for tap in 0..3 {
            for v in 0..4 {
                sums[v] = isa.dot(sums[v], columns[tap][v], weights[tap][v]);
            }
        }
        sums
    }

    /// Rounds the sums of output row `row` of every set and writes them.
    ///
    /// # Safety
    /// As [`run`](Task::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn write(&self, isa: I, row: usize, place: usize, sums: [I::Sums; 4], by: [I::Floats; 4]) {
        let bytes = isa.narrow::<false>(sums, by, self.rounding);
        let (to, at) = (&self.to[row], place * self.step.y.stride as usize);
        // SAFETY: only rows that are there.
        unsafe {
            if !to[0].is_null() {
                isa.store::<N, 0>(bytes, to[0].add(at), self.channels);
            }
            if N < 4 && !to[1].is_null() {
                isa.store::<N, 1>(bytes, to[1].add(at), self.channels);
            }
            if N == 1 && !to[2].is_null() {
                isa.store::<N, 2>(bytes, to[2].add(at), self.channels);
            }
            if N == 1 && !to[3].is_null() {
                isa.store::<N, 3>(bytes, to[3].add(at), self.channels);
            }
        }
    }
}

/// A pixel of one row of every set.
#[inline(always)]
fn at_row(from: &[[*const u8; 4]; 4], row: usize, at: usize) -> [*const u8; 4] {
    let [a, b, c, d] = from;
    [a[row].wrapping_add(at), b[row].wrapping_add(at), c[row].wrapping_add(at), d[row].wrapping_add(at)]
}
