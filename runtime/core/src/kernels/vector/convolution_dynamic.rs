//! Convolution of bytes whose zero point is known only at run time, on vectors: the products of the int8 convolution, whose
//! sums are written as they are and become results while they are in the cache.
//!
//! What the zero point contributes is in the biases that sums begin at, made anew for every piece of work: an addition and a
//! multiplication a channel. Depthwise convolutions are the portable code compiled once more.

use super::Task;
use super::general::{General, elements};
use super::int8::Int8;
use super::layout::{VectorPacking, bias_len, fours, padded_channels, runs, sums_are_covered};
use super::product::{Constants, Runs, Target};
use super::ring::{RowRing, Source};
use super::scratch::{PIXELS, rows};
use crate::kernels::portable::convolution_dynamic::{Finish, depthwise};
use crate::kernels::{ConvolutionShape, DynamicConstants, Packing, Parameters, Work, portable};
use crate::plan::check;
use crate::plan::step::{ConvolutionDynamic, ConvolutionForm};
use core::ops::Range;

/// The file under `kernels/` that [`convolution_dynamic`] runs `step` with: the same choices, in the same order.
pub fn name_of(step: &ConvolutionDynamic) -> &'static str {
    let shape = ConvolutionShape::of_dynamic(step);
    match step.form {
        ConvolutionForm::Depthwise => "vector/convolution_dynamic (depthwise)",
        _ if !sums_are_covered(&shape) => "portable/convolution_dynamic",
        ConvolutionForm::Pointwise => "vector/convolution_dynamic (pointwise)",
        ConvolutionForm::General => "vector/convolution_dynamic (general)",
    }
}

/// See [`ConvolutionDynamic`].
///
/// # Panics
/// Where sizes do not agree or a slice is shorter than the step says; the check of a plan sees to both.
pub fn convolution_dynamic<I: Int8>(
    isa: I,
    packing: &VectorPacking,
    step: &ConvolutionDynamic,
    (x, parameters): (&[u8], Parameters),
    y: &mut [i32],
    constants: DynamicConstants<'_>,
    work: Work<'_>,
) {
    let shape = ConvolutionShape::of_dynamic(step);
    let (lines, width) = (step.y.batch as usize * step.y.height as usize, step.y.width as usize);
    let (pixels, pitch) = (lines * width, step.y.stride as usize);
    let macs = (pixels as u64).saturating_mul(shape.weight_count());
    let convolution = Convolution {
        step,
        shape,
        x,
        zero: parameters.zero,
        constants,
        notes: packing.dynamic_notes(&shape, constants.weights),
        note_words: packing.note_words(&shape),
        depth: packing.dynamic_depth(&shape),
        finish: Finish::new(step, parameters, constants),
    };
    if step.form == ConvolutionForm::Depthwise {
        // Its multiplications are few, but there is more to do for each.
        return work.rows(lines, macs.saturating_mul(4), pitch * width, y, &|rows, y, _| {
            isa.invoke(DepthwiseRows { convolution: &convolution, rows, y: &mut *y });
        });
    }
    if !sums_are_covered(&shape) {
        return portable::convolution_dynamic(step, x, parameters, y, constants, work.scratch);
    }
    assert!(constants.weights.len() >= packing.packed_dynamic(&shape) as usize, "weights");
    assert!(constants.weight_sums.len() >= step.y.channels as usize, "constants");
    assert!(work.scratch.len() >= packing.scratch_dynamic(step) as usize, "working memory");
    assert!(check::shape::convolution(step.form, step.groups, &step.x, &step.y, &step.window).is_ok(), "sizes");
    assert!(x.len() >= elements(&step.x) && y.len() >= elements(&step.y), "operands");
    let outputs = step.y.channels as usize;
    match step.form {
        ConvolutionForm::Pointwise if pixels == 1 => {
            // A fully connected layer: blocks of output channels are shared out.
            let block = 4 * I::LANES;
            work.rows(outputs.div_ceil(block), macs, block, y, &|blocks, y, scratch| {
                let channels = blocks.start * block..outputs.min(blocks.end * block);
                isa.invoke(Pointwise { convolution: &convolution, pixels: 0..1, channels, y: &mut *y, scratch });
            });
        }
        ConvolutionForm::Pointwise => work.rows(pixels, macs, pitch, y, &|pixels, y, scratch| {
            isa.invoke(Pointwise { convolution: &convolution, pixels, channels: 0..outputs, y: &mut *y, scratch });
        }),
        _ => work.rows(lines, macs, pitch * width, y, &|rows, y, scratch| {
            isa.invoke(GeneralRows { convolution: &convolution, rows, y: &mut *y, scratch });
        }),
    }
}

