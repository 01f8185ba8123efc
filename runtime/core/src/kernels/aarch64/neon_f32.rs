//! Floats on vectors of four.

use super::neon::Neon;
use super::tile_f32::{UNIT, add_to_5_by_16};
use crate::kernels::vector::{Float, add_units_by_lane};
use core::arch::aarch64::*;

// SAFETY: every operation touches the memory that the trait says, and every aarch64 processor has NEON.
#[allow(unsafe_code)]
unsafe impl Float for Neon {
    type Vector = float32x4_t;

    const LANES: usize = 4;
    const TILE: usize = 24;
    const BY_LANE: bool = true;
    const PAIRS: bool = true;
    // Sums, a vector of inputs for every pixel, and two of weights fill 32 registers at most.
    const PIXELS: [usize; 4] = [12, 8, 6, 5];

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
    unsafe fn add_units<const M: usize, const N: usize>(
        self,
        sums: &mut [[float32x4_t; N]; M],
        x: *const f32,
        step: usize,
        weights: *const f32,
        units: usize,
    ) {
        unsafe {
            let twos = units * Self::LANES / UNIT;
            if M == 5 && N == 4 && twos > 0 {
                let mut tile = [[sums[0][0]; 4]; 5];
                for m in 0..M {
                    for v in 0..N {
                        tile[m][v] = sums[m][v];
                    }
                }
                let tile = add_to_5_by_16(tile, x, step, weights, twos);
                for m in 0..M {
                    for v in 0..N {
                        sums[m][v] = tile[m][v];
                    }
                }
                let done = twos * UNIT;
                add_units_by_lane(self, sums, x.add(done), step, weights.add(done * 4 * N), units - twos * 2);
            } else {
                add_units_by_lane(self, sums, x, step, weights, units);
            }
        }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vminq_f32(a, b) }
    }
}
