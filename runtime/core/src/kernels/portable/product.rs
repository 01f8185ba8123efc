//! Convolutions as products of rows by packed weights: the walk that int8 and f32 share.

use super::geometry::{Axis, Grid, Patches};
use super::layout::{BLOCK, GATHERED};
use super::rows::Rows;
use crate::plan::view::{Image, Window};

/// Packed weights that rows of `T` are multiplied by, for results of `Y`.
pub(super) trait Product<T, Y = T> {
    /// The most rows that one call takes.
    const TILE: usize;

    /// Multiplies rows with the blocks from `first` on. `y` begins at the first row's first output; `channels` outputs
    /// are written a row, rows lie `stride` apart.
    fn product(&self, rows: Rows<'_, T>, first: usize, channels: usize, y: &mut [Y], stride: usize);
}

/// A 1×1 convolution: each pixel is a row as it lies.
pub(super) fn pointwise<T, Y, P: Product<T, Y>>(images: [&Image; 2], x: &[T], y: &mut [Y], constants: &P) {
    let [from, to] = images.map(Grid::of);
    let pixels = to.batch * to.pixels();
    for first in (0..pixels).step_by(P::TILE) {
        let count = P::TILE.min(pixels - first);
        let rows = Rows { elements: &x[first * from.stride..], stride: from.stride, len: from.channels, count };
        constants.product(rows, 0, to.channels, &mut y[first * to.stride..], to.stride);
    }
}

/// Any other convolution: the patches under a few places of the window are gathered as rows, group by group.
pub(super) fn general<T: Copy, Y>(
    images: [&Image; 2],
    window: &Window,
    groups: usize,
    (x, padding): (&[T], T),
    y: &mut [Y],
    constants: &impl Product<T, Y>,
    scratch: &mut [T],
) {
    let [grid, to] = images.map(Grid::of);
    let (rows, columns) = (Axis::rows(images[0], window), Axis::columns(images[0], window));
    let patches = Patches { x, grid, rows, columns, padding };
    let (inputs, outputs) = (patches.grid.channels / groups, to.channels / groups);
    let depth = patches.rows.kernel * patches.columns.kernel * inputs;
    for image in 0..to.batch {
        for first in (0..to.pixels()).step_by(GATHERED) {
            let count = GATHERED.min(to.pixels() - first);
            let y = &mut y[to.at(image, 0, first)..];
            for group in 0..groups {
                for (index, row) in scratch.chunks_exact_mut(depth).take(count).enumerate() {
                    let pixel = first + index;
                    patches.gather(image, [pixel / to.width, pixel % to.width], group * inputs, row);
                }
                let rows = Rows { elements: &*scratch, stride: depth, len: depth, count };
                let block = group * outputs.div_ceil(BLOCK);
                constants.product(rows, block, outputs, &mut y[group * outputs..], to.stride);
            }
        }
    }
}
