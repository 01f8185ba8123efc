//! The tile of [`product_lanes`](super::product_lanes): six pixels by sixteen channels, in assembly.
//!
//! 24 sums, six vectors of inputs and two of weights fill all registers; a compiler spills some of them in every round.

use core::arch::aarch64::*;
use core::arch::asm;

/// The products of four inputs of six pixels with two vectors of weights: the first's to sums `a0` to `f0`, the second's to
/// `a1` to `f1`.
macro_rules! lane {
    ($lane:literal, $w:literal, $v:literal) => {
        concat!(
            "sdot {a",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.16b, {x0:v}.4b[",
            $lane,
            "]\n",
            "sdot {b",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.16b, {x1:v}.4b[",
            $lane,
            "]\n",
            "sdot {c",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.16b, {x2:v}.4b[",
            $lane,
            "]\n",
            "sdot {d",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.16b, {x3:v}.4b[",
            $lane,
            "]\n",
            "sdot {e",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.16b, {x4:v}.4b[",
            $lane,
            "]\n",
            "sdot {f",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.16b, {x5:v}.4b[",
            $lane,
            "]"
        )
    };
}

/// The first pixel's sums, which begin at the bias, for another pixel.
macro_rules! begin {
    ($pixel:literal) => {
        concat!(
            "mov {",
            $pixel,
            "0:v}.16b, {a0:v}.16b\n",
            "mov {",
            $pixel,
            "1:v}.16b, {a1:v}.16b\n",
            "mov {",
            $pixel,
            "2:v}.16b, {a2:v}.16b\n",
            "mov {",
            $pixel,
            "3:v}.16b, {a3:v}.16b"
        )
    };
}

/// The sums of six pixels, `step` bytes apart, by four vectors of channels, of `units` times 16 inputs, at least once.
///
/// # Safety
/// The processor has SDOT. Inputs, weights and four vectors of biases can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tile_6_by_16(
    x: *const u8,
    step: usize,
    weights: *const i8,
    units: usize,
    bias: *const i32,
) -> [[int32x4_t; 4]; 6] {
    let (a0, a1, a2, a3, b0, b1, b2, b3): (
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
    );
    let (c0, c1, c2, c3, d0, d1, d2, d3): (
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
    );
    let (e0, e1, e2, e3, f0, f1, f2, f3): (
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
        int32x4_t,
    );
    // SAFETY: it reads what the caller says, and writes its operands only.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "ldp {a0:q}, {a1:q}, [{bias}]",
            "ldp {a2:q}, {a3:q}, [{bias}, #32]",
            begin!("b"), begin!("c"), begin!("d"), begin!("e"), begin!("f"),
            "2:",
            "ldr {x0:q}, [{p0}], #16",
            "ldr {x1:q}, [{p1}], #16",
            "ldr {x2:q}, [{p2}], #16",
            "ldr {x3:q}, [{p3}], #16",
            "ldr {x4:q}, [{p4}], #16",
            "ldr {x5:q}, [{p5}], #16",
            "movi {w0:v}.16b, #0x80",
            "eor {x0:v}.16b, {x0:v}.16b, {w0:v}.16b",
            "eor {x1:v}.16b, {x1:v}.16b, {w0:v}.16b",
            "eor {x2:v}.16b, {x2:v}.16b, {w0:v}.16b",
            "eor {x3:v}.16b, {x3:v}.16b, {w0:v}.16b",
            "eor {x4:v}.16b, {x4:v}.16b, {w0:v}.16b",
            "eor {x5:v}.16b, {x5:v}.16b, {w0:v}.16b",
            "ldp {w0:q}, {w1:q}, [{w}], #256",
            lane!("0", "w0", "0"), lane!("0", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-224]",
            lane!("0", "w0", "2"), lane!("0", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-192]",
            lane!("1", "w0", "0"), lane!("1", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-160]",
            lane!("1", "w0", "2"), lane!("1", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-128]",
            lane!("2", "w0", "0"), lane!("2", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-96]",
            lane!("2", "w0", "2"), lane!("2", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-64]",
            lane!("3", "w0", "0"), lane!("3", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-32]",
            "subs {units}, {units}, #1",
            lane!("3", "w0", "2"), lane!("3", "w1", "3"),
            "b.ne 2b",
            a0 = out(vreg) a0, a1 = out(vreg) a1, a2 = out(vreg) a2, a3 = out(vreg) a3,
            b0 = out(vreg) b0, b1 = out(vreg) b1, b2 = out(vreg) b2, b3 = out(vreg) b3,
            c0 = out(vreg) c0, c1 = out(vreg) c1, c2 = out(vreg) c2, c3 = out(vreg) c3,
            d0 = out(vreg) d0, d1 = out(vreg) d1, d2 = out(vreg) d2, d3 = out(vreg) d3,
            e0 = out(vreg) e0, e1 = out(vreg) e1, e2 = out(vreg) e2, e3 = out(vreg) e3,
            f0 = out(vreg) f0, f1 = out(vreg) f1, f2 = out(vreg) f2, f3 = out(vreg) f3,
            x0 = out(vreg) _, x1 = out(vreg) _, x2 = out(vreg) _,
            x3 = out(vreg) _, x4 = out(vreg) _, x5 = out(vreg) _,
            w0 = out(vreg) _, w1 = out(vreg) _,
            p0 = inout(reg) x => _, p1 = inout(reg) x.add(step) => _, p2 = inout(reg) x.add(2 * step) => _,
            p3 = inout(reg) x.add(3 * step) => _, p4 = inout(reg) x.add(4 * step) => _, p5 = inout(reg) x.add(5 * step) => _,
            w = inout(reg) weights => _, units = inout(reg) units => _, bias = in(reg) bias,
            options(pure, readonly, nostack)
        );
    }
    [[a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3], [e0, e1, e2, e3], [f0, f1, f2, f3]]
}
