//! Depthwise float convolution: tiles of a few pixels, a vector of channels at a time.
//!
//! Images are read where they lie. Rows of the window above and below the image are left out; to its left and right, zeros
//! are read instead.

use super::Task;
use super::activation::Activation;
use super::float::Float;
use super::product_f32::Constants;
use super::round::unrolled;
use crate::kernels::portable::geometry::Axis;
use crate::plan::step::ConvolutionF32;
use core::ops::Range;

/// Channels whose weights stay in the first cache along a row.
const CHANNELS: usize = 256;

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
        let [x_pixel, y_pixel] = [step.x.stride as usize, step.y.stride as usize];
        let [x_row, y_row] = [x_pixel * step.x.width as usize, y_pixel * step.y.width as usize];
        let sweep = Sweep {
            row_step: axis.dilation() * x_row,
            pixel: x_pixel,
            columns,
            interior: columns.interior(step.y.width as usize),
            y_pixel,
            taps: axis.kernel * columns.kernel,
            places: step.y.width as usize,
            width: step.x.width as usize,
        };
        let (mut image, mut place) = (rows.start / height, rows.start % height);
        for y in y.chunks_mut(y_row).take(rows.len()) {
            assert!((sweep.places - 1) * y_pixel + channels <= y.len(), "the output is too small");
            let inside = axis.taps(place);
            let (mut x, mut weights) = (x.as_ptr(), constants.weights);
            if !inside.is_empty() {
                let row = image * step.x.height as usize + axis.index(place, inside.start);
                x = x.wrapping_add(row * x_row);
                weights = weights.wrapping_add(inside.start * columns.kernel * I::LANES);
            }
            for first in (0..channels).step_by(CHANNELS) {
                let row = Row {
                    x: x.wrapping_add(first),
                    count: inside.len(),
                    weights: weights.wrapping_add(first * sweep.taps),
                    bias: constants.bias.wrapping_add(first),
                    y: y.as_mut_ptr().wrapping_add(first),
                    channels: (channels - first).min(CHANNELS),
                };
                // SAFETY: the operands span what the step says, which was asserted; all rows that the sweep reads stand inside
                // the image; constants are packed vector after vector; the row can be written.
                #[allow(unsafe_code)]
                unsafe {
                    sweep.run(isa, activation, &row);
                }
            }
            place += 1;
            if place == height {
                (image, place) = (image + 1, 0);
            }
        }
    }
}

/// An output row of some channels.
struct Row {
    /// The first row under the window that stands inside the image.
    x: *const f32,
    /// Rows under the window that stand inside the image.
    count: usize,
    /// Those of the first of these rows.
    weights: *const f32,
    bias: *const f32,
    y: *mut f32,
    channels: usize,
}

/// What all output rows share.
struct Sweep {
    /// Elements from one row under the window to the next.
    row_step: usize,
    /// Elements from one input pixel to the next.
    pixel: usize,
    columns: Axis,
    /// Taps of the window.
    taps: usize,
    /// Output pixels at which the whole window stands inside the row.
    interior: Range<usize>,
    /// Elements from one output pixel to the next.
    y_pixel: usize,
    /// Output pixels.
    places: usize,
    /// Pixels of an input row.
    width: usize,
}

/// Taps of the longest window along a row that there is code for.
const LONGEST: usize = 5;

/// What stands for a pixel outside the image.
static OUTSIDE: [f32; 16] = [0.0; 16];

