//! Writes the weights of int8 convolutions in the orders that [`layout`](super::layout) draws.

use super::layout::{Block, blocks, chunk_channel, chunks, fours, lane_channel, paired_channel, runs, tap_chunks};
use super::layout::{PRODUCTS_5X5, VectorPacking};
use super::tap_order::{self, TapOrder};
use crate::kernels::{ConvolutionShape, IntegerWeights};
use crate::plan::step::ConvolutionForm;

/// How a product's weights lie.
pub(super) struct ProductOrder {
    /// Whether all inputs are one segment.
    pub(super) gathers: bool,
    /// Inputs of a unit.
    pub(super) unit: usize,
    /// The most vectors of a block.
    pub(super) block: usize,
    /// Whether blocks of few channels are [paired](Block::paired).
    pub(super) pairs: bool,
    /// The channel of a block of so many vectors that a vector's lane works on, of so many.
    pub(super) channel: fn(usize, usize, usize, usize) -> usize,
}

/// Packs the weights of a run of `fours` groups of four inputs for a [paired](Block::paired) block: for every two groups and
/// every half, those of each channel's even and odd group side by side. A last group without a partner has its channels in
/// their own order. `four` gives the weights of a channel of the block and a group.
fn pack_paired(block: Block, fours: usize, run: &mut [u8], four: impl Fn(usize, usize) -> [u8; 4]) {
    let paired = fours / 2 * block.vectors * block.lanes * 2;
    for (index, to) in run.chunks_exact_mut(4).enumerate() {
        let (channel, group) = if index < paired {
            let (pair, lane) = (index / (block.lanes * 2), index % (block.lanes * 2));
            let channel = paired_channel(block.vectors, pair % block.vectors, lane / 2);
            (channel, pair / block.vectors * 2 + lane % 2)
        } else {
            (index - paired, fours - 1)
        };
        to.copy_from_slice(&four(channel, group));
    }
}

impl VectorPacking {
    /// Writes `four[i]`, the four weights of lane `lane`, into the weights of one dot product.
    fn put(&self, dot: &mut [u8], lane: usize, four: [i8; 4]) {
        if !self.wide {
            dot[lane * 4..][..4].copy_from_slice(&four.map(|w| w as u8));
            return;
        }
        for (index, weight) in four.into_iter().enumerate() {
            // Even weights in the first vector, odd ones in the second.
            let at = (index % 2 * self.lanes + lane) * 4 + index / 2 * 2;
            dot[at..][..2].copy_from_slice(&i16::from(weight).to_le_bytes());
        }
    }

    /// The order in which sums lie in packed biases and multipliers: for each, the channel, or `None` for filling.
    pub(super) fn channels(&self, shape: &ConvolutionShape) -> impl Iterator<Item = Option<usize>> {
        let (lanes, most, outputs) = (self.lanes, self.block, shape.out_channels as usize);
        let depthwise = shape.form == ConvolutionForm::Depthwise;
        let by_taps = if depthwise && self.goes_by_taps(shape) { outputs } else { 0 };
        let in_taps = (0..by_taps.next_multiple_of(8)).map(move |channel| Some(channel).filter(|&c| c < outputs));
        let in_chunks =
            chunks(if depthwise && !self.goes_by_taps(shape) { outputs } else { 0 }, lanes).flat_map(move |chunk| {
                (0..4 * lanes).map(move |i| {
                    Some(chunk_channel(chunk, i / lanes, i % lanes, lanes))
                        .filter(|&c| c < chunk.channels)
                        .map(|c| chunk.start + c)
                })
            });
        let groups = if depthwise { 0 } else { shape.groups.max(1) as usize };
        let of_group = outputs / groups.max(1);
        let (count, len) = runs(shape, self.gathers);
        let paired = Some(count * fours(len, self.unit)).filter(|_| self.pairs);
        let in_groups = (0..groups).flat_map(move |group| {
            blocks(of_group, lanes, most, paired).flat_map(move |block| {
                (0..block.channels()).map(move |i| {
                    let (vector, lane) = (i / block.lanes, i % block.lanes);
                    let in_order = block.paired;
                    let channel = if in_order { i } else { lane_channel(block.vectors, vector, lane, block.lanes) };
                    let channel = block.start + channel;
                    Some(channel).filter(|&c| c < of_group).map(|c| group * of_group + c)
                })
            })
        });
        in_taps.chain(in_chunks).chain(in_groups)
    }

    /// How products that are rounded to bytes want their weights.
    pub(super) fn to_bytes(&self) -> ProductOrder {
        let pairs = self.pairs;
        ProductOrder { gathers: self.gathers, unit: self.unit, block: self.block, pairs, channel: lane_channel }
    }

