//! What goes into a model and what comes out of it: the ports, and typed views of their memory.
//!
//! A port keeps the shape that its ONNX file declares (usually NCHW) and says in which order the axes lie in memory
//! (usually NHWC, because that is what the kernels want). Code that fills an input or reads an output goes through
//! [`Port::strides`], so no copy is made just to reorder axes.

use std::fmt;

/// The element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// Unsigned byte: quantised values, masks and plain pixels.
    U8,
    /// Signed byte: quantised values.
    I8,
    /// 32-bit integer.
    I32,
    /// 64-bit integer: class ids and other indices.
    I64,
    /// Boolean, one byte.
    Bool,
}

impl ElementType {
    /// Bytes an element takes.
    pub const fn size(self) -> usize {
        match self {
            ElementType::U8 | ElementType::I8 | ElementType::Bool => 1,
            ElementType::F32 | ElementType::I32 => 4,
            ElementType::I64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementType::F32 => "f32",
            ElementType::U8 => "u8",
            ElementType::I8 => "i8",
            ElementType::I32 => "i32",
            ElementType::I64 => "i64",
            ElementType::Bool => "bool",
        })
    }
}

/// Affine quantisation of a whole tensor: `real = (stored - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantisation {
    /// Step between two neighbouring stored values; finite and positive.
    pub scale: f32,
    /// The stored value that means 0.
    pub zero_point: i32,
}

impl Quantisation {
    /// What is stored is what is meant.
    pub const UNIT: Quantisation = Quantisation { scale: 1.0, zero_point: 0 };

    /// What a stored value means.
    #[inline]
    pub fn real(self, stored: i32) -> f32 {
        (stored - self.zero_point) as f32 * self.scale
    }
}

/// A named input or output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// The tensor's name in the ONNX graph.
    pub name: String,
    /// The element type held in memory.
    pub element: ElementType,
    /// Lengths of the axes, in ONNX order (an image is batch, channel, row, column).
    pub shape: Vec<usize>,
    /// The axes as they lie in memory, outermost first: `[0, 2, 3, 1]` is an ONNX NCHW tensor stored as NHWC.
    pub order: Vec<usize>,
    /// Set where the memory holds quantised values of what the ONNX graph declares as float.
    pub quantisation: Option<Quantisation>,
}

impl Port {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether an axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds numbers in the order in which they count, whatever its shape: at most one axis is longer than 1, so that
    /// the memory order is that axis's.
    pub fn is_vector(&self) -> bool {
        let numbers = matches!(self.element, ElementType::F32 | ElementType::U8 | ElementType::I8);
        numbers && self.shape.iter().filter(|&&length| length > 1).count() <= 1
    }

    /// For each ONNX axis, how many elements apart two neighbours along it lie in memory.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![0; self.shape.len()];
        let mut step = 1;
        for &axis in self.order.iter().rev() {
            strides[axis] = step;
            step *= self.shape[axis];
        }
        strides
    }
}

/// The elements of an output, in memory order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TensorRef<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// Unsigned bytes, and booleans as 0 and 1.
    U8(&'a [u8]),
    /// Signed bytes.
    I8(&'a [i8]),
    /// 32-bit integers.
    I32(&'a [i32]),
    /// 64-bit integers.
    I64(&'a [i64]),
}

/// The elements of an input, in memory order, to be filled.
#[derive(Debug, PartialEq)]
pub enum TensorMut<'a> {
    /// 32-bit floats.
    F32(&'a mut [f32]),
    /// Unsigned bytes, and booleans as 0 and 1.
    U8(&'a mut [u8]),
    /// Signed bytes.
    I8(&'a mut [i8]),
    /// 32-bit integers.
    I32(&'a mut [i32]),
    /// 64-bit integers.
    I64(&'a mut [i64]),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_follow_the_memory_order() {
        let port = Port {
            name: "image".into(),
            element: ElementType::F32,
            shape: vec![1, 3, 4, 5],
            order: vec![0, 2, 3, 1],
            quantisation: None,
        };
        assert_eq!(port.strides(), [60, 1, 15, 3]);
        assert_eq!(port.len(), 60);
    }
}
