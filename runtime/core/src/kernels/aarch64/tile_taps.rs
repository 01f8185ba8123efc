//! The tile of [`depthwise_taps`](super::depthwise_taps) for windows of many taps: four pixels by sixteen channels, in assembly.
//!
//! Registers: `v0` to `v15` the sums, four for each pixel, `v16` to `v23` the inputs of up to four taps of two pixels, `v24`, `v25`, `v30`
//! and `v31` their weights, and four of products.

use super::assembly::{bytes, copy, magic, nearest, with_all_vectors};
use super::finish::Finish;

/// Adds the products in `$t` and `$u` to the sums of a pixel.
macro_rules! add {
    ($t:literal $u:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "saddw v", $a, ".4s, v", $a, ".4s, v", $t, ".4h\n", "saddw2 v", $b, ".4s, v", $b, ".4s, v", $t, ".8h\n",
            "saddw v", $c, ".4s, v", $c, ".4s, v", $u, ".4h\n", "saddw2 v", $d, ".4s, v", $d, ".4s, v", $u, ".8h\n"
        )
    };
}

/// The products of sixteen inputs of two pixels with the weights `$w`.
macro_rules! two_pixels {
    ($low:literal $high:literal, $w:literal, $x:literal $y:literal) => {
        concat!(
            $low,
            " v26.8h, v",
            $x,
            ".8b, v",
            $w,
            ".8b\n",
            $high,
            " v27.8h, v",
            $x,
            ".16b, v",
            $w,
            ".16b\n",
            $low,
            " v28.8h, v",
            $y,
            ".8b, v",
            $w,
            ".8b\n",
            $high,
            " v29.8h, v",
            $y,
            ".16b, v",
            $w,
            ".16b\n"
        )
    };
}

/// The products of some taps, added up in 16 bits, and then to the sums. For every tap: where its input is, its weights, and two inputs.
macro_rules! chain {
    ($products:tt) => {
        concat!(
            chain!(@load "o0" "o1", $products), chain!(@products $products),
            add!("26" "27", "0" "1" "2" "3"), add!("28" "29", "4" "5" "6" "7"),
            chain!(@load "o2" "o3", $products), chain!(@products $products),
            add!("26" "27", "8" "9" "10" "11"), add!("28" "29", "12" "13" "14" "15")
        )
    };
    (@load $o:literal $q:literal, [$([$p:literal, $w:literal, $x:literal $y:literal])*]) => {
        concat!($("ldr q", $x, ", [{", $p, "}, {", $o, "}]\nldr q", $y, ", [{", $p, "}, {", $q, "}]\n"),*)
    };
    (@products [[$p:literal, $w:literal, $x:literal $y:literal] $([$r:literal, $v:literal, $s:literal $t:literal])*]) => {
        concat!(
            two_pixels!("smull" "smull2", $w, $x $y),
            $(two_pixels!("smlal" "smlal2", $v, $s $t)),*
        )
    };
}

/// A pixel's results.
macro_rules! pixel {
    ($even:ident $to:ident, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            bytes!($even $to, "20", $a $b $c $d, "16" "17" "18" "19"),
            "st1 {{v", $a, ".16b}}, [{to}], {to_step}\n"
        )
    };
}

/// What a tile multiplies.
#[derive(Clone, Copy)]
pub struct Operands<'t> {
    /// Where each tap's input lies at the first place, flipped.
    pub taps: &'t [*const u8],
    /// Bytes from one place of the window to the next.
    pub step: usize,
    /// How many of them, from the first one on, make chains of four, of three, of two, and single ones.
    pub chains: [usize; 4],
    /// Of each tap, sixteen weights.
    pub weights: *const u8,
    pub bias: *const i32,
}

