//! Matrix products in tiles whose sums stay in registers.
//!
//! One tile serves all three products of training, since its first operand may lie in either order: `x·w` forward, `dy·wᵀ`
//! for inputs (with `wᵀ` written out once; weights are small), and `xᵀ·dy` for weights, where the sum runs over the rows of both. No operand
//! is packed: rows of the second are read as they lie, elements of the first are spread over a vector.

use rayon::prelude::*;

use crate::Real;
use crate::memory::Buffer;
use crate::simd::{Isa, Simd, Task};

/// Rows from which on a product is split by rows; one of fewer is split by columns.
const TALL: usize = 512;
/// Columns that a part has where a product is split by columns; a multiple of every tile's width.
const PANEL: usize = 192;
/// Rows of the weight gradient that a part has where it is split so; a multiple of every tile's height.
const STRIP: usize = 48;
/// Most parts of a sum over rows.
const PARTS: usize = 16;

/// What the sums begin with.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// 0.
    Zero,
    /// What the result holds.
    Result,
    /// One value a column.
    Bias(&'a [T]),
}

/// `c = clamp(start + a·b)` of `a` `[rows, steps]`, `b` `[steps, columns]` and `c` `[rows, columns]`, on one thread.
pub struct Product<'a, T> {
    /// The first operand.
    pub a: &'a [T],
    /// Elements from one row of it to the next, and from one step to the next.
    pub a_strides: [usize; 2],
    /// The second operand.
    pub b: &'a [T],
    /// Elements from one row of it to the next.
    pub b_stride: usize,
    /// The result.
    pub c: &'a mut [T],
    /// Elements from one row of it to the next.
    pub c_stride: usize,
    /// Rows, steps and columns.
    pub size: [usize; 3],
    /// What the sums begin with.
    pub start: Start<'a, T>,
    /// Between what they are clamped.
    pub bounds: (T, T),
}

/// Anything goes.
pub fn unbounded<T: Real>() -> (T, T) {
    (T::LOWEST, T::HIGHEST)
}

impl<T: Real> Task<T> for Product<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let [rows, steps, columns] = self.size;
        if rows == 0 || columns == 0 {
            return;
        }
        let last = |count: usize, stride: usize| (count.max(1) - 1) * stride;
        assert!(steps == 0 || last(rows, self.a_strides[0]) + last(steps, self.a_strides[1]) < self.a.len());
        assert!(steps == 0 || last(steps, self.b_stride) + columns <= self.b.len());
        assert!(last(rows, self.c_stride) + columns <= self.c.len());
        if let Start::Bias(bias) = self.start {
            assert!(columns <= bias.len());
        }
        let mut column = 0;
        while column < columns {
            let vectors = (columns - column).div_ceil(S::LANES);
            let count = width(vectors, S::WIDEST);
            let block = Block {
                a: self.a.as_ptr(),
                a_strides: self.a_strides,
                b: self.b.as_ptr().wrapping_add(column),
                b_stride: self.b_stride,
                c: self.c.as_mut_ptr().wrapping_add(column),
                c_stride: self.c_stride,
                rows,
                steps,
                columns: (columns - column).min(count * S::LANES),
                start: match self.start {
                    Start::Zero => From::Zero,
                    Start::Result => From::Result,
                    Start::Bias(bias) => From::Bias(bias.as_ptr().wrapping_add(column)),
                },
                bounds: self.bounds,
            };
            match count {
                1 => simd.invoke(Columns::<T, 1>(block)),
                2 => simd.invoke(Columns::<T, 2>(block)),
                3 => simd.invoke(Columns::<T, 3>(block)),
                _ => simd.invoke(Columns::<T, 4>(block)),
            }
            column += count * S::LANES;
        }
    }
}

/// How many vectors wide the next tile is: no tile of one vector where two equal ones are possible.
#[inline(always)]
fn width(vectors: usize, widest: usize) -> usize {
    match vectors {
        5 | 6 if widest > 3 => 3,
        _ => vectors.min(widest),
    }
}

