//! What the products that are not made of dot products reach at best, on operands in the first cache or in registers.

use super::instructions::usmmla;
use super::neon::NeonI8mm;
use super::tile_twos::{Operands, sums};
use crate::kernels::vector::{Isa, Task};
use core::arch::aarch64::*;
use core::hint::black_box;

/// Chains of six inputs that a round multiplies.
const CHAINS: usize = 42;

/// Pixels and channels of a tile.
const TILE: [usize; 2] = [4, 16];

/// Does `rounds` rounds of the tile of base NEON; returns how many multiply-accumulates those are.
#[allow(unsafe_code)]
pub fn twos(rounds: u32) -> u64 {
    let [pixels, channels] = TILE;
    let (inputs, weights) = ([3u8; CHAINS * 6 * TILE[0]], [3u8; CHAINS * 6 * TILE[1]]);
    let (notes, bias, mut to) = ([(1 << CHAINS) - 1], [0; TILE[1]], [0; TILE[0] * TILE[1]]);
    for _ in 0..rounds {
        // As far as a compiler can tell, the operands change from round to round, so that it repeats all of it.
        let operands = Operands {
            x: black_box(&inputs).as_ptr(),
            step: CHAINS * 6,
            weights: black_box(&weights).as_ptr(),
            notes: notes.as_ptr(),
            bias: bias.as_ptr(),
        };
        // SAFETY: the operands are as long as the inputs of four pixels and the weights of sixteen channels, and so small that sums
        // of three products fit 16 bits; every aarch64 processor has NEON.
        unsafe { sums::<16>(operands, 1, to.as_mut_ptr(), 4 * channels) };
        black_box(&to);
    }
    u64::from(rounds) * (CHAINS * 6 * pixels * channels) as u64
}

/// Products that a round of USMMLA makes for each sum.
const UNITS: usize = 16;

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
