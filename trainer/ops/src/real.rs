//! The two float types that the kernels are written for: f32 to train with, f64 to check gradients with.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, Task};

/// A float that the kernels can be compiled for.
pub trait Real:
    burn::tensor::Element
    + bytemuck::Pod
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
    /// Below all others.
    const LOWEST: Self;
    /// Above all others.
    const HIGHEST: Self;
    /// The nearest representable value.
    fn of(value: f64) -> Self;
    /// The same value in f64.
    fn wide(self) -> f64;
    /// self·b + c, rounded once where the target has an instruction for it.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// √self.
    fn root(self) -> Self;
    /// Whether it is not a number.
    fn is_nan(self) -> bool;
    /// Runs a task with 256-bit vectors of this type.
    #[cfg(target_arch = "x86_64")]
    fn avx2<K: Task<Self>>(task: K, token: Avx2) -> K::Out;
    /// Runs a task with 512-bit vectors of this type.
    #[cfg(target_arch = "x86_64")]
    fn avx512<K: Task<Self>>(task: K, token: Avx512) -> K::Out;
}

macro_rules! real {
    ($float:ident) => {
        impl Real for $float {
            const ZERO: $float = 0.0;
            const ONE: $float = 1.0;
            const LOWEST: $float = $float::NEG_INFINITY;
            const HIGHEST: $float = $float::INFINITY;
            #[inline(always)]
            fn of(value: f64) -> $float {
                value as $float
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn mul_add(self, b: $float, c: $float) -> $float {
                // Without the instruction it would be a call of a slow function.
                if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
                    $float::mul_add(self, b, c)
                } else {
                    self * b + c
                }
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }
            #[inline(always)]
            fn root(self) -> $float {
                self.sqrt()
            }
            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            fn avx2<K: Task<$float>>(task: K, token: Avx2) -> K::Out {
                task.run(token)
            }
            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            fn avx512<K: Task<$float>>(task: K, token: Avx512) -> K::Out {
                task.run(token)
            }
        }
    };
}

real!(f32);
real!(f64);
