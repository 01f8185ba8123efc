//! Depthwise int8 convolution of base NEON: 16 channels at a time, tap by tap.
//!
//! The lanes of a vector hold channels. Of two taps at a time, SMULL and SMLAL add the products in 16 bits, and SADDW adds
//! these to 32-bit sums: 38 instructions for the nine taps of 16 channels. Input rows are copied to a ring of padded rows,
//! where their bytes are flipped once instead of at every tap. Two products overflow 16 bits only if both weights are −128;
//! where that may be, each goes to the sums by itself.

use super::finish::{ANY, EVEN, EVEN_SIGNED, Finish, PLAIN, PLAIN_SIGNED, finish, finish_pixel};
use super::instructions::{smlal_high, smull_high};
use super::neon::{Neon, Rounding};
use super::padded::for_each_row;
use super::tile_taps::{Operands, tiles};
use crate::kernels::vector::{Constants, Depthwise, Isa, MAX_RUNS, Target, Task, tap_chunks};
use core::arch::aarch64::*;
use core::mem::MaybeUninit;

/// Computes some output rows.
#[inline(always)]
pub fn depthwise(rounding: Rounding, depthwise: Depthwise<'_>) {
    let (step, constants) = (depthwise.step, depthwise.constants);
    let window = &step.window;
    let (channels, kernel) = (step.y.channels as usize, window.kernel.map(|n| n as usize));
    let (stride, dilation) = (window.stride[1] as usize, window.dilation[1] as usize);
    for_each_row(depthwise, 0x80, |row| {
        for (from, lanes) in tap_chunks(channels) {
            // SAFETY: the rows hold the window at every place, and slack behind it; constants are packed chunk after chunk; the
            // row of results can be written.
            #[allow(unsafe_code)]
            unsafe {
                let constants = Constants {
                    weights: constants.weights.add(from * kernel[0] * kernel[1]),
                    bias: constants.bias.add(from),
                    multiplier: constants.multiplier.add(from),
                    ..constants
                };
                let channels_here = lanes.min(channels - from);
                let row = Row {
                    starts: row.starts,
                    from,
                    columns: kernel[1],
                    column: dilation * channels,
                    step: stride * channels,
                    pixels: step.y.width as usize,
                    constants,
                    rounding,
                    to: Target { first: row.y.add(from), step: step.y.stride as usize, channels: channels_here },
                };
                row.invoke(Neon, lanes, stride == 1 && dilation == 1);
            }
        }
    });
}

/// An output row of a chunk of channels.
#[derive(Clone, Copy)]
struct Row<'r> {
    /// The input rows under the window, flipped.
    starts: &'r [*const u8],
    /// The first channel.
    from: usize,
    /// Columns of the window.
    columns: usize,
    /// Bytes from one column of the window to the next.
    column: usize,
    /// Bytes from one place of the window to the next.
    step: usize,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

impl Row<'_> {
    /// Computes it. `close`: places of the window are columns of it.
    ///
    /// # Safety
    /// Inputs, constants and outputs are there for so many lanes, 16 or 8.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn invoke(self, isa: Neon, lanes: usize, close: bool) {
        let usual = self.columns == 3 && self.starts.len() == 3 && !self.rounding.extreme();
        let how = match (self.to.channels == lanes, self.rounding.is_signed()) {
            (true, false) if self.rounding.is_even() => EVEN,
            (true, true) if self.rounding.is_even() => EVEN_SIGNED,
            (true, false) if self.rounding.is_plain() => PLAIN,
            (true, true) if self.rounding.is_plain() => PLAIN_SIGNED,
            _ => ANY,
        };
        macro_rules! three_by_three {
            ($n:literal, $close:literal) => {
                match how {
                    EVEN => isa.invoke(ThreeByThree::<$n, $close, EVEN>(self)),
                    EVEN_SIGNED => isa.invoke(ThreeByThree::<$n, $close, EVEN_SIGNED>(self)),
                    PLAIN => isa.invoke(ThreeByThree::<$n, $close, PLAIN>(self)),
                    PLAIN_SIGNED => isa.invoke(ThreeByThree::<$n, $close, PLAIN_SIGNED>(self)),
                    _ => isa.invoke(ThreeByThree::<$n, $close, ANY>(self)),
                }
            };
        }
        match (lanes, usual, close) {
            (16, true, true) => three_by_three!(4, true),
            (16, true, false) => three_by_three!(4, false),
            (_, true, true) => three_by_three!(2, true),
            (_, true, false) => three_by_three!(2, false),
            (16, ..) if !self.rounding.extreme() => isa.invoke(Any::<4, false>(self)),
            (16, ..) => isa.invoke(Any::<4, true>(self)),
            _ if !self.rounding.extreme() => isa.invoke(Any::<2, false>(self)),
            _ => isa.invoke(Any::<2, true>(self)),
        }
    }
}

