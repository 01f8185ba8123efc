//! What a kernel set could reach at best: the arithmetic that steps are made of, whose peak a profile measures.

use crate::plan::step::Step;

/// The numbers that a step multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Bytes, with sums of 32 bits.
    Int8,
    /// Floats.
    F32,
}

impl Arithmetic {
    /// All of them.
    pub const ALL: [Arithmetic; 2] = [Arithmetic::Int8, Arithmetic::F32];

    /// What `step` multiplies, `None` where multiply-accumulates are not what it spends its time on.
    pub fn of(step: &Step) -> Option<Arithmetic> {
        match step {
            Step::ConvolutionInt8(_) | Step::ConvolutionDynamic(_) => Some(Arithmetic::Int8),
            Step::ConvolutionF32(_) | Step::MatMulF32(_) => Some(Arithmetic::F32),
            _ => None,
        }
    }

    /// The name by which users know it.
    pub fn name(self) -> &'static str {
        match self {
            Arithmetic::Int8 => "int8",
            Arithmetic::F32 => "f32",
        }
    }
}

impl core::fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
