//! Pools of bytes, 16 channels at a time. Of a maximum's columns, each is taken once where neighbouring windows share it.

use super::elements::{BLOCK, ToBytes, floats, for_each_block};
use crate::kernels::portable::{EachPlaces, Places, for_each_places};
use crate::plan::step::{PoolInt8, Pooling};
use core::arch::aarch64::*;

/// Whether there are enough channels.
pub fn is_covered(step: &PoolInt8) -> bool {
    step.y.channels as usize >= BLOCK && u8::try_from(step.x_zero).is_ok()
}

/// See [`PoolInt8`]. Only of steps that [are covered](is_covered).
///
/// # Panics
/// Where a slice is shorter than the step says; the check of a plan sees to that.
pub fn pool(step: &PoolInt8, x: &[u8], y: &mut [u8]) {
    let mut pool = Pool { pooling: step.pooling, channels: step.y.channels as usize, mean: Mean::of(step), x, y };
    for_each_places(step.pooling, [&step.x, &step.y], &step.window, &mut pool);
}

/// The pool of all places.
struct Pool<'p> {
    pooling: Pooling,
    channels: usize,
    mean: Mean,
    x: &'p [u8],
    y: &'p mut [u8],
}

impl EachPlaces for Pool<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn at(&mut self, places: Places) {
        let Pool { pooling, channels, mean, x, y } = self;
        let [x_reach, y_reach] = places.reach(*channels);
        assert!(x_reach <= x.len() && y_reach <= y.len(), "operands");
        for_each_block::<BLOCK>(*channels, |channel| {
            // SAFETY: the furthest channel of the furthest place is within both.
            unsafe {
                let from = x.as_ptr().add(places.first[0] + channel);
                let to = y.as_mut_ptr().add(places.first[1] + channel);
                match pooling {
                    Pooling::Maximum if shares_columns(&places) => largest_of_3x3(&places, from, to),
                    Pooling::Maximum => largest(&places, from, to),
                    // The usual window is unrolled.
                    _ if places.taps == [3, 3] => mean.write(&places, [3, 3], from, to),
                    _ => mean.write(&places, places.taps, from, to),
                }
            }
        });
    }
}

/// Whether the last of a window's three columns is the first one of the next window.
fn shares_columns(places: &Places) -> bool {
    places.taps == [3, 3] && places.steps[0] == 2 * places.tap_steps[1]
}

/// The largest inputs of windows that [share columns](shares_columns).
///
/// # Safety
/// 16 channels of all places, from `x` and `y` on, can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn largest_of_3x3(places: &Places, mut x: *const u8, mut y: *mut u8) {
    let [row, column] = places.tap_steps;
    // SAFETY: as the caller says.
    unsafe {
        let largest = |x: *const u8| {
            let (a, b, c) = (vld1q_u8(x), vld1q_u8(x.add(row)), vld1q_u8(x.add(2 * row)));
            vmaxq_u8(vmaxq_u8(a, b), c)
        };
        let mut first = largest(x);
        for _ in 0..places.count {
            let (second, third) = (largest(x.add(column)), largest(x.add(2 * column)));
            vst1q_u8(y, vmaxq_u8(vmaxq_u8(first, second), third));
            first = third;
            (x, y) = (x.wrapping_add(places.steps[0]), y.wrapping_add(places.steps[1]));
        }
    }
}

/// The largest inputs of any windows.
///
/// # Safety
/// 16 channels of all places, from `x` and `y` on, can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn largest(places: &Places, mut x: *const u8, mut y: *mut u8) {
    // SAFETY: as the caller says.
    unsafe {
        for _ in 0..places.count {
            let mut most = vdupq_n_u8(0);
            for row in 0..places.taps[0] {
                for column in 0..places.taps[1] {
                    let at = row * places.tap_steps[0] + column * places.tap_steps[1];
                    most = vmaxq_u8(most, vld1q_u8(x.add(at)));
                }
            }
            vst1q_u8(y, most);
            (x, y) = (x.wrapping_add(places.steps[0]), y.wrapping_add(places.steps[1]));
        }
    }
}

/// What means are made with.
struct Mean {
    x_zero: uint8x8_t,
    x_scale: float32x4_t,
    y_scale: float32x4_t,
    /// Added before rounding, which decides ties.
    y_zero: float32x4_t,
    bytes: ToBytes,
}

impl Mean {
    #[allow(unsafe_code)]
    fn of(step: &PoolInt8) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            Mean {
                x_zero: vdup_n_u8(step.x_zero as u8),
                x_scale: vdupq_n_f32(step.x_scale),
                y_scale: vdupq_n_f32(step.y_scale),
                y_zero: vdupq_n_f32(step.y_zero as f32),
                bytes: ToBytes::new(0, 0, 255),
            }
        }
    }

    /// Writes the means of windows of `taps`, summed up in the order of the portable code.
    ///
    /// # Safety
    /// 16 channels of all places, from `x` and `y` on, can be read and written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn write(&self, places: &Places, taps: [usize; 2], mut x: *const u8, mut y: *mut u8) {
        // SAFETY: as the caller says.
        unsafe {
            let inputs = vdupq_n_f32(places.inputs);
            for _ in 0..places.count {
                let mut sums = [vdupq_n_f32(0.0); 4];
                for row in 0..taps[0] {
                    for column in 0..taps[1] {
                        let at = row * places.tap_steps[0] + column * places.tap_steps[1];
                        let values = floats(vld1q_u8(x.add(at)), self.x_zero);
                        for i in 0..4 {
                            sums[i] = vaddq_f32(sums[i], vmulq_f32(values[i], self.x_scale));
                        }
                    }
                }
                let means = sums.map(|sum| vaddq_f32(vdivq_f32(vdivq_f32(sum, inputs), self.y_scale), self.y_zero));
                vst1q_u8(y, self.bytes.apply(means));
                (x, y) = (x.wrapping_add(places.steps[0]), y.wrapping_add(places.steps[1]));
            }
        }
    }
}
