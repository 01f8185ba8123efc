//! Products of up to 24 output channels on 512-bit vectors: every channel has two lanes of a half of a vector, which multiply
//! the even and the odd groups of four inputs.
//!
//! With one vector of 16 channels every product would want a broadcast of its own, and processors read two a cycle, as many as
//! they multiply, weights apart. Eight inputs, broadcast as they are, meet the weights of two groups in each of up to three
//! halves; in the end the two lanes of a channel are added up. [`VectorPacking`](crate::kernels::vector::VectorPacking) lays
//! weights so.

use super::avx512::{Avx512Vnni, Rounding};
use crate::kernels::vector::{Constants, Int8, Runs, Target, Task, few, merge, round_four};
use core::arch::x86_64::*;

/// Pixels done at a time: the results of eight channels fill a vector of bytes.
const PIXELS: usize = 8;

/// Bytes of the weights of two groups of four inputs in one half.
const PAIR: usize = 64;

/// Bytes of the weights of four inputs in one half.
const FOUR: usize = 32;

/// The products of some pixels with the weights of a block of H halves.
pub struct PairSweep<'r, const H: usize> {
    pub runs: Runs<'r>,
    pub pixels: usize,
    pub constants: Constants,
    pub rounding: Rounding,
    pub to: Target,
}

impl<const H: usize> Task<Avx512Vnni> for PairSweep<'_, H> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, isa: Avx512Vnni) {
        let Runs { starts, fours, last, rest, step, .. } = self.runs;
        // SAFETY: who made this saw to it that the runs of all pixels can be read, that the constants are packed for a paired
        // block of so many halves, and that the results can be written. The token proves that the processor has the
        // instructions.
        unsafe {
            match (starts.len(), fours, rest, step) {
                (1, 4, 0, 16) if H != 2 => self.hold::<1, 4, 16>(isa),
                (1, 6, 0, 24) if H != 2 => self.hold::<1, 6, 24>(isa),
                (1, 8, 0, 32) if H != 2 => self.hold::<1, 8, 32>(isa),
                // Three by three taps on pictures.
                (3, 3, 0, 3) if H != 2 && last == 1 => self.hold::<3, 3, 3>(isa),
                (3, 3, 0, 6) if H != 2 && last == 1 => self.hold::<3, 3, 6>(isa),
                _ => {}
            }
            while self.pixels >= PIXELS {
                let mut done = Done::new();
                if H == 3 {
                    // Twelve sums and three weights leave room for the rest.
                    for first in [0, 4] {
                        self.sums::<4>(first, &mut done);
                    }
                } else {
                    self.sums::<8>(0, &mut done);
                }
                self.finish::<PIXELS>(isa, &done);
            }
            while self.pixels > 0 {
                let mut done = Done::new();
                self.sums::<1>(0, &mut done);
                self.finish::<1>(isa, &done);
            }
        }
    }
}

/// The sums of some pixels.
struct Done {
    /// Those of the first 16 channels, if there are so many.
    whole: [__m512i; PIXELS],
    /// Those of the last eight channels, if there is an odd half; a channel's sum is that of its two lanes.
    half: [__m512i; PIXELS],
}

impl Done {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn new() -> Self {
        // SAFETY: every bit pattern is a vector.
        let zero = unsafe { core::mem::zeroed() };
        Done { whole: [zero; PIXELS], half: [zero; PIXELS] }
    }
}

/// The weights of a group of four inputs without a partner: of the first 16 channels, and of the last eight in even lanes.
type Lone = (__m512i, __m512i);

