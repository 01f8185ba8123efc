//! Depthwise float convolution: a vector of channels at a time, down the image.
//!
//! Images are read where they lie. Places at which the whole window stands inside the row are computed several at a time,
//! so that each weight is loaded once for all of them; of the others, at the edges, only the taps that stand inside are
//! computed. Rows of the window above and below the image are left out.

use super::Task;
use super::activation::Activation;
use super::float::Float;
use super::product_f32::Constants;
use crate::kernels::portable::geometry::Axis;
use crate::plan::step::ConvolutionF32;
use core::ops::Range;

/// Some output rows of a depthwise convolution.
pub struct Depthwise<'d> {
    pub step: &'d ConvolutionF32,
    pub x: &'d [f32],
    /// Output rows, those of all images counted through.
    pub rows: Range<usize>,
    /// The elements of those rows.
    pub y: &'d mut [f32],
    pub constants: Constants,
}

impl<I: Float> Task<I> for Depthwise<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Depthwise { step, x, rows, y, constants } = self;
        let (height, channels) = (step.y.height as usize, step.y.channels as usize);
        let (axis, columns) = (Axis::rows(&step.x, &step.window), Axis::columns(&step.x, &step.window));
        let activation = Activation::new(isa, step.activation);
        let taps = axis.kernel * columns.kernel;
        let [x_pixel, y_pixel] = [step.x.stride as usize, step.y.stride as usize];
        let [x_row, y_row] = [x_pixel * step.x.width as usize, y_pixel * step.y.width as usize];
        for first in (0..channels).step_by(I::LANES) {
            let lanes = (channels - first).min(I::LANES);
            for row in rows.clone() {
                let (image, place) = (row / height, row % height);
                let inside = axis.taps(place);
                let y = &mut y[(row - rows.start) * y_row + first..];
                assert!((step.y.width as usize - 1) * y_pixel + lanes <= y.len(), "the output is too small");
                let start = match inside.is_empty() {
                    true => 0,
                    false => (image * step.x.height as usize + axis.index(place, inside.start)) * x_row,
                };
                let sweep = Sweep {
                    x: x[start + first..].as_ptr(),
                    row_step: axis.dilation() * x_row,
                    pixel: x_pixel,
                    rows: inside.len(),
                    columns,
                    weights: constants.weights.wrapping_add(first * taps + inside.start * columns.kernel * I::LANES),
                    bias: constants.bias.wrapping_add(first),
                    y: y.as_mut_ptr(),
                    y_pixel,
                    places: step.y.width as usize,
                    lanes,
                };
                // SAFETY: the operands span what the step says, which was asserted; all rows and taps that the sweep reads
                // stand inside the image; constants are packed vector after vector; the row can be written.
                #[allow(unsafe_code)]
                unsafe {
                    match lanes == I::LANES {
                        true => sweep.run::<I, false>(isa, activation),
                        false => sweep.run::<I, true>(isa, activation),
                    }
                }
            }
        }
    }
}

/// One output row of a vector of channels.
struct Sweep {
    /// The first row under the window that stands inside the image.
    x: *const f32,
    /// Elements from one row under the window to the next.
    row_step: usize,
    /// Elements from one input pixel to the next.
    pixel: usize,
    /// Rows under the window that stand inside the image.
    rows: usize,
    columns: Axis,
    /// Those of the first of these rows.
    weights: *const f32,
    bias: *const f32,
    y: *mut f32,
    /// Elements from one output pixel to the next.
    y_pixel: usize,
    /// Output pixels.
    places: usize,
    /// Channels.
    lanes: usize,
}

