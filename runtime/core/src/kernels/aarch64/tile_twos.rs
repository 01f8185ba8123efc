//! The tiles of [`product_twos`](super::product_twos): four pixels by sixteen, eight or four channels, in assembly.
//!
//! Registers: up to `v15` the sums, `v16` to `v21` the weights of six inputs, `v22` to `v27` such inputs of two pixels, two and two in
//! every lane (LD3R), and `v28` to `v31` products in 16 bits, whose instructions alternate, so that each waits for one four
//! instructions before it, which even a processor that executes in order (Cortex-A53) does without a gap. With four channels there
//! are four sums, and inputs of all four pixels from `v4` on.

use super::assembly::{bytes, magic, nearest, with_all_vectors};
use super::finish::Finish;

/// Products of four or eight channels and two inputs each, to 16 bits.
macro_rules! product {
    (lower $name:literal, $to:literal $w:literal $x:literal) => {
        concat!($name, " v", $to, ".8h, v", $w, ".8b, v", $x, ".8b\n")
    };
    (upper $name:literal, $to:literal $w:literal $x:literal) => {
        concat!($name, "2 v", $to, ".8h, v", $w, ".16b, v", $x, ".16b\n")
    };
}

/// Two inputs: of one pixel with sixteen channels, of two with eight, or of four with four.
macro_rules! two_inputs {
    (sixteen $name:literal, [$v:literal $w:literal] [$x:literal]) => {
        concat!(
            product!(lower $name, "28" $v $x), product!(upper $name, "29" $v $x),
            product!(lower $name, "30" $w $x), product!(upper $name, "31" $w $x)
        )
    };
    (eight $name:literal, [$w:literal] [$x:literal $y:literal]) => {
        concat!(
            product!(lower $name, "28" $w $x), product!(upper $name, "29" $w $x),
            product!(lower $name, "30" $w $y), product!(upper $name, "31" $w $y)
        )
    };
    (four $name:literal, [$w:literal] [$a:literal $b:literal $c:literal $d:literal]) => {
        concat!(
            product!(lower $name, "28" $w $a), product!(lower $name, "29" $w $b),
            product!(lower $name, "30" $w $c), product!(lower $name, "31" $w $d)
        )
    };
}

/// Adds products to sums.
macro_rules! add {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "sadalp v",
            $a,
            ".4s, v28.8h\n",
            "sadalp v",
            $b,
            ".4s, v29.8h\n",
            "sadalp v",
            $c,
            ".4s, v30.8h\n",
            "sadalp v",
            $d,
            ".4s, v31.8h\n"
        )
    };
}

/// Six inputs, whose products are added up in 16 bits by threes or by twos.
macro_rules! six_inputs {
    ($how:ident $width:ident, $sums:tt, [$v:tt $w:tt $u:tt] [$x:tt $y:tt $z:tt]) => {
        concat!(
            two_inputs!($width "smull", $v $x),
            two_inputs!($width "smlal", $w $y),
            six_inputs!(@$how $width, $sums, $u $z),
            six_inputs!(@add $sums)
        )
    };
    (@threes $width:ident, $sums:tt, $u:tt $z:tt) => { two_inputs!($width "smlal", $u $z) };
    (@twos $width:ident, $sums:tt, $u:tt $z:tt) => {
        concat!(six_inputs!(@add $sums), two_inputs!($width "smull", $u $z))
    };
    (@add [$($sum:literal)*]) => { add!($($sum)*) };
}

