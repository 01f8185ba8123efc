//! Depthwise int8 convolution of base NEON: 16 channels at a time, tap by tap.
//!
//! The lanes of a vector hold channels. Of two taps at a time, SMULL and SMLAL add the products in 16 bits, and SADDW adds
//! these to 32-bit sums: 38 instructions for the nine taps of 16 channels. Input rows are copied to a ring of padded rows,
//! where their bytes are flipped once instead of at every tap. Two products overflow 16 bits only if both weights are −128;
//! where that may be, each goes to the sums by itself.

use super::finish::finish;
use super::neon::{Neon, Rounding};
use super::padded::for_each_row;
use crate::kernels::vector::{Constants, Depthwise, Isa, MAX_RUNS, Target, Task, tap_chunks};
use core::arch::aarch64::*;

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
        let plain = self.rounding.is_plain() && self.to.channels == lanes;
        let usual = self.columns == 3 && self.starts.len() == 3 && !self.rounding.extreme();
        match (lanes, usual, close, plain) {
            (16, true, true, true) => isa.invoke(ThreeByThree::<4, true, true>(self)),
            (16, true, true, false) => isa.invoke(ThreeByThree::<4, true, false>(self)),
            (16, true, false, true) => isa.invoke(ThreeByThree::<4, false, true>(self)),
            (16, true, false, false) => isa.invoke(ThreeByThree::<4, false, false>(self)),
            (_, true, true, true) => isa.invoke(ThreeByThree::<2, true, true>(self)),
            (_, true, true, false) => isa.invoke(ThreeByThree::<2, true, false>(self)),
            (_, true, false, true) => isa.invoke(ThreeByThree::<2, false, true>(self)),
            (_, true, false, false) => isa.invoke(ThreeByThree::<2, false, false>(self)),
            (16, ..) if !self.rounding.extreme() => isa.invoke(Any::<4, false>(self)),
            (16, ..) => isa.invoke(Any::<4, true>(self)),
            _ if !self.rounding.extreme() => isa.invoke(Any::<2, false>(self)),
            _ => isa.invoke(Any::<2, true>(self)),
        }
    }
}

/// The usual window, on N vectors of sums. CLOSE: it moves by one column, so that neighbouring places share two.
struct ThreeByThree<'r, const N: usize, const CLOSE: bool, const PLAIN: bool>(Row<'r>);

impl<const N: usize, const CLOSE: bool, const PLAIN: bool> Task<Neon> for ThreeByThree<'_, N, CLOSE, PLAIN> {
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
            let (bias, by) = constants_of::<N>(constants);
            let (mut a, mut b, mut c) = (a.add(from), b.add(from), c.add(from));
            let mut left = pixels;
            while left >= 2 {
                let (mut first, mut second) = ([vdupq_n_s8(0); 9], [vdupq_n_s8(0); 9]);
                for kx in 0..3 {
                    first[kx] = load::<N>(a.add(kx * column));
                    first[3 + kx] = load::<N>(b.add(kx * column));
                    first[6 + kx] = load::<N>(c.add(kx * column));
                }
                for kx in 0..3 {
                    if CLOSE && kx < 2 {
                        second[kx] = first[kx + 1];
                        second[3 + kx] = first[4 + kx];
                        second[6 + kx] = first[7 + kx];
                    } else {
                        second[kx] = load::<N>(a.add(step + kx * column));
                        second[3 + kx] = load::<N>(b.add(step + kx * column));
                        second[6 + kx] = load::<N>(c.add(step + kx * column));
                    }
                }
                let sums = [nine::<N>(bias, first, weights), nine::<N>(bias, second, weights)];
                finish::<2, N, PLAIN>(sums, by, &rounding, to);
                to.first = to.first.add(2 * to.step);
                (a, b, c) = (a.add(2 * step), b.add(2 * step), c.add(2 * step));
                left -= 2;
            }
            if left > 0 {
                let mut inputs = [vdupq_n_s8(0); 9];
                for kx in 0..3 {
                    inputs[kx] = load::<N>(a.add(kx * column));
                    inputs[3 + kx] = load::<N>(b.add(kx * column));
                    inputs[6 + kx] = load::<N>(c.add(kx * column));
                }
                finish::<1, N, PLAIN>([nine::<N>(bias, inputs, weights)], by, &rounding, to);
            }
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
        // Where each tap's input lies at the first place; an odd one out is multiplied by 0 once more.
        let mut taps = [core::ptr::null(); MAX_TAPS];
        let count = starts.len() * columns;
        let mut slots = taps.iter_mut();
        for &start in starts {
            for (kx, slot) in slots.by_ref().take(columns).enumerate() {
                *slot = start.wrapping_add(from + kx * column);
            }
        }
        // SAFETY: as who invoked it said.
        unsafe {
            let (bias, by) = constants_of::<N>(constants);
            let mut done = 0;
            while done < pixels {
                let to = Target { first: to.first.add(done * to.step), ..to };
                let offset = done * step;
                if pixels - done >= 4 {
                    let mut sums = [bias; 4];
                    each_pair::<N, EXTREME>(&taps[..count], constants.weights, |x, w| {
                        for m in 0..4 {
                            let at = offset + m * step;
                            sums[m] = add::<N>(sums[m], [load::<N>(x[0].add(at)), load::<N>(x[1].add(at))], w);
                        }
                    });
                    finish::<4, N, false>(sums, by, &rounding, to);
                    done += 4;
                } else {
                    let mut sums = bias;
                    each_pair::<N, EXTREME>(&taps[..count], constants.weights, |x, w| {
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
            sums[2] = vaddw_s16(sums[2], vget_low_s16(vmull_high_s8(x[8], w[8])));
            sums[3] = vaddw_high_s16(sums[3], vmull_high_s8(x[8], w[8]));
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
            let high = vmlal_high_s8(vmull_high_s8(x[0], w[0]), x[1], w[1]);
            sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
            sums[3] = vaddw_high_s16(sums[3], high);
        }
    }
    sums
}
