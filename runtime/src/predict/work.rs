//! What a step has to do, in the numbers that its cost depends on.

use retort_core::function::Function;
use retort_core::kernels::ConvolutionShape;
use retort_core::plan::Regions;
use retort_core::plan::step::{ConvolutionForm, Interpolation, Pooling, Step};
use retort_core::plan::view::{Extent, Image, Window};

/// Steps that cost alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Int8 products over pixels: 1 × 1 convolutions and fully connected layers.
    ProductInt8,
    /// Int8 convolutions of all other windows.
    GeneralInt8,
    /// Int8 depthwise convolutions of 3 × 3.
    SlidingInt8,
    /// Int8 depthwise convolutions of other windows.
    DepthwiseInt8,
    /// Integer convolutions that no vector kernel covers.
    PlainInt8,
    /// As [`Kind::ProductInt8`], of floats.
    ProductF32,
    /// As [`Kind::GeneralInt8`], of floats.
    GeneralF32,
    /// Depthwise convolutions of floats.
    DepthwiseF32,
    /// Products of two matrices that are computed at run time.
    MatMulF32,
    /// Sums and products of quantised tensors.
    BinaryInt8,
    /// Arithmetic on floats.
    BinaryF32,
    /// Functions of floats that are few instructions: bounds, absolute values, hard sigmoids.
    SimpleF32,
    /// Functions of floats that are many: exponentials, roots, powers.
    FunctionF32,
    /// Functions of bytes, by table.
    Lookup,
    /// Floats to bytes.
    Quantize,
    /// Bytes to floats.
    Dequantize,
    /// Copies of whole runs of elements.
    CopyRuns,
    /// Copies element by element, as for a transpose.
    CopyElements,
    /// One value everywhere.
    Fill,
    /// Elements picked by index.
    Gather,
    /// Greatest bytes of windows.
    MaximumInt8,
    /// Means of windows of bytes.
    AverageInt8,
    /// Means of whole images of bytes.
    GlobalAverageInt8,
    /// Greatest floats, or means, of windows.
    PoolF32,
    /// Resizing by copies.
    ResizeNearest,
    /// Resizing by blends.
    ResizeLinear,
    /// Softmax of floats.
    SoftmaxF32,
    /// Softmax of bytes.
    SoftmaxInt8,
    /// Reductions of floats.
    ReduceF32,
    /// What tract runs.
    External,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 30] = [
        Kind::ProductInt8,
        Kind::GeneralInt8,
        Kind::SlidingInt8,
        Kind::DepthwiseInt8,
        Kind::PlainInt8,
        Kind::ProductF32,
        Kind::GeneralF32,
        Kind::DepthwiseF32,
        Kind::MatMulF32,
        Kind::BinaryInt8,
        Kind::BinaryF32,
        Kind::SimpleF32,
        Kind::FunctionF32,
        Kind::Lookup,
        Kind::Quantize,
        Kind::Dequantize,
        Kind::CopyRuns,
        Kind::CopyElements,
        Kind::Fill,
        Kind::Gather,
        Kind::MaximumInt8,
        Kind::AverageInt8,
        Kind::GlobalAverageInt8,
        Kind::PoolF32,
        Kind::ResizeNearest,
        Kind::ResizeLinear,
        Kind::SoftmaxF32,
        Kind::SoftmaxInt8,
        Kind::ReduceF32,
        Kind::External,
    ];

    /// The name that listings show.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ProductInt8 => "product int8",
            Kind::GeneralInt8 => "convolution int8",
            Kind::SlidingInt8 => "depthwise 3x3 int8",
            Kind::DepthwiseInt8 => "depthwise int8",
            Kind::PlainInt8 => "convolution int16",
            Kind::ProductF32 => "product f32",
            Kind::GeneralF32 => "convolution f32",
            Kind::DepthwiseF32 => "depthwise f32",
            Kind::MatMulF32 => "matmul f32",
            Kind::BinaryInt8 => "binary int8",
            Kind::BinaryF32 => "binary f32",
            Kind::SimpleF32 => "unary f32",
            Kind::FunctionF32 => "function f32",
            Kind::Lookup => "lookup",
            Kind::Quantize => "quantise",
            Kind::Dequantize => "dequantise",
            Kind::CopyRuns => "copy",
            Kind::CopyElements => "transpose",
            Kind::Fill => "fill",
            Kind::Gather => "gather",
            Kind::MaximumInt8 => "maximum int8",
            Kind::AverageInt8 => "average int8",
            Kind::GlobalAverageInt8 => "global average int8",
            Kind::PoolF32 => "pool f32",
            Kind::ResizeNearest => "resize nearest",
            Kind::ResizeLinear => "resize linear",
            Kind::SoftmaxF32 => "softmax f32",
            Kind::SoftmaxInt8 => "softmax int8",
            Kind::ReduceF32 => "reduce f32",
            Kind::External => "in tract",
        }
    }
}

