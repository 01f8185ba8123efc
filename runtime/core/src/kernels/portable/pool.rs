//! Pools: the largest or the mean of a sliding window, or of the whole image.

use super::geometry::{Axis, Grid};
use super::rounding::ToByte;
use super::rows::{Blocks, for_each_block};
use crate::plan::step::{GlobalAverageInt8, PoolF32, PoolInt8, Pooling};
use crate::plan::view::{Image, Window};

/// What a pool makes of the inputs behind one output. Methods instead of closures, because these surely are inlined.
trait Combine<T> {
    /// What inputs are gathered in.
    type Sum: Copy;

    /// No inputs.
    fn start(&self) -> Self::Sum;

    /// One more input.
    fn put(&self, sum: Self::Sum, x: T) -> Self::Sum;

    /// The output. `count` is how many inputs a mean divides by.
    fn finish(&self, sum: Self::Sum, count: f32) -> T;
}

/// The largest input.
struct Largest<T> {
    /// No element is below it.
    least: T,
}

impl<T: Copy + PartialOrd> Combine<T> for Largest<T> {
    type Sum = T;

    #[inline(always)]
    fn start(&self) -> T {
        self.least
    }

    #[inline(always)]
    fn put(&self, most: T, x: T) -> T {
        if x > most { x } else { most }
    }

    #[inline(always)]
    fn finish(&self, most: T, _: f32) -> T {
        most
    }
}

/// The mean of floats.
struct FloatMean;

impl Combine<f32> for FloatMean {
    type Sum = f32;

    #[inline(always)]
    fn start(&self) -> f32 {
        0.0
    }

    #[inline(always)]
    fn put(&self, sum: f32, x: f32) -> f32 {
        sum + x
    }

    #[inline(always)]
    fn finish(&self, sum: f32, count: f32) -> f32 {
        sum / count
    }
}

/// The mean of quantised inputs.
struct ByteMean {
    x_zero: i32,
    x_scale: f32,
    y_scale: f32,
    /// Added before rounding, which decides ties.
    y_zero: f32,
    byte: ToByte,
}

impl Combine<u8> for ByteMean {
    type Sum = f32;

    #[inline(always)]
    fn start(&self) -> f32 {
        0.0
    }

    #[inline(always)]
    fn put(&self, sum: f32, x: u8) -> f32 {
        sum + (i32::from(x) - self.x_zero) as f32 * self.x_scale
    }

    #[inline(always)]
    fn finish(&self, sum: f32, count: f32) -> u8 {
        self.byte.apply(sum / count / self.y_scale + self.y_zero)
    }
}

/// Neighbouring places of the window in one row of the output, all with the same taps inside the image.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub count: usize,
    /// Elements in front of the first tap of the first place, and in front of its output.
    pub first: [usize; 2],
    /// Elements from one place to the next, in the input and in the output.
    pub steps: [usize; 2],
    /// Taps inside the image, vertically and horizontally.
    pub taps: [usize; 2],
    /// Elements from one tap to the next, vertically and horizontally.
    pub tap_steps: [usize; 2],
    /// How many inputs a mean divides by.
    pub inputs: f32,
}

impl Places {
    /// Elements up to the end of the last input behind `channels` channels, and of the last output.
    #[inline(always)]
    pub fn reach(&self, channels: usize) -> [usize; 2] {
        let furthest = |count: usize, step: usize| count.saturating_sub(1) * step;
        let taps = furthest(self.taps[0], self.tap_steps[0]) + furthest(self.taps[1], self.tap_steps[1]);
        let [x, y] = [0, 1].map(|index| self.first[index] + furthest(self.count, self.steps[index]) + channels);
        [x + taps, y]
    }
}

/// What is done at places of a pool's window. A method instead of a closure: see [`Combine`].
pub trait EachPlaces {
    /// Does it.
    fn at(&mut self, places: Places);
}

/// Goes through all places of a pool's window, as many at a time as have the same taps.
#[inline(always)]
pub fn for_each_places(pooling: Pooling, images: [&Image; 2], window: &Window, each: &mut impl EachPlaces) {
    let [from, to] = images.map(Grid::of);
    let [rows, columns] = [Axis::rows(images[0], window), Axis::columns(images[0], window)];
    let tap_steps = [rows.dilation() * from.width * from.stride, columns.dilation() * from.stride];
    let steps = [window.stride[1] as usize * from.stride, to.stride];
    let whole = columns.interior(to.width);
    for image in 0..to.batch {
        for row in 0..to.height {
            let inside_rows = rows.taps(row);
            let mut column = 0;
            while column < to.width {
                let count = if column == whole.start && !whole.is_empty() { whole.len() } else { 1 };
                let inside = columns.taps(column);
                // Some windows see padding only.
                let at = if inside_rows.is_empty() || inside.is_empty() {
                    0
                } else {
                    from.at(image, rows.index(row, inside_rows.start), columns.index(column, inside.start))
                };
                let taps = [inside_rows.len(), inside.len()];
                let inputs = match pooling {
                    Pooling::AverageWithPadding => rows.padded_taps(row) * columns.padded_taps(column),
                    Pooling::Maximum | Pooling::Average => taps[0] * taps[1],
                };
                let first = [at, to.at(image, row, column)];
                each.at(Places { count, first, steps, taps, tap_steps, inputs: inputs as f32 });
                column += count;
            }
        }
    }
}

