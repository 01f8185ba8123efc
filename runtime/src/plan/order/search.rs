//! The search for an order of inputs in which the products of as many as can be fit 16 bits.
//!
//! Inputs are taken in *links* of as many as are multiplied together. A link is *long* for a block of output channels if its weights do not
//! fit for one of them, and costs that block more. Two inputs of different sums change places, one of them of a link that is long
//! somewhere, if that costs no more than before; as moves that change nothing are taken too, the search does not stay where it is. It is a
//! walk of as many steps as pay, from the order that there is, with numbers that only look random: plans do not differ from run to run.

use retort_core::kernels::Chains;

use crate::graph::ConvolutionInt8;

/// Blocks that are looked at for every million products: on a computer some 30 ms for a network of 200 million.
const EFFORT: usize = 16_000;

/// The most of them.
const MOST: usize = 1 << 21;

/// Output channels of which the weights of an input lie side by side.
const BLOCK: usize = 16;

/// Magnitudes of a block's weights of one input.
type Block = [u8; BLOCK];

/// Convolutions of inputs whose order is searched for.
pub struct Search<'c> {
    chains: &'c Chains,
    inputs: usize,
    /// What a link that is too long costs in each block.
    costs: Vec<u64>,
    /// By block, the weights of each input.
    blocks: Vec<Vec<Block>>,
    products: usize,
}

impl<'c> Search<'c> {
    /// Of so many inputs.
    pub fn new(chains: &'c Chains, inputs: usize) -> Self {
        Search { chains, inputs, costs: Vec::new(), blocks: Vec::new(), products: 0 }
    }

    /// Adds a convolution that reads them for so many output pixels.
    pub fn add(&mut self, conv: &ConvolutionInt8, pixels: usize) {
        let (inputs, taps) = (self.inputs, conv.taps());
        // Links of wide weights are not chains, and those of windows of several pixels should begin at the same inputs in each.
        let begins_anew = taps != inputs && !inputs.is_multiple_of(self.chains.inputs);
        if conv.is_wide() || begins_anew || self.chains.channels != BLOCK {
            return;
        }
        self.products = self.products.saturating_add(pixels.saturating_mul(conv.out_channels).saturating_mul(taps));
        for pixel in 0..taps / inputs {
            for channels in conv.weights.chunks(BLOCK * taps) {
                let mut block = vec![[0; BLOCK]; inputs];
                for (channel, weights) in channels.chunks_exact(taps).enumerate() {
                    for (block, weight) in block.iter_mut().zip(&weights[pixel * inputs..]) {
                        block[channel] = weight.unsigned_abs().min(u16::from(u8::MAX)) as u8;
                    }
                }
                self.blocks.push(block);
                self.costs.push(pixels.saturating_mul(channels.len() / taps) as u64);
            }
        }
    }

    /// Finds an order that costs less than the one there is: for every place, which input comes there.
    pub fn run(&self) -> Option<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.inputs).collect();
        let whole = self.inputs / self.chains.inputs;
        let mut costs: Vec<u64> = (0..whole).map(|link| self.cost(&order, link)).collect();
        let (before, mut random) = (costs.iter().sum::<u64>(), Random(0x9e37_79b9));
        let trials = ((self.products / 1000).saturating_mul(EFFORT) / 1000).min(MOST) / (2 * self.blocks.len()).max(1);
        let mut long: Vec<usize> = Vec::new();
        for _ in 0..trials {
            long.clear();
            long.extend((0..whole).filter(|&link| costs[link] > 0));
            if long.is_empty() {
                break;
            }
            let link = long[random.below(long.len())];
            let a = link * self.chains.inputs + random.below(self.chains.inputs);
            let b = random.below(whole * self.chains.inputs);
            let other = b / self.chains.inputs;
            if link == other && a % self.chains.sums == b % self.chains.sums {
                continue;
            }
            order.swap(a, b);
            let (of_link, of_other) = (self.cost(&order, link), self.cost(&order, other));
            let (cost, old) =
                if link == other { (of_link, costs[link]) } else { (of_link + of_other, costs[link] + costs[other]) };
            if cost <= old {
                (costs[link], costs[other]) = (of_link, of_other);
            } else {
                order.swap(a, b);
            }
        }
        (costs.iter().sum::<u64>() < before).then_some(order)
    }

    /// What a link costs in an order.
    fn cost(&self, order: &[usize], link: usize) -> u64 {
        let inputs = &order[link * self.chains.inputs..][..self.chains.inputs];
        let is_long = |block: &[Block]| {
            let mut largest = [0u8; BLOCK];
            for sum in 0..self.chains.sums {
                let mut sums = [0u8; BLOCK];
                for &input in inputs[sum..].iter().step_by(self.chains.sums) {
                    sums.iter_mut().zip(&block[input]).for_each(|(sum, weight)| *sum = sum.saturating_add(*weight));
                }
                largest.iter_mut().zip(sums).for_each(|(largest, sum)| *largest = sum.max(*largest));
            }
            // What is as large may be larger.
            largest.iter().fold(0, |most, &sum| sum.max(most)) >= self.chains.most
        };
        self.blocks.iter().zip(&self.costs).filter(|(block, _)| is_long(block)).map(|(_, cost)| cost).sum()
    }
}

/// Numbers that look random (xorshift, G. Marsaglia, 2003).
struct Random(u32);

impl Random {
    /// One below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % end
    }
}
