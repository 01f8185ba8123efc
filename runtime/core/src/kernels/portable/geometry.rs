//! Where a sliding window meets an image: per axis, which taps fall inside, and where.

use crate::plan::view::{Image, Window};
use core::ops::Range;

/// One axis of a window sliding over an image. The plan's check keeps every sum below 2³¹.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Axis {
    /// Taps of the window.
    pub kernel: usize,
    stride: usize,
    dilation: usize,
    pad: [usize; 2],
    len: usize,
}

impl Axis {
    /// The vertical axis.
    #[inline(always)]
    pub fn rows(image: &Image, window: &Window) -> Self {
        Axis::new(window, 0, image.height)
    }

    /// The horizontal axis.
    #[inline(always)]
    pub fn columns(image: &Image, window: &Window) -> Self {
        Axis::new(window, 1, image.width)
    }

    #[inline(always)]
    fn new(window: &Window, axis: usize, len: u32) -> Self {
        Axis {
            kernel: window.kernel[axis] as usize,
            stride: window.stride[axis] as usize,
            dilation: window.dilation[axis] as usize,
            pad: [window.pad[axis] as usize, window.pad[axis + 2] as usize],
            len: len as usize,
        }
    }

    /// The taps that stand at an index from `-before` up to `len + behind` when the window is at place `place`.
    #[inline(always)]
    fn taps_within(&self, place: usize, before: usize, behind: usize) -> Range<usize> {
        let start = place * self.stride;
        let (first, end) = (self.pad[0] - before, self.len + self.pad[0] + behind);
        let skipped = self.taps_before(first.saturating_sub(start));
        skipped..self.taps_before(end.saturating_sub(start)).max(skipped)
    }

    /// How many taps stand fewer than `distance` indices behind the first one.
    #[inline(always)]
    fn taps_before(&self, distance: usize) -> usize {
        // Dilation is rare and division slow.
        let taps = if self.dilation == 1 { distance } else { distance.div_ceil(self.dilation) };
        taps.min(self.kernel)
    }

    /// The taps that stand inside the image when the window is at place `place`.
    #[inline(always)]
    pub fn taps(&self, place: usize) -> Range<usize> {
        self.taps_within(place, 0, 0)
    }

    /// How many taps stand inside the image or its padding.
    #[inline(always)]
    pub fn padded_taps(&self, place: usize) -> usize {
        self.taps_within(place, self.pad[0], self.pad[1]).len()
    }

    /// The index at which `tap` stands; only for taps inside the image.
    #[inline(always)]
    pub fn index(&self, place: usize, tap: usize) -> usize {
        place * self.stride + tap * self.dilation - self.pad[0]
    }

    /// Those of `places` at which every tap stands inside the image.
    pub fn interior(&self, places: usize) -> Range<usize> {
        let (start, span) = (self.pad[0].div_ceil(self.stride), (self.kernel - 1) * self.dilation + 1);
        let end = (self.len + self.pad[0]).checked_sub(span).map_or(0, |last| last / self.stride + 1);
        let start = start.min(places);
        start..end.min(places).max(start)
    }

    /// Padding in front of the image.
    pub fn before(&self) -> usize {
        self.pad[0]
    }

    /// Indices between neighbouring places.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Indices between neighbouring taps.
    pub fn dilation(&self) -> usize {
        self.dilation
    }
}

/// An image's sizes as indices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub stride: usize,
}

impl Grid {
    #[inline(always)]
    pub fn of(image: &Image) -> Self {
        Grid {
            batch: image.batch as usize,
            height: image.height as usize,
            width: image.width as usize,
            channels: image.channels as usize,
            stride: image.stride as usize,
        }
    }

    /// Pixels of one image.
    #[inline(always)]
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Elements in front of a pixel.
    #[inline(always)]
    pub fn at(&self, image: usize, row: usize, column: usize) -> usize {
        ((image * self.height + row) * self.width + column) * self.stride
    }

    /// Calls `f(image, row, column)` for every pixel.
    #[inline(always)]
    pub fn for_each(&self, mut f: impl FnMut(usize, usize, usize)) {
        for image in 0..self.batch {
            for row in 0..self.height {
                for column in 0..self.width {
                    f(image, row, column);
                }
            }
        }
    }
}

/// An input of a convolution together with its window: what is needed to gather the inputs behind one output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches<'x, T> {
    pub x: &'x [T],
    pub grid: Grid,
    pub rows: Axis,
    pub columns: Axis,
    /// What padding holds.
    pub padding: T,
}

impl<T: Copy> Patches<'_, T> {
    /// Writes the `out.len() / taps` channels from `channel` on of every tap, tap after tap.
    pub fn gather(&self, image: usize, place: [usize; 2], channel: usize, out: &mut [T]) {
        let row_len = out.len() / self.rows.kernel;
        let count = row_len / self.columns.kernel;
        let (inside_rows, inside) = (self.rows.taps(place[0]), self.columns.taps(place[1]));
        let dense = self.grid.stride == count && self.columns.dilation() == 1;
        for (tap_row, out) in out.chunks_exact_mut(row_len).enumerate() {
            if !inside_rows.contains(&tap_row) || inside.is_empty() {
                out.fill(self.padding);
                continue;
            }
            out[..inside.start * count].fill(self.padding);
            out[inside.end * count..].fill(self.padding);
            let row = self.rows.index(place[0], tap_row);
            let first = self.grid.at(image, row, self.columns.index(place[1], inside.start)) + channel;
            let out = &mut out[inside.start * count..inside.end * count];
            if dense {
                out.copy_from_slice(&self.x[first..][..out.len()]);
            } else {
                let step = self.columns.dilation() * self.grid.stride;
                for (tap, out) in out.chunks_exact_mut(count).enumerate() {
                    out.copy_from_slice(&self.x[first + tap * step..][..count]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn taps_are_those_inside(
            kernel in 1usize..6, stride in 1usize..4, dilation in 1usize..4, before in 0usize..5, behind in 0usize..5,
            len in 1usize..9, place in 0usize..6,
        ) {
            let axis = Axis { kernel, stride, dilation, pad: [before, behind], len };
            let at = |tap: usize| (place * stride + tap * dilation) as isize - before as isize;
            let inside = |tap: &usize| (0..len as isize).contains(&at(*tap));
            prop_assert_eq!((0..kernel).filter(inside).collect::<std::vec::Vec<_>>(), axis.taps(place).collect::<std::vec::Vec<_>>());
            for tap in axis.taps(place) {
                prop_assert_eq!(axis.index(place, tap) as isize, at(tap));
            }
            let padded = (0..kernel).filter(|tap| at(*tap) < (len + behind) as isize).count();
            prop_assert_eq!(axis.padded_taps(place), padded);
            let whole = axis.taps(place) == (0..kernel);
            prop_assert_eq!(axis.interior(9).contains(&place), whole);
            prop_assert!(axis.interior(place).end <= place);
        }
    }
}
