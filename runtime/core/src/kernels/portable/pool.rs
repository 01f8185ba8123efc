//! Pools: the largest or the mean of a sliding window, or of the whole image.

use super::geometry::{Axis, Grid};
use super::layout::BLOCK;
use super::rounding::ToByte;
use super::rows::{Lanes, load};
use crate::plan::step::{GlobalAverageInt8, PoolF32, PoolInt8, Pooling};
use crate::plan::view::{Image, Window};
use core::ops::Range;

/// One place of the window: the inputs inside the image, and where the output pixel begins.
struct Place<'g> {
    grid: &'g Grid,
    image: usize,
    /// The output's row and column.
    at: [usize; 2],
    axes: &'g [Axis; 2],
    inside: [Range<usize>; 2],
    /// Elements in front of the output pixel.
    to: usize,
}

impl Place<'_> {
    /// How many inputs a mean divides by.
    fn count(&self, pooling: Pooling) -> usize {
        match pooling {
            Pooling::AverageWithPadding => self.axes[0].padded_taps(self.at[0]) * self.axes[1].padded_taps(self.at[1]),
            Pooling::Maximum | Pooling::Average => self.inside[0].len() * self.inside[1].len(),
        }
    }

    /// Calls `f` with the elements in front of each input pixel.
    #[inline(always)]
    fn for_each_input(&self, mut f: impl FnMut(usize)) {
        for tap_row in self.inside[0].clone() {
            let row = self.axes[0].index(self.at[0], tap_row);
            for tap_column in self.inside[1].clone() {
                f(self.grid.at(self.image, row, self.axes[1].index(self.at[1], tap_column)));
            }
        }
    }
}

/// Calls `pool` for every place of the window.
fn for_each_place(images: [&Image; 2], window: &Window, mut pool: impl FnMut(Place<'_>)) {
    let [grid, to] = images.map(Grid::of);
    let axes = [Axis::rows(images[0], window), Axis::columns(images[0], window)];
    to.for_each(|image, row, column| {
        let inside = [axes[0].taps(row), axes[1].taps(column)];
        let to = to.at(image, row, column);
        pool(Place { grid: &grid, image, at: [row, column], axes: &axes, inside, to });
    });
}

/// Takes the larger of each pair of elements. `y` begins as `least`, which no element is below.
fn maximum<T: Copy + PartialOrd>(images: [&Image; 2], window: &Window, x: &[T], y: &mut [T], least: T) {
    let channels = images[1].channels as usize;
    for_each_place(images, window, |place| {
        let y = &mut y[place.to..][..channels];
        y.fill(least);
        place.for_each_input(|at| {
            let x = &x[at..][..channels];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y { x } else { *y });
        });
    });
}

/// Sums `value` of the inputs over each window and writes `finish(sum, count)`.
fn mean<T: Copy + Default>(
    pooling: Pooling,
    images: [&Image; 2],
    window: &Window,
    x: &[T],
    y: &mut [T],
    value: impl Fn(T) -> f32,
    finish: impl Fn(f32, f32) -> T,
) {
    let channels = images[1].channels as usize;
    for_each_place(images, window, |place| {
        let count = place.count(pooling) as f32;
        for (block, y) in y[place.to..][..channels].chunks_mut(BLOCK).enumerate() {
            let (mut sums, mut spare): (Lanes<f32>, _) = ([0.0; BLOCK], [T::default(); BLOCK]);
            place.for_each_input(|at| {
                let x = load(&x[at + block * BLOCK..], y.len(), &mut spare);
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += value(x));
            });
            let means = sums.map(|sum| finish(sum, count));
            y.copy_from_slice(&means[..y.len()]);
        }
    });
}

/// See [`PoolInt8`].
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
pub fn pool_f32(step: &PoolF32, x: &[f32], y: &mut [f32]) {
    let images = [&step.x, &step.y];
    match step.pooling {
        Pooling::Maximum => maximum(images, &step.window, x, y, f32::NEG_INFINITY),
        pooling => mean(pooling, images, &step.window, x, y, |x| x, |sum, count| sum / count),
    }
}

/// See [`GlobalAverageInt8`].
pub fn global_average_int8(step: &GlobalAverageInt8, x: &[u8], y: &mut [u8]) {
    let (from, to) = (Grid::of(&step.x), Grid::of(&step.y));
    let byte = ToByte::new(step.y_zero, 0, 255);
    let zero = (from.pixels() as i32).wrapping_mul(step.x_zero);
    for image in 0..to.batch {
        let y = &mut y[to.at(image, 0, 0)..][..to.channels];
        for (block, y) in y.chunks_mut(BLOCK).enumerate() {
            let (mut sums, mut spare): (Lanes<i32>, _) = ([0; BLOCK], [0; BLOCK]);
            for pixel in 0..from.pixels() {
                let x = load(&x[from.at(image, 0, pixel) + block * BLOCK..], y.len(), &mut spare);
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum = sum.wrapping_add(x.into()));
            }
            let means = sums.map(|sum| byte.apply(sum.wrapping_sub(zero) as f32 * step.multiplier));
            y.copy_from_slice(&means[..y.len()]);
        }
    }
}
