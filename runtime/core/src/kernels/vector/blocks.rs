//! How output channels, channels and inputs are divided into what vectors hold, by packing and kernels alike.

use crate::kernels::ConvolutionShape;

/// Output channels of a group that a product computes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first of them.
    pub start: usize,
    /// Vectors that they take, up to four.
    pub vectors: usize,
    /// Lanes of a vector: half of the usual number where a last vector of 16 lanes would hold eight channels or fewer.
    pub lanes: usize,
    /// Whether every channel has two lanes of such a half.
    pub paired: bool,
}

impl Block {
    /// Channels, those of filling included.
    pub fn channels(&self) -> usize {
        self.vectors * self.lanes
    }
}

/// Groups of four inputs from which on a single vector is paired: with fewer, adding up lanes costs more than it saves.
const PAIRED_FROM: usize = 10;

/// Divides the output channels of a group into blocks of up to `most` vectors. The last block is paired where `paired` says
/// of how many groups of four inputs, and it is a half, enough inputs for one vector, or one and a half.
pub fn blocks(channels: usize, lanes: usize, most: usize, paired: Option<usize>) -> impl Iterator<Item = Block> {
    let (whole, padded) = (channels.next_multiple_of(lanes), padded_channels(channels, lanes));
    let half = lanes / 2;
    // How many halves whole vectors do not hold.
    let halves = match padded % (most * lanes) / half {
        halves @ (1 | 3) if paired.is_some() => halves,
        2 if paired.is_some_and(|fours| fours >= PAIRED_FROM) => 2,
        _ => usize::from(padded < whole),
    };
    let in_whole = padded - halves * half;
    let of_whole = (0..in_whole).step_by(most * lanes).map(move |start| {
        let vectors = ((in_whole - start) / lanes).min(most);
        Block { start, vectors, lanes, paired: false }
    });
    let last = Block { start: in_whole, vectors: halves, lanes: half, paired: paired.is_some() };
    of_whole.chain((halves > 0).then_some(last))
}

/// The channel of a [paired](Block::paired) block that two lanes of one of its halves multiply: folding the lanes of the
/// first two halves into one vector brings them in order.
pub fn paired_channel(halves: usize, half: usize, pair: usize) -> usize {
    let together = halves > 1 && half < 2;
    if together { pair / 2 * 4 + half * 2 + pair % 2 } else { half * 8 + pair }
}

/// Output channels of a group once its blocks are filled up.
pub fn padded_channels(channels: usize, lanes: usize) -> usize {
    channels.next_multiple_of(if lanes > 8 && (channels % lanes) <= lanes / 2 { lanes / 2 } else { lanes })
}

/// Which of the channels of a block or chunk of `count` vectors lane `lane` of vector `vector` works on. Where there are
/// four vectors it is the order in which instructions that pack four vectors into one, each quarter by itself, expect
/// them.
pub fn lane_channel(count: usize, vector: usize, lane: usize, lanes: usize) -> usize {
    if count == 4 { lane / 4 * 16 + vector * 4 + lane % 4 } else { vector * lanes + lane }
}

/// Which channel of its chunk lane `lane` of vector `vector` of a depthwise convolution works on.
pub fn chunk_channel(chunk: Chunk, vector: usize, lane: usize, lanes: usize) -> usize {
    let count = chunk.pitch / lanes;
    lane_channel(count, vector % count, lane, lanes)
}

/// The inputs behind an output of a pointwise or general convolution, as runs that lie side by side in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// How many runs a kernel row has.
    pub per_row: usize,
    /// Inputs of one.
    pub len: usize,
}

impl Segments {
    /// Undilated rows of a convolution without groups are one run each; all others have a run a tap.
    pub fn of(shape: &ConvolutionShape) -> Self {
        let (taps, inputs) = (shape.kernel[1] as usize, (shape.in_channels / shape.groups.max(1)) as usize);
        if shape.groups == 1 && shape.dilation[1] == 1 {
            Segments { per_row: 1, len: taps * inputs }
        } else {
            Segments { per_row: taps, len: inputs }
        }
    }
}

/// Groups of four inputs in a run of `len`, filled up to a multiple of `unit` inputs.
pub fn fours(len: usize, unit: usize) -> usize {
    len.div_ceil(unit) * unit / 4
}

/// How many runs of how many inputs there are behind an output of a pointwise or general convolution.
pub fn runs(shape: &ConvolutionShape, gathers: bool) -> (usize, usize) {
    let (segments, depth) = (Segments::of(shape), shape.depth() as usize);
    if gathers { (1, depth) } else { (depth / segments.len, segments.len) }
}

/// Channels that a depthwise convolution works on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The first of them.
    pub start: usize,
    /// How many there are.
    pub channels: usize,
    /// Bytes from one pixel to the next in working memory: as many vectors' worth of lanes as `channels` takes, 1, 2 or 4.
    pub pitch: usize,
}

/// Divides channels into chunks whose pitch divides four vectors, so that every block of four vectors has the same
/// channels in its lanes.
pub fn chunks(channels: usize, lanes: usize) -> impl Iterator<Item = Chunk> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let left = channels - start;
        let pitch = match left.div_ceil(lanes) {
            0 => return None,
            _ if lanes == 4 => 16,
            1 => lanes,
            2 | 3 => 2 * lanes,
            _ => 4 * lanes,
        };
        let chunk = Chunk { start, channels: left.min(pitch), pitch };
        start += chunk.channels;
        Some(chunk)
    })
}

/// Divides the channels of a depthwise convolution that goes tap by tap: where each chunk begins, and for how many channels
/// it has weights, 16 or, the last, 8.
pub fn tap_chunks(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    let padded = channels.next_multiple_of(8);
    (0..padded).step_by(16).map(move |first| (first, (padded - first).min(16)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn blocks_hold_every_channel_once() {
        for channels in 1..200 {
            for (lanes, paired) in [(4, None), (8, None), (16, None), (16, Some(3)), (16, Some(50))] {
                let mut next = 0;
                for block in blocks(channels, lanes, 4, paired) {
                    assert_eq!(block.start, next, "{channels} channels, {lanes} lanes");
                    assert!(block.channels() <= 4 * lanes && (!block.paired || block.vectors <= 3));
                    next += block.channels();
                }
                assert_eq!(next, padded_channels(channels, lanes));
            }
        }
    }

    #[test]
    fn a_single_vector_of_few_inputs_is_not_paired() {
        let paired = |channels, fours| blocks(channels, 16, 4, Some(fours)).any(|block| block.paired);
        assert_eq!(
            [8, 16, 24, 32, 40, 80].map(|channels| paired(channels, 4)),
            [true, false, true, false, true, false]
        );
        assert_eq!([8, 16, 24, 32, 40, 80].map(|channels| paired(channels, 24)), [true, true, true, false, true, true]);
    }

    #[test]
    fn folding_two_halves_brings_channels_in_order() {
        // Of every quarter of the first half its two pairs of lanes, then those of the second.
        let folded = |halves| (0..16).map(move |lane| paired_channel(halves, lane / 2 % 2, lane / 4 * 2 + lane % 2));
        for halves in 2..=3 {
            assert!(folded(halves).eq(0..16));
        }
        let last: Vec<_> = (0..8).map(|pair| paired_channel(3, 2, pair)).collect();
        assert!(last.into_iter().eq(16..24));
    }
}
