//! Depthwise 3 × 3 int8 convolution where registers are many: the columns under the window stay in them.
//!
//! The window slides along a row; each column that it comes upon is read once, its rows interleaved by fours, so that one
//! dot product multiplies a channel of the column with the weights of a kernel column. Where the window moves down by one row
//! at a time, two output rows are computed from the same four rows, the second with its weights delayed by one. Where a
//! chunk of channels fills only a half or a quarter of four vectors, two or four pixels of the row are worked on together.

use super::Task;
use super::columns::Columns;
use super::convolution_int8::rounding;
use super::depthwise_int8::Depthwise;
use super::int8::{Int8, load_floats, load_sums, load_weights};
use super::layout::{Chunk, chunks};
use super::product::{Constants, Target};
use super::ring::by_image;
use super::round::{round_four, unrolled};
use super::scratch;
use crate::plan::step::ConvolutionInt8;
use core::ops::Range;

/// Some output rows of a depthwise 3 × 3 convolution; see [`slides`](super::layout::slides).
pub struct Depthwise3x3<'d>(pub Depthwise<'d>);

impl<I: Int8> Task<I> for Depthwise3x3<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Depthwise { step, x, rows, y, packed, mut constants, scratch } = self.0;
        let rounding = rounding(isa, step, packed);
        let height = step.y.height as usize;
        for chunk in chunks(step.y.channels as usize, I::LANES) {
            let spare = SpareRows::new(step, chunk, x, scratch);
            for (image, rows, before) in by_image(rows.clone(), height) {
                let part = ImageRows { step, x, chunk, image, spare: &spare, constants };
                let y = &mut y[before * step.y.width as usize * step.y.stride as usize..];
                part.run(isa, rows, y, rounding);
            }
            // SAFETY: constants are packed chunk after chunk.
            #[allow(unsafe_code)]
            unsafe {
                constants.weights = constants.weights.add(3 * 4 * I::WEIGHT_BYTES);
                constants.bias = constants.bias.add(4 * I::LANES);
                constants.multiplier = constants.multiplier.add(4 * I::LANES);
            }
        }
    }
}

/// Rows that are not read where they lie: one of padding, and copies of the last ones of the input where reading whole
/// vectors would run over its end.
struct SpareRows<'s> {
    rows: &'s [u8],
    /// Bytes of one.
    len: usize,
    /// The first input row, those of all images counted through, that is a copy.
    first_copy: usize,
}

impl<'s> SpareRows<'s> {
    fn new(step: &ConvolutionInt8, chunk: Chunk, x: &[u8], scratch: &'s mut [u8]) -> Self {
        let (width, stride) = (step.x.width as usize, step.x.stride as usize);
        let total = step.x.batch as usize * step.x.height as usize;
        let len = scratch::spare_row_len(step, chunk.pitch);
        let copies = scratch::copied_rows(step, chunk).min(total);
        let (padding, copied) = scratch[..(1 + copies) * len].split_at_mut(len);
        // The first chunk is the widest.
        if chunk.start == 0 {
            padding.fill(step.x_zero as u8);
        }
        for (index, to) in copied.chunks_exact_mut(len).enumerate() {
            let row = total - copies + index;
            let from = &x[chunk.start + row * width * stride..][..(width - 1) * stride + chunk.channels];
            to[..from.len()].copy_from_slice(from);
            to[from.len()..].fill(0);
        }
        SpareRows { rows: &scratch[..(1 + copies) * len], len, first_copy: total - copies }
    }
}

/// Output rows of one image in one chunk of channels.
struct ImageRows<'i> {
    step: &'i ConvolutionInt8,
    x: &'i [u8],
    chunk: Chunk,
    image: usize,
    spare: &'i SpareRows<'i>,
    constants: Constants,
}

