//! The usual window of [`depthwise_taps`](super::depthwise_taps), 3 × 3: pairs of taps lie side by side, which windows that move by a column
//! share, and SADALP adds two sums of products to those of 32 bits at once: 34 instructions for 16 channels, instead of 38.

use super::depthwise_taps::{Row, add, constants_of, load};
use super::finish::{EVEN, EVEN_SIGNED, PLAIN, PLAIN_SIGNED, finish, finish_pixel};
use super::instructions::{smlal_high, smull_high};
use super::neon::{Neon, Rounding};
use crate::kernels::vector::{Constants, Target, Task};
use core::arch::aarch64::*;

/// The window on N vectors of sums, neighbouring places of which SHARE so many columns.
pub struct ThreeByThree<'r, const N: usize, const SHARE: usize, const HOW: u8>(pub Row<'r>);

impl<const N: usize, const SHARE: usize, const HOW: u8> Task<Neon> for ThreeByThree<'_, N, SHARE, HOW> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        // SAFETY: as who invoked it said.
        self.0.for_each_chunk(|row| unsafe { chunk::<N, SHARE, HOW>(row) });
    }
}

/// Computes the first chunk.
///
/// # Safety
/// As for [`Row::invoke`].
#[inline(never)]
#[allow(unsafe_code)]
unsafe fn chunk<const N: usize, const SHARE: usize, const HOW: u8>(row: &Row<'_>) {
    let &Row { starts, from, column, step, pixels, edges, constants, ref rounding, mut to, .. } = row;
    let &[a, b, c] = starts else { return };
    // SAFETY: as the caller says; the columns that are read are those that are in the rows.
    unsafe {
        let weights = NineWeights::read::<N>(constants.weights);
        let padding = Column::of(edges.padding);
        let column_at = |at: usize| Column::read::<N>([a.add(at), b.add(at), c.add(at)]);
        let mut compute = |columns: [Column; 3]| {
            pixel::<N, HOW>(constants, columns, weights, rounding, to);
            to.first = to.first.add(to.step);
        };
        // The next column that is read.
        let mut at = from;
        // Pixels whose last column is.
        let mut left = pixels - usize::from(edges.right);
        let mut first = padding;
        if SHARE > 0 && !edges.left {
            first = column_at(at);
            at += column;
        }
        match SHARE {
            2 => {
                let mut second = column_at(at);
                at += column;
                // Three pixels at a time, so that columns need not move between registers.
                while left >= 3 {
                    let third = column_at(at);
                    compute([first, second, third]);
                    first = column_at(at + column);
                    compute([second, third, first]);
                    second = column_at(at + 2 * column);
                    compute([third, first, second]);
                    at += 3 * column;
                    left -= 3;
                }
                while left > 0 {
                    let third = column_at(at);
                    compute([first, second, third]);
                    (first, second) = (second, third);
                    at += column;
                    left -= 1;
                }
                if edges.right {
                    compute([first, second, padding]);
                }
            }
            1 => {
                while left >= 2 {
                    let third = column_at(at + column);
                    compute([first, column_at(at), third]);
                    first = column_at(at + 3 * column);
                    compute([third, column_at(at + 2 * column), first]);
                    at += 4 * column;
                    left -= 2;
                }
                if left > 0 {
                    let third = column_at(at + column);
                    compute([first, column_at(at), third]);
                    first = third;
                    at += 2 * column;
                }
                if edges.right {
                    compute([first, column_at(at), padding]);
                }
            }
            _ => {
                while left > 0 {
                    compute([column_at(at), column_at(at + column), column_at(at + 2 * column)]);
                    at += step;
                    left -= 1;
                }
            }
        }
    }
}

/// Three inputs of each channel under a column of the window.
#[derive(Clone, Copy)]
struct Column {
    /// Those of the upper two rows side by side, of half the channels each.
    upper: [int8x16_t; 2],
    lowest: int8x16_t,
}

impl Column {
    /// Reads the inputs for N vectors of sums, from where each row's are.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn read<const N: usize>(rows: [*const u8; 3]) -> Column {
        // SAFETY: as the caller says.
        let (first, second, lowest) = unsafe { (load::<N>(rows[0]), load::<N>(rows[1]), load::<N>(rows[2])) };
        Column { upper: side_by_side(first, second), lowest }
    }

    /// A column of nothing but `padding`.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn of(padding: u8) -> Column {
        // SAFETY: every aarch64 processor has NEON.
        let all = unsafe { vdupq_n_s8(padding as i8) };
        Column { upper: [all; 2], lowest: all }
    }
}