/// The usual window, on N vectors of sums. CLOSE: it moves by one column, so that neighbouring places share two.
struct ThreeByThree<'r, const N: usize, const CLOSE: bool, const HOW: u8>(Row<'r>);

impl<const N: usize, const CLOSE: bool, const HOW: u8> Task<Neon> for ThreeByThree<'_, N, CLOSE, HOW> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        let Row { starts, from, column, step, pixels, constants, rounding, mut to, .. } = self.0;
        let &[a, b, c] = starts else { return };
        // SAFETY: as who invoked it said.
        unsafe {
            let mut weights = [vdupq_n_s8(0); 9];
            for tap in 0..9 {
                weights[tap] = load::<N>(constants.weights.add(tap * 4 * N));
            }
            let column_at = |at: usize| [load::<N>(a.add(at)), load::<N>(b.add(at)), load::<N>(c.add(at))];
            let mut at = from;
            let mut left = pixels;
            if CLOSE {
                let (mut left_column, mut middle) = (column_at(at), column_at(at + column));
                at += 2 * column;
                // Three pixels at a time, so that columns need not move between registers.
                while left >= 3 {
                    let right = column_at(at);
                    pixel::<N, HOW>(constants, [left_column, middle, right], weights, &rounding, to);
                    to.first = to.first.add(to.step);
                    left_column = column_at(at + column);
                    pixel::<N, HOW>(constants, [middle, right, left_column], weights, &rounding, to);
                    to.first = to.first.add(to.step);
                    middle = column_at(at + 2 * column);
                    pixel::<N, HOW>(constants, [right, left_column, middle], weights, &rounding, to);
                    to.first = to.first.add(to.step);
                    at += 3 * column;
                    left -= 3;
                }
                while left > 0 {
                    let right = column_at(at);
                    pixel::<N, HOW>(constants, [left_column, middle, right], weights, &rounding, to);
                    to.first = to.first.add(to.step);
                    (left_column, middle) = (middle, right);
                    at += column;
                    left -= 1;
                }
            } else {
                while left > 0 {
                    let columns = [column_at(at), column_at(at + column), column_at(at + 2 * column)];
                    pixel::<N, HOW>(constants, columns, weights, &rounding, to);
                    to.first = to.first.add(to.step);
                    at += step;
                    left -= 1;
                }
            }
        }
    }
}

/// Computes a pixel from the columns under the window.
///
/// # Safety
/// Constants can be read, and the pixel written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn pixel<const N: usize, const HOW: u8>(
    constants: Constants,
    [a, b, c]: [[int8x16_t; 3]; 3],
    weights: [int8x16_t; 9],
    rounding: &Rounding,
    to: Target,
) {
    // SAFETY: as the caller says.
    unsafe {
        // Biases and multipliers are read anew for every pixel: registers are full.
        let (bias, by) = constants_of::<N>(constants);
        let inputs = [a[0], b[0], c[0], a[1], b[1], c[1], a[2], b[2], c[2]];
        let sums = nine::<N>(bias, inputs, weights);
        match HOW {
            EVEN => finish_pixel::<N, true, false>(sums, by, rounding, to.first),
            EVEN_SIGNED => finish_pixel::<N, true, true>(sums, by, rounding, to.first),
            PLAIN => finish_pixel::<N, false, false>(sums, by, rounding, to.first),
            PLAIN_SIGNED => finish_pixel::<N, false, true>(sums, by, rounding, to.first),
            _ => finish::<1, N, false>([sums], by, rounding, to),
        }
    }
}

/// Any window, on N vectors of sums. EXTREME: two products may not fit 16 bits.
struct Any<'r, const N: usize, const EXTREME: bool>(Row<'r>);

impl<const N: usize, const EXTREME: bool> Task<Neon> for Any<'_, N, EXTREME> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        let Row { starts, from, columns, column, step, pixels, constants, rounding, to, .. } = self.0;
        // Where each tap's input lies at the first place. There may be many more than these, so that room for all is not written.
        let mut taps = [const { MaybeUninit::uninit() }; MAX_TAPS];
        let mut slots = taps.iter_mut();
        for &start in starts {
            for (kx, slot) in slots.by_ref().take(columns).enumerate() {
                slot.write(start.wrapping_add(from + kx * column));
            }
        }
        let count = MAX_TAPS - slots.len();
        // SAFETY: so many were written.
        let taps: &[*const u8] = unsafe { core::slice::from_raw_parts(taps.as_ptr().cast(), count) };
        // SAFETY: as who invoked it said.
        unsafe {
            let (bias, by) = constants_of::<N>(constants);
            let mut done = 0;
            if N == 4 && !EXTREME && rounding.is_plain() && to.channels == 16 && pixels >= 4 {
                let Constants { weights, bias, multiplier, .. } = constants;
                let finish = Finish::new(&rounding, multiplier, to);
                tiles(Operands { taps, step, weights, bias }, pixels / 4, finish);
                done = pixels / 4 * 4;
            }
            while done < pixels {
                let to = Target { first: to.first.add(done * to.step), ..to };
                let offset = done * step;
                if pixels - done >= 4 {
                    let mut sums = [bias; 4];
                    each_pair::<N, EXTREME>(taps, constants.weights, |x, w| {
                        for m in 0..4 {
                            let at = offset + m * step;
                            sums[m] = add::<N>(sums[m], [load::<N>(x[0].add(at)), load::<N>(x[1].add(at))], w);
                        }
                    });
                    finish::<4, N, false>(sums, by, &rounding, to);
                    done += 4;
                } else {
                    let mut sums = bias;
                    each_pair::<N, EXTREME>(taps, constants.weights, |x, w| {
                        sums = add::<N>(sums, [load::<N>(x[0].add(offset)), load::<N>(x[1].add(offset))], w);
                    });
                    finish::<1, N, false>([sums], by, &rounding, to);
                    done += 1;
                }
            }
        }
    }
}

