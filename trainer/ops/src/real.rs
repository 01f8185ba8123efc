//! The two float types that the kernels are written for: f32 to train with, f64 to check gradients with.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A float that the kernels can be compiled for.
pub trait Real:
    burn::tensor::Element
    + Copy
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// 6, where ReLU6 saturates.
    const SIX: Self;
    /// The nearest representable value.
    fn of(value: f64) -> Self;
    /// The same value in f64.
    fn wide(self) -> f64;
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const SIX: f32 = 6.0;
    #[inline(always)]
    fn of(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const SIX: f64 = 6.0;
    #[inline(always)]
    fn of(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}
