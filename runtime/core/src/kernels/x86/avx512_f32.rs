//! Floats on 512-bit vectors.

use super::add::{Add, adds};
use super::avx512::Avx512Vnni;
use crate::kernels::vector::{Elements, Float, Isa};
use crate::plan::step::{BinaryInt8, Step};
use core::arch::x86_64::*;

/// The mask of the first `len` lanes.
#[inline(always)]
fn first(len: usize) -> __mmask16 {
    ((1u32 << len) - 1) as __mmask16
}

impl Elements for Avx512Vnni {
    fn name_of(step: &Step) -> Option<&'static str> {
        match step {
            Step::BinaryInt8(step) if adds(step) => Some("x86/add"),
            _ => None,
        }
    }

    #[inline(always)]
    fn binary_int8(self, step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8]) -> bool {
        let covered = adds(step);
        if covered {
            self.invoke(Add { step, a, b, y });
        }
        covered
    }
}

// SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
// instructions.
#[allow(unsafe_code)]
unsafe impl Float for Avx512Vnni {
    type Vector = __m512;

    const LANES: usize = 16;
    const TILE: usize = 24;
    const PIXELS: [usize; 4] = [12, 12, 8, 6];
    const BY_LANE: bool = false;
    const PAIRS: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_some(self, from: *const f32, len: usize) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(first(len), from) }
    }

    #[inline(always)]
    unsafe fn store(self, vector: __m512, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_some(self, vector: __m512, to: *mut f32, len: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(len), vector) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
}
