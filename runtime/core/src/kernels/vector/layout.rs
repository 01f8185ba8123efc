//! How the vector kernels want weights packed, for any number of lanes. Runs anywhere: a plan may be for another machine.
//!
//! | form | weights | bias, multiplier |
//! |---|---|---|
//! | pointwise, general | `[group][block][segment][unit of inputs][vector][lane][weights of a unit]` | `[group][block][vector][lane]` |
//! | pointwise, general, on base NEON | `[group][16 channels, the last 8, and 4][two inputs][channel][input]` | `[group][channel]`, filled up to a multiple of 4 |
//! | pointwise, general, a [paired](Block::paired) block: one of up to 24 channels, vectors having 16 lanes and there being no tiles | `[group][block][segment][pair of fours][half][channel][even four, odd four]`, a last four without a partner `[channel]` | `[group][block][channel]` |
//! | pointwise, general, to sums | as the first, with units of four inputs, runs as they lie, and channels in their own order; on base NEON as there | – |
//! | depthwise | `[chunk][four rows][kernel column][vector][lane][4 rows]` | `[chunk][vector][lane]` |
//! | depthwise, [5 × 5](is_5x5) by dot products of 16 bytes | `[chunk][product][vector][lane][4 inputs]`: a product is a column of four rows, or of the fifth row four columns, or one | `[chunk][vector][lane]` |
//! | depthwise, by taps | `[16 channels, or the last 8][tap][channel]` | `[channel]`, filled up to a multiple of 8 |
//!
//! A *segment* is a run of inputs that lie side by side in memory (see [`Segments`]), filled up with zeros to a multiple of
//! a unit: four inputs, or as many as an instruction set multiplies at a time; where patches are gathered, all inputs are
//! one segment. A *block* is up to four vectors of output channels (see [`blocks`]), a *chunk* the channels that a depthwise
//! convolution works on at a time (see [`chunks`]). Instruction sets without byte products take the four weights as
//! 16-bit numbers, the first and third of every lane in one vector, the second and fourth in the next.
//!
//! Every bias has −x_zero · Σw folded in, because these kernels see padding as bytes of value x_zero, and where bytes are
//! multiplied as signed ones, 128 less than they are, 128 · Σw as well. What they do not
//! cover ([`is_covered`]) is packed as the portable kernels want it, and run by them.

pub use super::blocks::{
    Block, Chunk, Segments, blocks, chunk_channel, chunks, fours, lane_channel, padded_channels, paired_channel, runs,
    tap_chunks,
};
use super::layout_int8::ProductOrder;
use super::notes::{NOTE, Note};
use super::{chains, layout_f32, scratch};
use crate::kernels::portable::Portable;
use crate::kernels::{Chains, ConvolutionShape, IntegerWeights, KernelSet, PackedLen, PackedMut, Packing};
use crate::plan::step::{ConvolutionDynamic, ConvolutionF32, ConvolutionForm, ConvolutionInt8};

/// The layouts of one kernel set.
#[derive(Debug)]
pub struct VectorPacking {
    set: KernelSet,
    /// Lanes of 32 bits in a vector.
    pub(super) lanes: usize,
    /// Whether weights are 16-bit.
    pub(super) wide: bool,
    /// Whether there are 32 registers.
    pub(super) many_registers: bool,
    /// Which depthwise convolutions go tap by tap.
    taps: Taps,
    /// Whether those of [5 × 5](is_5x5) taps have products of their own.
    has_5x5: bool,
    /// Inputs of a unit.
    pub(super) unit: usize,
    /// The most vectors of a block.
    pub(super) block: usize,
    /// Whether bytes are multiplied as signed ones.
    flips: bool,
    /// Whether they may be stored as such.
    signed: bool,
    /// Whether the inputs behind each output pixel of a general convolution are brought together before they are multiplied.
    pub(super) gathers: bool,
    /// Whether products [pair](Block::paired) the lanes of few channels.
    pub(super) pairs: bool,
    /// Whether there are notes of [`chains`] behind the weights of products.
    pub(super) chains: bool,
}

/// Which depthwise convolutions an instruction set computes tap by tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taps {
    Never,
    /// All but those that it has dot products for.
    UnlessDots,
    Always,
}

/// What processors with vectors of 16 bytes read at a time.
pub const GATHERED: usize = 16;

/// The most runs of inputs, or groups of four taps, that kernels keep the places of.
pub const MAX_RUNS: usize = 64;

/// Whether a depthwise convolution keeps the columns under its window in registers.
pub fn slides(shape: &ConvolutionShape, many_registers: bool) -> bool {
    many_registers && shape.kernel == [3, 3] && shape.dilation == [1, 1]
}

