//! What a node of the graph can do.

use retort_core::function::Function;
use retort_core::plan::step::{ConvolutionForm, FloatOperation, IntegerOperation, Interpolation, Pooling, Reduction};

/// Where the sliding window of a convolution or a pool stands: rows first, then columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Rows and columns between two places.
    pub stride: [usize; 2],
    /// Rows and columns between two taps.
    pub dilation: [usize; 2],
    /// Padding above, left, below and right.
    pub pad: [usize; 4],
}

impl Window {
    /// A window of one pixel.
    pub const ONE: Window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0; 4] };

    /// Whether every place of the window is exactly one pixel of the input.
    pub fn is_one(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.pad == [0; 4]
    }
}

/// Weights as the file holds them, in the order \[out\]\[kernel row\]\[kernel column\]\[in / groups\].
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// Floats.
    Float(Vec<f32>),
    /// Integers that stand for floats.
    Quantised(QuantisedWeights),
}

/// Integer weights with the zero point of their channel already taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedWeights {
    /// stored − zero point, −255 to 255.
    pub values: Vec<i16>,
    /// The scale of each output channel.
    pub scales: Vec<f32>,
}

impl Weights {
    /// The weights as floats; `per_channel` is how many belong to one output channel.
    pub fn to_floats(&self, per_channel: usize) -> Vec<f32> {
        match self {
            Weights::Float(values) => values.clone(),
            Weights::Quantised(q) => (q.values.chunks_exact(per_channel).zip(&q.scales))
                .flat_map(|(channel, &scale)| channel.iter().map(move |&w| f32::from(w) * scale))
                .collect(),
        }
    }
}

/// What a convolution adds to each output channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Bias {
    /// As floats.
    pub floats: Vec<f32>,
    /// As the file holds them where they are quantised (scale: input's times the channel's weight scale).
    pub stored: Option<Vec<i32>>,
}

/// A float convolution over NHWC images, weights included.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// The window.
    pub window: Window,
    /// Groups; divides the channels of both sides.
    pub groups: usize,
    /// Input channels, all groups together.
    pub in_channels: usize,
    /// Output channels, all groups together.
    pub out_channels: usize,
    /// The weights.
    pub weights: Weights,
    /// The bias.
    pub bias: Option<Bias>,
    /// Applied to the result.
    pub activation: Function,
}

impl Convolution {
    /// Multiply-accumulates for one output element, which is also the number of weights of an output channel.
    pub fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.in_channels / self.groups
    }
}

/// 256 stored results, one per stored input.
pub type Table = Box<[u8; 256]>;

/// What happens to an integer result before it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Epilogue {
    /// The least stored value.
    pub low: u8,
    /// The greatest stored value.
    pub high: u8,
    /// Applied to the clamped value.
    pub table: Option<Table>,
}

impl Default for Epilogue {
    fn default() -> Self {
        Epilogue { low: 0, high: 255, table: None }
    }
}

/// A convolution in integers; input and output tensors carry the zero points.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionInt8 {
    /// The window.
    pub window: Window,
    /// Groups.
    pub groups: usize,
    /// Input channels, all groups together.
    pub in_channels: usize,
    /// Output channels, all groups together.
    pub out_channels: usize,
    /// The weights, in the order of [`Weights`].
    pub weights: Vec<i16>,
    /// Bias of each output channel, in units of input scale times weight scale.
    pub bias: Vec<i32>,
    /// (input scale · weight scale) / output scale of each output channel.
    pub multiplier: Vec<f32>,
    /// The zero point that `multiplier` and the epilogue's clamp refer to (a fused table changes the output's own).
    pub y_zero: i32,
    /// Clamp and table.
    pub epilogue: Epilogue,
}

impl ConvolutionInt8 {
    /// Whether some weight does not fit i8.
    pub fn is_wide(&self) -> bool {
        self.weights.iter().any(|&w| i8::try_from(w).is_err())
    }

    /// Multiply-accumulates for one output element.
    pub fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.in_channels / self.groups
    }
}

/// What becomes of the sums of a [`ConvolutionDynamic`].
#[derive(Clone, Debug, PartialEq)]
pub enum Sums {
    /// They are the result.
    Integers,
    /// They are made floats.
    Floats(Scaling),
}

/// How sums are made floats: times the scale, plus the bias, and through the activation, rounded after each.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Whether the input's scale is a factor of the scale.
    pub by_input: bool,
    /// The scale of each output channel, or 1.
    pub scale: Option<Vec<f32>>,
    /// What is added to each output channel.
    pub bias: Option<Vec<f32>>,
    /// Applied to the result.
    pub activation: Function,
}

impl Scaling {
    /// Floats of the same value as the sums.
    pub const NONE: Scaling = Scaling { by_input: false, scale: None, bias: None, activation: Function::Identity };
}

/// A convolution of bytes whose scale and zero point are the second input, two floats: they may be known only at run time.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionDynamic {
    /// The window.
    pub window: Window,
    /// Groups.
    pub groups: usize,
    /// Input channels, all groups together.
    pub in_channels: usize,
    /// Output channels, all groups together.
    pub out_channels: usize,
    /// The weights less their zero points, in the order of [`Weights`]; those of a channel lie within 256 numbers.
    pub weights: Vec<i16>,
    /// What the result is.
    pub sums: Sums,
}

