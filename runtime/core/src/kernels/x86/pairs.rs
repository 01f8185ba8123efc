//! Products of up to eight output channels on 512-bit vectors: every channel has two lanes, which multiply the even and the
//! odd groups of four inputs, so that one instruction does the work of two.
//!
//! [`VectorPacking`](crate::kernels::vector::VectorPacking) lays weights so that eight inputs, broadcast as they are, meet
//! theirs.

use super::avx512::{Avx512Vnni, Rounding};
use crate::kernels::vector::{Constants, Int8, Runs, Target, Task, few};
use core::arch::x86_64::*;

/// Pixels done at a time: their results fill a vector of bytes.
const PIXELS: usize = 8;

/// Bytes of the weights of four inputs.
const WEIGHTS: usize = 32;

/// The products of some pixels.
pub struct HalfSweep<'r> {
    pub runs: Runs<'r>,
    pub pixels: usize,
    pub constants: Constants,
    pub rounding: Rounding,
    pub to: Target,
}

impl Task<Avx512Vnni> for HalfSweep<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, isa: Avx512Vnni) {
        // SAFETY: who made this saw to it that the runs of all pixels can be read, that the constants are packed for eight
        // channels, and that the results can be written.
        unsafe {
            while self.pixels >= PIXELS {
                self.sweep::<PIXELS>(isa);
            }
            while self.pixels > 0 {
                self.sweep::<1>(isa);
            }
        }
    }
}

impl HalfSweep<'_> {
    /// Computes the first M pixels, one or eight, and leaves them behind.
    ///
    /// # Safety
    /// There are so many; the processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn sweep<const M: usize>(&mut self, isa: Avx512Vnni) {
        let Target { first, step, channels } = self.to;
        // SAFETY: as the caller says.
        unsafe {
            let sums = self.sums::<M>();
            let by = _mm512_castpd_ps(_mm512_broadcast_f64x4(_mm256_loadu_pd(self.constants.multiplier.cast())));
            // The even lanes of two vectors.
            let order = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let mut four = [sums[0]; 4];
            for pair in 0..4 {
                let [a, b] = [2 * pair, 2 * pair + 1].map(|pixel| sums[pixel.min(M - 1)]);
                four[pair] = _mm512_permutex2var_epi32(a, order, b);
            }
            let bytes = isa.narrow::<true>(four, [by; 4], self.rounding);
            if M == PIXELS && channels == 8 && step == 8 {
                _mm512_storeu_si512(first.cast(), bytes);
            } else {
                let mut pieces = [[0u8; 8]; PIXELS];
                _mm512_storeu_si512(pieces.as_mut_ptr().cast(), bytes);
                for pixel in 0..M {
                    let to = first.add(pixel * step);
                    match channels {
                        8 => to.cast::<[u8; 8]>().write_unaligned(pieces[pixel]),
                        _ => {
                            let piece = _mm_loadl_epi64(pieces[pixel].as_ptr().cast());
                            _mm_mask_storeu_epi8(to.cast(), (1 << channels) - 1, piece);
                        }
                    }
                }
            }
        }
        self.runs.offset += M * self.runs.step;
        self.to = self.to.skip(M);
        self.pixels -= M;
    }

    /// The sums of the first M pixels, in the even lanes.
    ///
    /// # Safety
    /// As [`sweep`](Self::sweep).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn sums<const M: usize>(&self) -> [__m512i; M] {
        let (runs, mut weights) = (self.runs, self.constants.weights);
        // SAFETY: as the caller says.
        unsafe {
            let mut sums = [_mm512_cvtepu32_epi64(_mm256_loadu_si256(self.constants.bias.cast())); M];
            for &start in runs.starts {
                let mut x = start.add(runs.offset);
                for _ in 0..runs.fours / 2 {
                    let w = _mm512_loadu_si512(weights.cast());
                    for pixel in 0..M {
                        let eight = x.add(pixel * runs.step).cast::<i64>().read_unaligned();
                        sums[pixel] = _mm512_dpbusd_epi32(sums[pixel], _mm512_set1_epi64(eight), w);
                    }
                    (x, weights) = (x.add(8), weights.add(2 * WEIGHTS));
                }
                // What is left of the run: four inputs, and up to three. A group without a partner lies by itself; its
                // partner's weights are 0.
                let (four, rest) = (runs.fours % 2 == 1, runs.rest > 0);
                if four || rest {
                    let w = if four && rest {
                        _mm512_loadu_si512(weights.cast())
                    } else {
                        _mm512_cvtepu32_epi64(_mm256_loadu_si256(weights.cast()))
                    };
                    for pixel in 0..M {
                        let x = x.add(pixel * runs.step);
                        // Without a partner, what the odd lanes hold does not matter.
                        let eight = match (four, rest) {
                            (true, false) => _mm512_set1_epi32(x.cast::<i32>().read_unaligned()),
                            (true, true) => {
                                let rest = u64::from(few(x.add(4), runs.rest)) << 32;
                                _mm512_set1_epi64((rest | u64::from(x.cast::<u32>().read_unaligned())) as i64)
                            }
                            (false, _) => _mm512_set1_epi32(few(x, runs.rest) as i32),
                        };
                        sums[pixel] = _mm512_dpbusd_epi32(sums[pixel], eight, w);
                    }
                    weights = weights.add(if four && rest { 2 * WEIGHTS } else { WEIGHTS });
                }
            }
            // The odd lanes' parts are added to those of the even ones.
            for sum in &mut sums {
                *sum = _mm512_add_epi32(*sum, _mm512_srli_epi64::<32>(*sum));
            }
            sums
        }
    }
}
