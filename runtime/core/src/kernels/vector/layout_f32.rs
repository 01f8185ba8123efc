//! How the vector kernels want float weights packed, and the working memory of float convolutions.
//!
//! | form | weights | bias |
//! |---|---|---|
//! | pointwise, general | `[group][block][input][vector][lane]` | `[group][block][vector][lane]` |
//! | depthwise | `[vector][kernel row][kernel column][lane]` | `[vector][lane]` |
//!
//! Inputs are in the order of [`IntegerWeights`](crate::kernels::IntegerWeights). Vectors are filled up with zeros. What
//! these kernels do not cover ([`is_covered`]) is packed as the portable kernels want it, and run by them.

use super::layout::{MAX_RUNS, Segments, bytes};
use super::ring::RowLayout;
use crate::kernels::portable::Portable;
use crate::kernels::{ConvolutionShape, PackedLen, PackedMut, Packing};
use crate::plan::step::{ConvolutionF32, ConvolutionForm};

/// Vectors of output channels in the block that begins `left` vectors before the last.
///
/// Sums, the weights of an input and one input have to fit 32 registers of 16 or 4 lanes, or 16 registers of 8 lanes with a few
/// to spare. Some large blocks are better than larger ones and a small one.
pub fn vectors_of_block(left: usize, lanes: usize) -> usize {
    match (lanes, left) {
        (8, _) => left.min(2),
        (_, 5 | 6 | 9) => 3,
        _ => left.min(4),
    }
}

/// Whether the vector kernels compute float convolutions of this shape themselves.
pub fn is_covered(shape: &ConvolutionShape) -> bool {
    let runs = || u64::from(shape.kernel[0]).saturating_mul(Segments::of(shape).per_row as u64);
    shape.form != ConvolutionForm::General || runs() <= MAX_RUNS as u64
}

/// Vectors of output channels of each group.
fn vectors(shape: &ConvolutionShape, lanes: usize) -> u64 {
    u64::from(shape.out_channels / groups(shape)).div_ceil(lanes as u64)
}

/// Groups whose vectors are filled up by themselves.
fn groups(shape: &ConvolutionShape) -> u32 {
    if shape.form == ConvolutionForm::Depthwise { 1 } else { shape.groups.max(1) }
}

/// Lengths for vectors of `lanes` lanes.
pub fn packed(shape: &ConvolutionShape, lanes: usize) -> PackedLen {
    if !is_covered(shape) {
        return Portable.packed_f32(shape);
    }
    let channels = vectors(shape, lanes) * lanes as u64 * u64::from(groups(shape));
    PackedLen { weights: bytes(channels.saturating_mul(shape.depth()), 4), bias: bytes(channels, 4), multiplier: 0 }
}

/// Packs for vectors of `lanes` lanes.
///
/// # Panics
/// Where a length does not fit `shape`.
pub fn pack(shape: &ConvolutionShape, lanes: usize, weights: &[f32], bias: &[f32], packed: PackedMut<'_>) {
    if !is_covered(shape) {
        return Portable.pack_f32(shape, weights, bias, packed);
    }
    assert_eq!(weights.len() as u64, shape.weight_count(), "weights");
    assert_eq!(bias.len(), shape.out_channels as usize, "biases");
    let (depth, vectors, groups) = (shape.depth() as usize, vectors(shape, lanes) as usize, groups(shape) as usize);
    let of_group = bias.len() / groups;
    let (mut to_weights, mut to_bias) = (packed.weights.chunks_exact_mut(4), packed.bias.chunks_exact_mut(4));
    let put = |slots: &mut core::slice::ChunksExactMut<'_, u8>, value: f32| {
        if let Some(slot) = slots.next() {
            slot.copy_from_slice(&value.to_ne_bytes());
        }
    };
    for group in 0..groups {
        let mut first = 0;
        while first < vectors {
            let count = match shape.form {
                ConvolutionForm::Depthwise => 1,
                ConvolutionForm::Pointwise | ConvolutionForm::General => vectors_of_block(vectors - first, lanes),
            };
            let channel = |slot: usize| Some(first * lanes + slot).filter(|&channel| channel < of_group);
            for slot in 0..count * lanes {
                put(&mut to_bias, channel(slot).map_or(0.0, |channel| bias[group * of_group + channel]));
            }
            for input in 0..depth {
                for slot in 0..count * lanes {
                    let weight = |channel: usize| weights[(group * of_group + channel) * depth + input];
                    put(&mut to_weights, channel(slot).map_or(0.0, weight));
                }
            }
            first += count;
        }
    }
}

/// The padded rows of a general convolution.
pub fn rows(step: &ConvolutionF32) -> RowLayout {
    // Rows begin at cache lines, of 16 floats.
    RowLayout::new(&step.window, step.y.width as usize, 1, step.x.channels as usize, 16, 0)
}

/// Bytes of working memory; `u32::MAX` where it would need more.
pub fn scratch(step: &ConvolutionF32) -> u32 {
    if !is_covered(&ConvolutionShape::of_f32(step)) {
        return Portable.scratch_f32(step);
    }
    match step.form {
        ConvolutionForm::Pointwise | ConvolutionForm::Depthwise => 0,
        ConvolutionForm::General => bytes(rows(step).ring_len(step.x.height as usize) as u64, 4),
    }
}
