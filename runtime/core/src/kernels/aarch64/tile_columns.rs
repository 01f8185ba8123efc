//! The output row of [`depthwise_columns`](super::depthwise_columns) for sixteen channels, in assembly.
//!
//! Registers: `v0` to `v3` the sums, and before them the three rows of a column as they are read; `v4` to `v15` the three columns
//! under the window, `v16` to `v27` their weights, `v28` to `v31` the places of the table. Multipliers take the registers of the
//! column that the window leaves. Columns take the three places in turn, so that none moves from register to register: a round is as
//! many pixels as bring them back to where they were, and the first round begins so far behind its start that the last one is whole.

use super::assembly::{bytes, magic, nearest, with_all_vectors};
use super::finish::Finish;
use super::slide::{CHANNELS, Operands};

/// Reads the next column into four registers.
macro_rules! column {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "ld1 {{v0.16b}}, [{x0}], {column}\n",
            "ld1 {{v1.16b}}, [{x1}], {column}\n",
            "ld1 {{v2.16b}}, [{x2}], {column}\n",
            column!(@ $a "28"),
            column!(@ $b "29"),
            column!(@ $c "30"),
            column!(@ $d "31")
        )
    };
    (@ $to:literal $places:literal) => {
        concat!("tbl v", $to, ".16b, {{ v0.16b, v1.16b, v2.16b }}, v", $places, ".16b\n")
    };
}

/// The first column, or the last one, which may be of padding.
macro_rules! edge {
    ($edge:literal $label:literal $behind:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "cbz {", $edge, ":w}, ", $label, "f\n",
            "dup v", $a, ".16b, {padding:w}\ndup v", $b, ".16b, {padding:w}\n",
            "dup v", $c, ".16b, {padding:w}\ndup v", $d, ".16b, {padding:w}\n",
            "b ", $behind, "f\n",
            $label, ":\n",
            column!($a $b $c $d),
            $behind, ":\n"
        )
    };
}

/// The products of a column with four vectors of weights.
macro_rules! products {
    ($dot:literal, $($sum:literal $x:literal $w:literal)*) => {
        concat!($($dot, " v", $sum, ".4s, v", $x, ".16b, v", $w, ".16b\n"),*)
    };
}

/// A pixel, from the columns under the window.
macro_rules! pixel {
    ($dot:literal, $even:ident $signed:ident, $a:literal $b:literal $c:literal $d:literal,
        $e:literal $f:literal $g:literal $h:literal, $i:literal $j:literal $k:literal $l:literal) => {
        concat!(
            "ldp q0, q1, [{bias}]\n",
            "ldp q2, q3, [{bias}, #32]\n",
            products!($dot, "0" $a "16" "1" $b "17" "2" $c "18" "3" $d "19"),
            products!($dot, "0" $e "20" "1" $f "21" "2" $g "22" "3" $h "23"),
            products!($dot, "0" $i "24" "1" $j "25" "2" $k "26" "3" $l "27"),
            "ldp q", $a, ", q", $b, ", [{multiplier}]\n",
            "ldp q", $c, ", q", $d, ", [{multiplier}, #32]\n",
            bytes!(@scale "0" "1" "2" "3", $a $b $c $d),
            "dup v", $a, ".4s, {added:w}\n",
            bytes!(@ $even, $a, "0" "1" "2" "3"),
            bytes!(@ $signed "0" "2"),
            "st1 {{v0.16b}}, [{to}], {to_step}\n"
        )
    };
}

/// The window moves by one column.
macro_rules! by_one {
    ($dot:literal, $even:ident $signed:ident) => {
        concat!(
            "cbz {first}, 2f\n",
            "cmp {first}, #2\n",
            "b.eq 3f\n",
            edge!("left" "22" "23", "12" "13" "14" "15"),
            column!("4" "5" "6" "7"),
            "b 7f\n",
            "3:\n",
            edge!("left" "22" "23", "8" "9" "10" "11"),
            column!("12" "13" "14" "15"),
            "b 6f\n",
            "2:\n",
            edge!("left" "22" "23", "4" "5" "6" "7"),
            column!("8" "9" "10" "11"),
            "5:\n",
            column!("12" "13" "14" "15"),
            pixel!($dot, $even $signed, "4" "5" "6" "7", "8" "9" "10" "11", "12" "13" "14" "15"),
            "6:\n",
            column!("4" "5" "6" "7"),
            pixel!($dot, $even $signed, "8" "9" "10" "11", "12" "13" "14" "15", "4" "5" "6" "7"),
            "7:\n",
            "subs {rounds}, {rounds}, #1\n",
            "b.eq 9f\n",
            column!("8" "9" "10" "11"),
            pixel!($dot, $even $signed, "12" "13" "14" "15", "4" "5" "6" "7", "8" "9" "10" "11"),
            "b 5b\n",
            "9:\n",
            edge!("right" "22" "23", "8" "9" "10" "11"),
            pixel!($dot, $even $signed, "12" "13" "14" "15", "4" "5" "6" "7", "8" "9" "10" "11"),
        )
    };
}

