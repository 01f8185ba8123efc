//! Int8 convolution on vectors: which algorithm a form takes, and how its rows are shared out among threads.

use super::depthwise_int8::Depthwise;
use super::general::{General, elements};
use super::int8::{Int8, Stored};
use super::layout::{VectorPacking, fours, is_covered, padded_channels, runs};
use super::notes::Note;
use super::patches::Gather;
use super::product::{Constants, Runs, Target};
use super::ring::{RowRing, Source};
use super::scratch::{PIXELS, patch_pitch, patches_at_once};
use super::{Tables, Task, scratch};
use crate::kernels::portable::ByteRows;
use crate::kernels::{ConvolutionShape, Packed, Packing, Table, Work, portable};
use crate::plan::check;
use crate::plan::step::{ConvolutionForm, ConvolutionInt8};
use crate::plan::view::Image;
use core::ops::Range;

/// The file under `kernels/` that [`convolution_int8`] runs `step` with: the same choices, in the same order.
pub fn name_of<I: Int8>(isa: I, step: &ConvolutionInt8) -> &'static str {
    let shape = ConvolutionShape::of_int8(step);
    match step.form {
        _ if !is_covered(&shape, step.wide) => "portable/convolution_int8",
        ConvolutionForm::Pointwise => isa.name_of_product(&shape, pixels(&step.y)),
        ConvolutionForm::Depthwise => I::name_of_depthwise(&shape),
        ConvolutionForm::General => "vector/convolution_int8 (general)",
    }
}

/// Pixels of all images together.
fn pixels(image: &Image) -> usize {
    image.batch as usize * image.height as usize * image.width as usize
}

/// See [`ConvolutionInt8`].
///
/// # Panics
/// Where sizes do not agree or a slice is shorter than the step says; the check of a plan sees to both.
pub fn convolution_int8<I: Int8, T: Tables>(
    isa: I,
    tables: T,
    packing: &VectorPacking,
    step: &ConvolutionInt8,
    x: &[u8],
    y: &mut [u8],
    packed: Packed<'_>,
    table: Option<&Table>,
    work: Work<'_>,
) {
    let shape = ConvolutionShape::of_int8(step);
    if !is_covered(&shape, step.wide) {
        return portable::convolution_int8::convolution_int8(step, x, y, packed, table, work.scratch);
    }
    assert!(!(step.x_signed || step.y_signed) || packing.takes_signed(&shape, step.wide), "signed bytes");
    let lens = packing.packed_int8(&shape, step.wide);
    assert!(packed.weights.len() >= lens.weights as usize, "weights");
    assert!(
        packed.bias.len() >= lens.bias as usize && packed.multiplier.len() >= lens.multiplier as usize,
        "constants"
    );
    assert!(work.scratch.len() >= packing.scratch_int8(step) as usize, "working memory");
    assert!(check::shape::convolution(step.form, step.groups, &step.x, &step.y, &step.window).is_ok(), "sizes");
    assert!(x.len() >= elements(&step.x) && y.len() >= elements(&step.y), "operands");
    let chains = packing.notes_at(&shape, packed.weights.len());
    let note_words = packing.note_words(&shape);
    let may_chain = packing.may_chain(&shape, packed.weights);
    let convolution = Convolution { step, shape, x, packed, table, chains, note_words, may_chain };
    convolution.run(isa, tables, y, work);
}

/// How results are stored.
fn stored(step: &ConvolutionInt8) -> Stored {
    Stored { zero: step.y_zero, low: step.low, high: step.high, signed: step.y_signed }
}

/// How the sums of `step` become bytes.
#[inline(always)]
pub fn rounding<I: Int8>(isa: I, step: &ConvolutionInt8, packed: Packed<'_>) -> I::Rounding {
    let note = Note::of(packed.weights);
    isa.rounding(stored(step), !note.small, note.extreme)
}

/// What every form needs.
struct Convolution<'c> {
    step: &'c ConvolutionInt8,
    shape: ConvolutionShape,
    x: &'c [u8],
    packed: Packed<'c>,
    table: Option<&'c Table>,
    /// Where the weights' notes of chains begin.
    chains: usize,
    /// Words of them for every four channels.
    note_words: usize,
    /// Whether products may be added up in 16 bits.
    may_chain: bool,
}

