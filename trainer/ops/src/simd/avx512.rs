//! 512-bit vectors.

use core::arch::x86_64::*;

use super::{Simd, Task};
use crate::Real;

/// Proof that the processor has AVX512F.
#[derive(Clone, Copy)]
pub struct Avx512(());

/// Runs a task compiled with AVX512F.
///
/// # Safety
/// The processor has it.
#[allow(unsafe_code)]
#[target_feature(enable = "avx512f,avx2,fma")]
pub unsafe fn enter<T: Real, K: Task<T>>(task: K) -> K::Out {
    T::avx512(task, Avx512(()))
}

macro_rules! vectors {
    ($float:ty, $vector:ty, $mask:ty, $lanes:literal, $set1:ident, $loadu:ident, $maskz_loadu:ident, $storeu:ident,
     $mask_storeu:ident, $add:ident, $sub:ident, $mul:ident, $fmadd:ident, $max:ident, $min:ident, $cmp:ident,
     $maskz_mov:ident, $mask_mov:ident) => {
        // SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
        // instructions.
        #[allow(unsafe_code)]
        unsafe impl Simd<$float> for Avx512 {
            type V = $vector;
            type Mask = $mask;
            const LANES: usize = $lanes;
            const ROWS: [usize; 4] = [12, 12, 8, 6];
            const WIDEST: usize = 4;

            #[inline(always)]
            fn splat(self, value: $float) -> $vector {
                unsafe { $set1(value) }
            }
            #[inline(always)]
            fn mask(self, len: usize) -> $mask {
                ((1u32 << len) - 1) as $mask
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $float) -> $vector {
                unsafe { $loadu(from) }
            }
            #[inline(always)]
            unsafe fn load_masked(self, from: *const $float, mask: $mask) -> $vector {
                unsafe { $maskz_loadu(mask, from) }
            }
            #[inline(always)]
            unsafe fn store(self, vector: $vector, to: *mut $float) {
                unsafe { $storeu(to, vector) }
            }
            #[inline(always)]
            unsafe fn store_masked(self, vector: $vector, to: *mut $float, mask: $mask) {
                unsafe { $mask_storeu(to, mask, vector) }
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
                unsafe {
                    let inside = $cmp::<_CMP_NLE_UQ>(z, low) & $cmp::<_CMP_NGE_UQ>(z, high);
                    $maskz_mov(inside, value)
                }
            }
            #[inline(always)]
            fn greater(self, a: $vector, b: $vector) -> $vector {
                // The maximum is b where one is not a number, so a has to be put back.
                unsafe { $mask_mov($max(a, b), $cmp::<_CMP_UNORD_Q>(a, a), a) }
            }
            #[inline(always)]
            fn where_equal(self, value: $vector, a: $vector, b: $vector) -> $vector {
                unsafe { $maskz_mov($cmp::<_CMP_EQ_OQ>(a, b), value) }
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
    __m512,
    __mmask16,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_max_ps,
    _mm512_min_ps,
    _mm512_cmp_ps_mask,
    _mm512_maskz_mov_ps,
    _mm512_mask_mov_ps
);
vectors!(
    f64,
    __m512d,
    __mmask8,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_max_pd,
    _mm512_min_pd,
    _mm512_cmp_pd_mask,
    _mm512_maskz_mov_pd,
    _mm512_mask_mov_pd
);
