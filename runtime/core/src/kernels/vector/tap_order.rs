//! In which order the products of a depthwise window are added up: chosen when weights are packed, and noted behind them.
//!
//! As in [`chains`](super::chains), products are added up in 16 bits first, by fours or threes where the weights of all channels are
//! small enough. Every tap's input is found by a pointer of its own, so that any taps can make a chain: large weights, which
//! mostly lie in the middle of the window, go with small ones. Chains lie behind each other, the longest first.

use super::chains::fits;
use super::layout::MAX_RUNS;

/// The most taps of a window: [`MAX_RUNS`] groups of four rows of a column.
pub const MAX_TAPS: usize = 4 * MAX_RUNS;

/// The longest chain.
const LONGEST: usize = 4;

/// Bytes in front of the order: how many chains there are of four taps, of three and of two.
const COUNTS: usize = 3;

/// Bytes of a chunk's note.
pub fn note_len(taps: usize) -> usize {
    taps.saturating_add(COUNTS).checked_next_multiple_of(4).unwrap_or(usize::MAX)
}

/// The order of a chunk's taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapOrder<'n> {
    /// For every place in the packed weights, which tap it is of. All are less than 256, but not all need be taps.
    pub taps: &'n [u8],
    /// How many of them, from the first one on, make chains of four, of three, of two, and single ones: all of them together.
    pub chains: [usize; LONGEST],
}

impl<'n> TapOrder<'n> {
    /// Reads the note of a chunk. Counts that are not those of so many taps are taken for those of twos.
    pub fn of(note: &'n [u8], taps: usize) -> Self {
        let (counts, order) = note.split_at_checked(COUNTS).unwrap_or_default();
        let [fours, threes, twos] = core::array::from_fn(|i| counts.get(i).map_or(0, |&count| usize::from(count)));
        let chains = match taps.checked_sub(4 * fours + 3 * threes + 2 * twos) {
            Some(ones) => [fours, threes, twos, ones],
            None => [0, 0, taps / 2, taps % 2],
        };
        TapOrder { taps: order.get(..taps).unwrap_or_default(), chains }
    }
}

/// Chooses an order and notes it; `in_order` keeps the window's own. `weight` gives the weight of a channel and a tap.
pub fn choose(taps: usize, channels: usize, in_order: bool, weight: impl Fn(usize, usize) -> i8, note: &mut [u8]) {
    let (counts, order) = note.split_at_mut(COUNTS);
    let order = &mut order[..taps];
    if in_order {
        order.iter_mut().enumerate().for_each(|(tap, place)| *place = tap as u8);
        counts.copy_from_slice(&[0, 0, (taps / 2) as u8]);
    } else {
        counts.copy_from_slice(&divide(channels, &weight, order));
    }
}

/// Divides the taps into chains, and writes these behind each other, the longest first. Returns how many there are of four taps, of three
/// and of two.
fn divide(channels: usize, weight: &impl Fn(usize, usize) -> i8, order: &mut [u8]) -> [u8; COUNTS] {
    let taps = order.len();
    let magnitude = |channel: usize, tap: usize| u32::from(weight(channel, tap).unsigned_abs());
    let largest = |tap: usize| (0..channels).map(|channel| magnitude(channel, tap)).max();
    let mut left = [true; MAX_TAPS];
    // The taps, chain behind chain, and how long the chain is that begins at each place.
    let (mut taken, mut lengths) = ([0u8; MAX_TAPS], [0u8; MAX_TAPS]);
    let mut count = 0;
    // Large weights find company first.
    while let Some(first) = (0..taps).filter(|&tap| left[tap]).max_by_key(|&tap| largest(tap)) {
        let start = count;
        let mut next = Some(first);
        while let Some(tap) = next {
            (taken[count], left[tap]) = (tap as u8, false);
            count += 1;
            let chain = taken[start..count].iter().map(|&tap| usize::from(tap));
            let sum = |channel: usize| chain.clone().map(|tap| magnitude(channel, tap)).sum::<u32>();
            // The tap with which sums are smallest.
            let most = |tap: usize| (0..channels).map(|channel| sum(channel) + magnitude(channel, tap)).max();
            let best = (0..taps).filter(|&tap| left[tap]).min_by_key(|&tap| most(tap));
            let fits = |channel: usize, tap: usize| fits(chain.clone().chain([tap]).map(|tap| weight(channel, tap)));
            next = best.filter(|&tap| match count - start {
                1 => true,
                LONGEST.. => false,
                _ => (0..channels).all(|channel| fits(channel, tap)),
            });
        }
        lengths[start] = (count - start) as u8;
    }
    let mut places = order.iter_mut();
    let [fours, threes, twos, _] = [4, 3, 2, 1].map(|length| {
        let starts = (0..taps).filter(|&start| usize::from(lengths[start]) == length);
        let written = starts.map(|start| {
            let chain = &taken[start..start + length];
            chain.iter().zip(places.by_ref()).for_each(|(&tap, place)| *place = tap);
        });
        written.count() as u8
    });
    [fours, threes, twos]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn every_tap_is_in_a_chain_that_fits(
            taps in 1..=MAX_TAPS, channels in 1..=16usize, most in prop_oneof![Just(30i8), Just(80), Just(127)], seed: u64,
        ) {
            let mut random = Random::new(seed);
            let weights: Vec<i8> = (0..taps * channels).map(|_| (random.next() as i8).clamp(-most, most)).collect();
            let weight = |channel: usize, tap: usize| weights[channel * taps + tap];
            let mut note = vec![0; note_len(taps)];
            choose(taps, channels, false, weight, &mut note);
            let TapOrder { taps: order, chains } = TapOrder::of(&note, taps);
            let mut sorted = order.to_vec();
            sorted.sort_unstable();
            prop_assert!(sorted.iter().map(|&tap| usize::from(tap)).eq(0..taps));
            let mut rest = order;
            for (length, count) in [4, 3, 2, 1].into_iter().zip(chains) {
                for _ in 0..count {
                    let (chain, behind) = rest.split_at(length);
                    for channel in 0..channels {
                        prop_assert!(length < 3 || fits(chain.iter().map(|&tap| weight(channel, tap.into()))));
                    }
                    rest = behind;
                }
            }
            prop_assert!(rest.is_empty() && chains[3] < 2);
        }
    }

    #[test]
    fn large_weights_go_with_small_ones() {
        // The middle of a row of eight is large.
        let weights = [1, 2, 3, 120, 120, 4, 5, 6];
        let mut note = [0; 12];
        choose(8, 1, false, |_, tap| weights[tap], &mut note);
        let TapOrder { taps, chains } = TapOrder::of(&note, 8);
        assert_eq!(chains, [2, 0, 0, 0]);
        assert!(taps[..4].contains(&3) != taps[..4].contains(&4), "{taps:?}");
        choose(8, 1, true, |_, tap| weights[tap], &mut note);
        assert_eq!(TapOrder::of(&note, 8), TapOrder { taps: &[0, 1, 2, 3, 4, 5, 6, 7], chains: [0, 0, 4, 0] });
    }

    #[test]
    fn counts_of_more_taps_are_those_of_twos() {
        assert_eq!(TapOrder::of(&[2, 0, 0, 9, 9, 9, 9, 9], 5).chains, [0, 0, 2, 1]);
        assert_eq!(TapOrder::of(&[], 5), TapOrder { taps: &[], chains: [0, 0, 0, 5] });
    }
}
