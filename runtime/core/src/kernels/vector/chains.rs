//! Which products with signed bytes may be added up by threes in 16 bits: noted when weights are packed.
//!
//! Instruction sets without dot products add products of bytes in 16 bits before they widen the sums. Two always fit (but for
//! weights of −128, see [`Note`](super::layout::Note)), three where the weights are small enough. It is decided for every four
//! output channels and every *group* of 48 inputs, whose first 24 make a chain of three in each of eight lanes, and whose last
//! 24 another.

use super::blocks::runs;
use crate::kernels::{ConvolutionShape, IntegerWeights};

/// Bytes of the notes of some channels.
pub const NOTE: usize = 8;

/// Inputs of a group.
const GROUP: usize = 48;

/// Lanes that are added up side by side.
const LANES: usize = 8;

/// Output channels that have notes together.
pub const CHANNELS: usize = 4;

/// Groups that there are notes for; those behind them are added up by twos.
const MOST: usize = u64::BITS as usize;

/// Whether the sums of three of these products stay within 16 bits, whatever the bytes.
fn fits(weights: [i8; 3]) -> bool {
    let part = |sign: fn(i32) -> bool| -> i32 { weights.map(i32::from).into_iter().filter(|&w| sign(w)).sum() };
    let (positive, negative) = (part(|w| w > 0), -part(|w| w < 0));
    // Bytes are −128 to 127.
    127 * positive + 128 * negative <= i32::from(i16::MAX) && 128 * positive + 127 * negative <= -i32::from(i16::MIN)
}

/// The notes of some channels of `depth` inputs each: bit i where group i may be added up by threes. `weight` gives the weight
/// of a channel and an input.
pub fn notes(channels: core::ops::Range<usize>, depth: usize, weight: impl Fn(usize, usize) -> i8) -> u64 {
    let may = |group: usize| {
        channels.clone().all(|channel| {
            (0..GROUP / 3).all(|chain| {
                let first = group * GROUP + chain / LANES * LANES * 3 + chain % LANES;
                fits(core::array::from_fn(|i| weight(channel, first + i * LANES)))
            })
        })
    };
    (0..(depth / GROUP).min(MOST)).filter(|&group| may(group)).fold(0, |notes, group| notes | 1 << group)
}

/// The notes of some channels of `depth` inputs each, in runs of `len`, where the inputs of a chain are neighbours: bit i where the
/// i-th three of inputs, counted through all runs, may be added up. What a run has behind its threes is not counted. Where too few
/// may be for it to be worth while, there are none.
pub fn notes_of_threes(
    channels: core::ops::Range<usize>,
    depth: usize,
    len: usize,
    weight: impl Fn(usize, usize) -> i8,
) -> u64 {
    let firsts = (0..depth).step_by(len.max(1)).flat_map(|run| (0..len / 3).map(move |three| run + three * 3));
    let may = |first: usize| channels.clone().all(|channel| fits(core::array::from_fn(|i| weight(channel, first + i))));
    let notes: u64 =
        firsts.enumerate().filter(|&(_, first)| may(first)).fold(0, |notes, (index, _)| notes | 1 << index);
    let (found, threes) = (notes.count_ones() as usize, depth / len.max(1) * (len / 3));
    // Three inputs of sixteen channels take 11 instructions if they may be added up, 15 if not, and 13.5 by twos.
    if 8 * found <= 3 * threes { 0 } else { notes }
}

/// Writes the notes of a product, group after group.
pub fn put_notes(shape: &ConvolutionShape, weights: IntegerWeights<'_>, notes: &mut [u8]) {
    let (groups, depth) = (shape.groups as usize, shape.depth() as usize);
    let of_group = shape.out_channels as usize / groups;
    let blocks = (0..groups).flat_map(|group| {
        let end = (group + 1) * of_group;
        (group * of_group..end).step_by(CHANNELS).map(move |first| first..end.min(first + CHANNELS))
    });
    for (channels, note) in blocks.zip(notes.chunks_exact_mut(NOTE)) {
        let found = self::notes(channels, depth, |channel, input| weights.at(channel * depth + input) as i8);
        note.copy_from_slice(&found.to_le_bytes());
    }
}

/// Packs the weights of a product of few inputs: `[group][block of 16 channels, the last of 8][input][channel]`. A block's notes
/// are where those of its first four channels would be.
pub fn pack_few(shape: &ConvolutionShape, weights: IntegerWeights<'_>, packed: &mut [u8], notes: &mut [u8]) {
    let (groups, depth) = (shape.groups as usize, shape.depth() as usize);
    let (of_group, len) = (shape.out_channels as usize / groups, depth / runs(shape, false).0.max(1));
    let weight = |channel: usize, input: usize| weights.at(channel * depth + input) as i8;
    for group in 0..groups {
        for first in (0..of_group).step_by(16) {
            let (start, count) = (group * of_group + first, 16.min(of_group - first));
            for input in 0..depth {
                for channel in 0..count {
                    packed[start * depth + input * count + channel] = weight(start + channel, input) as u8;
                }
            }
            let found = notes_of_threes(start..start + count, depth, len, weight);
            notes[start / CHANNELS * NOTE..][..NOTE].copy_from_slice(&found.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn three_fit_where_the_extremes_of_their_sum_do(weights: [i8; 3]) {
            let ends = |w: i8| [-128, 127].map(|x| x * i32::from(w));
            let least: i32 = weights.iter().map(|&w| ends(w).into_iter().min().unwrap_or(0)).sum();
            let most: i32 = weights.iter().map(|&w| ends(w).into_iter().max().unwrap_or(0)).sum();
            prop_assert_eq!(fits(weights), least >= -32768 && most <= 32767);
        }
    }

    #[test]
    fn a_large_weight_forbids_its_group_only() {
        // Three weights of 100 eight apart, of inputs 48 + 24 + 1, 9 and 17.
        let weight =
            |channel: usize, input: usize| if channel == 2 && [73, 81, 89].contains(&input) { 100 } else { 60 };
        assert_eq!(notes(0..4, 3 * 48 + 47, weight), 0b101);
        assert_eq!(notes(0..2, 3 * 48, weight), 0b111);
        assert_eq!(notes(0..4, 47, weight), 0);
    }

    #[test]
    fn threes_are_counted_through_all_runs() {
        // Two runs of seven inputs: threes begin at 0, 3, 7 and 10.
        let weight = |_: usize, input: usize| if input == 8 { 127 } else { 65 };
        assert_eq!(notes_of_threes(0..8, 14, 7, weight), 0b1011);
    }
}
