//! Element-wise steps of one operand: functions, tables, and conversions between bytes and floats.

use super::rounding::ToByte;
use super::walk::Walk;
use crate::kernels::Table;
use crate::plan::step::{Dequantize, Lookup, Quantize, UnaryF32};
use crate::plan::view::{Extent, Operand};

/// Elements that stay in the first-level cache between two passes over them.
pub(super) const PIECE: usize = 1024;

/// Writes `f` of every element of `x` to `y`.
#[inline(always)]
fn map<T: Copy, U>(extent: &Extent, operands: [&Operand; 2], x: &[T], y: &mut [U], f: impl Fn(T) -> U) {
    let walk = Walk::new(extent, operands);
    let (len, strides) = (walk.row_len(), walk.row_strides());
    walk.for_each_row(|[from, to]| match strides {
        [1, 1] => y[to..][..len].iter_mut().zip(&x[from..][..len]).for_each(|(y, &x)| *y = f(x)),
        [x_stride, y_stride] => (0..len).for_each(|i| y[to + i * y_stride] = f(x[from + i * x_stride])),
    });
}

/// Replaces every element of `y` by `f` of it.
#[inline(always)]
fn map_in_place<T: Copy>(extent: &Extent, operand: &Operand, y: &mut [T], f: impl Fn(T) -> T) {
    let walk = Walk::new(extent, [operand]);
    let (len, [stride]) = (walk.row_len(), walk.row_strides());
    walk.for_each_row(|[at]| y[at..].iter_mut().step_by(stride.max(1)).take(len).for_each(|y| *y = f(*y)));
}

/// See [`UnaryF32`]. Elements that do not lie side by side are brought together.
#[inline(always)]
pub fn unary_f32(step: &UnaryF32, x: Option<&[f32]>, y: &mut [f32]) {
    let function = step.function;
    let walk = Walk::new(&step.extent, [&step.x, &step.y]).with_long_rows();
    let (len, [x_stride, y_stride]) = (walk.row_len(), walk.row_strides());
    walk.for_each_row(|[from, to]| {
        for start in (0..len).step_by(PIECE) {
            let count = PIECE.min(len - start);
            let (from, to) = (from + start * x_stride, to + start * y_stride);
            match x {
                _ if y_stride != 1 => {
                    let mut piece = [0.0; PIECE];
                    let piece = &mut piece[..count];
                    let (x, stride) = x.map_or((&y[to..], y_stride), |x| (&x[from..], x_stride));
                    gather(x, stride, piece);
                    function.apply_all(piece);
                    y[to..].iter_mut().step_by(y_stride.max(1)).zip(piece).for_each(|(y, value)| *y = *value);
                }
                Some(x) => {
                    let y = &mut y[to..][..count];
                    gather(&x[from..], x_stride, y);
                    function.apply_all(y);
                }
                None => function.apply_all(&mut y[to..][..count]),
            }
        }
    });
}

/// Copies elements that lie `stride` apart, or are one and the same.
#[inline(always)]
fn gather(x: &[f32], stride: usize, to: &mut [f32]) {
    match stride {
        0 => to.fill(x[0]),
        1 => to.copy_from_slice(&x[..to.len()]),
        _ => to.iter_mut().zip(x.iter().step_by(stride)).for_each(|(to, x)| *to = *x),
    }
}

/// How bytes find their entries in a table.
pub trait Entries {
    /// The entry of one byte.
    fn of(&self, x: u8) -> u8;

    /// Writes the entries of the bytes of `x` to `y`, which is as long; without `x`, of those in `y`.
    fn map(&self, x: Option<&[u8]>, y: &mut [u8]);

    /// Does so for rows.
    #[inline(always)]
    fn map_rows(&self, x: Option<&[u8]>, y: &mut [u8], rows: ByteRows) {
        rows.for_each(x, y, |x, y| self.map(x, y));
    }
}

/// Rows of bytes in two operands, which begin with the first of them.
#[derive(Clone, Copy, Debug)]
pub struct ByteRows {
    /// How many there are.
    pub count: usize,
    /// Bytes of a row.
    pub len: usize,
    /// Bytes from one row to the next, in the input and in the output.
    pub steps: [usize; 2],
}

impl ByteRows {
    /// Calls `row` with each of them.
    ///
    /// # Panics
    /// Where an operand is too short.
    #[inline(always)]
    pub fn for_each(self, x: Option<&[u8]>, y: &mut [u8], mut row: impl FnMut(Option<&[u8]>, &mut [u8])) {
        let ByteRows { count, len, steps } = self;
        for index in 0..count {
            row(x.map(|x| &x[index * steps[0]..][..len]), &mut y[index * steps[1]..][..len]);
        }
    }

    /// Panics where an operand is too short.
    #[inline(always)]
    pub fn assert_within(self, x: Option<&[u8]>, y: &[u8]) {
        let reach = |step: usize| self.count.checked_sub(1).map_or(0, |last| last * step + self.len);
        assert!(x.is_none_or(|x| reach(self.steps[0]) <= x.len()) && reach(self.steps[1]) <= y.len(), "operands");
    }
}

impl Entries for Table {
    #[inline(always)]
    fn of(&self, x: u8) -> u8 {
        self[usize::from(x)]
    }

    #[inline(always)]
    fn map(&self, x: Option<&[u8]>, y: &mut [u8]) {
        match x {
            Some(x) => y.iter_mut().zip(x).for_each(|(y, &x)| *y = self.of(x)),
            None => y.iter_mut().for_each(|y| *y = self.of(*y)),
        }
    }
}

/// See [`Lookup`].
pub fn lookup(step: &Lookup, x: Option<&[u8]>, y: &mut [u8], table: &Table) {
    lookup_by(step, x, y, table);
}

/// See [`Lookup`].
#[inline(always)]
pub fn lookup_by(step: &Lookup, x: Option<&[u8]>, y: &mut [u8], entries: &impl Entries) {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let len = walk.row_len();
    match (walk.row_strides(), x) {
        ([1, 1], x) if let Some((count, steps)) = walk.rows() => entries.map_rows(x, y, ByteRows { count, len, steps }),
        ([1, 1], x) => walk.for_each_row(|[from, to]| entries.map(x.map(|x| &x[from..][..len]), &mut y[to..][..len])),
        (_, Some(x)) => map(&step.extent, [&step.x, &step.y], x, y, |x| entries.of(x)),
        (_, None) => map_in_place(&step.extent, &step.y, y, |x| entries.of(x)),
    }
}

/// See [`Quantize`].
#[inline(always)]
pub fn quantize(step: &Quantize, x: &[f32], y: &mut [u8]) {
    let (byte, scale) = (ToByte::new(step.zero, 0, 255), step.scale);
    map(&step.extent, [&step.x, &step.y], x, y, |x| byte.apply(x / scale));
}

/// See [`Dequantize`].
#[inline(always)]
pub fn dequantize(step: &Dequantize, x: &[u8], y: &mut [f32]) {
    let (zero, scale) = (step.zero as i16, step.scale);
    map(&step.extent, [&step.x, &step.y], x, y, |x| f32::from(i16::from(x) - zero) * scale);
}