impl Sweep {
    /// Computes the row.
    ///
    /// # Safety
    /// The channels of every pixel inside the image can be read and those of every output pixel written; constants are
    /// packed for as many rows.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn run<I: Float>(&self, isa: I, activation: Activation<I>, row: &Row) {
        let (sweep, before) = (self, self.columns.before());
        let (kernel, stride) = (self.columns.kernel, self.columns.stride());
        // Whether every window reaches into the row, the first with its last column and the last with its first.
        let reach = before < kernel && (self.places - 1) * stride < self.width + before;
        match (if reach { kernel } else { 0 }, stride, self.columns.dilation()) {
            (3, 1, 1) => isa.invoke(Tiles::<I, 3, 1> { sweep, activation, row }),
            (3, 2, 1) => isa.invoke(Tiles::<I, 3, 2> { sweep, activation, row }),
            (5, 1, 1) => isa.invoke(Tiles::<I, 5, 1> { sweep, activation, row }),
            (5, 2, 1) => isa.invoke(Tiles::<I, 5, 2> { sweep, activation, row }),
            _ => isa.invoke(Tiles::<I, 0, 0> { sweep, activation, row }),
        }
    }

    /// Computes M pixels from `place` on; returns M.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<I: Float, const M: usize, const KERNEL: usize, const STRIDE: usize>(
        &self,
        isa: I,
        activation: Activation<I>,
        row: &Row,
        place: usize,
    ) -> usize {
        let interior = place >= self.interior.start && place + M <= self.interior.end;
        let mut first = 0;
        while first < row.channels {
            let left = row.channels - first;
            let vectors = if I::PAIRS && left >= 2 * I::LANES { 2 } else { 1 };
            let vector = Row {
                x: row.x.wrapping_add(first),
                weights: row.weights.wrapping_add(first * self.taps),
                bias: row.bias.wrapping_add(first),
                y: row.y.wrapping_add(first),
                channels: left.min(vectors * I::LANES),
                ..*row
            };
            // SAFETY: as the caller says; in the interior all taps stand inside the row.
            unsafe {
                match (vector.channels == vectors * I::LANES, vectors, interior) {
                    (true, 2, true) => {
                        self.pixels::<I, M, 2, KERNEL, STRIDE, false, false>(isa, activation, &vector, place)
                    }
                    (true, 2, false) => {
                        self.pixels::<I, M, 2, KERNEL, STRIDE, false, true>(isa, activation, &vector, place)
                    }
                    (true, _, true) => {
                        self.pixels::<I, M, 1, KERNEL, STRIDE, false, false>(isa, activation, &vector, place)
                    }
                    (true, _, false) => {
                        self.pixels::<I, M, 1, KERNEL, STRIDE, false, true>(isa, activation, &vector, place)
                    }
                    (false, _, true) => {
                        self.pixels::<I, M, 1, KERNEL, STRIDE, true, false>(isa, activation, &vector, place)
                    }
                    (false, _, false) => {
                        self.pixels::<I, M, 1, KERNEL, STRIDE, true, true>(isa, activation, &vector, place)
                    }
                }
            }
            first += vectors * I::LANES;
        }
        M
    }

    /// Computes M pixels of N vectors of channels, one or two, from `place` on. PARTIAL: there are fewer channels than lanes. EDGE: taps may
    /// stand outside the row.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn pixels<
        I: Float,
        const M: usize,
        const N: usize,
        const KERNEL: usize,
        const STRIDE: usize,
        const PARTIAL: bool,
        const EDGE: bool,
    >(
        &self,
        isa: I,
        activation: Activation<I>,
        row: &Row,
        place: usize,
    ) {
        let (columns, pixel) = (&self.columns, self.pixel);
        let (kernel, stride, dilation) =
            if KERNEL > 0 { (KERNEL, STRIDE, 1) } else { (columns.kernel, columns.stride(), columns.dilation()) };
        // Outside the row, this wraps around.
        let first = (place * stride).wrapping_sub(columns.before());
        // SAFETY: reads and writes are those that the caller allows; what lies outside the row is not read.
        unsafe {
            let mut sums = [load_vectors::<I, N, false>(isa, row.bias, I::LANES, 0); M];
            let (mut x, mut weights) = (row.x.wrapping_add(first.wrapping_mul(pixel)), row.weights);
            for _ in 0..row.count {
                let input = |column: usize, at: usize| {
                    // Columns that are under all windows are inside, if every window reaches into the row.
                    let may_be = EDGE && (KERNEL == 0 || column + 1 < KERNEL || column > (M - 1) * STRIDE);
                    let outside = may_be && first.wrapping_add(column) >= self.width;
                    if outside { OUTSIDE.as_ptr() } else { x.wrapping_add(at) }
                };
                let next = self.taps * I::LANES;
                if KERNEL > 0 {
                    // Weights stay in registers, and every input is read once for all pixels that it is under the window of.
                    let mut held = [load_vectors::<I, N, false>(isa, weights, next, 0); LONGEST];
                    for tap in 1..KERNEL {
                        held[tap] = load_vectors::<I, N, false>(isa, weights.add(tap * I::LANES), next, 0);
                    }
                    unrolled!(column in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {
                        if column < (M - 1) * STRIDE + KERNEL {
                            let from = input(column, column * pixel);
                            let vectors = load_vectors::<I, N, PARTIAL>(isa, from, I::LANES, row.channels);
                            for tap in 0..KERNEL.min(column + 1) {
                                let m = (column - tap) / STRIDE;
                                if m < M && (column - tap) % STRIDE == 0 {
                                    for v in 0..N {
                                        sums[m][v] = isa.mul_add(vectors[v], held[tap][v], sums[m][v]);
                                    }
                                }
                            }
                        }
                    });
                } else {
                    for tap in 0..kernel {
                        let weight = load_vectors::<I, N, false>(isa, weights.add(tap * I::LANES), next, 0);
                        for m in 0..M {
                            let at = tap * (dilation * pixel) + m * (stride * pixel);
                            let from = input(m * stride + tap * dilation, at);
                            let vectors = load_vectors::<I, N, PARTIAL>(isa, from, I::LANES, row.channels);
                            for v in 0..N {
                                sums[m][v] = isa.mul_add(vectors[v], weight[v], sums[m][v]);
                            }
                        }
                    }
                }
                x = x.wrapping_add(self.row_step);
                weights = weights.wrapping_add(kernel * I::LANES);
            }
            activation.apply(isa, &mut sums);
            let y = row.y.add(place * self.y_pixel);
            for (m, sum) in sums.iter().enumerate() {
                let y = y.add(m * self.y_pixel);
                store::<I, PARTIAL>(isa, sum[0], y, row.channels);
                if N == 2 {
                    isa.store(sum[N - 1], y.add(I::LANES));
                }
            }
        }
    }
}

