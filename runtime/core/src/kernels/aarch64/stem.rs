//! The first layer of most networks, a 3 × 3 convolution of a picture with three channels, with SDOT by lane.
//!
//! A vector of each of the window's three rows has the inputs of two neighbouring pixels. TBL brings the 27 of a pixel together in
//! two vectors, which are written to a plane each, so that the tiles of [`tile_stem`](super::tile_stem) read those of several pixels in a
//! row, and know how many there are. Weights lie as for [`product_lanes`](super::product_lanes).

use super::finish::Finish;
use super::gather::{VECTOR, places};
use super::neon::Rounding;
use super::tile_stem::{Operands, patches, tiles};
use crate::kernels::vector::{Constants, Gather, Target};
use core::mem::MaybeUninit;

/// Bytes of a run: three pixels.
const RUN: usize = 9;

/// Inputs of an output pixel, filled up.
const INPUTS: usize = 28;

/// Pixels whose patches are gathered at a time: whole tiles.
const PIXELS: usize = 96;

/// Pixels of the longest tile.
const LONGEST: usize = 8;

/// Whether [`row`] computes such a row.
#[inline(always)]
pub fn is_covered(gather: &Gather<'_>, rounding: &Rounding, to: Target) -> bool {
    let Gather { starts, len, step, pixels, .. } = *gather;
    let is_stem = starts.len() == 3 && len == RUN && RUN + step <= VECTOR;
    is_stem && rounding.is_plain() && to.channels.is_multiple_of(8) && pixels >= LONGEST
}

/// Computes a row of output pixels.
///
/// # Safety
/// [`is_covered`]; runs can be read as [`Gather::run`] does, there are constants for all channels, and results can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn row(gather: Gather<'_>, constants: Constants, rounding: Rounding, to: Target) {
    let Gather { starts, step, first, pixels, .. } = gather;
    let &[a, b, c] = starts else { return };
    let mut bytes = MaybeUninit::<[u8; 2 * PIXELS * VECTOR]>::uninit();
    let planes = [0, PIXELS * VECTOR].map(|plane| bytes.as_mut_ptr().cast::<u8>().wrapping_add(plane));
    let places = places(RUN, step);
    let mut done = 0;
    while done < pixels {
        let left = pixels - done;
        // What is left after these must be a tile.
        let count = if (PIXELS + 1..PIXELS + LONGEST).contains(&left) { PIXELS - LONGEST } else { left.min(PIXELS) };
        // SAFETY: the caller says what can be read and written; a plane has room for an even number of pixels.
        unsafe {
            let rows = [a, b, c].map(|start| start.add((first + done) * step));
            patches(rows, step, places, count, planes);
            for channel in (0..to.channels).step_by(16) {
                let operands = Operands {
                    planes: planes.map(<*mut u8>::cast_const),
                    weights: constants.weights.add(INPUTS * channel),
                    bias: constants.bias.add(channel),
                };
                let channels = (to.channels - channel).min(16);
                let to = Target { first: to.first.add(done * to.step + channel), channels, ..to };
                let finish = Finish::new(&rounding, constants.multiplier.add(channel), to);
                if channels == 16 {
                    all::<6, true>(operands, count, finish);
                } else {
                    all::<LONGEST, false>(operands, count, finish);
                }
            }
        }
        done += count;
    }
}

/// Computes tiles of M pixels; the last one may begin before the one in front of it ends.
///
/// # Safety
/// As for [`tiles`]; there are M pixels or more.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn all<const M: usize, const WIDE: bool>(operands: Operands, count: usize, finish: Finish) {
    // SAFETY: as the caller says.
    unsafe {
        tiles::<WIDE>(operands, count / M, finish);
        if !count.is_multiple_of(M) {
            let first = count - M;
            let planes = operands.planes.map(|plane| plane.add(first * VECTOR));
            tiles::<WIDE>(
                Operands { planes, ..operands },
                1,
                Finish { to: finish.to.add(first * finish.step), ..finish },
            );
        }
    }
}
