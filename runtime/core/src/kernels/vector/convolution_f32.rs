//! Float convolution on vectors: which algorithm a form takes, and how its rows are shared out among threads.

use super::Task;
use super::activation::{Activation, Rest};
use super::depthwise_f32::Depthwise;
use super::float::Float;
use super::general::{General, elements};
use super::layout::{Segments, VectorPacking};
use super::layout_f32::{is_covered, rows as padded_rows};
use super::product_f32::{Constants, Runs, Target, multiply};
use crate::kernels::{ConvolutionShape, Packed, Packing, Work, portable};
use crate::plan::check;
use crate::plan::step::{ConvolutionF32, ConvolutionForm};
use crate::plan::view::Image;
use bytemuck::cast_slice_mut;
use core::ops::Range;

/// Bytes of inputs that a 1×1 convolution multiplies with all weights before it goes on: a part of the second cache.
const INPUT_BYTES: usize = 128 << 10;

/// The file under `kernels/` whose code runs `step`.
pub fn name_of(step: &ConvolutionF32) -> &'static str {
    match step.form {
        _ if !is_covered(&ConvolutionShape::of_f32(step)) => "portable/convolution_f32",
        ConvolutionForm::Pointwise => "vector/product_f32",
        ConvolutionForm::Depthwise => "vector/depthwise_f32",
        ConvolutionForm::General => "vector/convolution_f32 (general)",
    }
}

/// See [`ConvolutionF32`].
///
/// # Panics
/// Where sizes do not agree or a slice is shorter than the step says; the check of a plan sees to both.
pub fn convolution_f32<I: Float>(
    isa: I,
    packing: &VectorPacking,
    step: &ConvolutionF32,
    x: &[f32],
    y: &mut [f32],
    packed: Packed<'_>,
    work: Work<'_>,
) {
    let shape = ConvolutionShape::of_f32(step);
    if !is_covered(&shape) {
        return portable::convolution_f32::convolution_f32(step, x, y, packed, work.scratch);
    }
    let lens = packing.packed_f32(&shape);
    assert!(packed.weights.len() >= lens.weights as usize && packed.bias.len() >= lens.bias as usize, "constants");
    assert!(work.scratch.len() >= packing.scratch_f32(step) as usize, "working memory");
    assert!(check::shape::convolution(step.form, step.groups, &step.x, &step.y, &step.window).is_ok(), "sizes");
    assert!(x.len() >= elements(&step.x) && y.len() >= elements(&step.y), "operands");
    let convolution = Convolution { step, shape, x, packed };
    let (height, width) = (step.y.batch as usize * step.y.height as usize, step.y.width as usize);
    let pitch = step.y.stride as usize;
    let macs = ((height * width) as u64).saturating_mul(shape.weight_count());
    match step.form {
        ConvolutionForm::Pointwise => work.rows(height * width, macs, pitch, y, &|rows, y, _| {
            isa.invoke(Pointwise { convolution: &convolution, rows, y });
        }),
        ConvolutionForm::General => work.rows(height, macs, pitch * width, y, &|rows, y, scratch| {
            isa.invoke(GeneralRows { convolution: &convolution, rows, y, scratch: cast_slice_mut(scratch) });
        }),
        // Its multiplications are few, but wait for memory.
        ConvolutionForm::Depthwise => work.rows(height, macs.saturating_mul(4), pitch * width, y, &|rows, y, _| {
            // A few rows at a time, so that what is finished is still in the first cache.
            let (row, constants) = (pitch * width, convolution.constants());
            let at_once = (FINISHED / (4 * row)).max(1);
            for first in rows.clone().step_by(at_once) {
                let some = first..rows.end.min(first + at_once);
                let (y, count) = (&mut y[(first - rows.start) * row..], some.len());
                isa.invoke(Depthwise { step, x, rows: some, y: &mut *y, constants });
                convolution.finish(isa, y, count * width);
            }
        }),
    }
}

/// Bytes of depthwise results that an activation is applied to at a time: half the first cache of most processors.
const FINISHED: usize = 16 << 10;

/// What every form needs.
struct Convolution<'c> {
    step: &'c ConvolutionF32,
    shape: ConvolutionShape,
    x: &'c [f32],
    packed: Packed<'c>,
}

