//! The float matrix product: pixels times packed weights, in tiles whose sums stay in registers.
//!
//! A tile is a few pixels by a few vectors of output channels. Each step of its inner loop loads one input of every pixel
//! and the weights of that input for every vector, and multiplies all pairs.

use super::Task;
use super::activation::Activation;
use super::float::Float;
use super::layout_f32::vectors_of_block;

/// The inputs of the first pixel: runs that lie side by side in memory.
#[derive(Clone, Copy)]
pub struct Runs<'r> {
    /// Where each run begins.
    pub starts: &'r [*const f32],
    /// Inputs of a run.
    pub len: usize,
    /// Elements from one pixel to the next.
    pub step: usize,
}

/// Packed constants of some output channels.
#[derive(Clone, Copy)]
pub struct Constants {
    pub weights: *const f32,
    pub bias: *const f32,
}

/// Where results go.
#[derive(Clone, Copy)]
pub struct Target {
    pub first: *mut f32,
    /// Elements from one pixel to the next.
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
pub unsafe fn multiply<I: Float>(
    isa: I,
    runs: Runs<'_>,
    pixels: usize,
    mut constants: Constants,
    activation: Activation<I>,
    mut to: Target,
) {
    let inputs = runs.starts.len() * runs.len;
    while to.channels > 0 {
        let count = vectors_of_block(to.channels.div_ceil(I::LANES), I::LANES);
        let block = Target { channels: to.channels.min(count * I::LANES), ..to };
        // SAFETY: as the caller says; a block is the first channels of those.
        unsafe {
            match count {
                1 => isa.invoke(Sweep::<I, 1> { runs, pixels, constants, activation, to: block }),
                2 => isa.invoke(Sweep::<I, 2> { runs, pixels, constants, activation, to: block }),
                3 => isa.invoke(Sweep::<I, 3> { runs, pixels, constants, activation, to: block }),
                _ => isa.invoke(Sweep::<I, 4> { runs, pixels, constants, activation, to: block }),
            }
            let channels = count * I::LANES;
            constants =
                Constants { weights: constants.weights.add(inputs * channels), bias: constants.bias.add(channels) };
            to = Target { first: to.first.add(block.channels), channels: to.channels - block.channels, ..to };
        }
    }
}

/// All pixels of a block of N vectors. A task, so that each N is compiled once and by itself.
struct Sweep<'r, I: Float, const N: usize> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    activation: Activation<I>,
    to: Target,
}

impl<I: Float, const N: usize> Task<I> for Sweep<'_, I, N> {
    /// Computes them, in tiles as high as registers allow.
    #[inline(always)]
    fn run(self, isa: I) {
        let Sweep { runs, pixels, constants, activation, mut to } = self;
        let most = const { I::PIXELS[N - 1] };
        // SAFETY: as the caller of `multiply` says.
        #[allow(unsafe_code)]
        let done = unsafe {
            match (runs.starts, runs.len, runs.step) {
                // Three by three taps on pictures.
                (&[a, b, c], 9, 3) if N == 1 && I::TILE > 20 && !I::BY_LANE => {
                    share::<I, 3>(isa, [a, b, c], pixels, constants, activation, to)
                }
                (&[a, b, c], 9, 6) if N == 1 && I::TILE > 20 && !I::BY_LANE => {
                    share::<I, 6>(isa, [a, b, c], pixels, constants, activation, to)
                }
                _ => 0,
            }
        };
        let (mut left, mut offset) = (pixels - done, done * runs.step);
        to.first = to.first.wrapping_add(done * to.step);
        while left > 0 {
            // Two halves rather than a whole tile and one of a few pixels, which would wait for its weights.
            let next = if left > most && left < most + 4 { left.div_ceil(2) } else { left };
            // SAFETY: as the caller of `multiply` says; these are the next pixels.
            #[allow(unsafe_code)]
            let done = unsafe {
                match next.min(most) {
                    12.. => tile::<I, 12, N>(isa, runs, offset, constants, activation, to),
                    8.. => tile::<I, 8, N>(isa, runs, offset, constants, activation, to),
                    6.. => tile::<I, 6, N>(isa, runs, offset, constants, activation, to),
                    5 => tile::<I, 5, N>(isa, runs, offset, constants, activation, to),
                    4 => tile::<I, 4, N>(isa, runs, offset, constants, activation, to),
                    3 => tile::<I, 3, N>(isa, runs, offset, constants, activation, to),
                    2 => tile::<I, 2, N>(isa, runs, offset, constants, activation, to),
                    _ => tile::<I, 1, N>(isa, runs, offset, constants, activation, to),
                }
            };
            left -= done;
            offset += done * runs.step;
            to.first = to.first.wrapping_add(done * to.step);
        }
    }
}

