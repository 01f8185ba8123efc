//! The output row of [`depthwise_5x5`](super::depthwise_5x5) for sixteen channels, in assembly.
//!
//! Registers: `v0` to `v3` the sums, `v24` to `v27` weights, multipliers, and rows as they are read, `v28` to `v31` the places of the
//! table. `v4` to `v23` are five columns of the upper four rows. Where the window moves by one column, they are four of them, which a new
//! one takes the place of as soon as the window leaves it, and four neighbours of the fifth row: those behind the next pixel, the last of
//! which is the fifth behind this one, too. Columns take their places in turn.

use super::assembly::{bytes, magic, nearest, with_all_vectors};
use super::finish::Finish;
use super::slide::{CHANNELS, Operands};

/// Reads the upper rows of the next column into four registers. Weights are not needed meanwhile.
macro_rules! column {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "ld1 {{v24.16b}}, [{x0}], {column}\n",
            "ld1 {{v25.16b}}, [{x1}], {column}\n",
            "ld1 {{v26.16b}}, [{x2}], {column}\n",
            "ld1 {{v27.16b}}, [{x3}], {column}\n",
            quads!($a $b $c $d)
        )
    };
}

/// Interleaves `v24` to `v27` byte by byte.
macro_rules! quads {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(quads!(@ $a "28"), quads!(@ $b "29"), quads!(@ $c "30"), quads!(@ $d "31"))
    };
    (@ $to:literal $places:literal) => {
        concat!("tbl v", $to, ".16b, {{ v24.16b, v25.16b, v26.16b, v27.16b }}, v", $places, ".16b\n")
    };
}

/// Adds the products of four vectors with the weights that begin `$at` bytes in.
macro_rules! products {
    ($dot:literal, $at:literal $behind:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "ldp q24, q25, [{weights}, #", $at, "]\n",
            "ldp q26, q27, [{weights}, #", $behind, "]\n",
            products!(@ $dot, "0" $a "24"), products!(@ $dot, "1" $b "25"),
            products!(@ $dot, "2" $c "26"), products!(@ $dot, "3" $d "27")
        )
    };
    (@ $dot:literal, $sum:literal $x:literal $w:literal) => {
        concat!($dot, " v", $sum, ".4s, v", $x, ".16b, v", $w, ".16b\n")
    };
}

/// The first sums: the biases.
macro_rules! biases {
    () => {
        "ldp q0, q1, [{bias}]\nldp q2, q3, [{bias}, #32]\n"
    };
}

/// Rounds the sums and writes them; behind the last pixel of the row, the end.
macro_rules! write {
    ($even:ident $signed:ident) => {
        concat!(
            "ldp q24, q25, [{multiplier}]\n",
            "ldp q26, q27, [{multiplier}, #32]\n",
            bytes!(@scale "0" "1" "2" "3", "24" "25" "26" "27"),
            "dup v24.4s, {added:w}\n",
            bytes!(@ $even, "24", "0" "1" "2" "3"),
            bytes!(@ $signed "0" "2"),
            "subs {pixels}, {pixels}, #1\n",
            "st1 {{v0.16b}}, [{to}], {to_step}\n",
            "b.eq 3f\n"
        )
    };
}

/// Reads four neighbours of the fifth row, from the first one on, and leaves `x4` there.
macro_rules! fifth {
    () => {
        concat!(
            "ldr q24, [{x4}]\n",
            "ldr q25, [{x4}, {column}]\n",
            "ldr q26, [{x4}, {second}]\n",
            "ldr q27, [{x4}, {third}]\n",
        )
    };
}

/// A pixel, from four columns under the window, and its first four inputs of the fifth row. The fifth column takes the first one's
/// registers, and the next pixel's inputs of the fifth row, the last of which is the last under this window, those of these.
macro_rules! sliding_pixel {
    ($dot:literal, $even:ident $signed:ident, [$($first:literal)*] [$($second:literal)*] [$($third:literal)*] [$($fourth:literal)*]) => {
        concat!(
            biases!(),
            products!($dot, "320" "352", "20" "21" "22" "23"),
            "add {x4}, {x4}, {column}\n",
            fifth!(),
            quads!("20" "21" "22" "23"),
            products!($dot, "384" "416", "20" "21" "22" "23"),
            products!($dot, "0" "32", $($first)*),
            products!($dot, "64" "96", $($second)*),
            products!($dot, "128" "160", $($third)*),
            products!($dot, "192" "224", $($fourth)*),
            column!($($first)*),
            products!($dot, "256" "288", $($first)*),
            write!($even $signed)
        )
    };
}

/// A pixel, from the columns under the window. What is made of the fifth row takes the first one's registers.
macro_rules! pixel {
    ($dot:literal, $even:ident $signed:ident, [$($first:literal)*] [$($second:literal)*] [$($third:literal)*] [$($fourth:literal)*]
        [$($fifth:literal)*]) => {
        concat!(
            biases!(),
            products!($dot, "0" "32", $($first)*),
            products!($dot, "64" "96", $($second)*),
            products!($dot, "128" "160", $($third)*),
            products!($dot, "192" "224", $($fourth)*),
            products!($dot, "256" "288", $($fifth)*),
            fifth!(),
            quads!($($first)*),
            products!($dot, "320" "352", $($first)*),
            "add {x4}, {x4}, {second}\n",
            // The fifth. The weights of the three in front of it are 0.
            "ldr q27, [{x4}, {second}]\n",
            quads!($($first)*),
            products!($dot, "384" "416", $($first)*),
            write!($even $signed)
        )
    };
}

