//! Resizing by records: which source rows and columns each output row and column is made of.

use super::geometry::Grid;
use super::rounding::ToByte;
use super::rows::{Blocks, for_each_block};
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
    #[inline(always)]
    fn read(records: &[u32], index: usize) -> Self {
        let record = &records[index * 3..][..3];
        Blend { low: record[0] as usize, high: record[1] as usize, share: f32::from_bits(record[2]) }
    }
}

/// Copies one pixel.
struct CopyPixel<'a, T> {
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Copy> Blocks for CopyPixel<'_, T> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        self.y[first..][..N].copy_from_slice(&self.x[first..][..N]);
    }
}

/// Copies the source pixel of every output pixel.
#[inline(always)]
fn nearest<T: Copy>(images: [&Image; 2], x: &[T], y: &mut [T], rows: &[u32], columns: &[u32]) {
    let [from, to] = images.map(Grid::of);
    to.for_each(|image, row, column| {
        let source = from.at(image, rows[row] as usize, columns[column] as usize);
        let y = &mut y[to.at(image, row, column)..][..to.channels];
        for_each_block(to.channels, &mut CopyPixel { x: &x[source..][..to.channels], y });
    });
}

/// Blends four source pixels to one output pixel.
struct BlendPixel<'a, T, V, F> {
    x: &'a [T],
    y: &'a mut [T],
    /// Elements in front of each source pixel, and its share.
    corners: [(usize, f32); 4],
    value: &'a V,
    finish: &'a F,
}

impl<T: Copy, V: Fn(T) -> f32, F: Fn(f32) -> T> Blocks for BlendPixel<'_, T, V, F> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        let mut sums = [0.0; N];
        for (at, share) in self.corners {
            let x = &self.x[at + first..][..N];
            sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += share * (self.value)(x));
        }
        let y = &mut self.y[first..][..N];
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (self.finish)(sum));
    }
}

/// Blends the four source pixels of every output pixel.
#[inline(always)]
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
        for_each_block(to.channels, &mut BlendPixel { x, y, corners, value: &value, finish: &finish });
    });
}

/// See [`ResizeInt8`]. A blend of stored bytes is rounded half to even.
#[inline(always)]
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
#[inline(always)]
pub fn resize_f32(step: &ResizeF32, x: &[f32], y: &mut [f32], rows: &[u32], columns: &[u32]) {
    let images = [&step.x, &step.y];
    match step.interpolation {
        Interpolation::Nearest => nearest(images, x, y, rows, columns),
        Interpolation::Linear => linear(images, x, y, rows, columns, |x| x, |sum| sum),
    }
}
