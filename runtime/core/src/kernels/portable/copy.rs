//! Steps that move elements without looking at them: copies between layouts, fills, gathers.

use super::rows::{Blocks, for_each_block};
use super::walk::Walk;
use crate::plan::step::{Copy, Fill, Gather};
use bytemuck::{Pod, cast_slice, cast_slice_mut};

/// Rows and columns of the tiles in which transposed elements are copied, so that both sides stay in the cache.
const TILE: usize = 16;

/// See [`Copy`](struct@Copy).
#[inline(always)]
pub fn copy(step: &Copy, x: &[u8], y: &mut [u8]) {
    match step.size {
        1 => copy_elements(step, x, y),
        4 => copy_elements::<u32>(step, cast_slice(x), cast_slice_mut(y)),
        _ => copy_elements::<u64>(step, cast_slice(x), cast_slice_mut(y)),
    }
}

#[inline(always)]
fn copy_elements<T: Pod>(step: &Copy, x: &[T], y: &mut [T]) {
    let mut walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let (len, strides) = (walk.row_len(), walk.row_strides());
    let [x_stride, y_stride] = strides;
    if strides == [1, 1] {
        return match len {
            1 => copy_runs::<T, 1>(&walk, x, y),
            2 => copy_runs::<T, 2>(&walk, x, y),
            3 => copy_runs::<T, 3>(&walk, x, y),
            4 => copy_runs::<T, 4>(&walk, x, y),
            _ => walk.for_each_row(|[from, to]| copy_run(&x[from..][..len], &mut y[to..][..len])),
        };
    }
    if x_stride > 1
        && let Some((rows, [_, y_row])) = walk.take_contiguous(0)
    {
        if (len, y_row, y_stride) == (2, 2, 1) {
            return walk.for_each_row(|[from, to]| {
                let halves = x[from..][..rows].iter().zip(&x[from + x_stride..][..rows]);
                let (pairs, _) = y[to..][..2 * rows].as_chunks_mut::<2>();
                pairs.iter_mut().zip(halves).for_each(|(pair, (&a, &b))| *pair = [a, b]);
            });
        }
        return walk.for_each_row(|[from, to]| {
            for first_row in (0..rows).step_by(TILE) {
                for first in (0..len).step_by(TILE) {
                    for i in first..len.min(first + TILE) {
                        let x = &x[from + i * x_stride..][first_row..rows.min(first_row + TILE)];
                        for (row, &x) in x.iter().enumerate() {
                            y[to + (first_row + row) * y_row + i * y_stride] = x;
                        }
                    }
                }
            }
        });
    }
    if y_stride == 1 && pick_rows(&walk, x_stride, cast_slice(x), cast_slice_mut(y), size_of::<T>()) {
        return;
    }
    walk.for_each_row(|[from, to]| (0..len).for_each(|i| y[to + i * y_stride] = x[from + i * x_stride]));
}

/// Copies runs of N elements, such as the channels of every other pixel.
#[inline(always)]
fn copy_runs<T: Pod, const N: usize>(walk: &Walk<2>, x: &[T], y: &mut [T]) {
    walk.for_each_row(|[from, to]| {
        if let (Some(x), Some(y)) = (x[from..].first_chunk::<N>(), y[to..].first_chunk_mut::<N>()) {
            *y = *x;
        }
    });
}

/// Copies one of every few elements, as the halves of a channel shuffle are, where the elements and the gaps between
/// them have sizes that integers have: then an element is the lower part of an integer. Returns whether it has.
#[inline(always)]
fn pick_rows(walk: &Walk<2>, x_stride: usize, x: &[u8], y: &mut [u8], size: usize) -> bool {
    /// Copies the rows of elements of E bytes, each followed by what fills it up to G bytes.
    #[inline(always)]
    fn rows<const G: usize, const E: usize>(walk: &Walk<2>, x: &[u8], y: &mut [u8], low: impl Fn([u8; G]) -> [u8; E]) {
        walk.for_each_row(|[from, to]| {
            let (groups, rest) = x[from * E..].as_chunks::<G>();
            let (y, _) = y[to * E..][..walk.row_len() * E].as_chunks_mut::<E>();
            let whole = y.len().min(groups.len());
            y[..whole].iter_mut().zip(groups).for_each(|(y, group)| *y = low(*group));
            // The furthest element need not be filled up.
            if let ([y], Some(x)) = (&mut y[whole..], rest.first_chunk()) {
                *y = *x;
            }
        });
    }
    match (size, x_stride) {
        (1, 2) => rows(walk, x, y, |group: [u8; 2]| [u16::from_le_bytes(group) as u8]),
        (1, 4) => rows(walk, x, y, |group: [u8; 4]| [u32::from_le_bytes(group) as u8]),
        (4, 2) => rows(walk, x, y, |group: [u8; 8]| (u64::from_le_bytes(group) as u32).to_le_bytes()),
        _ => return false,
    }
    true
}

/// Copies elements that lie side by side.
struct Run<'a> {
    x: &'a [u8],
    y: &'a mut [u8],
}

impl Blocks for Run<'_> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        self.y[first..][..N].copy_from_slice(&self.x[first..][..N]);
    }
}

/// Runs at least this long, in bytes, are worth a call.
const LONG: usize = 256;

/// Copies elements that lie side by side; short runs without a call.
#[inline(always)]
fn copy_run<T: Pod>(x: &[T], y: &mut [T]) {
    let (x, y) = (cast_slice::<T, u8>(x), cast_slice_mut::<T, u8>(y));
    if x.len() >= LONG { y.copy_from_slice(x) } else { for_each_block(x.len(), &mut Run { x, y }) }
}

/// See [`Fill`].
#[inline(always)]
pub fn fill(step: &Fill, y: &mut [u8]) {
    match step.size {
        1 => fill_elements(step, y, step.value as u8),
        4 => fill_elements(step, cast_slice_mut(y), step.value),
        _ => fill_elements(step, cast_slice_mut(y), u64::from(step.value)),
    }
}

#[inline(always)]
fn fill_elements<T: Pod>(step: &Fill, y: &mut [T], value: T) {
    let walk = Walk::new(&step.extent, [&step.y]);
    let (len, [stride]) = (walk.row_len(), walk.row_strides());
    walk.for_each_row(|[at]| {
        if stride == 1 {
            y[at..][..len].fill(value);
        } else {
            y[at..].iter_mut().step_by(stride.max(1)).take(len).for_each(|y| *y = value);
        }
    });
}

/// See [`Gather`].
#[inline(always)]
pub fn gather(step: &Gather, x: &[u8], y: &mut [u8], indices: &[u32]) {
    match step.size {
        1 => gather_elements(step, x, y, indices),
        4 => gather_elements::<u32>(step, cast_slice(x), cast_slice_mut(y), indices),
        _ => gather_elements::<u64>(step, cast_slice(x), cast_slice_mut(y), indices),
    }
}

#[inline(always)]
fn gather_elements<T: Pod>(step: &Gather, x: &[T], y: &mut [T], indices: &[u32]) {
    let (len, inner) = (step.len as usize, step.inner as usize);
    let outer = x.chunks_exact(len * inner).zip(y.chunks_exact_mut(indices.len() * inner));
    for (x, y) in outer {
        for (y, &index) in y.chunks_exact_mut(inner).zip(indices) {
            copy_run(&x[index as usize * inner..][..inner], y);
        }
    }
}
