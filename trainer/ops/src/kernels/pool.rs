//! Pooling of NHWC maps: the greatest, or the mean, of what a window sees of a channel; and the mean of a whole map.

use rayon::prelude::*;

use super::elementwise::Loop;
use super::sweep;
use crate::Real;
use crate::simd::{Isa, Simd, Task};
use crate::window::Geometry;

/// Calls `f` with each place of the window in one map and the pixels of the input that it sees there, in row order.
#[inline(always)]
fn each_place(g: &Geometry, mut f: impl FnMut(usize, &Pixels)) {
    for row in 0..g.output[0] {
        let [top, bottom] = seen(g, 0, row);
        for column in 0..g.output[1] {
            let [left, right] = seen(g, 1, column);
            f(row * g.output[1] + column, &Pixels { top, bottom, left, right, width: g.input[1] });
        }
    }
}

/// The input's rows or columns under the window at a place: from, to.
#[inline(always)]
fn seen(g: &Geometry, axis: usize, place: usize) -> [usize; 2] {
    let (start, padding) = (place * g.window.stride[axis], g.window.padding[axis]);
    [start.saturating_sub(padding), (start + g.window.kernel[axis]).saturating_sub(padding).min(g.input[axis])]
}

/// A rectangle of the input's pixels.
struct Pixels {
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
    width: usize,
}

impl Pixels {
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize)) {
        for y in self.top..self.bottom {
            for x in self.left..self.right {
                f(y * self.width + x);
            }
        }
    }

    /// What their sum is divided by: their number, or all places of the window where padding counts.
    #[inline(always)]
    fn divisor(&self, g: &Geometry, count_padding: bool) -> usize {
        if count_padding { g.window.taps() } else { ((self.bottom - self.top) * (self.right - self.left)).max(1) }
    }
}

/// The greatest each window sees. Padding is never the greatest; not a number always is.
pub fn max<T: Real>(isa: Isa, x: &[T], g: Geometry, out: &mut [T]) {
    let places = check(x, out, g);
    if places == 0 {
        return;
    }
    out.par_chunks_mut(places).zip(x.par_chunks(g.in_map())).for_each(|(out, x)| isa.run(Max { x, out, g }));
}

/// Gradient of [`max`] with respect to `x`: each output's goes to the first element that equals it.
pub fn max_gradient<T: Real>(isa: Isa, x: &[T], y: &[T], dy: &[T], g: Geometry, dx: &mut [T]) {
    let places = check(dx, y, g);
    assert_eq!((x.len(), dy.len()), (dx.len(), y.len()), "a pooling's maps of the wrong size");
    if places == 0 {
        return dx.fill(T::ZERO);
    }
    let maps = dx.par_chunks_mut(g.in_map()).zip(x.par_chunks(g.in_map()));
    maps.zip(y.par_chunks(places)).zip(dy.par_chunks(places)).for_each(|(((dx, x), y), dy)| {
        isa.run(MaxGradient { x, y, dy, dx, g });
    });
}

/// Elements of one map's output.
fn check<T>(x: &[T], out: &[T], g: Geometry) -> usize {
    let places = g.places() * g.channels;
    assert_eq!((x.len(), out.len()), (g.batch * g.in_map(), g.batch * places), "a pooling's maps of the wrong size");
    if x.is_empty() { 0 } else { places }
}

/// One map.
struct Max<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    g: Geometry,
}

impl<T: Real> Task<T> for Max<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Max { x, out, g } = self;
        assert!(x.len() == g.in_map() && out.len() == g.places() * g.channels);
        each_place(&g, |place, pixels| {
            for channel in (0..g.channels).step_by(S::LANES) {
                let mask = part(simd, g.channels - channel);
                let mut most = simd.splat(T::LOWEST);
                // SAFETY: pixels and places are those of the geometry, and the mask leaves out what the last vector has too much.
                #[allow(unsafe_code)]
                unsafe {
                    pixels.each(|pixel| {
                        let x = sweep::load(simd, x.as_ptr().add(pixel * g.channels + channel), mask);
                        most = simd.greater(most, x);
                    });
                    sweep::store(simd, most, out.as_mut_ptr().add(place * g.channels + channel), mask);
                }
            }
        });
    }
}

/// One map.
struct MaxGradient<'a, T> {
    x: &'a [T],
    y: &'a [T],
    dy: &'a [T],
    dx: &'a mut [T],
    g: Geometry,
}

impl<T: Real> Task<T> for MaxGradient<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let MaxGradient { x, y, dy, dx, g } = self;
        let places = g.places() * g.channels;
        assert!(x.len() == g.in_map() && dx.len() == x.len() && y.len() == places && dy.len() == places);
        // Where every element is seen once, there is nothing to add to.
        let tiles = g.window.kernel == g.window.stride
            && g.window.padding == [0, 0]
            && (0..2).all(|axis| g.output[axis] * g.window.stride[axis] == g.input[axis]);
        if !tiles {
            dx.fill(T::ZERO);
        }
        each_place(&g, |place, pixels| {
            for channel in (0..g.channels).step_by(S::LANES) {
                let mask = part(simd, g.channels - channel);
                let at = place * g.channels + channel;
                // SAFETY: pixels and places are those of the geometry, and the mask leaves out what the last vector has too much.
                #[allow(unsafe_code)]
                unsafe {
                    let most = sweep::load(simd, y.as_ptr().add(at), mask);
                    // What is left to give away.
                    let mut rest = sweep::load(simd, dy.as_ptr().add(at), mask);
                    pixels.each(|pixel| {
                        let at = pixel * g.channels + channel;
                        let to = dx.as_mut_ptr().add(at);
                        let given = simd.where_equal(rest, sweep::load(simd, x.as_ptr().add(at), mask), most);
                        rest = simd.sub(rest, given);
                        let sum = if tiles { given } else { simd.add(sweep::load(simd, to, mask), given) };
                        sweep::store(simd, sum, to, mask);
                    });
                }
            }
        });
    }
}

/// The mask of a vector that has fewer elements than lanes.
#[inline(always)]
fn part<T: Real, S: Simd<T>>(simd: S, left: usize) -> Option<S::Mask> {
    (left < S::LANES).then(|| simd.mask(left))
}

/// The mean of what each window sees; padding counts as zeros, or not at all.
pub fn average<T: Real>(isa: Isa, x: &[T], g: Geometry, count_padding: bool, out: &mut [T]) {
    let places = check(x, out, g);
    if places == 0 {
        return;
    }
    out.par_chunks_mut(places).zip(x.par_chunks(g.in_map())).for_each(|(out, map)| {
        isa.run::<T, _>(Loop(
            #[inline(always)]
            || {
                each_place(&g, |place, pixels| {
                    let out = &mut out[place * g.channels..][..g.channels];
                    out.fill(T::ZERO);
                    pixels.each(|pixel| {
                        for (out, &x) in out.iter_mut().zip(&map[pixel * g.channels..][..g.channels]) {
                            *out += x;
                        }
                    });
                    let factor = T::of(1.0 / pixels.divisor(&g, count_padding) as f64);
                    out.iter_mut().for_each(|out| *out = *out * factor);
                });
            },
        ));
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
                each_place(&g, |place, pixels| {
                    let factor = T::of(1.0 / pixels.divisor(&g, count_padding) as f64);
                    let dy = &dy[place * g.channels..][..g.channels];
                    pixels.each(|pixel| {
                        for (dx, &dy) in dx[pixel * g.channels..][..g.channels].iter_mut().zip(dy) {
                            *dx = dy.mul_add(factor, *dx);
                        }
                    });
                });
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
