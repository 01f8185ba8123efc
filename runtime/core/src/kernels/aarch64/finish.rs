//! From sums in registers to bytes in memory: what the three integer products end with.

use super::neon::{Rounding, store_some};
use crate::kernels::vector::Target;
use core::arch::aarch64::*;

/// How a loop rounds: in general.
pub const ANY: u8 = 0;
/// All channels of its vectors are there, and rounding is [plain](Rounding::is_plain).
pub const PLAIN: u8 = 1;
/// All channels of its vectors are there, and rounding is [even](Rounding::is_even).
pub const EVEN: u8 = 2;
/// As [`EVEN`], of bytes that are stored less 128.
pub const EVEN_SIGNED: u8 = 3;
/// As [`PLAIN`], of such bytes.
pub const PLAIN_SIGNED: u8 = 4;

/// What tiles in assembly end with, where scaled sums stay within 16 bits and the bounds are those of bytes.
#[derive(Clone, Copy)]
pub struct Finish {
    /// A multiplier for every channel.
    pub multiplier: *const f32,
    /// The zero point as it is stored: less 128 where bytes are signed.
    pub zero: i32,
    /// Whether bytes are.
    pub signed: bool,
    /// The first pixel's results.
    pub to: *mut u8,
    /// Bytes from one pixel to the next.
    pub step: usize,
}

impl Finish {
    /// For a rounding that is [plain](Rounding::is_plain).
    #[inline(always)]
    pub fn new(rounding: &Rounding, multiplier: *const f32, to: Target) -> Self {
        Finish { multiplier, zero: rounding.zero(), signed: rounding.is_signed(), to: to.first, step: to.step }
    }

    /// The zero point as two 16-bit lanes.
    #[inline(always)]
    pub fn added(&self) -> u32 {
        let lane = u32::from(self.zero as i16 as u16);
        lane << 16 | lane
    }

    /// The bits of 1.5 · 2²³ and the zero point, where that is even: adding them to a float rounds it half to even and leaves the
    /// result in the low bits. An odd number would send ties the other way.
    #[inline(always)]
    pub fn added_to_floats(&self) -> Option<u32> {
        (self.zero % 2 == 0).then(|| (12_582_912.0 + self.zero as f32).to_bits())
    }
}

