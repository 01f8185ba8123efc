//! Softmax, in floats and in integers.
//!
//! Rows may be as short as two elements, so the costly part of the work is done on many rows together.

use super::reduce::{LANES, for_each_column, largest, sum};
use super::unary::PIECE;
use crate::function::Function;
use crate::plan::step::{SoftmaxF32, SoftmaxInt8};

/// Rows of bytes whose sums are taken side by side: each is a chain of additions, whose order is part of the result.
const CHAINS: usize = 4;

/// Adding it to a double of magnitude up to 2⁵¹ rounds the double half to even and leaves the integer in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// See [`SoftmaxF32`]. The largest element is subtracted first, so that no exponential overflows.
#[inline(always)]
pub fn softmax_f32(step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) {
    if let Some(x) = x {
        y.copy_from_slice(x);
    }
    let (len, inner) = (step.len as usize, step.inner as usize);
    if inner == 1 {
        // As many whole rows as stay in the first-level cache.
        return y.chunks_mut((PIECE / len).max(1) * len).for_each(|rows| softmax_rows(rows, len));
    }
    for y in y.chunks_exact_mut(len * inner) {
        for_each_column(inner, |first, lanes| softmax_columns(y, inner, first, lanes));
    }
}

/// Softmax of every row of `len` elements.
#[inline(always)]
fn softmax_rows(rows: &mut [f32], len: usize) {
    for row in rows.chunks_exact_mut(len) {
        let most = largest(row);
        row.iter_mut().for_each(|y| *y -= most);
    }
    Function::Exp.apply_all(rows);
    for row in rows.chunks_exact_mut(len) {
        let factor = 1.0 / sum(row);
        row.iter_mut().for_each(|y| *y *= factor);
    }
}

/// Softmax of `lanes` columns from `first` on; rows have `inner` elements.
#[inline(always)]
fn softmax_columns(y: &mut [f32], inner: usize, first: usize, lanes: usize) {
    let mut most = [f32::NEG_INFINITY; LANES];
    for row in y.chunks_exact(inner) {
        most.iter_mut().zip(&row[first..][..lanes]).for_each(|(most, &y)| *most = if y > *most { y } else { *most });
    }
    let mut sums = [0.0f32; LANES];
    for row in y.chunks_exact_mut(inner) {
        let row = &mut row[first..][..lanes];
        row.iter_mut().zip(&most).for_each(|(y, most)| *y -= most);
        Function::Exp.apply_all(row);
        sums.iter_mut().zip(&*row).for_each(|(sum, y)| *sum += y);
    }
    let factors = sums.map(|sum| 1.0 / sum);
    for row in y.chunks_exact_mut(inner) {
        row[first..][..lanes].iter_mut().zip(&factors).for_each(|(y, factor)| *y *= factor);
    }
}

/// The exponentials of bytes relative to a row's largest one.
struct Exponentials {
    /// The table, shifted by up to 255 entries depending on that byte. What lies behind belongs to bytes above it.
    entries: [f32; 511],
}

impl Exponentials {
    #[inline(always)]
    fn new(table: &[f32; 256]) -> Self {
        let mut entries = [0.0; 511];
        entries[..256].copy_from_slice(table);
        Exponentials { entries }
    }

    /// The 256 entries for rows whose largest byte is `most`, by byte.
    #[inline(always)]
    fn of(&self, most: u8) -> &[f32] {
        &self.entries[usize::from(255 - most)..][..256]
    }

    /// The entries for each row's largest byte, and the sums over the rows, which have equal lengths.
    #[inline(always)]
    fn sums<const P: usize>(&self, rows: [&[u8]; P]) -> [(&[f32], f32); P] {
        let entries = rows.map(|row| self.of(row.iter().fold(0, |most, &x| x.max(most))));
        let mut sums = [0.0f32; P];
        for index in 0..rows[0].len() {
            for ((sum, row), entries) in sums.iter_mut().zip(rows).zip(entries) {
                *sum += entries[usize::from(row[index])];
            }
        }
        core::array::from_fn(|row| (entries[row], sums[row]))
    }
}

/// Elements of several rows: each with its exponential and its row's sum.
struct Quotients {
    terms: [f32; PIECE],
    sums: [f32; PIECE],
}

impl Quotients {
    /// Sets the elements from `at` on to those of `x`, which is part of one row.
    #[inline(always)]
    fn set(&mut self, at: usize, x: &[u8], (entries, sum): (&[f32], f32)) {
        self.terms[at..][..x.len()].iter_mut().zip(x).for_each(|(term, &x)| *term = entries[usize::from(x)]);
        self.sums[at..][..x.len()].fill(sum);
    }

    /// Writes the bytes of the first elements.
    #[inline(always)]
    fn finish(&self, step: &SoftmaxInt8, y: &mut [u8]) {
        let (factor, zero) = (f64::from(step.y_factor), step.y_zero);
        // Clamping to whole numbers before rounding gives what clamping after it would.
        let (low, high) = (f64::from(-zero), f64::from(255 - zero));
        for (y, (&term, &sum)) in y.iter_mut().zip(self.terms.iter().zip(&self.sums)) {
            let value = f64::from(term) * factor / f64::from(sum);
            let value = if value > low { value } else { low };
            let value = if value < high { value } else { high };
            *y = ((value + ROUNDER).to_bits() as i32).wrapping_add(zero) as u8;
        }
    }
}

/// See [`SoftmaxInt8`].
#[inline(always)]
pub fn softmax_int8(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) {
    let len = step.len as usize;
    let exponentials = Exponentials::new(table);
    let mut quotients = Quotients { terms: [0.0; PIECE], sums: [1.0; PIECE] };
    if len > PIECE {
        for (x, y) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)) {
            let [row] = exponentials.sums([x]);
            for (x, y) in x.chunks(PIECE).zip(y.chunks_mut(PIECE)) {
                quotients.set(0, x, row);
                quotients.finish(step, y);
            }
        }
        return;
    }
    let together = PIECE / len * len;
    for (x, y) in x.chunks(together).zip(y.chunks_mut(together)) {
        let mut at = 0;
        while x.len() - at >= CHAINS * len {
            let rows: [&[u8]; CHAINS] = core::array::from_fn(|row| &x[at + row * len..][..len]);
            for (x, row) in rows.into_iter().zip(exponentials.sums(rows)) {
                quotients.set(at, x, row);
                at += len;
            }
        }
        for x in x[at..].chunks_exact(len) {
            let [row] = exponentials.sums([x]);
            quotients.set(at, x, row);
            at += len;
        }
        quotients.finish(step, y);
    }
}
