//! How a kernel set wants the weights of convolutions laid out, and how much working memory it needs for them.

use super::KernelSet;
use crate::plan::step::{ConvolutionDynamic, ConvolutionF32, ConvolutionForm, ConvolutionInt8};
use crate::plan::view::Window;

/// What the layout of a convolution's weights depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// The structure.
    pub form: ConvolutionForm,
    /// Groups; divides both channel counts.
    pub groups: u32,
    /// Rows and columns of the window.
    pub kernel: [u32; 2],
    /// Rows and columns between two neighbouring taps.
    pub dilation: [u32; 2],
    /// Input channels of all groups together.
    pub in_channels: u32,
    /// Output channels of all groups together.
    pub out_channels: u32,
}

impl ConvolutionShape {
    /// The shape of the weights that `step` uses.
    pub fn of_int8(step: &ConvolutionInt8) -> Self {
        Self::new(step.form, step.groups, &step.window, step.x.channels, step.y.channels)
    }

    /// The shape of the weights that `step` uses.
    pub fn of_f32(step: &ConvolutionF32) -> Self {
        Self::new(step.form, step.groups, &step.window, step.x.channels, step.y.channels)
    }

    /// The shape of the weights that `step` uses.
    pub fn of_dynamic(step: &ConvolutionDynamic) -> Self {
        Self::new(step.form, step.groups, &step.window, step.x.channels, step.y.channels)
    }

    fn new(form: ConvolutionForm, groups: u32, window: &Window, in_channels: u32, out_channels: u32) -> Self {
        ConvolutionShape { form, groups, kernel: window.kernel, dilation: window.dilation, in_channels, out_channels }
    }

    /// Weights behind one output channel: kernel rows × kernel columns × input channels of a group. Saturates.
    pub fn depth(&self) -> u64 {
        let taps = u64::from(self.kernel[0]).saturating_mul(u64::from(self.kernel[1]));
        taps.saturating_mul(u64::from(self.in_channels / self.groups.max(1)))
    }

    /// Weights of the whole convolution before packing. Saturates.
    pub fn weight_count(&self) -> u64 {
        self.depth().saturating_mul(u64::from(self.out_channels))
    }
}

/// Integer weights before packing: `[output channel][kernel row][kernel column][input channel of the group]`.
#[derive(Clone, Copy, Debug)]
pub enum IntegerWeights<'w> {
    /// Weights with zero point 0.
    Narrow(&'w [i8]),
    /// Weights whose zero point was taken off and that leave the range of i8 by it.
    Wide(&'w [i16]),
}

impl IntegerWeights<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            IntegerWeights::Narrow(weights) => weights.len(),
            IntegerWeights::Wide(weights) => weights.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the weights are 16-bit.
    pub fn is_wide(&self) -> bool {
        matches!(self, IntegerWeights::Wide(_))
    }

    /// The weight at `index`.
    pub fn at(&self, index: usize) -> i16 {
        match self {
            IntegerWeights::Narrow(weights) => i16::from(weights[index]),
            IntegerWeights::Wide(weights) => weights[index],
        }
    }
}

/// Bytes that the constants of a convolution take once packed; `u32::MAX` where they would take more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedLen {
    /// The weights.
    pub weights: u32,
    /// The bias.
    pub bias: u32,
    /// The multipliers; 0 in f32.
    pub multiplier: u32,
}

/// Where packed constants are written: slices of exactly the lengths in [`PackedLen`], each aligned to
/// [`ALIGNMENT`](crate::plan::ALIGNMENT) or at least to 4.
#[derive(Debug)]
pub struct PackedMut<'p> {
    /// The weights.
    pub weights: &'p mut [u8],
    /// The bias.
    pub bias: &'p mut [u8],
    /// The multipliers; empty in f32.
    pub multiplier: &'p mut [u8],
}

/// Packed constants as a kernel reads them, laid out as its own [`Packing`] wrote them.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'p> {
    /// The weights.
    pub weights: &'p [u8],
    /// The bias.
    pub bias: &'p [u8],
    /// The multipliers; empty in f32.
    pub multiplier: &'p [u8],
}