/// [`Start`] for a pointer.
#[derive(Clone, Copy)]
enum From<T> {
    Zero,
    Result,
    Bias(*const T),
}

/// Some columns of a product, whose operands [`Product::run`] has checked.
#[derive(Clone, Copy)]
struct Block<T> {
    a: *const T,
    a_strides: [usize; 2],
    b: *const T,
    b_stride: usize,
    c: *mut T,
    c_stride: usize,
    rows: usize,
    steps: usize,
    columns: usize,
    start: From<T>,
    bounds: (T, T),
}

/// The columns of N vectors, the last of which may have fewer.
struct Columns<T, const N: usize>(Block<T>);

impl<T: Real, const N: usize> Task<T> for Columns<T, N> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        if self.0.columns.is_multiple_of(S::LANES) {
            rows::<T, S, N, false>(simd, self.0);
        } else {
            rows::<T, S, N, true>(simd, self.0);
        }
    }
}

/// All rows, in tiles as high as registers allow.
#[inline(always)]
fn rows<T: Real, S: Simd<T>, const N: usize, const PARTIAL: bool>(simd: S, mut block: Block<T>) {
    let most = const { S::ROWS[N - 1] };
    while block.rows > 0 {
        // SAFETY: these are rows of the product that was checked.
        #[allow(unsafe_code)]
        let done = unsafe {
            match block.rows.min(most) {
                12.. => tile::<T, S, 12, N, PARTIAL>(simd, &block),
                8.. => tile::<T, S, 8, N, PARTIAL>(simd, &block),
                6.. => tile::<T, S, 6, N, PARTIAL>(simd, &block),
                4.. => tile::<T, S, 4, N, PARTIAL>(simd, &block),
                2.. => tile::<T, S, 2, N, PARTIAL>(simd, &block),
                _ => tile::<T, S, 1, N, PARTIAL>(simd, &block),
            }
        };
        block.rows -= done;
        block.a = block.a.wrapping_add(done * block.a_strides[0]);
        block.c = block.c.wrapping_add(done * block.c_stride);
    }
}

/// M rows; returns M.
///
/// # Safety
/// The block has as many rows, and its operands can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tile<T: Real, S: Simd<T>, const M: usize, const N: usize, const PARTIAL: bool>(
    simd: S,
    block: &Block<T>,
) -> usize {
    let mask = simd.mask(block.columns - (N - 1) * S::LANES);
    // SAFETY: reads and writes are those that the caller allows; the mask leaves out what the last vector has too much.
    unsafe {
        let load = |from: *const T, v: usize| {
            let from = from.add(v * S::LANES);
            if PARTIAL && v == N - 1 { simd.load_masked(from, mask) } else { simd.load(from) }
        };
        let mut sums = [[simd.splat(T::ZERO); N]; M];
        match block.start {
            From::Zero => {}
            From::Result => {
                for (m, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = load(block.c.add(m * block.c_stride), v);
                    }
                }
            }
            From::Bias(bias) => {
                for sums in &mut sums {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = load(bias, v);
                    }
                }
            }
        }
        let (mut a, mut b) = (block.a, block.b);
        for _ in 0..block.steps {
            let mut columns = [simd.splat(T::ZERO); N];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = load(b, v);
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let element = simd.splat(*a.add(m * block.a_strides[0]));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = simd.mul_add(element, column, *sum);
                }
            }
            a = a.wrapping_add(block.a_strides[1]);
            b = b.wrapping_add(block.b_stride);
        }
        let (low, high) = (simd.splat(block.bounds.0), simd.splat(block.bounds.1));
        for (m, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let (to, sum) = (block.c.add(m * block.c_stride + v * S::LANES), simd.clamp(sum, low, high));
                if PARTIAL && v == N - 1 { simd.store_masked(sum, to, mask) } else { simd.store(sum, to) }
            }
        }
    }
    M
}

/// Rows that are computed together: what they read stays in the second cache, and they are whole tiles.
pub fn rows_at_once(steps: usize) -> usize {
    (24 * 1024 / steps.max(1)).clamp(48, 512) / 48 * 48
}

