//! Products of few inputs, whose weights all stay in registers: nothing is left in the inner loop but inputs.

use super::int8::{Int8, load_floats, load_sums, load_weights};
use super::product::{Runs, Sweep, merge};
use super::round::round;

/// Sums of the longest vector.
const LANES: usize = 16;

impl<I: Int8, const N: usize, const SUMS: bool> Sweep<'_, I, N, SUMS> {
    /// Computes as many pixels as fill whole vectors of bytes, where inputs are as few and as far apart as there is code for:
    /// steps that the compiler knows make every address a register and a number. Where the loop over inputs is as fast, it
    /// stays the way.
    ///
    /// # Safety
    /// The runs are read whole; all pixels can be read and written.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) unsafe fn hold(&mut self, isa: I) {
        let Runs { starts, fours, last, step, .. } = self.runs;
        // SAFETY: as the caller says.
        unsafe {
            match (starts.len(), fours, step) {
                (1, 4, 16) => self.hold_all::<1, 4, 16>(isa),
                (1, 6, 24) if N != 2 => self.hold_all::<1, 6, 24>(isa),
                (1, 8, 32) if N == 1 => self.hold_all::<1, 8, 32>(isa),
                // Three by three taps on pictures.
                (3, 3, 3) if N < 3 && last == 1 => self.hold_all::<3, 3, 3>(isa),
                (3, 3, 6) if N < 3 && last == 1 => self.hold_all::<3, 3, 6>(isa),
                _ => {}
            }
        }
    }

    /// Computes as many pixels as fill whole vectors of bytes, STEP bytes apart, of RUNS runs of FOURS groups of four inputs,
    /// so few that all weights stay in registers. Where there are three runs their last groups have one input each that counts,
    /// and are multiplied as one.
    ///
    /// # Safety
    /// The runs are so many and so long, and read whole.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn hold_all<const RUNS: usize, const FOURS: usize, const STEP: usize>(&mut self, isa: I) {
        // SAFETY: as the caller says.
        unsafe {
            match N {
                1 => self.hold_pixels::<RUNS, FOURS, STEP, 4>(isa),
                2 => self.hold_pixels::<RUNS, FOURS, STEP, 2>(isa),
                _ => self.hold_pixels::<RUNS, FOURS, STEP, 1>(isa),
            }
        }
    }

    /// As [`hold_all`](Self::hold_all), M pixels at a time.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn hold_pixels<const RUNS: usize, const FOURS: usize, const STEP: usize, const M: usize>(&mut self, isa: I) {
        let (runs, constants, rounding, mut to) = (self.runs, self.constants, self.rounding, self.to);
        let whole = self.pixels / M * M;
        // SAFETY: as the caller says.
        unsafe {
            let mut weights = [[load_weights::<I, N>(isa, constants.weights); FOURS]; RUNS];
            let mut from = [runs.starts[0].add(runs.offset); RUNS];
            let merges = RUNS == 3;
            let whole_fours = if merges { FOURS - 1 } else { FOURS };
            for run in 0..RUNS {
                from[run] = runs.starts[run].add(runs.offset);
                for four in 0..FOURS {
                    let at = (run * FOURS + four) * N * I::WEIGHT_BYTES;
                    weights[run][four] = load_weights::<I, N>(isa, constants.weights.add(at));
                }
            }
            // Of each word of a last group only the first byte is not 0: the others are filling.
            let mut merged = [[0u32; LANES]; 4];
            for run in 0..if merges { RUNS } else { 0 } {
                let last = constants.weights.add((run * FOURS + FOURS - 1) * N * I::WEIGHT_BYTES).cast::<u32>();
                for (lane, word) in merged.as_flattened_mut()[..N * I::WEIGHT_BYTES / 4].iter_mut().enumerate() {
                    *word |= last.add(lane).read_unaligned() << (8 * run);
                }
            }
            let merged = load_weights::<I, N>(isa, merged.as_ptr().cast());
            let bias = load_sums::<I, N>(isa, constants.bias);
            let by = load_floats::<I, N>(isa, constants.multiplier);
            for _ in 0..whole / M {
                let mut sums = [bias; M];
                for run in 0..RUNS {
                    for four in 0..whole_fours {
                        for m in 0..M {
                            let x = from[run].add(m * STEP + four * 4);
                            let x = isa.flip(isa.splat(x.cast::<u32>().read_unaligned()));
                            for v in 0..N {
                                sums[m][v] = isa.dot(sums[m][v], x, weights[run][four][v]);
                            }
                        }
                    }
                }
                for m in 0..if merges { M } else { 0 } {
                    let x = isa.flip(isa.splat(merge(from, m * STEP + whole_fours * 4)));
                    for v in 0..N {
                        sums[m][v] = isa.dot(sums[m][v], x, merged[v]);
                    }
                }
                for run in 0..RUNS {
                    from[run] = from[run].wrapping_add(M * STEP);
                }
                round(isa, &sums, by, rounding, to, 0);
                to = to.skip(M);
            }
        }
        self.skip(whole);
    }
}
