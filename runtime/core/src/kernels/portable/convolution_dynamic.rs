//! Convolution of bytes whose scale and zero point are known only at run time.
//!
//! Products and sums are those of the int8 convolution. What the zero point contributes, Σw times it, is taken off each sum,
//! and what was taken off the weights is made good for: an output channel's weights are w + offset, so that offset · Σ(x − zero)
//! is added. What is behind that, [`Finish`], all kernel sets share.

use super::geometry::{Axis, Grid};
use super::layout::BLOCK;
use super::product::{Product, general, pointwise};
use super::product_int8::{BlockWeights, TILE, multiply};
use super::rows::{Lanes, Rows, load};
use crate::function::Function;
use crate::kernels::{DynamicConstants, Parameters};
use crate::plan::step::{ConvolutionDynamic, ConvolutionForm, SumsAs};
use bytemuck::{cast_slice, cast_slice_mut};
use core::ops::Range;

/// Channels from which on most vectors hold channels of one pixel.
const MOST_REPEATED: usize = 32;

/// How sums become results.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Finish<'f> {
    constants: DynamicConstants<'f>,
    is_float: bool,
    /// The factor that all channels have.
    scale: f32,
    activation: Function,
}

impl<'f> Finish<'f> {
    /// Of `step`, whose input has these parameters.
    pub fn new(step: &ConvolutionDynamic, parameters: Parameters, constants: DynamicConstants<'f>) -> Self {
        let scale = if step.sums_as == SumsAs::Scaled { parameters.scale } else { 1.0 };
        Finish { constants, is_float: step.sums_as != SumsAs::Integers, scale, activation: step.activation }
    }

    /// Whether the sum of the inputs behind a pixel is needed.
    fn needs_inputs(&self) -> bool {
        !self.constants.offset.is_empty()
    }

    /// Replaces the sums of pixels by results: those of the `channels` from `at` on, pixel after pixel, `pitch` elements
    /// apart. `inputs` is Σ(x − zero) over the inputs behind a pixel, and asked for only where it is needed.
    #[inline(always)]
    pub fn apply(&self, (at, channels): (usize, usize), pitch: usize, y: &mut [i32], inputs: impl Fn(usize) -> i32) {
        if self.needs_inputs() {
            let offsets = &self.constants.offset[at..at + channels];
            for (pixel, y) in y.chunks_mut(pitch).enumerate() {
                let inputs = inputs(pixel);
                for (y, offset) in y.iter_mut().zip(offsets) {
                    *y = y.wrapping_add(offset.wrapping_mul(inputs));
                }
            }
        }
        if !self.is_float {
            return;
        }
        if pitch == channels && channels < MOST_REPEATED && !channels.is_multiple_of(BLOCK) {
            self.scale_repeated(at, channels, y);
        } else {
            self.scale_by_columns(at, channels, pitch, y);
        }
        match self.activation {
            Function::Identity | Function::Clamp { .. } => {}
            other => other.apply_to_pixels(cast_slice_mut(y), pitch, channels),
        }
    }

    /// Scales and bounds pixels, some channels of all of them at a time.
    #[inline(always)]
    fn scale_by_columns(&self, at: usize, channels: usize, pitch: usize, y: &mut [i32]) {
        let mut first = 0;
        while first < channels {
            let rest = channels - first;
            // As many as a vector has, or its half or quarter.
            let done = match rest {
                16.. => self.scale::<16>(at + first, pitch, &mut y[first..]),
                8.. => self.scale::<8>(at + first, pitch, &mut y[first..]),
                4.. => self.scale::<4>(at + first, pitch, &mut y[first..]),
                _ => self.scale::<1>(at + first, pitch, &mut y[first..]),
            };
            first += done;
        }
    }

    /// Scales and bounds pixels of so few channels that a vector holds several, or one and some of the next, and that lie side
    /// by side: after as many pixels as a vector has lanes, at most, the channels are where they were.
    #[inline(always)]
    fn scale_repeated(&self, at: usize, channels: usize, y: &mut [i32]) {
        let (mut scale, mut bias) = ([[0.0; BLOCK]; MOST_REPEATED], [[0.0; BLOCK]; MOST_REPEATED]);
        let pixels = scale.as_flattened_mut().chunks_exact_mut(channels);
        for (scale, bias) in pixels.zip(bias.as_flattened_mut().chunks_exact_mut(channels)).take(BLOCK) {
            for (channel, (scale, bias)) in scale.iter_mut().zip(bias).enumerate() {
                (*scale, *bias) = (self.scale_of(at + channel), self.bias_of(at + channel));
            }
        }
        let (scale, bias, [low, high]) = (&scale[..channels], &bias[..channels], self.bounds());
        for y in y.chunks_mut(channels * BLOCK) {
            let (blocks, rest) = y.as_chunks_mut::<BLOCK>();
            for ((y, scale), bias) in blocks.iter_mut().zip(scale).zip(bias) {
                for i in 0..BLOCK {
                    y[i] = scaled(y[i], scale[i], bias[i], low, high);
                }
            }
            let done = blocks.len() % channels;
            for (i, y) in rest.iter_mut().enumerate() {
                *y = scaled(*y, scale[done][i], bias[done][i], low, high);
            }
        }
    }

