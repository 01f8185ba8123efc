//! The tile of float products: five pixels by sixteen channels, in assembly.
//!
//! 20 sums, ten vectors of inputs and two of weights fill all registers: inputs are loaded eight at a time, in one
//! instruction (LDP), so that 21 loads feed 160 products. A compiler would spill some of the registers in every round.

use core::arch::aarch64::*;
use core::arch::asm;

/// Inputs of a unit.
pub const UNIT: usize = 8;

/// The products of an input of five pixels, in lane `$lane` of vectors `$x` with a vector of weights, to sums `a$v` to `e$v`.
macro_rules! lane {
    ($x:literal, $lane:literal, $w:literal, $v:literal) => {
        concat!(
            "fmla {a",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {",
            $x,
            "0:v}.s[",
            $lane,
            "]\n",
            "fmla {b",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {",
            $x,
            "1:v}.s[",
            $lane,
            "]\n",
            "fmla {c",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {",
            $x,
            "2:v}.s[",
            $lane,
            "]\n",
            "fmla {d",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {",
            $x,
            "3:v}.s[",
            $lane,
            "]\n",
            "fmla {e",
            $v,
            ":v}.4s, {",
            $w,
            ":v}.4s, {",
            $x,
            "4:v}.s[",
            $lane,
            "]"
        )
    };
}

/// Adds the products of `units` times [`UNIT`] inputs, at least once, of five pixels, `step` floats apart, to the sums of four
/// vectors of channels.
///
/// # Safety
/// Inputs and weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn add_to_5_by_16(
    sums: [[float32x4_t; 4]; 5],
    x: *const f32,
    step: usize,
    weights: *const f32,
    units: usize,
) -> [[float32x4_t; 4]; 5] {
    let [mut a0, mut a1, mut a2, mut a3] = sums[0];
    let [mut b0, mut b1, mut b2, mut b3] = sums[1];
    let [mut c0, mut c1, mut c2, mut c3] = sums[2];
    let [mut d0, mut d1, mut d2, mut d3] = sums[3];
    let [mut e0, mut e1, mut e2, mut e3] = sums[4];
    // SAFETY: it reads what the caller says, and writes its operands only.
    unsafe {
        asm!(
            "2:",
            "ldp {x0:q}, {y0:q}, [{p0}], #32",
            "ldp {x1:q}, {y1:q}, [{p1}], #32",
            "ldp {x2:q}, {y2:q}, [{p2}], #32",
            "ldp {x3:q}, {y3:q}, [{p3}], #32",
            "ldp {x4:q}, {y4:q}, [{p4}], #32",
            "ldp {w0:q}, {w1:q}, [{w}], #512",
            lane!("x", "0", "w0", "0"), lane!("x", "0", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-480]",
            lane!("x", "0", "w0", "2"), lane!("x", "0", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-448]",
            lane!("x", "1", "w0", "0"), lane!("x", "1", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-416]",
            lane!("x", "1", "w0", "2"), lane!("x", "1", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-384]",
            lane!("x", "2", "w0", "0"), lane!("x", "2", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-352]",
            lane!("x", "2", "w0", "2"), lane!("x", "2", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-320]",
            lane!("x", "3", "w0", "0"), lane!("x", "3", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-288]",
            lane!("x", "3", "w0", "2"), lane!("x", "3", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-256]",
            lane!("y", "0", "w0", "0"), lane!("y", "0", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-224]",
            lane!("y", "0", "w0", "2"), lane!("y", "0", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-192]",
            lane!("y", "1", "w0", "0"), lane!("y", "1", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-160]",
            lane!("y", "1", "w0", "2"), lane!("y", "1", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-128]",
            lane!("y", "2", "w0", "0"), lane!("y", "2", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-96]",
            lane!("y", "2", "w0", "2"), lane!("y", "2", "w1", "3"),
            "ldp {w0:q}, {w1:q}, [{w}, #-64]",
            lane!("y", "3", "w0", "0"), lane!("y", "3", "w1", "1"),
            "ldp {w0:q}, {w1:q}, [{w}, #-32]",
            "subs {units}, {units}, #1",
            lane!("y", "3", "w0", "2"), lane!("y", "3", "w1", "3"),
            "b.ne 2b",
            a0 = inout(vreg) a0, a1 = inout(vreg) a1, a2 = inout(vreg) a2, a3 = inout(vreg) a3,
            b0 = inout(vreg) b0, b1 = inout(vreg) b1, b2 = inout(vreg) b2, b3 = inout(vreg) b3,
            c0 = inout(vreg) c0, c1 = inout(vreg) c1, c2 = inout(vreg) c2, c3 = inout(vreg) c3,
            d0 = inout(vreg) d0, d1 = inout(vreg) d1, d2 = inout(vreg) d2, d3 = inout(vreg) d3,
            e0 = inout(vreg) e0, e1 = inout(vreg) e1, e2 = inout(vreg) e2, e3 = inout(vreg) e3,
            x0 = out(vreg) _, x1 = out(vreg) _, x2 = out(vreg) _, x3 = out(vreg) _, x4 = out(vreg) _,
            y0 = out(vreg) _, y1 = out(vreg) _, y2 = out(vreg) _, y3 = out(vreg) _, y4 = out(vreg) _,
            w0 = out(vreg) _, w1 = out(vreg) _,
            p0 = inout(reg) x => _, p1 = inout(reg) x.add(step) => _, p2 = inout(reg) x.add(2 * step) => _,
            p3 = inout(reg) x.add(3 * step) => _, p4 = inout(reg) x.add(4 * step) => _,
            w = inout(reg) weights => _, units = inout(reg) units => _,
            options(pure, readonly, nostack)
        );
    }
    [[a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3], [e0, e1, e2, e3]]
}
