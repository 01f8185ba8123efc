//! The portable layout of convolution weights.
//!
//! | form | weights | integer weights | bias, multiplier |
//! |---|---|---|---|
//! | pointwise, general | `[group][block][input][8 outputs]` | i8, wide ones i16 | `[group][block][8]` |
//! | depthwise | `[block][tap][8 channels]` | i16 | `[block][8]` |
//!
//! *Inputs* are the products behind one output: kernel row, kernel column, input channel. Blocks are filled up with
//! zeros. The bias of a depthwise convolution is its own, because that kernel takes the zero point off each input; all
//! others have −x_zero · Σw folded in.

use super::Portable;
use crate::kernels::{ConvolutionShape, IntegerWeights, KernelSet, PackedLen, PackedMut, Packing};
use crate::plan::step::{ConvolutionDynamic, ConvolutionF32, ConvolutionForm, ConvolutionInt8};

/// Output channels that are computed at once.
pub(super) const BLOCK: usize = 8;

/// Pixels of which a general convolution gathers the inputs before it multiplies.
pub(super) const GATHERED: usize = 16;

/// The number of output channels once the blocks are filled up.
fn padded_channels(shape: &ConvolutionShape) -> u64 {
    let groups = match shape.form {
        ConvolutionForm::Depthwise => 1,
        ConvolutionForm::Pointwise | ConvolutionForm::General => u64::from(shape.groups.max(1)),
    };
    (u64::from(shape.out_channels) / groups).next_multiple_of(BLOCK as u64) * groups
}

/// Where output channel `channel` lies among the filled-up ones.
fn padded_channel(shape: &ConvolutionShape, channel: usize) -> usize {
    match shape.form {
        ConvolutionForm::Depthwise => channel,
        ConvolutionForm::Pointwise | ConvolutionForm::General => {
            let of_group = (shape.out_channels / shape.groups) as usize;
            channel / of_group * of_group.next_multiple_of(BLOCK) + channel % of_group
        }
    }
}

/// Bytes of `count` elements; `u32::MAX` where that is too many.
fn bytes(count: u64, size: u64) -> u32 {
    u32::try_from(count.saturating_mul(size)).unwrap_or(u32::MAX)
}

/// The packed lengths for weights of `size` bytes and multipliers of `multiplier` bytes.
fn packed(shape: &ConvolutionShape, size: u64, multiplier: u64) -> PackedLen {
    let channels = padded_channels(shape);
    PackedLen {
        weights: bytes(channels.saturating_mul(shape.depth()), size),
        bias: bytes(channels, 4),
        multiplier: bytes(channels, multiplier),
    }
}

/// Bytes of gathered inputs, of `size` bytes each, for an output of `height` × `width` pixels; whole words.
fn gathered(shape: &ConvolutionShape, height: u32, width: u32, size: u64) -> u32 {
    let pixels = (u64::from(height) * u64::from(width)).min(GATHERED as u64);
    match shape.form {
        ConvolutionForm::General => bytes(shape.depth().saturating_mul(pixels).saturating_mul(size).div_ceil(4), 4),
        ConvolutionForm::Pointwise | ConvolutionForm::Depthwise => 0,
    }
}

/// Writes the elements `value(channel, input)` of N bytes where they belong.
fn pack_weights<const N: usize>(shape: &ConvolutionShape, packed: &mut [u8], value: impl Fn(usize, usize) -> [u8; N]) {
    packed.fill(0);
    let depth = shape.depth() as usize;
    for channel in 0..shape.out_channels as usize {
        let at = padded_channel(shape, channel);
        for input in 0..depth {
            let index = (at / BLOCK * depth + input) * BLOCK + at % BLOCK;
            packed[index * N..][..N].copy_from_slice(&value(channel, input));
        }
    }
}

/// Writes one 4-byte value per output channel where it belongs.
fn pack_channels(shape: &ConvolutionShape, packed: &mut [u8], value: impl Fn(usize) -> [u8; 4]) {
    packed.fill(0);
    for channel in 0..shape.out_channels as usize {
        packed[padded_channel(shape, channel) * 4..][..4].copy_from_slice(&value(channel));
    }
}

impl Packing for Portable {
    fn kernel_set(&self) -> KernelSet {
        KernelSet::Portable
    }

    fn packed_int8(&self, shape: &ConvolutionShape, wide: bool) -> PackedLen {
        let two_bytes = wide || shape.form == ConvolutionForm::Depthwise;
        packed(shape, if two_bytes { 2 } else { 1 }, 4)
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
        assert_eq!(weights.len() as u64, shape.weight_count(), "weights");
        assert_eq!((bias.len(), multiplier.len()), (channels, channels), "biases and multipliers");
        let depthwise = shape.form == ConvolutionForm::Depthwise;
        match weights {
            IntegerWeights::Narrow(w) if !depthwise => {
                pack_weights(shape, packed.weights, |c, i| w[c * depth + i].to_ne_bytes());
            }
            _ => pack_weights(shape, packed.weights, |c, i| weights.at(c * depth + i).to_ne_bytes()),
        }
        pack_channels(shape, packed.bias, |channel| {
            if depthwise {
                return bias[channel].to_ne_bytes();
            }
            // Integer sums wrap around, so that folding the zero point in is exact whatever the weights are.
            let inputs = channel * depth..(channel + 1) * depth;
            let sum = inputs.fold(0i32, |sum, i| sum.wrapping_add(weights.at(i).into()));
            bias[channel].wrapping_sub(x_zero.wrapping_mul(sum)).to_ne_bytes()
        });
        pack_channels(shape, packed.multiplier, |channel| multiplier[channel].to_ne_bytes());
    }

    fn packed_f32(&self, shape: &ConvolutionShape) -> PackedLen {
        packed(shape, 4, 0)
    }

    fn pack_f32(&self, shape: &ConvolutionShape, weights: &[f32], bias: &[f32], packed: PackedMut<'_>) {
        let depth = shape.depth() as usize;
        assert_eq!(weights.len() as u64, shape.weight_count(), "weights");
        assert_eq!(bias.len(), shape.out_channels as usize, "biases");
        pack_weights(shape, packed.weights, |channel, input| weights[channel * depth + input].to_ne_bytes());
        pack_channels(shape, packed.bias, |channel| bias[channel].to_ne_bytes());
    }

    fn scratch_int8(&self, step: &ConvolutionInt8) -> u32 {
        gathered(&ConvolutionShape::of_int8(step), step.y.height, step.y.width, 1)
    }

    fn packed_dynamic(&self, shape: &ConvolutionShape) -> u32 {
        self.packed_int8(shape, false).weights
    }

    fn pack_dynamic(&self, shape: &ConvolutionShape, weights: &[i16], packed: &mut [u8]) {
        assert_eq!(weights.len() as u64, shape.weight_count(), "weights");
        let depth = shape.depth() as usize;
        match shape.form {
            ConvolutionForm::Depthwise => pack_weights(shape, packed, |c, i| weights[c * depth + i].to_ne_bytes()),
            _ => pack_weights(shape, packed, |c, i| (weights[c * depth + i] as i8).to_ne_bytes()),
        }
    }

    fn scratch_dynamic(&self, step: &ConvolutionDynamic) -> u32 {
        gathered(&ConvolutionShape::of_dynamic(step), step.y.height, step.y.width, 1)
    }

    fn scratch_f32(&self, step: &ConvolutionF32) -> u32 {
        gathered(&ConvolutionShape::of_f32(step), step.y.height, step.y.width, 4)
    }
}
