//! Resizing by records: which source rows and columns each output row and column is made of.

use super::geometry::Grid;
use super::rounding::ToByte;
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
fn linear<T: Copy>(
    images: [&Image; 2],
    x: &[T],
    y: &mut [T],
    rows: &[u32],
    columns: &[u32],
    value: impl Fn(T) -> f32,
    finish: impl Fn(f32) -> T,
) {
    let [from, to] = images.map(Grid::of);
    let channels = to.channels;
    to.for_each(|image, row, column| {
        let (v, h) = (Blend::read(rows, row), Blend::read(columns, column));
        let source = |row, column| &x[from.at(image, row, column)..][..channels];
        let (a, b) = (source(v.low, h.low), source(v.low, h.high));
        let (c, d) = (source(v.high, h.low), source(v.high, h.high));
        let (above, left) = (1.0 - v.share, 1.0 - h.share);
        let shares = [left * above, h.share * above, left * v.share, h.share * v.share];
        let y = &mut y[to.at(image, row, column)..][..channels];
        for (i, y) in y.iter_mut().enumerate() {
            let sum =
                shares[0] * value(a[i]) + shares[1] * value(b[i]) + shares[2] * value(c[i]) + shares[3] * value(d[i]);
            *y = finish(sum);
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
