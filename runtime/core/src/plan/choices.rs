//! What steps choose between: forms, operations and what is taken of what, each written as a number.

use super::record::numbered;

/// Which structure a convolution has; decides the kernel and how its weights are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolutionForm {
    /// 1×1, stride 1, no padding, one group: a matrix product over pixels. Fully connected layers are of this form.
    Pointwise,
    /// As many groups as input and output channels.
    Depthwise,
    /// Everything else.
    General,
}
numbered!(ConvolutionForm, "form of a convolution": 0 => Pointwise, 1 => Depthwise, 2 => General);

/// An element-wise operation on two quantised operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerOperation {
    /// a + b
    Add,
    /// a · b
    Multiply,
}
numbered!(IntegerOperation, "integer operation": 0 => Add, 1 => Multiply);

/// An element-wise operation on two floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatOperation {
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a · b
    Multiply,
    /// a / b
    Divide,
    /// min(a, b)
    Minimum,
    /// max(a, b)
    Maximum,
    /// a to the power of b
    Power,
    /// a where a ≥ 0, else b · a
    PRelu,
}
numbered!(FloatOperation, "float operation": 0 => Add, 1 => Subtract, 2 => Multiply, 3 => Divide, 4 => Minimum,
    5 => Maximum, 6 => Power, 7 => PRelu);

/// What a pool takes of its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The largest element; padding never wins.
    Maximum,
    /// The mean of the elements inside the image.
    Average,
    /// The mean over the window with padding counted as zero.
    AverageWithPadding,
}
numbered!(Pooling, "pooling": 0 => Maximum, 1 => Average, 2 => AverageWithPadding);

/// What a reduction takes of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The mean.
    Mean,
    /// The sum.
    Sum,
    /// The largest.
    Maximum,
    /// The smallest.
    Minimum,
}
numbered!(Reduction, "reduction": 0 => Mean, 1 => Sum, 2 => Maximum, 3 => Minimum);

/// What becomes of the sums of a product of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumsAs {
    /// i32, as they are.
    Integers,
    /// Floats, times a scale for each channel.
    Floats,
    /// Floats, times a scale for each channel that the input's scale is a factor of.
    Scaled,
}
numbered!(SumsAs, "form of sums": 0 => Integers, 1 => Floats, 2 => Scaled);

/// How a resize fills in between pixels. Both read one record per output row and column from a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Copies one source pixel; a record is its index.
    Nearest,
    /// Blends two neighbours; a record is the lower index, the upper index, and the upper one's share as f32.
    Linear,
}
numbered!(Interpolation, "interpolation": 0 => Nearest, 1 => Linear);

impl Interpolation {
    /// Words of one record.
    pub fn record_words(self) -> usize {
        match self {
            Interpolation::Nearest => 1,
            Interpolation::Linear => 3,
        }
    }
}
