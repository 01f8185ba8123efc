//! The tiles of [`stem`](super::stem), in assembly, and the patches that they read: what [`tile_lanes`](super::tile_lanes) has for any
//! number of inputs, for 28 of them, which lie in planes.

use super::assembly::{bytes, magic, nearest, with_all_vectors};
use super::finish::Finish;
use super::tile_lanes::{biases, lane, narrow, narrow_pixels, wide, wide_pixel};
use core::arch::aarch64::uint8x16_t;
use core::arch::asm;

/// What tiles read.
#[derive(Clone, Copy)]
pub struct Operands {
    /// The first 16 inputs of every pixel, and the others, filled up to 16.
    pub planes: [*const u8; 2],
    /// `[4 inputs][channel][input]`.
    pub weights: *const u8,
    /// A bias for every channel.
    pub bias: *const i32,
}

/// Writes the patches of an even number of pixels, `count` or one more, to two planes. `places`: of a pixel, in the
/// vectors that begin with its first inputs.
///
/// # Safety
/// A vector of each row can be read at every second pixel, `step` bytes apart, and so many patches written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn patches(
    rows: [*const u8; 3],
    step: usize,
    places: [[uint8x16_t; 2]; 2],
    count: usize,
    planes: [*mut u8; 2],
) {
    let ([a, b, c], [x, y]) = (rows, planes);
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        asm!(
            "2:",
            "ld1 {{v0.16b}}, [{a}], {step}",
            "ld1 {{v1.16b}}, [{b}], {step}",
            "ld1 {{v2.16b}}, [{c}], {step}",
            "tbl v4.16b, {{v0.16b, v1.16b, v2.16b}}, {first_x:v}.16b",
            "tbl v5.16b, {{v0.16b, v1.16b, v2.16b}}, {second_x:v}.16b",
            "tbl v6.16b, {{v0.16b, v1.16b, v2.16b}}, {first_y:v}.16b",
            "tbl v7.16b, {{v0.16b, v1.16b, v2.16b}}, {second_y:v}.16b",
            "subs {pairs}, {pairs}, #1",
            "stp q4, q5, [{x}], #32",
            "stp q6, q7, [{y}], #32",
            "b.ne 2b",
            a = inout(reg) a => _, b = inout(reg) b => _, c = inout(reg) c => _, step = in(reg) 2 * step,
            x = inout(reg) x => _, y = inout(reg) y => _, pairs = inout(reg) count.div_ceil(2) => _,
            first_x = in(vreg) places[0][0], first_y = in(vreg) places[0][1],
            second_x = in(vreg) places[1][0], second_y = in(vreg) places[1][1],
            out("v0") _, out("v1") _, out("v2") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            options(nostack)
        );
    }
}

/// Reads a vector of inputs of pixels that lie side by side.
macro_rules! inputs {
    ($plane:literal, $($a:literal $b:literal)*) => {
        concat!($("ldp q", $a, ", q", $b, ", [{", $plane, "}], #32\n"),*)
    };
}

macro_rules! tiles {
    ($code:expr, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        with_all_vectors!(
            ".arch_extension dotprod",
            "2:",
            "mov {w}, {weights}",
            $code,
            "subs {count}, {count}, #1",
            "b.ne 2b",
            x = inout(reg) $operands.planes[0] => _, y = inout(reg) $operands.planes[1] => _, count = inout(reg) $count => _,
            weights = in(reg) $operands.weights, w = out(reg) _, bias = in(reg) $operands.bias,
            multiplier = in(reg) $finish.multiplier, added = in(reg) $added,
            to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step,
        )
    };
}

/// Six pixels by sixteen channels.
macro_rules! wide_tile {
    ($even:ident $to:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            concat!(
                biases!("", "0" "1" "4" "5" "8" "9" "12" "13" "16" "17" "20" "21"),
                biases!(", #32", "2" "3" "6" "7" "10" "11" "14" "15" "18" "19" "22" "23"),
                inputs!("x", "24" "25" "26" "27" "28" "29"),
                wide!("0"), wide!("1"), wide!("2"), wide!("3"),
                inputs!("y", "24" "25" "26" "27" "28" "29"),
                wide!("0"), wide!("1"), wide!("2"),
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
            $operands, $count, $finish, $added
        )
    };
}

/// Eight pixels by eight channels.
macro_rules! narrow_tile {
    ($even:ident $to:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            concat!(
                biases!("", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15"),
                inputs!("x", "16" "17" "18" "19" "20" "21" "22" "23"),
                narrow!("0"), narrow!("1"), narrow!("2"), narrow!("3"),
                inputs!("y", "16" "17" "18" "19" "20" "21" "22" "23"),
                narrow!("0"), narrow!("1"), narrow!("2"),
                "ldp q16, q17, [{multiplier}]\n",
                "dup v18.4s, {added:w}\n",
                narrow_pixels!($even $to, "0" "1" "2" "3"),
                narrow_pixels!($even $to, "4" "5" "6" "7"),
                narrow_pixels!($even $to, "8" "9" "10" "11"),
                narrow_pixels!($even $to, "12" "13" "14" "15")
            ),
            $operands, $count, $finish, $added
        )
    };
}

/// Chooses the code of a tile.
macro_rules! tile {
    ($tile:ident, $to:ident, $operands:ident, $count:ident, $finish:ident) => {
        match $finish.added_to_floats() {
            Some(added) => $tile!(even $to, $operands, $count, $finish, added),
            None => $tile!(odd $to, $operands, $count, $finish, $finish.added()),
        }
    };
    ($tile:ident, $operands:ident, $count:ident, $finish:ident) => {
        if $finish.signed {
            tile!($tile, signed, $operands, $count, $finish)
        } else {
            tile!($tile, unsigned, $operands, $count, $finish)
        }
    };
}

/// Computes `count` tiles, at least one, of six pixels by sixteen channels, or of eight by eight where not WIDE.
///
/// # Safety
/// The processor has SDOT. Inputs, weights, biases and multipliers can be read, results can be written.
// Every way of it is there once.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn tiles<const WIDE: bool>(operands: Operands, count: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        if WIDE { tile!(wide_tile, operands, count, finish) } else { tile!(narrow_tile, operands, count, finish) }
    }
}