    /// Scales the first N elements of every pixel, which are channels from `at` on, and bounds them where the activation is to
    /// bound; returns N.
    #[inline(always)]
    fn scale<const N: usize>(&self, at: usize, pitch: usize, y: &mut [i32]) -> usize {
        let [low, high] = self.bounds();
        let scale: [f32; N] = core::array::from_fn(|i| self.scale_of(at + i));
        let bias: [f32; N] = core::array::from_fn(|i| self.bias_of(at + i));
        for y in y.chunks_mut(pitch) {
            if let Some(y) = y.first_chunk_mut::<N>() {
                for i in 0..N {
                    y[i] = scaled(y[i], scale[i], bias[i], low, high);
                }
            }
        }
        N
    }

    /// What the sums of a channel are multiplied with.
    #[inline(always)]
    fn scale_of(&self, channel: usize) -> f32 {
        self.scale * self.constants.scale[channel]
    }

    /// What is added to them then. Where there are no biases, nothing changes.
    #[inline(always)]
    fn bias_of(&self, channel: usize) -> f32 {
        self.constants.bias.get(channel).copied().unwrap_or(-0.0)
    }

    /// The least and the greatest result. Where the activation does not bound, nothing changes.
    #[inline(always)]
    fn bounds(&self) -> [f32; 2] {
        match self.activation {
            Function::Clamp { low, high } => [low, high],
            _ => [f32::NEG_INFINITY, f32::INFINITY],
        }
    }
}

/// The bits of what becomes of a sum.
#[inline(always)]
fn scaled(sum: i32, scale: f32, bias: f32, low: f32, high: f32) -> i32 {
    let x = sum as f32 * scale + bias;
    let x = if x < low { low } else { x };
    (if x > high { high } else { x }).to_bits() as i32
}

/// What a matrix product needs.
struct Constants<'p> {
    weights: &'p [Lanes<i8>],
    weight_sums: &'p [i32],
    zero: i32,
    finish: Finish<'p>,
}

impl Product<u8, i32> for Constants<'_> {
    const TILE: usize = TILE;

    fn product(&self, rows: Rows<'_, u8>, first: usize, channels: usize, y: &mut [i32], stride: usize) {
        let mut sums = [[0; BLOCK]; TILE];
        let sums = &mut sums[..rows.count];
        let blocks = channels.div_ceil(BLOCK);
        // All blocks of a group are asked for at once, so `first` tells the group.
        let start = first / blocks * channels;
        for block in 0..blocks {
            let at = first + block;
            multiply(rows, BlockWeights::Narrow(&self.weights[at * rows.len..][..rows.len]), &[0; BLOCK], sums);
            let lanes = (channels - block * BLOCK).min(BLOCK);
            let of_block = &self.weight_sums[start + block * BLOCK..][..lanes];
            for (row, sums) in sums.iter().enumerate() {
                let y = &mut y[row * stride + block * BLOCK..][..lanes];
                for ((y, sum), of_channel) in y.iter_mut().zip(sums).zip(of_block) {
                    *y = sum.wrapping_sub(self.zero.wrapping_mul(*of_channel));
                }
            }
        }
        let inputs = |row: usize| {
            let sum = rows.row(row, 0, rows.len).iter().fold(0i32, |sum, &x| sum.wrapping_add(x.into()));
            sum.wrapping_sub(self.zero.wrapping_mul(rows.len as i32))
        };
        let y = &mut y[..(rows.count - 1) * stride + channels];
        self.finish.apply((start, channels), stride, y, inputs);
    }
}

/// See [`ConvolutionDynamic`].
pub fn convolution_dynamic(
    step: &ConvolutionDynamic,
    x: &[u8],
    parameters: Parameters,
    y: &mut [i32],
    constants: DynamicConstants<'_>,
    scratch: &mut [u8],
) {
    let finish = Finish::new(step, parameters, constants);
    if step.form == ConvolutionForm::Depthwise {
        let rows = 0..step.y.batch as usize * step.y.height as usize;
        return depthwise(step, x, parameters.zero, rows, y, constants.weights, &finish);
    }
    let DynamicConstants { weights, weight_sums, .. } = constants;
    let product = Constants { weights: cast_slice(weights), weight_sums, zero: parameters.zero.into(), finish };
    let images = [&step.x, &step.y];
    match step.form {
        ConvolutionForm::Pointwise => pointwise(images, x, y, &product),
        _ => general(images, &step.window, step.groups as usize, (x, parameters.zero), y, &product, scratch),
    }
}

