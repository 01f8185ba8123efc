//! The working memory of integer convolutions: a ring of rows, or for depthwise ones rows interleaved by fours.

use super::layout::{chunks, is_covered};
use super::ring::RowLayout;
use crate::kernels::portable::Portable;
use crate::kernels::{ConvolutionShape, Packing};
use crate::plan::step::{ConvolutionForm, ConvolutionInt8};

/// What rows are multiples of, so that vectors do not straddle cache lines.
const LINE: usize = 64;

/// The rows of a general convolution.
pub fn general(step: &ConvolutionInt8) -> RowLayout {
    // Inputs are read in fours, the last of a row too.
    RowLayout::new(&step.window, step.y.width as usize, 1, step.x.channels as usize, LINE, 3)
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

/// Bytes that `step` needs; `u32::MAX` where it would need more.
pub fn int8(step: &ConvolutionInt8, lanes: usize) -> u32 {
    if !is_covered(&ConvolutionShape::of_int8(step), step.wide) {
        return Portable.scratch_int8(step);
    }
    let len = match step.form {
        ConvolutionForm::Pointwise => 0,
        ConvolutionForm::General => general(step).ring_len(step.x.height as usize),
        ConvolutionForm::Depthwise => {
            // The widest chunk comes first.
            let widest = chunks(step.y.channels as usize, lanes).next();
            widest.map_or(0, |chunk| Depthwise::new(step, chunk.pitch, lanes).len())
        }
    };
    u32::try_from(len.div_ceil(4).saturating_mul(4)).unwrap_or(u32::MAX)
}
