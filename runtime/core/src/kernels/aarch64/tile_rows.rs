//! The tile of [`product_rows`](super::product_rows): four pixels by four channels, in assembly.
//!
//! Registers: `v0` to `v7` two vectors of inputs of each pixel, `v8` to `v11` weights, `v12` to `v15` products, and from `v16`
//! on the sums, four for each pixel. The four pixels' instructions alternate, so that each waits for one four instructions
//! before it, which even a processor that executes in order (Cortex-A53) does without a gap. Names are fixed because LD1 loads
//! consecutive registers.

use super::finish::Finish;
use super::panel::PIXELS;
use core::arch::aarch64::*;
use core::arch::asm;

/// The same instruction for all four pixels.
macro_rules! four {
    ($name:literal, $t:literal, $w:literal, $v:literal, $x:tt) => {
        four!(@ $name, $t, $w, $v, $x)
    };
    (@ $name:literal, $t:literal, $w:literal, $v:literal, [$a:literal $b:literal $c:literal $d:literal]) => {
        concat!(
            $name, " v12.", $t, ", v", $w, ".", $v, ", v", $a, ".", $v, "\n",
            $name, " v13.", $t, ", v", $w, ".", $v, ", v", $b, ".", $v, "\n",
            $name, " v14.", $t, ", v", $w, ".", $v, ", v", $c, ".", $v, "\n",
            $name, " v15.", $t, ", v", $w, ".", $v, ", v", $d, ".", $v, "\n"
        )
    };
}

/// Adds the products to the sums of a channel.
macro_rules! add {
    ([$a:literal $b:literal $c:literal $d:literal]) => {
        concat!(
            "sadalp v",
            $a,
            ".4s, v12.8h\n",
            "sadalp v",
            $b,
            ".4s, v13.8h\n",
            "sadalp v",
            $c,
            ".4s, v14.8h\n",
            "sadalp v",
            $d,
            ".4s, v15.8h\n"
        )
    };
}

/// Two products of a channel: 16 inputs in `v0` to `v3`.
macro_rules! pair {
    ($w:literal, $sums:tt) => {
        concat!(
            four!("smull", "8h", $w, "8b", ["0" "1" "2" "3"]),
            four!("smlal2", "8h", $w, "16b", ["0" "1" "2" "3"]),
            add!($sums)
        )
    };
}

/// Three products of a channel: 16 inputs in `v0` to `v3`, and the first half of those in `v4` to `v7`.
macro_rules! first_chain {
    ($w:literal, $next:literal, $sums:tt) => {
        concat!(
            four!("smull", "8h", $w, "8b", ["0" "1" "2" "3"]),
            four!("smlal2", "8h", $w, "16b", ["0" "1" "2" "3"]),
            four!("smlal", "8h", $next, "8b", ["4" "5" "6" "7"]),
            add!($sums)
        )
    };
}

/// The second half of the inputs in `v4` to `v7`, and 16 inputs in `v0` to `v3`.
macro_rules! second_chain {
    ($w:literal, $next:literal, $sums:tt) => {
        concat!(
            four!("smull2", "8h", $w, "16b", ["4" "5" "6" "7"]),
            four!("smlal", "8h", $next, "8b", ["0" "1" "2" "3"]),
            four!("smlal2", "8h", $next, "16b", ["0" "1" "2" "3"]),
            add!($sums)
        )
    };
}

/// A whole tile: from the panel at `x` and the weights at `w` to totals in `v16`, `v20`, `v24` and `v28`, a pixel's each.
macro_rules! tile {
    () => {
        concat!(
            // A bias in the first lane, zeros in the others.
            "ldp s16, s17, [{bias}]\n",
            "ldp s18, s19, [{bias}, #8]\n",
            "ldp s20, s21, [{bias}]\n",
            "ldp s22, s23, [{bias}, #8]\n",
            "ldp s24, s25, [{bias}]\n",
            "ldp s26, s27, [{bias}, #8]\n",
            "ldp s28, s29, [{bias}]\n",
            "ldp s30, s31, [{bias}, #8]\n",
            "2:\n",
            "cbz {groups}, 6f\n",
            "sub {groups}, {groups}, #1\n",
            "tbz {chains}, #0, 4f\n",
            "lsr {chains}, {chains}, #1\n",
            "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{x}], #64\n",
            "ld1 {{v4.16b, v5.16b, v6.16b, v7.16b}}, [{x}], #64\n",
            "ldp q8, q9, [{w}]\n",
            "ldp q10, q11, [{w}, #{step}]\n",
            first_chain!("8", "10", ["16" "20" "24" "28"]),
            first_chain!("9", "11", ["17" "21" "25" "29"]),
            "ldp q8, q9, [{w}, #32]\n",
            "ldp q10, q11, [{w}, #{step} + 32]\n",
            first_chain!("8", "10", ["18" "22" "26" "30"]),
            first_chain!("9", "11", ["19" "23" "27" "31"]),
            "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{x}], #64\n",
            "ldp q8, q9, [{w}, #{twice} + 32]\n",
            second_chain!("10", "8", ["18" "22" "26" "30"]),
            second_chain!("11", "9", ["19" "23" "27" "31"]),
            "ldp q10, q11, [{w}, #{step}]\n",
            "ldp q8, q9, [{w}, #{twice}]\n",
            second_chain!("10", "8", ["16" "20" "24" "28"]),
            second_chain!("11", "9", ["17" "21" "25" "29"]),
            "add {w}, {w}, #{thrice}\n",
            "b 2b\n",
            "4:\n",
            "lsr {chains}, {chains}, #1\n",
            "mov {units}, #3\n",
            "5:\n",
            "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{x}], #64\n",
            "ldp q8, q9, [{w}]\n",
            "ldp q10, q11, [{w}, #32]\n",
            pair!("8", ["16" "20" "24" "28"]),
            pair!("9", ["17" "21" "25" "29"]),
            pair!("10", ["18" "22" "26" "30"]),
            pair!("11", ["19" "23" "27" "31"]),
            "add {w}, {w}, #{step}\n",
            "subs {units}, {units}, #1\n",
            "b.ne 5b\n",
            "b 2b\n",
            "6:\n",
            "mov {units}, {rest}\n",
            "mov {rest}, xzr\n",
            "cbnz {units}, 5b\n",
            "addp v16.4s, v16.4s, v17.4s\n",
            "addp v20.4s, v20.4s, v21.4s\n",
            "addp v24.4s, v24.4s, v25.4s\n",
            "addp v28.4s, v28.4s, v29.4s\n",
            "addp v18.4s, v18.4s, v19.4s\n",
            "addp v22.4s, v22.4s, v23.4s\n",
            "addp v26.4s, v26.4s, v27.4s\n",
            "addp v30.4s, v30.4s, v31.4s\n",
            "addp v16.4s, v16.4s, v18.4s\n",
            "addp v20.4s, v20.4s, v22.4s\n",
            "addp v24.4s, v24.4s, v26.4s\n",
            "addp v28.4s, v28.4s, v30.4s\n"
        )
    };
}