/// What a step has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// How it is done.
    pub kind: Kind,
    /// Multiply-accumulates of the layer.
    pub macs: u64,
    /// What the work grows with: multiply-accumulates, those with zeros that fill up vectors included; elements of a
    /// window for pools; elements for all else.
    pub units: u64,
    /// Elements written.
    pub outputs: u64,
    /// Elements that a function of many instructions, which is part of the step, maps before they are written.
    pub functions: u64,
    /// Bytes read of the arena.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Bytes of weights and other constants.
    pub bytes_constant: u64,
    /// Whether threads share it: convolutions are, the rest stays on the caller's.
    pub is_shared: bool,
}

/// Inputs that kernels multiply at a time, and output channels of a vector.
const FOURS: u64 = 4;

impl Work {
    /// The work of a step that has so many multiply-accumulates.
    pub fn of(step: &Step, macs: u64) -> Work {
        let Regions { inputs, output, .. } = step.regions();
        let bytes_out = output.map_or(0, |region| region.element_bytes());
        let read = inputs.iter().flatten().fold(0u64, |sum, (_, input)| sum.saturating_add(input.element_bytes()));
        // Without an input the output's own place is read.
        let in_place = inputs == [None, None] && !matches!(step, Step::Fill(_));
        let outputs = output.map_or(0, |region| region.elements);
        let (kind, units, is_shared) = match step {
            Step::ConvolutionInt8(s) => {
                let shape = ConvolutionShape::of_int8(s);
                let kind = match s.form {
                    _ if s.wide => Kind::PlainInt8,
                    ConvolutionForm::Pointwise => Kind::ProductInt8,
                    ConvolutionForm::General => Kind::GeneralInt8,
                    ConvolutionForm::Depthwise if is_3x3(&s.window) => Kind::SlidingInt8,
                    ConvolutionForm::Depthwise => Kind::DepthwiseInt8,
                };
                (kind, padded(&shape, &s.y, macs), true)
            }
            Step::ConvolutionDynamic(s) => {
                let shape = ConvolutionShape::of_dynamic(s);
                let kind = match s.form {
                    ConvolutionForm::Pointwise => Kind::ProductInt8,
                    ConvolutionForm::General => Kind::GeneralInt8,
                    ConvolutionForm::Depthwise => Kind::PlainInt8,
                };
                (kind, padded(&shape, &s.y, macs), true)
            }
            Step::ConvolutionF32(s) => {
                let shape = ConvolutionShape::of_f32(s);
                let kind = match s.form {
                    ConvolutionForm::Pointwise => Kind::ProductF32,
                    ConvolutionForm::General => Kind::GeneralF32,
                    ConvolutionForm::Depthwise => Kind::DepthwiseF32,
                };
                (kind, padded(&shape, &s.y, macs), true)
            }
            Step::MatMulF32(_) => (Kind::MatMulF32, macs, false),
            Step::BinaryInt8(_) => (Kind::BinaryInt8, outputs, false),
            Step::BinaryF32(_) => (Kind::BinaryF32, outputs, false),
            Step::UnaryF32(s) => (function(s.function), outputs, false),
            Step::Lookup(_) => (Kind::Lookup, outputs, false),
            Step::Quantize(_) | Step::QuantizeDynamic(_) => (Kind::Quantize, outputs, false),
            Step::Dequantize(_) => (Kind::Dequantize, outputs, false),
            // Every other byte, a half of shuffled channels, is copied by vectors, too.
            Step::Copy(s)
                if s.size == 1 && lies_by(&s.extent, &s.x.strides, 2) && is_contiguous(&s.extent, &s.y.strides) =>
            {
                (Kind::CopyRuns, outputs, false)
            }
            Step::Copy(s) => match is_contiguous(&s.extent, &s.x.strides) && is_contiguous(&s.extent, &s.y.strides) {
                true => (Kind::CopyRuns, outputs.saturating_mul(s.size.into()), false),
                false => (Kind::CopyElements, outputs, false),
            },
            Step::Fill(s) => (Kind::Fill, outputs.saturating_mul(s.size.into()), false),
            Step::Gather(_) => (Kind::Gather, outputs, false),
            Step::PoolInt8(s) => {
                let kind = match s.pooling {
                    Pooling::Maximum => Kind::MaximumInt8,
                    Pooling::Average | Pooling::AverageWithPadding => Kind::AverageInt8,
                };
                (kind, outputs.saturating_mul(taps(&s.window)), false)
            }
            Step::PoolF32(s) => (Kind::PoolF32, outputs.saturating_mul(taps(&s.window)), false),
            Step::GlobalAverageInt8(s) => (Kind::GlobalAverageInt8, elements(&s.x), false),
            Step::ResizeInt8(s) => (resize(s.interpolation), outputs, false),
            Step::ResizeF32(s) => (resize(s.interpolation), outputs, false),
            Step::SoftmaxF32(_) => (Kind::SoftmaxF32, outputs, false),
            Step::SoftmaxInt8(_) => (Kind::SoftmaxInt8, outputs, false),
            Step::ReduceF32(_) | Step::RangeF32(_) => (Kind::ReduceF32, read / 4, false),
            Step::External(_) => (Kind::External, macs, false),
        };
        let functions = match step {
            Step::ConvolutionF32(s) if function(s.activation) == Kind::FunctionF32 => outputs,
            Step::ConvolutionDynamic(s) if function(s.activation) == Kind::FunctionF32 => outputs,
            Step::BinaryF32(s) if function(s.activation) == Kind::FunctionF32 => outputs,
            _ => 0,
        };
        let bytes_in = if in_place { bytes_out } else { read };
        Work {
            kind,
            macs,
            units,
            outputs,
            functions,
            bytes_in,
            bytes_out,
            bytes_constant: step.constant_len(),
            is_shared,
        }
    }
}

