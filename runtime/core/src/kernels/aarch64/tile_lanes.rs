//! The tiles of [`product_lanes`](super::product_lanes), in assembly: six pixels by sixteen channels, and eight by eight.
//!
//! The wide one's registers: `v0` to `v23` the sums, four for each pixel, `v24` to `v29` a vector of inputs of each, and two of
//! weights, `v30` and `v31`. The narrow one's: sums up to `v15`, two for each pixel, inputs up to `v23`, weights from `v24` on. A
//! compiler spills some in every round, and moves sums about before they are rounded.

use super::assembly::{bytes, magic, nearest, with_all_vectors};
use super::finish::Finish;

/// Inputs of a vector.
const UNIT: usize = 16;

/// The products of four inputs of some pixels, those in lane `$lane` of `$x`, with the weights `$w`, to `$sum`.
macro_rules! lane {
    ($lane:literal, $w:literal, $($sum:literal $x:literal)*) => {
        concat!($("sdot v", $sum, ".4s, v", $w, ".16b, v", $x, ".4b[", $lane, "]\n"),*)
    };
}

/// The products of four inputs with the weights of sixteen channels.
macro_rules! wide {
    ($lane:literal) => {
        concat!(
            "ldp q30, q31, [{w}], #64\n",
            lane!($lane, "30", "0" "24" "4" "25" "8" "26" "12" "27" "16" "28" "20" "29"),
            lane!($lane, "31", "1" "24" "5" "25" "9" "26" "13" "27" "17" "28" "21" "29"),
            "ldp q30, q31, [{w}, #-32]\n",
            lane!($lane, "30", "2" "24" "6" "25" "10" "26" "14" "27" "18" "28" "22" "29"),
            lane!($lane, "31", "3" "24" "7" "25" "11" "26" "15" "27" "19" "28" "23" "29")
        )
    };
}

/// The products of four inputs with the weights of eight channels.
macro_rules! narrow {
    ($lane:literal) => {
        concat!(
            "ldp q24, q25, [{w}], #32\n",
            lane!($lane, "24", "0" "16" "2" "17" "4" "18" "6" "19" "8" "20" "10" "21" "12" "22" "14" "23"),
            lane!($lane, "25", "1" "16" "3" "17" "5" "18" "7" "19" "9" "20" "11" "21" "13" "22" "15" "23")
        )
    };
}

/// Reads two vectors of biases to two of sums, over and over: that leaves the units for vectors, which have most to do, alone.
macro_rules! biases {
    ($at:literal, $($a:literal $b:literal)*) => {
        concat!($("ldp q", $a, ", q", $b, ", [{bias}", $at, "]\n"),*)
    };
}

/// Reads a vector of inputs of each pixel, and flips them unless they are `signed`. `$behind` moves the places on.
macro_rules! inputs {
    (signed, $behind:literal, $flip:literal, $($x:literal $place:literal)*) => {
        concat!($("ld1 {{v", $x, ".16b}}, [{", $place, "}], ", $behind, "\n"),*)
    };
    (unsigned, $behind:literal, $flip:literal, $($x:literal $place:literal)*) => {
        concat!(
            inputs!(signed, $behind, $flip, $($x $place)*),
            "movi v", $flip, ".16b, #0x80\n",
            $("eor v", $x, ".16b, v", $x, ".16b, v", $flip, ".16b\n"),*
        )
    };
}

/// The products of vectors of inputs, the last of which has one to four fours of them. Reading that one moves the places on to the
/// next tile.
macro_rules! sums {
    ($four:ident, $from:ident, $flip:literal, $($inputs:literal)*) => {
        concat!(
            "mov {w}, {weights}\n",
            "cbz {units}, 4f\n",
            "mov {left}, {units}\n",
            "3:\n",
            inputs!($from, "#16", $flip, $($inputs)*),
            $four!("0"),
            $four!("1"),
            $four!("2"),
            "subs {left}, {left}, #1\n",
            $four!("3"),
            "b.ne 3b\n",
            "4:\n",
            inputs!($from, "{next}", $flip, $($inputs)*),
            // Usually there are four.
            "tbnz {fours}, #2, 6f\n",
            $four!("0"),
            "cmp {fours}, #2\n",
            "b.lo 5f\n",
            $four!("1"),
            "b.eq 5f\n",
            $four!("2"),
            "b 5f\n",
            "6:\n",
            $four!("0"),
            $four!("1"),
            $four!("2"),
            $four!("3"),
            "5:\n"
        )
    };
}