impl Sweep {
    /// Computes the row. PARTIAL: there are fewer channels than lanes.
    ///
    /// # Safety
    /// The channels of every pixel inside the image can be read and those of every output pixel written; constants are
    /// packed for as many rows.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn run<I: Float, const PARTIAL: bool>(&self, isa: I, activation: Activation<I>) {
        let interior = self.columns.interior(self.places);
        // SAFETY: as the caller says.
        unsafe {
            for place in (0..interior.start).chain(interior.end..self.places) {
                self.edge::<I, PARTIAL>(isa, activation, place);
            }
            match (self.columns.kernel, self.columns.stride(), self.columns.dilation()) {
                (3, 1, 1) => self.interior::<I, 3, 1, PARTIAL>(isa, activation, interior),
                (3, 2, 1) => self.interior::<I, 3, 2, PARTIAL>(isa, activation, interior),
                (5, 1, 1) => self.interior::<I, 5, 1, PARTIAL>(isa, activation, interior),
                (5, 2, 1) => self.interior::<I, 5, 2, PARTIAL>(isa, activation, interior),
                _ => self.interior::<I, 0, 0, PARTIAL>(isa, activation, interior),
            }
        }
    }

    /// Computes one pixel with the taps that stand inside the image.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn edge<I: Float, const PARTIAL: bool>(&self, isa: I, activation: Activation<I>, place: usize) {
        let taps = self.columns.taps(place);
        // SAFETY: as the caller says; only taps inside.
        unsafe {
            let mut sums = [[isa.load(self.bias)]];
            for tap in taps {
                let mut x = self.x.add(self.columns.index(place, tap) * self.pixel);
                let mut weights = self.weights.add(tap * I::LANES);
                for _ in 0..self.rows {
                    sums[0][0] = isa.mul_add(self.load::<I, PARTIAL>(isa, x), isa.load(weights), sums[0][0]);
                    x = x.wrapping_add(self.row_step);
                    weights = weights.wrapping_add(self.columns.kernel * I::LANES);
                }
            }
            activation.apply(isa, &mut sums);
            self.store::<I, PARTIAL>(isa, sums[0][0], place);
        }
    }

    /// Computes pixels at which the whole window stands inside the row. KERNEL and STRIDE: along the row, undilated; or 0.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn interior<I: Float, const KERNEL: usize, const STRIDE: usize, const PARTIAL: bool>(
        &self,
        isa: I,
        activation: Activation<I>,
        places: Range<usize>,
    ) {
        let mut place = places.start;
        while place < places.end {
            // SAFETY: as the caller says.
            place += unsafe {
                match (places.end - place).min(I::TILE / 3) {
                    8.. => self.tile::<I, 8, KERNEL, STRIDE, PARTIAL>(isa, activation, place),
                    4.. => self.tile::<I, 4, KERNEL, STRIDE, PARTIAL>(isa, activation, place),
                    2.. => self.tile::<I, 2, KERNEL, STRIDE, PARTIAL>(isa, activation, place),
                    _ => self.tile::<I, 1, KERNEL, STRIDE, PARTIAL>(isa, activation, place),
                }
            }
        }
    }

    /// Computes M pixels from `place` on; returns M.
    ///
    /// # Safety
    /// As [`interior`](Self::interior).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<I: Float, const M: usize, const KERNEL: usize, const STRIDE: usize, const PARTIAL: bool>(
        &self,
        isa: I,
        activation: Activation<I>,
        place: usize,
    ) -> usize {
        let columns = &self.columns;
        let (kernel, stride, dilation) = match KERNEL {
            0 => (columns.kernel, columns.stride(), columns.dilation()),
            _ => (KERNEL, STRIDE, 1),
        };
        // SAFETY: reads and writes are those that the caller allows.
        unsafe {
            let mut sums = [[isa.load(self.bias)]; M];
            let (mut row, mut weights) = (self.x.wrapping_add(columns.index(place, 0) * self.pixel), self.weights);
            for _ in 0..self.rows {
                for tap in 0..kernel {
                    let weight = isa.load(weights.add(tap * I::LANES));
                    for (m, sum) in sums.iter_mut().enumerate() {
                        // Taps of neighbouring pixels meet the same inputs, which the compiler sees.
                        let x = self.load::<I, PARTIAL>(isa, row.add((m * stride + tap * dilation) * self.pixel));
                        sum[0] = isa.mul_add(x, weight, sum[0]);
                    }
                }
                row = row.wrapping_add(self.row_step);
                weights = weights.wrapping_add(kernel * I::LANES);
            }
            activation.apply(isa, &mut sums);
            for (m, sum) in sums.iter().enumerate() {
                self.store::<I, PARTIAL>(isa, sum[0], place + m);
            }
        }
        M
    }

    /// The channels of an input pixel.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn load<I: Float, const PARTIAL: bool>(&self, isa: I, x: *const f32) -> I::Vector {
        // SAFETY: as the caller says.
        unsafe { if PARTIAL { isa.load_some(x, self.lanes) } else { isa.load(x) } }
    }

    /// Writes the channels of an output pixel.
    ///
    /// # Safety
    /// They can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn store<I: Float, const PARTIAL: bool>(&self, isa: I, sum: I::Vector, place: usize) {
        // SAFETY: as the caller says.
        unsafe {
            let y = self.y.add(place * self.y_pixel);
            if PARTIAL { isa.store_some(sum, y, self.lanes) } else { isa.store(sum, y) }
        }
    }
}