macro_rules! tiles {
    ($even:ident $to:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {{
        let Operands { taps, chains: [fours, threes, twos, ones], step, weights, bias } = $operands;
        with_all_vectors!(
            "2:",
            "ldp q0, q1, [{bias}]",
            "ldp q2, q3, [{bias}, #32]",
            copy!("4" "0" "5" "1" "6" "2" "7" "3" "8" "0" "9" "1" "10" "2" "11" "3" "12" "0" "13" "1" "14" "2" "15" "3"),
            "mov {tap}, {taps}",
            "mov {w}, {weights}",
            "mov {left}, {fours}",
            "cbz {left}, 4f",
            "3:",
            "ldp {x}, {y}, [{tap}], #16",
            "ldp {z}, {u}, [{tap}], #16",
            "ldp q24, q25, [{w}], #32",
            "ldp q30, q31, [{w}], #32",
            chain!([["x", "24", "16" "17"] ["y", "25", "18" "19"] ["z", "30", "20" "21"] ["u", "31", "22" "23"]]),
            "subs {left}, {left}, #1",
            "b.ne 3b",
            "4:",
            "mov {left}, {threes}",
            "cbz {left}, 6f",
            "5:",
            "ldp {x}, {y}, [{tap}], #16",
            "ldr {z}, [{tap}], #8",
            "ldp q24, q25, [{w}], #32",
            "ldr q30, [{w}], #16",
            chain!([["x", "24", "16" "17"] ["y", "25", "18" "19"] ["z", "30", "20" "21"]]),
            "subs {left}, {left}, #1",
            "b.ne 5b",
            "6:",
            "mov {left}, {twos}",
            "cbz {left}, 8f",
            "7:",
            "ldp {x}, {y}, [{tap}], #16",
            "ldp q24, q25, [{w}], #32",
            chain!([["x", "24", "16" "17"] ["y", "25", "18" "19"]]),
            "subs {left}, {left}, #1",
            "b.ne 7b",
            "8:",
            "mov {left}, {ones}",
            "cbz {left}, 22f",
            "9:",
            "ldr {x}, [{tap}], #8",
            "ldr q24, [{w}], #16",
            chain!([["x", "24", "16" "17"]]),
            "subs {left}, {left}, #1",
            "b.ne 9b",
            "22:",
            "ldp q16, q17, [{multiplier}]",
            "ldp q18, q19, [{multiplier}, #32]",
            "dup v20.4s, {added:w}",
            pixel!($even $to, "0" "1" "2" "3"),
            pixel!($even $to, "4" "5" "6" "7"),
            pixel!($even $to, "8" "9" "10" "11"),
            pixel!($even $to, "12" "13" "14" "15"),
            "add {o0}, {o0}, {jump}",
            "add {o1}, {o1}, {jump}",
            "add {o2}, {o2}, {jump}",
            "add {o3}, {o3}, {jump}",
            "subs {count}, {count}, #1",
            "b.ne 2b",
            taps = in(reg) taps.as_ptr(), tap = out(reg) _, fours = in(reg) fours, threes = in(reg) threes,
            twos = in(reg) twos, ones = in(reg) ones, left = out(reg) _, weights = in(reg) weights, w = out(reg) _,
            x = out(reg) _, y = out(reg) _, z = out(reg) _, u = out(reg) _,
            o0 = inout(reg) 0usize => _, o1 = inout(reg) step => _, o2 = inout(reg) 2 * step => _,
            o3 = inout(reg) 3 * step => _, jump = in(reg) 4 * step, count = inout(reg) $count => _, bias = in(reg) bias,
            multiplier = in(reg) $finish.multiplier, added = in(reg) $added,
            to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step,
        )
    }};
}

/// Computes `count` tiles, at least one, along an output row.
///
/// # Safety
/// Inputs, weights, biases and multipliers can be read, results can be written; chains are of as many
/// taps as there are, and their products' sums fit 16 bits.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tiles(operands: Operands<'_>, count: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        match (finish.signed, finish.added_to_floats()) {
            (false, Some(added)) => tiles!(even unsigned, operands, count, finish, added),
            (false, None) => tiles!(odd unsigned, operands, count, finish, finish.added()),
            (true, Some(added)) => tiles!(even signed, operands, count, finish, added),
            (true, None) => tiles!(odd signed, operands, count, finish, finish.added()),
        }
    }
}
