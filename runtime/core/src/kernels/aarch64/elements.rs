//! Steps on single elements which compilers do not make good vector code of: 16 at a time, or four of shorter rows, the last
//! ones of a row together with some of those before them. Each operation is that of the portable code, on more elements at
//! once. What holds for all rows is worked out before the first, since rows may be short.

use super::byte_floats::{ByteFloats, Floats};
use crate::kernels::portable::Walk;
use crate::plan::step::{BinaryInt8, Copy, Dequantize, IntegerOperation, Quantize};
use core::arch::aarch64::*;

/// Elements done at a time.
pub const BLOCK: usize = 16;

/// Elements done at a time of rows that have fewer.
const SHORT: usize = 4;

/// Calls `block` with where each block of N of `len` elements begins, the last of which may overlap the one before it;
/// there is at least one.
#[inline(always)]
pub fn for_each_block<const N: usize>(len: usize, mut block: impl FnMut(usize)) {
    let last = len - N;
    let mut at = 0;
    while at < last {
        block(at);
        at += N;
    }
    block(last);
}

/// Calls `block` with where each block of B elements of each row begins in every operand. They lie side by side in all.
///
/// # Panics
/// Where some lie behind the operands' ends, whose lengths are `lens`.
#[inline(always)]
fn for_each_block_of_rows<const B: usize, const N: usize>(
    walk: &Walk<N>,
    lens: [usize; N],
    mut block: impl FnMut([usize; N]),
) {
    walk.assert_within(lens);
    let len = walk.row_len();
    walk.for_each_row(|first| for_each_block::<B>(len, |at| block(first.map(|first| first + at))));
}

/// How floats become bytes: clamped, rounded half to even, the zero point added.
#[derive(Clone, Copy, Debug)]
pub struct ToBytes {
    low: float32x4_t,
    high: float32x4_t,
    zero: uint8x16_t,
}

impl ToBytes {
    /// For results with zero point `zero`, clamped to `low..=high`. All three lie in 0..=255.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn new(zero: i32, low: i32, high: i32) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            ToBytes {
                low: vdupq_n_f32((low - zero) as f32),
                high: vdupq_n_f32((high - zero) as f32),
                zero: vdupq_n_u8(zero as u8),
            }
        }
    }

    /// Four floats, rounded, in the lower half of every second word. NaN becomes the lower bound.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn words(self, values: float32x4_t) -> int16x8_t {
        // SAFETY: every aarch64 processor has NEON. Of a number and NaN this maximum is the number.
        unsafe {
            let value = vminq_f32(vmaxnmq_f32(values, self.low), self.high);
            vreinterpretq_s16_s32(vcvtnq_s32_f32(value))
        }
    }

    /// The bytes of four floats, in the lowest lanes.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn apply_to_four(self, values: float32x4_t) -> uint8x16_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let words = self.words(values);
            let words = vreinterpretq_u8_s16(vuzp1q_s16(words, words));
            vaddq_u8(vuzp1q_u8(words, words), self.zero)
        }
    }

    /// The bytes of 16 floats.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn apply(self, values: [float32x4_t; 4]) -> uint8x16_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let mut words = [vdupq_n_s16(0); 4];
            for i in 0..4 {
                words[i] = self.words(values[i]);
            }
            let low = vreinterpretq_u8_s16(vuzp1q_s16(words[0], words[1]));
            let high = vreinterpretq_u8_s16(vuzp1q_s16(words[2], words[3]));
            vaddq_u8(vuzp1q_u8(low, high), self.zero)
        }
    }
}

/// Floats of less than this stay within 16 bits, with a zero point too.
const SMALL: f32 = 32_000.0;

/// How [small](SMALL) floats become bytes, whose bounds are no narrower and whose zero point is even: adding it and 1.5 · 2²³ rounds half
/// to even and leaves the result in the low bits, and bytes saturate by themselves.
#[derive(Clone, Copy)]
struct SmallToBytes(float32x4_t);