/// A pixel of sixteen channels.
macro_rules! wide_pixel {
    ($even:ident $to:ident, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            bytes!($even $to, "28", $a $b $c $d, "24" "25" "26" "27"),
            "st1 {{v", $a, ".16b}}, [{to}], {to_step}\n"
        )
    };
}

/// Two pixels of eight channels.
macro_rules! narrow_pixels {
    ($even:ident $to:ident, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            bytes!($even $to, "18", $a $b $c $d, "16" "17" "16" "17"),
            "st1 {{v", $a, ".d}}[0], [{to}], {to_step}\n",
            "st1 {{v", $a, ".d}}[1], [{to}], {to_step}\n"
        )
    };
}

/// What a tile multiplies.
#[derive(Clone, Copy)]
pub struct Operands {
    /// The inputs of the first pixel.
    pub x: *const u8,
    /// Bytes from one pixel to the next.
    pub step: usize,
    /// Whether they are to be flipped.
    pub flip: bool,
    pub weights: *const u8,
    /// Vectors of inputs but for the last.
    pub units: usize,
    /// Fours of inputs in the last one: one to four.
    pub fours: usize,
    pub bias: *const i32,
}

/// Runs the assembly of a tile of `$pixels` pixels, whose inputs begin at `$place`.
macro_rules! tiles {
    ([$($code:expr),*], $pixels:literal, $operands:ident, $count:ident, $finish:ident, $added:expr, $($place:ident $index:literal)*) => {
        tiles!(
            [$($code),*], $pixels, $operands, $count,
            (
                bias = in(reg) $operands.bias, multiplier = in(reg) $finish.multiplier, added = in(reg) $added,
                to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step
            ),
            $($place $index)*
        )
    };
    ([$($code:expr),*], $pixels:literal, $operands:ident, $count:ident, ($($more:tt)*), $($place:ident $index:literal)*) => {{
        let Operands { x, step, weights, units, fours, .. } = $operands;
        // From a pixel's last vector to the pixel of the next tile.
        let next = ($pixels * step).wrapping_sub(UNIT * units);
        with_all_vectors!(
            ".arch_extension dotprod",
            "2:",
            $($code,)*
            $($place = inout(reg) x.wrapping_add($index * step) => _,)*
            next = in(reg) next, count = inout(reg) $count => _,
            weights = in(reg) weights, w = out(reg) _, units = in(reg) units, left = out(reg) _, fours = in(reg) fours,
            $($more)*,
        )
    }};
}

/// The code of the wide tile.
macro_rules! wide_tile {
    ($from:ident, $even:ident $to:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            [
                concat!(
                    biases!("", "0" "1" "4" "5" "8" "9" "12" "13" "16" "17" "20" "21"),
                    biases!(", #32", "2" "3" "6" "7" "10" "11" "14" "15" "18" "19" "22" "23")
                ),
                sums!(wide, $from, "30", "24" "p0" "25" "p1" "26" "p2" "27" "p3" "28" "p4" "29" "p5"),
                concat!(
                    "ldp q24, q25, [{multiplier}]\n",
                    "ldp q26, q27, [{multiplier}, #32]\n",
                    "dup v28.4s, {added:w}\n",
                    wide_pixel!($even $to, "0" "1" "2" "3"),
                    wide_pixel!($even $to, "4" "5" "6" "7"),
                    wide_pixel!($even $to, "8" "9" "10" "11"),
                    wide_pixel!($even $to, "12" "13" "14" "15"),
                    wide_pixel!($even $to, "16" "17" "18" "19"),
                    wide_pixel!($even $to, "20" "21" "22" "23")
                ),
                "subs {count}, {count}, #1",
                "b.ne 2b"
            ],
            6, $operands, $count, $finish, $added, p0 0 p1 1 p2 2 p3 3 p4 4 p5 5
        )
    };
}

/// The code of the narrow tile.
macro_rules! narrow_tile {
    ($from:ident, $even:ident $to:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            [
                biases!("", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15"),
                sums!(narrow, $from, "24", "16" "p0" "17" "p1" "18" "p2" "19" "p3" "20" "p4" "21" "p5" "22" "p6" "23" "p7"),
                concat!(
                    "ldp q16, q17, [{multiplier}]\n",
                    "dup v18.4s, {added:w}\n",
                    narrow_pixels!($even $to, "0" "1" "2" "3"),
                    narrow_pixels!($even $to, "4" "5" "6" "7"),
                    narrow_pixels!($even $to, "8" "9" "10" "11"),
                    narrow_pixels!($even $to, "12" "13" "14" "15")
                ),
                "subs {count}, {count}, #1",
                "b.ne 2b"
            ],
            8, $operands, $count, $finish, $added, p0 0 p1 1 p2 2 p3 3 p4 4 p5 5 p6 6 p7 7
        )
    };
}

