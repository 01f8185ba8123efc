//! Doubling a map's rows and columns by repeating its pixels, alone or added to a finer map.

use rayon::prelude::*;

use super::elementwise::{Loop, clamp};
use crate::Real;
use crate::simd::Isa;

/// Rows, columns and channels of the coarse map; the fine one has twice as many rows and columns.
pub type Coarse = [usize; 3];

/// `out` is `coarse` with every pixel repeated twice along both axes, plus `fine` where that is given, clamped.
pub fn double<T: Real>(
    isa: Isa,
    coarse: &[T],
    fine: Option<&[T]>,
    [height, width, channels]: Coarse,
    bounds: (T, T),
    out: &mut [T],
) {
    let row = width * channels;
    assert_eq!((coarse.len() * 4, coarse.len() % (height * row).max(1)), (out.len(), 0), "maps of the wrong size");
    assert!(fine.is_none_or(|fine| fine.len() == out.len()), "maps of the same size");
    if out.is_empty() {
        return;
    }
    out.par_chunks_mut(4 * row).zip(coarse.par_chunks(row)).enumerate().for_each(|(i, (out, coarse))| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for (half, out) in out.chunks_exact_mut(2 * row).enumerate() {
                    let pixels = out.chunks_exact_mut(channels).enumerate();
                    match fine.map(|fine| &fine[(2 * i + half) * 2 * row..][..2 * row]) {
                        None => {
                            for (x, out) in pixels {
                                out.copy_from_slice(&coarse[x / 2 * channels..][..channels]);
                            }
                        }
                        Some(fine) => {
                            for (x, out) in pixels {
                                let fine = &fine[x * channels..][..channels];
                                let coarse = &coarse[x / 2 * channels..][..channels];
                                for ((out, &fine), &coarse) in out.iter_mut().zip(fine).zip(coarse) {
                                    *out = clamp(fine + coarse, bounds);
                                }
                            }
                        }
                    }
                }
            },
        ));
    });
}

/// Gradient with respect to the coarse map: the sum of its four copies'.
pub fn double_gradient<T: Real>(isa: Isa, dy: &[T], [height, width, channels]: Coarse, dx: &mut [T]) {
    let row = width * channels;
    assert_eq!((dx.len() * 4, dx.len() % (height * row).max(1)), (dy.len(), 0), "maps of the wrong size");
    if dx.is_empty() {
        return;
    }
    dx.par_chunks_mut(row).zip(dy.par_chunks(4 * row)).for_each(|(dx, dy)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                let (upper, lower) = dy.split_at(2 * row);
                for (x, dx) in dx.chunks_exact_mut(channels).enumerate() {
                    let (a, b) = upper[2 * x * channels..][..2 * channels].split_at(channels);
                    let (c, d) = lower[2 * x * channels..][..2 * channels].split_at(channels);
                    for ((((dx, &a), &b), &c), &d) in dx.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *dx = (a + b) + (c + d);
                    }
                }
            },
        ));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{dot, slope, wave};

    #[test]
    fn pixels_are_repeated_and_gradients_summed() {
        let size = [2, 3, 2];
        let (x, fine, dy) = (wave(2 * 12, 0.7), wave(2 * 48, 0.9), wave(2 * 48, 0.3));
        for isa in Isa::all() {
            let mut out = vec![9.0; 2 * 48];
            double(isa, &x, None, size, (0.0, 6.0), &mut out);
            for (i, &value) in out.iter().enumerate() {
                let (channel, column, row, map) = (i % 2, i / 2 % 6, i / 12 % 4, i / 48);
                assert_eq!(value, x[map * 12 + row / 2 * 6 + column / 2 * 2 + channel]);
            }
            let of = |x: &[f64]| {
                let mut out = vec![9.0; 2 * 48];
                double(isa, x, Some(&fine), size, (f64::NEG_INFINITY, f64::INFINITY), &mut out);
                dot(&out, &dy)
            };
            let mut dx = vec![9.0; x.len()];
            double_gradient(isa, &dy, size, &mut dx);
            for (at, dx) in dx.iter().enumerate() {
                assert!((slope(&x, at, 1e-3, of) - dx).abs() < 1e-9);
            }
        }
    }
}
