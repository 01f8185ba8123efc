//! The hot loop: which classes of which rows reach a threshold, compared as they are stored.

use super::matrix::{Matrix, Values};
use crate::contract::{Labels, ScoreForm};
use crate::tensor::TensorRef;

/// Calls `found(row, class, value)` for the rows' classes whose value is at least `threshold`, the value being real
/// (dequantised) but not activated. Class 0 is column `first`. With [`Labels::Best`] it is each row's largest value
/// only, the first of equal ones.
pub(super) fn scan(
    values: &Values<'_>,
    first: usize,
    threshold: f32,
    labels: Labels,
    mut found: impl FnMut(usize, u32, f32),
) {
    let matrix = &values.matrix;
    match values.data {
        TensorRef::F32(data) => scan_stored(data, matrix, first, threshold, labels, &mut found),
        TensorRef::U8(data) => {
            if let Some(least) = least(u8::MIN..=u8::MAX, matrix, threshold) {
                scan_stored(data, matrix, first, least, labels, &mut found);
            }
        }
        TensorRef::I8(data) => {
            if let Some(least) = least(i8::MIN..=i8::MAX, matrix, threshold) {
                scan_stored(data, matrix, first, least, labels, &mut found);
            }
        }
        TensorRef::I32(_) | TensorRef::I64(_) => {}
    }
}

/// The least stored value that means the threshold or more. Meanings grow with what is stored, for scales are positive.
fn least<T: Copy + Into<i32>>(stored: impl IntoIterator<Item = T>, matrix: &Matrix, threshold: f32) -> Option<T> {
    stored.into_iter().find(|&stored| matrix.real(stored.into()) >= threshold)
}

/// A number as an output stores it.
pub(super) trait Stored: Copy + PartialOrd {
    /// No number is less.
    const LEAST: Self;
    fn real(self, matrix: &Matrix) -> f32;
}

impl Stored for f32 {
    const LEAST: f32 = f32::NEG_INFINITY;
    fn real(self, _: &Matrix) -> f32 {
        self
    }
}

impl Stored for u8 {
    const LEAST: u8 = u8::MIN;
    fn real(self, matrix: &Matrix) -> f32 {
        matrix.real(i32::from(self))
    }
}

impl Stored for i8 {
    const LEAST: i8 = i8::MIN;
    fn real(self, matrix: &Matrix) -> f32 {
        matrix.real(i32::from(self))
    }
}

fn scan_stored<T: Stored>(
    data: &[T],
    matrix: &Matrix,
    first: usize,
    least: T,
    labels: Labels,
    found: &mut impl FnMut(usize, u32, f32),
) {
    if data.is_empty() {
        return;
    }
    let classes = matrix.columns - first;
    let mut of_rows = [T::LEAST; ROWS];
    for row in 0..matrix.rows {
        let start = row * matrix.row_stride + first * matrix.column_stride;
        let class = |class: usize| data[start + class * matrix.column_stride];
        let best = if matrix.column_stride == 1 {
            largest(&data[start..start + classes])
        } else if matrix.row_stride == 1 {
            if row % ROWS == 0 {
                let columns = data[start..].chunks(matrix.column_stride.max(1)).take(classes);
                of_rows = largest_of_rows(columns, ROWS.min(matrix.rows - row));
            }
            of_rows[row % ROWS]
        } else {
            (0..classes).map(class).fold(T::LEAST, larger)
        };
        // Most rows end here, and so do those that hold no number.
        let reached = best >= least;
        match labels {
            _ if !reached => {}
            Labels::Best => {
                if let Some(index) = (0..classes).find(|&index| class(index) == best) {
                    found(row, index as u32, best.real(matrix));
                }
            }
            Labels::Every => {
                for index in (0..classes).filter(|&index| class(index) >= least) {
                    found(row, index as u32, class(index).real(matrix));
                }
            }
        }
    }
}

/// The larger; `so_far` where `next` is not a number.
#[inline]
fn larger<T: Stored>(so_far: T, next: T) -> T {
    if next > so_far { next } else { so_far }
}

/// Running maxima at a time, so that taking them vectorises: a single one of floats would have to be taken in order.
const LANES: usize = 16;

/// Rows at a time where they lie side by side: some lines of the cache a column.
const ROWS: usize = 64;

/// The largest of each of `count` rows, at most [`ROWS`], that lie side by side in every column.
fn largest_of_rows<'d, T: Stored + 'd>(columns: impl Iterator<Item = &'d [T]>, count: usize) -> [T; ROWS] {
    let mut lanes = [T::LEAST; ROWS];
    for column in columns {
        if let Some(rows) = column.first_chunk::<ROWS>().filter(|_| count == ROWS) {
            for (lane, &value) in lanes.iter_mut().zip(rows) {
                *lane = larger(*lane, value);
            }
        } else {
            for (lane, &value) in lanes.iter_mut().zip(column).take(count) {
                *lane = larger(*lane, value);
            }
        }
    }
    lanes
}

/// The largest of a slice.
#[inline]
pub(super) fn largest<T: Stored>(values: &[T]) -> T {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [T::LEAST; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, value);
        }
    }
    lanes.iter().chain(rest).copied().fold(T::LEAST, larger)
}

/// The threshold that a score's stored form must reach for the score to be at least `score`.
pub(super) fn threshold(score: f32, form: ScoreForm) -> f32 {
    match form {
        ScoreForm::Probabilities => score,
        // The inverse of the sigmoid; infinite at 0 and 1.
        ScoreForm::Logits => (score / (1.0 - score)).ln(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heads::Plan;
    use crate::tensor::{ElementType, Port};
    use proptest::prelude::*;

    /// What a scan finds in an output of shape `[1, rows, columns]` whose memory holds rows or, else, columns one by one.
    fn found(data: &[f32], rows: usize, by_row: bool, labels: Labels) -> Vec<(usize, u32, u32)> {
        let columns = data.len() / rows;
        let order = if by_row { vec![0, 1, 2] } else { vec![0, 2, 1] };
        let shape = vec![1, rows, columns];
        let ports = [Port { name: "y".into(), element: ElementType::F32, shape, order, quantisation: None }];
        let plan = Plan { outputs: &ports, classes: columns - 1, input: [8, 8], score: 0.5 };
        let matrix = Matrix::find(&plan, "head.output", "y", Some(rows), columns).unwrap();
        let transposed: Vec<f32> = (0..data.len()).map(|at| data[at % rows * columns + at / rows]).collect();
        let data = if by_row { data } else { &transposed };
        let mut found = vec![];
        let values = Values { data: TensorRef::F32(data), matrix };
        scan(&values, 1, 0.5, labels, |row, class, value| found.push((row, class, value.to_bits())));
        found
    }

    proptest! {
        #[test]
        fn both_memory_orders_hold_the_same(
            rows in 1usize..140,
            columns in 2usize..20,
            values in prop::collection::vec(prop_oneof![8 => -1f32..0.8, 1 => Just(f32::NAN), 1 => Just(0.7)], 140 * 20),
            every in any::<bool>(),
        ) {
            let labels = if every { Labels::Every } else { Labels::Best };
            let data = &values[..rows * columns];
            prop_assert_eq!(found(data, rows, true, labels), found(data, rows, false, labels));
        }
    }
}