/// Weights of the window.
#[derive(Clone, Copy)]
struct NineWeights {
    columns: [Column; 3],
    /// Of the lowest row, those of the first two columns.
    lowest: [int8x16_t; 2],
}

impl NineWeights {
    /// Reads them, which lie row by row.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn read<const N: usize>(weights: *const u8) -> NineWeights {
        let row = 3 * 4 * N;
        // SAFETY: as the caller says.
        let column = |at: *const u8| unsafe { Column::read::<N>([at, at.wrapping_add(row), at.wrapping_add(2 * row)]) };
        let columns = [column(weights), column(weights.wrapping_add(4 * N)), column(weights.wrapping_add(2 * 4 * N))];
        NineWeights { columns, lowest: side_by_side(columns[0].lowest, columns[1].lowest) }
    }
}

/// The bytes of two vectors alternately: those of the first halves, and of the second.
#[inline(always)]
#[allow(unsafe_code)]
fn side_by_side(a: int8x16_t, b: int8x16_t) -> [int8x16_t; 2] {
    // SAFETY: every aarch64 processor has NEON.
    unsafe { [vzip1q_s8(a, b), vzip2q_s8(a, b)] }
}

/// Computes a pixel from the columns under the window.
///
/// # Safety
/// Constants can be read, and the pixel written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn pixel<const N: usize, const HOW: u8>(
    constants: Constants,
    columns: [Column; 3],
    weights: NineWeights,
    rounding: &Rounding,
    to: Target,
) {
    // SAFETY: as the caller says.
    unsafe {
        // Biases and multipliers are read anew for every pixel: registers are full.
        let (bias, by) = constants_of::<N>(constants);
        let sums = nine::<N>(bias, columns, weights);
        match HOW {
            EVEN => finish_pixel::<N, true, false>(sums, by, rounding, to.first),
            EVEN_SIGNED => finish_pixel::<N, true, true>(sums, by, rounding, to.first),
            PLAIN => finish_pixel::<N, false, false>(sums, by, rounding, to.first),
            PLAIN_SIGNED => finish_pixel::<N, false, true>(sums, by, rounding, to.first),
            _ => finish::<1, N, false>([sums], by, rounding, to),
        }
    }
}

/// Adds the products of nine taps: of two rows side by side, so that one instruction adds two of them to the sums, and of the lowest row
/// the first two.
#[inline(always)]
fn nine<const N: usize>(mut sums: [int32x4_t; N], x: [Column; 3], w: NineWeights) -> [int32x4_t; N] {
    let lowest = side_by_side(x[0].lowest, x[1].lowest);
    // Written out, since a loop over them does not always become the instructions alone.
    sums = add_pairs(sums, [x[0].upper, x[1].upper], [w.columns[0].upper, w.columns[1].upper]);
    sums = add_pairs(sums, [x[2].upper, lowest], [w.columns[2].upper, w.lowest]);
    add(sums, [x[2].lowest], [w.columns[2].lowest])
}

/// Adds the products of two pairs of taps.
#[inline(always)]
fn add_pairs<const N: usize>(
    mut sums: [int32x4_t; N],
    x: [[int8x16_t; 2]; 2],
    w: [[int8x16_t; 2]; 2],
) -> [int32x4_t; N] {
    [sums[0], sums[1]] = add_half([sums[0], sums[1]], [x[0][0], x[1][0]], [w[0][0], w[1][0]]);
    if N == 4 {
        [sums[2], sums[3]] = add_half([sums[2], sums[3]], [x[0][1], x[1][1]], [w[0][1], w[1][1]]);
    }
    sums
}

/// Adds the products of two pairs of taps in half of the channels.
#[inline(always)]
#[allow(unsafe_code)]
fn add_half(sums: [int32x4_t; 2], x: [int8x16_t; 2], w: [int8x16_t; 2]) -> [int32x4_t; 2] {
    // SAFETY: every aarch64 processor has NEON.
    unsafe {
        let low = vmlal_s8(vmull_s8(vget_low_s8(x[0]), vget_low_s8(w[0])), vget_low_s8(x[1]), vget_low_s8(w[1]));
        let high = smlal_high(smull_high(x[0], w[0]), x[1], w[1]);
        [vpadalq_s16(sums[0], low), vpadalq_s16(sums[1], high)]
    }
}