impl Convolution<'_> {
    fn constants(&self) -> Constants {
        Constants { weights: self.packed.weights.as_ptr().cast(), bias: self.packed.bias.as_ptr().cast() }
    }

    /// Applies what of the activation is not applied in registers.
    fn finish<I: Float>(&self, isa: I, y: &mut [f32], pixels: usize) {
        isa.invoke(Finish { image: &self.step.y, rest: Rest::of(self.step.activation), y, pixels });
    }
}

/// Pixels whose activation is to be finished. A task of its own, so that it is compiled for the instruction set wherever it
/// begins.
struct Finish<'f> {
    image: &'f Image,
    rest: Rest,
    y: &'f mut [f32],
    pixels: usize,
}

impl<I: Float> Task<I> for Finish<'_> {
    #[inline(always)]
    fn run(self, _: I) {
        let Finish { image, rest, y, pixels } = self;
        rest.apply(y, pixels, image.stride as usize, image.channels as usize);
    }
}

/// Some pixels of a 1×1 convolution, read where they lie.
struct Pointwise<'p> {
    convolution: &'p Convolution<'p>,
    rows: Range<usize>,
    y: &'p mut [f32],
}

impl<I: Float> Task<I> for Pointwise<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Pointwise { convolution, rows, y } = self;
        let (from, image) = (&convolution.step.x, &convolution.step.y);
        let (inputs, stride) = (from.channels as usize, from.stride as usize);
        let (channels, pitch) = (image.channels as usize, image.stride as usize);
        let activation = Activation::new(isa, convolution.step.activation);
        let most = (INPUT_BYTES / (4 * inputs)).max(48);
        for first in rows.clone().step_by(most) {
            let pixels = most.min(rows.end - first);
            let start = convolution.x[first * stride..].as_ptr();
            let runs = Runs { starts: &[start], len: inputs, step: stride };
            let y = &mut y[(first - rows.start) * pitch..];
            assert!((pixels - 1) * pitch + channels <= y.len(), "the output is too small");
            let to = Target { first: y.as_mut_ptr(), step: pitch, channels };
            // SAFETY: the input spans as many pixels, which was asserted at the entry, and `y` too, as just seen; the
            // constants are packed for this shape.
            #[allow(unsafe_code)]
            unsafe {
                multiply(isa, runs, pixels, convolution.constants(), activation, to);
            }
            convolution.finish(isa, y, pixels);
        }
    }
}

/// Some output rows of any other convolution, whose inputs are read from a ring of padded rows.
struct GeneralRows<'g> {
    convolution: &'g Convolution<'g>,
    rows: Range<usize>,
    y: &'g mut [f32],
    scratch: &'g mut [f32],
}

impl<I: Float> Task<I> for GeneralRows<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let GeneralRows { convolution, rows, y, scratch } = self;
        let (step, shape) = (convolution.step, &convolution.shape);
        let layout = padded_rows(step);
        let general = General { shape, x: &step.x, y: &step.y, window: &step.window, layout, padding: 0.0 };
        let (len, activation) = (Segments::of(shape).len, Activation::new(isa, step.activation));
        let groups = step.groups as usize;
        let outputs = step.y.channels as usize / groups;
        let slots = outputs.next_multiple_of(I::LANES);
        let (width, pitch) = (step.y.width as usize, step.y.stride as usize);
        general.for_each(
            convolution.x,
            rows,
            scratch,
            |ring, source, rows| ring.fill(source, rows),
            |row, group, starts| {
                let runs = Runs { starts, len, step: general.step() };
                let y = &mut y[row * pitch * width..];
                assert!((width - 1) * pitch + outputs * groups <= y.len(), "the output is too small");
                let to = Target { first: y[group * outputs..].as_mut_ptr(), step: pitch, channels: outputs };
                let mut constants = convolution.constants();
                // SAFETY: the runs can be read at every place; constants are packed group after group; the row of results can
                // be written, as was just seen.
                #[allow(unsafe_code)]
                unsafe {
                    constants.weights = constants.weights.add(group * starts.len() * len * slots);
                    constants.bias = constants.bias.add(group * slots);
                    multiply(isa, runs, width, constants, activation, to);
                }
                if group + 1 == groups {
                    convolution.finish(isa, y, width);
                }
            },
        );
    }
}
