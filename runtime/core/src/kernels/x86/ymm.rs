//! 256-bit vectors: AVX2, and the two encodings of byte dot products on them.
//!
//! The three instruction sets differ in one operation, [`dot`](Int8::dot), and in how it wants its weights.

use super::amx::Tiles;
use super::stack;
use crate::kernels::vector::{Constants, Int8, Isa, Runs, Stored, Target, Task};
use core::arch::x86_64::*;

/// AVX2 and FMA.
///
/// Its byte products, VPMADDUBSW, saturate, so that bytes are widened to 16 bits: the even ones of each lane, then the odd
/// ones, which needs no shuffle.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

/// AVX2, FMA and AVX-VNNI.
#[derive(Clone, Copy, Debug)]
pub struct AvxVnni(());

/// AVX2, FMA, AVX512-VNNI and AVX512-VL: the instruction of [`AvxVnni`] in the encoding of AVX512; and tiles for products, if
/// any.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Ymm(Option<Tiles>);

impl Avx2 {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        Avx2(())
    }
}

impl AvxVnni {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        AvxVnni(())
    }
}

impl Avx512Ymm {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume(tiles: Option<Tiles>) -> Self {
        Avx512Ymm(tiles)
    }
}

/// How sums become bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    /// Whether products may leave the range of i32.
    pub may_overflow: bool,
    /// The zero point as i16.
    pub zero: __m256i,
    /// The bounds as bytes.
    pub low: __m256i,
    pub high: __m256i,
}

/// Writes the first `len` bytes of `bytes`.
///
/// # Safety
/// They can be written.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
unsafe fn store_some(bytes: __m128i, mut to: *mut u8, mut len: usize) {
    let mut left = bytes;
    // SAFETY: each piece is no longer than what is left.
    unsafe {
        if len >= 16 {
            return _mm_storeu_si128(to.cast(), left);
        }
        if len >= 8 {
            _mm_storel_epi64(to.cast(), left);
            (to, len, left) = (to.add(8), len - 8, _mm_unpackhi_epi64(left, left));
        }
        if len >= 4 {
            to.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(left));
            (to, len, left) = (to.add(4), len - 4, _mm_srli_si128::<4>(left));
        }
        let mut rest = _mm_cvtsi128_si32(left) as u32;
        for index in 0..len {
            *to.add(index) = rest as u8;
            rest >>= 8;
        }
    }
}