impl Convolution<'_> {
    /// Computes all of it.
    fn run<I: Int8, T: Tables>(&self, isa: I, tables: T, y: &mut [u8], work: Work<'_>) {
        let Convolution { step, shape, x, packed, .. } = *self;
        let (rows, width) = (step.y.batch as usize * step.y.height as usize, step.y.width as usize);
        let (pixels, pitch) = (pixels(&step.y), step.y.stride as usize);
        let macs = (pixels as u64).saturating_mul(shape.weight_count());
        match step.form {
            ConvolutionForm::Pointwise if pixels == 1 => {
                // A fully connected layer: blocks of output channels are shared out.
                let (outputs, block) = (step.y.channels as usize, 4 * I::LANES);
                work.rows(outputs.div_ceil(block), macs, block, y, &|blocks, y, _| {
                    let channels = blocks.start * block..outputs.min(blocks.end * block);
                    let count = channels.len();
                    isa.invoke(Pointwise { convolution: self, pixels: 0..1, channels, y: &mut *y });
                    self.look_up(tables, y, 1, count);
                });
            }
            ConvolutionForm::Pointwise => work.rows(pixels, macs, pitch, y, &|pixels, y, _| {
                let (count, channels) = (pixels.len(), step.y.channels as usize);
                isa.invoke(Pointwise { convolution: self, pixels, channels: 0..channels, y: &mut *y });
                self.look_up(tables, y, count, channels);
            }),
            ConvolutionForm::General => work.rows(rows, macs, pitch * width, y, &|rows, y, scratch| {
                let pixels = rows.len() * width;
                isa.invoke(GeneralRows { convolution: self, rows, y: &mut *y, scratch });
                self.look_up(tables, y, pixels, step.y.channels as usize);
            }),
            // Its multiplications are few, but there is more to do for each.
            ConvolutionForm::Depthwise => {
                work.rows(rows, macs.saturating_mul(4), pitch * width, y, &|rows, y, scratch| {
                    let (pixels, constants) = (rows.len() * width, self.constants());
                    let depthwise = Depthwise { step, x, rows, y: &mut *y, packed, constants, scratch };
                    match isa.plain(stored(step), !Note::of(packed.weights).small) {
                        Some(plain) => plain.depthwise(depthwise),
                        None => isa.depthwise(depthwise),
                    }
                    self.look_up(tables, y, pixels, step.y.channels as usize);
                })
            }
        }
    }

    fn constants(&self) -> Constants {
        Constants {
            weights: self.packed.weights.as_ptr(),
            bias: self.packed.bias.as_ptr().cast(),
            multiplier: self.packed.multiplier.as_ptr().cast(),
            chains: self.packed.weights[self.chains..].as_ptr().cast(),
        }
    }

    fn rounding<I: Int8>(&self, isa: I) -> I::Rounding {
        isa.rounding(stored(self.step), !Note::of(self.packed.weights).small, !self.may_chain)
    }

    /// Maps `channels` results of each of `pixels` pixels through the table, if there is one.
    fn look_up<T: Tables>(&self, tables: T, y: &mut [u8], pixels: usize, channels: usize) {
        if let Some(table) = self.table {
            tables.invoke(LookUp { table, y, pixels, channels, stride: self.step.y.stride as usize });
        }
    }
}

/// Results that are mapped through a table where they are.
struct LookUp<'l> {
    table: &'l Table,
    y: &'l mut [u8],
    pixels: usize,
    channels: usize,
    stride: usize,
}

impl<T: Tables> Task<T> for LookUp<'_> {
    #[inline(always)]
    fn run(self, tables: T) {
        let table = tables.prepare(self.table);
        if self.channels == self.stride {
            return tables.map(table, None, &mut self.y[..self.pixels * self.stride]);
        }
        let rows = ByteRows { count: self.pixels, len: self.channels, steps: [self.stride; 2] };
        tables.map_rows(table, None, self.y, rows);
    }
}

/// Bytes of inputs that a product works on at a time where it gathers: half the first cache of Cortex-A53, A55 and A72, of
/// 32 KiB; the other half is for weights and results. Their second caches of 128 KiB to 1 MiB hold few layers whole.
const STRIP: usize = 16 << 10;

/// Some pixels, and of these some channels, of a 1×1 convolution; the inputs are read where they lie.
struct Pointwise<'p> {
    convolution: &'p Convolution<'p>,
    pixels: Range<usize>,
    /// They begin with a block.
    channels: Range<usize>,
    y: &'p mut [u8],
}

impl<I: Int8> Task<I> for Pointwise<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Pointwise { convolution, pixels, channels, y } = self;
        let step = convolution.step;
        let (inputs, stride) = (step.x.channels as usize, step.x.stride as usize);
        let x = &convolution.x[pixels.start * stride..];
        let (starts, readable) = ([x.as_ptr()], x.len());
        let flip = if step.x_signed { 0 } else { I::FLIP };
        let runs = Runs {
            starts: &starts,
            offset: 0,
            fours: inputs / 4,
            last: 4,
            rest: inputs % 4,
            step: stride,
            readable,
            flip,
        };
        let to = Target { first: y.as_mut_ptr(), step: step.y.stride as usize, channels: channels.len() };
        let mut constants = convolution.constants();
        // SAFETY: the operands span as many pixels, which was asserted; `y` is that of these pixels and channels; the
        // constants of whole blocks lie in front of those of these; inputs that do not make up a four are read one by one.
        #[allow(unsafe_code)]
        unsafe {
            let dots = channels.start / I::LANES * fours(inputs, I::UNIT);
            constants.weights = constants.weights.add(dots * I::WEIGHT_BYTES);
            constants.bias = constants.bias.add(channels.start);
            constants.multiplier = constants.multiplier.add(channels.start);
            constants.chains = constants.chains.wrapping_add(channels.start / 4 * convolution.note_words);
            let rounding = convolution.rounding(isa);
            if !I::GATHERS {
                return isa.multiply(runs, pixels.len(), constants, rounding, to);
            }
            // Every block of channels reads the inputs anew: a strip of them stays in the first cache meanwhile.
            let strip = (STRIP / stride).next_multiple_of(PIXELS).max(PIXELS);
            for first in (0..pixels.len()).step_by(strip) {
                let runs = Runs { offset: first * stride, ..runs };
                let to = to.skip(first);
                isa.multiply(runs, strip.min(pixels.len() - first), constants, rounding, to);
            }
        }
    }
}