/// What every form needs.
struct Convolution<'c> {
    step: &'c ConvolutionDynamic,
    shape: ConvolutionShape,
    x: &'c [u8],
    zero: u8,
    constants: DynamicConstants<'c>,
    /// Notes of chains, if there are any, and words of them for every four channels.
    notes: Option<&'c [u8]>,
    note_words: usize,
    /// Bytes of a channel's packed weights.
    depth: usize,
    finish: Finish<'c>,
}

impl Convolution<'_> {
    /// Writes what sums begin at, i32 by i32: what the zero point contributes, and what [flipped](Int8::flip) bytes lack.
    #[inline(always)]
    fn put_bias<I: Int8>(&self, bias: &mut [u8]) {
        let of_group = self.step.y.channels as usize / self.step.groups as usize;
        let padded = padded_channels(of_group, I::LANES);
        let zero = i32::from(self.zero) - i32::from(I::FLIP);
        let groups = bias.chunks_exact_mut(4 * padded).zip(self.constants.weight_sums.chunks_exact(of_group));
        for (bias, sums) in groups {
            let (bias, filling) = bias.split_at_mut(4 * of_group);
            for (bias, sum) in bias.chunks_exact_mut(4).zip(sums) {
                bias.copy_from_slice(&zero.wrapping_mul(*sum).wrapping_neg().to_ne_bytes());
            }
            filling.fill(0);
        }
    }
}

impl Convolution<'_> {
    /// Weights, biases and notes from a channel on, counted with filling, with which a block begins.
    ///
    /// # Safety
    /// There is such a channel.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn constants_from(&self, channel: usize, bias: &[u8]) -> Constants {
        // SAFETY: as the caller says.
        let [weights, bias] =
            unsafe { [self.constants.weights.as_ptr().add(channel * self.depth), bias.as_ptr().add(4 * channel)] };
        let at = channel / 4 * self.note_words;
        let chains = self.notes.map_or(core::ptr::null(), |notes| notes.as_ptr().cast::<u64>().wrapping_add(at));
        // Nothing is rounded, and no multiplier read.
        Constants { weights, bias: bias.cast(), multiplier: core::ptr::null(), chains }
    }
}

/// Bytes of sums that a product writes before they are made results: they stay in the second cache.
const STRIP: usize = 32 << 10;

/// The sum of bytes, less the zero point times their number.
///
/// # Safety
/// The runs can be read, `len` bytes each.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn inputs<I: Int8>(isa: I, starts: &[*const u8], offset: usize, len: usize, zero: u8) -> i32 {
    let (vector, mut ones, mut flipped) = (4 * I::LANES, [0u8; 64], 0);
    // Weights are bytes, or 16-bit numbers.
    ones.iter_mut().step_by(I::WEIGHT_BYTES / vector).for_each(|one| *one = 1);
    let mut lanes = [0i32; 16];
    // SAFETY: as the caller says; no vector is longer than these.
    unsafe {
        let ones = isa.weights(ones.as_ptr());
        let mut sums = isa.sums(lanes.as_ptr());
        let mut rest = 0i32;
        for &start in starts {
            let (mut from, mut left) = (start.add(offset), len);
            while left >= vector {
                sums = isa.dot(sums, isa.flip(isa.bytes(from)), ones);
                (from, left, flipped) = (from.add(vector), left - vector, flipped + vector);
            }
            for _ in 0..left {
                rest += i32::from(*from);
                from = from.add(1);
            }
        }
        isa.store_sums(sums, lanes.as_mut_ptr());
        let flipped = i32::from(I::FLIP).wrapping_mul(flipped as i32);
        let whole = lanes[..I::LANES].iter().fold(rest, |sum, lane| sum.wrapping_add(*lane)).wrapping_add(flipped);
        whole.wrapping_sub(i32::from(zero).wrapping_mul((starts.len() * len) as i32))
    }
}

/// Some pixels, and of these some channels, of a 1×1 convolution; the inputs are read where they lie.
struct Pointwise<'p> {
    convolution: &'p Convolution<'p>,
    pixels: Range<usize>,
    /// They begin with a block.
    channels: Range<usize>,
    y: &'p mut [i32],
    scratch: &'p mut [u8],
}