/// The most taps of a window: [`MAX_RUNS`] groups of four rows of a column.
const MAX_TAPS: usize = 4 * MAX_RUNS;

/// Calls `add` with the inputs and the weights of every two taps; of every tap and nothing where EXTREME.
///
/// # Safety
/// There are weights for so many taps.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn each_pair<const N: usize, const EXTREME: bool>(
    taps: &[*const u8],
    mut weights: *const u8,
    mut add: impl FnMut([*const u8; 2], [int8x16_t; 2]),
) {
    // SAFETY: as the caller says.
    unsafe {
        let nothing = vdupq_n_s8(0);
        if EXTREME {
            for &tap in taps {
                add([tap, tap], [load::<N>(weights), nothing]);
                weights = weights.add(4 * N);
            }
            return;
        }
        let (pairs, rest) = taps.as_chunks::<2>();
        for &pair in pairs {
            add(pair, [load::<N>(weights), load::<N>(weights.add(4 * N))]);
            weights = weights.add(8 * N);
        }
        if let &[tap] = rest {
            add([tap, tap], [load::<N>(weights), nothing]);
        }
    }
}

/// Biases and multipliers.
///
/// # Safety
/// There are so many.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn constants_of<const N: usize>(constants: Constants) -> ([int32x4_t; N], [float32x4_t; N]) {
    // SAFETY: as the caller says.
    unsafe {
        let (mut bias, mut by) = ([vdupq_n_s32(0); N], [vdupq_n_f32(0.0); N]);
        for v in 0..N {
            bias[v] = vld1q_s32(constants.bias.add(v * 4));
            by[v] = vld1q_f32(constants.multiplier.add(v * 4));
        }
        (bias, by)
    }
}

/// Reads bytes for N vectors of sums: 16, or 8 twice.
///
/// # Safety
/// They can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn load<const N: usize>(from: *const u8) -> int8x16_t {
    // SAFETY: as the caller says.
    unsafe {
        if N == 4 {
            vld1q_s8(from.cast())
        } else {
            let half = vld1_s8(from.cast());
            vcombine_s8(half, half)
        }
    }
}

/// Adds the products of nine taps.
#[inline(always)]
#[allow(unsafe_code)]
fn nine<const N: usize>(mut sums: [int32x4_t; N], x: [int8x16_t; 9], w: [int8x16_t; 9]) -> [int32x4_t; N] {
    for pair in 0..4 {
        sums = add(sums, [x[2 * pair], x[2 * pair + 1]], [w[2 * pair], w[2 * pair + 1]]);
    }
    // SAFETY: every aarch64 processor has NEON.
    unsafe {
        sums[0] = vaddw_s16(sums[0], vget_low_s16(vmull_s8(vget_low_s8(x[8]), vget_low_s8(w[8]))));
        sums[1] = vaddw_high_s16(sums[1], vmull_s8(vget_low_s8(x[8]), vget_low_s8(w[8])));
        if N == 4 {
            let high = smull_high(x[8], w[8]);
            sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
            sums[3] = vaddw_high_s16(sums[3], high);
        }
    }
    sums
}

/// Adds the products of two taps.
#[inline(always)]
#[allow(unsafe_code)]
fn add<const N: usize>(mut sums: [int32x4_t; N], x: [int8x16_t; 2], w: [int8x16_t; 2]) -> [int32x4_t; N] {
    // SAFETY: every aarch64 processor has NEON.
    unsafe {
        let low = vmull_s8(vget_low_s8(x[0]), vget_low_s8(w[0]));
        let low = vmlal_s8(low, vget_low_s8(x[1]), vget_low_s8(w[1]));
        sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
        sums[1] = vaddw_high_s16(sums[1], low);
        if N == 4 {
            let high = smlal_high(smull_high(x[0], w[0]), x[1], w[1]);
            sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
            sums[3] = vaddw_high_s16(sums[3], high);
        }
    }
    sums
}
