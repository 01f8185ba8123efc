//! What the products that are not made of dot products reach at best, on operands in the first cache or in registers.

use super::instructions::usmmla;
use super::neon::NeonI8mm;
use super::panel::{PIXELS, UNIT};
use super::tile_rows::tile_4_by_4;
use crate::kernels::vector::{Isa, Task};
use core::arch::aarch64::*;
use core::hint::black_box;

/// Units of inputs that a round multiplies.
const UNITS: usize = 16;

/// Does `rounds` rounds of the tile of base NEON; returns how many multiply-accumulates those are.
#[allow(unsafe_code)]
pub fn rows(rounds: u32) -> u64 {
    let operands = [3i8; UNITS * UNIT * 4];
    for _ in 0..rounds {
        // As far as a compiler can tell, the operands change from round to round, so that it repeats all of it.
        let x = black_box(&operands).as_ptr();
        // SAFETY: the operands are as long as the inputs of four pixels and the weights of four channels, and so small that sums
        // of three products fit 16 bits; every aarch64 processor has NEON.
        black_box(unsafe { tile_4_by_4::<64>(x, x, UNITS / 3, UNITS % 3, u64::MAX, [0; 4].as_ptr()) });
    }
    u64::from(rounds) * (UNITS * UNIT * PIXELS * 4) as u64
}

/// Independent sums, enough to hide the latency of a product.
const SUMS: usize = 12;

/// Does `rounds` rounds of USMMLA; returns how many multiply-accumulates those are.
pub fn matrix(isa: NeonI8mm, rounds: u32) -> u64 {
    isa.invoke(Matrix(rounds));
    u64::from(rounds) * (UNITS * SUMS * 32) as u64
}

struct Matrix(u32);

impl Task<NeonI8mm> for Matrix {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: NeonI8mm) {
        // SAFETY: the token proves that the processor has the instruction.
        unsafe {
            let (x, w) = (black_box(vdupq_n_u8(3)), black_box(vdupq_n_s8(5)));
            // Sums that begin equal would stay equal, and a compiler need keep only one of those.
            let mut sums = [vdupq_n_s32(0); SUMS];
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum = vdupq_n_s32(index as i32);
            }
            for _ in 0..self.0 {
                for _ in 0..UNITS {
                    for sum in &mut sums {
                        *sum = usmmla(*sum, x, w);
                    }
                }
            }
            black_box(sums);
        }
    }
}