impl<I: Int8> Task<I> for Pointwise<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Pointwise { convolution, pixels, channels, y, scratch } = self;
        let (step, finish) = (convolution.step, &convolution.finish);
        let (inputs_of, stride, pitch) = (step.x.channels as usize, step.x.stride as usize, step.y.stride as usize);
        let bias = &mut scratch[..4 * bias_len(&convolution.shape, I::LANES)];
        convolution.put_bias::<I>(bias);
        let x = &convolution.x[pixels.start * stride..];
        let starts = [x.as_ptr()];
        let runs = Runs {
            starts: &starts,
            offset: 0,
            fours: inputs_of / 4,
            last: 4,
            rest: inputs_of % 4,
            step: stride,
            readable: x.len(),
            flip: I::FLIP,
        };
        let strip = (STRIP / 4 / channels.len().max(1)).next_multiple_of(PIXELS);
        for first in (0..pixels.len()).step_by(strip) {
            let count = strip.min(pixels.len() - first);
            // SAFETY: the operands span as many pixels, which was asserted; `y` is that of these pixels and channels; the
            // weights and biases of whole blocks lie in front of those of these; inputs that do not make up a four are read
            // one by one.
            #[allow(unsafe_code)]
            unsafe {
                let runs = Runs { offset: first * stride, ..runs };
                let first_sum = y[first * pitch..].as_mut_ptr().cast();
                let to = Target { first: first_sum, step: 4 * pitch, channels: channels.len() };
                isa.multiply_to_sums(runs, count, convolution.constants_from(channels.start, bias), to);
                let y = &mut y[first * pitch..][..(count - 1) * pitch + channels.len()];
                finish.apply((channels.start, channels.len()), pitch, y, |pixel| {
                    inputs(isa, &starts, (first + pixel) * stride, inputs_of, convolution.zero)
                });
            }
        }
    }
}

/// Some output rows of any other convolution, whose inputs are read from a ring of padded rows.
struct GeneralRows<'g> {
    convolution: &'g Convolution<'g>,
    rows: Range<usize>,
    y: &'g mut [i32],
    scratch: &'g mut [u8],
}

impl<I: Int8> Task<I> for GeneralRows<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let GeneralRows { convolution, rows: of_y, y, scratch } = self;
        let (step, shape, finish) = (convolution.step, &convolution.shape, &convolution.finish);
        let zero = convolution.zero;
        let layout = rows(&step.window, &step.x, &step.y, I::GATHERS);
        let general = General { shape, x: &step.x, y: &step.y, window: &step.window, layout, padding: zero };
        let (_, len) = runs(shape, false);
        let (fours, last) = (fours(len, 4), (len - 1) % 4 + 1);
        let outputs = step.y.channels as usize / step.groups as usize;
        let padded = padded_channels(outputs, I::LANES);
        let (width, stride) = (step.y.width as usize, step.y.stride as usize);
        let (bias, ring) = scratch.split_at_mut(4 * bias_len(shape, I::LANES));
        convolution.put_bias::<I>(bias);
        let fill = |ring: &mut RowRing<'_, u8>, source: &Source<'_, u8>, rows| ring.fill(source, rows);
        general.for_each(convolution.x, of_y, ring, fill, |row, group, starts| {
            let y = &mut y[row * width * stride + group * outputs..];
            assert!((width - 1) * stride + outputs <= y.len(), "the output is too small");
            let to = Target { first: y.as_mut_ptr().cast(), step: 4 * stride, channels: outputs };
            let readable = if I::GATHERS { usize::MAX } else { 0 };
            let runs = Runs { starts, offset: 0, fours, last, rest: 0, step: general.step(), readable, flip: I::FLIP };
            // SAFETY: the runs can be read at every place, and the last inputs of a row because of its slack; weights and biases
            // are packed group after group; the row of results can be written.
            #[allow(unsafe_code)]
            unsafe {
                isa.multiply_to_sums(runs, width, convolution.constants_from(group * padded, bias), to);
                let y = &mut y[..(width - 1) * stride + outputs];
                let of_group = (group * outputs, outputs);
                isa.invoke(FinishRow { finish, of_group, pitch: stride, y, starts, step: general.step(), len, zero });
            }
        });
    }
}

/// A row of sums that are to become results. A task of its own, so that it is compiled for the instruction set: the walk
/// that calls it need not be inlined.
struct FinishRow<'r> {
    finish: &'r Finish<'r>,
    /// The first channel, and how many there are.
    of_group: (usize, usize),
    /// Elements from one pixel to the next.
    pitch: usize,
    y: &'r mut [i32],
    /// The runs of inputs behind the first pixel, `len` bytes each, and bytes from there to the next pixel's.
    starts: &'r [*const u8],
    step: usize,
    len: usize,
    zero: u8,
}

impl<I: Int8> Task<I> for FinishRow<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let FinishRow { finish, of_group, pitch, y, starts, step, len, zero } = self;
        finish.apply(of_group, pitch, y, |pixel| {
            // SAFETY: whoever made the row could read the inputs behind all of its pixels.
            #[allow(unsafe_code)]
            unsafe {
                inputs(isa, starts, pixel * step, len, zero)
            }
        });
    }
}

/// Some output rows of a depthwise convolution.
struct DepthwiseRows<'d> {
    convolution: &'d Convolution<'d>,
    rows: Range<usize>,
    y: &'d mut [i32],
}

impl<I: Int8> Task<I> for DepthwiseRows<'_> {
    #[inline(always)]
    fn run(self, _: I) {
        let DepthwiseRows { convolution, rows, y } = self;
        let Convolution { step, x, zero, constants, finish, .. } = convolution;
        depthwise(step, x, *zero, rows, y, constants.weights, finish);
    }
}
