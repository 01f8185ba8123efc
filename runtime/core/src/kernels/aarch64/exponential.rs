//! exp and what is made from it, for 16 floats at a time: their chains of operations hide each other's latency, and their
//! constants stay in registers, of which a compiler fetches some anew for every vector. Each operation is that of
//! [`Function::apply_all`], in its order, so that the results are the same to the last bit.

use super::elements::BLOCK;
use crate::function::Function;
use crate::function::exponential::{EXP, HIGHEST, LN_2, LOWEST, ROUNDER};
use crate::kernels::portable::Walk;
use crate::plan::step::UnaryF32;
use core::arch::aarch64::*;
use core::f32::consts::LOG2_E;
use core::hint::black_box;

/// Four vectors: a block.
pub type Block = [float32x4_t; BLOCK / 4];

/// Whether [`apply`] does `step`.
pub fn is_covered(step: &UnaryF32) -> bool {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let is_made_of_exp = matches!(step.function, Function::Exp | Function::Sigmoid | Function::Silu);
    is_made_of_exp && walk.row_strides() == [1, 1] && walk.row_len() >= BLOCK
}

/// See [`UnaryF32`].
pub fn apply(step: &UnaryF32, x: Option<&[f32]>, y: &mut [f32]) {
    match step.function {
        Function::Exp => apply_to_rows(step, x, y, |e, x| e.exp(x)),
        Function::Sigmoid => apply_to_rows(step, x, y, |e, x| e.sigmoid(x)),
        Function::Silu => apply_to_rows(step, x, y, |e, x| e.silu(x)),
        _ => {}
    }
}

/// Writes `f` of rows whose elements lie side by side.
#[inline(always)]
fn apply_to_rows(step: &UnaryF32, x: Option<&[f32]>, y: &mut [f32], f: impl Fn(&Exponential, Block) -> Block) {
    let walk = Walk::new(&step.extent, [&step.x, &step.y]);
    let (len, e) = (walk.row_len(), Exponential::new());
    walk.for_each_row(|[from, to]| {
        let y = &mut y[to..][..len];
        if let Some(x) = x {
            y.copy_from_slice(&x[from..][..len]);
        }
        apply_to_blocks(y, |block| f(&e, block));
    });
}

/// Elements from which on filling the registers pays.
const ENOUGH: usize = 4 * BLOCK;

/// Replaces all elements by values of a function that is made of exp; whether it is one, and there are enough of them.
#[inline(never)]
pub fn apply_all(function: Function, values: &mut [f32]) -> bool {
    if values.len() < ENOUGH {
        return false;
    }
    match function {
        Function::Exp => with_exponential(values, |e, x| e.exp(x)),
        Function::Sigmoid => with_exponential(values, |e, x| e.sigmoid(x)),
        Function::Silu => with_exponential(values, |e, x| e.silu(x)),
        _ => return false,
    }
    true
}

/// Replaces all elements by what `f` makes of them.
#[inline(always)]
fn with_exponential(values: &mut [f32], f: impl Fn(&Exponential, Block) -> Block) {
    let e = Exponential::new();
    apply_to_blocks(values, |block| f(&e, block));
}

/// Replaces all elements by what `f` makes of them; the last block is filled up.
#[inline(always)]
fn apply_to_blocks(values: &mut [f32], f: impl Fn(Block) -> Block) {
    let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
    blocks.iter_mut().for_each(|block| store(f(load(block)), block));
    if !rest.is_empty() {
        let mut last = [0.0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        store(f(load(&last)), &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// The constants of exp, in registers.
#[derive(Clone, Copy, Debug)]
pub struct Exponential {
    lowest: float32x4_t,
    highest: float32x4_t,
    rounder: float32x4_t,
    log2_e: float32x4_t,
    ln_2: [float32x4_t; 2],
    polynomial: [float32x4_t; 5],
    one: float32x4_t,
}

impl Exponential {
    /// Fills the registers. What a compiler knows to be constant, it makes anew for every vector: it must not know.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn new() -> Self {
        // SAFETY: every aarch64 processor has NEON.
        let splat = |value| black_box(unsafe { vdupq_n_f32(value) });
        Exponential {
            lowest: splat(LOWEST),
            highest: splat(HIGHEST),
            rounder: splat(ROUNDER),
            log2_e: splat(LOG2_E),
            ln_2: LN_2.map(splat),
            polynomial: EXP.map(splat),
            one: splat(1.0),
        }
    }

    /// exp(x) of a vector.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn of(&self, x: float32x4_t) -> float32x4_t {
        // SAFETY: every aarch64 processor has NEON. Minimum and maximum let NaN through.
        unsafe {
            let x = vmaxq_f32(vminq_f32(x, self.highest), self.lowest);
            let rounded = vaddq_f32(vmulq_f32(x, self.log2_e), self.rounder);
            let n = vsubq_s32(vreinterpretq_s32_f32(rounded), vreinterpretq_s32_f32(self.rounder));
            let whole = vsubq_f32(rounded, self.rounder);
            let [ln_2, rest] = self.ln_2;
            let r = vsubq_f32(vsubq_f32(x, vmulq_f32(whole, ln_2)), vmulq_f32(whole, rest));
            let [a, b, c, d, e] = self.polynomial;
            let mut polynomial = vaddq_f32(vmulq_f32(e, r), d);
            for coefficient in [c, b, a] {
                polynomial = vaddq_f32(vmulq_f32(polynomial, r), coefficient);
            }
            let exp_r = vaddq_f32(self.one, vaddq_f32(r, vmulq_f32(vmulq_f32(r, r), polynomial)));
            // The exponent of 1, with n added to it.
            let power = |n| vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32::<23>(n), vreinterpretq_s32_f32(self.one)));
            let half = vshrq_n_s32::<1>(n);
            vmulq_f32(vmulq_f32(exp_r, power(half)), power(vsubq_s32(n, half)))
        }
    }

    /// exp(x).
    #[inline(always)]
    pub fn exp(&self, mut x: Block) -> Block {
        for i in 0..4 {
            x[i] = self.of(x[i]);
        }
        x
    }

    /// 1 / (1 + exp(−x)).
    #[inline(always)]
    #[allow(unsafe_code)]
    fn sigmoid(&self, mut x: Block) -> Block {
        for i in 0..4 {
            // SAFETY: every aarch64 processor has NEON.
            x[i] = unsafe { vdivq_f32(self.one, vaddq_f32(self.one, self.of(vnegq_f32(x[i])))) };
        }
        x
    }

    /// x / (1 + exp(−x)), as the product of x and that.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn silu(&self, x: Block) -> Block {
        let mut y = self.sigmoid(x);
        for i in 0..4 {
            // SAFETY: every aarch64 processor has NEON.
            y[i] = unsafe { vmulq_f32(x[i], y[i]) };
        }
        y
    }
}

/// Reads a block.
#[inline(always)]
#[allow(unsafe_code)]
pub fn load(from: &[f32; BLOCK]) -> Block {
    // SAFETY: four vectors are a block.
    unsafe {
        let at = |i: usize| vld1q_f32(from.as_ptr().add(4 * i));
        [at(0), at(1), at(2), at(3)]
    }
}

/// Writes a block.
#[inline(always)]
#[allow(unsafe_code)]
pub fn store(block: Block, to: &mut [f32; BLOCK]) {
    for i in 0..4 {
        // SAFETY: four vectors are a block.
        unsafe { vst1q_f32(to.as_mut_ptr().add(4 * i), block[i]) };
    }
}