/// Dot products that the taps of a depthwise 5 × 5 convolution are: five columns of four rows, and of the fifth row four columns, and one.
pub const PRODUCTS_5X5: usize = 7;

/// Whether a depthwise convolution has 5 × 5 taps side by side.
pub fn is_5x5(shape: &ConvolutionShape) -> bool {
    shape.kernel == [5, 5] && shape.dilation == [1, 1]
}

/// Whether the vector kernels compute integer convolutions of this shape themselves.
pub fn is_covered(shape: &ConvolutionShape, wide: bool) -> bool {
    let [rows, columns] = shape.kernel.map(u64::from);
    let runs = match shape.form {
        ConvolutionForm::Depthwise => rows.div_ceil(4).saturating_mul(columns),
        ConvolutionForm::Pointwise | ConvolutionForm::General => {
            rows.saturating_mul(Segments::of(shape).per_row as u64)
        }
    };
    !wide && runs <= MAX_RUNS as u64
}

/// Whether the vector kernels compute the sums of convolutions of this shape, whose input's zero point comes at run time.
pub fn sums_are_covered(shape: &ConvolutionShape) -> bool {
    shape.form != ConvolutionForm::Depthwise && is_covered(shape, false)
}

/// Sums of a pixel, those of filling included, where channels lie in their own order.
pub fn bias_len(shape: &ConvolutionShape, lanes: usize) -> usize {
    let groups = shape.groups.max(1) as usize;
    padded_channels(shape.out_channels as usize / groups, lanes) * groups
}

/// Bytes of `count` elements; `u32::MAX` where that is too many.
pub fn bytes(count: u64, size: u64) -> u32 {
    u32::try_from(count.saturating_mul(size)).unwrap_or(u32::MAX)
}

impl VectorPacking {
    /// For [`KernelSet::Avx2`].
    pub const AVX2: VectorPacking = VectorPacking {
        set: KernelSet::Avx2,
        lanes: 8,
        wide: true,
        many_registers: false,
        taps: Taps::Never,
        has_5x5: false,
        unit: 4,
        block: 4,
        flips: false,
        signed: false,
        gathers: false,
        pairs: false,
        chains: false,
    };
    /// For [`KernelSet::AvxVnni`].
    pub const AVX_VNNI: VectorPacking = VectorPacking { set: KernelSet::AvxVnni, wide: false, ..VectorPacking::AVX2 };
    /// For [`KernelSet::Avx512Vnni`].
    pub const AVX512_VNNI: VectorPacking = VectorPacking {
        set: KernelSet::Avx512Vnni,
        lanes: 16,
        many_registers: true,
        pairs: true,
        ..VectorPacking::AVX_VNNI
    };
    /// For [`KernelSet::AmxInt8`].
    pub const AMX_INT8: VectorPacking =
        VectorPacking { set: KernelSet::AmxInt8, pairs: false, ..VectorPacking::AVX512_VNNI };
    /// For [`KernelSet::NeonDotprod`].
    pub const NEON_DOTPROD: VectorPacking = VectorPacking {
        set: KernelSet::NeonDotprod,
        lanes: 4,
        wide: false,
        many_registers: true,
        taps: Taps::UnlessDots,
        has_5x5: true,
        unit: 4,
        block: 4,
        flips: true,
        signed: true,
        gathers: true,
        pairs: false,
        chains: false,
    };
    /// For [`KernelSet::Neon`].
    pub const NEON: VectorPacking = VectorPacking {
        set: KernelSet::Neon,
        taps: Taps::Always,
        has_5x5: false,
        chains: true,
        ..VectorPacking::NEON_DOTPROD
    };
    /// For [`KernelSet::NeonI8mm`].
    pub const NEON_I8MM: VectorPacking = VectorPacking {
        set: KernelSet::NeonI8mm,
        taps: Taps::Never,
        unit: 8,
        flips: false,
        signed: false,
        ..VectorPacking::NEON_DOTPROD
    };

    /// Whether a depthwise convolution of this shape goes tap by tap.
    pub(super) fn goes_by_taps(&self, shape: &ConvolutionShape) -> bool {
        match self.taps {
            Taps::Never => false,
            Taps::UnlessDots => !slides(shape, self.many_registers) && !self.takes_5x5(shape),
            Taps::Always => true,
        }
    }

    /// Whether a depthwise convolution of this shape is packed as the products of 5 × 5 taps.
    pub(super) fn takes_5x5(&self, shape: &ConvolutionShape) -> bool {
        self.has_5x5 && is_5x5(shape)
    }

