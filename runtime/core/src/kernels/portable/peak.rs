//! What the portable kernels reach at best: their own matrix products, on operands that stay in the first-level cache.
//! Which instructions those become is the compiler's choice, so there is nothing below them to measure.

use super::convolution_f32;
use super::layout::BLOCK;
use super::product_int8::{self, BlockWeights, TILE};
use super::rows::{Lanes, Rows};
use crate::kernels::Arithmetic;
use core::hint::black_box;

/// Inputs of an output.
const DEPTH: usize = 128;

/// See [`Kernels::peak`](crate::kernels::Kernels::peak).
pub fn peak(arithmetic: Arithmetic, rounds: u32) -> u64 {
    match arithmetic {
        Arithmetic::Int8 => {
            let (x, weights) = ([3; TILE * DEPTH], [[5; BLOCK]; DEPTH]);
            let mut sums = [[0; BLOCK]; TILE];
            for _ in 0..rounds {
                let rows = Rows { elements: black_box(&x), stride: DEPTH, len: DEPTH, count: TILE };
                product_int8::multiply(rows, BlockWeights::Narrow(&weights), &[1; BLOCK], black_box(&mut sums));
            }
            u64::from(rounds) * (TILE * DEPTH * BLOCK) as u64
        }
        Arithmetic::F32 => {
            const ROWS: usize = 4;
            let (x, weights) = ([0.5; ROWS * DEPTH], [[0.25; BLOCK]; DEPTH]);
            for _ in 0..rounds {
                // Lengths that a compiler knew would make it unroll what it does not unroll in a kernel.
                let (x, weights): (&[f32], &[Lanes<f32>]) = (black_box(&x), black_box(&weights));
                let rows = [&x[..DEPTH], &x[DEPTH..2 * DEPTH], &x[2 * DEPTH..3 * DEPTH], &x[3 * DEPTH..]];
                black_box(convolution_f32::multiply::<ROWS>(rows, weights, &[1.0; BLOCK]));
            }
            u64::from(rounds) * (ROWS * DEPTH * BLOCK) as u64
        }
    }
}

/// See [`Kernels::read`](crate::kernels::Kernels::read).
pub fn read(memory: &[u8]) {
    const WORDS: usize = 8;
    let mut sums = [0u64; WORDS];
    for line in memory.as_chunks::<{ WORDS * 8 }>().0 {
        for (sum, word) in sums.iter_mut().zip(line.as_chunks().0) {
            *sum = sum.wrapping_add(u64::from_ne_bytes(*word));
        }
    }
    black_box(sums);
}
