//! Float convolution on vectors: which algorithm a form takes, and how its rows are shared out among threads.

use super::Task;
use super::activation::{Activation, Rest};
use super::depthwise_f32::Depthwise;
use super::float::Float;
use super::layout::{MAX_RUNS, Segments, VectorPacking};
use super::layout_f32::{is_covered, rows as padded_rows};
use super::product_f32::{Constants, Runs, Target, multiply};
use super::ring::{RowRing, Source};
use crate::kernels::{ConvolutionShape, Packed, Packing, Work, portable};
use crate::plan::step::{ConvolutionF32, ConvolutionForm};
use crate::plan::view::Image;
use bytemuck::cast_slice_mut;
use core::ops::Range;

/// Bytes of inputs that a 1×1 convolution multiplies with all weights before it goes on: a part of the second cache.
const INPUT_BYTES: usize = 128 << 10;

/// See [`ConvolutionF32`].
///
/// # Panics
/// Where a slice is shorter than the step says; the check of a plan sees to that.
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
            isa.invoke(General { convolution: &convolution, rows, y, scratch: cast_slice_mut(scratch) });
        }),
        // Its multiplications are few, but wait for memory.
        ConvolutionForm::Depthwise => work.rows(height, macs * 4, pitch * width, y, &|rows, y, _| {
            let pixels = rows.len() * width;
            isa.invoke(Depthwise { step, x, rows, y: &mut *y, constants: convolution.constants() });
            convolution.finish(y, pixels);
        }),
    }
}

/// Elements that an image spans.
fn elements(image: &Image) -> usize {
    let pixels = image.batch as usize * image.height as usize * image.width as usize;
    (pixels - 1) * image.stride as usize + image.channels as usize
}

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
    fn finish(&self, y: &mut [f32], pixels: usize) {
        let image = &self.step.y;
        Rest::of(self.step.activation).apply(y, pixels, image.stride as usize, image.channels as usize);
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
            convolution.finish(y, pixels);
        }
    }
}

/// Some output rows of any other convolution, whose inputs are read from a ring of padded rows.
struct General<'g> {
    convolution: &'g Convolution<'g>,
    rows: Range<usize>,
    y: &'g mut [f32],
    scratch: &'g mut [f32],
}

impl<I: Float> Task<I> for General<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let General { convolution, rows, y, scratch } = self;
        let (step, x) = (convolution.step, convolution.x);
        let (window, layout) = (&step.window, padded_rows(step));
        let (height, places, width) = (step.x.height as usize, step.y.height as usize, step.y.width as usize);
        let (channels, groups) = (step.x.channels as usize, step.groups as usize);
        let (inputs, outputs) = (channels / groups, step.y.channels as usize / groups);
        let [stride, dilation] = [window.stride, window.dilation].map(|pair| pair.map(|n| n as usize));
        let segments = Segments::of(&convolution.shape);
        let activation = Activation::new(isa, step.activation);
        let pitch = step.y.stride as usize;
        let slots = outputs.div_ceil(I::LANES) * I::LANES;
        let mut done = rows.start;
        while done < rows.end {
            // The rows of one image.
            let image = done / places;
            let end = rows.end.min((image + 1) * places);
            let mut ring = RowRing::new(scratch, layout, height, [window.pad[0], window.pad[1]], 0.0);
            let source = Source::new(x, &step.x, image, 0..channels);
            for row in done..end {
                let first = (row - image * places) * stride[0];
                ring.fill(&source, first..first + layout.rows);
                let y = &mut y[(row - rows.start) * pitch * width..];
                assert!((width - 1) * pitch + outputs * groups <= y.len(), "the output is too small");
                let mut constants = convolution.constants();
                for group in 0..groups {
                    let mut starts = [core::ptr::null(); MAX_RUNS];
                    let starts = &mut starts[..window.kernel[0] as usize * segments.per_row];
                    for (run, start) in starts.iter_mut().enumerate() {
                        let (tap_row, tap) = (run / segments.per_row, run % segments.per_row);
                        let at = ring.row(first + tap_row * dilation[0], height) + tap * dilation[1] * layout.pitch;
                        *start = ring.elements()[at + group * inputs..].as_ptr();
                    }
                    let runs = Runs { starts, len: segments.len, step: stride[1] * channels };
                    let to = Target { first: y[group * outputs..].as_mut_ptr(), step: pitch, channels: outputs };
                    // SAFETY: padded rows hold the window at every place; constants are packed group after group; the row
                    // of results can be written, as was just seen.
                    #[allow(unsafe_code)]
                    unsafe {
                        multiply(isa, runs, width, constants, activation, to);
                        constants.weights = constants.weights.add(starts.len() * segments.len * slots);
                        constants.bias = constants.bias.add(slots);
                    }
                }
                convolution.finish(y, width);
            }
            done = end;
        }
    }
}
