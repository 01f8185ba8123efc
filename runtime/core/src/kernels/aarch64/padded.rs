//! The walk down the rows of a depthwise convolution, whose inputs are copied to a ring of padded rows.

use crate::kernels::vector::{Depthwise, MAX_RUNS, RowRing, Source, by_image, padded_rows};

/// An output row, and the input rows behind it.
pub struct PaddedRow<'r> {
    /// The input rows under the window: the first column of padding, or of the image where there is none. They hold the window
    /// at every place, and a vector of slack.
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
