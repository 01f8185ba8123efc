//! The integer matrix product of base NEON: 16 inputs of an output channel at a time.
//!
//! Without dot products, the cheapest exact way is to let the lanes of a vector hold inputs: SMULL and SMLAL add products of
//! eight inputs each in 16 bits, and SADALP adds pairs of those to four 32-bit sums, which are added up at the end. Two products
//! always fit 16 bits unless both weights are −128 (2 · 128 · 128 = 2¹⁵); where that may be, each goes to the sums by itself.
//! Three fit where the three weights' magnitudes are 255 at most, roughly: that is noted when weights are packed, for every four
//! channels of 48 inputs (see [`VectorPacking`](crate::kernels::vector::VectorPacking)), and saves every ninth instruction.
//!
//! A tile is 4 pixels by 4 channels; inputs come from [`panel`](super::panel)s.
//!
//! Weights: `[block of 8 channels, the last of 4][16 inputs][channel][input]`.

use super::finish::{Finish, finish};
use super::neon::{Neon, Rounding, flipped_by, some};
use super::panel::{PIXELS, Panels, UNIT};
use super::tile_rows::{tile_4_by_4, tiles_4_by_4};
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task, blocks};
use core::arch::aarch64::*;

/// Units of a group, which a bit of the notes stands for.
const GROUP: usize = 3;

/// Computes `pixels` pixels, whose inputs are one run.
///
/// # Safety
/// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply).
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn multiply(isa: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, rounding: Rounding, to: Target) {
    let units = (runs.fours * 4 + runs.rest).div_ceil(UNIT);
    let room = if rounding.extreme() { 0 } else { Panels::room(units) };
    let mut panels = Panels::new();
    let mut done = 0;
    // SAFETY: the caller says that the pixels can be read and written.
    unsafe {
        while done < pixels {
            let count = room.min(pixels - done) / PIXELS * PIXELS;
            // Without panels: a pixel or two at the end, or rare cases.
            let count_here = if count > 0 { count } else { pixels - done };
            let runs = Runs { offset: runs.offset + done * runs.step, ..runs };
            let to = Target { first: to.first.wrapping_add(done * to.step), ..to };
            if count > 0 {
                panels.fill(&runs, count);
            }
            for block in blocks(to.channels, 4, 2, None) {
                let channels = (to.channels - block.start).min(block.vectors * 4);
                let to = Target { first: to.first.add(block.start), channels, ..to };
                let constants = Constants {
                    weights: constants.weights.add(units * UNIT * block.start),
                    bias: constants.bias.add(block.start),
                    multiplier: constants.multiplier.add(block.start),
                    chains: constants.chains.wrapping_add(block.start / 4),
                };
                let sweep = Sweep { runs, pixels: count_here, constants, rounding, to };
                match (block.vectors, count > 0, rounding.extreme()) {
                    (2, true, _) => isa.invoke(OfPanels::<2> { panels: &panels, units, sweep }),
                    (_, true, _) => isa.invoke(OfPanels::<1> { panels: &panels, units, sweep }),
                    (2, _, false) => isa.invoke(Rest::<2, false>(sweep)),
                    (_, _, false) => isa.invoke(Rest::<1, false>(sweep)),
                    (2, _, true) => isa.invoke(Rest::<2, true>(sweep)),
                    (_, _, true) => isa.invoke(Rest::<1, true>(sweep)),
                }
            }
            done += count_here;
        }
    }
}

/// Pixels of a block of channels.
#[derive(Clone, Copy)]
struct Sweep<'r> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

/// The pixels of panels, and N vectors of channels. It is a task of its own, so that its loops have all registers to themselves.
struct OfPanels<'r, const N: usize> {
    panels: &'r Panels,
    units: usize,
    sweep: Sweep<'r>,
}

impl<const N: usize> Task<Neon> for OfPanels<'_, N> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        for v in 0..N {
            let Target { first, step, channels } = self.sweep.to;
            let to = Target { first: first.wrapping_add(v * 4), step, channels: channels.saturating_sub(v * 4).min(4) };
            // SAFETY: as the caller of `multiply` says; a block has channels in its last vector.
            unsafe {
                self.vector(v, to);
            }
        }
    }
}