/// The pool of some places.
struct Run<'a, T, C> {
    combine: &'a C,
    x: &'a [T],
    y: &'a mut [T],
    places: Places,
}

impl<T: Copy, C: Combine<T>> Run<'_, T, C> {
    /// Pools N channels of every place.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn pool<const N: usize>(&mut self, channel: usize, taps: [usize; 2]) {
        let places = Places { taps, ..self.places };
        if places.reach(channel + N)[0] > self.x.len() {
            return;
        }
        let [mut from, mut to] = places.first.map(|first| first + channel);
        for _ in 0..places.count {
            let mut sums = [self.combine.start(); N];
            for row in 0..taps[0] {
                for column in 0..taps[1] {
                    let at = from + row * places.tap_steps[0] + column * places.tap_steps[1];
                    // SAFETY: no input lies further than the reach, which is within the slice. One check for all of them is
                    // what makes this loop fast.
                    let x: [T; N] = unsafe { self.x.as_ptr().add(at).cast::<[T; N]>().read() };
                    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = self.combine.put(*sum, x));
                }
            }
            let y = &mut self.y[to..][..N];
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = self.combine.finish(sum, places.inputs));
            from += places.steps[0];
            to += places.steps[1];
        }
    }

    /// Pools N channels of every place; the usual windows are unrolled.
    #[inline(always)]
    fn channels<const N: usize>(&mut self, first: usize) {
        match self.places.taps {
            [3, 3] => self.pool::<N>(first, [3, 3]),
            [2, 2] => self.pool::<N>(first, [2, 2]),
            taps => self.pool::<N>(first, taps),
        }
    }
}

impl<T: Copy, C: Combine<T>> Blocks for Run<'_, T, C> {
    #[inline(always)]
    fn block<const N: usize>(&mut self, first: usize) {
        if cfg!(target_arch = "aarch64") && N == 32 {
            // Of two vectors at a time, the compiler makes single elements there.
            self.channels::<16>(first);
            self.channels::<16>(first + 16);
        } else {
            self.channels::<N>(first);
        }
    }
}

/// The pool of all places.
struct Runs<'a, T, C> {
    channels: usize,
    combine: &'a C,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Copy, C: Combine<T>> EachPlaces for Runs<'_, T, C> {
    #[inline(always)]
    fn at(&mut self, places: Places) {
        for_each_block(self.channels, &mut Run { combine: self.combine, x: self.x, y: &mut *self.y, places });
    }
}

/// Pools images.
#[inline(always)]
fn pool<T: Copy, C: Combine<T>>(
    pooling: Pooling,
    images: [&Image; 2],
    window: &Window,
    x: &[T],
    y: &mut [T],
    combine: &C,
) {
    for_each_places(pooling, images, window, &mut Runs { channels: images[1].channels as usize, combine, x, y });
}

/// See [`PoolInt8`].
#[inline(always)]
pub fn pool_int8(step: &PoolInt8, x: &[u8], y: &mut [u8]) {
    let images = [&step.x, &step.y];
    match step.pooling {
        Pooling::Maximum => pool(step.pooling, images, &step.window, x, y, &Largest { least: 0 }),
        pooling => {
            let mean = ByteMean {
                x_zero: step.x_zero,
                x_scale: step.x_scale,
                y_scale: step.y_scale,
                y_zero: step.y_zero as f32,
                byte: ToByte::new(0, 0, 255),
            };
            pool(pooling, images, &step.window, x, y, &mean);
        }
    }
}

/// See [`PoolF32`].
#[inline(always)]
pub fn pool_f32(step: &PoolF32, x: &[f32], y: &mut [f32]) {
    let images = [&step.x, &step.y];
    match step.pooling {
        Pooling::Maximum => pool(step.pooling, images, &step.window, x, y, &Largest { least: f32::NEG_INFINITY }),
        pooling => pool(pooling, images, &step.window, x, y, &FloatMean),
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
