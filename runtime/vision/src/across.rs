//! Pixels that columns lie between to the pixels of the input: the second half of resizing, and luma and chroma to
//! colours.

use super::blend::BLENDED_BITS;
use super::sample::WEIGHT_BITS;

/// Bits by which a blended value · 2^11 is cut to a byte.
const CUT_BITS: u32 = BLENDED_BITS + WEIGHT_BITS;

/// One channel: of each column two pixels, and the weights of both.
pub(super) fn greys(pairs: &[[i16; 2]], weights: &[[i16; 2]], level: impl Fn(i16) -> u8, to: &mut [u8]) {
    for ((to, &[low, high]), &weight) in to.iter_mut().zip(pairs).zip(weights) {
        *to = level(mix(low, high, weight));
    }
}

/// Three channels, and a value that is none of them.
pub(super) fn colours(
    [lows, highs]: [&[[i16; 4]]; 2],
    weights: &[[i16; 2]],
    order: impl Fn([u8; 3]) -> [u8; 3],
    to: &mut [[u8; 3]],
) {
    for (((to, low), high), &weight) in to.iter_mut().zip(lows).zip(highs).zip(weights) {
        let at = |channel: usize| mix(low[channel], high[channel], weight) as u8;
        let [a, b, c] = order([at(0), at(1), at(2)]);
        to[0] = a;
        to[1] = b;
        to[2] = c;
    }
}

/// Luma, and Cb and Cr in turn.
pub(super) fn luma_and_chroma(
    (luma, luma_weights): (&[[i16; 2]], &[[i16; 2]]),
    (chroma, chroma_weights): (&[[i16; 4]], &[[i16; 2]]),
    colour: impl Fn(i16, i16, i16) -> [u8; 3],
    to: &mut [[u8; 3]],
) {
    let luma = luma.iter().zip(luma_weights);
    let chroma = chroma.iter().zip(chroma_weights);
    for ((to, (&[low, high], &weight)), (&[low_cb, low_cr, high_cb, high_cr], &chroma_weight)) in
        to.iter_mut().zip(luma).zip(chroma)
    {
        let luma = mix(low, high, weight);
        let cb = mix(low_cb, high_cb, chroma_weight);
        let cr = mix(low_cr, high_cr, chroma_weight);
        // One by one: as a whole they would be put together in a register first.
        let [a, b, c] = colour(luma, cb, cr);
        to[0] = a;
        to[1] = b;
        to[2] = c;
    }
}

/// (low · weights[0] + high · weights[1]) / 2^18, rounded: a byte.
fn mix(low: i16, high: i16, weights: [i16; 2]) -> i16 {
    let sum = i32::from(low) * i32::from(weights[0]) + i32::from(high) * i32::from(weights[1]);
    // The upper halves of sums are at hand.
    ((sum + (1 << (CUT_BITS - 1))) >> 16) as i16 >> (CUT_BITS - 16)
}
