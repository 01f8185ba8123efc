//! How products with signed bytes are added up in 16 bits: decided when weights are packed, and noted behind them.
//!
//! Instruction sets without dot products add products of bytes in 16 bits before they widen the sums. Two inputs at a time are
//! taken, whose products lie in two lanes; a *chain* adds up those of some times two inputs. Chains of two always fit (but for weights
//! of −128, see [`Note`](super::notes::Note)), longer ones where the weights are small enough: the longer, the fewer sums are
//! widened. For every block of output channels the inputs are divided into [`Link`]s, so that all together take the fewest
//! instructions, and which these are is noted as a code of bits.

use crate::kernels::{Chains, ConvolutionShape, IntegerWeights};

/// The links that take the fewest instructions for an input: [`Link::Four`].
pub const LONGEST_CHAINS: Chains = Chains { inputs: 8, sums: 2, channels: 16, most: 255 };

/// Bytes of a word of notes.
pub const NOTE: usize = 8;

/// Output channels that have room for notes together.
pub const CHANNELS: usize = 4;

/// Inputs that are multiplied together, and how their products are added up.
///
/// Its code is as many bits as its place here, counted from one, of which the last is set and taken last: the usual ones are found
/// first, by testing bit after bit. A word whose bits are all taken ends the notes, unless [`NEXT_WORD`] comes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Link {
    /// Eight inputs in a chain.
    Four,
    /// Six inputs in a chain.
    Three,
    /// Eight inputs in two chains, one behind the other.
    TwiceTwo,
    /// Four inputs in a chain.
    Two,
    /// Two inputs, the last ones.
    One = 5,
}

/// Bits of the code that says that notes go on in the next word: that of no link.
const NEXT_WORD: u32 = 5;

/// The most bits of a code.
const LONGEST: u32 = Link::One.bits();

impl Link {
    /// All of them.
    const ALL: [Link; 5] = [Link::Four, Link::Three, Link::TwiceTwo, Link::Two, Link::One];

    /// The link whose code has so many bits.
    fn of_bits(bits: u32) -> Option<Link> {
        Link::ALL.into_iter().find(|link| link.bits() == bits)
    }

    /// Bits of its code.
    const fn bits(self) -> u32 {
        self as u32 + 1
    }

    /// How many times two inputs.
    const fn twos(self) -> usize {
        match self {
            Link::Three => 3,
            Link::Four | Link::TwiceTwo => 4,
            Link::Two => 2,
            Link::One => 1,
        }
    }

    /// Whether its products may be added up, those of all channels. `weight` gives the weight of a channel and an input from the link's
    /// first one on.
    fn fits(self, channels: core::ops::Range<usize>, weight: impl Fn(usize, usize) -> i8) -> bool {
        let length = match self {
            Link::Three | Link::Four => self.twos(),
            Link::TwiceTwo | Link::Two | Link::One => return true,
        };
        channels.into_iter().all(|channel| (0..2).all(|lane| fits((0..length).map(|i| weight(channel, 2 * i + lane)))))
    }

    /// Instructions of four pixels by some vectors of channels: reading inputs and weights, multiplying, adding up, and what finds the
    /// link.
    const fn cost(self, vectors: usize) -> usize {
        let (found, chains) = match self {
            Link::Four => (2, 1),
            Link::Three => (3, 1),
            Link::TwiceTwo => (7, 2),
            Link::Two => (8, 1),
            Link::One => (10, 1),
        };
        4 + (self.twos() * vectors).div_ceil(8) + 4 * vectors * (self.twos() + chains) + found
    }
}