impl<const H: usize> PairSweep<'_, H> {
    /// Whether there is a half that is not folded with another one.
    const ODD: bool = H % 2 == 1;

    /// Computes the sums of M pixels, of which the first is `first` pixels behind the first one.
    ///
    /// # Safety
    /// There are so many; the processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn sums<const M: usize>(&self, first: usize, done: &mut Done) {
        let Runs { starts, fours, rest, step, .. } = self.runs;
        let offset = self.runs.offset + first * step;
        let groups = fours + usize::from(rest > 0);
        let len = groups / 2 * H * PAIR + groups % 2 * H * FOUR;
        // SAFETY: as the caller says.
        unsafe {
            let mut sums = [self.begin(); M];
            for (run, &start) in starts.iter().enumerate() {
                let mut weights = self.constants.weights.add(run * len);
                let mut x = start.add(offset);
                for _ in 0..fours / 2 {
                    let w = load(weights);
                    for pixel in 0..M {
                        let eight = x.add(pixel * step).cast::<i64>().read_unaligned();
                        sums[pixel] = dots(sums[pixel], _mm512_set1_epi64(eight), w);
                    }
                    (x, weights) = (x.add(8), weights.add(H * PAIR));
                }
                if fours % 2 == 1 && rest > 0 {
                    let w = load(weights);
                    for pixel in 0..M {
                        let x = x.add(pixel * step);
                        let eight = u64::from(x.cast::<u32>().read_unaligned()) | u64::from(few(x.add(4), rest)) << 32;
                        sums[pixel] = dots(sums[pixel], _mm512_set1_epi64(eight as i64), w);
                    }
                }
            }
            self.fold::<M>(sums, first, done);
            if groups % 2 == 0 {
                return;
            }
            for (run, &start) in starts.iter().enumerate() {
                let w = Self::lone(self.constants.weights.add(run * len + groups / 2 * H * PAIR));
                let x = start.add(offset + groups / 2 * 8);
                for pixel in 0..M {
                    let x = x.add(pixel * step);
                    let four = if rest > 0 { few(x, rest) } else { x.cast::<u32>().read_unaligned() };
                    Self::add_lone(done, first + pixel, four, w);
                }
            }
        }
    }

    /// Computes as many pixels as go by eights, STEP bytes apart, of RUNS runs of FOURS groups of four inputs: few enough that
    /// all weights stay in registers. A last group without a partner has one input that counts, and those of all runs are
    /// multiplied as one.
    ///
    /// # Safety
    /// The runs are so many and so long, and read whole; the processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn hold<const RUNS: usize, const FOURS: usize, const STEP: usize>(&mut self, isa: Avx512Vnni) {
        let len = FOURS / 2 * H * PAIR + FOURS % 2 * H * FOUR;
        let Runs { starts, offset, .. } = self.runs;
        // SAFETY: as the caller says.
        unsafe {
            let mut from = [starts[0]; RUNS];
            let mut weights = [[load(self.constants.weights); 4]; RUNS];
            let mut lone = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for run in (0..RUNS).rev() {
                from[run] = starts[run].add(offset);
                let of_run = self.constants.weights.add(run * len);
                for pair in 0..FOURS / 2 {
                    weights[run][pair] = load(of_run.add(pair * H * PAIR));
                }
                if FOURS % 2 == 1 {
                    // The first byte of every lane of the first run's, the second of the second's.
                    let (whole, half) = Self::lone(of_run.add(FOURS / 2 * H * PAIR));
                    lone.0 = _mm512_or_si512(_mm512_slli_epi32::<8>(lone.0), whole);
                    lone.1 = _mm512_or_si512(_mm512_slli_epi32::<8>(lone.1), half);
                }
            }
            while self.pixels >= PIXELS {
                let mut done = Done::new();
                for first in [0, 4] {
                    let mut sums = [self.begin(); 4];
                    for run in 0..RUNS {
                        for pair in 0..FOURS / 2 {
                            for pixel in 0..4 {
                                let x = from[run].add((first + pixel) * STEP + pair * 8);
                                let eight = _mm512_set1_epi64(x.cast::<i64>().read_unaligned());
                                sums[pixel] = dots(sums[pixel], eight, weights[run][pair]);
                            }
                        }
                    }
                    self.fold::<4>(sums, first, &mut done);
                    if FOURS % 2 == 1 {
                        for pixel in first..first + 4 {
                            let four = merge(from, pixel * STEP + FOURS / 2 * 8);
                            Self::add_lone(&mut done, pixel, four, lone);
                        }
                    }
                }
                for run in 0..RUNS {
                    from[run] = from[run].wrapping_add(PIXELS * STEP);
                }
                self.finish::<PIXELS>(isa, &done);
            }
        }
    }

    /// What the sums of a pixel begin with: 0 where they are folded, since biases are added then, and an odd half's biases.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn begin(&self) -> [__m512i; H] {
        // SAFETY: as the caller says; there is a bias for every channel.
        unsafe {
            let mut sums = [_mm512_setzero_si512(); H];
            if Self::ODD {
                sums[H - 1] = _mm512_cvtepu32_epi64(_mm256_loadu_si256(self.constants.bias.add(8 * (H - 1)).cast()));
            }
            sums
        }
    }

    /// Adds up the two lanes of each of the first 16 channels, which brings channels in order, and their biases.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn fold<const M: usize>(&self, sums: [[__m512i; H]; M], first: usize, done: &mut Done) {
        for pixel in 0..M {
            let sums = sums[pixel];
            if H > 1 {
                // SAFETY: as the caller says; there is a bias for every channel.
                done.whole[first + pixel] = unsafe {
                    let bias = _mm512_loadu_si512(self.constants.bias.cast());
                    _mm512_add_epi32(bias, add_lanes(sums[0], sums[1]))
                };
            }
            if Self::ODD {
                done.half[first + pixel] = sums[H - 1];
            }
        }
    }

    /// Reads the weights of a group without a partner.
    ///
    /// # Safety
    /// They can be read; the processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn lone(weights: *const u8) -> Lone {
        // SAFETY: as the caller says.
        unsafe {
            let mut lone = (_mm512_setzero_si512(), _mm512_setzero_si512());
            if H > 1 {
                lone.0 = _mm512_loadu_si512(weights.cast());
            }
            if Self::ODD {
                lone.1 = _mm512_cvtepu32_epi64(_mm256_loadu_si256(weights.add((H - 1) * FOUR).cast()));
            }
            lone
        }
    }

    /// Adds the products of a group without a partner to the sums of a pixel.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn add_lone(done: &mut Done, pixel: usize, four: u32, (whole, half): Lone) {
        // SAFETY: as the caller says.
        unsafe {
            let four = _mm512_set1_epi32(four as i32);
            if H > 1 {
                done.whole[pixel] = _mm512_dpbusd_epi32(done.whole[pixel], four, whole);
            }
            if Self::ODD {
                done.half[pixel] = _mm512_dpbusd_epi32(done.half[pixel], four, half);
            }
        }
    }

    /// Rounds the sums of the first M pixels, one or eight, writes the results and leaves the pixels behind.
    ///
    /// # Safety
    /// There are so many; the processor has the instructions.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn finish<const M: usize>(&mut self, isa: Avx512Vnni, done: &Done) {
        let (to, rounding, multiplier) = (self.to, self.rounding, self.constants.multiplier);
        // SAFETY: as the caller says; there is a multiplier for every channel.
        unsafe {
            if H > 1 {
                let by = _mm512_loadu_ps(multiplier);
                let to = Target { channels: to.channels.min(16), ..to };
                let [a, b, c, d, e, f, g, h] = done.whole;
                round_four::<_, 1>(isa, [a, b, c, d], [by; 4], rounding, to, M.min(4));
                if M > 4 {
                    round_four::<_, 1>(isa, [e, f, g, h], [by; 4], rounding, to.skip(4), 4);
                }
            }
            if Self::ODD {
                let before = 8 * (H - 1);
                let by = _mm256_loadu_pd(multiplier.add(before).cast());
                let by = _mm512_castpd_ps(_mm512_broadcast_f64x4(by));
                let [a, b, c, d, e, f, g, h] = done.half;
                let four = [add_lanes(a, b), add_lanes(c, d), add_lanes(e, f), add_lanes(g, h)];
                // Every four lanes have two channels of each of two pixels: multipliers lie as they do, and the bytes are
                // brought in order.
                let by = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7), by);
                let bytes = isa.narrow::<true>(four, [by; 4], rounding);
                let order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
                let bytes = _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(order));
                let (first, channels) = (to.first.wrapping_add(before), to.channels - before);
                if M == PIXELS && channels == 8 && to.step == 8 {
                    _mm512_storeu_si512(first.cast(), bytes);
                } else {
                    let mut pieces = [[0u8; 8]; PIXELS];
                    _mm512_storeu_si512(pieces.as_mut_ptr().cast(), bytes);
                    for pixel in 0..M {
                        let to = first.wrapping_add(pixel * to.step);
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
        }
        self.runs.offset += M * self.runs.step;
        self.to = to.skip(M);
        self.pixels -= M;
    }
}

