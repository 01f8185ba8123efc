//! The tiles of [`product_few`](super::product_few): four pixels by sixteen or eight channels, in assembly.
//!
//! Registers: `v0` to `v15` the sums, `v16` to `v18` the weights of three inputs, `v19` to `v21` those inputs of a pixel, each in
//! every lane (LD3R), `v22` and `v23` products, and from `v24` to `v28` the same for the next pixel, so that neither waits for
//! the other.

use super::assembly::{bytes, copy, magic, nearest};
use super::finish::Finish;
use core::arch::asm;

/// Products of three inputs of a pixel: in 16 bits and then added to the sums, by threes, or by two and one.
macro_rules! products {
    ($how:ident, $width:ident, $x:literal $y:literal $z:literal, $t:literal $u:literal, $($sum:literal)*) => {
        concat!(
            products!(@$width, "smull", "16", $x, $t $u),
            products!(@$width, "smlal", "17", $y, $t $u),
            products!(@$how, $width, $z, $t $u, $($sum)*),
            products!(@add, $width, $t $u, $($sum)*)
        )
    };
    (@three, $width:ident, $z:literal, $t:literal $u:literal, $($sum:literal)*) => {
        products!(@$width, "smlal", "18", $z, $t $u)
    };
    (@two, $width:ident, $z:literal, $t:literal $u:literal, $($sum:literal)*) => {
        concat!(products!(@add, $width, $t $u, $($sum)*), products!(@$width, "smull", "18", $z, $t $u))
    };
    (@whole, $name:literal, $w:literal, $x:literal, $t:literal $u:literal) => {
        concat!(
            $name, " v", $t, ".8h, v", $w, ".8b, v", $x, ".8b\n",
            $name, "2 v", $u, ".8h, v", $w, ".16b, v", $x, ".16b\n"
        )
    };
    (@half, $name:literal, $w:literal, $x:literal, $t:literal $u:literal) => {
        concat!($name, " v", $t, ".8h, v", $w, ".8b, v", $x, ".8b\n")
    };
    (@add, whole, $t:literal $u:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(products!(@add, half, $t $u, $a $b), products!(@add, half, $u $u, $c $d))
    };
    (@add, half, $t:literal $u:literal, $a:literal $b:literal) => {
        concat!(
            "saddw v", $a, ".4s, v", $a, ".4s, v", $t, ".4h\n",
            "saddw2 v", $b, ".4s, v", $b, ".4s, v", $t, ".8h\n"
        )
    };
}

/// Three inputs of all pixels.
macro_rules! three {
    ($how:ident, $width:ident, [$($a:literal)*] [$($b:literal)*] [$($c:literal)*] [$($d:literal)*]) => {
        concat!(
            "ld3r {{v19.16b, v20.16b, v21.16b}}, [{p0}], #3\n",
            "ld3r {{v24.16b, v25.16b, v26.16b}}, [{p1}], #3\n",
            products!($how, $width, "19" "20" "21", "22" "23", $($a)*),
            "ld3r {{v19.16b, v20.16b, v21.16b}}, [{p2}], #3\n",
            products!($how, $width, "24" "25" "26", "27" "28", $($b)*),
            "ld3r {{v24.16b, v25.16b, v26.16b}}, [{p3}], #3\n",
            products!($how, $width, "19" "20" "21", "22" "23", $($c)*),
            products!($how, $width, "24" "25" "26", "27" "28", $($d)*)
        )
    };
}

/// Two inputs of all pixels, whose weights are in `v16` and `v17`.
macro_rules! two {
    ($width:ident, [$($a:literal)*] [$($b:literal)*] [$($c:literal)*] [$($d:literal)*]) => {
        concat!(
            two!(@$width, "p0", "19" "20", "22" "23", $($a)*),
            two!(@$width, "p1", "24" "25", "27" "28", $($b)*),
            two!(@$width, "p2", "19" "20", "22" "23", $($c)*),
            two!(@$width, "p3", "24" "25", "27" "28", $($d)*)
        )
    };
    (@$width:ident, $place:literal, $x:literal $y:literal, $t:literal $u:literal, $($sum:literal)*) => {
        concat!(
            "ld2r {{v", $x, ".16b, v", $y, ".16b}}, [{", $place, "}], #2\n",
            products!(@$width, "smull", "16", $x, $t $u),
            products!(@$width, "smlal", "17", $y, $t $u),
            products!(@add, $width, $t $u, $($sum)*)
        )
    };
}

