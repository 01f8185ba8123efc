//! Fused activations: those that cost an operation or two are applied to sums in registers, the others to rows of results
//! while these are in the cache.

use super::float::Float;
use crate::function::Function;

/// What is done to sums before they are written.
#[derive(Clone, Copy)]
pub enum Activation<I: Float> {
    /// Nothing.
    Identity,
    /// max(x, low).
    AtLeast { low: I::Vector },
    /// min(max(x, low), high).
    Clamp { low: I::Vector, high: I::Vector },
    /// x where x ≥ 0, else slope · x.
    LeakyRelu { slope: I::Vector },
}

impl<I: Float> Activation<I> {
    /// What of `function` is applied in registers: all of it, or nothing; see [`Rest`].
    #[inline(always)]
    pub fn new(isa: I, function: Function) -> Self {
        match function {
            Function::LeakyRelu { slope } => Activation::LeakyRelu { slope: isa.splat(slope) },
            Function::Clamp { low, high: f32::INFINITY } => Activation::AtLeast { low: isa.splat(low) },
            Function::Clamp { low, high } => Activation::Clamp { low: isa.splat(low), high: isa.splat(high) },
            _ => Activation::Identity,
        }
    }

    /// Applies it to the sums of a tile; NaN stays NaN. The loops are ones that the compiler unrolls, so that sums stay in
    /// registers.
    #[inline(always)]
    pub fn apply<const M: usize, const N: usize>(self, isa: I, sums: &mut [[I::Vector; N]; M]) {
        match self {
            Activation::Identity => {}
            Activation::AtLeast { low } => {
                for row in sums {
                    for x in row {
                        *x = isa.max(low, *x);
                    }
                }
            }
            Activation::Clamp { low, high } => {
                for row in sums {
                    for x in row {
                        *x = isa.min(high, isa.max(low, *x));
                    }
                }
            }
            Activation::LeakyRelu { slope } => {
                let zero = isa.splat(0.0);
                for row in sums {
                    for x in row {
                        *x = isa.mul_add(isa.min(zero, *x), slope, isa.max(zero, *x));
                    }
                }
            }
        }
    }
}

/// What remains of a function behind [`Activation`].
#[derive(Clone, Copy, Debug)]
pub struct Rest(Option<Function>);

impl Rest {
    /// Of `function`.
    pub fn of(function: Function) -> Self {
        let in_registers = matches!(function, Function::Identity | Function::Clamp { .. } | Function::LeakyRelu { .. });
        Rest(Some(function).filter(|_| !in_registers))
    }

    /// Whether nothing remains.
    pub fn is_nothing(self) -> bool {
        self.0.is_none()
    }

    /// Applies it to `channels` elements of each of `pixels` pixels, which lie `stride` apart.
    #[inline(always)]
    pub fn apply(self, y: &mut [f32], pixels: usize, stride: usize, channels: usize) {
        let Some(function) = self.0 else { return };
        // Whole pixels, as far as there are elements: the last one may end with its channels.
        let end = y.len().min(pixels * stride);
        function.apply_to_pixels(&mut y[..end], stride, channels);
    }
}
