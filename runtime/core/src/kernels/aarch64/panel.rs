//! Panels: the inputs of a few pixels at a time, in the order in which [`tile_rows`](super::tile_rows) reads them.
//!
//! Every block of channels reads the inputs anew. Brought into order once, they are flipped once, four vectors take one load,
//! and what a pixel's last vector has too many is arbitrary: the weights there are 0.

use super::neon::{flipped_by, some};
use crate::kernels::vector::Runs;
use core::arch::aarch64::*;
use core::mem::MaybeUninit;

/// Pixels of a panel.
pub const PIXELS: usize = 4;

/// Inputs of a unit: a vector.
pub const UNIT: usize = 16;

/// Bytes of panels that are made at a time: they stay in the smallest first cache, of 32 KiB, along with weights and results.
const LEN: usize = 8 << 10;

/// Panels, `[panel][unit][pixel][input]`.
pub struct Panels {
    bytes: MaybeUninit<[i8; LEN]>,
}

impl Panels {
    /// Room for panels.
    #[inline(always)]
    pub fn new() -> Self {
        Panels { bytes: MaybeUninit::uninit() }
    }

    /// How many pixels of `units` units there is room for, a multiple of [`PIXELS`].
    #[inline(always)]
    pub fn room(units: usize) -> usize {
        LEN / (units * UNIT * PIXELS).max(1) * PIXELS
    }

    /// The first panel.
    #[inline(always)]
    pub fn start(&self) -> *const i8 {
        self.bytes.as_ptr().cast()
    }

    /// Fills panels with the inputs of `pixels` pixels, a multiple of [`PIXELS`] that there is [`room`](Self::room) for.
    ///
    /// # Safety
    /// The inputs of so many pixels can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn fill(&mut self, runs: &Runs<'_>, pixels: usize) {
        let Runs { starts, offset, step, readable, flip, .. } = *runs;
        let inputs = runs.fours * 4 + runs.rest;
        let (whole, left) = (inputs / UNIT, inputs % UNIT);
        let units = whole + usize::from(left > 0);
        debug_assert!(pixels <= Self::room(units));
        let mut to = self.bytes.as_mut_ptr().cast::<i8>();
        // SAFETY: as the caller says; whole vectors are read where they can be. What is written is within the room.
        unsafe {
            for first in (0..pixels).step_by(PIXELS) {
                let at = offset + first * step;
                let x = starts[0].add(at);
                // The last vector of a pixel may reach into the next one's inputs.
                let is_readable = at + (PIXELS - 1) * step + units * UNIT <= readable;
                for unit in 0..whole {
                    for pixel in 0..PIXELS {
                        let inputs = vld1q_u8(x.add(pixel * step + unit * UNIT));
                        vst1q_s8(to.add(pixel * UNIT), flipped_by(inputs, flip));
                    }
                    to = to.add(PIXELS * UNIT);
                }
                if left > 0 {
                    for pixel in 0..PIXELS {
                        let from = x.add(pixel * step + whole * UNIT);
                        let inputs = if is_readable { vld1q_u8(from) } else { some(from, left) };
                        vst1q_s8(to.add(pixel * UNIT), flipped_by(inputs, flip));
                    }
                    to = to.add(PIXELS * UNIT);
                }
            }
        }
    }
}
