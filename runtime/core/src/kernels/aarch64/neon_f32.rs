//! Floats on vectors of four.

use super::neon::Neon;
use crate::kernels::vector::Float;
use core::arch::aarch64::*;

// SAFETY: every operation touches the memory that the trait says, and every aarch64 processor has NEON.
#[allow(unsafe_code)]
unsafe impl Float for Neon {
    type Vector = float32x4_t;

    const LANES: usize = 4;
    const TILE: usize = 24;
    const BY_LANE: bool = true;

    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn load_some(self, from: *const f32, len: usize) -> float32x4_t {
        unsafe {
            match len {
                0 => vdupq_n_f32(0.0),
                1 => vld1q_lane_f32::<0>(from, vdupq_n_f32(0.0)),
                2 => vcombine_f32(vld1_f32(from), vdup_n_f32(0.0)),
                3 => vld1q_lane_f32::<2>(from.add(2), vcombine_f32(vld1_f32(from), vdup_n_f32(0.0))),
                _ => vld1q_f32(from),
            }
        }
    }

    #[inline(always)]
    unsafe fn store(self, vector: float32x4_t, to: *mut f32) {
        unsafe { vst1q_f32(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_some(self, vector: float32x4_t, to: *mut f32, len: usize) {
        unsafe {
            match len {
                0 => {}
                1 => vst1q_lane_f32::<0>(to, vector),
                2 => vst1_f32(to, vget_low_f32(vector)),
                3 => {
                    vst1_f32(to, vget_low_f32(vector));
                    vst1q_lane_f32::<2>(to.add(2), vector);
                }
                _ => vst1q_f32(to, vector),
            }
        }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn mul_add_lane<const LANE: i32>(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_laneq_f32::<LANE>(c, b, a) }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // A comparison with NaN is false, so that NaN in either gives `b`.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }
}
