//! Softmax of rows of floats: 16 at a time, of which a compiler makes single elements. Each operation is that of the portable
//! code, in its order, so that the results are the same to the last bit.

use super::elements::BLOCK;
use crate::function::exponential::{EXP, HIGHEST, LN_2, LOWEST, ROUNDER};
use crate::plan::step::SoftmaxF32;
use core::arch::aarch64::*;
use core::f32::consts::LOG2_E;

/// Four vectors: a block.
type Block = [float32x4_t; BLOCK / 4];

/// Whether the elements of a row lie side by side, and are enough.
pub fn is_covered(step: &SoftmaxF32) -> bool {
    step.inner == 1 && step.len as usize >= BLOCK
}

/// See [`SoftmaxF32`]. Only of steps that [are covered](is_covered).
pub fn softmax(step: &SoftmaxF32, x: Option<&[f32]>, y: &mut [f32]) {
    if let Some(x) = x {
        y.copy_from_slice(x);
    }
    y.chunks_exact_mut(step.len as usize).for_each(softmax_row);
}

fn softmax_row(row: &mut [f32]) {
    let (blocks, rest) = row.as_chunks_mut::<BLOCK>();
    let most = largest(blocks, rest);
    let mut sums = [0.0; BLOCK];
    let mut all = splat(0.0);
    for block in blocks.iter_mut() {
        let terms = exp(load(block), most);
        store(terms, block);
        all = add(all, terms);
    }
    store(all, &mut sums);
    let mut last = [0.0; BLOCK];
    let last_terms = &mut last[..rest.len()];
    last_terms.copy_from_slice(rest);
    let terms = exp(load(&last), most);
    store(terms, &mut last);
    let sum = last[..rest.len()].iter().fold(0.0, |sum, term| sum + term);
    let factor = 1.0 / sums.iter().fold(sum, |sum, part| sum + part);
    blocks.iter_mut().for_each(|block| store(scale(load(block), factor), block));
    rest.iter_mut().zip(last).for_each(|(y, term)| *y = term * factor);
}

/// The largest element.
#[inline(always)]
#[allow(unsafe_code)]
fn largest(blocks: &[[f32; BLOCK]], rest: &[f32]) -> f32 {
    let mut most = splat(f32::NEG_INFINITY);
    for block in blocks {
        let x = load(block);
        for i in 0..4 {
            // SAFETY: every aarch64 processor has NEON. NaN is not greater than anything.
            most[i] = unsafe { vbslq_f32(vcgtq_f32(x[i], most[i]), x[i], most[i]) };
        }
    }
    let mut parts = [0.0; BLOCK];
    store(most, &mut parts);
    parts.iter().chain(rest).fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most })
}

/// exp(x − most), as [`Function::Exp`](crate::function::Function::Exp) computes it.
#[inline(always)]
#[allow(unsafe_code)]
fn exp(x: Block, most: f32) -> Block {
    let mut y = x;
    for i in 0..4 {
        // SAFETY: every aarch64 processor has NEON. Minimum and maximum let NaN through.
        y[i] = unsafe {
            let x = vsubq_f32(x[i], vdupq_n_f32(most));
            let x = vmaxq_f32(vminq_f32(x, vdupq_n_f32(HIGHEST)), vdupq_n_f32(LOWEST));
            let rounder = vdupq_n_f32(ROUNDER);
            let rounded = vaddq_f32(vmulq_f32(x, vdupq_n_f32(LOG2_E)), rounder);
            let n = vsubq_s32(vreinterpretq_s32_f32(rounded), vreinterpretq_s32_f32(rounder));
            let whole = vsubq_f32(rounded, rounder);
            let [ln_2, ln_2_rest] = LN_2.map(|part| vmulq_f32(whole, vdupq_n_f32(part)));
            let r = vsubq_f32(vsubq_f32(x, ln_2), ln_2_rest);
            let [a, b, c, d, e] = EXP.map(|coefficient| vdupq_n_f32(coefficient));
            let mut polynomial = vaddq_f32(vmulq_f32(e, r), d);
            for coefficient in [c, b, a] {
                polynomial = vaddq_f32(vmulq_f32(polynomial, r), coefficient);
            }
            let one = vdupq_n_f32(1.0);
            let exp_r = vaddq_f32(one, vaddq_f32(r, vmulq_f32(vmulq_f32(r, r), polynomial)));
            // The exponent of 1, with n added to it.
            let power = |n| vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32::<23>(n), vreinterpretq_s32_f32(one)));
            let half = vshrq_n_s32::<1>(n);
            vmulq_f32(vmulq_f32(exp_r, power(half)), power(vsubq_s32(n, half)))
        };
    }
    y
}

#[inline(always)]
#[allow(unsafe_code)]
fn splat(value: f32) -> Block {
    // SAFETY: every aarch64 processor has NEON.
    unsafe { [vdupq_n_f32(value); 4] }
}

#[inline(always)]
#[allow(unsafe_code)]
fn load(from: &[f32; BLOCK]) -> Block {
    // SAFETY: four vectors are a block.
    unsafe { [0, 1, 2, 3].map(|i| vld1q_f32(from.as_ptr().add(4 * i))) }
}

#[inline(always)]
#[allow(unsafe_code)]
fn store(block: Block, to: &mut [f32; BLOCK]) {
    for i in 0..4 {
        // SAFETY: four vectors are a block.
        unsafe { vst1q_f32(to.as_mut_ptr().add(4 * i), block[i]) };
    }
}

#[inline(always)]
#[allow(unsafe_code)]
fn add(mut a: Block, b: Block) -> Block {
    for i in 0..4 {
        // SAFETY: every aarch64 processor has NEON.
        a[i] = unsafe { vaddq_f32(a[i], b[i]) };
    }
    a
}

#[inline(always)]
#[allow(unsafe_code)]
fn scale(mut a: Block, factor: f32) -> Block {
    for i in 0..4 {
        // SAFETY: every aarch64 processor has NEON.
        a[i] = unsafe { vmulq_n_f32(a[i], factor) };
    }
    a
}
