//! Which products with signed bytes may be added up by threes in 16 bits: noted when weights are packed.
//!
//! Instruction sets without dot products add products of bytes in 16 bits before they widen the sums. Two always fit (but for
//! weights of −128, see [`Note`](super::layout::Note)), three where the weights are small enough. It is decided for every block of output
//! channels and every *group* of six inputs, of which the first, third and fifth make a chain of three in a lane, and the others one
//! in the next.

use crate::kernels::{ConvolutionShape, IntegerWeights};

/// Bytes of the notes of some channels.
pub const NOTE: usize = 8;

/// Inputs of a group.
const GROUP: usize = 6;

/// Output channels that have room for notes together.
pub const CHANNELS: usize = 4;

/// Words of notes that a block of channels has, and every four of them has room for, where products are taken two inputs at a time.
pub fn words_of_twos(inputs: usize) -> usize {
    // An odd one has a partner.
    (inputs.saturating_add(1) / GROUP).div_ceil(u64::BITS as usize).max(1)
}

/// Divides output channels, filled up to a multiple of four, into blocks for products of two inputs at a time: where each begins, and
/// whether it is of 16 channels or, the last ones, 8 and 4.
pub fn blocks_of_twos(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let block = match channels.next_multiple_of(4) - start {
            0 => return None,
            4 => 4,
            8 | 12 => 8,
            _ => 16,
        };
        start += block;
        Some((start - block, block))
    })
}

/// Whether the sums of three of these products stay within 16 bits, whatever the bytes.
fn fits(weights: [i8; 3]) -> bool {
    let part = |sign: fn(i32) -> bool| -> i32 { weights.map(i32::from).into_iter().filter(|&w| sign(w)).sum() };
    let (positive, negative) = (part(|w| w > 0), -part(|w| w < 0));
    // Bytes are −128 to 127.
    127 * positive + 128 * negative <= i32::from(i16::MAX) && 128 * positive + 127 * negative <= -i32::from(i16::MIN)
}

/// Whether the products of a group's threes may be added up, those of all channels. `weight` gives the weight of a channel and an input.
fn may_add_threes(channels: core::ops::Range<usize>, group: usize, weight: &impl Fn(usize, usize) -> i8) -> bool {
    channels.into_iter().all(|channel| {
        (0..GROUP / 3)
            .all(|lane| fits(core::array::from_fn(|i| weight(channel, group * GROUP + lane + i * (GROUP / 3)))))
    })
}

/// Packs the weights of a product that takes two inputs at a time: `[group][block, see blocks_of_twos][two inputs][channel][input]`, inputs
/// filled up to a multiple of four. A block's notes are where those of its first four channels would be: bit i of word i / 64 where
/// the products of its i-th six inputs may be added up by threes.
pub fn pack_twos(shape: &ConvolutionShape, weights: IntegerWeights<'_>, packed: &mut [u8], notes: &mut [u8]) {
    let (groups, depth) = (shape.groups as usize, shape.depth() as usize);
    let (of_group, filled) = (shape.out_channels as usize / groups, depth.next_multiple_of(4));
    let (padded, words) = (of_group.next_multiple_of(4), words_of_twos(depth));
    for group in 0..groups {
        let weight = |channel: usize, input: usize| {
            let inside = channel < of_group && input < depth;
            if inside { weights.at((group * of_group + channel) * depth + input) as i8 } else { 0 }
        };
        for (first, count) in blocks_of_twos(of_group) {
            let start = group * padded + first;
            for (index, to) in packed[start * filled..][..count * filled].iter_mut().enumerate() {
                let (two, channel) = (index / (2 * count), index / 2 % count);
                *to = weight(first + channel, two * 2 + index % 2) as u8;
            }
            let notes = &mut notes[start / CHANNELS * words * NOTE..][..words * NOTE];
            for group in 0..depth.next_multiple_of(2) / GROUP {
                if may_add_threes(first..first + count, group, &weight) {
                    notes[group / 8] |= 1 << (group % 8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::step::ConvolutionForm;
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
        // Three weights of 100 two apart, of inputs 7, 9 and 11; three neighbours of 100 would do.
        let weight = |channel: usize, input: usize| if channel == 2 && [7, 9, 11].contains(&input) { 100 } else { 60 };
        assert_eq!([0, 1, 2].map(|group| may_add_threes(0..4, group, &weight)), [true, false, true]);
        assert!(may_add_threes(0..2, 1, &weight));
        assert!(may_add_threes(0..1, 0, &|_, input| if input < 3 { 100 } else { 0 }));
    }

    #[test]
    fn blocks_hold_every_channel_once() {
        for channels in 1..100 {
            let mut next = 0;
            for (start, count) in blocks_of_twos(channels) {
                assert!(start == next && [4, 8, 16].contains(&count));
                next += count;
            }
            assert_eq!(next, channels.next_multiple_of(4));
        }
    }

    #[test]
    fn every_group_of_six_has_a_note() {
        for (inputs, words) in [(1, 1), (6 * 64, 1), (6 * 65 - 2, 1), (6 * 65 - 1, 2), (6 * 65, 2)] {
            assert_eq!(words_of_twos(inputs), words);
        }
        // A plan may claim any number.
        assert!(words_of_twos(usize::MAX) > 1 << 50);
    }

    #[test]
    fn two_inputs_of_a_channel_lie_side_by_side() {
        // A convolution of three inputs and five channels; weights are ten times the channel, and the input.
        let shape = ConvolutionShape {
            form: ConvolutionForm::Pointwise,
            groups: 1,
            kernel: [1, 1],
            dilation: [1, 1],
            in_channels: 3,
            out_channels: 5,
        };
        let weights: [i8; 15] = core::array::from_fn(|i| (10 * (1 + i / 3) + i % 3) as i8);
        let (mut packed, mut notes) = ([1; 32], [0; 16]);
        pack_twos(&shape, IntegerWeights::Narrow(&weights), &mut packed, &mut notes);
        assert_eq!(
            packed,
            [
                10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 0, 0, 0, 0, 0, 0, //
                12, 0, 22, 0, 32, 0, 42, 0, 52, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(notes, [0; 16]);
    }
}
