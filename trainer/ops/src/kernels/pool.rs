//! Pooling of NHWC maps: the greatest, or the mean, of what a window sees of a channel; and the mean of a whole map.

use rayon::prelude::*;

use super::elementwise::Loop;
use crate::Real;
use crate::simd::Isa;
use crate::window::Geometry;

/// Channels handled at once.
const LANES: usize = 16;

/// The input's pixel under element `tap` of the window at `place`, if it is not padding.
#[inline(always)]
fn pixel(g: &Geometry, place: usize, tap: usize) -> Option<usize> {
    let y = g.under(0, place / g.output[1], tap / g.window.kernel[1])?;
    let x = g.under(1, place % g.output[1], tap % g.window.kernel[1])?;
    Some(y * g.input[1] + x)
}

/// The greatest each window sees. Padding is never the greatest; not a number always is.
pub fn max<T: Real>(isa: Isa, x: &[T], g: Geometry, out: &mut [T]) {
    each_map(isa, x, out, g, |map, out| {
        for (place, out) in out.chunks_exact_mut(g.channels).enumerate() {
            out.fill(T::LOWEST);
            for tap in 0..g.window.taps() {
                let Some(pixel) = pixel(&g, place, tap) else { continue };
                let from = &map[pixel * g.channels..][..g.channels];
                for (out, &x) in out.iter_mut().zip(from) {
                    // Not a number is neither less nor greater, so it is taken and then kept.
                    *out = if x > *out || is_nan(x) { x } else { *out };
                }
            }
        }
    });
}

#[inline(always)]
#[allow(clippy::eq_op)]
fn is_nan<T: Real>(x: T) -> bool {
    x != x
}

/// Gradient of [`max`] with respect to `x`: each output's goes to the first element that equals it.
pub fn max_gradient<T: Real>(isa: Isa, x: &[T], y: &[T], dy: &[T], g: Geometry, dx: &mut [T]) {
    let (places, channels) = (g.places() * g.channels, g.channels);
    assert_eq!((y.len(), dy.len()), (g.batch * places, g.batch * places), "a pooling's output of the wrong size");
    each_map(isa, x, dx, Geometry { output: g.input, ..g }, |_, dx| dx.fill(T::ZERO));
    if places == 0 {
        return;
    }
    let maps = dx.par_chunks_mut(g.in_map()).zip(x.par_chunks(g.in_map()));
    maps.zip(y.par_chunks(places)).zip(dy.par_chunks(places)).for_each(|(((dx, x), y), dy)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for (place, (y, dy)) in y.chunks_exact(channels).zip(dy.chunks_exact(channels)).enumerate() {
                    for first in (0..channels).step_by(LANES) {
                        let lanes = LANES.min(channels - first);
                        // What is left to give away.
                        let mut rest = [T::ZERO; LANES];
                        rest[..lanes].copy_from_slice(&dy[first..first + lanes]);
                        let y = &y[first..first + lanes];
                        for tap in 0..g.window.taps() {
                            let Some(pixel) = pixel(&g, place, tap) else { continue };
                            let at = pixel * channels + first;
                            let (x, dx) = (&x[at..at + lanes], &mut dx[at..at + lanes]);
                            for (((dx, &x), &y), rest) in dx.iter_mut().zip(x).zip(y).zip(&mut rest) {
                                let taken = x == y || (is_nan(x) && is_nan(y));
                                *dx += if taken { *rest } else { T::ZERO };
                                *rest = if taken { T::ZERO } else { *rest };
                            }
                        }
                    }
                }
            },
        ));
    });
}

/// What the sum of a window is divided by: its elements inside the map, or all of them where padding counts.
#[inline(always)]
fn divisor(g: &Geometry, place: usize, count_padding: bool) -> usize {
    if count_padding {
        return g.window.taps();
    }
    let inside = |axis: usize, place: usize| {
        (0..g.window.kernel[axis]).filter(|&tap| g.under(axis, place, tap).is_some()).count()
    };
    (inside(0, place / g.output[1]) * inside(1, place % g.output[1])).max(1)
}

/// The mean of what each window sees; padding counts as zeros, or not at all.
pub fn average<T: Real>(isa: Isa, x: &[T], g: Geometry, count_padding: bool, out: &mut [T]) {
    each_map(isa, x, out, g, |map, out| {
        for (place, out) in out.chunks_exact_mut(g.channels).enumerate() {
            out.fill(T::ZERO);
            for tap in 0..g.window.taps() {
                let Some(pixel) = pixel(&g, place, tap) else { continue };
                for (out, &x) in out.iter_mut().zip(&map[pixel * g.channels..][..g.channels]) {
                    *out += x;
                }
            }
            let factor = T::of(1.0 / divisor(&g, place, count_padding) as f64);
            out.iter_mut().for_each(|out| *out = *out * factor);
        }
    });
}

/// Gradient of [`average`] with respect to its input.
pub fn average_gradient<T: Real>(isa: Isa, dy: &[T], g: Geometry, count_padding: bool, dx: &mut [T]) {
    assert_eq!(dy.len(), g.batch * g.places() * g.channels, "a pooling's output of the wrong size");
    if dx.is_empty() {
        return;
    }
    dx.par_chunks_mut(g.in_map()).zip(dy.par_chunks(g.places() * g.channels)).for_each(|(dx, dy)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                dx.fill(T::ZERO);
                for (place, dy) in dy.chunks_exact(g.channels).enumerate() {
                    let factor = T::of(1.0 / divisor(&g, place, count_padding) as f64);
                    for tap in 0..g.window.taps() {
                        let Some(pixel) = pixel(&g, place, tap) else { continue };
                        for (dx, &dy) in dx[pixel * g.channels..][..g.channels].iter_mut().zip(dy) {
                            *dx = dy.mul_add(factor, *dx);
                        }
                    }
                }
            },
        ));
    });
}

