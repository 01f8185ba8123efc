//! Products of matrices that both come from the arena.

use super::layout::BLOCK;
use super::rows::{Lanes, load};
use crate::plan::step::MatMulF32;

/// Rows computed at once.
const ROWS: usize = 4;

/// See [`MatMulF32`].
pub fn matmul_f32(step: &MatMulF32, a: &[f32], b: &[f32], y: &mut [f32]) {
    let (rows, inner, columns) = (step.rows as usize, step.inner as usize, step.columns as usize);
    for (batch, y) in y.chunks_exact_mut(rows * columns).enumerate() {
        let a = &a[batch * step.a_step as usize..][..rows * inner];
        let b = &b[batch * step.b_step as usize..][..inner * columns];
        let bands = a.chunks(ROWS * inner).zip(y.chunks_mut(ROWS * columns));
        for (a, y) in bands {
            for column in (0..columns).step_by(BLOCK) {
                let lanes = BLOCK.min(columns - column);
                let row = |index: usize| &a[index * inner..][..inner];
                if a.len() == ROWS * inner {
                    let sums = multiply::<ROWS>(core::array::from_fn(row), b, columns, column, lanes);
                    store(&sums, y, columns, column, lanes);
                    continue;
                }
                for (index, y) in y.chunks_exact_mut(columns).enumerate() {
                    store(&multiply([row(index)], b, columns, column, lanes), y, columns, column, lanes);
                }
            }
        }
    }
}

/// The products of P rows of `inner` elements with `lanes` columns of b from `column` on.
#[inline(always)]
fn multiply<const P: usize>(
    rows: [&[f32]; P],
    b: &[f32],
    columns: usize,
    column: usize,
    lanes: usize,
) -> [Lanes<f32>; P] {
    let inner = b.len() / columns;
    let rows = rows.map(|row| &row[..inner]);
    let (mut sums, mut spare) = ([[0.0; BLOCK]; P], [0.0; BLOCK]);
    for (index, b) in b.chunks_exact(columns).enumerate().take(inner) {
        let b = load(&b[column..], lanes, &mut spare);
        for (row, sum) in rows.iter().zip(&mut sums) {
            sum.iter_mut().zip(b).for_each(|(sum, &b)| *sum += row[index] * b);
        }
    }
    sums
}

/// Writes the first `lanes` sums of each row at `column`.
fn store(sums: &[Lanes<f32>], y: &mut [f32], columns: usize, column: usize, lanes: usize) {
    for (sums, y) in sums.iter().zip(y.chunks_exact_mut(columns)) {
        y[column..][..lanes].copy_from_slice(&sums[..lanes]);
    }
}
