//! The walk down the rows of a depthwise convolution. Its inputs are copied to a ring of padded rows, or read where they lie if there is a
//! column of padding at most at either side, which is not in memory then.

use crate::kernels::vector::{Depthwise, MAX_RUNS, RowRing, Source, by_image, padded_rows};
use crate::plan::step::ConvolutionInt8;

/// Columns of padding that are in no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// Whether there is one in front of the rows.
    pub left: bool,
    /// Whether there is one behind them.
    pub right: bool,
    /// Their bytes.
    pub padding: u8,
}

impl Edges {
    /// Those of a convolution whose rows can be read where they lie, a chunk of `channels` at a time, and whose padding is within a
    /// column at either side.
    pub fn of(step: &ConvolutionInt8, flip: u8, channels: u32) -> Option<Self> {
        let (window, x) = (&step.window, &step.x);
        let [_, left, ..] = window.pad;
        let columns =
            (step.y.width - 1).checked_mul(window.stride[1])?.checked_add(window.kernel[1])?.checked_sub(left)?;
        let right = columns.saturating_sub(x.width);
        // Rows of padding are as long as those of the image, and whole chunks are read.
        let in_place = (step.x_signed || flip == 0) && x.stride == x.channels && x.channels.is_multiple_of(channels);
        let covers = window.dilation[1] == 1 && left <= 1 && right <= 1;
        let padding = step.x_zero as u8 ^ flip;
        (in_place && covers).then_some(Edges { left: left == 1, right: right == 1, padding })
    }
}

/// An output row, and the input rows behind it.
pub struct PaddedRow<'r> {
    /// The input rows under the window: the first column of padding, or of the image where there is none or the padding is in no row.
    /// They hold the window at every place, but for that, and unless they are read in place, a vector of slack.
    pub starts: &'r [*const u8],
    /// The first output, behind which the row can be written.
    pub y: *mut u8,
}

/// Calls `compute` for every output row. Input bytes are XORed with `flip` where they are not yet, padding always.
#[inline(always)]
pub fn for_each_row(depthwise: Depthwise<'_>, flip: u8, mut compute: impl FnMut(PaddedRow<'_>)) {
    let Depthwise { step, x, rows, y, scratch, .. } = depthwise;
    let (window, layout) = (&step.window, padded_rows(step, true));
    let (height, places) = (step.x.height as usize, step.y.height as usize);
    let (channels, pixels, y_step) = (step.y.channels as usize, step.y.width as usize, step.y.stride as usize);
    let (stride, dilation) = (window.stride[0] as usize, window.dilation[0] as usize);
    for (image, of_image, before) in by_image(rows, places) {
        let top = of_image.start;
        let padding = step.x_zero as u8 ^ flip;
        let mut ring = RowRing::new(&mut *scratch, layout, height, [window.pad[0], window.pad[1]], padding);
        let source = Source::new(x, &step.x, image, 0..channels);
        for row in of_image {
            let first = row * stride;
            if step.x_signed || flip == 0 {
                ring.fill(&source, first..first + layout.rows);
            } else {
                ring.fill_mapped(&source, first..first + layout.rows, |byte| byte ^ flip);
            }
            let mut starts = [core::ptr::null(); MAX_RUNS];
            let starts = &mut starts[..window.kernel[0] as usize];
            for (down, start) in starts.iter_mut().enumerate() {
                *start = ring.elements()[ring.row(first + down * dilation, height)..].as_ptr();
            }
            let y = &mut y[(before + row - top) * pixels * y_step..];
            assert!((pixels - 1) * y_step + channels <= y.len(), "the output is too small");
            compute(PaddedRow { starts, y: y.as_mut_ptr() });
        }
    }
}

/// As [`for_each_row`] of rows that are read where they lie.
#[inline(always)]
pub fn for_each_row_in_place(depthwise: Depthwise<'_>, edges: Edges, mut compute: impl FnMut(PaddedRow<'_>)) {
    let Depthwise { step, x, rows, y, scratch, .. } = depthwise;
    let window = &step.window;
    let (height, places, len) =
        (step.x.height as usize, step.y.height as usize, step.x.width as usize * step.x.stride as usize);
    let row_len = step.y.width as usize * step.y.stride as usize;
    let [stride, dilation, above] = [window.stride[0], window.dilation[0], window.pad[0]].map(|n| n as usize);
    let padding = &mut scratch[..len];
    padding.fill(edges.padding);
    for (image, of_image, before) in by_image(rows, places) {
        let top = of_image.start;
        for row in of_image {
            let mut starts = [core::ptr::null(); MAX_RUNS];
            let starts = &mut starts[..window.kernel[0] as usize];
            for (down, start) in starts.iter_mut().enumerate() {
                *start = match (row * stride + down * dilation).checked_sub(above) {
                    Some(row) if row < height => x[(image * height + row) * len..][..len].as_ptr(),
                    _ => padding.as_ptr(),
                };
            }
            let y = &mut y[(before + row - top) * row_len..];
            assert!(row_len - step.y.stride as usize + step.y.channels as usize <= y.len(), "the output is too small");
            compute(PaddedRow { starts, y: y.as_mut_ptr() });
        }
    }
}
