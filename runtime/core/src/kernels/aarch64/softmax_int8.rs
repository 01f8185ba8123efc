//! Softmax of rows of bytes. The portable code divides doubles; here a term is multiplied by what the row's sum is the inverse of, in
//! f32, whose error is less than 1/8000 as long as results are bytes. Only where a product is that near to the middle between
//! two whole numbers do doubles decide, so that the results are the same.

use crate::kernels::portable::{Exponentials, divide};
use crate::plan::step::SoftmaxInt8;
use core::arch::aarch64::*;

/// Elements that are divided at a time.
const BLOCK: usize = 16;

/// The longest row.
const LONGEST: usize = 1024;

/// How far from a whole number a product may be for the whole number to be sure.
const SURE: f32 = 0.5 - 1.0 / 4096.0;

/// 1.5 · 2²³: adding it rounds a float to a whole number, in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// Whether rows are long enough, and terms fit the buffer.
pub fn is_covered(step: &SoftmaxInt8) -> bool {
    (BLOCK..=LONGEST).contains(&(step.len as usize))
}

/// See [`SoftmaxInt8`]. Only of steps that [are covered](is_covered).
pub fn softmax(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], table: &[f32; 256]) {
    let (exponentials, len) = (Exponentials::new(table), step.len as usize);
    let mut terms = [0.0; LONGEST];
    for (x, y) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)) {
        softmax_row(step, x, y, &exponentials, &mut terms[..len]);
    }
}

/// Softmax of a row of as many elements as there are terms.
#[inline(always)]
fn softmax_row(step: &SoftmaxInt8, x: &[u8], y: &mut [u8], exponentials: &Exponentials, terms: &mut [f32]) {
    let entries = exponentials.of(largest(x));
    let mut sum = 0.0;
    for (term, &x) in terms.iter_mut().zip(x) {
        *term = entries[usize::from(x)];
        sum += *term;
    }
    let factor = (f64::from(step.y_factor) / f64::from(sum)) as f32;
    let last = terms.len() - BLOCK;
    for at in (0..terms.len()).step_by(BLOCK) {
        // The last block may overlap the one before it.
        let first = at.min(last);
        let (terms, y) = (&terms[first..][..BLOCK], &mut y[first..][..BLOCK]);
        if let (Some(terms), Some(y)) = (terms.first_chunk(), y.first_chunk_mut())
            && !is_sure(terms, factor, step.y_zero, y)
        {
            divide_doubles(step, terms, sum, y);
        }
    }
}

/// The largest byte of a block or more.
#[inline(always)]
#[allow(unsafe_code)]
fn largest(x: &[u8]) -> u8 {
    let (blocks, _) = x.as_chunks::<BLOCK>();
    // SAFETY: every aarch64 processor has NEON; blocks are vectors, and the row ends with one.
    unsafe {
        let mut most = vld1q_u8(x[x.len() - BLOCK..].as_ptr());
        for block in blocks {
            most = vmaxq_u8(most, vld1q_u8(block.as_ptr()));
        }
        vmaxvq_u8(most)
    }
}

/// Writes the bytes of terms times `factor`, and says whether all of them are sure.
#[inline(always)]
#[allow(unsafe_code)]
fn is_sure(terms: &[f32; BLOCK], factor: f32, zero: i32, y: &mut [u8; BLOCK]) -> bool {
    // SAFETY: every aarch64 processor has NEON; the vectors are within both blocks.
    unsafe {
        let (rounder, sure) = (vdupq_n_f32(ROUNDER), vdupq_n_f32(SURE));
        let (mut words, mut unsure) = ([vdupq_n_s32(0); 4], vdupq_n_u32(0));
        for i in 0..4 {
            let product = vmulq_n_f32(vld1q_f32(terms.as_ptr().add(4 * i)), factor);
            let rounded = vaddq_f32(product, rounder);
            // NaN is not near to anything, and what is too large for the rounder is far from what that makes of it.
            let near = vcaltq_f32(vsubq_f32(product, vsubq_f32(rounded, rounder)), sure);
            unsure = vornq_u32(unsure, near);
            words[i] = vsubq_s32(vreinterpretq_s32_f32(rounded), vreinterpretq_s32_f32(rounder));
        }
        let zero = vdupq_n_s16(zero as i16);
        let halves = |a, b| vqaddq_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)), zero);
        let (low, high) = (halves(words[0], words[1]), halves(words[2], words[3]));
        vst1q_u8(y.as_mut_ptr(), vqmovun_high_s16(vqmovun_s16(low), high));
        vmaxvq_u32(unsure) == 0
    }
}

/// Writes the bytes of terms divided by their row's sum, as the portable code does.
#[cold]
#[inline(never)]
fn divide_doubles(step: &SoftmaxInt8, terms: &[f32], sum: f32, y: &mut [u8]) {
    divide(step, terms, core::iter::repeat(sum), y);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::portable::softmax_int8;
    use crate::plan::view::Span;
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        #[test]
        fn quotients_in_the_middle_between_bytes_go_where_doubles_send_them(
            rows in prop::collection::vec(prop::collection::vec(0u8..8, 24), 1..5), halves in any::<bool>(), zero in 0i32..256,
        ) {
            // Equal terms of whole numbers: quotients are often halves, or next to them.
            let table: [f32; 256] = core::array::from_fn(|i| if halves { (1 + i / 250) as f32 } else { 1.0 + (i % 3) as f32 * 1e-6 });
            let (x, len) = (rows.concat(), 24);
            let span = Span { offset: 0, len: x.len() as u32 };
            let step = SoftmaxInt8 {
                outer: rows.len() as u32, len, x: span, y: span, table: Default::default(), y_factor: 24.0 * 3.5, y_zero: zero,
            };
            let [mut expected, mut y] = [0u8, 1].map(|byte| vec![byte; x.len()]);
            softmax_int8(&step, &x, &mut expected, &table);
            softmax(&step, &x, &mut y, &table);
            prop_assert_eq!(y, expected);
        }
    }
}
