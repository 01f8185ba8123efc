//! Inner loops of steps besides convolutions which compilers do not make good vector code of: 16 elements at a time, the last
//! ones together with some of those before them. Each operation is that of the portable code, on more elements at once.

use crate::plan::step::{BinaryInt8, Quantize};
use core::arch::aarch64::*;

/// Elements done at a time.
const BLOCK: usize = 16;

/// Calls `block` with where each block of `len` elements begins, the last of which may overlap the one before it; returns
/// `len`. Fewer than a block are none, and 0.
#[inline(always)]
fn for_each_block(len: usize, mut block: impl FnMut(usize)) -> usize {
    let Some(last) = len.checked_sub(BLOCK) else { return 0 };
    let mut at = 0;
    while at < last {
        block(at);
        at += BLOCK;
    }
    block(last);
    len
}

/// How floats become bytes: clamped, rounded half to even, the zero point added.
#[derive(Clone, Copy)]
struct ToBytes {
    low: float32x4_t,
    high: float32x4_t,
    zero: uint8x16_t,
}

impl ToBytes {
    /// For results with zero point `zero`, clamped to `low..=high`. All three lie in 0..=255.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn new(zero: i32, low: i32, high: i32) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            ToBytes {
                low: vdupq_n_f32((low - zero) as f32),
                high: vdupq_n_f32((high - zero) as f32),
                zero: vdupq_n_u8(zero as u8),
            }
        }
    }

    /// The bytes of 16 floats. NaN becomes the lower bound.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn apply(self, values: [float32x4_t; 4]) -> uint8x16_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let mut words = [vdupq_n_s16(0); 4];
            for i in 0..4 {
                // Of a number and NaN this maximum is the number.
                let value = vminq_f32(vmaxnmq_f32(values[i], self.low), self.high);
                words[i] = vreinterpretq_s16_s32(vcvtnq_s32_f32(value));
            }
            let low = vreinterpretq_u8_s16(vuzp1q_s16(words[0], words[1]));
            let high = vreinterpretq_u8_s16(vuzp1q_s16(words[2], words[3]));
            vaddq_u8(vuzp1q_u8(low, high), self.zero)
        }
    }
}

/// 16 bytes, less `shift`, as floats.
#[inline(always)]
#[allow(unsafe_code)]
fn floats(bytes: uint8x16_t, shift: uint8x8_t) -> [float32x4_t; 4] {
    // SAFETY: every aarch64 processor has NEON.
    unsafe {
        let low = vreinterpretq_s16_u16(vsubl_u8(vget_low_u8(bytes), shift));
        let high = vreinterpretq_s16_u16(vsubl_u8(vget_high_u8(bytes), shift));
        [
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
            vcvtq_f32_s32(vmovl_high_s16(low)),
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
            vcvtq_f32_s32(vmovl_high_s16(high)),
        ]
    }
}

/// Adds rows of bytes as `step` says, which is an addition; returns how many of the first ones.
#[inline(always)]
#[allow(unsafe_code)]
pub fn add(step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8]) -> usize {
    let len = y.len().min(a.len()).min(b.len());
    let (a, b, y) = (a.as_ptr(), b.as_ptr(), y.as_mut_ptr());
    let bytes = ToBytes::new(step.shift, step.low, step.high);
    // SAFETY: every aarch64 processor has NEON.
    let (shift, a_scale, b_scale, offset) = unsafe {
        let floats = [step.a_scale, step.b_scale, step.offset].map(|value| vdupq_n_f32(value));
        (vdup_n_u8(step.shift as u8), floats[0], floats[1], floats[2])
    };
    for_each_block(len, |at| {
        // SAFETY: the block is within all three.
        unsafe {
            let (a, mut b) = (floats(vld1q_u8(a.add(at)), shift), floats(vld1q_u8(b.add(at)), shift));
            for i in 0..4 {
                // The order of the portable code; nothing is fused.
                b[i] = vaddq_f32(vmulq_f32(b[i], b_scale), vaddq_f32(vmulq_f32(a[i], a_scale), offset));
            }
            vst1q_u8(y.add(at), bytes.apply(b));
        }
    })
}

/// Quantises a row of floats; returns how many of the first ones.
#[inline(always)]
#[allow(unsafe_code)]
pub fn quantize(step: &Quantize, x: &[f32], y: &mut [u8]) -> usize {
    let len = y.len().min(x.len());
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    let bytes = ToBytes::new(step.zero, 0, 255);
    for_each_block(len, |at| {
        // SAFETY: the block is within both.
        unsafe {
            let scale = vdupq_n_f32(step.scale);
            let mut values = [scale; 4];
            for i in 0..4 {
                values[i] = vdivq_f32(vld1q_f32(x.add(at + 4 * i)), scale);
            }
            vst1q_u8(y.add(at), bytes.apply(values));
        }
    })
}

/// Copies every other byte of `x`, from the first on; returns how many.
#[inline(always)]
#[allow(unsafe_code)]
pub fn every_other(x: &[u8], y: &mut [u8]) -> usize {
    // The byte behind the last one that is copied is read, too.
    let len = y.len().min(x.len() / 2);
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    for_each_block(len, |at| {
        // SAFETY: the block, twice as long in `x`, is within both.
        unsafe {
            let (low, high) = (vld1q_u8(x.add(2 * at)), vld1q_u8(x.add(2 * at + 16)));
            vst1q_u8(y.add(at), vuzp1q_u8(low, high));
        }
    })
}
