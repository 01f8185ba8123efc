//! Softmax of rows of floats: 16 at a time, of which a compiler makes single elements. Each operation is that of the portable
//! code, in its order, so that the results are the same to the last bit.

use super::elements::BLOCK;
use super::exponential::{Block, Exponential, load, store};
use crate::plan::step::SoftmaxF32;
use core::arch::aarch64::*;

/// Whether the elements of a row lie side by side, and are enough.
pub fn is_covered(step: &SoftmaxF32) -> bool {
    step.inner == 1 && step.len as usize >= BLOCK
}

/// See [`SoftmaxF32`]. Only of steps that [are covered](is_covered).
pub fn softmax(step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) {
    if let Some(x) = x {
        y.copy_from_slice(x);
    }
    let e = Exponential::new();
    y.chunks_exact_mut(step.len as usize).for_each(|row| softmax_row(&e, row));
}

#[inline(always)]
#[allow(unsafe_code)]
fn softmax_row(e: &Exponential, row: &mut [f32]) {
    let (blocks, rest) = row.as_chunks_mut::<BLOCK>();
    let most = largest(blocks, rest);
    let mut sums = [0.0; BLOCK];
    let mut all = load(&sums);
    for block in blocks.iter_mut() {
        let terms = e.exp(less(load(block), most));
        store(terms, block);
        for i in 0..4 {
            // SAFETY: every aarch64 processor has NEON.
            all[i] = unsafe { vaddq_f32(all[i], terms[i]) };
        }
    }
    store(all, &mut sums);
    let mut last = [0.0; BLOCK];
    let last_terms = &mut last[..rest.len()];
    last_terms.copy_from_slice(rest);
    store(e.exp(less(load(&last), most)), &mut last);
    let sum = last[..rest.len()].iter().fold(0.0, |sum, term| sum + term);
    let factor = 1.0 / sums.iter().fold(sum, |sum, part| sum + part);
    blocks.as_flattened_mut().iter_mut().for_each(|y| *y *= factor);
    rest.iter_mut().zip(last).for_each(|(y, term)| *y = term * factor);
}

/// The largest element.
#[inline(always)]
#[allow(unsafe_code)]
fn largest(blocks: &[[f32; BLOCK]], rest: &[f32]) -> f32 {
    let mut parts = [f32::NEG_INFINITY; BLOCK];
    let mut most = load(&parts);
    for block in blocks {
        let x = load(block);
        for i in 0..4 {
            // SAFETY: every aarch64 processor has NEON. NaN is not greater than anything.
            most[i] = unsafe { vbslq_f32(vcgtq_f32(x[i], most[i]), x[i], most[i]) };
        }
    }
    store(most, &mut parts);
    parts.iter().chain(rest).fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most })
}

/// x − most.
#[inline(always)]
#[allow(unsafe_code)]
fn less(mut x: Block, most: f32) -> Block {
    for i in 0..4 {
        // SAFETY: every aarch64 processor has NEON.
        x[i] = unsafe { vsubq_f32(x[i], vdupq_n_f32(most)) };
    }
    x
}
