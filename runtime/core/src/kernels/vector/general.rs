//! The walk of a general convolution, int8 or f32: down the output rows, and through the groups of each.

use super::layout::{MAX_RUNS, Segments};
use super::ring::{RowLayout, RowRing, Source, by_image};
use crate::kernels::ConvolutionShape;
use crate::plan::view::{Image, Window};
use core::ops::Range;

/// A general convolution, but for what its elements are.
pub struct General<'g, T> {
    pub shape: &'g ConvolutionShape,
    pub x: &'g Image,
    pub y: &'g Image,
    pub window: &'g Window,
    /// How input rows are padded.
    pub layout: RowLayout,
    /// What padding holds.
    pub padding: T,
}

/// Elements that an image spans.
pub fn elements(image: &Image) -> usize {
    let pixels = image.batch as usize * image.height as usize * image.width as usize;
    (pixels - 1) * image.stride as usize + image.channels as usize
}

impl<T: Copy> General<'_, T> {
    /// Elements from the inputs of one output pixel to those of the next.
    pub fn step(&self) -> usize {
        self.window.stride[1] as usize * self.x.channels as usize
    }

    /// Calls `compute(row, group, starts)` for every group of every one of `rows`, which are output rows with those of all
    /// images counted through: `row` counts from the first of them, and `starts` are the places of the runs of inputs
    /// behind the row's first pixel (see [`Segments`]), in padded rows that hold the window at every place and the slack
    /// of the layout behind it. They can be read during the call. `fill` copies rows to the ring, see [`RowRing::fill`].
    #[inline(always)]
    pub fn for_each(
        &self,
        x: &[T],
        rows: Range<usize>,
        scratch: &mut [T],
        fill: impl Fn(&mut RowRing<'_, T>, &Source<'_, T>, Range<usize>),
        mut compute: impl FnMut(usize, usize, &[*const T]),
    ) {
        let (window, layout) = (self.window, self.layout);
        let (height, places) = (self.x.height as usize, self.y.height as usize);
        let (channels, groups) = (self.x.channels as usize, self.shape.groups as usize);
        let [stride, dilation] = [window.stride, window.dilation].map(|pair| pair.map(|n| n as usize));
        let segments = Segments::of(self.shape);
        for (image, of_image, before) in by_image(rows, places) {
            let top = of_image.start;
            let mut ring = RowRing::new(scratch, layout, height, [window.pad[0], window.pad[1]], self.padding);
            let source = Source::new(x, self.x, image, 0..channels);
            for row in of_image {
                let first = row * stride[0];
                fill(&mut ring, &source, first..first + layout.rows);
                for group in 0..groups {
                    let mut starts = [core::ptr::null(); MAX_RUNS];
                    let starts = &mut starts[..window.kernel[0] as usize * segments.per_row];
                    for (run, start) in starts.iter_mut().enumerate() {
                        let (tap_row, tap) = (run / segments.per_row, run % segments.per_row);
                        let at = ring.row(first + tap_row * dilation[0], height) + tap * dilation[1] * layout.pitch;
                        *start = ring.elements()[at + group * (channels / groups)..].as_ptr();
                    }
                    compute(before + row - top, group, starts);
                }
            }
        }
    }
}