macro_rules! int8 {
    ($isa:ident, $features:literal, $weights:ty, |$from:ident| $load:expr, |$w:ident| $delay:expr, |$sums:ident, $x:ident, $by:ident| $dot:expr $(, $own:item)?) => {
        impl Isa for $isa {
            #[inline(always)]
            #[allow(unsafe_code)]
            fn invoke<T: Task<Self>>(self, task: T) {
                #[inline(never)]
                #[target_feature(enable = $features)]
                fn enabled<T: Task<$isa>>(isa: $isa, task: T) {
                    stack::align();
                    task.run(isa);
                }
                // SAFETY: the token proves that the processor has these instructions.
                unsafe { enabled(self, task) }
            }
        }

        // SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
        // instructions.
        #[allow(unsafe_code)]
        unsafe impl Int8 for $isa {
            type Sums = __m256i;
            type Floats = __m256;
            type Bytes = __m256i;
            type Weights = $weights;
            type Rounding = Rounding;
            type Half = Self;
            type Plain = Self;

            const LANES: usize = 8;
            const PIXELS: [usize; 4] = [12, 6, 4, 3];
            const MANY_REGISTERS: bool = false;
            const RELAYS: bool = false;
            const FLIP: u8 = 0;
            const GATHERS: bool = false;
            const UNIT: usize = 4;
            const PRODUCT: &'static str = "vector/product";
            const WEIGHT_BYTES: usize = size_of::<$weights>();

            $($own)?

            #[inline(always)]
            fn half(self, rounding: Rounding) -> (Self, Rounding) {
                (self, rounding)
            }

            #[inline(always)]
            unsafe fn sums(self, from: *const i32) -> __m256i {
                unsafe { _mm256_loadu_si256(from.cast()) }
            }

            #[inline(always)]
            unsafe fn store_sums(self, sums: __m256i, to: *mut i32) {
                unsafe { _mm256_storeu_si256(to.cast(), sums) }
            }

            #[inline(always)]
            unsafe fn store_some_sums(self, sums: __m256i, to: *mut i32, len: usize) {
                unsafe {
                    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                    _mm256_maskstore_epi32(to, _mm256_cmpgt_epi32(_mm256_set1_epi32(len as i32), lanes), sums);
                }
            }

            #[inline(always)]
            unsafe fn floats(self, from: *const f32) -> __m256 {
                unsafe { _mm256_loadu_ps(from) }
            }

            #[inline(always)]
            unsafe fn bytes(self, from: *const u8) -> __m256i {
                unsafe { _mm256_loadu_si256(from.cast()) }
            }

            #[inline(always)]
            unsafe fn weights(self, $from: *const u8) -> $weights {
                unsafe { $load }
            }

            #[inline(always)]
            fn splat(self, four: u32) -> __m256i {
                unsafe { _mm256_set1_epi32(four as i32) }
            }

            #[inline(always)]
            fn flip(self, bytes: __m256i) -> __m256i {
                bytes
            }

            #[inline(always)]
            fn dot(self, $sums: __m256i, $x: __m256i, $by: $weights) -> __m256i {
                unsafe { $dot }
            }

            #[inline(always)]
            fn delay(self, $w: $weights) -> $weights {
                unsafe { $delay }
            }

            #[inline(always)]
            unsafe fn pixels<const N: usize>(self, from: [*const u8; 4]) -> __m256i {
                let [a, b, c, d] = from;
                unsafe {
                    match N {
                        1 => {
                            let low = _mm_unpacklo_epi64(_mm_loadl_epi64(a.cast()), _mm_loadl_epi64(b.cast()));
                            let high = _mm_unpacklo_epi64(_mm_loadl_epi64(c.cast()), _mm_loadl_epi64(d.cast()));
                            _mm256_set_m128i(high, low)
                        }
                        2 => _mm256_loadu2_m128i(b.cast(), a.cast()),
                        _ => _mm256_loadu_si256(a.cast()),
                    }
                }
            }

            #[inline(always)]
            fn interleave<const ORDERED: bool>(self, rows: [__m256i; 4]) -> [__m256i; 4] {
                unsafe {
                    let mut vectors = rows;
                    if ORDERED {
                        // Dwords of a row that unpacking will bring together, into one half.
                        for vector in &mut vectors {
                            *vector = _mm256_permutevar8x32_epi32(*vector, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
                        }
                    }
                    let [a, b, c, d] = vectors;
                    let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
                    let (ab_high, cd_high) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
                    [
                        _mm256_unpacklo_epi16(ab, cd),
                        _mm256_unpackhi_epi16(ab, cd),
                        _mm256_unpacklo_epi16(ab_high, cd_high),
                        _mm256_unpackhi_epi16(ab_high, cd_high),
                    ]
                }
            }

            #[inline(always)]
            fn rounding(self, stored: Stored, may_overflow: bool, _: bool) -> Rounding {
                unsafe {
                    Rounding {
                        may_overflow,
                        zero: _mm256_set1_epi16(stored.zero as i16),
                        low: _mm256_set1_epi8(stored.low as i8),
                        high: _mm256_set1_epi8(stored.high as i8),
                    }
                }
            }

            #[inline(always)]
            fn narrow<const ORDERED: bool>(self, sums: [__m256i; 4], by: [__m256; 4], rounding: Rounding) -> __m256i {
                unsafe {
                    let mut products = by;
                    for i in 0..4 {
                        products[i] = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[i]), by[i]);
                    }
                    if rounding.may_overflow {
                        // What overflows downwards, or is NaN, is converted to i32::MIN and so becomes the lower bound.
                        for i in 0..4 {
                            products[i] = _mm256_min_ps(_mm256_set1_ps(1e9), products[i]);
                        }
                    }
                    let mut whole = sums;
                    for i in 0..4 {
                        whole[i] = _mm256_cvtps_epi32(products[i]);
                    }
                    let first = _mm256_adds_epi16(_mm256_packs_epi32(whole[0], whole[1]), rounding.zero);
                    let second = _mm256_adds_epi16(_mm256_packs_epi32(whole[2], whole[3]), rounding.zero);
                    let bytes = _mm256_packus_epi16(first, second);
                    let bytes = _mm256_min_epu8(_mm256_max_epu8(bytes, rounding.low), rounding.high);
                    if ORDERED {
                        // Packing worked in each half by itself.
                        _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
                    } else {
                        bytes
                    }
                }
            }

            #[inline(always)]
            unsafe fn store<const N: usize, const PIECE: usize>(self, bytes: __m256i, to: *mut u8, len: usize) {
                unsafe {
                    let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
                    match (N, PIECE) {
                        (1, _) => {
                            let half = if PIECE < 2 { low } else { high };
                            let piece = if PIECE % 2 == 0 { half } else { _mm_unpackhi_epi64(half, half) };
                            if len == 8 {
                                _mm_storel_epi64(to.cast(), piece);
                            } else {
                                store_some(piece, to, len);
                            }
                        }
                        (2, _) => store_some(if PIECE == 0 { low } else { high }, to, len),
                        _ if len == 32 => _mm256_storeu_si256(to.cast(), bytes),
                        _ if len > 16 => {
                            _mm_storeu_si128(to.cast(), low);
                            store_some(high, to.add(16), len - 16);
                        }
                        _ => store_some(low, to, len),
                    }
                }
            }
        }
    };
}

int8!(
    Avx2,
    "avx2,fma",
    [__m256i; 2],
    |from| [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())],
    // The first of the odd weights moves to the second of the even ones.
    |w| [_mm256_slli_epi32::<16>(w[1]), w[0]],
    |sums, x, w| {
        let even = _mm256_and_si256(x, _mm256_set1_epi16(0xff));
        let odd = _mm256_srli_epi16::<8>(x);
        let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even, w[0]));
        _mm256_add_epi32(sums, _mm256_madd_epi16(odd, w[1]))
    }
);
int8!(
    AvxVnni,
    "avx2,fma,avxvnni",
    __m256i,
    |from| _mm256_loadu_si256(from.cast()),
    |w| _mm256_slli_epi32::<8>(w),
    |sums, x, w| _mm256_dpbusd_avx_epi32(sums, x, w)
);
int8!(
    Avx512Ymm,
    "avx2,fma,avx512f,avx512vl,avx512vnni",
    __m256i,
    |from| _mm256_loadu_si256(from.cast()),
    |w| _mm256_slli_epi32::<8>(w),
    |sums, x, w| _mm256_dpbusd_epi32(sums, x, w),
    #[inline(always)]
    unsafe fn sweep<const N: usize>(
        self,
        runs: Runs<'_>,
        pixels: usize,
        constants: Constants,
        rounding: Rounding,
        to: Target,
    ) -> usize {
        match self.0 {
            Some(tiles) if N == 1 => unsafe { tiles.sweep::<Self, N>(self, runs, pixels, constants, rounding, to) },
            _ => 0,
        }
    }
);
