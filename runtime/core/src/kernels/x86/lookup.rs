//! Bytes through tables of 256 entries.
//!
//! VBMI picks among 128 bytes in two registers at once, so that two picks and the byte's highest bit decide. AVX2 picks
//! among 16 bytes: sixteen picks, of which all but one give 0.

use super::avx512::Avx512Vnni;
use super::stack;
use super::ymm::Avx2;
use crate::kernels::Table;
use crate::kernels::portable::Entries;
use crate::kernels::vector::{Isa, Tables, Task};
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
            stack::align();
            task.run(isa);
        }
        // SAFETY: the token proves that the processor has these instructions.
        unsafe { enabled(self, task) }
    }
}

/// An instruction set's vectors of N bytes, put through a table.
trait Block<const N: usize>: Copy {
    /// The bytes' entries.
    fn entries(self, bytes: [u8; N]) -> [u8; N];
}

/// Maps at least N bytes in blocks of N. The last block may overlap the one before it; it is read before anything is
/// written, so that no byte is mapped twice where `y` is mapped in place.
#[inline(always)]
fn map_blocks<const N: usize>(block: impl Block<N>, x: Option<&[u8]>, y: &mut [u8]) {
    let read = |y: &[u8], at: usize| x.unwrap_or(y)[at..].first_chunk::<N>().copied().unwrap_or([0; N]);
    let last_at = y.len() - N;
    let last = block.entries(read(y, last_at));
    for at in (0..last_at).step_by(N) {
        let entries = block.entries(read(y, at));
        y[at..][..N].copy_from_slice(&entries);
    }
    y[last_at..].copy_from_slice(&last);
}

/// 64 entries a register.
#[derive(Clone, Copy, Debug)]
pub struct Quarters<'t> {
    entries: [__m512i; 4],
    table: &'t Table,
}

impl Quarters<'_> {
    /// The entries of 64 bytes.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn of(&self, x: __m512i) -> __m512i {
        let [a, b, c, d] = self.entries;
        // SAFETY: only a token makes these, and it proves that the processor has these instructions.
        unsafe {
            let (low, high) = (_mm512_permutex2var_epi8(a, x, b), _mm512_permutex2var_epi8(c, x, d));
            _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high)
        }
    }
}

impl Block<64> for Quarters<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn entries(self, bytes: [u8; 64]) -> [u8; 64] {
        let mut entries = [0; 64];
        // SAFETY: both are 64 bytes long.
        unsafe {
            let x = _mm512_loadu_si512(bytes.as_ptr().cast());
            _mm512_storeu_si512(entries.as_mut_ptr().cast(), self.of(x));
        }
        entries
    }
}

impl Block<16> for Quarters<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn entries(self, bytes: [u8; 16]) -> [u8; 16] {
        let mut entries = [0; 16];
        // SAFETY: both are 16 bytes long.
        unsafe {
            let x = _mm512_castsi128_si512(_mm_loadu_si128(bytes.as_ptr().cast()));
            _mm_storeu_si128(entries.as_mut_ptr().cast(), _mm512_castsi512_si128(self.of(x)));
        }
        entries
    }
}

impl Tables for Avx512Vbmi {
    type Prepared<'t> = Quarters<'t>;

    #[inline(always)]
    #[allow(unsafe_code)]
    fn prepare(self, table: &Table) -> Quarters<'_> {
        // SAFETY: the four quarters are within the table's 256 bytes.
        let quarter = |index: usize| unsafe { _mm512_loadu_si512(table.as_ptr().add(64 * index).cast()) };
        Quarters { entries: [quarter(0), quarter(1), quarter(2), quarter(3)], table }
    }

    #[inline(always)]
    fn map(self, table: Quarters<'_>, x: Option<&[u8]>, y: &mut [u8]) {
        match y.len() {
            0..16 => table.table.map(x, y),
            16..64 => map_blocks::<16>(table, x, y),
            _ => map_blocks::<64>(table, x, y),
        }
    }
}

/// 16 entries at a time.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'t>(&'t Table);

impl Block<32> for Rows<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn entries(self, bytes: [u8; 32]) -> [u8; 32] {
        let mut result = [0; 32];
        // SAFETY: only a token makes these, and it proves that the processor has these instructions. Both arrays are 32 bytes
        // long, and a row 16.
        unsafe {
            let x = _mm256_loadu_si256(bytes.as_ptr().cast());
            let mut entries = _mm256_setzero_si256();
            for (index, row) in self.0.as_chunks::<16>().0.iter().enumerate() {
                // Below 16 where the byte belongs to this row; elsewhere the addition sets the highest bit, and a pick with
                // that bit set gives 0.
                let within = _mm256_xor_si256(x, _mm256_set1_epi8((index << 4) as i8));
                let within = _mm256_adds_epu8(within, _mm256_set1_epi8(0x70));
                let row = _mm256_broadcastsi128_si256(_mm_loadu_si128(row.as_ptr().cast()));
                entries = _mm256_or_si256(entries, _mm256_shuffle_epi8(row, within));
            }
            _mm256_storeu_si256(result.as_mut_ptr().cast(), entries);
        }
        result
    }
}

impl Rows<'_> {
    /// Maps bytes; fewer than a vector of them one by one, which takes fewer instructions.
    #[inline(always)]
    fn map(self, x: Option<&[u8]>, y: &mut [u8]) {
        if y.len() < 32 { self.0.map(x, y) } else { map_blocks::<32>(self, x, y) }
    }
}

macro_rules! by_rows {
    ($($isa:ty),*) => {$(
        impl Tables for $isa {
            type Prepared<'t> = Rows<'t>;

            #[inline(always)]
            fn prepare(self, table: &Table) -> Rows<'_> {
                Rows(table)
            }

            #[inline(always)]
            fn map(self, table: Rows<'_>, x: Option<&[u8]>, y: &mut [u8]) {
                table.map(x, y);
            }
        }
    )*};
}

by_rows!(Avx2, Avx512Vnni);
