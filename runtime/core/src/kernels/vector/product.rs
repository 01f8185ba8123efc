//! The integer matrix product: pixels times packed weights, from sums in registers straight to bytes, or as they are.
//!
//! A tile is a few pixels by up to four vectors of output channels. Each step of its inner loop loads four inputs of every
//! pixel and the weights of four inputs of every vector, and multiplies all pairs. Sums begin at the bias and are rounded
//! where they are: nothing is written but the result.

use super::int8::{Int8, Stored, load_floats, load_sums, load_weights};
use super::layout::blocks;
use super::round::{round, round_all, together, unrolled};
use super::{Isa, Task};

/// The inputs of the first pixel: runs that lie side by side in memory.
#[derive(Clone, Copy)]
pub struct Runs<'r> {
    /// Where each run begins.
    pub starts: &'r [*const u8],
    /// Bytes from there to the inputs of the first pixel.
    pub offset: usize,
    /// Groups of four inputs that are read whole.
    pub fours: usize,
    /// Inputs of the last such group that have weights other than 0, one to four.
    pub last: usize,
    /// Inputs behind them that are read one by one, up to three.
    pub rest: usize,
    /// Bytes from one pixel to the next.
    pub step: usize,
    /// Bytes that can be read from the first run's start on.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    pub readable: usize,
    /// What their bytes are yet to be XORed with: [`FLIP`](super::Int8::FLIP), or 0 where it is done.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    pub flip: u8,
}

#[cfg(target_arch = "aarch64")]
impl Runs<'_> {
    /// Inputs of a run.
    #[inline(always)]
    pub fn inputs(&self) -> usize {
        self.fours * 4 + self.rest + self.last - 4
    }
}

/// Packed constants of some output channels.
#[derive(Clone, Copy)]
pub struct Constants {
    pub weights: *const u8,
    pub bias: *const i32,
    pub multiplier: *const f32,
    /// For every block of channels, where weights [chain](super::VectorPacking): how inputs are divided into chains.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    pub chains: *const u64,
}

/// Where results go: bytes, or sums of four bytes each.
#[derive(Clone, Copy)]
pub struct Target {
    pub first: *mut u8,
    /// Bytes from one pixel to the next.
    pub step: usize,
    /// Output channels.
    pub channels: usize,
}

impl Target {
    /// Where the results of the pixels behind the first `pixels` go.
    #[inline(always)]
    pub fn skip(self, pixels: usize) -> Self {
        Target { first: self.first.wrapping_add(pixels * self.step), ..self }
    }
}

/// Computes `pixels` pixels.
///
/// # Safety
/// The runs of every pixel can be read, the constants are packed for as many channels and runs, and the channels of every
/// pixel can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply<I: Int8>(
    isa: I,
    runs: Runs<'_>,
    pixels: usize,
    constants: Constants,
    rounding: I::Rounding,
    to: Target,
) {
    // SAFETY: as the caller says.
    unsafe { multiply_to::<I, false>(isa, runs, pixels, constants, rounding, to) }
}

/// As [`multiply`], but writes the sums, as i32. Weights and biases are packed with the channels of a vector side by side;
/// there are no multipliers.
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply_to_sums<I: Int8>(isa: I, runs: Runs<'_>, pixels: usize, constants: Constants, to: Target) {
    // SAFETY: as the caller says; nothing is rounded, and no multiplier read.
    unsafe { multiply_to::<I, true>(isa, runs, pixels, constants, isa.rounding(Stored::default(), false, false), to) }
}

/// Both: SUMS where sums are written.
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn multiply_to<I: Int8, const SUMS: bool>(
    isa: I,
    runs: Runs<'_>,
    pixels: usize,
    constants: Constants,
    rounding: I::Rounding,
    to: Target,
) {
    let fours = runs.starts.len() * (runs.fours + usize::from(runs.rest > 0));
    let mut done = 0;
    for block in blocks(to.channels, I::LANES, 4, Some(fours).filter(|_| !SUMS && isa.pairs())) {
        let channels = (to.channels - block.start).min(block.channels());
        // SAFETY: constants are packed block after block, and the channels of a block are some of those that can be written.
        unsafe {
            let to = Target { first: to.first.add(block.start * if SUMS { 4 } else { 1 }), channels, ..to };
            let constants = Constants {
                weights: constants.weights.add(fours * done * I::WEIGHT_BYTES / I::LANES),
                bias: constants.bias.add(done),
                multiplier: constants.multiplier.wrapping_add(done),
                ..constants
            };
            if block.paired {
                isa.sweep_pairs(block.vectors, runs, pixels, constants, rounding, to);
            } else if block.lanes < I::LANES {
                let (half, rounding) = isa.half(rounding);
                half.invoke(Sweep::<I::Half, 1, SUMS> { runs, pixels, constants, rounding, to });
            } else {
                match block.vectors {
                    1 => isa.invoke(Sweep::<I, 1, SUMS> { runs, pixels, constants, rounding, to }),
                    2 => isa.invoke(Sweep::<I, 2, SUMS> { runs, pixels, constants, rounding, to }),
                    3 => isa.invoke(Sweep::<I, 3, SUMS> { runs, pixels, constants, rounding, to }),
                    _ => isa.invoke(Sweep::<I, 4, SUMS> { runs, pixels, constants, rounding, to }),
                }
            }
        }
        done += block.channels();
    }
}

