//! How the fields of a step are written as little-endian 32-bit words and read back.

use super::PlanError;
use crate::function::Function;

/// The words of one record, consumed from the front.
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the words of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    /// The next word.
    pub fn word(&mut self) -> Result<u32, PlanError> {
        let (head, rest) = self.bytes.split_first_chunk::<4>().ok_or(PlanError::Truncated)?;
        self.bytes = rest;
        Ok(u32::from_le_bytes(*head))
    }

    /// Whether every word was consumed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A value that is written as a fixed number of words.
pub trait Field: Sized {
    /// Writes the value.
    fn put(&self, sink: &mut dyn FnMut(u32));
    /// Reads it back.
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError>;
    /// Bytes of the plan's constants that it refers to.
    fn constant_len(&self) -> u64 {
        0
    }
}

impl Field for u32 {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        sink(*self);
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        words.word()
    }
}

impl Field for i32 {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        sink(*self as u32);
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        words.word().map(|w| w as i32)
    }
}

impl Field for u64 {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        sink(*self as u32);
        sink((*self >> 32) as u32);
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        let low = words.word()?;
        Ok(u64::from(words.word()?) << 32 | u64::from(low))
    }
}

impl Field for f32 {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        sink(self.to_bits());
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        words.word().map(f32::from_bits)
    }
}

impl Field for bool {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        sink(u32::from(*self));
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        match words.word()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(PlanError::BadValue { what: "flag", value: other }),
        }
    }
}

impl<T: Field + Copy + Default, const N: usize> Field for [T; N] {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        self.iter().for_each(|v| v.put(sink));
    }
    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::get(words)?;
        }
        Ok(values)
    }
}

/// Writes a field-less enum as the number of its variant.
macro_rules! numbered {
    ($type:ident, $what:literal: $($number:literal => $variant:ident),+) => {
        impl $crate::plan::record::Field for $type {
            fn put(&self, sink: &mut dyn FnMut(u32)) {
                sink(match self { $($type::$variant => $number),+ });
            }
            fn get(words: &mut $crate::plan::record::Reader<'_>) -> Result<Self, $crate::plan::PlanError> {
                match words.word()? {
                    $($number => Ok($type::$variant),)+
                    value => Err($crate::plan::PlanError::BadValue { what: $what, value }),
                }
            }
        }
    };
}
pub(crate) use numbered;

impl Field for Function {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        let (number, a, b) = match *self {
            Function::Identity => (0, 0.0, 0.0),
            Function::Clamp { low, high } => (1, low, high),
            Function::LeakyRelu { slope } => (2, slope, 0.0),
            Function::HardSigmoid { slope, offset } => (3, slope, offset),
            Function::HardSwish => (4, 0.0, 0.0),
            Function::Sigmoid => (5, 0.0, 0.0),
            Function::Silu => (6, 0.0, 0.0),
            Function::Tanh => (7, 0.0, 0.0),
            Function::Exp => (8, 0.0, 0.0),
            Function::Log => (9, 0.0, 0.0),
            Function::Sqrt => (10, 0.0, 0.0),
            Function::Abs => (11, 0.0, 0.0),
            Function::Negate => (12, 0.0, 0.0),
            Function::Reciprocal => (13, 0.0, 0.0),
            Function::Erf => (14, 0.0, 0.0),
            Function::Elu { slope } => (15, slope, 0.0),
            Function::Softplus => (16, 0.0, 0.0),
            Function::Floor => (17, 0.0, 0.0),
            Function::Ceil => (18, 0.0, 0.0),
            Function::Round => (19, 0.0, 0.0),
        };
        sink(number);
        a.put(sink);
        b.put(sink);
    }

    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        let (number, a, b) = (words.word()?, f32::get(words)?, f32::get(words)?);
        Ok(match number {
            0 => Function::Identity,
            1 => Function::Clamp { low: a, high: b },
            2 => Function::LeakyRelu { slope: a },
            3 => Function::HardSigmoid { slope: a, offset: b },
            4 => Function::HardSwish,
            5 => Function::Sigmoid,
            6 => Function::Silu,
            7 => Function::Tanh,
            8 => Function::Exp,
            9 => Function::Log,
            10 => Function::Sqrt,
            11 => Function::Abs,
            12 => Function::Negate,
            13 => Function::Reciprocal,
            14 => Function::Erf,
            15 => Function::Elu { slope: a },
            16 => Function::Softplus,
            17 => Function::Floor,
            18 => Function::Ceil,
            19 => Function::Round,
            value => return Err(PlanError::BadValue { what: "function", value }),
        })
    }
}