/// The sums of four pixels and four channels; a pixel's are the lanes of its vector.
///
/// `groups` times 48 inputs and then `rest` times 16 are multiplied. Where bit i of `chains` is set, the products of group i
/// are added up by threes in 16 bits. Weights of neighbouring units of 16 inputs are STEP bytes apart.
///
/// # Safety
/// There are as many inputs in the panel, and weights; there are four biases; sums of two products, and where `chains` says so
/// of three, fit 16 bits.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tile_4_by_4<const STEP: usize>(
    panel: *const i8,
    weights: *const i8,
    groups: usize,
    rest: usize,
    chains: u64,
    bias: *const i32,
) -> [int32x4_t; PIXELS] {
    let (a, b, c, d): (int32x4_t, int32x4_t, int32x4_t, int32x4_t);
    // SAFETY: it reads what the caller says, and writes its operands only.
    unsafe {
        asm!(
            tile!(),
            x = inout(reg) panel => _, w = inout(reg) weights => _, bias = in(reg) bias,
            groups = inout(reg) groups => _, rest = inout(reg) rest => _, chains = inout(reg) chains => _,
            units = out(reg) _,
            step = const STEP, twice = const 2 * STEP, thrice = const 3 * STEP,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") a, out("v17") _, out("v18") _, out("v19") _, out("v20") b, out("v21") _, out("v22") _, out("v23") _,
            out("v24") c, out("v25") _, out("v26") _, out("v27") _, out("v28") d, out("v29") _, out("v30") _, out("v31") _,
            options(pure, readonly, nostack)
        );
    }
    [a, b, c, d]
}

/// Computes `count` tiles, at least one, and writes their results. The rest is as for [`tile_4_by_4`]; what follows the sums is
/// what [`finish`](super::finish::finish) does, without moving anything between registers.
///
/// # Safety
/// As there, for so many panels; there are four multipliers, and four channels of every pixel can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tiles_4_by_4<const STEP: usize>(
    panels: *const i8,
    count: usize,
    weights: *const i8,
    groups: usize,
    rest: usize,
    chains: u64,
    bias: *const i32,
    finish: Finish,
) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        asm!(
            "3:",
            "mov {w}, {weights}",
            "mov {groups}, {all_groups}",
            "mov {rest}, {all_rest}",
            "mov {chains}, {all_chains}",
            tile!(),
            "ldr q8, [{multiplier}]",
            "dup v9.8h, {zero:w}",
            "scvtf v16.4s, v16.4s",
            "scvtf v20.4s, v20.4s",
            "scvtf v24.4s, v24.4s",
            "scvtf v28.4s, v28.4s",
            "fmul v16.4s, v16.4s, v8.4s",
            "fmul v20.4s, v20.4s, v8.4s",
            "fmul v24.4s, v24.4s, v8.4s",
            "fmul v28.4s, v28.4s, v8.4s",
            "fcvtns v16.4s, v16.4s",
            "fcvtns v20.4s, v20.4s",
            "fcvtns v24.4s, v24.4s",
            "fcvtns v28.4s, v28.4s",
            "uzp1 v16.8h, v16.8h, v20.8h",
            "uzp1 v24.8h, v24.8h, v28.8h",
            "add v16.8h, v16.8h, v9.8h",
            "add v24.8h, v24.8h, v9.8h",
            "sqxtun v16.8b, v16.8h",
            "sqxtun v24.8b, v24.8h",
            "st1 {{v16.s}}[0], [{to}], {to_step}",
            "st1 {{v16.s}}[1], [{to}], {to_step}",
            "st1 {{v24.s}}[0], [{to}], {to_step}",
            "subs {count}, {count}, #1",
            "st1 {{v24.s}}[1], [{to}], {to_step}",
            "b.ne 3b",
            x = inout(reg) panels => _, count = inout(reg) count => _, weights = in(reg) weights, bias = in(reg) bias,
            all_groups = in(reg) groups, all_rest = in(reg) rest, all_chains = in(reg) chains,
            w = out(reg) _, groups = out(reg) _, rest = out(reg) _, chains = out(reg) _, units = out(reg) _,
            multiplier = in(reg) finish.multiplier, zero = in(reg) finish.zero,
            to = inout(reg) finish.to => _, to_step = in(reg) finish.step,
            step = const STEP, twice = const 2 * STEP, thrice = const 3 * STEP,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack)
        );
    }
}
