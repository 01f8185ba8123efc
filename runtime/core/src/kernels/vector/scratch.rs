//! The working memory of integer convolutions: a ring of rows, or for depthwise ones rows interleaved by fours.

use super::layout::{Chunk, GATHERED, chunks, is_covered, slides};
use super::ring::RowLayout;
use crate::kernels::portable::Portable;
use crate::kernels::{ConvolutionShape, Packing};
use crate::plan::step::{ConvolutionForm, ConvolutionInt8};
use crate::plan::view::{Image, Window};

/// What rows are multiples of, so that vectors do not straddle cache lines.
const LINE: usize = 64;

/// The rows of a general convolution, whose inputs are read in fours, the last of a row too, or a vector at a time.
pub fn rows(window: &Window, x: &Image, y: &Image, gathers: bool) -> RowLayout {
    let slack = if gathers { GATHERED - 1 } else { 3 };
    RowLayout::new(window, y.width as usize, 1, x.channels as usize, LINE, slack)
}

/// The same of an int8 convolution.
pub fn general(step: &ConvolutionInt8, gathers: bool) -> RowLayout {
    rows(&step.window, &step.x, &step.y, gathers)
}

/// Bytes of patches that are gathered at a time: they stay in any first-level cache, along with weights.
const PATCHES_LEN: usize = 8 << 10;

/// Multiples of this many pixels are whole tiles, whatever a tile's number of pixels.
pub const PIXELS: usize = 24;

/// How many output pixels of `pixels` have their patches, `pitch` bytes each, gathered at a time.
pub fn patches_at_once(pitch: usize, pixels: usize) -> usize {
    pixels.min((PATCHES_LEN / pitch.max(1) / PIXELS).clamp(1, 4) * PIXELS)
}

/// Bytes from one patch of `depth` inputs to the next: runs are copied a vector at a time, and what the last one's last vector
/// has too many must not reach the next patch.
pub fn patch_pitch(depth: usize) -> usize {
    depth.saturating_add(GATHERED - 1).div_ceil(GATHERED).saturating_mul(GATHERED)
}

/// Bytes of gathered patches, with slack for writing whole vectors; saturates.
fn patches(step: &ConvolutionInt8) -> usize {
    let pitch = patch_pitch(ConvolutionShape::of_int8(step).depth() as usize);
    let pixels =
        [step.y.batch, step.y.height].into_iter().fold(step.y.width as usize, |n, m| n.saturating_mul(m as usize));
    pitch.saturating_mul(patches_at_once(pitch, pixels)).saturating_add(GATHERED)
}

/// What a depthwise convolution needs for one chunk of channels.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    /// Columns that the window meets, padding included.
    pub columns: usize,
    /// Rows that it covers while output rows are computed at once.
    pub rows: usize,
    /// Output rows computed at a time.
    pub at_once: usize,
    /// Groups of four kernel rows.
    pub groups: usize,
    /// Bytes of one group of interleaved rows.
    pub group_len: usize,
}

impl Depthwise {
    /// For chunks with `pitch` bytes a pixel, on vectors of `lanes` lanes.
    pub fn new(step: &ConvolutionInt8, pitch: usize, lanes: usize) -> Self {
        let window = &step.window;
        // Two output rows under each other share two of their three input rows, and four rows are what a dot product takes.
        let share = window.kernel[0] <= 3 && window.stride[0] == 1 && window.dilation[0] == 1 && step.y.height > 1;
        let (at_once, block) = (if share { 2 } else { 1 }, 4 * lanes);
        // A block of four vectors may hold pixels behind the last one.
        let slack = block.saturating_mul(window.stride[1] as usize);
        let RowLayout { columns, len, rows, .. } =
            RowLayout::new(window, step.y.width as usize, at_once, pitch, block, slack);
        let groups = (window.kernel[0] as usize).div_ceil(4);
        Depthwise { columns, rows, at_once, groups, group_len: len.saturating_mul(4) }
    }

    /// Bytes of all of it; saturates.
    pub fn len(&self) -> usize {
        self.groups.saturating_mul(self.group_len)
    }
}

/// Bytes of a spare row of a depthwise convolution that keeps columns in registers, with room for reading whole vectors.
pub fn spare_row_len(step: &ConvolutionInt8, pitch: usize) -> usize {
    let last = (step.x.width as usize - 1).saturating_mul(step.x.stride as usize);
    last.saturating_add(pitch).div_ceil(LINE).saturating_mul(LINE)
}

/// How many of the last rows such a convolution copies, because whole vectors read from them would run over the input's
/// end.
pub fn copied_rows(step: &ConvolutionInt8, chunk: Chunk) -> usize {
    let row = (step.x.width as usize).saturating_mul(step.x.stride as usize);
    (chunk.pitch - chunk.channels).div_ceil(row)
}

/// Bytes that `step` needs; `u32::MAX` where it would need more. `padded`: a depthwise convolution reads padded rows.
pub fn int8(step: &ConvolutionInt8, lanes: usize, many_registers: bool, gathers: bool, padded: bool) -> u32 {
    let shape = ConvolutionShape::of_int8(step);
    if !is_covered(&shape, step.wide) {
        return Portable.scratch_int8(step);
    }
    let channels = step.y.channels as usize;
    // The widest chunk comes first, and only the last one has fewer channels than its vectors have lanes.
    let widest = chunks(channels, lanes).next().map_or(0, |chunk| chunk.pitch);
    let len = match step.form {
        ConvolutionForm::Pointwise => 0,
        ConvolutionForm::General => {
            let patches = if gathers { patches(step) } else { 0 };
            general(step, gathers).ring_len(step.x.height as usize).saturating_add(patches)
        }
        ConvolutionForm::Depthwise if padded => general(step, true).ring_len(step.x.height as usize),
        ConvolutionForm::Depthwise if slides(&shape, many_registers) => {
            let last = chunks(channels % (4 * lanes), lanes).last();
            (1 + last.map_or(0, |chunk| copied_rows(step, chunk))).saturating_mul(spare_row_len(step, widest))
        }
        ConvolutionForm::Depthwise => Depthwise::new(step, widest, lanes).len(),
    };
    u32::try_from(len.div_ceil(4).saturating_mul(4)).unwrap_or(u32::MAX)
}
