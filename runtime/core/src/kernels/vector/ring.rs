//! The rows of an image that a window stands on, padded so that inner loops need no edges.
//!
//! Convolutions walk down an image; each of its rows is copied once, with padding on both sides, into a slot of a ring that
//! is as long as the window is high. One more slot holds a row of padding, for what lies above and below.

use crate::plan::view::{Image, Window};
use core::ops::Range;

/// Divides rows, those of all images of `height` rows counted through, by image: which image, which rows of it, and how
/// many rows came before.
pub fn by_image(rows: Range<usize>, height: usize) -> impl Iterator<Item = (usize, Range<usize>, usize)> {
    (rows.start / height..rows.end.div_ceil(height)).map(move |image| {
        let first = image * height;
        let (start, end) = (rows.start.max(first), rows.end.min(first + height));
        (image, start - first..end - first, start - rows.start)
    })
}

/// How rows are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLayout {
    /// Columns of a padded row that the window meets.
    pub columns: usize,
    /// Elements from one column to the next.
    pub pitch: usize,
    /// Elements of a row, filling and slack at its end included.
    pub len: usize,
    /// Rows that the window covers at a time.
    pub rows: usize,
}

impl RowLayout {
    /// For `window` at `places` columns, with `pitch` elements a column and rows that are filled up to a multiple of `unit`
    /// elements, with at least `slack` behind the last column. `rows` output rows are computed at a time.
    pub fn new(window: &Window, places: usize, rows: usize, pitch: usize, unit: usize, slack: usize) -> Self {
        let covered = |places: usize, axis: usize| {
            let steps = (places - 1).saturating_mul(window.stride[axis] as usize);
            steps.saturating_add((window.kernel[axis] as usize - 1).saturating_mul(window.dilation[axis] as usize)) + 1
        };
        let columns = covered(places, 1);
        let len = columns.saturating_mul(pitch).saturating_add(slack).div_ceil(unit).saturating_mul(unit);
        RowLayout { columns, pitch, len, rows: covered(rows, 0) }
    }

    /// Elements of the whole ring for an image of `height` rows; saturates.
    pub fn ring_len(&self, height: usize) -> usize {
        (self.rows.min(height) + 1).saturating_mul(self.len)
    }
}

/// The rows of one image, or of a range of its channels.
#[derive(Clone, Copy, Debug)]
pub struct Source<'x, T> {
    /// The image's elements, from the first channel that is wanted on.
    pub elements: &'x [T],
    pub height: usize,
    pub width: usize,
    /// Elements from one pixel to the next.
    pub stride: usize,
    /// Channels that are wanted.
    pub channels: usize,
}

impl<'x, T> Source<'x, T> {
    /// `channels` of image `index` of a batch.
    pub fn new(x: &'x [T], image: &Image, index: usize, channels: Range<usize>) -> Self {
        let (height, width, stride) = (image.height as usize, image.width as usize, image.stride as usize);
        let elements = &x[index * height * width * stride + channels.start..];
        Source { elements, height, width, stride, channels: channels.len() }
    }
}

/// The ring.
pub struct RowRing<'r, T> {
    slots: &'r mut [T],
    layout: RowLayout,
    /// Slots for rows; the row of padding lies behind them.
    count: usize,
    /// The row after the last one copied.
    next: usize,
    pad: [usize; 2],
}

impl<'r, T: Copy> RowRing<'r, T> {
    /// An empty ring in `memory`, for an image of `height` rows and `pad` rows above and columns before it.
    pub fn new(memory: &'r mut [T], layout: RowLayout, height: usize, pad: [u32; 2], padding: T) -> Self {
        let count = layout.rows.min(height);
        let slots = &mut memory[..(count + 1) * layout.len];
        slots.fill(padding);
        RowRing { slots, layout, count, next: 0, pad: pad.map(|n| n as usize) }
    }

    /// Copies what is missing of `rows`, counted from the first row of padding on. Rows are asked for in ascending order,
    /// no more than the layout's `rows` at a time.
    pub fn fill(&mut self, source: &Source<'_, T>, rows: Range<usize>) {
        for row in self.missing(source, rows) {
            let at = row % self.count * self.layout.len;
            let to = &mut self.slots[at..][..self.layout.len];
            copy_row(&self.layout, self.pad[1], source, row, to);
        }
    }

    /// As [`fill`](Self::fill); every element goes through `map`.
    #[inline(always)]
    pub fn fill_mapped(&mut self, source: &Source<'_, T>, rows: Range<usize>, map: impl Fn(T) -> T) {
        let layout = self.layout;
        for row in self.missing(source, rows) {
            let count = layout.columns.saturating_sub(self.pad[1]).min(source.width);
            if count == 0 {
                return;
            }
            let to = &mut self.slots[row % self.count * layout.len..][self.pad[1] * layout.pitch..layout.len];
            let from = &source.elements[row * source.width * source.stride..];
            // Pixels that lie side by side are one run.
            let (runs, len) = if source.stride == layout.pitch {
                (1, (count - 1) * layout.pitch + source.channels)
            } else {
                (count, source.channels)
            };
            for (from, to) in
                from.chunks(source.stride * (count / runs)).zip(to.chunks_mut(layout.pitch * (count / runs))).take(runs)
            {
                // Four vectors at a time, and the rest.
                let (from_blocks, from_rest) = from[..len].as_chunks::<64>();
                let (to_blocks, to_rest) = to[..len].as_chunks_mut::<64>();
                for (to, from) in to_blocks.iter_mut().zip(from_blocks) {
                    *to = from.map(&map);
                }
                for (to, from) in to_rest.iter_mut().zip(from_rest) {
                    *to = map(*from);
                }
            }
        }
    }