/// What running a step takes, told from the step alone rather than from what its plan says of itself: multiply-accumulates, or
/// the elements that it reads or writes where those are more. 0 for a step that the host runs. Saturates.
pub fn effort(step: &Step) -> u64 {
    let macs = match step {
        Step::MatMulF32(s) => {
            [s.batch, s.rows, s.inner, s.columns].iter().fold(1u64, |product, &len| product.saturating_mul(len.into()))
        }
        _ => 0,
    };
    let work = Work::of(step, macs);
    work.units.max(work.outputs)
}

/// The multiply-accumulates of a convolution once depth and output channels are filled up to fours. Depthwise ones fill
/// only channels.
fn padded(shape: &ConvolutionShape, y: &Image, macs: u64) -> u64 {
    let groups = u64::from(shape.groups.max(1));
    let pixels = [y.batch, y.height, y.width].iter().fold(1u64, |product, &len| product.saturating_mul(len.into()));
    let padded = match shape.form {
        ConvolutionForm::Depthwise => {
            shape.depth().saturating_mul(u64::from(shape.out_channels).next_multiple_of(FOURS))
        }
        ConvolutionForm::Pointwise | ConvolutionForm::General => {
            let channels = (u64::from(shape.out_channels) / groups).next_multiple_of(FOURS);
            let depth = shape.depth().checked_next_multiple_of(FOURS).unwrap_or(u64::MAX);
            depth.saturating_mul(channels).saturating_mul(groups)
        }
    };
    pixels.saturating_mul(padded).max(macs)
}

fn is_3x3(window: &Window) -> bool {
    window.kernel == [3, 3] && window.dilation == [1, 1]
}

fn taps(window: &Window) -> u64 {
    u64::from(window.kernel[0]).saturating_mul(window.kernel[1].into())
}

fn elements(image: &Image) -> u64 {
    [image.batch, image.height, image.width, image.channels]
        .iter()
        .fold(1u64, |product, &len| product.saturating_mul(len.into()))
}

fn resize(interpolation: Interpolation) -> Kind {
    match interpolation {
        Interpolation::Nearest => Kind::ResizeNearest,
        Interpolation::Linear => Kind::ResizeLinear,
    }
}

fn function(function: Function) -> Kind {
    match function {
        Function::Identity
        | Function::Clamp { .. }
        | Function::LeakyRelu { .. }
        | Function::HardSigmoid { .. }
        | Function::HardSwish
        | Function::Abs
        | Function::Negate
        | Function::Floor
        | Function::Ceil
        | Function::Round => Kind::SimpleF32,
        _ => Kind::FunctionF32,
    }
}

/// Whether neighbours along the innermost axis that is longer than 1 are neighbours in memory.
fn is_contiguous(extent: &Extent, strides: &[u32]) -> bool {
    lies_by(extent, strides, 1)
}

/// Whether so many elements are from one to the next along the innermost axis.
fn lies_by(extent: &Extent, strides: &[u32], step: u32) -> bool {
    extent.0.iter().zip(strides).rev().find(|(len, _)| **len > 1).is_none_or(|(_, &stride)| stride == step)
}
