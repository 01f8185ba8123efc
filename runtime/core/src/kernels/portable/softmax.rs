//! Softmax, in floats and in integers.
//!
//! Rows may be as short as two elements, so the costly part of the work is done on many rows together.

use super::reduce::{LANES, for_each_column, largest, sum};
use super::unary::PIECE;
use crate::function::Function;
use crate::plan::step::{SoftmaxF32, SoftmaxInt8};

/// Rows of bytes whose sums are taken side by side: each is a chain of additions, whose order is part of the result.
const CHAINS: usize = 4;

/// Bytes from which on it is worth while to work out the results of all pairs there can be.
const MANY_PAIRS: usize = 2048;

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
        for_each_column(inner, |first, lanes| subtract_largest(y, inner, first, lanes));
    }
    y.chunks_mut(PIECE).for_each(|piece| Function::Exp.apply_all(piece));
    for y in y.chunks_exact_mut(len * inner) {
        for_each_column(inner, |first, lanes| divide_by_sum(y, inner, first, lanes));
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

/// Subtracts the largest element of each of `lanes` columns from `first` on; rows have `inner` elements.
#[inline(always)]
fn subtract_largest(y: &mut [f32], inner: usize, first: usize, lanes: usize) {
    let mut most = [f32::NEG_INFINITY; LANES];
    for row in y.chunks_exact(inner) {
        most.iter_mut().zip(&row[first..][..lanes]).for_each(|(most, &y)| *most = if y > *most { y } else { *most });
    }
    for row in y.chunks_exact_mut(inner) {
        row[first..][..lanes].iter_mut().zip(&most).for_each(|(y, most)| *y -= most);
    }
}

/// Divides each of `lanes` columns from `first` on by its sum; rows have `inner` elements.
#[inline(always)]
fn divide_by_sum(y: &mut [f32], inner: usize, first: usize, lanes: usize) {
    let mut sums = [0.0f32; LANES];
    for row in y.chunks_exact(inner) {
        sums.iter_mut().zip(&row[first..][..lanes]).for_each(|(sum, y)| *sum += y);
    }
    let factors = sums.map(|sum| 1.0 / sum);
    for row in y.chunks_exact_mut(inner) {
        row[first..][..lanes].iter_mut().zip(&factors).for_each(|(y, factor)| *y *= factor);
    }
}

/// The exponentials of bytes relative to a row's largest one.
pub struct Exponentials {
    /// The table, shifted by up to 255 entries depending on that byte. What lies behind belongs to bytes above it.
    entries: [f32; 511],
}

impl Exponentials {
    #[inline(always)]
    pub fn new(table: &[f32; 256]) -> Self {
        let mut entries = [0.0; 511];
        entries[..256].copy_from_slice(table);
        Exponentials { entries }
    }

    /// The 256 entries for rows whose largest byte is `most`, by byte.
    #[inline(always)]
    pub fn of(&self, most: u8) -> &[f32; 256] {
        // From every byte on there are 256.
        self.entries[usize::from(255 - most)..].first_chunk().unwrap_or(&[0.0; 256])
    }

    /// Writes the exponentials of a row.
    #[inline(always)]
    fn write(&self, row: &[u8], terms: &mut [f32]) {
        let entries = self.of(row.iter().fold(0, |most, &x| x.max(most)));
        terms.iter_mut().zip(row).for_each(|(term, &x)| *term = entries[usize::from(x)]);
    }
}

/// The sums of P rows of equal lengths, each from its first element on.
#[inline(always)]
fn sums_of<const P: usize>(rows: &[f32]) -> [f32; P] {
    let len = rows.len() / P;
    let rows: [&[f32]; P] = core::array::from_fn(|row| &rows[row * len..][..len]);
    let mut sums = [0.0; P];
    for index in 0..len {
        sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum += row[index]);
    }
    sums
}

/// Writes the bytes for exponentials and the sums of their rows.
#[inline(always)]
pub fn divide(step: &SoftmaxInt8, terms: &[f32], sums: impl Iterator<Item = f32>, y: &mut [u8]) {
    let (factor, zero) = (f64::from(step.y_factor), step.y_zero);
    // Clamping to whole numbers before rounding gives what clamping after it would.
    let (low, high) = (f64::from(-zero), f64::from(255 - zero));
    for (y, (&term, sum)) in y.iter_mut().zip(terms.iter().zip(sums)) {
        let value = f64::from(term) * factor / f64::from(sum);
        let value = if value > low { value } else { low };
        let value = if value < high { value } else { high };
        *y = ((value + ROUNDER).to_bits() as i32).wrapping_add(zero) as u8;
    }
}

