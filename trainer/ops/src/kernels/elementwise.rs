//! Sums of two maps, activations by themselves, and sums over rows. Memory is the limit here: one pass each.

use rayon::prelude::*;

use super::product::sum_of_parts;
use crate::Real;
use crate::simd::{Isa, Simd, Task};

/// Elements that one part of the work has.
const PART: usize = 32 << 10;

/// A loop over slices, which the compiler turns into vectors of the set that enters it.
pub struct Loop<F>(pub F);

impl<T: Real, F: FnOnce()> Task<T> for Loop<F> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, _simd: S) {
        (self.0)();
    }
}

/// `value` between the bounds; not a number stays what it is.
#[inline(always)]
pub fn clamp<T: Real>(value: T, (low, high): (T, T)) -> T {
    let value = if value < low { low } else { value };
    if value > high { high } else { value }
}

/// `out = clamp(a + b)`.
pub fn add<T: Real>(isa: Isa, a: &[T], b: &[T], bounds: (T, T), out: &mut [T]) {
    assert_eq!((a.len(), b.len()), (out.len(), out.len()), "maps of the same size");
    out.par_chunks_mut(PART).zip(a.par_chunks(PART)).zip(b.par_chunks(PART)).for_each(|((out, a), b)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    *out = clamp(a + b, bounds);
                }
            },
        ));
    });
}

/// `out = clamp(x)`.
pub fn activate<T: Real>(isa: Isa, x: &[T], bounds: (T, T), out: &mut [T]) {
    assert_eq!(x.len(), out.len(), "maps of the same size");
    out.par_chunks_mut(PART).zip(x.par_chunks(PART)).for_each(|(out, x)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = clamp(x, bounds);
                }
            },
        ));
    });
}

/// Sets to 0 what the gradient `dy` has where `y`, or what was clamped to it, lies at or beyond the bounds.
pub fn gate<T: Real>(isa: Isa, y: &[T], bounds: (T, T), dy: &mut [T]) {
    assert_eq!(y.len(), dy.len(), "maps of the same size");
    dy.par_chunks_mut(PART).zip(y.par_chunks(PART)).for_each(|(dy, y)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for (dy, &y) in dy.iter_mut().zip(y) {
                    *dy = if y <= bounds.0 || y >= bounds.1 { T::ZERO } else { *dy };
                }
            },
        ));
    });
}

/// Sums over the rows of `x` `[rows, columns]`.
pub fn sum_rows<T: Real>(isa: Isa, x: &[T], columns: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; columns];
    let rows = x.len() / columns.max(1);
    sum_of_parts(rows, &mut out, |first, last, sum| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for row in x[first * columns..last * columns].chunks_exact(columns) {
                    for (sum, &x) in sum.iter_mut().zip(row) {
                        *sum += x;
                    }
                }
            },
        ));
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_computes_the_same() {
        let (a, b) = ([-1.0f32, 0.5, 4.0, f32::NAN, 1.0], [0.5f32, 0.25, 3.0, 1.0, -1.0]);
        for isa in Isa::all() {
            let mut out = [9.0; 5];
            add(isa, &a, &b, (0.0, 6.0), &mut out);
            assert!(out[3].is_nan());
            assert_eq!((out[0], out[1], out[2], out[4]), (0.0, 0.75, 6.0, 0.0));
            activate(isa, &a, (0.0, f32::INFINITY), &mut out);
            assert!(out[3].is_nan());
            assert_eq!((out[0], out[1], out[2], out[4]), (0.0, 0.5, 4.0, 1.0));
            let mut dy = [1.0; 5];
            gate(isa, &[0.0, 0.5, 6.0, f32::NAN, -0.0], (0.0, 6.0), &mut dy);
            assert_eq!(dy, [0.0, 1.0, 0.0, 1.0, 0.0]);
            assert_eq!(sum_rows(isa, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [5.0, 7.0, 9.0]);
        }
    }
}