    pub(super) fn pack_product(
        &self,
        shape: &ConvolutionShape,
        weights: IntegerWeights<'_>,
        order: ProductOrder,
        packed: &mut [u8],
    ) {
        let ProductOrder { gathers, unit, block, pairs, channel } = order;
        let (runs, len) = runs(shape, gathers);
        let (outputs, groups) = (shape.out_channels as usize, shape.groups as usize);
        let (of_group, depth) = (outputs / groups, shape.depth() as usize);
        let (fours, units) = (unit / 4, len.div_ceil(unit));
        // That of an input of a run, or 0 for filling.
        let weight = |group: usize, channel: usize, run: usize, input: usize| {
            let inside = channel < of_group && input < len;
            let index = || (group * of_group + channel) * depth + run * len + input;
            if inside { weights.at(index()) as i8 } else { 0 }
        };
        let mut done = 0;
        for group in 0..groups {
            for block in blocks(of_group, self.lanes, block, Some(runs * units).filter(|_| pairs)) {
                if block.paired {
                    for run in 0..runs {
                        let Some(to) = packed.get_mut(done..done + units * block.channels() * 4) else { return };
                        done += to.len();
                        pack_paired(block, units, to, |channel, four| {
                            let channel = block.start + channel;
                            core::array::from_fn(|i| weight(group, channel, run, four * 4 + i) as u8)
                        });
                    }
                    continue;
                }
                for step in 0..runs * units {
                    let (run, first) = (step / units, step % units * unit);
                    for vector in 0..block.vectors {
                        let len_of_vector = self.weight_bytes() / self.lanes * block.lanes * fours;
                        let Some(dots) = packed.get_mut(done..done + len_of_vector) else { return };
                        done += len_of_vector;
                        for (lane, four) in (0..block.lanes).flat_map(|lane| (0..fours).map(move |four| (lane, four))) {
                            let channel = block.start + channel(block.vectors, vector, lane, block.lanes);
                            let at = first + four * 4;
                            let four_weights = core::array::from_fn(|i| weight(group, channel, run, at + i));
                            self.put(dots, lane * fours + four, four_weights);
                        }
                    }
                }
            }
        }
    }

    /// Packs weights in the order of their chunk's note.
    pub(super) fn pack_taps(
        &self,
        shape: &ConvolutionShape,
        weights: IntegerWeights<'_>,
        packed: &mut [u8],
        notes: &mut [u8],
    ) {
        let (taps, channels) = (shape.depth() as usize, shape.out_channels as usize);
        let notes = notes.chunks_exact_mut(tap_order::note_len(taps));
        for ((first, lanes), note) in tap_chunks(channels).zip(notes) {
            let weight = |lane: usize, tap: usize| {
                let inside = first + lane < channels;
                if inside { weights.at((first + lane) * taps + tap) as i8 } else { 0 }
            };
            // The usual window has code that takes its taps as they are.
            tap_order::choose(taps, lanes, shape.kernel == [3, 3], weight, note);
            for (place, &tap) in TapOrder::of(note, taps).taps.iter().enumerate() {
                for lane in 0..lanes {
                    packed[first * taps + place * lanes + lane] = weight(lane, tap.into()) as u8;
                }
            }
        }
    }

    pub(super) fn pack_5x5(&self, shape: &ConvolutionShape, weights: IntegerWeights<'_>, packed: &mut [u8]) {
        let mut dots = packed.chunks_exact_mut(self.weight_bytes());
        // The row and the column of each tap of a product.
        let tap = |product: usize, i: usize| match product {
            0..5 => Some((i, product)),
            5 => Some((4, i)),
            _ => (i == 3).then_some((4, 4)),
        };
        for chunk in chunks(shape.out_channels as usize, self.lanes) {
            for product in 0..PRODUCTS_5X5 {
                for vector in 0..4 {
                    let Some(dot) = dots.next() else { return };
                    for lane in 0..self.lanes {
                        let channel = chunk_channel(chunk, vector, lane, self.lanes);
                        let weight = |i: usize| match tap(product, i).filter(|_| channel < chunk.channels) {
                            Some((row, column)) => weights.at(((chunk.start + channel) * 5 + row) * 5 + column) as i8,
                            None => 0,
                        };
                        self.put(dot, lane, core::array::from_fn(weight));
                    }
                }
            }
        }
    }

    pub(super) fn pack_depthwise(&self, shape: &ConvolutionShape, weights: IntegerWeights<'_>, packed: &mut [u8]) {
        let [rows, columns] = shape.kernel.map(|k| k as usize);
        let mut dots = packed.chunks_exact_mut(self.weight_bytes());
        for chunk in chunks(shape.out_channels as usize, self.lanes) {
            for first in (0..rows).step_by(4) {
                for column in 0..columns {
                    for vector in 0..4 {
                        let Some(dot) = dots.next() else { return };
                        for lane in 0..self.lanes {
                            let channel = chunk_channel(chunk, vector, lane, self.lanes);
                            let weight = |i: usize| {
                                let inside = channel < chunk.channels && first + i < rows;
                                let index = || ((chunk.start + channel) * rows + first + i) * columns + column;
                                if inside { weights.at(index()) as i8 } else { 0 }
                            };
                            self.put(dot, lane, core::array::from_fn(weight));
                        }
                    }
                }
            }
        }
    }
}