impl ImageRows<'_> {
    #[inline(always)]
    fn run<I: Int8>(&self, isa: I, rows: Range<usize>, y: &mut [u8], rounding: I::Rounding) {
        let stride = self.step.window.stride;
        match (self.chunk.pitch / I::LANES, stride) {
            (1, [1, 1]) => self.slide::<I, 1, 2, 1>(isa, rows, y, rounding),
            (1, [_, 1]) => self.slide::<I, 1, 1, 1>(isa, rows, y, rounding),
            (1, [_, 2]) => self.slide::<I, 1, 1, 2>(isa, rows, y, rounding),
            (1, _) => self.slide::<I, 1, 1, 3>(isa, rows, y, rounding),
            (2, [1, 1]) => self.slide::<I, 2, 2, 1>(isa, rows, y, rounding),
            (2, [_, 1]) => self.slide::<I, 2, 1, 1>(isa, rows, y, rounding),
            (2, [_, 2]) => self.slide::<I, 2, 1, 2>(isa, rows, y, rounding),
            (2, _) => self.slide::<I, 2, 1, 3>(isa, rows, y, rounding),
            (_, [1, 1]) => self.slide::<I, 4, 2, 1>(isa, rows, y, rounding),
            (_, [_, 1]) => self.slide::<I, 4, 1, 1>(isa, rows, y, rounding),
            (_, [_, 2]) => self.slide::<I, 4, 1, 2>(isa, rows, y, rounding),
            (_, _) => self.slide::<I, 4, 1, 3>(isa, rows, y, rounding),
        }
    }

    /// Slides along all rows: pixels of N vectors, R output rows at a time, and a window that moves by S columns, or by more
    /// where S is 3.
    #[inline(always)]
    fn slide<I: Int8, const N: usize, const R: usize, const S: usize>(
        &self,
        isa: I,
        rows: Range<usize>,
        y: &mut [u8],
        rounding: I::Rounding,
    ) {
        isa.invoke(Slide::<I, N, R, S> { part: self, rows, y, rounding });
    }

    /// Where an input row begins, counted from the first row of padding on.
    #[inline(always)]
    fn input_row(&self, row: usize) -> *const u8 {
        let (height, width) = (self.step.x.height as usize, self.step.x.width as usize);
        let inside = row.checked_sub(self.step.window.pad[0] as usize).filter(|&row| row < height);
        let Some(row) = inside.map(|row| self.image * height + row) else { return self.spare.rows.as_ptr() };
        match row.checked_sub(self.spare.first_copy) {
            Some(copy) => self.spare.rows[(1 + copy) * self.spare.len..].as_ptr(),
            None => self.x[self.chunk.start + row * width * self.step.x.stride as usize..].as_ptr(),
        }
    }
}

/// Sliding along output rows, R at a time; see [`ImageRows::slide`]. It is a task of its own, so that its loops have all
/// registers to themselves.
struct Slide<'s, I: Int8, const N: usize, const R: usize, const S: usize> {
    part: &'s ImageRows<'s>,
    rows: Range<usize>,
    y: &'s mut [u8],
    rounding: I::Rounding,
}

impl<I: Int8, const N: usize, const R: usize, const S: usize> Task<I> for Slide<'_, I, N, R, S> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, isa: I) {
        let Slide { part, rows, y, rounding } = self;
        let ImageRows { step, chunk, spare, constants, .. } = *part;
        let (places, y_step, channels) = (step.y.width as usize, step.y.stride as usize, chunk.channels);
        // The last element that is written.
        let len = rows.len() * places * y_step - (y_step - channels);
        let y = &mut y[chunk.start..][..len];
        // SAFETY: a chunk has four vectors of weights for every kernel column, of which N are different ones.
        let filter = unsafe { Filter::<I, N>::new(isa, constants) };
        let line = Line { places, stride: step.window.stride[1] as usize, rounding };
        let mut columns = Columns {
            from: [spare.rows.as_ptr(); 4],
            padding: spare.rows.as_ptr(),
            pad: step.window.pad[1] as usize,
            width: step.x.width as usize,
            step: step.x.stride as usize,
            dense: step.x.stride as usize == N * I::LANES,
        };
        let mut row = 0;
        while row < rows.len() {
            for (down, from) in columns.from.iter_mut().enumerate() {
                *from = part.input_row((rows.start + row) * step.window.stride[0] as usize + down);
            }
            let to = Target { first: y[row * places * y_step..].as_mut_ptr(), step: y_step, channels };
            // SAFETY: whole vectors can be read at all pixels of every input row and of padding: rows where they cannot have
            // been copied. The output is as long as was asserted.
            unsafe {
                if R == 2 && row + 1 < rows.len() {
                    line.slide::<I, N, 2, S>(isa, &filter, columns, [to, to.skip(places)]);
                    row += 2;
                } else {
                    line.slide::<I, N, 1, S>(isa, &filter, columns, [to]);
                    row += 1;
                }
            }
        }
    }
}

/// The constants of a chunk of N vectors.
struct Filter<I: Int8, const N: usize> {
    /// Those of every kernel column.
    weights: [[I::Weights; N]; 3],
    /// The same for the output row below.
    delayed: [[I::Weights; N]; 3],
    bias: [I::Sums; N],
    by: [I::Floats; N],
}

impl<I: Int8, const N: usize> Filter<I, N> {
    /// # Safety
    /// The constants are packed for a chunk.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn new(isa: I, constants: Constants) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            let mut weights = [load_weights::<I, N>(isa, constants.weights); 3];
            for tap in 1..3 {
                weights[tap] = load_weights::<I, N>(isa, constants.weights.add(tap * 4 * I::WEIGHT_BYTES));
            }
            let mut delayed = weights;
            for tap in 0..3 {
                for v in 0..N {
                    delayed[tap][v] = isa.delay(weights[tap][v]);
                }
            }
            let (bias, by) = (load_sums::<I, N>(isa, constants.bias), load_floats::<I, N>(isa, constants.multiplier));
            Filter { weights, delayed, bias, by }
        }
    }
}