/// An output row in tiles. KERNEL and STRIDE: along the row, undilated; or 0. A task, so that each of these is compiled by
/// itself.
struct Tiles<'t, I: Float, const KERNEL: usize, const STRIDE: usize> {
    sweep: &'t Sweep,
    activation: Activation<I>,
    row: &'t Row,
}

impl<I: Float, const KERNEL: usize, const STRIDE: usize> Task<I> for Tiles<'_, I, KERNEL, STRIDE> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Tiles { sweep, activation, row } = self;
        let mut place = 0;
        while place < sweep.places {
            let left = sweep.places - place;
            // SAFETY: as the caller of `Sweep::run` says.
            #[allow(unsafe_code)]
            let done = unsafe {
                match pixels_of_tile(left).min(I::TILE / 2) {
                    8.. => sweep.tile::<I, 8, KERNEL, STRIDE>(isa, activation, row, place),
                    6.. => sweep.tile::<I, 6, KERNEL, STRIDE>(isa, activation, row, place),
                    4.. => sweep.tile::<I, 4, KERNEL, STRIDE>(isa, activation, row, place),
                    3 => sweep.tile::<I, 3, KERNEL, STRIDE>(isa, activation, row, place),
                    2 => sweep.tile::<I, 2, KERNEL, STRIDE>(isa, activation, row, place),
                    _ => sweep.tile::<I, 1, KERNEL, STRIDE>(isa, activation, row, place),
                }
            };
            place += done;
        }
    }
}

/// Pixels of the next tile where `left` are left: few remainders, none of a single pixel.
#[inline(always)]
fn pixels_of_tile(left: usize) -> usize {
    match left {
        5 => 3,
        7 => 4,
        9 | 10 => 6,
        _ => left.min(8),
    }
}

/// N vectors of channels, one or two, `next` elements apart; `channels` of the only one where it is PARTIAL.
///
/// # Safety
/// They can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn load_vectors<I: Float, const N: usize, const PARTIAL: bool>(
    isa: I,
    from: *const f32,
    next: usize,
    channels: usize,
) -> [I::Vector; N] {
    // SAFETY: as the caller says.
    unsafe {
        let mut vectors = [if PARTIAL { isa.load_some(from, channels) } else { isa.load(from) }; N];
        if N == 2 {
            vectors[N - 1] = isa.load(from.add(next));
        }
        vectors
    }
}

/// Writes a vector of channels, of which there are `channels` where it is PARTIAL.
///
/// # Safety
/// They can be written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn store<I: Float, const PARTIAL: bool>(isa: I, sum: I::Vector, y: *mut f32, channels: usize) {
    // SAFETY: as the caller says.
    unsafe { if PARTIAL { isa.store_some(sum, y, channels) } else { isa.store(sum, y) } }
}