/// Six inputs of all pixels.
macro_rules! group {
    ($how:ident sixteen) => {
        concat!(
            "ld3r {{v22.8h, v23.8h, v24.8h}}, [{p0}], #6\n",
            "ld3r {{v25.8h, v26.8h, v27.8h}}, [{p1}], #6\n",
            group!(@$how ["0" "1" "2" "3"] [["22"] ["23"] ["24"]]),
            "ld3r {{v22.8h, v23.8h, v24.8h}}, [{p2}], #6\n",
            group!(@$how ["4" "5" "6" "7"] [["25"] ["26"] ["27"]]),
            "ld3r {{v25.8h, v26.8h, v27.8h}}, [{p3}], #6\n",
            group!(@$how ["8" "9" "10" "11"] [["22"] ["23"] ["24"]]),
            group!(@$how ["12" "13" "14" "15"] [["25"] ["26"] ["27"]])
        )
    };
    (@$how:ident $sums:tt $x:tt) => {
        six_inputs!($how sixteen, $sums, [["16" "17"] ["18" "19"] ["20" "21"]] $x)
    };
    ($how:ident eight) => {
        concat!(
            "ld3r {{v22.8h, v23.8h, v24.8h}}, [{p0}], #6\n",
            "ld3r {{v25.8h, v26.8h, v27.8h}}, [{p1}], #6\n",
            six_inputs!($how eight, ["0" "1" "2" "3"], [["16"] ["17"] ["18"]] [["22" "25"] ["23" "26"] ["24" "27"]]),
            "ld3r {{v22.8h, v23.8h, v24.8h}}, [{p2}], #6\n",
            "ld3r {{v25.8h, v26.8h, v27.8h}}, [{p3}], #6\n",
            six_inputs!($how eight, ["4" "5" "6" "7"], [["16"] ["17"] ["18"]] [["22" "25"] ["23" "26"] ["24" "27"]])
        )
    };
    ($how:ident four) => {
        concat!(
            "ld3r {{v4.8h, v5.8h, v6.8h}}, [{p0}], #6\n",
            "ld3r {{v7.8h, v8.8h, v9.8h}}, [{p1}], #6\n",
            "ld3r {{v10.8h, v11.8h, v12.8h}}, [{p2}], #6\n",
            "ld3r {{v13.8h, v14.8h, v15.8h}}, [{p3}], #6\n",
            six_inputs!(
                $how four, ["0" "1" "2" "3"],
                [["16"] ["17"] ["18"]] [["4" "7" "10" "13"] ["5" "8" "11" "14"] ["6" "9" "12" "15"]]
            )
        )
    };
}

/// The last four inputs of all pixels.
macro_rules! last_four {
    (sixteen) => {
        concat!(
            last_four!(@sixteen "p0", ["0" "1" "2" "3"]), last_four!(@sixteen "p1", ["4" "5" "6" "7"]),
            last_four!(@sixteen "p2", ["8" "9" "10" "11"]), last_four!(@sixteen "p3", ["12" "13" "14" "15"])
        )
    };
    (@sixteen $place:literal, [$($sum:literal)*]) => {
        concat!(
            "ld2r {{v22.8h, v23.8h}}, [{", $place, "}]\n",
            two_inputs!(sixteen "smull", ["16" "17"] ["22"]),
            two_inputs!(sixteen "smlal", ["18" "19"] ["23"]),
            add!($($sum)*)
        )
    };
    (eight) => {
        concat!(
            last_four!(@eight "p0" "p1", ["0" "1" "2" "3"]),
            last_four!(@eight "p2" "p3", ["4" "5" "6" "7"])
        )
    };
    (@eight $place:literal $other:literal, [$($sum:literal)*]) => {
        concat!(
            "ld2r {{v22.8h, v23.8h}}, [{", $place, "}]\n",
            "ld2r {{v25.8h, v26.8h}}, [{", $other, "}]\n",
            two_inputs!(eight "smull", ["16"] ["22" "25"]),
            two_inputs!(eight "smlal", ["17"] ["23" "26"]),
            add!($($sum)*)
        )
    };
    (four) => {
        concat!(
            "ld2r {{v4.8h, v5.8h}}, [{p0}]\n",
            "ld2r {{v7.8h, v8.8h}}, [{p1}]\n",
            "ld2r {{v10.8h, v11.8h}}, [{p2}]\n",
            "ld2r {{v13.8h, v14.8h}}, [{p3}]\n",
            two_inputs!(four "smull", ["16"] ["4" "7" "10" "13"]),
            two_inputs!(four "smlal", ["17"] ["5" "8" "11" "14"]),
            add!("0" "1" "2" "3")
        )
    };
}