/// `out = clamp(bias + x·w)` of `x` `[rows, steps]` and `w` `[steps, columns]`.
pub fn multiply<T: Real>(
    isa: Isa,
    x: &[T],
    w: &[T],
    [steps, columns]: [usize; 2],
    bias: Option<&[T]>,
    bounds: (T, T),
    out: &mut [T],
) {
    if columns == 0 || out.is_empty() {
        return;
    }
    let rows = out.len() / columns;
    assert_eq!((x.len(), w.len()), (rows * steps, steps * columns), "operands of a product of the wrong size");
    let start = bias.map_or(Start::Zero, Start::Bias);
    if rows >= TALL || columns <= PANEL {
        let part = rows_at_once(steps);
        out.par_chunks_mut(part * columns).enumerate().for_each(|(i, c)| {
            let (first, rows) = (i * part, c.len() / columns);
            isa.run(Product {
                a: &x[first * steps..(first + rows) * steps],
                a_strides: [steps, 1],
                b: w,
                b_stride: columns,
                c,
                c_stride: columns,
                size: [rows, steps, columns],
                start,
                bounds,
            });
        });
        return;
    }
    let panels: Vec<(usize, usize, Buffer<T>)> = (0..columns.div_ceil(PANEL))
        .into_par_iter()
        .map(|panel| {
            let first = panel * PANEL;
            let width = PANEL.min(columns - first);
            let mut c = Buffer::stale(rows * width);
            isa.run(Product {
                a: x,
                a_strides: [steps, 1],
                b: &w[first..],
                b_stride: columns,
                c: &mut c,
                c_stride: width,
                size: [rows, steps, width],
                start: match start {
                    Start::Bias(bias) => Start::Bias(&bias[first..]),
                    other => other,
                },
                bounds,
            });
            (first, width, c)
        })
        .collect();
    for (first, width, panel) in &panels {
        for (row, part) in out.chunks_exact_mut(columns).zip(panel.chunks_exact(*width)) {
            row[*first..first + width].copy_from_slice(part);
        }
    }
}

/// `out = xᵀ·dy` of `x` `[rows, steps]` and `dy` `[rows, columns]`: `[steps, columns]`.
pub fn multiply_transposed<T: Real>(isa: Isa, x: &[T], dy: &[T], [steps, columns]: [usize; 2], out: &mut [T]) {
    if columns == 0 || steps == 0 {
        return;
    }
    let rows = dy.len() / columns;
    assert_eq!((x.len(), out.len()), (rows * steps, steps * columns), "operands of a product of the wrong size");
    if rows <= 2 * TALL && steps > STRIP {
        out.par_chunks_mut(STRIP * columns).enumerate().for_each(|(i, c)| {
            let height = c.len() / columns;
            isa.run(Product {
                a: x.get(i * STRIP..).unwrap_or_default(),
                a_strides: [1, steps],
                b: dy,
                b_stride: columns,
                c,
                c_stride: columns,
                size: [height, rows, columns],
                start: Start::Zero,
                bounds: unbounded(),
            });
        });
        return;
    }
    sum_of_parts(rows, out, |first, last, sum| {
        let block = rows_at_once(steps + columns);
        for first in (first..last).step_by(block) {
            let count = block.min(last - first);
            isa.run(add_transposed(&x[first * steps..], &dy[first * columns..], [steps, count, columns], sum));
        }
    });
}

/// `sum += xᵀ·dy` of the first `size[1]` rows of `x` and `dy`.
pub fn add_transposed<'a, T: Real>(x: &'a [T], dy: &'a [T], size: [usize; 3], sum: &'a mut [T]) -> Product<'a, T> {
    let [steps, _, columns] = size;
    Product {
        a: x,
        a_strides: [1, steps],
        b: dy,
        b_stride: columns,
        c: sum,
        c_stride: columns,
        size,
        start: Start::Result,
        bounds: unbounded(),
    }
}