/// The window moves by two columns.
macro_rules! by_two {
    ($dot:literal, $even:ident $signed:ident) => {
        concat!(
            "cbz {first}, 2f\n",
            edge!("left" "22" "23", "12" "13" "14" "15"),
            "b 6f\n",
            "2:\n",
            edge!("left" "22" "23", "4" "5" "6" "7"),
            "5:\n",
            column!("8" "9" "10" "11"),
            column!("12" "13" "14" "15"),
            pixel!($dot, $even $signed, "4" "5" "6" "7", "8" "9" "10" "11", "12" "13" "14" "15"),
            "6:\n",
            column!("8" "9" "10" "11"),
            "subs {rounds}, {rounds}, #1\n",
            "b.eq 9f\n",
            column!("4" "5" "6" "7"),
            pixel!($dot, $even $signed, "12" "13" "14" "15", "8" "9" "10" "11", "4" "5" "6" "7"),
            "b 5b\n",
            "9:\n",
            edge!("right" "22" "23", "4" "5" "6" "7"),
            pixel!($dot, $even $signed, "12" "13" "14" "15", "8" "9" "10" "11", "4" "5" "6" "7"),
        )
    };
}

/// All chunks of the row, in rounds of as many pixels as bring columns back to where they were.
macro_rules! row {
    ($code:expr, $extension:literal, $every:literal, $stride:expr, $operands:ident, $pixels:ident, $finish:ident, $added:expr) => {{
        let Operands { rows: [x0, x1, x2], column, edges, weights, bias, places, chunks } = $operands;
        let rounds = usize::div_ceil($pixels, $every);
        let columns = ($pixels - 1) * $stride + 3 - usize::from(edges.left) - usize::from(edges.right);
        with_all_vectors!(
            concat!(".arch_extension ", $extension),
            "ldp q28, q29, [{places}]",
            "ldp q30, q31, [{places}, #32]",
            "8:",
            "ldp q16, q17, [{weights}]",
            "ldp q18, q19, [{weights}, #32]",
            "ldp q20, q21, [{weights}, #64]",
            "ldp q22, q23, [{weights}, #96]",
            "ldp q24, q25, [{weights}, #128]",
            "ldp q26, q27, [{weights}, #160]",
            $code,
            // The next chunk.
            "sub {x0}, {x0}, {back}",
            "sub {x1}, {x1}, {back}",
            "sub {x2}, {x2}, {back}",
            "sub {to}, {to}, {to_back}",
            "add {weights}, {weights}, #192",
            "add {bias}, {bias}, #64",
            "add {multiplier}, {multiplier}, #64",
            "mov {rounds}, {all_rounds}",
            "subs {chunks}, {chunks}, #1",
            "b.ne 8b",
            x0 = inout(reg) x0 => _, x1 = inout(reg) x1 => _, x2 = inout(reg) x2 => _, column = in(reg) column,
            back = in(reg) (columns * column).wrapping_sub(CHANNELS), left = in(reg) u32::from(edges.left),
            right = in(reg) u32::from(edges.right), padding = in(reg) u32::from(edges.padding),
            weights = inout(reg) weights => _, places = in(reg) places,
            bias = inout(reg) bias => _, multiplier = inout(reg) $finish.multiplier => _, added = in(reg) $added,
            first = in(reg) $pixels % $every, rounds = inout(reg) rounds => _, all_rounds = in(reg) rounds,
            to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step,
            to_back = in(reg) ($pixels * $finish.step).wrapping_sub(CHANNELS), chunks = inout(reg) chunks => _,
        )
    }};
}

macro_rules! row_of {
    ($dot:literal, $extension:literal, $signed:ident, $stride:expr, $operands:ident, $pixels:ident, $finish:ident) => {
        match ($stride, $finish.added_to_floats()) {
            (1, Some(added)) => row!(by_one!($dot, even $signed), $extension, 3, $stride, $operands, $pixels, $finish, added),
            (1, None) => row!(by_one!($dot, odd $signed), $extension, 3, $stride, $operands, $pixels, $finish, $finish.added()),
            (_, Some(added)) => row!(by_two!($dot, even $signed), $extension, 2, $stride, $operands, $pixels, $finish, added),
            (_, None) => row!(by_two!($dot, odd $signed), $extension, 2, $stride, $operands, $pixels, $finish, $finish.added()),
        }
    };
}

/// See [`Window::row`](super::slide::Window::row).
///
/// # Safety
/// As there.
// Every way of it is there once.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn row<const STRIDE: usize, const SIGNED: bool>(operands: Operands<3>, pixels: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        match (SIGNED, finish.signed) {
            (true, true) => row_of!("sdot", "dotprod", signed, STRIDE, operands, pixels, finish),
            (true, false) => row_of!("sdot", "dotprod", unsigned, STRIDE, operands, pixels, finish),
            (false, _) => row_of!("usdot", "i8mm", unsigned, STRIDE, operands, pixels, finish),
        }
    }
}
