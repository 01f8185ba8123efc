//! Depthwise 3 × 3 int8 convolution with byte dot products: 16 channels at a time, column by column.
//!
//! Input rows are read where they lie, or copied to a ring of padded rows, where bytes are flipped once. Of every column under the
//! window, three rows are interleaved by four table lookups (TBL), so that one dot product multiplies a channel of the column with the
//! weights of a kernel column; columns stay in registers while the window slides over them: 12 vectors of weights, 12 of columns, 4 of
//! sums and 4 of places in the table. The usual rows are in assembly, `tile_columns`: a compiler moves columns about, and spills some.

use super::finish::{ANY, EVEN, EVEN_SIGNED, Finish, finish, finish_pixel};
use super::neon::Rounding;
use super::padded::{Edges, PaddedRow, for_each_row, for_each_row_in_place};
use super::slide::{CHANNELS, Operands, Slide, Window};
use super::tile_columns;
use crate::kernels::vector::{Depthwise, Int8, Target, Task, rounding};
use core::arch::aarch64::*;

/// An instruction set with dot products of 16 bytes.
pub trait Dots: Int8<Sums = int32x4_t, Bytes = uint8x16_t, Weights = int8x16_t, Rounding = Rounding> {}

/// Computes some output rows.
#[inline(always)]
pub fn depthwise<I: Dots>(isa: I, depthwise: Depthwise<'_>) {
    let (step, constants) = (depthwise.step, depthwise.constants);
    let rounding = rounding(isa, step, depthwise.packed);
    let channels = step.y.channels as usize;
    let (whole, rest) = (channels / CHANNELS, channels % CHANNELS);
    let stride = step.window.stride[1] as usize;
    let in_assembly = stride <= 2 && rounding.is_plain();
    let slide_of = |row: PaddedRow<'_>, edges| {
        let &[a, b, c] = row.starts else { return None };
        let to = Target { first: row.y, step: step.y.stride as usize, channels: CHANNELS };
        Some(Slide { rows: [a, b, c], column: channels, pixels: step.y.width as usize, edges, constants, rounding, to })
    };
    if in_assembly && let Some(edges) = Edges::of(step, I::FLIP, CHANNELS as u32) {
        return for_each_row_in_place(depthwise, edges, |row| {
            let Some(slide) = slide_of(row, edges) else { return };
            // SAFETY: the rows hold the window at every place but the edges; channels are whole chunks, behind which nothing is read;
            // constants are packed chunk after chunk; the row of results can be written.
            #[allow(unsafe_code)]
            unsafe {
                slide.in_assembly::<I, ThreeRows>(stride, whole);
            }
        });
    }
    for_each_row(depthwise, I::FLIP, |row| {
        let Some(slide) = slide_of(row, Edges::default()) else { return };
        // SAFETY: the rows hold the window at every place, and slack behind it; constants are packed chunk after chunk; the
        // row of results can be written.
        #[allow(unsafe_code)]
        unsafe {
            if whole > 0 && in_assembly {
                slide.in_assembly::<I, ThreeRows>(stride, whole);
            } else {
                (0..whole).for_each(|chunk| of_chunk(isa, slide.after(chunk, 12 * I::WEIGHT_BYTES, CHANNELS), stride));
            }
            if rest > 0 {
                of_chunk(isa, slide.after(whole, 12 * I::WEIGHT_BYTES, rest), stride);
            }
        }
    });
}

/// Computes the row of a single chunk.
///
/// # Safety
/// Its rows and constants can be read, its results written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn of_chunk<I: Dots>(isa: I, slide: Slide<3>, stride: usize) {
    let Slide { ref rounding, to, .. } = slide;
    // SAFETY: as the caller says.
    unsafe {
        match (stride, to.channels) {
            (1, 8) if rounding.is_even() && rounding.is_signed() => isa.invoke(Of::<1, 2, EVEN_SIGNED>(slide)),
            (2, 8) if rounding.is_even() && rounding.is_signed() => isa.invoke(Of::<2, 2, EVEN_SIGNED>(slide)),
            (1, 8) if rounding.is_even() => isa.invoke(Of::<1, 2, EVEN>(slide)),
            (2, 8) if rounding.is_even() => isa.invoke(Of::<2, 2, EVEN>(slide)),
            (1 | 2, _) if rounding.is_plain() => slide.in_assembly::<I, ThreeRows>(stride, 1),
            (1, _) => isa.invoke(Of::<1, 4, ANY>(slide)),
            (2, _) => isa.invoke(Of::<2, 4, ANY>(slide)),
            _ => isa.invoke(Far(slide, stride)),
        }
    }
}

/// A column: four channels in each vector, the three rows of each side by side.
type Column = [uint8x16_t; 4];

/// Where the bytes of a column lie in its three rows. The fourth byte of a channel, whose weight is 0, is the third once more.
static PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        let row = if i % 4 < 3 { i % 4 } else { 2 };
        places[i] = (16 * row + i / 4) as u8;
        i += 1;
    }
    places
};

/// The window in assembly.
struct ThreeRows;

impl Window<3> for ThreeRows {
    const PLACES: &'static [u8; 64] = &PLACES;

    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn row<const STRIDE: usize, const SIGNED: bool>(operands: Operands<3>, pixels: usize, finish: Finish) {
        // SAFETY: as the caller says.
        unsafe { tile_columns::row::<STRIDE, SIGNED>(operands, pixels, finish) }
    }
}