/// Splits `count` things in parts, has `add` add what things `first..last` give to zeros, and writes the sum of all parts.
pub fn sum_of_parts<T: Real>(count: usize, out: &mut [T], add: impl Fn(usize, usize, &mut [T]) + Sync) {
    let parts = count.div_ceil(TALL).clamp(1, PARTS);
    sum_of(parts, count, out, add);
}

/// The same with a number of parts that must not depend on threads.
pub fn sum_of<T: Real>(parts: usize, count: usize, out: &mut [T], add: impl Fn(usize, usize, &mut [T]) + Sync) {
    let each = count.div_ceil(parts.max(1)).max(1);
    let sums: Vec<Buffer<T>> = (0..count.div_ceil(each))
        .into_par_iter()
        .map(|part| {
            let mut sum = Buffer::zeros(out.len());
            add(part * each, count.min((part + 1) * each), &mut sum);
            sum
        })
        .collect();
    out.fill(T::ZERO);
    for sum in &sums {
        for (out, &value) in out.iter_mut().zip(sum.iter()) {
            *out += value;
        }
    }
}

/// `w` `[rows, columns]` with rows and columns exchanged.
pub fn transpose<T: Real>(w: &[T], rows: usize, columns: usize) -> Buffer<T> {
    const SIDE: usize = 16;
    assert_eq!(w.len(), rows * columns, "a matrix of the wrong size");
    let mut out = Buffer::stale(w.len());
    for row in (0..rows).step_by(SIDE) {
        for column in (0..columns).step_by(SIDE) {
            for c in column..columns.min(column + SIDE) {
                for r in row..rows.min(row + SIDE) {
                    out[c * rows + r] = w[r * columns + c];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{wave, worst};
    use proptest::prelude::*;

    fn reference(x: &[f64], w: &[f64], rows: usize, steps: usize, columns: usize) -> Vec<f64> {
        let mut out = vec![0.0; rows * columns];
        for r in 0..rows {
            for c in 0..columns {
                out[r * columns + c] = (0..steps).map(|s| x[r * steps + s] * w[s * columns + c]).sum();
            }
        }
        out
    }

    fn holds<T: Real>(rows: usize, steps: usize, columns: usize, tolerance: f64) {
        let (x, w, dy) = (wave(rows * steps, 0.7), wave(steps * columns, 1.3), wave(rows * columns, 0.3));
        let narrow = |v: &[f64]| v.iter().map(|&v| T::of(v)).collect::<Vec<T>>();
        let expected = reference(&x, &w, rows, steps, columns);
        let xt = transpose(&x, rows, steps);
        let expected_w = reference(&xt, &dy, steps, rows, columns);
        for isa in Isa::all() {
            let mut out = vec![T::of(9.0); rows * columns];
            multiply(isa, &narrow(&x), &narrow(&w), [steps, columns], None, unbounded(), &mut out);
            assert!(worst(&out, &expected) < tolerance, "{isa:?} {rows} {steps} {columns}");
            let mut dw = vec![T::of(9.0); steps * columns];
            multiply_transposed(isa, &narrow(&x), &narrow(&dy), [steps, columns], &mut dw);
            assert!(worst(&dw, &expected_w) < tolerance, "{isa:?} {rows} {steps} {columns}, transposed");
        }
    }

    proptest! {
        #[test]
        fn products_are_their_definition(rows in 0usize..70, steps in 0usize..70, columns in 0usize..150) {
            holds::<f64>(rows, steps, columns, 1e-12);
            holds::<f32>(rows, steps, columns, 1e-4);
        }
    }

    #[test]
    fn large_products_are_split_right() {
        holds::<f64>(5, 7, 500, 1e-12);
        holds::<f64>(2100, 5, 33, 1e-11);
        holds::<f64>(1500, 60, 9, 1e-11);
    }

    #[test]
    fn bias_and_bounds_apply() {
        let mut out = [0.0; 4];
        multiply(Isa::best(), &[1.0, -2.0], &[1.0, 10.0], [1, 2], Some(&[0.5, -1.0]), (0.0, 6.0), &mut out);
        assert_eq!(out, [1.5, 6.0, 0.0, 0.0]);
    }
}
