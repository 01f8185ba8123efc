//! 512-bit vectors: AVX512 with byte dot products.

use super::amx::Tiles;
use super::pairs::PairSweep;
use super::stack;
use super::ymm::{self, Avx512Ymm};
use crate::kernels::ConvolutionShape;
use crate::kernels::vector::{Constants, Int8, Isa, Runs, Stored, Target, Task, dots};
use core::arch::asm;
use core::arch::x86_64::*;

/// AVX512 F, BW, DQ, VL and VNNI; AVX2 and FMA; and tiles for products, if any.
///
/// PLAIN where results are known to need no zero point, no bounds but those of bytes, and no care for overflow: depthwise
/// convolutions round so often that branches on that cost them up to a tenth of their time.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Vnni<const PLAIN: bool = false>(Option<Tiles>);

impl Avx512Vnni {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        Avx512Vnni(None)
    }

    /// One that multiplies on tiles, too.
    pub const fn with(self, tiles: Tiles) -> Self {
        Avx512Vnni(Some(tiles))
    }
}

impl<const PLAIN: bool> Isa for Avx512Vnni<PLAIN> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn invoke<T: Task<Self>>(self, task: T) {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn enabled<const PLAIN: bool, T: Task<Avx512Vnni<PLAIN>>>(isa: Avx512Vnni<PLAIN>, task: T) {
            stack::align();
            task.run(isa);
        }
        // SAFETY: the token proves that the processor has these instructions.
        unsafe { enabled(self, task) }
    }
}

/// How sums become bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    /// Whether products may leave the range of i32.
    may_overflow: bool,
    /// Whether the zero point is not 0; whether the bounds are not those of bytes anyway.
    shifts: bool,
    clamps: bool,
    /// The zero point as i16.
    zero: __m512i,
    /// The bounds as bytes.
    low: __m512i,
    high: __m512i,
    /// See [`transpose`].
    order: __m512i,
}

/// The indices that transpose the 4 × 4 dwords of a vector.
///
/// LLVM knows what a shuffle by constants means and, looking for a better one, makes one instruction into four. It cannot
/// where the constants pass through an assembler block, even an empty one.
#[inline]
#[target_feature(enable = "avx512f")]
#[allow(unsafe_code)]
fn transpose() -> __m512i {
    let mut order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    // SAFETY: the block is empty.
    unsafe { asm!("/* {0} */", inout(zmm_reg) order, options(pure, nomem, nostack, preserves_flags)) };
    order
}

// SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
// instructions.
#[allow(unsafe_code)]
unsafe impl<const PLAIN: bool> Int8 for Avx512Vnni<PLAIN> {
    type Sums = __m512i;
    type Floats = __m512;
    type Bytes = __m512i;
    type Weights = __m512i;
    type Rounding = Rounding;
    type Half = Avx512Ymm;
    type Plain = Avx512Vnni<true>;

    const LANES: usize = 16;
    const PIXELS: [usize; 4] = [12, 12, 6, 6];
    const MANY_REGISTERS: bool = true;
    const RELAYS: bool = true;
    const FLIP: u8 = 0;
    const GATHERS: bool = false;
    const UNIT: usize = 4;
    const PRODUCT: &'static str = "vector/product";
    const WEIGHT_BYTES: usize = 64;

    #[inline(always)]
    fn half(self, rounding: Rounding) -> (Avx512Ymm, ymm::Rounding) {
        // SAFETY: this token proves more instructions than that one stands for.
        unsafe {
            let Rounding { may_overflow, zero, low, high, .. } = rounding;
            let zero = _mm512_castsi512_si256(zero);
            let (low, high) = (_mm512_castsi512_si256(low), _mm512_castsi512_si256(high));
            (Avx512Ymm::assume(self.0), ymm::Rounding { may_overflow, zero, low, high })
        }
    }

    fn plain(self, stored: Stored, may_overflow: bool) -> Option<Avx512Vnni<true>> {
        let plain = !may_overflow && (stored.zero, stored.low, stored.high) == (0, 0, 255);
        plain.then_some(Avx512Vnni(self.0))
    }

