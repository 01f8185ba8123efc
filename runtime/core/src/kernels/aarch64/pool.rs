//! Pools of bytes, 16 channels at a time. Columns that neighbouring windows share are taken once.

use super::byte_floats::{ByteFloats, Floats};
use super::elements::{BLOCK, ToBytes, for_each_block};
use crate::kernels::portable::{EachPlaces, Places, for_each_places};
use crate::plan::step::{PoolInt8, Pooling};
use core::arch::aarch64::*;
use core::arch::asm;

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
        if places.count == 0 {
            return;
        }
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
                    _ if shares_columns(&places) => mean.write_3x3(&places, from, to),
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

/// The largest inputs of windows that [share columns](shares_columns). In assembly, where loads move places on by themselves: from
/// columns that lie as far apart, a compiler makes seven pointers that are to be moved.
///
/// # Safety
/// 16 channels of all places, at least one, from `x` and `y` on, can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn largest_of_3x3(places: &Places, x: *const u8, y: *mut u8) {
    let [row, column] = places.tap_steps;
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        asm!(
            "ld1 {{v0.16b}}, [{a}], {column}",
            "ld1 {{v1.16b}}, [{b}], {column}",
            "ld1 {{v2.16b}}, [{c}], {column}",
            "umax v0.16b, v0.16b, v1.16b",
            "umax v0.16b, v0.16b, v2.16b",
            "2:",
            "ld1 {{v1.16b}}, [{a}], {column}",
            "ld1 {{v2.16b}}, [{b}], {column}",
            "ld1 {{v3.16b}}, [{c}], {column}",
            "ld1 {{v4.16b}}, [{a}], {column}",
            "ld1 {{v5.16b}}, [{b}], {column}",
            "ld1 {{v6.16b}}, [{c}], {column}",
            "umax v1.16b, v1.16b, v2.16b",
            "umax v3.16b, v3.16b, v0.16b",
            "umax v0.16b, v4.16b, v5.16b",
            "umax v1.16b, v1.16b, v3.16b",
            "umax v0.16b, v0.16b, v6.16b",
            "umax v1.16b, v1.16b, v0.16b",
            "subs {count}, {count}, #1",
            "st1 {{v1.16b}}, [{y}], {to_step}",
            "b.ne 2b",
            a = inout(reg) x => _, b = inout(reg) x.add(row) => _, c = inout(reg) x.add(2 * row) => _, column = in(reg) column,
            y = inout(reg) y => _, to_step = in(reg) places.steps[1], count = inout(reg) places.count => _,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
            options(nostack)
        );
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
    floats: ByteFloats,
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
                floats: ByteFloats::new(step.x_zero),
                x_scale: vdupq_n_f32(step.x_scale),
                y_scale: vdupq_n_f32(step.y_scale),
                y_zero: vdupq_n_f32(step.y_zero as f32),
                bytes: ToBytes::new(0, 0, 255),
            }
        }
    }

    /// What 16 bytes stand for.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn inputs(&self, x: *const u8) -> Floats {
        // SAFETY: as the caller says.
        unsafe {
            let mut inputs = self.floats.of(vld1q_u8(x));
            for i in 0..4 {
                inputs[i] = vmulq_f32(inputs[i], self.x_scale);
            }
            inputs
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
            for _ in 0..places.count {
                let mut sums = [vdupq_n_f32(0.0); 4];
                for row in 0..taps[0] {
                    for column in 0..taps[1] {
                        let at = row * places.tap_steps[0] + column * places.tap_steps[1];
                        sums = plus(sums, self.inputs(x.add(at)));
                    }
                }
                self.write_bytes(sums, places, y);
                (x, y) = (x.wrapping_add(places.steps[0]), y.wrapping_add(places.steps[1]));
            }
        }
    }

    /// The same of windows that [share columns](shares_columns), whose inputs are made once.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn write_3x3(&self, places: &Places, x: *const u8, mut y: *mut u8) {
        let [row, column] = places.tap_steps;
        // SAFETY: as the caller says.
        unsafe {
            let rows = [x, x.add(row), x.add(2 * row)];
            let mut first = rows.map(|x| self.inputs(x));
            let mut at = column;
            for _ in 0..places.count {
                let mut sums = [vdupq_n_f32(0.0); 4];
                for row in 0..3 {
                    sums = plus(sums, first[row]);
                    sums = plus(sums, self.inputs(rows[row].add(at)));
                    first[row] = self.inputs(rows[row].add(at + column));
                    sums = plus(sums, first[row]);
                }
                self.write_bytes(sums, places, y);
                (at, y) = (at + places.steps[0], y.wrapping_add(places.steps[1]));
            }
        }
    }

    /// Writes the means of sums.
    ///
    /// # Safety
    /// 16 bytes can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn write_bytes(&self, sums: Floats, places: &Places, y: *mut u8) {
        // SAFETY: as the caller says.
        unsafe {
            let inputs = vdupq_n_f32(places.inputs);
            let means = sums.map(|sum| vaddq_f32(vdivq_f32(vdivq_f32(sum, inputs), self.y_scale), self.y_zero));
            vst1q_u8(y, self.bytes.apply(means));
        }
    }
}

/// Sums and inputs.
#[inline(always)]
#[allow(unsafe_code)]
fn plus(mut sums: Floats, inputs: Floats) -> Floats {
    for i in 0..4 {
        // SAFETY: every aarch64 processor has NEON.
        sums[i] = unsafe { vaddq_f32(sums[i], inputs[i]) };
    }
    sums
}