impl SmallToBytes {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn new(zero: i32) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        SmallToBytes(unsafe { vdupq_n_f32(12_582_912.0 + zero as f32) })
    }

    /// The bytes of 16 floats.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn apply(self, values: Floats) -> uint8x16_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let mut words = [vdupq_n_s16(0); 4];
            for i in 0..4 {
                words[i] = vreinterpretq_s16_f32(vaddq_f32(values[i], self.0));
            }
            let (low, high) = (vuzp1q_s16(words[0], words[1]), vuzp1q_s16(words[2], words[3]));
            vqmovun_high_s16(vqmovun_s16(low), high)
        }
    }
}

fn walk_of_pairs(step: &BinaryInt8) -> Walk<3> {
    Walk::new(&step.extent, [&step.a, &step.b, &step.y])
}

/// Whether [`add`] does `step`.
pub fn adds(step: &BinaryInt8) -> bool {
    step.operation == IntegerOperation::Add && walk_of_pairs(step).has_rows([1; 3], BLOCK)
}

/// Adds bytes as `step` says.
#[allow(unsafe_code)]
pub fn add(step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8]) {
    let lens = [a.len(), b.len(), y.len()];
    let (a, b, y) = (a.as_ptr(), b.as_ptr(), y.as_mut_ptr());
    let floats = ByteFloats::new(step.shift);
    // SAFETY: every aarch64 processor has NEON.
    let [a_scale, b_scale, offset] =
        unsafe { [step.a_scale, step.b_scale, step.offset].map(|value| vdupq_n_f32(value)) };
    let sums = |at_a: usize, at_b: usize| {
        // SAFETY: blocks lie within all three.
        unsafe {
            let (a, mut b) = (floats.of(vld1q_u8(a.add(at_a))), floats.of(vld1q_u8(b.add(at_b))));
            for i in 0..4 {
                // The order of the portable code; nothing is fused.
                b[i] = vaddq_f32(vmulq_f32(b[i], b_scale), vaddq_f32(vmulq_f32(a[i], a_scale), offset));
            }
            b
        }
    };
    let walk = walk_of_pairs(step);
    // No sum is beyond it.
    let most = 255.0 * (step.a_scale.abs() + step.b_scale.abs()) + step.offset.abs();
    if step.low <= 0 && step.high >= 255 && step.shift % 2 == 0 && most < SMALL {
        let bytes = SmallToBytes::new(step.shift);
        for_each_block_of_rows::<BLOCK, 3>(&walk, lens, |[at_a, at_b, at]| {
            // SAFETY: blocks lie within all three.
            unsafe { vst1q_u8(y.add(at), bytes.apply(sums(at_a, at_b))) }
        });
    } else {
        let bytes = ToBytes::new(step.shift, step.low, step.high);
        for_each_block_of_rows::<BLOCK, 3>(&walk, lens, |[at_a, at_b, at]| {
            // SAFETY: blocks lie within all three.
            unsafe { vst1q_u8(y.add(at), bytes.apply(sums(at_a, at_b))) }
        });
    }
}

/// Whether [`quantize`] does `step`.
pub fn quantizes(step: &Quantize) -> bool {
    Walk::new(&step.extent, [&step.x, &step.y]).has_rows([1; 2], SHORT)
}

/// Quantises floats.
#[allow(unsafe_code)]
pub fn quantize(step: &Quantize, x: &[f32], y: &mut [u8]) {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let lens = [x.len(), y.len()];
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    let bytes = ToBytes::new(step.zero, 0, 255);
    // SAFETY: every aarch64 processor has NEON.
    let scale = unsafe { vdupq_n_f32(step.scale) };
    // SAFETY: they are within `x`, as all that the closures below touch is within both.
    let quotients = |at: usize| unsafe { vdivq_f32(vld1q_f32(x.add(at)), scale) };
    if walk.row_len() < BLOCK {
        return for_each_block_of_rows::<SHORT, 2>(&walk, lens, |[from, to]| unsafe {
            let four = vreinterpretq_u32_u8(bytes.apply_to_four(quotients(from)));
            y.add(to).cast::<u32>().write_unaligned(vgetq_lane_u32::<0>(four));
        });
    }
    for_each_block_of_rows::<BLOCK, 2>(&walk, lens, |[from, to]| unsafe {
        vst1q_u8(
            y.add(to),
            bytes.apply([quotients(from), quotients(from + 4), quotients(from + 8), quotients(from + 12)]),
        );
    });
}

