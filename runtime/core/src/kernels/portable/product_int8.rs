//! The integer matrix product: rows of bytes times a block of packed weights.
//!
//! Weights enter the product as i16 with eight outputs side by side; i16 × i16 → i32 sums are what baseline x86-64 and
//! NEON multiply fastest without dot-product instructions. Narrow weights are widened a piece at a time.

use super::layout::BLOCK;
use super::rows::{Lanes, Rows};

/// The most pixels that one call multiplies.
pub(super) const TILE: usize = 64;

/// Inputs whose weights are widened at once; they stay in the first-level cache.
const PIECE: usize = 128;

/// The weights of a block, one group of lanes an input.
#[derive(Clone, Copy, Debug)]
pub(super) enum BlockWeights<'w> {
    Narrow(&'w [Lanes<i8>]),
    Wide(&'w [Lanes<i16>]),
}

/// Sets `sums` to `bias` plus the product of each row with the weights. `sums` has as many elements as `rows`.
pub(super) fn multiply(rows: Rows<'_, u8>, weights: BlockWeights<'_>, bias: &Lanes<i32>, sums: &mut [Lanes<i32>]) {
    sums.fill(*bias);
    match weights {
        BlockWeights::Wide(weights) => add_products(rows, 0, weights, sums),
        BlockWeights::Narrow(weights) => {
            let mut wide = [[0i16; BLOCK]; PIECE];
            for (index, narrow) in weights.chunks(PIECE).enumerate() {
                let wide = &mut wide[..narrow.len()];
                for (wide, narrow) in wide.iter_mut().zip(narrow) {
                    *wide = narrow.map(i16::from);
                }
                add_products(rows, index * PIECE, wide, sums);
            }
        }
    }
}

/// Adds the products of the rows' elements from `from` on with `weights`.
fn add_products(rows: Rows<'_, u8>, from: usize, weights: &[Lanes<i16>], sums: &mut [Lanes<i32>]) {
    let to = from + weights.len();
    let (fours, rest) = sums.as_chunks_mut::<4>();
    for (index, sums) in fours.iter_mut().enumerate() {
        add_product(core::array::from_fn(|i| rows.row(index * 4 + i, from, to)), weights, sums);
    }
    let done = fours.len() * 4;
    for (index, sum) in rest.iter_mut().enumerate() {
        add_product([rows.row(done + index, from, to)], weights, core::array::from_mut(sum));
    }
}

/// Adds the products of P rows at once, so that each weight is loaded once for all of them.
#[inline(always)]
fn add_product<const P: usize>(rows: [&[u8]; P], weights: &[Lanes<i16>], sums: &mut [Lanes<i32>; P]) {
    let rows = rows.map(|row| &row[..weights.len()]);
    let mut local = *sums;
    for (input, weights) in weights.iter().enumerate() {
        for (row, sum) in rows.iter().zip(&mut local) {
            let x = i32::from(row[input]);
            for (sum, &weight) in sum.iter_mut().zip(weights) {
                *sum = sum.wrapping_add(x * i32::from(weight));
            }
        }
    }
    *sums = local;
}
