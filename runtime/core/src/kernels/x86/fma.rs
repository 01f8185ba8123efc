//! How many floats the instruction sets multiply and add at best: fused multiply-adds on registers.

use super::avx512::Avx512Vnni;
use super::ymm::Avx2;
use crate::kernels::vector::{Isa, Task};
use core::arch::x86_64::*;
use core::hint::black_box;

/// Independent sums, enough to hide the latency of a fused multiply-add on every processor so far.
const SUMS: usize = 12;

/// Fused multiply-adds of every sum in a round.
const REPEATS: usize = 8;

/// An instruction set with fused multiply-adds.
pub trait Fma: Isa {
    /// `LANES` f32.
    type Vector: Copy;
    /// Elements of a vector.
    const LANES: usize;
    /// `value` in every lane.
    fn splat(self, value: f32) -> Self::Vector;
    /// a · b + c, rounded once.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
}

/// Does `rounds` rounds; returns how many multiply-accumulates those are.
pub fn peak<I: Fma>(isa: I, rounds: u32) -> u64 {
    isa.invoke(MultiplyAdds { rounds });
    u64::from(rounds) * (SUMS * REPEATS * I::LANES) as u64
}

struct MultiplyAdds {
    rounds: u32,
}

impl<I: Fma> Task<I> for MultiplyAdds {
    #[inline(always)]
    fn run(self, isa: I) {
        let (a, b) = (isa.splat(black_box(0.5)), isa.splat(black_box(0.25)));
        // Sums that begin equal would stay equal, and a compiler need keep only one of those.
        let mut sums = [isa.splat(0.0); SUMS];
        for (index, sum) in sums.iter_mut().enumerate() {
            *sum = isa.splat(index as f32);
        }
        for _ in 0..self.rounds {
            for _ in 0..REPEATS {
                for sum in &mut sums {
                    *sum = isa.mul_add(a, b, *sum);
                }
            }
        }
        black_box(sums);
    }
}

macro_rules! fma {
    ($($isa:ty, $vector:ty, $lanes:literal, $splat:ident, $mul_add:ident;)*) => {$(
        #[allow(unsafe_code)]
        impl Fma for $isa {
            type Vector = $vector;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(self, value: f32) -> $vector {
                // SAFETY: the token proves that the processor has the instruction.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves that the processor has the instruction.
                unsafe { $mul_add(a, b, c) }
            }
        }
    )*};
}

fma! {
    Avx512Vnni, __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps;
    Avx2, __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps;
}