/// One input of all pixels, whose weights are in `v16`.
macro_rules! one {
    ($width:ident, [$($a:literal)*] [$($b:literal)*] [$($c:literal)*] [$($d:literal)*]) => {
        concat!(
            one!(@$width, "p0", "19", "22" "23", $($a)*),
            one!(@$width, "p1", "24", "27" "28", $($b)*),
            one!(@$width, "p2", "19", "22" "23", $($c)*),
            one!(@$width, "p3", "24", "27" "28", $($d)*)
        )
    };
    (@$width:ident, $place:literal, $x:literal, $t:literal $u:literal, $($sum:literal)*) => {
        concat!(
            "ld1r {{v", $x, ".16b}}, [{", $place, "}], #1\n",
            products!(@$width, "smull", "16", $x, $t $u),
            products!(@add, $width, $t $u, $($sum)*)
        )
    };
}

/// Sixteen channels of a pixel.
macro_rules! whole_pixel {
    ($even:ident, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            bytes!($even, "20", $a $b $c $d, "16" "17" "18" "19"),
            "st1 {{v", $a, ".16b}}, [{to}], {to_step}\n"
        )
    };
}

/// Eight channels of two pixels.
macro_rules! half_pixels {
    ($even:ident, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            bytes!($even, "20", $a $b $c $d, "16" "17" "16" "17"),
            "st1 {{v", $a, ".d}}[0], [{to}], {to_step}\n",
            "st1 {{v", $a, ".d}}[1], [{to}], {to_step}\n"
        )
    };
}

/// What a tile multiplies.
#[derive(Clone, Copy)]
pub struct Operands<'t> {
    /// Where each run of inputs of the first pixel begins; they are flipped.
    pub starts: &'t [*const u8],
    /// Bytes from there to the first pixel that is wanted.
    pub offset: usize,
    /// Inputs of a run.
    pub len: usize,
    /// Bytes from one pixel to the next.
    pub step: usize,
    /// `[input][channel]`.
    pub weights: *const u8,
    /// Bit i: whether the products of the i-th three inputs may be added up in 16 bits. Where there is none, they are added up by
    /// twos.
    pub chains: u64,
    pub bias: *const i32,
}

macro_rules! tiles {
    (
        $begin:expr, $load:literal, $load_two:literal, $load_one:literal, $width:ident $sums:tt, $results:expr,
        $operands:ident, $count:ident, $finish:ident, $added:expr
    ) => {{
        let Operands { starts, offset, len, step, weights, chains, bias } = $operands;
        let threes = if chains == 0 { 0 } else { len / 3 };
        asm!(
            "2:",
            $begin,
            "mov {start}, {starts}",
            "mov {w}, {weights}",
            "mov {chains}, {all_chains}",
            "mov {runs}, {all_runs}",
            "3:",
            "ldr {p0}, [{start}], #8",
            "mov {left}, {threes}",
            "add {p0}, {p0}, {offset}",
            "add {p1}, {p0}, {step}",
            "add {p2}, {p1}, {step}",
            "add {p3}, {p2}, {step}",
            "cbz {left}, 6f",
            "4:",
            $load,
            "tbz {chains}, #0, 5f",
            tiles!(@three three, $width $sums),
            "lsr {chains}, {chains}, #1",
            "subs {left}, {left}, #1",
            "b.ne 4b",
            "b 6f",
            "5:",
            tiles!(@three two, $width $sums),
            "lsr {chains}, {chains}, #1",
            "subs {left}, {left}, #1",
            "b.ne 4b",
            "6:",
            "mov {left}, {twos}",
            "cbz {left}, 8f",
            "7:",
            $load_two,
            tiles!(@two $width $sums),
            "subs {left}, {left}, #1",
            "b.ne 7b",
            "8:",
            "cbz {ones}, 9f",
            $load_one,
            tiles!(@one $width $sums),
            "9:",
            "subs {runs}, {runs}, #1",
            "b.ne 3b",
            "dup v20.4s, {added:w}",
            $results,
            "add {offset}, {offset}, {step}, lsl #2",
            "subs {count}, {count}, #1",
            "b.ne 2b",
            starts = in(reg) starts.as_ptr(), start = out(reg) _, all_runs = in(reg) starts.len(), runs = out(reg) _,
            threes = in(reg) threes, twos = in(reg) (len - 3 * threes) / 2, ones = in(reg) (len - 3 * threes) % 2, left = out(reg) _,
            offset = inout(reg) offset => _, step = in(reg) step, count = inout(reg) $count => _,
            p0 = out(reg) _, p1 = out(reg) _, p2 = out(reg) _, p3 = out(reg) _,
            weights = in(reg) weights, w = out(reg) _, all_chains = in(reg) chains, chains = out(reg) _,
            bias = in(reg) bias, multiplier = in(reg) $finish.multiplier, added = in(reg) $added,
            to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _,
            options(nostack)
        )
    }};
    (@three $how:ident, $width:ident [$($sums:tt)*]) => { three!($how, $width, $($sums)*) };
    (@two $width:ident [$($sums:tt)*]) => { two!($width, $($sums)*) };
    (@one $width:ident [$($sums:tt)*]) => { one!($width, $($sums)*) };
}