/// All pixels of a block of N vectors. It is a task of its own, so that its loops have all registers to themselves.
pub(super) struct Sweep<'r, I: Int8, const N: usize, const SUMS: bool> {
    pub(super) runs: Runs<'r>,
    pub(super) pixels: usize,
    pub(super) constants: Constants,
    pub(super) rounding: I::Rounding,
    pub(super) to: Target,
}

impl<I: Int8, const N: usize, const SUMS: bool> Task<I> for Sweep<'_, I, N, SUMS> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(mut self, isa: I) {
        // SAFETY: the caller of `multiply` says that the pixels can be read and written; each call does the next ones.
        unsafe {
            if !SUMS {
                let Sweep { runs, pixels, constants, rounding, to } = self;
                self.skip(isa.sweep::<N>(runs, pixels, constants, rounding, to));
            }
            if I::MANY_REGISTERS && !SUMS && self.runs.rest == 0 {
                self.hold(isa);
            }
            if I::RELAYS && !SUMS {
                // Weights that are read for the first time come from the second or third cache: with twice the pixels to
                // multiply them with, half as fast.
                if N == 4 && self.pixels >= 12 {
                    self.tile::<6>(isa);
                }
                match N {
                    1 => self.relay::<12>(isa),
                    2 => self.relay::<6>(isa),
                    3 => self.relay::<4>(isa),
                    _ => self.relay::<3>(isa),
                }
            }
            while self.pixels > 0 {
                match tile_len(self.pixels, const { I::PIXELS[N - 1] }) {
                    12 => self.tile::<12>(isa),
                    6 => self.tile::<6>(isa),
                    4 => self.tile::<4>(isa),
                    3 => self.tile::<3>(isa),
                    2 => self.tile::<2>(isa),
                    _ => self.tile::<1>(isa),
                }
            }
        }
    }
}