/// Reads the weights of two groups of four inputs in all halves.
///
/// # Safety
/// They can be read; the processor has the instructions.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn load<const H: usize>(weights: *const u8) -> [__m512i; H] {
    // SAFETY: as the caller says.
    unsafe {
        let mut vectors = [_mm512_loadu_si512(weights.cast()); H];
        for half in 1..H {
            vectors[half] = _mm512_loadu_si512(weights.add(half * PAIR).cast());
        }
        vectors
    }
}

/// Adds the products of eight inputs, broadcast, to the sums of a pixel.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn dots<const H: usize>(mut sums: [__m512i; H], eight: __m512i, weights: [__m512i; H]) -> [__m512i; H] {
    for half in 0..H {
        // SAFETY: as the caller says.
        sums[half] = unsafe { _mm512_dpbusd_epi32(sums[half], eight, weights[half]) };
    }
    sums
}

/// The sums of every two lanes: in each quarter those of a quarter of `a`, then those of the same quarter of `b`.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add_lanes(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: as the caller says.
    unsafe {
        let (a, b) = (_mm512_castsi512_ps(a), _mm512_castsi512_ps(b));
        let (even, odd) = (_mm512_shuffle_ps::<0x88>(a, b), _mm512_shuffle_ps::<0xDD>(a, b));
        _mm512_add_epi32(_mm512_castps_si512(even), _mm512_castps_si512(odd))
    }
}