    #[inline(always)]
    unsafe fn sweep<const N: usize>(
        self,
        runs: Runs<'_>,
        pixels: usize,
        constants: Constants,
        rounding: Rounding,
        to: Target,
    ) -> usize {
        let Some(tiles) = self.0 else { return 0 };
        unsafe { tiles.sweep::<Self, N>(self, runs, pixels, constants, rounding, to) }
    }

    #[inline(always)]
    fn pairs(self) -> bool {
        self.0.is_none()
    }

    #[inline(always)]
    unsafe fn sweep_pairs(
        self,
        halves: usize,
        runs: Runs<'_>,
        pixels: usize,
        constants: Constants,
        rounding: Rounding,
        to: Target,
    ) {
        let isa = Avx512Vnni::<false>(self.0);
        match halves {
            1 => isa.invoke(PairSweep::<1> { runs, pixels, constants, rounding, to }),
            2 => isa.invoke(PairSweep::<2> { runs, pixels, constants, rounding, to }),
            _ => isa.invoke(PairSweep::<3> { runs, pixels, constants, rounding, to }),
        }
    }

    fn peak(self, rounds: u32) -> u64 {
        match self.0 {
            Some(tiles) => tiles.peak(rounds),
            None => dots(self, rounds),
        }
    }

    fn name_of_product(self, shape: &ConvolutionShape, pixels: usize) -> &'static str {
        let tiled = self.0.is_some() && Tiles::take(shape.in_channels as usize, pixels);
        if tiled { "x86/amx" } else { Self::PRODUCT }
    }

    #[inline(always)]
    unsafe fn sums(self, from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_sums(self, sums: __m512i, to: *mut i32) {
        unsafe { _mm512_storeu_si512(to.cast(), sums) }
    }

    #[inline(always)]
    unsafe fn store_some_sums(self, sums: __m512i, to: *mut i32, len: usize) {
        unsafe { _mm512_mask_storeu_epi32(to, ((1u32 << len) - 1) as __mmask16, sums) }
    }

    #[inline(always)]
    unsafe fn floats(self, from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn bytes(self, from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn weights(self, from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    fn splat(self, four: u32) -> __m512i {
        unsafe { _mm512_set1_epi32(four as i32) }
    }

    #[inline(always)]
    fn flip(self, bytes: __m512i) -> __m512i {
        bytes
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, bytes: __m512i, weights: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, bytes, weights) }
    }

    #[inline(always)]
    fn delay(self, weights: __m512i) -> __m512i {
        unsafe { _mm512_slli_epi32::<8>(weights) }
    }

    #[inline(always)]
    unsafe fn pixels<const N: usize>(self, from: [*const u8; 4]) -> __m512i {
        let [a, b, c, d] = from;
        unsafe {
            match N {
                1 => {
                    let bytes = _mm512_castsi128_si512(_mm_loadu_si128(a.cast()));
                    let bytes = _mm512_inserti32x4::<1>(bytes, _mm_loadu_si128(b.cast()));
                    let bytes = _mm512_inserti32x4::<2>(bytes, _mm_loadu_si128(c.cast()));
                    _mm512_inserti32x4::<3>(bytes, _mm_loadu_si128(d.cast()))
                }
                2 => {
                    let bytes = _mm512_castsi256_si512(_mm256_loadu_si256(a.cast()));
                    _mm512_inserti64x4::<1>(bytes, _mm256_loadu_si256(b.cast()))
                }
                _ => _mm512_loadu_si512(a.cast()),
            }
        }
    }

    #[inline(always)]
    fn interleave<const ORDERED: bool>(self, rows: [__m512i; 4]) -> [__m512i; 4] {
        unsafe {
            let mut vectors = rows;
            if ORDERED {
                // Dwords of a row that unpacking will bring together, into one quarter.
                for vector in &mut vectors {
                    *vector = _mm512_permutexvar_epi32(transpose(), *vector);
                }
            }
            let [a, b, c, d] = vectors;
            let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
            [
                _mm512_unpacklo_epi16(ab, cd),
                _mm512_unpackhi_epi16(ab, cd),
                _mm512_unpacklo_epi16(ab_high, cd_high),
                _mm512_unpackhi_epi16(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    fn rounding(self, stored: Stored, may_overflow: bool, _: bool) -> Rounding {
        unsafe {
            Rounding {
                may_overflow,
                shifts: stored.zero != 0,
                clamps: (stored.low, stored.high) != (0, 255),
                zero: _mm512_set1_epi16(stored.zero as i16),
                low: _mm512_set1_epi8(stored.low as i8),
                high: _mm512_set1_epi8(stored.high as i8),
                order: transpose(),
            }
        }
    }

    #[inline(always)]
    fn narrow<const ORDERED: bool>(self, sums: [__m512i; 4], by: [__m512; 4], rounding: Rounding) -> __m512i {
        unsafe {
            let mut products = by;
            for i in 0..4 {
                products[i] = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[i]), by[i]);
            }
            if !PLAIN && rounding.may_overflow {
                // What overflows downwards, or is NaN, is converted to i32::MIN and so becomes the lower bound.
                for i in 0..4 {
                    products[i] = _mm512_min_ps(_mm512_set1_ps(1e9), products[i]);
                }
            }
            let mut whole = sums;
            for i in 0..4 {
                whole[i] = _mm512_cvtps_epi32(products[i]);
            }
            let mut halves = [_mm512_packs_epi32(whole[0], whole[1]), _mm512_packs_epi32(whole[2], whole[3])];
            if !PLAIN && rounding.shifts {
                halves = [_mm512_adds_epi16(halves[0], rounding.zero), _mm512_adds_epi16(halves[1], rounding.zero)];
            }
            let mut bytes = _mm512_packus_epi16(halves[0], halves[1]);
            if !PLAIN && rounding.clamps {
                bytes = _mm512_min_epu8(_mm512_max_epu8(bytes, rounding.low), rounding.high);
            }
            // Packing worked in each quarter by itself.
            if ORDERED { _mm512_permutexvar_epi32(rounding.order, bytes) } else { bytes }
        }
    }

    #[inline(always)]
    unsafe fn store<const N: usize, const PIECE: usize>(self, bytes: __m512i, to: *mut u8, len: usize) {
        unsafe {
            match (N, PIECE) {
                (4, _) if len == 64 => _mm512_storeu_si512(to.cast(), bytes),
                (3, _) if len == 48 => {
                    _mm256_storeu_si256(to.cast(), _mm512_castsi512_si256(bytes));
                    _mm_storeu_si128(to.add(32).cast(), _mm512_extracti32x4_epi32::<2>(bytes));
                }
                (2, 0) if len == 32 => _mm256_storeu_si256(to.cast(), _mm512_castsi512_si256(bytes)),
                (2, _) if len == 32 => _mm256_storeu_si256(to.cast(), _mm512_extracti64x4_epi64::<1>(bytes)),
                (1, 0) if len == 16 => _mm_storeu_si128(to.cast(), _mm512_castsi512_si128(bytes)),
                (1, 1) if len == 16 => _mm_storeu_si128(to.cast(), _mm512_extracti32x4_epi32::<1>(bytes)),
                (1, 2) if len == 16 => _mm_storeu_si128(to.cast(), _mm512_extracti32x4_epi32::<2>(bytes)),
                (1, _) if len == 16 => _mm_storeu_si128(to.cast(), _mm512_extracti32x4_epi32::<3>(bytes)),
                _ => {
                    // Bytes outside the mask are not touched, so the address of the first need not be writable.
                    let (before, mask) = (PIECE * N * 16, (1u64 << len) - 1);
                    _mm512_mask_storeu_epi8(to.wrapping_sub(before).cast(), mask << before, bytes);
                }
            }
        }
    }
}