impl<const N: usize> OfPanels<'_, N> {
    /// Computes vector `v` of channels.
    ///
    /// # Safety
    /// The panels hold the pixels, there are constants, and the results can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn vector(&self, v: usize, mut to: Target) {
        let Sweep { pixels, constants, ref rounding, .. } = self.sweep;
        let (groups, rest) = (self.units / GROUP, self.units % GROUP);
        let mut panel = self.panels.start();
        // SAFETY: as the caller says.
        unsafe {
            let weights = constants.weights.cast::<i8>().add(v * 4 * UNIT);
            let (bias, multiplier) = (constants.bias.add(v * 4), constants.multiplier.add(v * 4));
            let chains = constants.chains.add(v).read_unaligned();
            if rounding.is_plain() && to.channels == 4 {
                let finish = Finish::new(rounding, multiplier, to);
                let tiles = if N == 1 { tiles_4_by_4::<64> } else { tiles_4_by_4::<128> };
                return tiles(panel, pixels / PIXELS, weights, groups, rest, chains, bias, finish);
            }
            let tile = if N == 1 { tile_4_by_4::<64> } else { tile_4_by_4::<128> };
            for _ in 0..pixels / PIXELS {
                let [a, b, c, d] = tile(panel, weights, groups, rest, chains, bias);
                finish::<4, 1, false>([[a], [b], [c], [d]], [vld1q_f32(multiplier)], rounding, to);
                panel = panel.add(self.units * UNIT * PIXELS);
                to.first = to.first.wrapping_add(PIXELS * to.step);
            }
        }
    }
}

/// Pixels one by one. EXTREME: two products may not fit 16 bits.
struct Rest<'r, const N: usize, const EXTREME: bool>(Sweep<'r>);

impl<const N: usize, const EXTREME: bool> Task<Neon> for Rest<'_, N, EXTREME> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        let Sweep { runs, pixels, constants, rounding, to } = self.0;
        let left = runs.fours % 4 * 4 + runs.rest;
        for pixel in 0..pixels {
            // SAFETY: the caller of `multiply` says that the pixels can be read and written.
            unsafe {
                let mut sums = [[vdupq_n_s32(0); 4]; N];
                let mut weights = constants.weights.cast::<i8>();
                let mut x = runs.starts[0].add(runs.offset + pixel * runs.step);
                for _ in 0..runs.fours / 4 {
                    add::<N, EXTREME>(&mut sums, flipped_by(vld1q_u8(x), runs.flip), weights);
                    (x, weights) = (x.add(UNIT), weights.add(N * 4 * UNIT));
                }
                if left > 0 {
                    add::<N, EXTREME>(&mut sums, flipped_by(some(x, left), runs.flip), weights);
                }
                let (mut by, mut totals) = ([vdupq_n_f32(0.0); N], [vdupq_n_s32(0); N]);
                for v in 0..N {
                    let [a, b, c, d] = sums[v];
                    let total = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
                    totals[v] = vaddq_s32(vld1q_s32(constants.bias.add(v * 4)), total);
                    by[v] = vld1q_f32(constants.multiplier.add(v * 4));
                }
                let to = Target { first: to.first.add(pixel * to.step), ..to };
                finish::<1, N, false>([totals], by, &rounding, to);
            }
        }
    }
}

/// Adds the products of 16 inputs of a pixel with the weights of N vectors of channels.
///
/// # Safety
/// The weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add<const N: usize, const EXTREME: bool>(
    sums: &mut [[int32x4_t; 4]; N],
    inputs: int8x16_t,
    weights: *const i8,
) {
    // SAFETY: as the caller says.
    unsafe {
        for v in 0..N {
            for c in 0..4 {
                let w = vld1q_s8(weights.add((v * 4 + c) * UNIT));
                let products = vmull_s8(vget_low_s8(inputs), vget_low_s8(w));
                if EXTREME {
                    sums[v][c] = vpadalq_s16(sums[v][c], products);
                    sums[v][c] = vpadalq_s16(sums[v][c], vmull_high_s8(inputs, w));
                } else {
                    sums[v][c] = vpadalq_s16(sums[v][c], vmlal_high_s8(products, inputs, w));
                }
            }
        }
    }
}