/// The vectors of the columns under the window at as many places as are worked on together.
type Window<I> = [<I as Int8>::Bytes; 12];

/// What output rows have in common.
#[derive(Clone, Copy)]
struct Line<R> {
    /// Places of the window in a row, and columns from one to the next.
    places: usize,
    stride: usize,
    rounding: R,
}

impl<R: Copy> Line<R> {
    /// Computes ROWS output rows under each other, which go to `to`.
    ///
    /// # Safety
    /// The columns can be [read](Columns::read), and all channels of all places be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn slide<I: Int8<Rounding = R>, const N: usize, const ROWS: usize, const S: usize>(
        &self,
        isa: I,
        filter: &Filter<I, N>,
        columns: Columns,
        mut to: [Target; ROWS],
    ) {
        let (Line { places, stride, .. }, together) = (*self, 4 / N);
        // SAFETY: as the caller says.
        unsafe {
            let mut window = [isa.splat(0); 12];
            if S < 3 {
                put::<I>(&mut window, 0, columns.read::<I, N, ROWS>(isa, 0, 1));
            }
            if S == 1 && N == 4 {
                put::<I>(&mut window, 4, columns.read::<I, N, ROWS>(isa, 1, 1));
            }
            // Where registers suffice, the sums of places are rounded while those of the next ones are added up: both are long
            // chains of operations that wait for each other.
            let waits = N < 4 || S > 1;
            let mut sums = [[filter.bias[0]; 4]; ROWS];
            for first in (0..places).step_by(together) {
                match S {
                    1 => put::<I>(&mut window, 2 * N, columns.read::<I, N, ROWS>(isa, first + 2, 1)),
                    2 => {
                        put::<I>(&mut window, N, columns.read::<I, N, ROWS>(isa, 2 * first + 1, 1));
                        put::<I>(&mut window, N + 4, columns.read::<I, N, ROWS>(isa, 2 * first + 1 + together, 1));
                    }
                    _ => {
                        put::<I>(&mut window, 0, columns.read::<I, N, ROWS>(isa, first * stride, stride));
                        put::<I>(&mut window, 4, columns.read::<I, N, ROWS>(isa, first * stride + 1, stride));
                        put::<I>(&mut window, 8, columns.read::<I, N, ROWS>(isa, first * stride + 2, stride));
                    }
                }
                for row in 0..ROWS {
                    let weights = if row == 0 { &filter.weights } else { &filter.delayed };
                    let next = products::<I, N, S>(isa, &window, filter.bias, weights);
                    if !waits {
                        self.write::<I, N>(isa, next, filter.by, to[row], 1);
                        to[row] = to[row].skip(1);
                    } else if first > 0 {
                        self.write::<I, N>(isa, sums[row], filter.by, to[row], together);
                        to[row] = to[row].skip(together);
                    }
                    sums[row] = next;
                }
                // The columns that the window shares with the one at the next places.
                unrolled!(v in 0 1 2 3 4 5 6 7 {
                    if S < 3 && v < (3 - S) * N {
                        window[v] = window[4 * S + v];
                    }
                });
            }
            for row in 0..if waits { ROWS } else { 0 } {
                let left = places - (places - 1) / together * together;
                self.write::<I, N>(isa, sums[row], filter.by, to[row], left);
            }
        }
    }

    /// Rounds the sums of `count` places, up to 4 / N, and writes them.
    ///
    /// # Safety
    /// All channels of so many places can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn write<I: Int8<Rounding = R>, const N: usize>(
        &self,
        isa: I,
        sums: [I::Sums; 4],
        by: [I::Floats; N],
        to: Target,
        count: usize,
    ) {
        let mut four_by = [by[0]; 4];
        for v in 0..4 {
            four_by[v] = by[v % N];
        }
        // SAFETY: as the caller says.
        unsafe { round_four::<I, N>(isa, sums, four_by, self.rounding, to, count) }
    }
}

/// Writes four vectors, from vector `at` on.
#[inline(always)]
fn put<I: Int8>(window: &mut Window<I>, at: usize, vectors: [I::Bytes; 4]) {
    window[at..at + 4].copy_from_slice(&vectors);
}

/// The sums of one output row at as many places as are worked on together.
#[inline(always)]
fn products<I: Int8, const N: usize, const S: usize>(
    isa: I,
    window: &Window<I>,
    bias: [I::Sums; N],
    weights: &[[I::Weights; N]; 3],
) -> [I::Sums; 4] {
    let mut sums = [bias[0]; 4];
    for v in 0..4 {
        sums[v] = bias[v % N];
        for tap in 0..3 {
            let column = if S < 3 { (v / N * S + tap) * N + v % N } else { tap * 4 + v };
            sums[v] = isa.dot(sums[v], window[column], weights[tap][v % N]);
        }
    }
    sums
}