/// Words of notes that a block of channels has, and every four of them has room for, where products are taken two inputs at a time.
pub fn words_of_twos(inputs: usize) -> usize {
    // Two bits for every two inputs at most, and a link of its own for the last ones; a word has room for all codes but the longest,
    // behind which it goes on.
    let bits = inputs.div_ceil(2).saturating_mul(2).saturating_add(LONGEST as usize);
    bits.div_ceil((u64::BITS - NEXT_WORD - LONGEST + 1) as usize)
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

/// Whether the sums of these products stay within 16 bits, whatever the bytes.
pub(super) fn fits(weights: impl Iterator<Item = i8>) -> bool {
    let (mut positive, mut negative) = (0, 0);
    for weight in weights.map(i32::from) {
        positive += weight.max(0);
        negative -= weight.min(0);
    }
    // Bytes are −128 to 127.
    127 * positive + 128 * negative <= i32::from(i16::MAX) && 128 * positive + 127 * negative <= -i32::from(i16::MIN)
}

/// Finds the links that take the fewest instructions, from the last inputs back to the first, and writes for every two inputs how many
/// bits the code of the link has that begins there. `weight` gives the weight of a channel and an input.
fn choose(channels: core::ops::Range<usize>, best: &mut [u8], weight: &impl Fn(usize, usize) -> i8) {
    let vectors = channels.len() / 4;
    // Instructions from one to four times two inputs further on.
    let mut costs = [0; 4];
    for first in (0..best.len()).rev() {
        let left = best.len() - first;
        let is_possible = |link: &Link| {
            (if *link == Link::One { left == 1 } else { left >= link.twos() })
                && link.fits(channels.clone(), |channel, input| weight(channel, 2 * first + input))
        };
        let cost = |link: &Link| link.cost(vectors) + costs[link.twos() - 1];
        let link = Link::ALL.into_iter().filter(is_possible).min_by_key(cost).unwrap_or(Link::One);
        best[first] = link.bits() as u8;
        costs = [cost(&link), costs[0], costs[1], costs[2]];
    }
}

/// Writes the codes of the links that [`choose`] found.
fn write(best: &[u8], notes: &mut [u8]) {
    let mut words = notes.as_chunks_mut::<NOTE>().0.iter_mut();
    let mut put = |word: u64| words.next().into_iter().for_each(|to| *to = word.to_le_bytes());
    let (mut word, mut taken, mut at) = (0, 0, 0);
    while let Some(link) = best.get(at).and_then(|&bits| Link::of_bits(bits.into())) {
        if taken + link.bits() + NEXT_WORD > u64::BITS {
            put(word | 1 << (taken + NEXT_WORD - 1));
            (word, taken) = (0, 0);
        }
        taken += link.bits();
        word |= 1 << (taken - 1);
        at += link.twos();
    }
    put(word);
}

/// Whether the notes of a block of channels are codes of links, which together have as many inputs as there are.
pub fn are_whole(notes: &[u8], inputs: usize) -> bool {
    let mut left = inputs.div_ceil(2);
    for word in notes.as_chunks::<NOTE>().0 {
        let mut word = u64::from_le_bytes(*word);
        loop {
            if word == 0 {
                return left == 0;
            }
            let bits = word.trailing_zeros() + 1;
            word = word.unbounded_shr(bits);
            if bits == NEXT_WORD {
                break;
            }
            match Link::of_bits(bits).and_then(|link| left.checked_sub(link.twos())) {
                Some(after) => left = after,
                None => return false,
            }
        }
    }
    false
}

/// Packs the weights of a product that takes two inputs at a time: `[group][block, see blocks_of_twos][two inputs][channel][input]`, inputs
/// filled up to a multiple of four. A block's notes are where those of its first four channels would be.
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
            let packed = &mut packed[start * filled..][..count * filled];
            // Until the weights are written, there is room for what was chosen.
            let best = &mut packed[..depth.div_ceil(2)];
            choose(first..first + count, best, &weight);
            write(best, &mut notes[start / CHANNELS * words * NOTE..][..words * NOTE]);
            for (index, to) in packed.iter_mut().enumerate() {
                let (two, channel) = (index / (2 * count), index / 2 % count);
                *to = weight(first + channel, two * 2 + index % 2) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::step::ConvolutionForm;
    use crate::testing::Random;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    /// The weight of a channel and an input where a channel has `depth` inputs; 0 behind them.
    fn in_order(weights: &[i8], depth: usize) -> impl Fn(usize, usize) -> i8 {
        move |channel, input| if input < depth { weights[channel * depth + input] } else { 0 }
    }

    /// The links that notes stand for.
    fn links(notes: &[u8]) -> Vec<Link> {
        let mut links = vec![];
        for word in notes.as_chunks::<NOTE>().0 {
            let mut word = u64::from_le_bytes(*word);
            while word != 0 {
                let bits = word.trailing_zeros() + 1;
                word >>= bits;
                links.extend(Link::of_bits(bits));
            }
        }
        links
    }

    proptest! {
        #[test]
        fn products_fit_where_the_extremes_of_their_sum_do(weights in proptest::collection::vec(-128..=127i8, 1..6)) {
            let ends = |w: i8| [-128, 127].map(|x| x * i32::from(w));
            let least: i32 = weights.iter().map(|&w| ends(w).into_iter().min().unwrap_or(0)).sum();
            let most: i32 = weights.iter().map(|&w| ends(w).into_iter().max().unwrap_or(0)).sum();
            prop_assert_eq!(fits(weights.into_iter()), least >= -32768 && most <= 32767);
        }

        #[test]
        fn links_cover_all_inputs_and_fit(
            depth in 1..300usize,
            most in prop_oneof![Just(20i8), Just(60), Just(90), Just(127)],
            seed: u64,
        ) {
            let mut random = Random::new(seed);
            let weights: Vec<i8> = (0..4 * depth).map(|_| (random.next() as i8).clamp(-most, most)).collect();
            let weight = in_order(&weights, depth);
            let mut best = vec![0; depth.div_ceil(2)];
            choose(0..4, &mut best, &weight);
            let mut notes = vec![0; words_of_twos(depth) * NOTE];
            write(&best, &mut notes);
            prop_assert!(are_whole(&notes, depth));
            let mut first = 0;
            for link in links(&notes) {
                prop_assert!(link.fits(0..4, |channel, input| weight(channel, 2 * first + input)));
                first += link.twos();
            }
            prop_assert_eq!(first, depth.div_ceil(2));
            for wrong in [depth.saturating_sub(2), depth + 2] {
                prop_assert!(!are_whole(&notes, wrong));
            }
        }

        #[test]
        fn any_bits_are_whole_or_not(notes: [u8; 2 * NOTE], depth in 0..100usize) {
            let whole = are_whole(&notes, depth);
            prop_assert!(!whole || links(&notes).len() >= depth.div_ceil(8));
        }
    }

    #[test]
    fn a_large_weight_shortens_its_chain_only() {
        let choose = |weight: &dyn Fn(usize, usize) -> i8, depth: usize| {
            let mut best = vec![0; depth / 2];
            choose(0..4, &mut best, &|channel, input| weight(channel, input));
            let mut notes = [0; NOTE];
            write(&best, &mut notes);
            links(&notes)
        };
        assert_eq!(choose(&|_, _| 60, 16), [Link::Four; 2]);
        assert_eq!(choose(&|_, _| 85, 12), [Link::Three; 2]);
        assert_eq!(choose(&|_, _| 127, 8), [Link::TwiceTwo]);
        assert_eq!(choose(&|_, _| 127, 6), [Link::Two, Link::One]);
        // Of channel 2, inputs 8, 10 and 12 are in a lane.
        let large = |channel: usize, input: usize| if channel == 2 && [8, 10, 12].contains(&input) { 100 } else { 60 };
        let chosen = choose(&large, 24);
        assert!(chosen.contains(&Link::Four) && chosen != [Link::Four; 3], "{chosen:?}");
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
    fn notes_have_room_for_every_link() {
        for (inputs, words) in [(1, 1), (48, 1), (49, 2), (102, 2), (103, 3)] {
            assert_eq!(words_of_twos(inputs), words, "{inputs}");
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
        // Four inputs in a chain, of a block of eight channels.
        assert_eq!(notes, [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