/// See [`SoftmaxInt8`].
#[inline(always)]
pub fn softmax_int8(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) {
    let exponentials = Exponentials::new(table);
    match step.len as usize {
        2 => softmax_pairs(step, x, y, &exponentials),
        len if len <= PIECE => softmax_bytes(step, x, y, &exponentials),
        len => {
            for (x, y) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)) {
                let entries = exponentials.of(x.iter().fold(0, |most, &x| x.max(most)));
                let sum = x.iter().fold(0.0, |sum, &x| sum + entries[usize::from(x)]);
                for (x, y) in x.chunks(PIECE).zip(y.chunks_mut(PIECE)) {
                    let mut terms = [0.0; PIECE];
                    terms.iter_mut().zip(x).for_each(|(term, &x)| *term = entries[usize::from(x)]);
                    divide(step, &terms[..x.len()], core::iter::repeat(sum), y);
                }
            }
        }
    }
}

/// Softmax of rows that are at most a piece long.
#[inline(always)]
fn softmax_bytes(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], exponentials: &Exponentials) {
    let len = step.len as usize;
    let together = PIECE / len * len;
    let (mut terms, mut sums) = ([0.0; PIECE], [1.0; PIECE]);
    for (x, y) in x.chunks(together).zip(y.chunks_mut(together)) {
        for (x, terms) in x.chunks_exact(len).zip(terms.chunks_exact_mut(len)) {
            exponentials.write(x, terms);
        }
        let rows = terms[..x.len()].chunks_exact(CHAINS * len);
        let mut at = x.len() - rows.remainder().len();
        for row in rows.remainder().chunks_exact(len) {
            let [sum] = sums_of(row);
            sums[at..][..len].fill(sum);
            at += len;
        }
        for (rows, sums) in rows.zip(sums.chunks_exact_mut(CHAINS * len)) {
            let of_rows: [f32; CHAINS] = sums_of(rows);
            sums.chunks_exact_mut(len).zip(of_rows).for_each(|(sums, sum)| sums.fill(sum));
        }
        divide(step, &terms, sums.into_iter(), y);
    }
}

/// Softmax of two classes. Its results depend on nothing but the difference of the two, so that those of many pairs are looked up.
#[inline(always)]
fn softmax_pairs(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], exponentials: &Exponentials) {
    if x.len() < MANY_PAIRS {
        return divide_pairs(step, x, y, exponentials);
    }
    let (mut pairs, mut quotients) = ([[u8::MAX; 2]; 256], [0; 512]);
    for (difference, pair) in (0..=u8::MAX).zip(&mut pairs) {
        pair[1] -= difference;
    }
    divide_pairs(step, pairs.as_flattened(), &mut quotients, exponentials);
    // By the difference from −255 on.
    let mut results = [[0; 2]; 512];
    for (difference, &[of_larger, of_other]) in quotients.as_chunks::<2>().0.iter().enumerate() {
        results[255 - difference] = [of_other, of_larger];
        results[255 + difference] = [of_larger, of_other];
    }
    for (y, &[a, b]) in y.as_chunks_mut::<2>().0.iter_mut().zip(x.as_chunks::<2>().0) {
        *y = results[255 + usize::from(a) - usize::from(b)];
    }
}

/// Softmax of two classes, pair by pair.
#[inline(always)]
fn divide_pairs(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], exponentials: &Exponentials) {
    let (mut terms, mut sums) = ([0.0; PIECE], [1.0; PIECE]);
    for (x, y) in x.chunks(PIECE).zip(y.chunks_mut(PIECE)) {
        let pairs = terms.as_chunks_mut::<2>().0.iter_mut().zip(sums.as_chunks_mut::<2>().0);
        for ((terms, sums), [a, b]) in pairs.zip(x.as_chunks::<2>().0) {
            let entries = exponentials.of(*a.max(b));
            *terms = [entries[usize::from(*a)], entries[usize::from(*b)]];
            *sums = [terms[0] + terms[1]; 2];
        }
        divide(step, &terms, sums.into_iter(), y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::view::Span;
    use crate::testing::Random;
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        #[test]
        fn pairs_that_are_looked_up_are_those_that_are_divided(
            seed: u64, most in 1u8..=255, scale in 0.001f32..0.5, y_factor in 1.0f32..300.0, y_zero in 0i32..256,
        ) {
            let mut random = Random::new(seed);
            let x: vec::Vec<u8> = (0..MANY_PAIRS + 6).map(|_| random.next() as u8 % most).collect();
            let table: [f32; 256] = core::array::from_fn(|i| ((i as f32 - 255.0) * scale).exp());
            let span = |len: usize| Span { offset: 0, len: len as u32 };
            let pairs = |x: &[u8]| {
                let mut y = vec![0; x.len()];
                let (outer, spans) = (x.len() as u32 / 2, span(x.len()));
                let step = SoftmaxInt8 { outer, len: 2, x: spans, y: spans, table: Default::default(), y_factor, y_zero };
                softmax_int8(&step, x, &mut y, &table);
                y
            };
            let few = x.chunks(MANY_PAIRS - 2).flat_map(pairs).collect::<vec::Vec<u8>>();
            prop_assert!(pairs(&x) == few);
        }
    }
}