/// Whether [`dequantize`] does `step`. Of longer rows a compiler makes the same.
pub fn dequantizes(step: &Dequantize) -> bool {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    walk.has_rows([1; 2], SHORT) && walk.row_len() < BLOCK && (0..=255).contains(&step.zero)
}

/// Makes floats of the bytes of short rows.
#[allow(unsafe_code)]
pub fn dequantize(step: &Dequantize, x: &[u8], y: &mut [f32]) {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let lens = [x.len(), y.len()];
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    // SAFETY: every aarch64 processor has NEON.
    let (zero, scale) = unsafe { (vdup_n_u8(step.zero as u8), vdupq_n_f32(step.scale)) };
    for_each_block_of_rows::<SHORT, 2>(&walk, lens, |[from, to]| {
        // SAFETY: blocks lie within both.
        unsafe {
            let bytes = vreinterpret_u8_u32(vdup_n_u32(x.add(from).cast::<u32>().read_unaligned()));
            let words = vreinterpretq_s16_u16(vsubl_u8(bytes, zero));
            vst1q_f32(y.add(to), vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), scale));
        }
    });
}

/// Whether [`copy_halves`] does `step`.
pub fn copies_halves(step: &Copy) -> bool {
    step.size == 1 && Walk::new(&step.extent, [&step.x, &step.y]).has_rows([2, 1], BLOCK)
}

/// Copies every other byte of rows, as a channel shuffle does.
#[allow(unsafe_code)]
pub fn copy_halves(step: &Copy, x: &[u8], y: &mut [u8]) {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let (len, readable) = (walk.row_len(), x.len());
    walk.assert_within([readable, y.len()]);
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    let row = |[from, to]: [usize; 2]| {
        // SAFETY: rows lie within both.
        unsafe {
            let (x, y) = (x.add(from), y.add(to));
            // The byte behind the last one of a block is read, too; behind the furthest one of all there may be none.
            if from + 2 * len <= readable {
                return for_each_block::<BLOCK>(len, |at| copy_half(x, y, at));
            }
            if len == BLOCK {
                return (0..len).for_each(|at| *y.add(at) = *x.add(2 * at));
            }
            for_each_block::<BLOCK>(len - 1, |at| copy_half(x, y, at));
            *y.add(len - 1) = *x.add(2 * (len - 1));
        }
    };
    if let Some((count, steps)) = walk.rows()
        && count > 0
        && steps[0] > 0
    {
        // Behind all rows but the last there is a byte of the next one.
        let front = [count - 1, len];
        // SAFETY: these rows lie within both, and so does the byte behind them.
        let done = unsafe {
            match len.div_ceil(BLOCK) {
                1 => copy_halves_of_rows::<1>(front, steps, x, y),
                2 => copy_halves_of_rows::<2>(front, steps, x, y),
                3 => copy_halves_of_rows::<3>(front, steps, x, y),
                _ => 0,
            }
        };
        return (done..count).for_each(|index| row(steps.map(|step| index * step)));
    }
    walk.for_each_row(row);
}

/// Copies a block, whose first byte is `at`.
///
/// # Safety
/// The block can be written, and what it is made of, with the byte behind it, read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn copy_half(x: *const u8, y: *mut u8, at: usize) {
    // SAFETY: as the caller says.
    unsafe {
        let (low, high) = (vld1q_u8(x.add(2 * at)), vld1q_u8(x.add(2 * at + BLOCK)));
        vst1q_u8(y.add(at), vuzp1q_u8(low, high));
    }
}

/// Copies `count` short rows of `len` bytes in N blocks each, the last of which may overlap the one before it; returns how many.
///
/// # Safety
/// They can be written, and what they are made of, with the byte behind it, read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn copy_halves_of_rows<const N: usize>(
    [count, len]: [usize; 2],
    steps: [usize; 2],
    mut x: *const u8,
    mut y: *mut u8,
) -> usize {
    for _ in 0..count {
        for block in 0..N {
            // SAFETY: as the caller says.
            unsafe { copy_half(x, y, (block * BLOCK).min(len - BLOCK)) };
        }
        (x, y) = (x.wrapping_add(steps[0]), y.wrapping_add(steps[1]));
    }
    count
}