impl Slide<3> {
    /// Reads column `index`.
    ///
    /// # Safety
    /// There is such a column.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn column(&self, places: Column, index: usize) -> Column {
        let [a, b, c] = self.rows;
        // SAFETY: as the caller says.
        unsafe {
            let at = index * self.column;
            let rows = uint8x16x3_t(vld1q_u8(a.add(at)), vld1q_u8(b.add(at)), vld1q_u8(c.add(at)));
            [
                vqtbl3q_u8(rows, places[0]),
                vqtbl3q_u8(rows, places[1]),
                vqtbl3q_u8(rows, places[2]),
                vqtbl3q_u8(rows, places[3]),
            ]
        }
    }

    /// [`PLACES`] as vectors.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn places() -> Column {
        // SAFETY: all four are within the constant.
        unsafe {
            let mut places = [vdupq_n_u8(0); 4];
            for v in 0..4 {
                places[v] = vld1q_u8(PLACES.as_ptr().add(16 * v));
            }
            places
        }
    }

    /// The weights of the three kernel columns.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn weights(&self) -> [[int8x16_t; 4]; 3] {
        // SAFETY: as the caller says.
        unsafe {
            let mut weights = [[vdupq_n_s8(0); 4]; 3];
            for column in 0..3 {
                for v in 0..4 {
                    weights[column][v] = vld1q_s8(self.constants.weights.add((column * 4 + v) * 16).cast());
                }
            }
            weights
        }
    }

    /// Computes N vectors of channels of a pixel from the columns under the window.
    ///
    /// # Safety
    /// It can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn pixel<I: Dots, const N: usize, const HOW: u8>(
        &self,
        isa: I,
        pixel: usize,
        columns: [Column; 3],
        weights: [[int8x16_t; 4]; 3],
    ) {
        // SAFETY: as the caller says; a chunk has so many biases and multipliers.
        unsafe {
            let (mut sums, mut by) = ([vdupq_n_s32(0); N], [vdupq_n_f32(0.0); N]);
            for v in 0..N {
                sums[v] = vld1q_s32(self.constants.bias.add(v * 4));
                by[v] = vld1q_f32(self.constants.multiplier.add(v * 4));
                for column in 0..3 {
                    sums[v] = isa.dot(sums[v], columns[column][v], weights[column][v]);
                }
            }
            let to = Target { first: self.to.first.add(pixel * self.to.step), ..self.to };
            match HOW {
                EVEN => finish_pixel::<N, true, false>(sums, by, &self.rounding, to.first),
                EVEN_SIGNED => finish_pixel::<N, true, true>(sums, by, &self.rounding, to.first),
                _ => finish::<1, N, false>([sums], by, &self.rounding, to),
            }
        }
    }
}

/// A window that moves by STRIDE columns, 1 or 2, over N vectors of channels. It is a task of its own, so that its loop has all
/// registers to itself.
struct Of<const STRIDE: usize, const N: usize, const HOW: u8>(Slide<3>);

impl<I: Dots, const STRIDE: usize, const N: usize, const HOW: u8> Task<I> for Of<STRIDE, N, HOW> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let slide = self.0;
        // SAFETY: as who made it said.
        unsafe {
            let (weights, places) = (slide.weights(), Slide::<3>::places());
            let mut a = slide.column(places, 0);
            let mut pixel = 0;
            if STRIDE == 1 {
                let mut b = slide.column(places, 1);
                // Three pixels at a time, so that columns need not move between registers.
                while pixel + 3 <= slide.pixels {
                    let c = slide.column(places, pixel + 2);
                    slide.pixel::<I, N, HOW>(isa, pixel, [a, b, c], weights);
                    a = slide.column(places, pixel + 3);
                    slide.pixel::<I, N, HOW>(isa, pixel + 1, [b, c, a], weights);
                    b = slide.column(places, pixel + 4);
                    slide.pixel::<I, N, HOW>(isa, pixel + 2, [c, a, b], weights);
                    pixel += 3;
                }
                while pixel < slide.pixels {
                    let c = slide.column(places, pixel + 2);
                    slide.pixel::<I, N, HOW>(isa, pixel, [a, b, c], weights);
                    (a, b) = (b, c);
                    pixel += 1;
                }
            } else {
                while pixel < slide.pixels {
                    let b = slide.column(places, 2 * pixel + 1);
                    let c = slide.column(places, 2 * pixel + 2);
                    slide.pixel::<I, N, HOW>(isa, pixel, [a, b, c], weights);
                    a = c;
                    pixel += 1;
                }
            }
        }
    }
}

/// A window that moves by more.
struct Far(Slide<3>, usize);

impl<I: Dots> Task<I> for Far {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let Far(slide, stride) = self;
        for pixel in 0..slide.pixels {
            let first = pixel * stride;
            // SAFETY: as who made it said.
            unsafe {
                let (weights, places) = (slide.weights(), Slide::<3>::places());
                let mut columns = [slide.column(places, first); 3];
                for (index, column) in columns.iter_mut().enumerate().skip(1) {
                    *column = slide.column(places, first + index);
                }
                slide.pixel::<I, 4, ANY>(isa, pixel, columns, weights);
            }
        }
    }
}
