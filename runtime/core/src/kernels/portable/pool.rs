//! Pools: the largest or the mean of a sliding window, or of the whole image.

use super::geometry::{Axis, Grid};
use super::rounding::ToByte;
use super::rows::{Blocks, for_each_block};
use crate::plan::step::{GlobalAverageInt8, PoolF32, PoolInt8, Pooling};
use crate::plan::view::{Image, Window};
use core::ops::Range;

/// One place of the window: the inputs inside the image.
struct Place {
    /// Taps inside the image, vertically and horizontally.
    inside: [Range<usize>; 2],
    /// Elements in front of the first of them.
    from: usize,
    /// Elements from one tap to the next, vertically and horizontally.
    steps: [usize; 2],
    /// Taps inside the image or its padding.
    padded: usize,
}

impl Place {
    /// How many inputs a mean divides by.
    #[inline(always)]
    fn count(&self, pooling: Pooling) -> usize {
        match pooling {
            Pooling::AverageWithPadding => self.padded,
            Pooling::Maximum | Pooling::Average => self.inside[0].len() * self.inside[1].len(),
        }
    }

    /// Calls `f` with the N elements from `channel` on of each input pixel, row by row.
    #[inline(always)]
    fn for_each_input<T: Copy, const N: usize>(&self, x: &[T], channel: usize, mut f: impl FnMut(&[T; N])) {
        let mut row = self.from + channel;
        for _ in 0..self.inside[0].len() {
            let mut at = row;
            for _ in 0..self.inside[1].len() {
                if let Some(x) = x.get(at..).and_then(|x| x.first_chunk()) {
                    f(x);
                }
                at += self.steps[1];
            }
            row += self.steps[0];
        }
    }
}

/// Calls `pool` for every place of the window, with the channels of its output pixel.
#[inline(always)]
fn for_each_place<T>(images: [&Image; 2], window: &Window, y: &mut [T], mut pool: impl FnMut(&Place, &mut [T])) {
    let [from, to] = images.map(Grid::of);
    let [rows, columns] = [Axis::rows(images[0], window), Axis::columns(images[0], window)];
    let steps = [rows.dilation() * from.width * from.stride, columns.dilation() * from.stride];
    for image in 0..to.batch {
        for row in 0..to.height {
            let (inside_rows, padded_rows) = (rows.taps(row), rows.padded_taps(row));
            for column in 0..to.width {
                let inside = [inside_rows.clone(), columns.taps(column)];
                let at = match &inside {
                    // Some windows see padding only.
                    [v, h] if v.is_empty() || h.is_empty() => 0,
                    [v, h] => from.at(image, rows.index(row, v.start), columns.index(column, h.start)),
                };
                let padded = padded_rows * columns.padded_taps(column);
                let y = &mut y[to.at(image, row, column)..][..to.channels];
                pool(&Place { inside, from: at, steps, padded }, y);
            }
        }
    }
}

/// Takes the largest inputs of one place.
struct Maximum<'a, T> {
    place: &'a Place,
    x: &'a [T],
    y: &'a mut [T],
    /// No element is below it.
    least: T,
}

impl<T: Copy + PartialOrd> Blocks for Maximum<'_, T> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        let mut most = [self.least; N];
        self.place.for_each_input(self.x, first, |x: &[T; N]| {
            most.iter_mut().zip(x).for_each(|(most, &x)| *most = if x > *most { x } else { *most });
        });
        self.y[first..][..N].copy_from_slice(&most);
    }
}

#[inline(always)]
fn maximum<T: Copy + PartialOrd>(images: [&Image; 2], window: &Window, x: &[T], y: &mut [T], least: T) {
    for_each_place(images, window, y, |place, y| {
        for_each_block(y.len(), &mut Maximum { place, x, y, least });
    });
}

/// Takes the means of one place: `finish` of the sum over `value` of the inputs.
struct Mean<'a, T, V, F> {
    place: &'a Place,
    x: &'a [T],
    y: &'a mut [T],
    value: &'a V,
    finish: F,
}

impl<T: Copy, V: Fn(T) -> f32, F: Fn(f32) -> T> Blocks for Mean<'_, T, V, F> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        let mut sums = [0.0; N];
        self.place.for_each_input(self.x, first, |x: &[T; N]| {
            sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += (self.value)(x));
        });
        let y = &mut self.y[first..][..N];
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (self.finish)(sum));
    }
}

/// Sums `value` of the inputs over each window and writes `finish(sum, count)`.
#[inline(always)]
fn mean<T: Copy>(
    pooling: Pooling,
    images: [&Image; 2],
    window: &Window,
    x: &[T],
    y: &mut [T],
    value: impl Fn(T) -> f32,
    finish: impl Fn(f32, f32) -> T,
) {
    for_each_place(images, window, y, |place, y| {
        let count = place.count(pooling) as f32;
        let finish = |sum| finish(sum, count);
        for_each_block(y.len(), &mut Mean { place, x, y, value: &value, finish });
    });
}

/// See [`PoolInt8`].
#[inline(always)]
pub fn pool_int8(step: &PoolInt8, x: &[u8], y: &mut [u8]) {
    let images = [&step.x, &step.y];
    match step.pooling {
        Pooling::Maximum => maximum(images, &step.window, x, y, 0),
        pooling => {
            let (zero, x_scale, y_scale) = (step.x_zero as i16, step.x_scale, step.y_scale);
            // The zero point is added before rounding, which decides ties.
            let (byte, y_zero) = (ToByte::new(0, 0, 255), step.y_zero as f32);
            let value = |x: u8| f32::from(i16::from(x) - zero) * x_scale;
            mean(pooling, images, &step.window, x, y, value, |sum, count| byte.apply(sum / count / y_scale + y_zero));
        }
    }
}

/// See [`PoolF32`].
#[inline(always)]
pub fn pool_f32(step: &PoolF32, x: &[f32], y: &mut [f32]) {
    let images = [&step.x, &step.y];
    match step.pooling {
        Pooling::Maximum => maximum(images, &step.window, x, y, f32::NEG_INFINITY),
        pooling => mean(pooling, images, &step.window, x, y, |x| x, |sum, count| sum / count),
    }
}

/// Takes the means of one image.
struct GlobalMean<'a> {
    step: &'a GlobalAverageInt8,
    /// The image's elements.
    x: &'a [u8],
    y: &'a mut [u8],
}

impl Blocks for GlobalMean<'_> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        let grid = Grid::of(&self.step.x);
        let byte = ToByte::new(self.step.y_zero, 0, 255);
        let zero = (grid.pixels() as i32).wrapping_mul(self.step.x_zero);
        let mut sums = [0i32; N];
        for x in self.x[first..].chunks(grid.stride).take(grid.pixels()) {
            if let Some(x) = x.first_chunk::<N>() {
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum = sum.wrapping_add(x.into()));
            }
        }
        let y = &mut self.y[first..][..N];
        let mean = |sum: i32| byte.apply(sum.wrapping_sub(zero) as f32 * self.step.multiplier);
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = mean(sum));
    }
}

/// See [`GlobalAverageInt8`].
#[inline(always)]
pub fn global_average_int8(step: &GlobalAverageInt8, x: &[u8], y: &mut [u8]) {
    let (from, to) = (Grid::of(&step.x), Grid::of(&step.y));
    for image in 0..to.batch {
        let y = &mut y[to.at(image, 0, 0)..][..to.channels];
        for_each_block(to.channels, &mut GlobalMean { step, x: &x[from.at(image, 0, 0)..], y });
    }
}