/// The window moves by one column.
macro_rules! by_one {
    ($dot:literal, $($how:ident)*) => {
        concat!(
            column!("4" "5" "6" "7"),
            column!("8" "9" "10" "11"),
            column!("12" "13" "14" "15"),
            column!("16" "17" "18" "19"),
            fifth!(),
            quads!("20" "21" "22" "23"),
            "2:\n",
            sliding_pixel!($dot, $($how)*, ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"] ["16" "17" "18" "19"]),
            sliding_pixel!($dot, $($how)*, ["8" "9" "10" "11"] ["12" "13" "14" "15"] ["16" "17" "18" "19"] ["4" "5" "6" "7"]),
            sliding_pixel!($dot, $($how)*, ["12" "13" "14" "15"] ["16" "17" "18" "19"] ["4" "5" "6" "7"] ["8" "9" "10" "11"]),
            sliding_pixel!($dot, $($how)*, ["16" "17" "18" "19"] ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"]),
            "b 2b\n",
            "3:\n"
        )
    };
}

/// The window moves by two columns.
macro_rules! by_two {
    ($dot:literal, $($how:ident)*) => {
        concat!(
            column!("4" "5" "6" "7"),
            column!("8" "9" "10" "11"),
            column!("12" "13" "14" "15"),
            "2:\n",
            column!("16" "17" "18" "19"),
            column!("20" "21" "22" "23"),
            pixel!($dot, $($how)*, ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"] ["16" "17" "18" "19"] ["20" "21" "22" "23"]),
            column!("4" "5" "6" "7"),
            column!("8" "9" "10" "11"),
            pixel!($dot, $($how)*, ["12" "13" "14" "15"] ["16" "17" "18" "19"] ["20" "21" "22" "23"] ["4" "5" "6" "7"] ["8" "9" "10" "11"]),
            column!("12" "13" "14" "15"),
            column!("16" "17" "18" "19"),
            pixel!($dot, $($how)*, ["20" "21" "22" "23"] ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"] ["16" "17" "18" "19"]),
            column!("20" "21" "22" "23"),
            column!("4" "5" "6" "7"),
            pixel!($dot, $($how)*, ["8" "9" "10" "11"] ["12" "13" "14" "15"] ["16" "17" "18" "19"] ["20" "21" "22" "23"] ["4" "5" "6" "7"]),
            column!("8" "9" "10" "11"),
            column!("12" "13" "14" "15"),
            pixel!($dot, $($how)*, ["16" "17" "18" "19"] ["20" "21" "22" "23"] ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"]),
            "b 2b\n",
            "3:\n"
        )
    };
}

/// All chunks of the row.
macro_rules! row {
    ($code:expr, $extension:literal, $stride:expr, $operands:ident, $pixels:ident, $finish:ident, $added:expr) => {{
        let Operands { rows: [x0, x1, x2, x3, x4], column, edges: _, weights, bias, places, chunks } = $operands;
        with_all_vectors!(
            concat!(".arch_extension ", $extension),
            "ldp q28, q29, [{places}]",
            "ldp q30, q31, [{places}, #32]",
            "8:",
            $code,
            // The next chunk.
            "sub {x0}, {x0}, {back}",
            "sub {x1}, {x1}, {back}",
            "sub {x2}, {x2}, {back}",
            "sub {x3}, {x3}, {back}",
            "sub {x4}, {x4}, {fifth_back}",
            "sub {to}, {to}, {to_back}",
            "add {weights}, {weights}, #448",
            "add {bias}, {bias}, #64",
            "add {multiplier}, {multiplier}, #64",
            "mov {pixels}, {all_pixels}",
            "subs {chunks}, {chunks}, #1",
            "b.ne 8b",
            x0 = inout(reg) x0 => _, x1 = inout(reg) x1 => _, x2 = inout(reg) x2 => _, x3 = inout(reg) x3 => _,
            x4 = inout(reg) x4 => _, column = in(reg) column, second = in(reg) 2 * column, third = in(reg) 3 * column,
            back = in(reg) ((($pixels - 1) * $stride + 5) * column).wrapping_sub(CHANNELS),
            fifth_back = in(reg) ($pixels * $stride * column).wrapping_sub(CHANNELS),
            weights = inout(reg) weights => _, places = in(reg) places, bias = inout(reg) bias => _,
            multiplier = inout(reg) $finish.multiplier => _, added = in(reg) $added, pixels = inout(reg) $pixels => _,
            all_pixels = in(reg) $pixels, to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step,
            to_back = in(reg) ($pixels * $finish.step).wrapping_sub(CHANNELS), chunks = inout(reg) chunks => _,
        )
    }};
}

macro_rules! row_of {
    ($dot:literal, $extension:literal, $signed:ident, $stride:expr, $operands:ident, $pixels:ident, $finish:ident) => {
        match ($stride, $finish.added_to_floats()) {
            (1, Some(added)) => row!(by_one!($dot, even $signed), $extension, $stride, $operands, $pixels, $finish, added),
            (1, None) => row!(by_one!($dot, odd $signed), $extension, $stride, $operands, $pixels, $finish, $finish.added()),
            (_, Some(added)) => row!(by_two!($dot, even $signed), $extension, $stride, $operands, $pixels, $finish, added),
            (_, None) => row!(by_two!($dot, odd $signed), $extension, $stride, $operands, $pixels, $finish, $finish.added()),
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
pub unsafe fn row<const STRIDE: usize, const SIGNED: bool>(operands: Operands<5>, pixels: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        match (SIGNED, finish.signed) {
            (true, true) => row_of!("sdot", "dotprod", signed, STRIDE, operands, pixels, finish),
            (true, false) => row_of!("sdot", "dotprod", unsigned, STRIDE, operands, pixels, finish),
            (false, _) => row_of!("usdot", "i8mm", unsigned, STRIDE, operands, pixels, finish),
        }
    }
}