    /// Whether a depthwise convolution of this shape is computed from padded rows.
    fn pads_rows(&self, shape: &ConvolutionShape) -> bool {
        self.gathers && (slides(shape, self.many_registers) || self.takes_5x5(shape) || self.goes_by_taps(shape))
    }

    /// Bytes of the weights of one dot product.
    pub(super) fn weight_bytes(&self) -> usize {
        self.lanes * if self.wide { 8 } else { 4 }
    }

    /// Bytes of a channel's packed weights in a convolution to sums.
    pub fn dynamic_depth(&self, shape: &ConvolutionShape) -> usize {
        if self.chains {
            return (shape.depth() as usize).checked_next_multiple_of(4).unwrap_or(usize::MAX);
        }
        let (runs, len) = runs(shape, false);
        runs.saturating_mul(fours(len, 4)).saturating_mul(self.weight_bytes() / self.lanes)
    }
}

impl Packing for VectorPacking {
    fn kernel_set(&self) -> KernelSet {
        self.set
    }

    fn packed_int8(&self, shape: &ConvolutionShape, wide: bool) -> PackedLen {
        if !is_covered(shape, wide) {
            return Portable.packed_int8(shape, wide);
        }
        let (lanes, outputs) = (self.lanes as u64, u64::from(shape.out_channels));
        let (sums, weights) = if shape.form == ConvolutionForm::Depthwise && self.goes_by_taps(shape) {
            let channels = outputs.next_multiple_of(8);
            // In fours, as all weights are counted here.
            (channels, channels.saturating_mul(shape.depth()) / 4)
        } else if shape.form == ConvolutionForm::Depthwise {
            // As `chunks` divides them, without walking through them all.
            let left = outputs % (4 * lanes);
            let rest = match left.div_ceil(lanes) {
                0 => 0,
                3 if lanes > 4 => 2,
                _ => 1,
            };
            let chunks = outputs / (4 * lanes) + rest;
            let products = if self.takes_5x5(shape) {
                PRODUCTS_5X5 as u64
            } else {
                u64::from(shape.kernel[0]).div_ceil(4).saturating_mul(shape.kernel[1].into())
            };
            (chunks * 4 * lanes, products.saturating_mul(chunks * 4 * lanes))
        } else {
            let groups = u64::from(shape.groups.max(1));
            let (runs, len) = runs(shape, self.gathers);
            let fours = (runs as u64).saturating_mul(fours(len, self.unit) as u64);
            let sums = padded_channels((outputs / groups) as usize, self.lanes) as u64 * groups;
            (sums, fours.saturating_mul(sums))
        };
        let weight = (self.weight_bytes() / self.lanes) as u64;
        let note = (NOTE as u64).saturating_add(self.notes_len(shape)) / weight;
        PackedLen {
            weights: bytes(weights.saturating_add(note), weight),
            bias: bytes(sums, 4),
            multiplier: bytes(sums, 4),
        }
    }

    fn takes_signed(&self, shape: &ConvolutionShape, wide: bool) -> bool {
        self.signed && is_covered(shape, wide)
    }

