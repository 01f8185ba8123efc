//! The tile of [`product_rows`](super::product_rows): three pixels by eight channels, in assembly.
//!
//! 24 sums, three vectors of inputs, two of weights and three of products fill all registers; a compiler, which moves loads
//! to the front, spills some of them in every round.

use core::arch::aarch64::*;
use core::arch::asm;

/// The products of 16 inputs of three pixels with the weights of a channel, and what is done between.
///
/// The three pixels' instructions alternate: each waits for one three instructions before it, which even a processor that
/// executes in order (Cortex-A53) does with hardly a gap. Weights are loaded as soon as their register is free.
macro_rules! channel {
    ($add:literal, $w:literal, $a:literal, $b:literal, $c:literal, $between:literal) => {
        concat!(
            "smull {t0:v}.8h, {",
            $w,
            ":v}.8b, {x0:v}.8b\n",
            "smull {t1:v}.8h, {",
            $w,
            ":v}.8b, {x1:v}.8b\n",
            "smull {t2:v}.8h, {",
            $w,
            ":v}.8b, {x2:v}.8b\n",
            "smlal2 {t0:v}.8h, {",
            $w,
            ":v}.16b, {x0:v}.16b\n",
            "smlal2 {t1:v}.8h, {",
            $w,
            ":v}.16b, {x1:v}.16b\n",
            "smlal2 {t2:v}.8h, {",
            $w,
            ":v}.16b, {x2:v}.16b\n",
            $between,
            "\n",
            $add,
            " {",
            $a,
            ":v}.4s, {t0:v}.8h\n",
            $add,
            " {",
            $b,
            ":v}.4s, {t1:v}.8h\n",
            $add,
            " {",
            $c,
            ":v}.4s, {t2:v}.8h"
        )
    };
}

/// 16 inputs of all pixels and channels. `$add` is SADALP, or SADDLP for the first ones, which need no sums to add to.
macro_rules! unit {
    ($add:literal) => {
        concat!(
            "ldr {x0:q}, [{p0}], #16\n",
            "ldr {x1:q}, [{p1}], #16\n",
            "ldr {x2:q}, [{p2}], #16\n",
            "ldp {w0:q}, {w1:q}, [{w}], #128\n",
            "movi {t0:v}.16b, #0x80\n",
            "eor {x0:v}.16b, {x0:v}.16b, {t0:v}.16b\n",
            "eor {x1:v}.16b, {x1:v}.16b, {t0:v}.16b\n",
            "eor {x2:v}.16b, {x2:v}.16b, {t0:v}.16b\n",
            channel!($add, "w0", "a0", "b0", "c0", ""),
            "\n",
            channel!($add, "w1", "a1", "b1", "c1", "ldp {w0:q}, {w1:q}, [{w}, #-96]"),
            "\n",
            channel!($add, "w0", "a2", "b2", "c2", ""),
            "\n",
            channel!($add, "w1", "a3", "b3", "c3", "ldp {w0:q}, {w1:q}, [{w}, #-64]"),
            "\n",
            channel!($add, "w0", "a4", "b4", "c4", ""),
            "\n",
            channel!($add, "w1", "a5", "b5", "c5", "ldp {w0:q}, {w1:q}, [{w}, #-32]"),
            "\n",
            channel!($add, "w0", "a6", "b6", "c6", "subs {units}, {units}, #1"),
            "\n",
            channel!($add, "w1", "a7", "b7", "c7", "")
        )
    };
}

/// Adds up four times four sums, into the first, and adds the bias.
macro_rules! total {
    ($a:literal, $b:literal, $c:literal, $d:literal, $bias:literal) => {
        concat!(
            "addp {",
            $a,
            ":v}.4s, {",
            $a,
            ":v}.4s, {",
            $b,
            ":v}.4s\n",
            "addp {",
            $c,
            ":v}.4s, {",
            $c,
            ":v}.4s, {",
            $d,
            ":v}.4s\n",
            "addp {",
            $a,
            ":v}.4s, {",
            $a,
            ":v}.4s, {",
            $c,
            ":v}.4s\n",
            "add {",
            $a,
            ":v}.4s, {",
            $a,
            ":v}.4s, {",
            $bias,
            ":v}.4s"
        )
    };
}

/// The sums of three pixels by two vectors of channels, of `units` times 16 inputs, at least once; `bias` is added.
///
/// # Safety
/// Inputs and weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tile_3_by_8(
    x: [*const u8; 3],
    weights: *const u8,
    units: usize,
    bias: [int32x4_t; 2],
) -> [[int32x4_t; 2]; 3] {
    let (a0, a4, b0, b4, c0, c4): (int32x4_t, int32x4_t, int32x4_t, int32x4_t, int32x4_t, int32x4_t);
    // SAFETY: it reads what the caller says, the bias on its stack, and writes its operands only.
    unsafe {
        asm!(
            unit!("saddlp"),
            "b.eq 3f",
            "2:",
            unit!("sadalp"),
            "b.ne 2b",
            "3:",
            "ldp {w0:q}, {w1:q}, [{bias}]",
            total!("a0", "a1", "a2", "a3", "w0"), total!("a4", "a5", "a6", "a7", "w1"),
            total!("b0", "b1", "b2", "b3", "w0"), total!("b4", "b5", "b6", "b7", "w1"),
            total!("c0", "c1", "c2", "c3", "w0"), total!("c4", "c5", "c6", "c7", "w1"),
            a0 = out(vreg) a0, a1 = out(vreg) _, a2 = out(vreg) _, a3 = out(vreg) _,
            a4 = out(vreg) a4, a5 = out(vreg) _, a6 = out(vreg) _, a7 = out(vreg) _,
            b0 = out(vreg) b0, b1 = out(vreg) _, b2 = out(vreg) _, b3 = out(vreg) _,
            b4 = out(vreg) b4, b5 = out(vreg) _, b6 = out(vreg) _, b7 = out(vreg) _,
            c0 = out(vreg) c0, c1 = out(vreg) _, c2 = out(vreg) _, c3 = out(vreg) _,
            c4 = out(vreg) c4, c5 = out(vreg) _, c6 = out(vreg) _, c7 = out(vreg) _,
            x0 = out(vreg) _, x1 = out(vreg) _, x2 = out(vreg) _,
            w0 = out(vreg) _, w1 = out(vreg) _,
            t0 = out(vreg) _, t1 = out(vreg) _, t2 = out(vreg) _,
            p0 = inout(reg) x[0] => _, p1 = inout(reg) x[1] => _, p2 = inout(reg) x[2] => _,
            w = inout(reg) weights => _, units = inout(reg) units => _, bias = in(reg) bias.as_ptr(),
            options(pure, readonly, nostack)
        );
    }
    [[a0, a4], [b0, b4], [c0, c4]]
}