/// The last two inputs of all pixels.
macro_rules! last_two {
    (sixteen) => {
        concat!(
            last_two!(@sixteen "p0", ["0" "1" "2" "3"]), last_two!(@sixteen "p1", ["4" "5" "6" "7"]),
            last_two!(@sixteen "p2", ["8" "9" "10" "11"]), last_two!(@sixteen "p3", ["12" "13" "14" "15"])
        )
    };
    (@sixteen $place:literal, [$($sum:literal)*]) => {
        concat!(
            "ld1r {{v22.8h}}, [{", $place, "}]\n",
            two_inputs!(sixteen "smull", ["16" "17"] ["22"]),
            add!($($sum)*)
        )
    };
    (eight) => {
        concat!(last_two!(@eight "p0" "p1", ["0" "1" "2" "3"]), last_two!(@eight "p2" "p3", ["4" "5" "6" "7"]))
    };
    (@eight $place:literal $other:literal, [$($sum:literal)*]) => {
        concat!(
            "ld1r {{v22.8h}}, [{", $place, "}]\n",
            "ld1r {{v25.8h}}, [{", $other, "}]\n",
            two_inputs!(eight "smull", ["16"] ["22" "25"]),
            add!($($sum)*)
        )
    };
    (four) => {
        concat!(
            "ld1r {{v4.8h}}, [{p0}]\n",
            "ld1r {{v7.8h}}, [{p1}]\n",
            "ld1r {{v10.8h}}, [{p2}]\n",
            "ld1r {{v13.8h}}, [{p3}]\n",
            two_inputs!(four "smull", ["16"] ["4" "7" "10" "13"]),
            add!("0" "1" "2" "3")
        )
    };
}

/// Weights of `$inputs` inputs, behind which `w` moves on.
macro_rules! weights {
    (sixteen six) => {
        "ld1 {{v16.16b, v17.16b, v18.16b, v19.16b}}, [{w}], #64\nldp q20, q21, [{w}], #32\n"
    };
    (sixteen four) => {
        "ld1 {{v16.16b, v17.16b, v18.16b, v19.16b}}, [{w}]\n"
    };
    (sixteen two) => {
        "ldp q16, q17, [{w}]\n"
    };
    (eight six) => {
        "ld1 {{v16.16b, v17.16b, v18.16b}}, [{w}], #48\n"
    };
    (eight four) => {
        "ldp q16, q17, [{w}]\n"
    };
    (eight two) => {
        "ldr q16, [{w}]\n"
    };
    (four six) => {
        "ld1 {{v16.8b, v17.8b, v18.8b}}, [{w}], #24\n"
    };
    (four four) => {
        "ldp d16, d17, [{w}]\n"
    };
    (four two) => {
        "ldr d16, [{w}]\n"
    };
}

/// The first sums of all pixels.
macro_rules! biases {
    (sixteen) => {
        concat!(
            biases!(@"", "0" "1" "4" "5" "8" "9" "12" "13"),
            biases!(@", #32", "2" "3" "6" "7" "10" "11" "14" "15")
        )
    };
    (eight) => { biases!(@"", "0" "1" "2" "3" "4" "5" "6" "7") };
    (four) => { "ldr q0, [{bias}]\nldr q1, [{bias}]\nldr q2, [{bias}]\nldr q3, [{bias}]\n" };
    (@$at:literal, $($a:literal $b:literal)*) => {
        concat!($("ldp q", $a, ", q", $b, ", [{bias}", $at, "]\n"),*)
    };
}