/// Computes M pixels of a block, whose inputs begin `offset` elements behind the first pixel's; returns M.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tile<I: Float, const M: usize, const N: usize>(
    isa: I,
    runs: Runs<'_>,
    offset: usize,
    constants: Constants,
    activation: Activation<I>,
    to: Target,
) -> usize {
    // SAFETY: reads and writes are those that the caller allows.
    unsafe {
        let mut bias = [isa.splat(0.0); N];
        for (v, bias) in bias.iter_mut().enumerate() {
            *bias = isa.load(constants.bias.add(v * I::LANES));
        }
        let mut sums = [bias; M];
        let mut weights = constants.weights;
        for &start in runs.starts {
            let mut x = start.add(offset);
            let mut left = runs.len;
            if I::BY_LANE && left >= I::LANES {
                let units = left / I::LANES;
                isa.add_units(&mut sums, x, runs.step, weights, units);
                x = x.add(units * I::LANES);
                weights = weights.add(units * I::LANES * N * I::LANES);
                left %= I::LANES;
            }
            for _ in 0..left {
                let mut w = [isa.splat(0.0); N];
                for (v, w) in w.iter_mut().enumerate() {
                    *w = isa.load(weights.add(v * I::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let input = isa.splat(*x.add(m * runs.step));
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = isa.mul_add(input, w, *sum);
                    }
                }
                x = x.add(1);
                weights = weights.add(N * I::LANES);
            }
        }
        activation.apply(isa, &mut sums);
        // All vectors but the last are whole.
        let tail = to.channels - (N - 1) * I::LANES;
        for (m, sums) in sums.iter().enumerate() {
            let y = to.first.add(m * to.step);
            for (v, &sum) in sums.iter().enumerate() {
                let y = y.add(v * I::LANES);
                if v < N - 1 || tail == I::LANES {
                    isa.store(sum, y);
                } else {
                    isa.store_some(sum, y, tail);
                }
            }
        }
    }
    M
}

/// Pixels done at a time: as many sums as keep two multipliers of four cycles busy, and registers left for inputs.
const TOGETHER: usize = 8;

/// Computes as many pixels of one vector of channels as go by eights, whose inputs are three runs of nine, STEP elements apart:
/// where the compiler knows that, inputs that pixels side by side have in common are read once. Returns how many.
///
/// # Safety
/// As [`multiply`].
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn share<I: Float, const STEP: usize>(
    isa: I,
    runs: [*const f32; 3],
    pixels: usize,
    constants: Constants,
    activation: Activation<I>,
    to: Target,
) -> usize {
    let whole = pixels / TOGETHER * TOGETHER;
    // SAFETY: as the caller says.
    unsafe {
        let bias = isa.load(constants.bias);
        let mut weights = [bias; 27];
        for (input, weights) in weights.iter_mut().enumerate() {
            *weights = isa.load(constants.weights.add(input * I::LANES));
        }
        for first in (0..whole).step_by(TOGETHER) {
            let mut sums = [[bias]; TOGETHER];
            for (run, weights) in runs.iter().zip(weights.as_chunks::<9>().0) {
                for (input, &weights) in weights.iter().enumerate() {
                    for (pixel, [sum]) in sums.iter_mut().enumerate() {
                        let x = run.add(first * STEP).add(pixel * STEP + input);
                        *sum = isa.mul_add(isa.splat(*x), weights, *sum);
                    }
                }
            }
            activation.apply(isa, &mut sums);
            for (pixel, &[sum]) in sums.iter().enumerate() {
                let y = to.first.add((first + pixel) * to.step);
                if to.channels == I::LANES { isa.store(sum, y) } else { isa.store_some(sum, y, to.channels) }
            }
        }
    }
    whole
}

/// See [`Float::add_units`].
///
/// # Safety
/// The inputs of every pixel, and their weights, can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn add_units_by_lane<I: Float, const M: usize, const N: usize>(
    isa: I,
    sums: &mut [[I::Vector; N]; M],
    x: *const f32,
    step: usize,
    weights: *const f32,
    units: usize,
) {
    for unit in 0..units {
        // SAFETY: as the caller says.
        unsafe {
            let (x, weights) = (x.add(unit * I::LANES), weights.add(unit * I::LANES * N * I::LANES));
            let mut inputs = [isa.load(x); M];
            for m in 1..M {
                inputs[m] = isa.load(x.add(m * step));
            }
            for lane in 0..4 {
                for v in 0..N {
                    let w = isa.load(weights.add((lane * N + v) * I::LANES));
                    for m in 0..M {
                        sums[m][v] = match lane {
                            0 => isa.mul_add_lane::<0>(inputs[m], w, sums[m][v]),
                            1 => isa.mul_add_lane::<1>(inputs[m], w, sums[m][v]),
                            2 => isa.mul_add_lane::<2>(inputs[m], w, sums[m][v]),
                            _ => isa.mul_add_lane::<3>(inputs[m], w, sums[m][v]),
                        };
                    }
                }
            }
        }
    }
}