    fn chains(&self) -> Option<Chains> {
        self.chains.then_some(chains::LONGEST_CHAINS)
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
        if !is_covered(shape, weights.is_wide()) {
            return Portable.pack_int8(shape, x_zero, weights, bias, multiplier, packed);
        }
        let (depth, outputs) = (shape.depth() as usize, shape.out_channels as usize);
        assert_eq!(weights.len() as u64, shape.weight_count(), "weights");
        assert_eq!((bias.len(), multiplier.len()), (outputs, outputs), "biases and multipliers");
        if shape.form == ConvolutionForm::Depthwise {
            if self.goes_by_taps(shape) {
                let (packed, notes) = packed.weights.split_at_mut(self.notes_at(shape, packed.weights.len()));
                self.pack_taps(shape, weights, packed, notes);
            } else if self.takes_5x5(shape) {
                self.pack_5x5(shape, weights, packed.weights);
            } else {
                self.pack_depthwise(shape, weights, packed.weights);
            }
        } else {
            if self.chains {
                let (packed, notes) = packed.weights.split_at_mut(self.notes_at(shape, packed.weights.len()));
                notes.fill(0);
                chains::pack_twos(shape, weights, packed, notes);
            } else {
                self.pack_product(shape, weights, self.to_bytes(), packed.weights);
            }
        }
        let extreme = (0..weights.len()).any(|index| weights.at(index) == -128);
        let small = if self.gathers {
            (0..outputs).all(|channel| {
                // A byte counts for 0 − zero point at least, and 255 − zero point at most.
                let [mut least, mut most] = [i64::from(bias[channel]); 2];
                for index in channel * depth..(channel + 1) * depth {
                    let weight = i64::from(weights.at(index));
                    let [a, b] = [0, 255].map(|byte| (byte - i64::from(x_zero)) * weight);
                    (least, most) = (least + a.min(b), most + a.max(b));
                }
                let most = most.max(-least);
                most < i64::from(i32::MAX)
                    && most as f64 * f64::from(multiplier[channel].abs()) < f64::from(i16::MAX - 256)
            })
        } else {
            // A sum times less than 1 does not leave the range of i32.
            multiplier.iter().all(|multiplier| multiplier.abs() < 1.0)
        };
        Note { extreme, small }.put(packed.weights);
        let flip = if self.flips { 128 } else { 0 };
        let slots = packed.bias.chunks_exact_mut(4).zip(packed.multiplier.chunks_exact_mut(4));
        for ((to_bias, to_multiplier), channel) in slots.zip(self.channels(shape)) {
            let (bias, multiplier) = channel.map_or((0, 0.0), |channel| {
                // Integer sums wrap around, so that folding the zero point in is exact whatever the weights are.
                let inputs = channel * depth..(channel + 1) * depth;
                let sum = inputs.fold(0i32, |sum, i| sum.wrapping_add(weights.at(i).into()));
                (bias[channel].wrapping_sub((x_zero - flip).wrapping_mul(sum)), multiplier[channel])
            });
            to_bias.copy_from_slice(&bias.to_le_bytes());
            to_multiplier.copy_from_slice(&multiplier.to_le_bytes());
        }
    }

    fn packed_f32(&self, shape: &ConvolutionShape) -> PackedLen {
        layout_f32::packed(shape, self.lanes)
    }

    fn pack_f32(&self, shape: &ConvolutionShape, weights: &[f32], bias: &[f32], packed: PackedMut<'_>) {
        layout_f32::pack(shape, self.lanes, weights, bias, packed);
    }

    fn scratch_int8(&self, step: &ConvolutionInt8) -> u32 {
        let shape = ConvolutionShape::of_int8(step);
        scratch::int8(step, self.lanes, self.many_registers, self.gathers, self.pads_rows(&shape))
    }

    fn packed_dynamic(&self, shape: &ConvolutionShape) -> u32 {
        if !sums_are_covered(shape) {
            return Portable.packed_dynamic(shape);
        }
        let sums = bias_len(shape, self.lanes) as u64;
        let notes = if self.chains { self.notes_len(shape).saturating_add(NOTE as u64) } else { 0 };
        bytes((self.dynamic_depth(shape) as u64).saturating_mul(sums).saturating_add(notes), 1)
    }

    fn pack_dynamic(&self, shape: &ConvolutionShape, weights: &[i16], packed: &mut [u8]) {
        if !sums_are_covered(shape) {
            return Portable.pack_dynamic(shape, weights, packed);
        }
        assert_eq!(weights.len() as u64, shape.weight_count(), "weights");
        if self.chains {
            let (to, notes) = packed.split_at_mut(self.notes_at(shape, packed.len()));
            notes.fill(0);
            chains::pack_twos(shape, IntegerWeights::Wide(weights), to, notes);
            Note { extreme: weights.contains(&-128), small: false }.put(packed);
            return;
        }
        // Sums are written as they are, so that channels lie in their own order.
        let side_by_side = |_, vector, lane, lanes| vector * lanes + lane;
        let order = ProductOrder { gathers: false, unit: 4, block: 4, pairs: false, channel: side_by_side };
        self.pack_product(shape, IntegerWeights::Wide(weights), order, packed);
    }

    fn scratch_dynamic(&self, step: &ConvolutionDynamic) -> u32 {
        let shape = ConvolutionShape::of_dynamic(step);
        if !sums_are_covered(&shape) {
            return Portable.scratch_dynamic(step);
        }
        let ring = match step.form {
            ConvolutionForm::General => {
                scratch::rows(&step.window, &step.x, &step.y, self.gathers).ring_len(step.x.height as usize)
            }
            ConvolutionForm::Pointwise | ConvolutionForm::Depthwise => 0,
        };
        let len = bias_len(&shape, self.lanes).saturating_mul(4).saturating_add(ring);
        u32::try_from(len.div_ceil(4).saturating_mul(4)).unwrap_or(u32::MAX)
    }

    fn scratch_f32(&self, step: &ConvolutionF32) -> u32 {
        layout_f32::scratch(step)
    }
}
