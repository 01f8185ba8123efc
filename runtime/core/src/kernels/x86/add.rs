//! Adding quantised tensors on 512-bit vectors, 64 bytes at a time: compilers do not see that unpacking and packing quarters
//! of vectors undo each other's order.

use super::avx512::Avx512Vnni;
use crate::kernels::portable::Walk;
use crate::kernels::vector::Task;
use crate::plan::step::{BinaryInt8, IntegerOperation};
use core::arch::x86_64::*;

fn walk_of(step: &BinaryInt8) -> Walk<3> {
    Walk::new(&step.extent, [&step.a, &step.b, &step.y])
}

/// Bytes done at a time.
const BLOCK: usize = 64;

/// Rows shorter than that are left to the portable code.
const SHORT: usize = 16;

/// Whether [`Add`] does `step`: rows are long enough and lie side by side, and no sum leaves the range of i32.
pub fn adds(step: &BinaryInt8) -> bool {
    let most = 255.0 * (step.a_scale.abs() + step.b_scale.abs()) + step.offset.abs();
    step.operation == IntegerOperation::Add && walk_of(step).has_rows([1; 3], SHORT) && most < 1e9
}

/// Adds bytes as a step says.
pub struct Add<'a> {
    pub step: &'a BinaryInt8,
    pub a: &'a [u8],
    pub b: &'a [u8],
    pub y: &'a mut [u8],
}

/// The constants of a step.
#[derive(Clone, Copy)]
struct Constants {
    /// What is taken off bytes that have become floats by [`unpack`].
    shift: __m512,
    a_scale: __m512,
    b_scale: __m512,
    offset: __m512,
    /// Whether the zero point is not 0; whether the bounds are not those of bytes anyway.
    shifts: bool,
    clamps: bool,
    zero: __m512i,
    low: __m512i,
    high: __m512i,
}

impl Task<Avx512Vnni> for Add<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Avx512Vnni) {
        let Add { step, a, b, y } = self;
        let walk = walk_of(step);
        walk.assert_within([a.len(), b.len(), y.len()]);
        let (a, b, y) = (a.as_ptr(), b.as_ptr(), y.as_mut_ptr());
        // SAFETY: the token proves that the processor has the instructions.
        let constants = unsafe {
            Constants {
                shift: _mm512_set1_ps(f32::from_bits(MAGIC) + step.shift as f32),
                a_scale: _mm512_set1_ps(step.a_scale),
                b_scale: _mm512_set1_ps(step.b_scale),
                offset: _mm512_set1_ps(step.offset),
                shifts: step.shift != 0,
                clamps: (step.low, step.high) != (0, 255),
                zero: _mm512_set1_epi16(step.shift as i16),
                low: _mm512_set1_epi8(step.low as i8),
                high: _mm512_set1_epi8(step.high as i8),
            }
        };
        let len = walk.row_len();
        walk.for_each_row(|[at_a, at_b, at]| {
            // SAFETY: rows lie within the operands, which was asserted; of the last block only what belongs to them is touched.
            unsafe {
                let (a, b, y) = (a.add(at_a), b.add(at_b), y.add(at));
                let whole = len / BLOCK * BLOCK;
                let mut done = 0;
                while done < whole {
                    let (a, b) = (_mm512_loadu_si512(a.add(done).cast()), _mm512_loadu_si512(b.add(done).cast()));
                    _mm512_storeu_si512(y.add(done).cast(), constants.add(a, b));
                    done += BLOCK;
                }
                if done < len {
                    let mask = (1u64 << (len - done)) - 1;
                    let a = _mm512_maskz_loadu_epi8(mask, a.add(done).cast());
                    let b = _mm512_maskz_loadu_epi8(mask, b.add(done).cast());
                    _mm512_mask_storeu_epi8(y.add(done).cast(), mask, constants.add(a, b));
                }
            }
        });
    }
}

impl Constants {
    /// The sums of 64 pairs, in the order of operations of the portable code; nothing is fused.
    ///
    /// # Safety
    /// The processor has AVX512 F and BW.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn add(&self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as the caller says.
        unsafe {
            let (a, b) = (unpack(a), unpack(b));
            let mut sums = [_mm512_setzero_si512(); 4];
            for i in 0..4 {
                let x = _mm512_sub_ps(a[i], self.shift);
                let sum = _mm512_add_ps(_mm512_mul_ps(x, self.a_scale), self.offset);
                let x = _mm512_sub_ps(b[i], self.shift);
                sums[i] = _mm512_cvtps_epi32(_mm512_add_ps(_mm512_mul_ps(x, self.b_scale), sum));
            }
            let mut halves = [_mm512_packs_epi32(sums[0], sums[1]), _mm512_packs_epi32(sums[2], sums[3])];
            if self.shifts {
                halves = [_mm512_adds_epi16(halves[0], self.zero), _mm512_adds_epi16(halves[1], self.zero)];
            }
            let bytes = _mm512_packus_epi16(halves[0], halves[1]);
            if self.clamps { _mm512_min_epu8(_mm512_max_epu8(bytes, self.low), self.high) } else { bytes }
        }
    }
}

/// The float 2²³: the last bits of its mantissa are units, so that a byte written there is added.
const MAGIC: u32 = 0x4B00_0000;

/// 64 bytes as floats that are 2²³ greater, in the order in which packing expects them. It takes no conversion, and the
/// difference to 2²³ is exact.
///
/// # Safety
/// The processor has AVX512 F and BW.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn unpack(bytes: __m512i) -> [__m512; 4] {
    // SAFETY: as the caller says.
    unsafe {
        let (zero, magic) = (_mm512_setzero_si512(), _mm512_set1_epi16((MAGIC >> 16) as i16));
        let (low, high) = (_mm512_unpacklo_epi8(bytes, zero), _mm512_unpackhi_epi8(bytes, zero));
        let words = [
            _mm512_unpacklo_epi16(low, magic),
            _mm512_unpackhi_epi16(low, magic),
            _mm512_unpacklo_epi16(high, magic),
            _mm512_unpackhi_epi16(high, magic),
        ];
        let mut floats = [_mm512_setzero_ps(); 4];
        for i in 0..4 {
            floats[i] = _mm512_castsi512_ps(words[i]);
        }
        floats
    }
}