/// Sums of the first vector in each, rounded and written, or written as they are.
macro_rules! results {
    (sums sixteen) => {
        concat!(
            "st1 {{v0.4s, v1.4s, v2.4s, v3.4s}}, [{to}], {to_step}\n",
            "st1 {{v4.4s, v5.4s, v6.4s, v7.4s}}, [{to}], {to_step}\n",
            "st1 {{v8.4s, v9.4s, v10.4s, v11.4s}}, [{to}], {to_step}\n",
            "st1 {{v12.4s, v13.4s, v14.4s, v15.4s}}, [{to}], {to_step}\n"
        )
    };
    (sums eight) => {
        concat!(
            "st1 {{v0.4s, v1.4s}}, [{to}], {to_step}\nst1 {{v2.4s, v3.4s}}, [{to}], {to_step}\n",
            "st1 {{v4.4s, v5.4s}}, [{to}], {to_step}\nst1 {{v6.4s, v7.4s}}, [{to}], {to_step}\n"
        )
    };
    (sums four) => {
        concat!(
            "st1 {{v0.4s}}, [{to}], {to_step}\nst1 {{v1.4s}}, [{to}], {to_step}\n",
            "st1 {{v2.4s}}, [{to}], {to_step}\nst1 {{v3.4s}}, [{to}], {to_step}\n"
        )
    };
    ($even:ident $to:ident sixteen) => {
        concat!(
            "ldp q16, q17, [{multiplier}]\nldp q18, q19, [{multiplier}, #32]\ndup v20.4s, {added:w}\n",
            results!(@$even $to "0" "1" "2" "3", "16" "17" "18" "19"), "st1 {{v0.16b}}, [{to}], {to_step}\n",
            results!(@$even $to "4" "5" "6" "7", "16" "17" "18" "19"), "st1 {{v4.16b}}, [{to}], {to_step}\n",
            results!(@$even $to "8" "9" "10" "11", "16" "17" "18" "19"), "st1 {{v8.16b}}, [{to}], {to_step}\n",
            results!(@$even $to "12" "13" "14" "15", "16" "17" "18" "19"), "st1 {{v12.16b}}, [{to}], {to_step}\n"
        )
    };
    ($even:ident $to:ident eight) => {
        concat!(
            "ldp q16, q17, [{multiplier}]\ndup v20.4s, {added:w}\n",
            results!(@$even $to "0" "1" "2" "3", "16" "17" "16" "17"),
            "st1 {{v0.d}}[0], [{to}], {to_step}\nst1 {{v0.d}}[1], [{to}], {to_step}\n",
            results!(@$even $to "4" "5" "6" "7", "16" "17" "16" "17"),
            "st1 {{v4.d}}[0], [{to}], {to_step}\nst1 {{v4.d}}[1], [{to}], {to_step}\n"
        )
    };
    ($even:ident $to:ident four) => {
        concat!(
            "ldr q16, [{multiplier}]\ndup v20.4s, {added:w}\n",
            results!(@$even $to "0" "1" "2" "3", "16" "16" "16" "16"),
            "st1 {{v0.s}}[0], [{to}], {to_step}\nst1 {{v0.s}}[1], [{to}], {to_step}\n",
            "st1 {{v0.s}}[2], [{to}], {to_step}\nst1 {{v0.s}}[3], [{to}], {to_step}\n"
        )
    };
    (@$even:ident $to:ident $a:literal $b:literal $c:literal $d:literal, $($by:literal)*) => {
        bytes!($even $to, "20", $a $b $c $d, $($by)*)
    };
}

/// What a tile multiplies.
#[derive(Clone, Copy)]
pub struct Operands {
    /// The inputs of the first pixel, flipped.
    pub x: *const u8,
    /// Bytes from one pixel to the next.
    pub step: usize,
    /// `[two inputs][channel][input]`.
    pub weights: *const u8,
    /// A bit for every group of six inputs, in words of 64: whether their products may be added up by threes.
    pub notes: *const u64,
    /// Groups of six inputs.
    pub groups: usize,
    /// Inputs behind them: none, two or four.
    pub rest: usize,
    pub bias: *const i32,
}