impl ConvolutionDynamic {
    /// Multiply-accumulates for one output element.
    pub fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.in_channels / self.groups
    }

    /// Whether an activation can be applied to the result: to floats that have none yet.
    pub fn takes_activation(&self) -> bool {
        matches!(self.sums, Sums::Floats(Scaling { activation: Function::Identity, .. }))
    }
}

/// Which kernel a convolution of this shape takes.
pub fn form(window: &Window, groups: usize, in_channels: usize, out_channels: usize) -> ConvolutionForm {
    if groups == 1 && window.is_one() {
        ConvolutionForm::Pointwise
    } else if groups > 1 && groups == in_channels && groups == out_channels {
        ConvolutionForm::Depthwise
    } else {
        ConvolutionForm::General
    }
}

/// Which source pixels make an output row or column of a resize.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeTap {
    /// The lower source index, or the only one.
    pub low: u32,
    /// The upper source index.
    pub high: u32,
    /// The upper one's share.
    pub share: f32,
}

/// An operation. Integer variants read scales and zero points from the quantisation of their tensors.
#[derive(Clone, Debug)]
pub enum Op {
    /// Float convolution.
    Convolution(Box<Convolution>),
    /// Integer convolution.
    ConvolutionInt8(Box<ConvolutionInt8>),
    /// Integer convolution of bytes whose scale and zero point are the second input.
    ConvolutionDynamic(Box<ConvolutionDynamic>),
    /// Scale and zero point, two floats, for quantising a float tensor.
    Range,
    /// Floats to bytes, with the scale and the zero point of the second input.
    QuantizeDynamic,
    /// Element-wise on two float tensors, with a fused activation. Along an axis where an operand is shorter than the
    /// result by a whole factor, each of its elements is used so many times in a row: one element for all, or upsampling.
    Binary(FloatOperation, Function),
    /// The same on two quantised tensors. The quantisation is the result's before the table; the number
    /// is 128 where the model computes on signed bytes, else 0.
    BinaryInt8(IntegerOperation, crate::tensor::Quantisation, i32, Epilogue),
    /// A function of every float.
    Unary(Function),
    /// A function of every byte.
    Lookup(Table),
    /// Floats to the output's quantisation.
    Quantize,
    /// From the input's quantisation to floats.
    Dequantize,
    /// Output axis i is input axis `perm[i]`.
    Transpose(Vec<usize>),
    /// The same elements in the same order under another shape; also gives bytes another quantisation to be read by.
    Reshape,
    /// Along each axis, the elements start, start + step, …
    Slice {
        /// First index along each axis.
        start: Vec<usize>,
        /// Distance between two along each axis, at least 1.
        step: Vec<usize>,
    },
    /// The inputs one after another along an axis.
    Concat(usize),
    /// The input within a larger tensor.
    Pad {
        /// Elements in front, for each axis.
        before: Vec<usize>,
        /// What surrounds it: a float, or a stored byte.
        value: f32,
    },
    /// The elements at these indices of an axis.
    Gather {
        /// The axis.
        axis: usize,
        /// Indices, each below the axis's length.
        indices: Vec<u32>,
    },
    /// Repeats axes of length 1 until the output's shape is reached.
    Broadcast,
    /// Pools float or quantised NHWC images.
    Pool(Pooling, Window),
    /// Means over the rows and columns of NHWC images, float or quantised.
    GlobalAverage,
    /// Resizes float or quantised NHWC images.
    Resize {
        /// How.
        interpolation: Interpolation,
        /// For each output row.
        rows: Vec<ResizeTap>,
        /// For each output column.
        columns: Vec<ResizeTap>,
    },
    /// Softmax of floats along an axis.
    Softmax(usize),
    /// Softmax of bytes along the last axis: see the plan's step for the meaning.
    SoftmaxInt8 {
        /// 256 exponentials, the last that of the row's largest element.
        table: Vec<f32>,
        /// ⌊1 / output scale⌋.
        factor: f32,
    },
    /// Reduces one axis of floats to length 1.
    Reduce(Reduction, usize),
    /// Batched product of two float matrices.
    MatMul,
    /// A fallback step, by its number.
    External(usize),
}

impl Op {
    /// A short name for messages and listings.
    pub fn kind(&self) -> &'static str {
        match self {
            Op::Convolution(_) => "Convolution",
            Op::ConvolutionInt8(_) => "ConvolutionInt8",
            Op::ConvolutionDynamic(_) => "ConvolutionDynamic",
            Op::Range => "Range",
            Op::QuantizeDynamic => "QuantizeDynamic",
            Op::Binary(..) => "Binary",
            Op::BinaryInt8(..) => "BinaryInt8",
            Op::Unary(_) => "Unary",
            Op::Lookup(_) => "Lookup",
            Op::Quantize => "Quantize",
            Op::Dequantize => "Dequantize",
            Op::Transpose(_) => "Transpose",
            Op::Reshape => "Reshape",
            Op::Slice { .. } => "Slice",
            Op::Concat(_) => "Concat",
            Op::Pad { .. } => "Pad",
            Op::Gather { .. } => "Gather",
            Op::Broadcast => "Broadcast",
            Op::Pool(..) => "Pool",
            Op::GlobalAverage => "GlobalAverage",
            Op::Resize { .. } => "Resize",
            Op::Softmax(_) => "Softmax",
            Op::SoftmaxInt8 { .. } => "SoftmaxInt8",
            Op::Reduce(..) => "Reduce",
            Op::MatMul => "MatMul",
            Op::External(_) => "External",
        }
    }
}