    /// Which of `rows` have not been copied; from now on they have.
    fn missing(&mut self, source: &Source<'_, T>, rows: Range<usize>) -> Range<usize> {
        let first = rows.start.saturating_sub(self.pad[0]).max(self.next);
        let end = rows.end.saturating_sub(self.pad[0]).min(source.height);
        self.next = end.max(self.next);
        first..end
    }

    /// Where row `row` begins in [`elements`](Self::elements), counted from the first row of padding on.
    pub fn row(&self, row: usize, height: usize) -> usize {
        let slot = match row.checked_sub(self.pad[0]) {
            Some(row) if row < height => row % self.count,
            _ => self.count,
        };
        slot * self.layout.len
    }

    /// All rows.
    pub fn elements(&self) -> &[T] {
        self.slots
    }
}

/// Copies the pixels of one row to their columns; the others hold padding already.
fn copy_row<T: Copy>(layout: &RowLayout, pad: usize, source: &Source<'_, T>, row: usize, to: &mut [T]) {
    let count = layout.columns.saturating_sub(pad).min(source.width);
    if count == 0 {
        return;
    }
    let from = &source.elements[row * source.width * source.stride..];
    let (stride, pitch) = (source.stride, layout.pitch);
    let to = &mut to[pad * pitch..];
    // Copies of a length that the compiler knows are a move or two rather than a call.
    match source.channels {
        channels if channels == stride && channels == pitch => {
            to[..count * pitch].copy_from_slice(&from[..count * pitch]);
        }
        8 => copy_pixels::<T, 8>(from, stride, to, pitch, count),
        16 => copy_pixels::<T, 16>(from, stride, to, pitch, count),
        32 => copy_pixels::<T, 32>(from, stride, to, pitch, count),
        64 => copy_pixels::<T, 64>(from, stride, to, pitch, count),
        channels => {
            for (from, to) in from.chunks(stride).zip(to.chunks_mut(pitch)).take(count) {
                to[..channels].copy_from_slice(&from[..channels]);
            }
        }
    }
}

/// Copies N elements of each of `count` pixels.
fn copy_pixels<T: Copy, const N: usize>(from: &[T], stride: usize, to: &mut [T], pitch: usize, count: usize) {
    for (from, to) in from.chunks(stride).zip(to.chunks_mut(pitch)).take(count) {
        if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    #[test]
    fn rows_are_divided_at_the_ends_of_images() {
        let divided = |rows, height| by_image(rows, height).collect::<vec::Vec<_>>();
        assert_eq!(divided(0..3, 3), [(0, 0..3, 0)]);
        assert_eq!(divided(2..7, 3), [(0, 2..3, 0), (1, 0..3, 1), (2, 0..1, 4)]);
        assert_eq!(divided(4..5, 3), [(1, 1..2, 0)]);
    }

    proptest! {
        #[test]
        fn every_tap_finds_its_pixel_or_padding(
            size in (1usize..6, 1usize..9, 1usize..5), kernel in prop::array::uniform2(1u32..5), stride in prop::array::uniform2(1u32..4),
            dilation in prop::array::uniform2(1u32..3), pad in prop::array::uniform4(0u32..4), gap in 0usize..3,
            rows_at_once in 1usize..3,
        ) {
            let (height, width, channels) = size;
            let window = Window { kernel, stride, dilation, pad };
            // Windows that hang over the end of the padding are the plan's to refuse or the ring's to pad.
            let places = [(0, height), (1, width)].map(|(axis, len)| (len + (pad[axis] + pad[axis + 2]) as usize - 1) / stride[axis] as usize + 1);
            let layout = RowLayout::new(&window, places[1], rows_at_once, channels + gap, 8, 3);
            let x: vec::Vec<u32> = (0..(height * width * (channels + 1)) as u32).collect();
            let source = Source { elements: &x, height, width, stride: channels + 1, channels };
            let mut memory = vec![7777; layout.ring_len(height)];
            let mut ring = RowRing::new(&mut memory, layout, height, [pad[0], pad[1]], 9999);
            for row in (0..places[0]).step_by(rows_at_once) {
                let first = row * stride[0] as usize;
                ring.fill(&source, first..first + layout.rows);
                for r in first..first + layout.rows {
                    let at = ring.row(r, height);
                    for place in 0..places[1] {
                        for tap in 0..kernel[1] as usize {
                            let column = place * stride[1] as usize + tap * dilation[1] as usize;
                            let (y, x) = (r as i64 - i64::from(pad[0]), column as i64 - i64::from(pad[1]));
                            let inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x);
                            for channel in 0..channels {
                                let pixel = (y * width as i64 + x) * (channels as i64 + 1) + channel as i64;
                                let expected = if inside { pixel as u32 } else { 9999 };
                                prop_assert_eq!(ring.elements()[at + column * layout.pitch + channel], expected);
                            }
                        }
                    }
                }
            }
        }
    }
}