macro_rules! tiles {
    ([$($how:ident)*] $width:ident, $operands:ident, $count:ident, ($($more:tt)*)) => {{
        let Operands { x, step, weights, notes, groups, rest, bias } = $operands;
        // As many groups as the first word of notes has bits.
        let (stretch, bits) = (groups.min(64), if groups > 0 { notes.read_unaligned() } else { 0 });
        with_all_vectors!(
            "2:",
            biases!($width),
            "mov {w}, {weights}",
            "mov {notes}, {later_notes}",
            "mov {p0}, {x}",
            "add {p1}, {p0}, {step}",
            "add {p2}, {p1}, {step}",
            "add {p3}, {p2}, {step}",
            "mov {bits}, {first_bits}",
            "mov {stretch}, {first_stretch}",
            "mov {left}, {later}",
            "cbz {stretch}, 6f",
            "4:",
            weights!($width six),
            "tbz {bits}, #0, 5f",
            group!(threes $width),
            "lsr {bits}, {bits}, #1",
            "subs {stretch}, {stretch}, #1",
            "b.ne 4b",
            "cbnz {left}, 3f",
            "b 6f",
            "3:",
            // The next word of notes.
            "ldr {bits}, [{notes}], #8",
            "mov {stretch}, #64",
            "cmp {left}, #64",
            "csel {stretch}, {left}, {stretch}, lo",
            "sub {left}, {left}, {stretch}",
            "b 4b",
            "5:",
            group!(twos $width),
            "lsr {bits}, {bits}, #1",
            "subs {stretch}, {stretch}, #1",
            "b.ne 4b",
            "cbnz {left}, 3b",
            "6:",
            "cbz {rest}, 8f",
            "tbz {rest}, #1, 7f",
            weights!($width two),
            last_two!($width),
            "b 8f",
            "7:",
            weights!($width four),
            last_four!($width),
            "8:",
            results!($($how)* $width),
            "add {x}, {x}, {step}, lsl #2",
            "subs {count}, {count}, #1",
            "b.ne 2b",
            x = inout(reg) x => _, step = in(reg) step, count = inout(reg) $count => _,
            p0 = out(reg) _, p1 = out(reg) _, p2 = out(reg) _, p3 = out(reg) _,
            weights = in(reg) weights, w = out(reg) _, first_bits = in(reg) bits, bits = out(reg) _,
            later_notes = in(reg) notes.wrapping_add(1), notes = out(reg) _,
            first_stretch = in(reg) stretch, later = in(reg) groups - stretch, left = out(reg) _, stretch = out(reg) _,
            rest = in(reg) rest, bias = in(reg) bias,
            $($more)*,
        )
    }};
}

/// Tiles whose sums are rounded.
macro_rules! rounded {
    ($width:ident, $operands:ident, $count:ident, $finish:ident) => {
        if $finish.signed {
            rounded!(signed $width, $operands, $count, $finish)
        } else {
            rounded!(unsigned $width, $operands, $count, $finish)
        }
    };
    ($to:ident $width:ident, $operands:ident, $count:ident, $finish:ident) => {
        match $finish.added_to_floats() {
            Some(added) => rounded!([even $to] $width, $operands, $count, $finish, added),
            None => rounded!([odd $to] $width, $operands, $count, $finish, $finish.added()),
        }
    };
    ($how:tt $width:ident, $operands:ident, $count:ident, $finish:ident, $added:expr) => {
        tiles!(
            $how $width, $operands, $count,
            (
                multiplier = in(reg) $finish.multiplier, added = in(reg) $added,
                to = inout(reg) $finish.to => _, to_step = in(reg) $finish.step
            )
        )
    };
}

/// Computes `count` tiles, at least one, of as many CHANNELS, 16, 8 or 4.
///
/// # Safety
/// Inputs, an even number of them, weights, notes, biases and multipliers can be read, results can be written; sums of two products
/// fit 16 bits, and those of three where the notes say so.
// Every way of it is there once.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn tiles<const CHANNELS: usize>(operands: Operands, count: usize, finish: Finish) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        match CHANNELS {
            16 => rounded!(sixteen, operands, count, finish),
            8 => rounded!(eight, operands, count, finish),
            _ => rounded!(four, operands, count, finish),
        }
    }
}

/// Computes the sums of `count` tiles, at least one, and writes them, pixels `step` bytes apart.
///
/// # Safety
/// As for [`tiles`].
// Every way of it is there once.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn sums<const CHANNELS: usize>(operands: Operands, count: usize, to: *mut i32, step: usize) {
    // SAFETY: it reads and writes what the caller says, and writes its operands only.
    unsafe {
        match CHANNELS {
            16 => tiles!([sums] sixteen, operands, count, (to = inout(reg) to => _, to_step = in(reg) step)),
            8 => tiles!([sums] eight, operands, count, (to = inout(reg) to => _, to_step = in(reg) step)),
            _ => tiles!([sums] four, operands, count, (to = inout(reg) to => _, to_step = in(reg) step)),
        }
    }
}
