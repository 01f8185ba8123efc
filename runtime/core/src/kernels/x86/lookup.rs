//! Bytes through tables of 256 entries.
//!
//! VBMI picks among 128 bytes in two registers at once, so that two picks and the byte's highest bit decide. AVX2 picks
//! among 16 bytes: sixteen picks, of which all but one give 0.

use super::avx512::Avx512Vnni;
use super::ymm::Avx2;
use crate::kernels::vector::{Isa, Tables, Task};
use crate::kernels::{Table, portable};
use core::arch::x86_64::*;

/// AVX512 F, BW, DQ, VL, VNNI and VBMI; AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Vbmi(());

impl Avx512Vbmi {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        Avx512Vbmi(())
    }
}

impl Isa for Avx512Vbmi {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn invoke<T: Task<Self>>(self, task: T) {
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
        fn enabled<T: Task<Avx512Vbmi>>(isa: Avx512Vbmi, task: T) {
            task.run(isa);
        }
        // SAFETY: the token proves that the processor has these instructions.
        unsafe { enabled(self, task) }
    }
}

impl Tables for Avx512Vbmi {
    /// 64 entries a register.
    type Prepared<'t> = [__m512i; 4];

    #[inline(always)]
    #[allow(unsafe_code)]
    fn prepare(self, table: &Table) -> [__m512i; 4] {
        // SAFETY: the four quarters are within the table's 256 bytes.
        core::array::from_fn(|quarter| unsafe { _mm512_loadu_si512(table.as_ptr().add(64 * quarter).cast()) })
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn replace(self, [a, b, c, d]: [__m512i; 4], bytes: &mut [u8]) {
        // SAFETY: the token proves that the processor has these instructions.
        let entries = |x: __m512i| unsafe {
            let (low, high) = (_mm512_permutex2var_epi8(a, x, b), _mm512_permutex2var_epi8(c, x, d));
            _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high)
        };
        let (vectors, rest) = bytes.as_chunks_mut::<64>();
        for vector in vectors {
            // SAFETY: a vector is 64 bytes long.
            unsafe {
                let x = _mm512_loadu_si512(vector.as_ptr().cast());
                _mm512_storeu_si512(vector.as_mut_ptr().cast(), entries(x));
            }
        }
        // SAFETY: the mask has as many bits as there are bytes left, fewer than 64; bytes outside it are not touched.
        unsafe {
            let mask = (1u64 << rest.len()) - 1;
            let x = _mm512_maskz_loadu_epi8(mask, rest.as_ptr().cast());
            _mm512_mask_storeu_epi8(rest.as_mut_ptr().cast(), mask, entries(x));
        }
    }
}

impl Tables for Avx2 {
    type Prepared<'t> = &'t Table;

    #[inline(always)]
    fn prepare(self, table: &Table) -> &Table {
        table
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn replace(self, table: &Table, bytes: &mut [u8]) {
        let (rows, _) = table.as_chunks::<16>();
        let (vectors, rest) = bytes.as_chunks_mut::<32>();
        for vector in vectors {
            // SAFETY: the token proves that the processor has these instructions; a vector is 32 bytes long, a row 16.
            unsafe {
                let x = _mm256_loadu_si256(vector.as_ptr().cast());
                let mut entries = _mm256_setzero_si256();
                for (index, row) in rows.iter().enumerate() {
                    // Below 16 where the byte belongs to this row; elsewhere the addition sets the highest bit, and a pick
                    // with that bit set gives 0.
                    let within = _mm256_xor_si256(x, _mm256_set1_epi8((index << 4) as i8));
                    let within = _mm256_adds_epu8(within, _mm256_set1_epi8(0x70));
                    let row = _mm256_broadcastsi128_si256(_mm_loadu_si128(row.as_ptr().cast()));
                    entries = _mm256_or_si256(entries, _mm256_shuffle_epi8(row, within));
                }
                _mm256_storeu_si256(vector.as_mut_ptr().cast(), entries);
            }
        }
        portable::look_up(rest, table);
    }
}

impl Tables for Avx512Vnni {
    type Prepared<'t> = &'t Table;

    #[inline(always)]
    fn prepare(self, table: &Table) -> &Table {
        table
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn replace(self, table: &Table, bytes: &mut [u8]) {
        // SAFETY: the token proves that the processor has AVX2 and FMA, too.
        let avx2 = unsafe { Avx2::assume() };
        avx2.replace(table, bytes);
    }
}
