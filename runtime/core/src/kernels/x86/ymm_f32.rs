//! Floats on 256-bit vectors.

use super::ymm::Avx2;
use crate::kernels::vector::{Elements, Float};
use core::arch::x86_64::*;

/// The mask of the first `len` lanes.
#[inline(always)]
#[allow(unsafe_code)]
fn first(_isa: Avx2, len: usize) -> __m256i {
    // SAFETY: the token proves that the processor has these instructions.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(len as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

impl Elements for Avx2 {}

// SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
// instructions.
#[allow(unsafe_code)]
unsafe impl Float for Avx2 {
    type Vector = __m256;

    const LANES: usize = 8;
    const TILE: usize = 12;
    const PIXELS: [usize; 4] = [12, 6, 4, 3];
    const BY_LANE: bool = false;
    const PAIRS: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_some(self, from: *const f32, len: usize) -> __m256 {
        unsafe { _mm256_maskload_ps(from, first(self, len)) }
    }

    #[inline(always)]
    unsafe fn store(self, vector: __m256, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_some(self, vector: __m256, to: *mut f32, len: usize) {
        unsafe { _mm256_maskstore_ps(to, first(self, len), vector) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }
}
