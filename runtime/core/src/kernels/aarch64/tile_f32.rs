//! The tile of float products: six pixels by sixteen channels, in assembly.
//!
//! 24 sums, six vectors of inputs and two of weights fill all registers; a compiler spills some of them in every round.

use core::arch::aarch64::*;
use core::arch::asm;

/// The products of an input of six pixels with two vectors of weights: the first's to sums `a0` to `f0`, the second's to
/// `a1` to `f1`.
macro_rules! lane {
    ($lane:literal, $w:literal, $v:literal) => {
        concat!(
            "fmla {a",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {x0:v}.s[",
            $lane,
            "]\n",
            "fmla {b",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {x1:v}.s[",
            $lane,
            "]\n",
            "fmla {c",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {x2:v}.s[",
            $lane,
            "]\n",
            "fmla {d",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {x3:v}.s[",
            $lane,
            "]\n",
            "fmla {e",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {x4:v}.s[",
            $lane,
            "]\n",
            "fmla {f",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {x5:v}.s[",
            $lane,
            "]"
        )
    };
}

/// Adds the products of `units` times four inputs, at least once, of six pixels, `step` floats apart, to the sums of four
/// vectors of channels.
///
/// # Safety
/// Inputs and weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn add_to_6_by_16(
    sums: [[float32x4_t; 4]; 6],
    x: *const f32,
    step: usize,
    weights: *const f32,
    units: usize,
) -> [[float32x4_t; 4]; 6] {
    let [mut a0, mut a1, mut a2, mut a3] = sums[0];
    let [mut b0, mut b1, mut b2, mut b3] = sums[1];
    let [mut c0, mut c1, mut c2, mut c3] = sums[2];
    let [mut d0, mut d1, mut d2, mut d3] = sums[3];
    let [mut e0, mut e1, mut e2, mut e3] = sums[4];
    let [mut f0, mut f1, mut f2, mut f3] = sums[5];
    // SAFETY: it reads what the caller says, and writes its operands only.
    unsafe {
        asm!(
            "2:",
            "ldr {x0:q}, [{p0}], #16",
            "ldr {x1:q}, [{p1}], #16",
            "ldr {x2:q}, [{p2}], #16",
            "ldr {x3:q}, [{p3}], #16",
            "ldr {x4:q}, [{p4}], #16",
            "ldr {x5:q}, [{p5}], #16",
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
            a0 = inout(vreg) a0, a1 = inout(vreg) a1, a2 = inout(vreg) a2, a3 = inout(vreg) a3,
            b0 = inout(vreg) b0, b1 = inout(vreg) b1, b2 = inout(vreg) b2, b3 = inout(vreg) b3,
            c0 = inout(vreg) c0, c1 = inout(vreg) c1, c2 = inout(vreg) c2, c3 = inout(vreg) c3,
            d0 = inout(vreg) d0, d1 = inout(vreg) d1, d2 = inout(vreg) d2, d3 = inout(vreg) d3,
            e0 = inout(vreg) e0, e1 = inout(vreg) e1, e2 = inout(vreg) e2, e3 = inout(vreg) e3,
            f0 = inout(vreg) f0, f1 = inout(vreg) f1, f2 = inout(vreg) f2, f3 = inout(vreg) f3,
            x0 = out(vreg) _, x1 = out(vreg) _, x2 = out(vreg) _,
            x3 = out(vreg) _, x4 = out(vreg) _, x5 = out(vreg) _,
            w0 = out(vreg) _, w1 = out(vreg) _,
            p0 = inout(reg) x => _, p1 = inout(reg) x.add(step) => _, p2 = inout(reg) x.add(2 * step) => _,
            p3 = inout(reg) x.add(3 * step) => _, p4 = inout(reg) x.add(4 * step) => _, p5 = inout(reg) x.add(5 * step) => _,
            w = inout(reg) weights => _, units = inout(reg) units => _,
            options(pure, readonly, nostack)
        );
    }
    [[a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3], [e0, e1, e2, e3], [f0, f1, f2, f3]]
}
