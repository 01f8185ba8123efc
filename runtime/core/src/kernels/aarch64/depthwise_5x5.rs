//! Depthwise 5 × 5 int8 convolution with byte dot products: 16 channels at a time, column by column.
//!
//! Of every column under the window, the upper four rows are interleaved by table lookups (TBL), so that one dot product multiplies
//! four rows of a channel; columns stay in registers while the window slides over them. The fifth row takes two dot products more:
//! one of its first four columns, and one, with three weights of 0, of its last four. That makes 28 products for 16 channels where 25
//! taps by themselves would be 50 and as many widening additions. The usual rows are in assembly, `tile_5x5`.
//!
//! Weights: `[16 channels][product][channel][input]`, where the products are the five columns, and the fifth row's two.

use super::depthwise_columns::Dots;
use super::finish::{Finish, finish};
use super::padded::{Edges, for_each_row};
use super::slide::{CHANNELS, Operands, Slide, Window};
use super::tile_5x5;
use crate::kernels::vector::{Depthwise, PRODUCTS_5X5, Target, Task, rounding};
use core::arch::aarch64::*;

/// Computes some output rows.
#[inline(always)]
pub fn depthwise<I: Dots>(isa: I, depthwise: Depthwise<'_>) {
    let (step, constants) = (depthwise.step, depthwise.constants);
    let rounding = rounding(isa, step, depthwise.packed);
    let (channels, stride) = (step.y.channels as usize, step.window.stride[1] as usize);
    let (whole, rest, weight_len) = (channels / CHANNELS, channels % CHANNELS, PRODUCTS_5X5 * 4 * I::WEIGHT_BYTES);
    let in_assembly = stride <= 2 && rounding.is_plain();
    for_each_row(depthwise, I::FLIP, |row| {
        let &[a, b, c, d, e] = row.starts else { return };
        let to = Target { first: row.y, step: step.y.stride as usize, channels: CHANNELS };
        let (rows, pixels) = ([a, b, c, d, e], step.y.width as usize);
        let slide = Slide { rows, column: channels, pixels, edges: Edges::default(), constants, rounding, to };
        // SAFETY: the rows hold the window at every place, and slack behind it; constants are packed chunk after chunk; the
        // row of results can be written.
        #[allow(unsafe_code)]
        unsafe {
            if whole > 0 && in_assembly {
                slide.in_assembly::<I, FiveRows>(stride, whole);
            } else {
                (0..whole).for_each(|chunk| isa.invoke(Any(slide.after(chunk, weight_len, CHANNELS), stride)));
            }
            let last = slide.after(whole, weight_len, rest);
            match rest {
                0 => {}
                _ if in_assembly => last.in_assembly::<I, FiveRows>(stride, 1),
                _ => isa.invoke(Any(last, stride)),
            }
        }
    });
}

/// Which bytes of four vectors lie side by side: those of the same channel. What lies behind a table's vectors is 0.
static PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        places[i] = (16 * (i % 4) + i / 4) as u8;
        i += 1;
    }
    places
};

/// The window in assembly.
struct FiveRows;

impl Window<5> for FiveRows {
    const PLACES: &'static [u8; 64] = &PLACES;

    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn row<const STRIDE: usize, const SIGNED: bool>(operands: Operands<5>, pixels: usize, finish: Finish) {
        // SAFETY: as the caller says.
        unsafe { tile_5x5::row::<STRIDE, SIGNED>(operands, pixels, finish) }
    }
}

/// A row over which the window moves by any number of columns.
struct Any(Slide<5>, usize);

impl<I: Dots> Task<I> for Any {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let Any(Slide { rows, column, pixels, constants, rounding, to, .. }, stride) = self;
        // SAFETY: as who made it said.
        unsafe {
            let mut places = [vdupq_n_u8(0); 4];
            for v in 0..4 {
                places[v] = vld1q_u8(PLACES.as_ptr().add(16 * v));
            }
            for pixel in 0..pixels {
                let at = |row: usize, index: usize| vld1q_u8(rows[row].add((pixel * stride + index) * column));
                let mut products = [uint8x16x4_t(places[0], places[0], places[0], places[0]); PRODUCTS_5X5];
                for index in 0..5 {
                    products[index] = uint8x16x4_t(at(0, index), at(1, index), at(2, index), at(3, index));
                }
                let nothing = vdupq_n_u8(0);
                products[5] = uint8x16x4_t(at(4, 0), at(4, 1), at(4, 2), at(4, 3));
                products[6] = uint8x16x4_t(nothing, nothing, nothing, at(4, 4));
                let (mut sums, mut by) = ([vdupq_n_s32(0); 4], [vdupq_n_f32(0.0); 4]);
                for v in 0..4 {
                    sums[v] = vld1q_s32(constants.bias.add(v * 4));
                    by[v] = vld1q_f32(constants.multiplier.add(v * 4));
                    for index in 0..PRODUCTS_5X5 {
                        let weights = vld1q_s8(constants.weights.add((index * 4 + v) * 16).cast());
                        sums[v] = isa.dot(sums[v], vqtbl4q_u8(products[index], places[v]), weights);
                    }
                }
                let to = Target { first: to.first.add(pixel * to.step), ..to };
                finish::<1, 4, false>([sums], by, &rounding, to);
            }
        }
    }
}