/// Some output rows of any other convolution, whose inputs are read from a ring of padded rows.
struct GeneralRows<'g> {
    convolution: &'g Convolution<'g>,
    rows: Range<usize>,
    y: &'g mut [u8],
    scratch: &'g mut [u8],
}

impl<I: Int8> Task<I> for GeneralRows<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let GeneralRows { convolution, rows, y, scratch } = self;
        let (step, shape) = (convolution.step, &convolution.shape);
        // Where inputs are gathered, bytes are flipped once, as rows are copied.
        let flipped = if I::GATHERS { I::FLIP } else { 0 };
        let flip = if step.x_signed { 0 } else { flipped };
        let (layout, padding) = (scratch::general(step, I::GATHERS), step.x_zero as u8 ^ flipped);
        let general = General { shape, x: &step.x, y: &step.y, window: &step.window, layout, padding };
        let (count, len) = runs(shape, I::GATHERS);
        let (fours, rounding) = (fours(len, I::UNIT), convolution.rounding(isa));
        let outputs = step.y.channels as usize / step.groups as usize;
        let padded = padded_channels(outputs, I::LANES);
        let (width, stride) = (step.y.width as usize, step.y.stride as usize);
        let (ring, patches) = scratch.split_at_mut(layout.ring_len(step.x.height as usize));
        let pitch = patch_pitch(len);
        let at_once = patches_at_once(pitch, pixels(&step.y));
        // Pixels whose patches wait for those of the next row, so that few tiles are of fewer pixels than they could be.
        let mut waiting = 0;
        let count_of_rows = rows.len();
        let fill = |ring: &mut RowRing<'_, u8>, source: &Source<'_, u8>, rows| {
            if flip == 0 { ring.fill(source, rows) } else { ring.fill_mapped(source, rows, |byte| byte ^ flip) }
        };
        general.for_each(convolution.x, rows, ring, fill, |row, group, starts| {
            let y = &mut y[(row * width - waiting) * stride + group * outputs..];
            assert!((waiting + width - 1) * stride + outputs <= y.len(), "the output is too small");
            let mut to = Target { first: y.as_mut_ptr(), step: stride, channels: outputs };
            let mut constants = convolution.constants();
            let last = (len - 1) % 4 + 1;
            let runs = Runs { starts, offset: 0, fours, last, rest: 0, step: general.step(), readable: 0, flip: 0 };
            // SAFETY: the runs can be read at every place, and the last inputs of a row because of its slack, or the gathered
            // patches, which are filled up; the constants are packed group after group; the row of results can be written.
            #[allow(unsafe_code)]
            unsafe {
                let depth = count * fours * I::WEIGHT_BYTES / I::LANES;
                constants.weights = constants.weights.add(group * depth * padded);
                constants.bias = constants.bias.add(group * padded);
                constants.multiplier = constants.multiplier.add(group * padded);
                constants.chains = constants.chains.wrapping_add(group * padded / 4 * convolution.note_words);
                if !I::GATHERS {
                    return isa.multiply(runs, width, constants, rounding, to);
                }
                let readable = patches.len();
                let gather =
                    Gather { starts, len: len / starts.len(), step: general.step(), first: 0, pixels: width, pitch };
                if waiting == 0 && isa.multiply_row(gather, constants, rounding, to) {
                    return;
                }
                let may_wait = step.groups == 1 && row + 1 < count_of_rows;
                for first in (0..width).step_by(at_once) {
                    let pixels = at_once.min(width - first);
                    isa.gather(Gather { first, pixels, ..gather }, &mut patches[waiting * pitch..]);
                    waiting += pixels;
                    if may_wait && waiting + width <= at_once {
                        return;
                    }
                    let gathered = [patches.as_ptr()];
                    let runs = Runs { starts: &gathered, step: pitch, readable, ..runs };
                    isa.multiply(runs, waiting, constants, rounding, to);
                    to = to.skip(waiting);
                    waiting = 0;
                }
            }
        });
    }
}