macro_rules! whole_tiles {
    ($even:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            concat!(
                "ldp q0, q1, [{bias}]\n",
                "ldp q2, q3, [{bias}, #32]\n",
                copy!("4" "0" "5" "1" "6" "2" "7" "3" "8" "0" "9" "1" "10" "2" "11" "3" "12" "0" "13" "1" "14" "2" "15" "3")
            ),
            "ld1 {{v16.16b, v17.16b, v18.16b}}, [{w}], #48",
            "ldp q16, q17, [{w}], #32",
            "ldr q16, [{w}], #16",
            whole [["0" "1" "2" "3"] ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"]],
            concat!(
                "ldp q16, q17, [{multiplier}]\n",
                "ldp q18, q19, [{multiplier}, #32]\n",
                whole_pixel!($even, "0" "1" "2" "3"),
                whole_pixel!($even, "4" "5" "6" "7"),
                whole_pixel!($even, "8" "9" "10" "11"),
                whole_pixel!($even, "12" "13" "14" "15")
            ),
            $operands, $count, $finish, $added
        )
    };
}

macro_rules! half_tiles {
    ($even:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            concat!("ldp q0, q1, [{bias}]\n", copy!("2" "0" "3" "1" "4" "0" "5" "1" "6" "0" "7" "1")),
            "ld1 {{v16.8b, v17.8b, v18.8b}}, [{w}], #24",
            "ldp d16, d17, [{w}], #16",
            "ldr d16, [{w}], #8",
            half [["0" "1"] ["2" "3"] ["4" "5"] ["6" "7"]],
            concat!(
                "ldp q16, q17, [{multiplier}]\n",
                half_pixels!($even, "0" "1" "2" "3"),
                half_pixels!($even, "4" "5" "6" "7")
            ),
            $operands, $count, $finish, $added
        )
    };
}

/// Computes `count` tiles, at least one, of sixteen channels, or of eight where not WHOLE.
///
/// # Safety
/// There is a run at least. Inputs, weights, biases and multipliers can be read, results can be written; sums of two products
/// fit 16 bits, and those of three where `chains` says so.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tiles<const WHOLE: bool>(operands: Operands<'_>, count: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        match (WHOLE, finish.added_to_floats()) {
            (true, Some(added)) => whole_tiles!(even, operands, count, finish, added),
            (true, None) => whole_tiles!(odd, operands, count, finish, finish.added()),
            (false, Some(added)) => half_tiles!(even, operands, count, finish, added),
            (false, None) => half_tiles!(odd, operands, count, finish, finish.added()),
        }
    }
}
