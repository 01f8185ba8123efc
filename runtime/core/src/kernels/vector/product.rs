//! The integer matrix product: pixels times packed weights, from sums in registers straight to bytes.
//!
//! A tile is a few pixels by up to four vectors of output channels. Each step of its inner loop loads four inputs of every
//! pixel and the weights of four inputs of every vector, and multiplies all pairs. Sums begin at the bias and are rounded
//! where they are: nothing is written but the result.

use super::Task;
use super::int8::{Int8, load_floats, load_sums, load_weights};
use super::layout::vectors_of_block;

/// The inputs of the first pixel: runs that lie side by side in memory.
#[derive(Clone, Copy)]
pub struct Runs<'r> {
    /// Where each run begins.
    pub starts: &'r [*const u8],
    /// Groups of four inputs that are read whole.
    pub fours: usize,
    /// Inputs behind them that are read one by one, up to three.
    pub rest: usize,
    /// Bytes from one pixel to the next.
    pub step: usize,
}

/// Packed constants of some output channels.
#[derive(Clone, Copy)]
pub struct Constants {
    pub weights: *const u8,
    pub bias: *const i32,
    pub multiplier: *const f32,
}

/// Where results go.
#[derive(Clone, Copy)]
pub struct Target {
    pub first: *mut u8,
    /// Bytes from one pixel to the next.
    pub step: usize,
    /// Output channels.
    pub channels: usize,
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
    mut constants: Constants,
    rounding: I::Rounding,
    mut to: Target,
) {
    let fours = runs.starts.len() * (runs.fours + usize::from(runs.rest > 0));
    while to.channels > 0 {
        let count = vectors_of_block(to.channels.div_ceil(I::LANES));
        let block = Target { channels: to.channels.min(count * I::LANES), ..to };
        // SAFETY: as the caller says; a block is the first channels of those.
        unsafe {
            match count {
                1 => isa.invoke(Sweep::<I, 1> { runs, pixels, constants, rounding, to: block }),
                2 => isa.invoke(Sweep::<I, 2> { runs, pixels, constants, rounding, to: block }),
                3 => isa.invoke(Sweep::<I, 3> { runs, pixels, constants, rounding, to: block }),
                _ => isa.invoke(Sweep::<I, 4> { runs, pixels, constants, rounding, to: block }),
            }
            let channels = count * I::LANES;
            constants = Constants {
                weights: constants.weights.add(fours * count * I::WEIGHT_BYTES),
                bias: constants.bias.add(channels),
                multiplier: constants.multiplier.add(channels),
            };
            to = Target { first: to.first.add(block.channels), channels: to.channels - block.channels, ..to };
        }
    }
}

/// All pixels of a block of N vectors. It is a task of its own, so that its loops have all registers to themselves.
struct Sweep<'r, I: Int8, const N: usize> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    rounding: I::Rounding,
    to: Target,
}

impl<I: Int8, const N: usize> Task<I> for Sweep<'_, I, N> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let Sweep { runs, pixels, constants, rounding, mut to } = self;
        let (mut offset, mut left) = (0, pixels);
        while left > 0 {
            // Tiles as high as registers allow.
            // SAFETY: the caller of `multiply` says that the pixels can be read and written; these are the next ones.
            let done = unsafe {
                match left.min(I::TILE / N) {
                    12.. => tile::<I, 12, N>(isa, runs, offset, constants, rounding, to),
                    8.. => tile::<I, 8, N>(isa, runs, offset, constants, rounding, to),
                    6.. => tile::<I, 6, N>(isa, runs, offset, constants, rounding, to),
                    4.. => tile::<I, 4, N>(isa, runs, offset, constants, rounding, to),
                    3 => tile::<I, 3, N>(isa, runs, offset, constants, rounding, to),
                    2 => tile::<I, 2, N>(isa, runs, offset, constants, rounding, to),
                    _ => tile::<I, 1, N>(isa, runs, offset, constants, rounding, to),
                }
            };
            left -= done;
            offset += done * runs.step;
            to.first = to.first.wrapping_add(done * to.step);
        }
    }
}

/// Computes M pixels of a block, whose inputs begin `offset` bytes behind the first pixel's; returns M.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tile<I: Int8, const M: usize, const N: usize>(
    isa: I,
    runs: Runs<'_>,
    offset: usize,
    constants: Constants,
    rounding: I::Rounding,
    to: Target,
) -> usize {
    // SAFETY: reads and writes are those that the caller allows.
    unsafe {
        let mut sums = [load_sums::<I, N>(isa, constants.bias); M];
        let mut weights = constants.weights;
        for &start in runs.starts {
            let mut x = start.add(offset);
            for _ in 0..runs.fours {
                let w = load_weights::<I, N>(isa, weights);
                for m in 0..M {
                    let four = isa.splat(x.add(m * runs.step).cast::<u32>().read_unaligned());
                    for v in 0..N {
                        sums[m][v] = isa.dot(sums[m][v], four, w[v]);
                    }
                }
                x = x.add(4);
                weights = weights.add(N * I::WEIGHT_BYTES);
            }
            if runs.rest > 0 {
                let w = load_weights::<I, N>(isa, weights);
                for m in 0..M {
                    let four = isa.splat(few(x.add(m * runs.step), runs.rest));
                    for v in 0..N {
                        sums[m][v] = isa.dot(sums[m][v], four, w[v]);
                    }
                }
                weights = weights.add(N * I::WEIGHT_BYTES);
            }
        }
        let by = load_floats::<I, N>(isa, constants.multiplier);
        // As many pixels as fill a vector of bytes; where there are not so many left, the last stands in for the others.
        let together = if N < 3 { 4 / N } else { 1 };
        let mut first = 0;
        while first < M {
            let (mut four, mut four_by) = ([sums[first][0]; 4], [by[0]; 4]);
            for i in 1..4 {
                let pixel = (first + (i / N).min(together - 1)).min(M - 1);
                (four[i], four_by[i]) = (sums[pixel][i % N], by[i % N]);
            }
            // Blocks of four vectors are packed so that narrowing need not sort them.
            let bytes = if N == 4 {
                isa.narrow::<false>(four, four_by, rounding)
            } else {
                isa.narrow::<true>(four, four_by, rounding)
            };
            let at = to.first.add(first * to.step);
            isa.store::<N, 0>(bytes, at, to.channels);
            if N < 3 && first + 1 < M {
                isa.store::<N, 1>(bytes, at.add(to.step), to.channels);
            }
            if N == 1 && first + 2 < M {
                isa.store::<N, 2>(bytes, at.add(2 * to.step), to.channels);
            }
            if N == 1 && first + 3 < M {
                isa.store::<N, 3>(bytes, at.add(3 * to.step), to.channels);
            }
            first += together;
        }
    }
    M
}

/// Reads `count` bytes, one to three, as the first of four.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn few(from: *const u8, count: usize) -> u32 {
    let mut four = [0; 4];
    for (index, byte) in four.iter_mut().enumerate().take(count.min(3)) {
        // SAFETY: the caller may read so many.
        *byte = unsafe { *from.add(index) };
    }
    u32::from_le_bytes(four)
}
