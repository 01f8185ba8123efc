//! 256-bit vectors with fused multiply-add.

use core::arch::x86_64::*;

use super::{Simd, Task};
use crate::Real;

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Runs a task compiled with AVX2 and FMA.
///
/// # Safety
/// The processor has them.
#[allow(unsafe_code)]
#[target_feature(enable = "avx2,fma")]
pub unsafe fn enter<T: Real, K: Task<T>>(task: K) -> K::Out {
    T::avx2(task, Avx2(()))
}

/// Eight ones and eight zeros: what begins `8 - len` in has `len` ones.
static ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

macro_rules! vectors {
    ($float:ty, $vector:ty, $lanes:literal, $words:literal, $set1:ident, $loadu:ident, $maskload:ident, $storeu:ident,
     $maskstore:ident, $add:ident, $sub:ident, $mul:ident, $fmadd:ident, $max:ident, $min:ident, $cmp:ident, $and:ident,
     $blendv:ident) => {
        // SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
        // instructions.
        #[allow(unsafe_code)]
        unsafe impl Simd<$float> for Avx2 {
            type V = $vector;
            type Mask = __m256i;
            const LANES: usize = $lanes;
            const ROWS: [usize; 4] = [8, 6, 4, 1];
            const WIDEST: usize = 2;

            #[inline(always)]
            fn splat(self, value: $float) -> $vector {
                unsafe { $set1(value) }
            }
            #[inline(always)]
            fn mask(self, len: usize) -> __m256i {
                let ones = &ONES[8 - len * $words..][..8];
                unsafe { _mm256_loadu_si256(ones.as_ptr().cast()) }
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $float) -> $vector {
                unsafe { $loadu(from) }
            }
            #[inline(always)]
            unsafe fn load_masked(self, from: *const $float, mask: __m256i) -> $vector {
                unsafe { $maskload(from, mask) }
            }
            #[inline(always)]
            unsafe fn store(self, vector: $vector, to: *mut $float) {
                unsafe { $storeu(to, vector) }
            }
            #[inline(always)]
            unsafe fn store_masked(self, vector: $vector, to: *mut $float, mask: __m256i) {
                unsafe { $maskstore(to, mask, vector) }
            }
            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: $vector, b: $vector) -> $vector {
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                unsafe { $fmadd(a, b, c) }
            }
            #[inline(always)]
            fn clamp(self, value: $vector, low: $vector, high: $vector) -> $vector {
                // Both return the second operand where one is not a number.
                unsafe { $min(high, $max(low, value)) }
            }
            #[inline(always)]
            fn gate(self, value: $vector, z: $vector, low: $vector, high: $vector) -> $vector {
                unsafe { $and(value, $and($cmp::<_CMP_NLE_UQ>(z, low), $cmp::<_CMP_NGE_UQ>(z, high))) }
            }
            #[inline(always)]
            fn greater(self, a: $vector, b: $vector) -> $vector {
                // The maximum is b where one is not a number, so a has to be put back.
                unsafe { $blendv($max(a, b), a, $cmp::<_CMP_UNORD_Q>(a, a)) }
            }
            #[inline(always)]
            fn where_equal(self, value: $vector, a: $vector, b: $vector) -> $vector {
                unsafe { $and(value, $cmp::<_CMP_EQ_OQ>(a, b)) }
            }
            #[inline(always)]
            fn invoke<K: Task<$float>>(self, task: K) -> K::Out {
                unsafe { enter(task) }
            }
        }
    };
}

vectors!(
    f32,
    __m256,
    8,
    1,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_maskload_ps,
    _mm256_storeu_ps,
    _mm256_maskstore_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_max_ps,
    _mm256_min_ps,
    _mm256_cmp_ps,
    _mm256_and_ps,
    _mm256_blendv_ps
);
vectors!(
    f64,
    __m256d,
    4,
    2,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_maskload_pd,
    _mm256_storeu_pd,
    _mm256_maskstore_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    _mm256_max_pd,
    _mm256_min_pd,
    _mm256_cmp_pd,
    _mm256_and_pd,
    _mm256_blendv_pd
);
