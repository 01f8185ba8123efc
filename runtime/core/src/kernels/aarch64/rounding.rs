//! Rounding sums to bytes, on vectors of four.

use crate::kernels::vector::Stored;
use core::arch::aarch64::*;

/// How sums become bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    /// Whether products stay within 16 bits, and the bounds are no narrower than bytes are.
    is_plain: bool,
    /// Whether two products of bytes may leave 16 bits.
    extreme: bool,
    /// The zero point, as bytes are stored where rounding is plain.
    zero: int16x8_t,
    /// Whether it is even.
    is_even: bool,
    /// 1.5 · 2²³ and the zero point.
    rounder: float32x4_t,
    /// The bounds.
    low: uint8x16_t,
    high: uint8x16_t,
    /// Whether bytes are stored less 128.
    signed: bool,
}

impl Rounding {
    /// `may_overflow`, `extreme`: see [`Int8::rounding`](crate::kernels::vector::Int8::rounding).
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn new(stored: Stored, may_overflow: bool, extreme: bool) -> Self {
        let Stored { zero, low, high, signed } = stored;
        let is_plain = !may_overflow && low <= 0 && high >= 255;
        let zero = if is_plain && signed { zero - 128 } else { zero };
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            Rounding {
                extreme,
                is_plain,
                zero: vdupq_n_s16(zero as i16),
                is_even: zero % 2 == 0,
                rounder: vdupq_n_f32(12_582_912.0 + zero as f32),
                low: vdupq_n_u8(low as u8),
                high: vdupq_n_u8(high as u8),
                signed,
            }
        }
    }

    /// Whether two products of bytes, added up, may leave 16 bits.
    #[inline(always)]
    pub fn extreme(&self) -> bool {
        self.extreme
    }

    /// Whether rounding may be PLAIN: scaled sums stay within 16 bits, and the bounds are those of bytes.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether rounding may be even: plain, and the zero point is, so that adding it before rounding sends ties where they
    /// would go without it.
    #[inline(always)]
    pub fn is_even(&self) -> bool {
        self.is_plain && self.is_even
    }

    /// As [`scale`](Self::scale), where rounding may be [even](Self::is_even): adding 1.5 · 2²³ leaves whole numbers in the low
    /// bits of floats.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn scale_even(&self, sums: [int32x4_t; 2], by: [float32x4_t; 2]) -> int16x8_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let mut words = [vdupq_n_s16(0); 2];
            for i in 0..2 {
                let rounded = vaddq_f32(vmulq_f32(vcvtq_f32_s32(sums[i]), by[i]), self.rounder);
                words[i] = vreinterpretq_s16_f32(rounded);
            }
            vuzp1q_s16(words[0], words[1])
        }
    }

    /// The zero point: where rounding is plain and bytes are stored less 128, so is this.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn zero(&self) -> i32 {
        // SAFETY: every aarch64 processor has NEON.
        unsafe { i32::from(vgetq_lane_s16::<0>(self.zero)) }
    }

    /// Sums times their multipliers, rounded half to even, as i16 with the zero point added.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn scale<const PLAIN: bool>(&self, sums: [int32x4_t; 2], by: [float32x4_t; 2]) -> int16x8_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let mut products = by;
            for i in 0..2 {
                products[i] = vmulq_f32(vcvtq_f32_s32(sums[i]), by[i]);
            }
            if !PLAIN {
                // What overflows saturates when it is converted, but NaN would become 0 and not the lower bound.
                for i in 0..2 {
                    products[i] = vmaxnmq_f32(products[i], vdupq_n_f32(-1e9));
                }
            }
            if PLAIN {
                let [low, high] = [vcvtnq_s32_f32(products[0]), vcvtnq_s32_f32(products[1])];
                let halves = vuzp1q_s16(vreinterpretq_s16_s32(low), vreinterpretq_s16_s32(high));
                return vaddq_s16(halves, self.zero);
            }
            let low = vqmovn_s32(vcvtnq_s32_f32(products[0]));
            vqaddq_s16(vqmovn_high_s32(low, vcvtnq_s32_f32(products[1])), self.zero)
        }
    }

    /// Whether bytes are stored less 128.
    #[inline(always)]
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// Bytes whose bounds are those of bytes, stored less 128 where SIGNED.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn plain<const SIGNED: bool>(first: int16x8_t, second: int16x8_t) -> uint8x16_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            if SIGNED {
                vreinterpretq_u8_s8(vqmovn_high_s16(vqmovn_s16(first), second))
            } else {
                vqmovun_high_s16(vqmovun_s16(first), second)
            }
        }
    }

    /// Bytes, as they are stored, from two vectors that [`scale`](Self::scale) made.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn bytes<const PLAIN: bool>(&self, first: int16x8_t, second: int16x8_t) -> uint8x16_t {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            if self.signed && (PLAIN || self.is_plain) {
                return Self::plain::<true>(first, second);
            }
            let bytes = Self::plain::<false>(first, second);
            if PLAIN {
                return bytes;
            }
            let bytes = vminq_u8(vmaxq_u8(bytes, self.low), self.high);
            if self.signed { veorq_u8(bytes, vdupq_n_u8(0x80)) } else { bytes }
        }
    }
}
