//! Resizing by records: which source rows and columns each output row and column is made of.

use super::geometry::Grid;
use super::layout::BLOCK;
use super::rounding::ToByte;
use super::rows::load;
use crate::plan::step::{Interpolation, ResizeF32, ResizeInt8};
use crate::plan::view::Image;

/// Two neighbours and the second one's share.
#[derive(Clone, Copy)]
struct Blend {
    low: usize,
    high: usize,
    share: f32,
}

impl Blend {
    fn read(records: &[u32], index: usize) -> Self {
        let record = &records[index * 3..][..3];
        Blend { low: record[0] as usize, high: record[1] as usize, share: f32::from_bits(record[2]) }
    }
}

/// Copies the source pixel of every output pixel.
fn nearest<T: Copy>(images: [&Image; 2], x: &[T], y: &mut [T], rows: &[u32], columns: &[u32]) {
    let [from, to] = images.map(Grid::of);
    to.for_each(|image, row, column| {
        let source = from.at(image, rows[row] as usize, columns[column] as usize);
        y[to.at(image, row, column)..][..to.channels].copy_from_slice(&x[source..][..to.channels]);
    });
}

/// Blends the four source pixels of every output pixel.
fn linear<T: Copy + Default>(
    images: [&Image; 2],
    x: &[T],
    y: &mut [T],
    rows: &[u32],
    columns: &[u32],
    value: impl Fn(T) -> f32,
    finish: impl Fn(f32) -> T,
) {
    let [from, to] = images.map(Grid::of);
    to.for_each(|image, row, column| {
        let (v, h) = (Blend::read(rows, row), Blend::read(columns, column));
        let (above, left) = (1.0 - v.share, 1.0 - h.share);
        let corners = [
            (from.at(image, v.low, h.low), left * above),
            (from.at(image, v.low, h.high), h.share * above),
            (from.at(image, v.high, h.low), left * v.share),
            (from.at(image, v.high, h.high), h.share * v.share),
        ];
        let y = &mut y[to.at(image, row, column)..][..to.channels];
        for (block, y) in y.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0.0; BLOCK];
            for (at, share) in corners {
                let mut spare = [T::default(); BLOCK];
                let x = load(&x[at + block * BLOCK..], y.len(), &mut spare);
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += share * value(x));
            }
            let blended = sums.map(&finish);
            y.copy_from_slice(&blended[..y.len()]);
        }
    });
}

/// See [`ResizeInt8`]. A blend of stored bytes is rounded half to even.
pub fn resize_int8(step: &ResizeInt8, x: &[u8], y: &mut [u8], rows: &[u32], columns: &[u32]) {
    let images = [&step.x, &step.y];
    match step.interpolation {
        Interpolation::Nearest => nearest(images, x, y, rows, columns),
        Interpolation::Linear => {
            let byte = ToByte::new(0, 0, 255);
            linear(images, x, y, rows, columns, f32::from, |sum| byte.apply(sum));
        }
    }
}

/// See [`ResizeF32`].
pub fn resize_f32(step: &ResizeF32, x: &[f32], y: &mut [f32], rows: &[u32], columns: &[u32]) {
    let images = [&step.x, &step.y];
    match step.interpolation {
        Interpolation::Nearest => nearest(images, x, y, rows, columns),
        Interpolation::Linear => linear(images, x, y, rows, columns, |x| x, |sum| sum),
    }
}
