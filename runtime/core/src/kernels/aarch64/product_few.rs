//! The integer product of few inputs, as a first layer's 27 are, on base NEON: the lanes of a vector hold output channels.
//!
//! Where there are few inputs, gathering them for [`product_twos`](super::product_twos) costs more than it saves. Every input is brought
//! to all lanes, three in one instruction (LD3R). SMULL and SMLAL add the products of two inputs in 16
//! bits, and of three where the weights allow it, which is noted for each of them when weights are packed; SADDW adds these to
//! 32-bit sums. Inputs are read from where they lie, run by run, so that nothing need be gathered.
//!
//! Weights: `[block of 16 channels, the last of 8][input][channel]`.

use super::finish::{Finish, finish};
use super::neon::{Neon, Rounding};
use super::tile_few::{Operands, tiles};
use crate::kernels::vector::{Constants, Isa, Runs, Target, Task};
use core::arch::aarch64::*;

/// Pixels of a tile.
const PIXELS: usize = 4;

/// Computes `pixels` pixels, whose inputs are some runs of the same length, flipped already.
///
/// # Safety
/// The runs of every pixel can be read, the constants are packed for as many channels, a multiple of 8, and runs, and the
/// channels of every pixel can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn few(isa: Neon, runs: Runs<'_>, pixels: usize, constants: Constants, rounding: Rounding, to: Target) {
    let depth = (runs.fours * 4 + runs.rest) * runs.starts.len();
    for start in (0..to.channels).step_by(16) {
        let channels = (to.channels - start).min(16);
        // SAFETY: constants are packed block after block, and the channels of a block are some of those that can be written.
        unsafe {
            let to = Target { first: to.first.add(start), channels, ..to };
            let constants = Constants {
                weights: constants.weights.add(depth * start),
                bias: constants.bias.add(start),
                multiplier: constants.multiplier.add(start),
                chains: constants.chains.wrapping_add(start / 4),
            };
            isa.invoke(Block { runs, pixels, constants, rounding, to });
        }
    }
}

/// All pixels of a block of channels.
struct Block<'r> {
    runs: Runs<'r>,
    pixels: usize,
    constants: Constants,
    rounding: Rounding,
    to: Target,
}

impl Task<Neon> for Block<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        let Block { runs, pixels, constants, rounding, to } = self;
        let Runs { starts, offset, step, .. } = runs;
        let len = runs.fours * 4 + runs.rest;
        let mut done = 0;
        // SAFETY: the caller of `few` says that the pixels can be read and written.
        unsafe {
            if rounding.is_plain() && !rounding.extreme() && pixels >= PIXELS {
                let Constants { weights, bias, multiplier, chains } = constants;
                let chains = chains.read_unaligned();
                let operands = Operands { starts, offset, len, step, weights, chains, bias };
                let finish = Finish::new(&rounding, multiplier, to);
                done = pixels / PIXELS * PIXELS;
                if to.channels == 16 {
                    tiles::<true>(operands, done / PIXELS, finish);
                } else {
                    tiles::<false>(operands, done / PIXELS, finish);
                }
            }
            for pixel in done..pixels {
                for first in (0..to.channels).step_by(8) {
                    let mut sums = [vld1q_s32(constants.bias.add(first)), vld1q_s32(constants.bias.add(first + 4))];
                    let mut weights = constants.weights.add(first);
                    for start in starts {
                        let inputs = start.add(offset + pixel * step);
                        for input in 0..len {
                            let w = vmovl_s8(vld1_s8(weights.cast()));
                            let x = i16::from(*inputs.add(input) as i8);
                            sums[0] = vmlal_n_s16(sums[0], vget_low_s16(w), x);
                            sums[1] = vmlal_high_n_s16(sums[1], w, x);
                            weights = weights.add(to.channels);
                        }
                    }
                    let by =
                        [vld1q_f32(constants.multiplier.add(first)), vld1q_f32(constants.multiplier.add(first + 4))];
                    let to = Target { first: to.first.add(pixel * to.step + first), channels: 8, ..to };
                    finish::<1, 2, false>([sums], by, &rounding, to);
                }
            }
        }
    }
}