/// Constants of a [`ConvolutionDynamic`] as a kernel reads them; those that are absent are empty.
#[derive(Clone, Copy, Debug)]
pub struct DynamicConstants<'p> {
    /// Packed weights.
    pub weights: &'p [u8],
    /// The sum of each output channel's packed weights.
    pub weight_sums: &'p [i32],
    /// What was taken off each output channel's weights.
    pub offset: &'p [i32],
    /// The scale of each output channel.
    pub scale: &'p [f32],
    /// What is added to each output channel.
    pub bias: &'p [f32],
}

/// Scale and zero point of bytes that were quantised while the plan runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// The step between two neighbouring bytes.
    pub scale: f32,
    /// The byte that stands for 0.
    pub zero: u8,
}

impl Parameters {
    /// Reads them from the arena, whatever it holds.
    pub fn of(floats: &[f32]) -> Self {
        let [scale, zero] = floats.first_chunk().copied().unwrap_or([1.0, 0.0]);
        // Saturates; NaN becomes 0.
        Parameters { scale, zero: zero as u8 }
    }
}

/// How products are added up in 16 bits before they are widened: those of inputs that are neighbours, where their weights are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chains {
    /// Inputs that are multiplied together.
    pub inputs: usize,
    /// How many sums they make: input i is added to sum i modulo this.
    pub sums: usize,
    /// Output channels that are computed together, so that a sum has to fit for each of them.
    pub channels: usize,
    /// The largest sum of weights' magnitudes that fits for sure.
    pub most: u8,
}

/// The layouts of a kernel set. Packing needs no CPU that runs the kernels, so a plan can be made for another machine.
pub trait Packing: Sync {
    /// Which kernel set these layouts are for.
    fn kernel_set(&self) -> KernelSet;

    /// Bytes of the packed constants of an int8 convolution.
    fn packed_int8(&self, shape: &ConvolutionShape, wide: bool) -> PackedLen;

    /// Whether the kernels of an int8 convolution can take bytes that are stored less 128, as signed ones, and write such.
    fn takes_signed(&self, _shape: &ConvolutionShape, _wide: bool) -> bool {
        false
    }

    /// How products are added up in 16 bits, where the kernels do: then it pays to have inputs in an order in which they fit.
    fn chains(&self) -> Option<Chains> {
        None
    }

    /// Packs the constants of an int8 convolution. `bias` and `multiplier` hold one value per output channel; `bias` is
    /// the convolution's own: what the input's zero point `x_zero` contributes is folded in here.
    ///
    /// # Panics
    /// Where a length does not fit `shape`.
    fn pack_int8(
        &self,
        shape: &ConvolutionShape,
        x_zero: i32,
        weights: IntegerWeights<'_>,
        bias: &[i32],
        multiplier: &[f32],
        packed: PackedMut<'_>,
    );

    /// Bytes of the packed constants of a float convolution.
    fn packed_f32(&self, shape: &ConvolutionShape) -> PackedLen;

    /// Packs the constants of a float convolution: weights in the order of [`IntegerWeights`], and one bias per output
    /// channel.
    ///
    /// # Panics
    /// Where a length does not fit `shape`.
    fn pack_f32(&self, shape: &ConvolutionShape, weights: &[f32], bias: &[f32], packed: PackedMut<'_>);

    /// Bytes of working memory that the step needs, a multiple of 4; its `scratch` field and blobs are not looked at.
    /// `u32::MAX` where it would need more.
    fn scratch_int8(&self, step: &ConvolutionInt8) -> u32;

    /// Bytes of the packed weights of a [`ConvolutionDynamic`]; `u32::MAX` where they would take more.
    fn packed_dynamic(&self, shape: &ConvolutionShape) -> u32;

    /// Packs the weights of a [`ConvolutionDynamic`], in the order of [`IntegerWeights`]: those of depthwise convolutions
    /// are of any 16 bits, all others within i8.
    ///
    /// # Panics
    /// Where a length does not fit `shape`.
    fn pack_dynamic(&self, shape: &ConvolutionShape, weights: &[i16], packed: &mut [u8]);

    /// Bytes of working memory that the step needs, a multiple of 4; its `scratch` field and blobs are not looked at.
    /// `u32::MAX` where it would need more.
    fn scratch_dynamic(&self, step: &ConvolutionDynamic) -> u32;

    /// Bytes of working memory that the step needs, a multiple of 4; its `scratch` field and blobs are not looked at.
    /// `u32::MAX` where it would need more.
    fn scratch_f32(&self, step: &ConvolutionF32) -> u32;
}