/// Computes some output rows of a depthwise convolution, those of all images counted through; `y` begins with the first.
/// Weights lie as in the portable layout.
#[inline(always)]
pub(in super::super) fn depthwise(
    step: &ConvolutionDynamic,
    x: &[u8],
    zero: u8,
    rows_of_y: Range<usize>,
    y: &mut [i32],
    weights: &[u8],
    finish: &Finish<'_>,
) {
    let (from, to) = (Grid::of(&step.x), Grid::of(&step.y));
    let (rows, columns) = (Axis::rows(&step.x, &step.window), Axis::columns(&step.x, &step.window));
    let weights: &[Lanes<i16>] = cast_slice(weights);
    let taps = rows.kernel * columns.kernel;
    let (zero, step_x) = (i16::from(zero), columns.dilation() * from.stride);
    for (index, row) in rows_of_y.enumerate() {
        let (image, row) = (row / to.height, row % to.height);
        let inside_rows = rows.taps(row);
        for column in 0..to.width {
            let inside = columns.taps(column);
            let y = &mut y[(index * to.width + column) * to.stride..][..to.channels];
            // Where the window's taps inside the image begin; padding adds nothing.
            let at = |tap_row: usize| from.at(image, rows.index(row, tap_row), columns.index(column, inside.start));
            let place = Place { x, zero, weights, taps, step: step_x, inside: &inside, kernel: columns.kernel };
            let tap_rows = if inside.is_empty() { 0..0 } else { inside_rows.clone() };
            let mut block = 0;
            while to.channels - block * BLOCK >= TOGETHER * BLOCK {
                let sums = place.sums::<TOGETHER>(tap_rows.clone(), &at, block);
                y[block * BLOCK..][..TOGETHER * BLOCK].copy_from_slice(sums.as_flattened());
                block += TOGETHER;
            }
            while block * BLOCK < to.channels {
                let y = &mut y[block * BLOCK..];
                let lanes = y.len().min(BLOCK);
                let sums = match lanes {
                    BLOCK => place.sums::<1>(tap_rows.clone(), &at, block)[0],
                    _ => place.few_sums(tap_rows.clone(), &at, block, lanes),
                };
                y[..lanes].copy_from_slice(&sums[..lanes]);
                block += 1;
            }
        }
        let y = &mut y[index * to.width * to.stride..][..(to.width - 1) * to.stride + to.channels];
        finish.apply((0, to.channels), to.stride, y, |_| 0);
    }
}

/// Blocks of channels whose sums are added up together.
const TOGETHER: usize = 4;

/// A place of the window of a depthwise convolution.
struct Place<'w> {
    x: &'w [u8],
    zero: i16,
    weights: &'w [Lanes<i16>],
    /// Taps of the whole window.
    taps: usize,
    /// Elements from one tap to the next.
    step: usize,
    /// Taps of a row that stand inside the image.
    inside: &'w Range<usize>,
    /// Taps of a row.
    kernel: usize,
}

impl Place<'_> {
    /// The sums of the channels of N blocks from `block` on, over some rows of taps; `at` says where the first tap inside stands.
    #[inline(always)]
    fn sums<const N: usize>(&self, rows: Range<usize>, at: &impl Fn(usize) -> usize, block: usize) -> [Lanes<i32>; N] {
        let mut sums = [[0i32; BLOCK]; N];
        for row in rows {
            let mut offset = at(row) + block * BLOCK;
            for tap in self.inside.clone() {
                let x = self.x[offset..][..N * BLOCK].as_chunks::<BLOCK>().0;
                for (n, (sums, x)) in sums.iter_mut().zip(x).enumerate() {
                    self.add(x, (block + n) * self.taps + row * self.kernel + tap, sums);
                }
                offset += self.step;
            }
        }
        sums
    }

    /// The sums of a block that has fewer channels than others.
    #[inline(always)]
    fn few_sums(&self, rows: Range<usize>, at: &impl Fn(usize) -> usize, block: usize, lanes: usize) -> Lanes<i32> {
        let (mut sums, mut spare) = ([0i32; BLOCK], [0; BLOCK]);
        for row in rows {
            let mut offset = at(row) + block * BLOCK;
            for tap in self.inside.clone() {
                let x = load(&self.x[offset..], lanes, &mut spare);
                self.add(x, block * self.taps + row * self.kernel + tap, &mut sums);
                offset += self.step;
            }
        }
        sums
    }

    #[inline(always)]
    fn add(&self, x: &Lanes<u8>, weight: usize, sums: &mut Lanes<i32>) {
        for ((sum, &x), &weight) in sums.iter_mut().zip(x).zip(&self.weights[weight]) {
            *sum = sum.wrapping_add(i32::from(i16::from(x) - self.zero) * i32::from(weight));
        }
    }
}