/// The mean of each map's channels: `out` is `[batch, channels]`, `pixels` what a map has.
pub fn global_average<T: Real>(isa: Isa, x: &[T], pixels: usize, channels: usize, out: &mut [T]) {
    assert_eq!(x.len() * channels, out.len() * pixels * channels, "a mean of the wrong size");
    if x.is_empty() {
        out.fill(T::ZERO);
        return;
    }
    let factor = T::of(1.0 / pixels as f64);
    out.par_chunks_mut(channels).zip(x.par_chunks(pixels * channels)).for_each(|(out, map)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                out.fill(T::ZERO);
                for pixel in map.chunks_exact(channels) {
                    for (out, &x) in out.iter_mut().zip(pixel) {
                        *out += x;
                    }
                }
                out.iter_mut().for_each(|out| *out = *out * factor);
            },
        ));
    });
}

/// Gradient of [`global_average`] with respect to its input.
pub fn global_average_gradient<T: Real>(isa: Isa, dy: &[T], pixels: usize, channels: usize, dx: &mut [T]) {
    assert_eq!(dx.len() * channels, dy.len() * pixels * channels, "a mean of the wrong size");
    if dx.is_empty() {
        return;
    }
    let factor = T::of(1.0 / pixels as f64);
    dx.par_chunks_mut(pixels * channels).zip(dy.par_chunks(channels)).for_each(|(dx, dy)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                for pixel in dx.chunks_exact_mut(channels) {
                    for (dx, &dy) in pixel.iter_mut().zip(dy) {
                        *dx = dy * factor;
                    }
                }
            },
        ));
    });
}

/// Runs `f` on each map of the input and its map of the output.
fn each_map<T: Real>(isa: Isa, x: &[T], out: &mut [T], g: Geometry, f: impl Fn(&[T], &mut [T]) + Sync) {
    let places = g.places() * g.channels;
    assert_eq!((x.len(), out.len()), (g.batch * g.in_map(), g.batch * places), "a pooling's maps of the wrong size");
    if out.is_empty() {
        return;
    }
    out.par_chunks_mut(places).zip(x.par_chunks(g.in_map())).for_each(|(out, map)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || f(map, out),
        ));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{dot, slope, wave};
    use crate::window::Window;

    const WINDOWS: [Window; 4] = [
        Window::tiles(2),
        Window::square(3, 2),
        Window { kernel: [3, 2], stride: [1, 2], padding: [2, 0] },
        Window::square(5, 1),
    ];

    #[test]
    fn gradients_match_finite_differences() {
        for window in WINDOWS {
            let g = Geometry::new([2, 6, 7, 19], window);
            let x = wave(2 * g.in_map(), 0.77);
            let dy = wave(2 * g.places() * g.channels, 0.31);
            for isa in Isa::all() {
                let mut y = vec![7.0; dy.len()];
                let of_max = |x: &[f64]| {
                    let mut y = vec![7.0; dy.len()];
                    max(isa, x, g, &mut y);
                    dot(&y, &dy)
                };
                max(isa, &x, g, &mut y);
                let mut dx = vec![7.0; x.len()];
                max_gradient(isa, &x, &y, &dy, g, &mut dx);
                for at in (0..x.len()).step_by(13) {
                    assert!((slope(&x, at, 1e-7, of_max) - dx[at]).abs() < 1e-6, "{window:?} {at}");
                }
                for counts in [false, true] {
                    let of_mean = |x: &[f64]| {
                        let mut y = vec![7.0; dy.len()];
                        average(isa, x, g, counts, &mut y);
                        dot(&y, &dy)
                    };
                    average_gradient(isa, &dy, g, counts, &mut dx);
                    for at in (0..x.len()).step_by(13) {
                        assert!((slope(&x, at, 1e-3, of_mean) - dx[at]).abs() < 1e-9, "{window:?} {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_of_equals_gets_the_gradient_and_padding_nothing() {
        let g = Geometry::new([1, 2, 2, 1], Window::square(3, 2));
        let x = [-3.0, -3.0, -5.0, f64::NAN];
        let mut y = [0.0];
        max(Isa::best(), &x[..], g, &mut y);
        assert!(y[0].is_nan());
        let x = [-3.0, -3.0, -5.0, -4.0];
        max(Isa::best(), &x, g, &mut y);
        let mut dx = [9.0; 4];
        max_gradient(Isa::best(), &x, &y, &[2.0], g, &mut dx);
        assert_eq!((y, dx), ([-3.0], [2.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn a_whole_map_is_one_window() {
        let (x, dy) = (wave(2 * 6 * 5, 0.7), wave(2 * 5, 0.3));
        let of = |x: &[f64]| {
            let mut out = vec![0.0; 10];
            global_average(Isa::best(), x, 6, 5, &mut out);
            dot(&out, &dy)
        };
        let mut dx = vec![7.0; x.len()];
        global_average_gradient(Isa::best(), &dy, 6, 5, &mut dx);
        for (at, dx) in dx.iter().enumerate() {
            assert!((slope(&x, at, 1e-3, of) - dx).abs() < 1e-10);
        }
    }
}