/// The code of the wide tile whose sums are written as they are. They begin with `$first`.
macro_rules! sums_tile {
    ($first:expr, $operands:ident, $count:ident, ($($more:tt)*)) => {
        tiles!(
            [
                $first,
                sums!(wide, unsigned, "30", "24" "p0" "25" "p1" "26" "p2" "27" "p3" "28" "p4" "29" "p5"),
                all_sums!("st1", "to"),
                "subs {count}, {count}, #1",
                "b.ne 2b"
            ],
            6, $operands, $count, ($($more)*), p0 0 p1 1 p2 2 p3 3 p4 4 p5 5
        )
    };
}

/// Reads or writes the sums of all pixels.
macro_rules! all_sums {
    ($move:literal, $place:literal) => {
        concat!(
            all_sums!(@ $move, $place, "0" "1" "2" "3"), all_sums!(@ $move, $place, "4" "5" "6" "7"),
            all_sums!(@ $move, $place, "8" "9" "10" "11"), all_sums!(@ $move, $place, "12" "13" "14" "15"),
            all_sums!(@ $move, $place, "16" "17" "18" "19"), all_sums!(@ $move, $place, "20" "21" "22" "23")
        )
    };
    (@ $move:literal, $place:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            $move, " {{v", $a, ".4s, v", $b, ".4s, v", $c, ".4s, v", $d, ".4s}}, [{", $place, "}], {to_step}\n"
        )
    };
}

/// Chooses the code of a tile.
macro_rules! tile {
    ($tile:ident, $from:ident, $to:ident, $operands:ident, $count:ident, $finish:ident) => {
        match $finish.added_to_floats() {
            Some(added) => $tile!($from, even $to, $operands, $count, $finish, added),
            None => $tile!($from, odd $to, $operands, $count, $finish, $finish.added()),
        }
    };
    ($tile:ident, $operands:ident, $count:ident, $finish:ident) => {
        match ($operands.flip, $finish.signed) {
            (false, false) => tile!($tile, signed, unsigned, $operands, $count, $finish),
            (false, true) => tile!($tile, signed, signed, $operands, $count, $finish),
            (true, false) => tile!($tile, unsigned, unsigned, $operands, $count, $finish),
            (true, true) => tile!($tile, unsigned, signed, $operands, $count, $finish),
        }
    };
}

/// Computes `count` tiles, at least one, of six pixels by sixteen channels, or of eight by eight where not WIDE.
///
/// # Safety
/// The processor has SDOT. Inputs, as whole vectors, weights, biases and multipliers can be read, results can be written.
// Every way of it is there once.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn tiles<const WIDE: bool>(operands: Operands, count: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        if WIDE { tile!(wide_tile, operands, count, finish) } else { tile!(narrow_tile, operands, count, finish) }
    }
}

/// Computes the sums of `count` tiles, at least one, of six pixels by sixteen channels, and writes them to `to`, pixels `step` bytes
/// apart. They begin with the biases, or where CONTINUED with what is there. Inputs are flipped.
///
/// # Safety
/// As for [`tiles`]; biases need not be there where CONTINUED.
// Every way of it is there once.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn sums<const CONTINUED: bool>(operands: Operands, count: usize, to: *mut u8, step: usize) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        if CONTINUED {
            sums_tile!(
                all_sums!("ld1", "from"), operands, count,
                (from = inout(reg) to => _, to = inout(reg) to => _, to_step = in(reg) step)
            );
        } else {
            sums_tile!(
                concat!(
                    biases!("", "0" "1" "4" "5" "8" "9" "12" "13" "16" "17" "20" "21"),
                    biases!(", #32", "2" "3" "6" "7" "10" "11" "14" "15" "18" "19" "22" "23")
                ),
                operands, count,
                (bias = in(reg) operands.bias, to = inout(reg) to => _, to_step = in(reg) step)
            );
        }
    }
}

pub(super) use {biases, lane, narrow, narrow_pixels, wide, wide_pixel};