impl<I: Int8, const N: usize, const SUMS: bool> Sweep<'_, I, N, SUMS> {
    /// Computes M pixels.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<const M: usize>(&mut self, isa: I) {
        // SAFETY: as the caller says.
        unsafe {
            let sums = self.sums::<M>(isa, 0, None);
            if SUMS {
                self.store(isa, &sums);
            } else {
                round_all(isa, &sums, self.constants.multiplier, self.rounding, self.to);
            }
        }
        self.skip(M);
    }

    /// Writes the sums of the first M pixels.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn store<const M: usize>(&self, isa: I, sums: &[[I::Sums; N]; M]) {
        let Target { first, step, channels } = self.to;
        for m in 0..M {
            for v in 0..N {
                // SAFETY: as the caller says; the last vector may hold channels behind the last one.
                unsafe {
                    let to = first.add(m * step).cast::<i32>().add(v * I::LANES);
                    if channels >= (v + 1) * I::LANES {
                        isa.store_sums(sums[m][v], to);
                    } else {
                        isa.store_some_sums(sums[m][v], to, channels - v * I::LANES);
                    }
                }
            }
        }
    }

    /// Computes as many times M pixels as there are, one time fewer where that would leave a single one. While one tile's products
    /// are summed up the sums of the one before are rounded: the two keep different units of the processor busy.
    ///
    /// # Safety
    /// As [`tile`](Self::tile).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn relay<const M: usize>(&mut self, isa: I) {
        let left = if self.pixels % M == 1 { M + 1 } else { self.pixels % M };
        if self.pixels < 2 * M + left {
            return;
        }
        // SAFETY: as the caller says.
        unsafe {
            let mut sums = self.sums::<M>(isa, 0, None);
            while self.pixels >= 2 * M + left {
                let next = self.sums::<M>(isa, M * self.runs.step, Some(&sums));
                sums = next;
                self.skip(M);
            }
            round_all(isa, &sums, self.constants.multiplier, self.rounding, self.to);
        }
        self.skip(M);
    }

    /// Leaves the first `count` pixels behind.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: usize) {
        self.runs.offset += count * self.runs.step;
        self.to = self.to.skip(count);
        self.pixels -= count;
    }

    /// The sums of M pixels, whose inputs begin `offset` bytes behind the first one's. In between, rounds and writes
    /// `before`: the sums of the M pixels in front of them, which are the first ones.
    ///
    /// # Safety
    /// There are so many pixels.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn sums<const M: usize>(
        &self,
        isa: I,
        offset: usize,
        before: Option<&[[I::Sums; N]; M]>,
    ) -> [[I::Sums; N]; M] {
        let runs = self.runs;
        // SAFETY: reads and writes are those that the caller allows.
        unsafe {
            let mut sums = [load_sums::<I, N>(isa, self.constants.bias); M];
            let mut weights = self.constants.weights;
            for (index, &start) in runs.starts.iter().enumerate() {
                let mut x = start.add(runs.offset + offset);
                let mut left = runs.fours;
                if let (0, Some(before)) = (index, before) {
                    let by = load_floats::<I, N>(isa, self.constants.multiplier);
                    unrolled!(group in 0 1 2 3 {
                        if group * together(N) < M {
                            if left > 0 {
                                self.add(isa, &mut sums, x, 4, weights);
                                x = x.add(4);
                                weights = weights.add(N * I::WEIGHT_BYTES);
                                left -= 1;
                            }
                            round(isa, before, by, self.rounding, self.to, group * together(N));
                        }
                    });
                }
                while left > 0 {
                    self.add(isa, &mut sums, x, 4, weights);
                    x = x.add(4);
                    weights = weights.add(N * I::WEIGHT_BYTES);
                    left -= 1;
                }
                if runs.rest > 0 {
                    self.add(isa, &mut sums, x, runs.rest, weights);
                    weights = weights.add(N * I::WEIGHT_BYTES);
                }
            }
            sums
        }
    }

    /// Adds the products of `count` inputs, up to four, of M pixels.
    ///
    /// # Safety
    /// The inputs of every pixel, and the weights of four, can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn add<const M: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Sums; N]; M],
        x: *const u8,
        count: usize,
        weights: *const u8,
    ) {
        // SAFETY: as the caller says.
        unsafe {
            let w = load_weights::<I, N>(isa, weights);
            for m in 0..M {
                let x = x.add(m * self.runs.step);
                let four = isa.splat(if count == 4 { x.cast::<u32>().read_unaligned() } else { few(x, count) });
                let four = isa.flip(four);
                for v in 0..N {
                    sums[m][v] = isa.dot(sums[m][v], four, w[v]);
                }
            }
        }
    }
}

/// How many of `pixels` pixels the next tile has, at most `most`: it leaves none or, if it may have three, several, since the
/// sums of a single pixel wait for each other.
#[inline(always)]
fn tile_len(pixels: usize, most: usize) -> usize {
    for len in [12, 6, 4, 3, 2] {
        if len <= most && len <= pixels && pixels - len != 1 {
            return len;
        }
    }
    1
}

/// Reads `count` bytes, one to three, as the first of four.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn few(from: *const u8, count: usize) -> u32 {
    // SAFETY: the caller may read so many.
    unsafe {
        match count {
            1 => u32::from(*from),
            2 => u32::from(from.cast::<u16>().read_unaligned()),
            _ => u32::from(from.cast::<u16>().read_unaligned()) | u32::from(*from.add(2)) << 16,
        }
    }
}

/// The bytes at `at` of up to four runs, that of the first one first, as one group of inputs.
///
/// # Safety
/// They can be read.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn merge<const RUNS: usize>(from: [*const u8; RUNS], at: usize) -> u32 {
    let mut four = 0;
    for run in (0..RUNS).rev() {
        // SAFETY: as the caller says.
        four = four << 8 | u32::from(unsafe { *from[run].add(at) });
    }
    four
}

#[cfg(test)]
mod tests {
    use super::tile_len;

    #[test]
    fn no_tile_is_a_single_pixel_of_several() {
        for most in [3, 4, 6, 12] {
            for pixels in 2..100 {
                let mut left = pixels;
                while left > 0 {
                    let len = tile_len(left, most);
                    assert!((2..=most.min(left)).contains(&len), "{len} of {left}, at most {most}");
                    left -= len;
                }
            }
        }
        assert_eq!(tile_len(1, 12), 1);
    }
}