/// Rounds and writes the sums of M pixels by N vectors of channels. PLAIN: see [`Rounding::is_plain`].
///
/// # Safety
/// The channels of so many pixels can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn finish<const M: usize, const N: usize, const PLAIN: bool>(
    sums: [[int32x4_t; N]; M],
    by: [float32x4_t; N],
    rounding: &Rounding,
    to: Target,
) {
    let Target { first, step, channels } = to;
    let scale = |a, b, by_a, by_b| rounding.scale::<PLAIN>([a, b], [by_a, by_b]);
    let bytes = |a, b| rounding.bytes::<PLAIN>(a, b);
    // SAFETY: as the caller says.
    unsafe {
        let whole = channels == 4 * N;
        let mut m = 0;
        while m < M {
            let to = first.add(m * step);
            // Pixels are rounded as many at a time as fill a vector of bytes; those behind the last are the last once more.
            let next = if m + 1 < M { m + 1 } else { m };
            match N {
                1 => {
                    let third = if m + 2 < M { m + 2 } else { m };
                    let fourth = if m + 3 < M { m + 3 } else { m };
                    let low = scale(sums[m][0], sums[next][0], by[0], by[0]);
                    let bytes = bytes(low, scale(sums[third][0], sums[fourth][0], by[0], by[0]));
                    let words = vreinterpretq_u32_u8(bytes);
                    if whole {
                        vst1q_lane_u32::<0>(to.cast(), words);
                        if m + 1 < M {
                            vst1q_lane_u32::<1>(to.add(step).cast(), words);
                        }
                        if m + 2 < M {
                            vst1q_lane_u32::<2>(to.add(2 * step).cast(), words);
                        }
                        if m + 3 < M {
                            vst1q_lane_u32::<3>(to.add(3 * step).cast(), words);
                        }
                    } else {
                        store_some(bytes, to, channels);
                        if m + 1 < M {
                            store_some(vextq_u8::<4>(bytes, bytes), to.add(step), channels);
                        }
                        if m + 2 < M {
                            store_some(vextq_u8::<8>(bytes, bytes), to.add(2 * step), channels);
                        }
                        if m + 3 < M {
                            store_some(vextq_u8::<12>(bytes, bytes), to.add(3 * step), channels);
                        }
                    }
                    m += 4;
                }
                2 => {
                    let low = scale(sums[m][0], sums[m][1], by[0], by[1]);
                    let bytes = bytes(low, scale(sums[next][0], sums[next][1], by[0], by[1]));
                    if whole {
                        vst1_u8(to, vget_low_u8(bytes));
                        if m + 1 < M {
                            vst1q_lane_u64::<1>(to.add(step).cast(), vreinterpretq_u64_u8(bytes));
                        }
                    } else {
                        store_some(bytes, to, channels);
                        if m + 1 < M {
                            store_some(vextq_u8::<8>(bytes, bytes), to.add(step), channels);
                        }
                    }
                    m += 2;
                }
                3 => {
                    let first = scale(sums[m][0], sums[m][1], by[0], by[1]);
                    let second = scale(sums[next][0], sums[next][1], by[0], by[1]);
                    let rest = scale(sums[m][2], sums[next][2], by[2], by[2]);
                    let (bytes, rest) = (bytes(first, second), bytes(rest, rest));
                    vst1_u8(to, vget_low_u8(bytes));
                    if m + 1 < M {
                        vst1q_lane_u64::<1>(to.add(step).cast(), vreinterpretq_u64_u8(bytes));
                    }
                    if whole {
                        vst1q_lane_u32::<0>(to.add(8).cast(), vreinterpretq_u32_u8(rest));
                        if m + 1 < M {
                            vst1q_lane_u32::<1>(to.add(step + 8).cast(), vreinterpretq_u32_u8(rest));
                        }
                    } else {
                        store_some(rest, to.add(8), channels - 8);
                        if m + 1 < M {
                            store_some(vextq_u8::<4>(rest, rest), to.add(step + 8), channels - 8);
                        }
                    }
                    m += 2;
                }
                _ => {
                    let low = scale(sums[m][0], sums[m][1], by[0], by[1]);
                    let bytes = bytes(low, scale(sums[m][2], sums[m][3], by[2], by[3]));
                    if whole {
                        vst1q_u8(to, bytes);
                    } else {
                        store_some(bytes, to, channels);
                    }
                    m += 1;
                }
            }
        }
    }
}

/// Rounds and writes the sums of a pixel and N vectors of channels, two or four, all of which are there. Rounding must be
/// [plain](Rounding::is_plain), or where EVEN [even](Rounding::is_even). SIGNED: bytes are stored less 128.
///
/// # Safety
/// The channels can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn finish_pixel<const N: usize, const EVEN: bool, const SIGNED: bool>(
    sums: [int32x4_t; N],
    by: [float32x4_t; N],
    rounding: &Rounding,
    to: *mut u8,
) {
    let scale = |a: usize, b: usize| {
        let (sums, by) = ([sums[a], sums[b]], [by[a], by[b]]);
        if EVEN { rounding.scale_even(sums, by) } else { rounding.scale::<true>(sums, by) }
    };
    // SAFETY: as the caller says.
    unsafe {
        if N == 2 {
            let words = scale(0, 1);
            vst1_u8(to, if SIGNED { vreinterpret_u8_s8(vqmovn_s16(words)) } else { vqmovun_s16(words) });
        } else {
            vst1q_u8(to, Rounding::plain::<SIGNED>(scale(0, 1), scale(N - 2, N - 1)));
        }
    }
}
