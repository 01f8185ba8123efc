//! Symmetric positive matrices in plain arrays, row by row: factors, inverses, solutions.

use rayon::prelude::*;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The lower triangle L with L·Lᵀ = A (Cholesky); none where A is not positive.
fn factor(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; size * size];
    for row in 0..size {
        let (above, own) = lower.split_at_mut(row * size);
        for column in 0..row {
            let other = &above[column * size..][..size];
            own[column] = (matrix[row * size + column] - dot(&own[..column], &other[..column])) / other[column];
        }
        let rest = matrix[row * size + row] - dot(&own[..row], &own[..row]);
        own[row] = (rest > 0.0).then(|| rest.sqrt())?;
    }
    Some(lower)
}

/// X with X·A = B, for B of any number of rows; none where A is not positive.
pub fn solve_rows(matrix: &[f64], size: usize, rows: &[f64]) -> Option<Vec<f64>> {
    let lower = factor(matrix, size)?;
    let mut upper = vec![0.0; size * size];
    for row in 0..size {
        (0..=row).for_each(|column| upper[column * size + row] = lower[row * size + column]);
    }
    let mut solved = rows.to_vec();
    solved.par_chunks_exact_mut(size.max(1)).for_each(|x| {
        for row in 0..size {
            x[row] = (x[row] - dot(&lower[row * size..][..row], &x[..row])) / lower[row * size + row];
        }
        for row in (0..size).rev() {
            let line = &upper[row * size..][..size];
            x[row] = (x[row] - dot(&line[row + 1..], &x[row + 1..])) / line[row];
        }
    });
    Some(solved)
}

/// The inverse; none where the matrix is not positive.
pub fn inverse(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut unit = vec![0.0; size * size];
    (0..size).for_each(|place| unit[place * (size + 1)] = 1.0);
    solve_rows(matrix, size, &unit)
}

/// The rows and columns of a matrix at some places.
pub fn part(matrix: &[f64], size: usize, places: &[usize]) -> Vec<f64> {
    places.iter().flat_map(|row| places.iter().map(move |column| matrix[row * size + column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_solve() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let solved = solve_rows(&matrix, 3, &[1.0, 2.0, 3.0, -1.0, 0.0, 1.0]).expect("it is positive");
        for (row, wanted) in [[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]].iter().enumerate() {
            for (column, wanted) in wanted.iter().enumerate() {
                let got: f64 = (0..3).map(|k| solved[row * 3 + k] * matrix[k * 3 + column]).sum();
                assert!((got - wanted).abs() < 1e-12);
            }
        }
        let product = inverse(&matrix, 3).expect("it is positive");
        assert!((product[0] * 4.0 + product[1] + product[2] * 0.5 - 1.0).abs() < 1e-12);
        assert!(inverse(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert_eq!(part(&matrix, 3, &[0, 2]), [4.0, 0.5, 0.5, 2.0]);
    }
}
