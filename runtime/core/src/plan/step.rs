//! The steps that a plan is made of: one struct a kind, each naming its operands, its weights and its constants.
//!
//! Integer operands are unsigned bytes with a zero point; `low` and `high` bound the stored result, so that a fused
//! ReLU costs nothing. A `table` of 256 bytes, where present, maps the bounded result once more: any fused activation.

use super::PlanError;
pub use super::choices::{
    ConvolutionForm, FloatOperation, IntegerOperation, Interpolation, Pooling, Reduction, SumsAs,
};
use super::record::{Field, Reader};
use super::view::{Blob, Extent, Image, Operand, Span, Window};
use crate::function::Function;

macro_rules! steps {
    ($($(#[$doc:meta])* $number:literal => $kind:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq)]
            pub struct $kind { $($(#[$field_doc])* pub $field: $type,)* }
        )*

        /// One step of a plan.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[allow(missing_docs, clippy::large_enum_variant)]
        pub enum Step { $($kind($kind)),* }

        impl Step {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $(Step::$kind(_) => stringify!($kind)),* }
            }

            /// The number that stands for the kind in a plan.
            pub fn number(&self) -> u32 {
                match self { $(Step::$kind(_) => $number),* }
            }

            /// Writes the fields; the number is not among them.
            pub fn put(&self, sink: &mut dyn FnMut(u32)) {
                match self { $(Step::$kind(step) => { $(step.$field.put(sink);)* })* }
            }

            /// Bytes of the constants that the step refers to, operands apart.
            pub fn constant_len(&self) -> u64 {
                match self { $(Step::$kind(step) => 0 $(+ step.$field.constant_len())*),* }
            }

            /// Reads the fields of a step of kind `number`.
            pub fn get(number: u32, words: &mut Reader<'_>) -> Result<Self, PlanError> {
                match number {
                    $($number => Ok(Step::$kind($kind { $($field: Field::get(words)?),* })),)*
                    value => Err(PlanError::BadValue { what: "kind of step", value }),
                }
            }
        }
    };
}

steps! {
    /// Convolution of quantised images: y = clamp(round(Σ (x − x_zero) · w + bias) · multiplier\[c\]) + y_zero), ties to even,
    /// where the multiplier is x's scale times the channel's weight scale over y's scale, computed in f32 in that order.
    1 => ConvolutionInt8 {
        /// The input.
        x: Image,
        /// The output; its size decides how many places the window takes.
        y: Image,
        /// The window.
        window: Window,
        /// Groups; divides the channels of both sides.
        groups: u32,
        /// The structure.
        form: ConvolutionForm,
        /// Whether weights are 16-bit (asymmetric weights that leave the range of i8 once their zero point is taken off).
        wide: bool,
        /// Whether the input's bytes are stored less 128, as signed ones: where kernels multiply such, and nothing else reads them.
        x_signed: bool,
        /// Whether the output's are.
        y_signed: bool,
        /// The input's zero point; padding counts as it.
        x_zero: i32,
        /// The output's zero point.
        y_zero: i32,
        /// The least stored result.
        low: i32,
        /// The greatest stored result.
        high: i32,
        /// Packed weights.
        weights: Blob,
        /// i32 per output channel, packed.
        bias: Blob,
        /// f32 per output channel, packed.
        multiplier: Blob,
        /// 256 bytes applied to the result, or absent.
        table: Blob,
        /// Working memory.
        scratch: Span,
    }
    /// Convolution of float images with a fused activation.
    2 => ConvolutionF32 {
        /// The input.
        x: Image,
        /// The output.
        y: Image,
        /// The window.
        window: Window,
        /// Groups.
        groups: u32,
        /// The structure.
        form: ConvolutionForm,
        /// Packed weights.
        weights: Blob,
        /// f32 per output channel, packed.
        bias: Blob,
        /// Applied to the result.
        activation: Function,
        /// Working memory.
        scratch: Span,
    }
    /// a ∘ b of quantised operands. Add: y = round((b − shift) · b_scale + ((a − shift) · a_scale + offset)) + shift;
    /// multiply: y = round((a − a_zero) · (b − b_zero) · a_scale + offset) + shift. Then clamp, then table.
    3 => BinaryInt8 {
        /// What is computed.
        operation: IntegerOperation,
        /// The shape walked.
        extent: Extent,
        /// The left operand.
        a: Operand,
        /// The right operand.
        b: Operand,
        /// The result.
        y: Operand,
        /// Add: a's scale over y's. Multiply: a's scale times b's, over y's.
        a_scale: f32,
        /// Add: b's scale over y's.
        b_scale: f32,
        /// With every zero point less the shift, Add: y_zero − (a_scale · a_zero + b_scale · b_zero). Multiply: y_zero.
        offset: f32,
        /// Multiply: a's zero point.
        a_zero: i32,
        /// Multiply: b's zero point.
        b_zero: i32,
        /// 128 where the model computes on signed bytes, which are stored shifted by so much, else 0. It decides how the
        /// floats on the way are rounded.
        shift: i32,
        /// The least stored result.
        low: i32,
        /// The greatest stored result.
        high: i32,
        /// 256 bytes applied to the result, or absent.
        table: Blob,
    }
    /// a ∘ b of floats.
    4 => BinaryF32 {
        /// What is computed.
        operation: FloatOperation,
        /// The shape walked.
        extent: Extent,
        /// The left operand.
        a: Operand,
        /// The right operand.
        b: Operand,
        /// The result.
        y: Operand,
        /// Applied to the result.
        activation: Function,
    }
    /// A function of every float. `x` and `y` may be the same place.
    5 => UnaryF32 {
        /// What is computed.
        function: Function,
        /// The shape walked.
        extent: Extent,
        /// The operand.
        x: Operand,
        /// The result.
        y: Operand,
    }
    /// A function of every byte, by table. `x` and `y` may be the same place.
    6 => Lookup {
        /// The shape walked.
        extent: Extent,
        /// The operand.
        x: Operand,
        /// The result.
        y: Operand,
        /// 256 bytes.
        table: Blob,
    }
    /// y = saturate(round(x / scale) + zero), ties to even.
    7 => Quantize {
        /// The shape walked.
        extent: Extent,
        /// Floats.
        x: Operand,
        /// Bytes.
        y: Operand,
        /// The step.
        scale: f32,
        /// The zero point, 0 to 255.
        zero: i32,
    }
    /// y = (x − zero) · scale.
    8 => Dequantize {
        /// The shape walked.
        extent: Extent,
        /// Bytes.
        x: Operand,
        /// Floats.
        y: Operand,
        /// The step.
        scale: f32,
        /// The zero point, 0 to 255.
        zero: i32,
    }
    /// Copies elements from one layout to another: transposing, slicing, joining, padding's inner part.
    9 => Copy {
        /// Bytes an element: 1, 4 or 8.
        size: u32,
        /// The shape walked.
        extent: Extent,
        /// The source.
        x: Operand,
        /// The destination.
        y: Operand,
    }
    /// Sets every element to one value.
    10 => Fill {
        /// Bytes an element: 1, 4 or 8 (an 8-byte element is `value` zero-extended).
        size: u32,
        /// The shape walked.
        extent: Extent,
        /// The destination.
        y: Operand,
        /// The value's bits.
        value: u32,
    }
    /// y\[o, i, k\] = x\[o, indices\[i\], k\].
    11 => Gather {
        /// Bytes an element: 1, 4 or 8.
        size: u32,
        /// Product of the axes in front.
        outer: u32,
        /// Length of the axis picked from.
        len: u32,
        /// Product of the axes behind.
        inner: u32,
        /// The source, contiguous.
        x: Span,
        /// The destination, contiguous.
        y: Span,
        /// u32 indices, each below `len`.
        indices: Blob,
    }
    /// Pools quantised images. Maximum copies stored values (x and y have one scale). Average: the window's mean of
    /// (x − x_zero) · x_scale, summed in f32 row by row, over y_scale, plus y_zero, rounded to even.
    12 => PoolInt8 {
        /// What is taken of the window.
        pooling: Pooling,
        /// The input.
        x: Image,
        /// The output.
        y: Image,
        /// The window.
        window: Window,
        /// The input's scale.
        x_scale: f32,
        /// The output's scale.
        y_scale: f32,
        /// The input's zero point.
        x_zero: i32,
        /// The output's zero point.
        y_zero: i32,
    }
    /// Means over whole quantised images: y = round((Σx − n · x_zero) · multiplier) + y_zero, with multiplier x_scale / (y_scale · n).
    13 => GlobalAverageInt8 {
        /// The input.
        x: Image,
        /// The output, one pixel an image.
        y: Image,
        /// See above.
        multiplier: f32,
        /// The input's zero point.
        x_zero: i32,
        /// The output's zero point.
        y_zero: i32,
    }
    /// Pools float images.
    14 => PoolF32 {
        /// What is taken of the window.
        pooling: Pooling,
        /// The input.
        x: Image,
        /// The output.
        y: Image,
        /// The window.
        window: Window,
    }
    /// Resizes quantised images that keep their scale.
    15 => ResizeInt8 {
        /// How.
        interpolation: Interpolation,
        /// The input.
        x: Image,
        /// The output.
        y: Image,
        /// A record per output row.
        rows: Blob,
        /// A record per output column.
        columns: Blob,
    }
    /// Resizes float images.
    16 => ResizeF32 {
        /// How.
        interpolation: Interpolation,
        /// The input.
        x: Image,
        /// The output.
        y: Image,
        /// A record per output row.
        rows: Blob,
        /// A record per output column.
        columns: Blob,
    }
    /// Softmax over the middle axis of a contiguous tensor.
    17 => SoftmaxF32 {
        /// Product of the axes in front.
        outer: u32,
        /// Length of the axis.
        len: u32,
        /// Product of the axes behind.
        inner: u32,
        /// The input.
        x: Span,
        /// The output; may be the input.
        y: Span,
    }
    /// Softmax of bytes over the last axis: with t = table\[255 − (max x − x)\] per element and Σt summed in f32 from the
    /// first on, y = round(t · y_factor / Σt) + y_zero, product and quotient in f64, saturated.
    18 => SoftmaxInt8 {
        /// Product of the axes in front.
        outer: u32,
        /// Length of the axis.
        len: u32,
        /// The input.
        x: Span,
        /// The output.
        y: Span,
        /// 256 f32: exp((i − 255) · x_scale), scaled so that a row's sum fits.
        table: Blob,
        /// ⌊1 / y_scale⌋.
        y_factor: f32,
        /// The output's zero point.
        y_zero: i32,
    }
    /// Reduces the middle axis of a contiguous tensor.
    19 => ReduceF32 {
        /// What is taken.
        reduction: Reduction,
        /// Product of the axes in front.
        outer: u32,
        /// Length of the axis.
        len: u32,
        /// Product of the axes behind.
        inner: u32,
        /// The input.
        x: Span,
        /// The output.
        y: Span,
    }
    /// Products of matrices that are both computed at run time: y = a · b, contiguous, row-major.
    20 => MatMulF32 {
        /// How many products.
        batch: u32,
        /// Rows of a and y.
        rows: u32,
        /// Columns of a, rows of b.
        inner: u32,
        /// Columns of b and y.
        columns: u32,
        /// Elements between two a's; 0 where all use one.
        a_step: u32,
        /// Elements between two b's; 0 where all use one.
        b_step: u32,
        /// The left factor.
        a: Operand,
        /// The right factor.
        b: Operand,
        /// The product.
        y: Span,
    }
    /// Scale and zero point for quantising floats to bytes, by ONNX's DynamicQuantizeLinear: of the least and the greatest
    /// of them and 0, scale = (greatest − least) / 255, or 1 where all are 0, and zero point = round(−least / scale), ties to
    /// even. NaN is passed over.
    22 => RangeF32 {
        /// The floats, contiguous.
        x: Span,
        /// Two floats: the scale, and the zero point as a whole number from 0 to 255.
        y: Span,
    }
    /// As [`Quantize`], with a scale and a zero point that a [`RangeF32`] found.
    23 => QuantizeDynamic {
        /// The shape walked.
        extent: Extent,
        /// Floats.
        x: Operand,
        /// Two floats: scale and zero point.
        parameters: Operand,
        /// Bytes.
        y: Operand,
    }
    /// Convolution of images of bytes whose scale and zero point are known only at run time: s = Σ (x − zero) · w, summed in
    /// i32 that wrap around. The result is s, or f(s · scale\[c\] + bias\[c\]), where a factor of the scale may be that of
    /// the input; floats are rounded after each operation.
    24 => ConvolutionDynamic {
        /// The input, bytes.
        x: Image,
        /// The output: i32 or floats.
        y: Image,
        /// The window.
        window: Window,
        /// Groups; divides the channels of both sides.
        groups: u32,
        /// The structure.
        form: ConvolutionForm,
        /// Two floats: scale and zero point of the input. Padding counts as the zero point.
        parameters: Operand,
        /// What the result is.
        sums_as: SumsAs,
        /// Packed weights, each less the offset of its output channel.
        weights: Blob,
        /// i32 per output channel: the sum of its weights as they are packed. Absent where the form is depthwise.
        weight_sums: Blob,
        /// i32 per output channel: what was taken off its weights so that they fit i8. Absent where that is nothing.
        offset: Blob,
        /// f32 per output channel. Absent where the result is integers.
        scale: Blob,
        /// f32 per output channel, or absent.
        bias: Blob,
        /// Applied to the result, where that is floats.
        activation: Function,
        /// Working memory.
        scratch: Span,
    }
    /// A step that the host runs (see [`External`](crate::session::External)); it may allocate.
    21 => External {
        /// The host's number for it.
        index: u32,
    }
}
