//! The portable layout of convolution weights.
//!
//! | form | weights | bias, multiplier |
//! |---|---|---|
//! | pointwise, general int8 | `[group][block][pair of inputs][8 outputs][2 inputs]`, i8 or (wide) i16 | `[group][block][8]` |
//! | depthwise int8 | `[block][tap][16 channels]`, i16 | `[block][16]` |
//! | pointwise, general f32 | `[group][block][input][8 outputs]` | `[group][block][8]` |
//! | depthwise f32 | `[block][tap][8 channels]` | `[block][8]` |
//!
//! *Inputs* are the products behind one output: kernel row, kernel column, input channel. Blocks are filled up with zeros.

use super::Portable;
use crate::kernels::{ConvolutionShape, IntegerWeights, KernelSet, PackedLen, PackedMut, Packing};
use crate::plan::step::{ConvolutionF32, ConvolutionForm, ConvolutionInt8};

/// Output channels that a matrix product computes at once.
pub(super) const BLOCK: usize = 8;

/// Channels that an int8 depthwise convolution computes at once.
pub(super) const DEPTHWISE_BLOCK: usize = 16;

/// Pixels of which a general convolution gathers the inputs before it multiplies.
pub(super) const GATHERED: usize = 16;

/// The number of weights and of output channels once the blocks are filled up. Saturates.
fn padded(shape: &ConvolutionShape, depthwise_block: usize, depth_step: u64) -> (u64, u64) {
    if shape.form == ConvolutionForm::Depthwise {
        let channels = u64::from(shape.out_channels).next_multiple_of(depthwise_block as u64);
        return (channels.saturating_mul(shape.depth()), channels);
    }
    let groups = u64::from(shape.groups.max(1));
    let channels = (u64::from(shape.out_channels) / groups).next_multiple_of(BLOCK as u64) * groups;
    let depth = shape.depth().saturating_add(depth_step - 1) / depth_step * depth_step;
    (channels.saturating_mul(depth), channels)
}

/// Bytes of `count` elements; `u32::MAX` where that is too many.
fn bytes(count: u64, size: u64) -> u32 {
    u32::try_from(count.saturating_mul(size)).unwrap_or(u32::MAX)
}

/// Bytes of gathered inputs of a convolution with `places` output places an image.
fn gathered(shape: &ConvolutionShape, places: u64, size: u64) -> u32 {
    match shape.form {
        ConvolutionForm::General => bytes(shape.depth().saturating_mul(places.min(GATHERED as u64)), size),
        ConvolutionForm::Pointwise | ConvolutionForm::Depthwise => 0,
    }
}

/// Where output channel `channel` lies among the filled-up ones of `shape`.
fn padded_channel(shape: &ConvolutionShape, channel: usize) -> usize {
    match shape.form {
        ConvolutionForm::Depthwise => channel,
        ConvolutionForm::Pointwise | ConvolutionForm::General => {
            let per_group = (shape.out_channels / shape.groups) as usize;
            channel / per_group * per_group.next_multiple_of(BLOCK) + channel % per_group
        }
    }
}

/// Calls `place(from, to)` for every weight of a layout: its index before packing and after.
fn for_each_weight(
    shape: &ConvolutionShape,
    depthwise_block: usize,
    depth_step: usize,
    mut place: impl FnMut(usize, usize),
) {
    let depth = shape.depth() as usize;
    for channel in 0..shape.out_channels as usize {
        let at = padded_channel(shape, channel);
        for input in 0..depth {
            let to = match shape.form {
                ConvolutionForm::Depthwise => {
                    let block = depthwise_block;
                    (at / block * depth + input) * block + at % block
                }
                ConvolutionForm::Pointwise | ConvolutionForm::General => {
                    let steps = depth.div_ceil(depth_step);
                    let row = at / BLOCK * steps + input / depth_step;
                    (row * BLOCK + at % BLOCK) * depth_step + input % depth_step
                }
            };
            place(channel * depth + input, to);
        }
    }
}

/// Writes `value` as the `index`-th element of `bytes`.
fn write<const N: usize>(bytes: &mut [u8], index: usize, value: [u8; N]) {
    bytes[index * N..][..N].copy_from_slice(&value);
}

impl Packing for Portable {
    fn kernel_set(&self) -> KernelSet {
        KernelSet::Portable
    }

    fn packed_int8(&self, shape: &ConvolutionShape, wide: bool) -> PackedLen {
        let (weights, channels) = padded(shape, DEPTHWISE_BLOCK, 2);
        let size = if wide || shape.form == ConvolutionForm::Depthwise { 2 } else { 1 };
        PackedLen { weights: bytes(weights, size), bias: bytes(channels, 4), multiplier: bytes(channels, 4) }
    }

    fn pack_int8(
        &self,
        shape: &ConvolutionShape,
        x_zero: i32,
        weights: IntegerWeights<'_>,
        bias: &[i32],
        multiplier: &[f32],
        packed: PackedMut<'_>,
    ) {
        let (depth, channels) = (shape.depth() as usize, shape.out_channels as usize);
        assert_eq!((weights.len() as u64, bias.len()), (shape.weight_count(), channels), "one weight and bias each");
        assert_eq!(multiplier.len(), channels, "one multiplier each");
        packed.weights.fill(0);
        packed.bias.fill(0);
        packed.multiplier.fill(0);
        let narrow = !weights.is_wide() && shape.form != ConvolutionForm::Depthwise;
        for_each_weight(shape, DEPTHWISE_BLOCK, 2, |from, to| {
            let weight = weights.at(from);
            if narrow {
                write(packed.weights, to, (weight as i8).to_le_bytes());
            } else {
                write(packed.weights, to, weight.to_le_bytes());
            }
        });
        for channel in 0..channels {
            // Integer sums wrap around, so that folding the zero point in is exact whatever the weights are.
            let sum = (channel * depth..(channel + 1) * depth).fold(0i32, |s, i| s.wrapping_add(weights.at(i).into()));
            let folded = bias[channel].wrapping_sub(x_zero.wrapping_mul(sum));
            let at = padded_channel(shape, channel);
            write(packed.bias, at, folded.to_le_bytes());
            write(packed.multiplier, at, multiplier[channel].to_le_bytes());
        }
    }

    fn packed_f32(&self, shape: &ConvolutionShape) -> PackedLen {
        let (weights, channels) = padded(shape, BLOCK, 1);
        PackedLen { weights: bytes(weights, 4), bias: bytes(channels, 4), multiplier: 0 }
    }

    fn pack_f32(&self, shape: &ConvolutionShape, weights: &[f32], bias: &[f32], packed: PackedMut<'_>) {
        let channels = shape.out_channels as usize;
        assert_eq!((weights.len() as u64, bias.len()), (shape.weight_count(), channels), "one weight and bias each");
        packed.weights.fill(0);
        packed.bias.fill(0);
        for_each_weight(shape, BLOCK, 1, |from, to| write(packed.weights, to, weights[from].to_le_bytes()));
        for (channel, bias) in bias.iter().enumerate() {
            write(packed.bias, padded_channel(shape, channel), bias.to_le_bytes());
        }
    }

    fn scratch_int8(&self, step: &ConvolutionInt8) -> u32 {
        let places = u64::from(step.y.height) * u64::from(step.y.width);
        gathered(&ConvolutionShape::of_int8(step), places, 1)
    }

    fn scratch_f32(&self, step: &ConvolutionF32) -> u32 {
        let places = u64::from(step.y.height) * u64::from(step.y.width);
        gathered(&ConvolutionShape::of_f32(step), places, 4)
    }
}
