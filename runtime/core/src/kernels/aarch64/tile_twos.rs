//! The tiles of [`product_twos`](super::product_twos): four pixels by sixteen, eight or four channels, in assembly.
//!
//! Registers: up to `v15` the sums, from `v16` on the weights of up to eight inputs, up to `v27` such inputs of one or two pixels, two and
//! two in every lane (LD3R and the like), and `v28` to `v31` products in 16 bits, whose instructions alternate, so that each waits for one
//! four instructions before it, which even a processor that executes in order (Cortex-A53) does without a gap. With four channels there
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

/// The products of some times two inputs, added up in 16 bits, and then to the sums.
macro_rules! chain {
    ($width:ident $sums:tt, [$w:tt $x:tt] $([$v:tt $y:tt])*) => {
        concat!(
            two_inputs!($width "smull", $w $x), $(two_inputs!($width "smlal", $v $y),)*
            chain!(@add $sums)
        )
    };
    (@add [$($sum:literal)*]) => { add!($($sum)*) };
}

/// The same in one chain, or by twos.
macro_rules! chains {
    (once $width:ident $sums:tt, $($products:tt)*) => { chain!($width $sums, $($products)*) };
    (twice $width:ident $sums:tt, $a:tt $b:tt $c:tt $d:tt) => {
        concat!(chain!($width $sums, $a $b), chain!($width $sums, $c $d))
    };
}

/// Some times two inputs of a pixel, brought to all lanes.
macro_rules! load {
    ($p:literal, $a:literal) => {
        concat!("ld1r {{v", $a, ".8h}}, [{", $p, "}], #2\n")
    };
    ($p:literal, $a:literal $b:literal) => {
        concat!("ld2r {{v", $a, ".8h, v", $b, ".8h}}, [{", $p, "}], #4\n")
    };
    ($p:literal, $a:literal $b:literal $c:literal) => {
        concat!("ld3r {{v", $a, ".8h, v", $b, ".8h, v", $c, ".8h}}, [{", $p, "}], #6\n")
    };
    ($p:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!("ld4r {{v", $a, ".8h, v", $b, ".8h, v", $c, ".8h, v", $d, ".8h}}, [{", $p, "}], #8\n")
    };
}

/// Some times two inputs of all pixels. With sixteen channels one pixel's are loaded while those of another are multiplied.
macro_rules! link {
    ($how:ident sixteen, [$($w:tt)*] [$($x:literal)*] [$($y:literal)*]) => {
        concat!(
            load!("p0", $($x)*),
            load!("p1", $($y)*),
            chains!($how sixteen ["0" "1" "2" "3"], $([$w [$x]])*),
            load!("p2", $($x)*),
            chains!($how sixteen ["4" "5" "6" "7"], $([$w [$y]])*),
            load!("p3", $($y)*),
            chains!($how sixteen ["8" "9" "10" "11"], $([$w [$x]])*),
            chains!($how sixteen ["12" "13" "14" "15"], $([$w [$y]])*)
        )
    };
    ($how:ident sixteen, [$($w:tt)*] [$($x:literal)*]) => {
        concat!(
            load!("p0", $($x)*), chains!($how sixteen ["0" "1" "2" "3"], $([$w [$x]])*),
            load!("p1", $($x)*), chains!($how sixteen ["4" "5" "6" "7"], $([$w [$x]])*),
            load!("p2", $($x)*), chains!($how sixteen ["8" "9" "10" "11"], $([$w [$x]])*),
            load!("p3", $($x)*), chains!($how sixteen ["12" "13" "14" "15"], $([$w [$x]])*)
        )
    };
    ($how:ident eight, [$($w:literal)*] [$($x:literal)*] [$($y:literal)*]) => {
        concat!(
            load!("p0", $($x)*), load!("p1", $($y)*),
            chains!($how eight ["0" "1" "2" "3"], $([[$w] [$x $y]])*),
            load!("p2", $($x)*), load!("p3", $($y)*),
            chains!($how eight ["4" "5" "6" "7"], $([[$w] [$x $y]])*)
        )
    };
    ($how:ident four, [$($w:literal)*] [$($a:literal)*] [$($b:literal)*] [$($c:literal)*] [$($d:literal)*]) => {
        concat!(
            load!("p0", $($a)*), load!("p1", $($b)*), load!("p2", $($c)*), load!("p3", $($d)*),
            chains!($how four ["0" "1" "2" "3"], $([[$w] [$a $b $c $d]])*)
        )
    };
}

/// The inputs of a [link](crate::kernels::vector): how many times two, and in how many chains.
macro_rules! inputs {
    (one sixteen) => { link!(once sixteen, [["16" "17"]] ["22"] ["25"]) };
    (two sixteen) => { link!(once sixteen, [["16" "17"] ["18" "19"]] ["22" "23"] ["25" "26"]) };
    (three sixteen) => {
        link!(once sixteen, [["16" "17"] ["18" "19"] ["20" "21"]] ["22" "23" "24"] ["25" "26" "27"])
    };
    (four sixteen) => { inputs!(@once sixteen) };
    (twice_two sixteen) => { inputs!(@twice sixteen) };
    (@$how:ident sixteen) => {
        link!($how sixteen, [["16" "17"] ["18" "19"] ["20" "21"] ["22" "23"]] ["24" "25" "26" "27"])
    };
    (one eight) => { link!(once eight, ["16"] ["20"] ["24"]) };
    (two eight) => { link!(once eight, ["16" "17"] ["20" "21"] ["24" "25"]) };
    (three eight) => { link!(once eight, ["16" "17" "18"] ["20" "21" "22"] ["24" "25" "26"]) };
    (four eight) => { inputs!(@once eight) };
    (twice_two eight) => { inputs!(@twice eight) };
    (@$how:ident eight) => {
        link!($how eight, ["16" "17" "18" "19"] ["20" "21" "22" "23"] ["24" "25" "26" "27"])
    };
    (one four) => { link!(once four, ["16"] ["4"] ["8"] ["12"] ["20"]) };
    (two four) => { link!(once four, ["16" "17"] ["4" "5"] ["8" "9"] ["12" "13"] ["20" "21"]) };
    (three four) => {
        link!(once four, ["16" "17" "18"] ["4" "5" "6"] ["8" "9" "10"] ["12" "13" "14"] ["20" "21" "22"])
    };
    (four four) => { inputs!(@once four) };
    (twice_two four) => { inputs!(@twice four) };
    (@$how:ident four) => {
        link!(
            $how four,
            ["16" "17" "18" "19"] ["4" "5" "6" "7"] ["8" "9" "10" "11"] ["12" "13" "14" "15"] ["20" "21" "22" "23"]
        )
    };
}

/// Weights of some times two inputs, behind which `w` moves on.
macro_rules! weights {
    (sixteen one) => {
        "ldp q16, q17, [{w}], #32\n"
    };
    (sixteen two) => {
        "ld1 {{v16.16b, v17.16b, v18.16b, v19.16b}}, [{w}], #64\n"
    };
    (sixteen three) => {
        concat!(weights!(sixteen two), "ldp q20, q21, [{w}], #32\n")
    };
    (sixteen four) => {
        concat!(weights!(sixteen two), "ld1 {{v20.16b, v21.16b, v22.16b, v23.16b}}, [{w}], #64\n")
    };
    (eight one) => {
        "ldr q16, [{w}], #16\n"
    };
    (eight two) => {
        "ldp q16, q17, [{w}], #32\n"
    };
    (eight three) => {
        "ld1 {{v16.16b, v17.16b, v18.16b}}, [{w}], #48\n"
    };
    (eight four) => {
        "ld1 {{v16.16b, v17.16b, v18.16b, v19.16b}}, [{w}], #64\n"
    };
    (four one) => {
        "ldr d16, [{w}], #8\n"
    };
    (four two) => {
        "ldp d16, d17, [{w}], #16\n"
    };
    (four three) => {
        "ld1 {{v16.8b, v17.8b, v18.8b}}, [{w}], #24\n"
    };
    (four four) => {
        "ld1 {{v16.8b, v17.8b, v18.8b, v19.8b}}, [{w}], #32\n"
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
    /// How the inputs are divided, and their products added up: codes of [links](crate::kernels::vector), in words of 64 bits.
    pub notes: *const u64,
    pub bias: *const i32,
}

macro_rules! tiles {
    ([$($how:ident)*] $width:ident, $operands:ident, $count:ident, ($($more:tt)*)) => {{
        let Operands { x, step, weights, notes, bias } = $operands;
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
            // Which link is next. The first two look for each other themselves.
            "3:",
            "tbnz {bits}, #0, 5f",
            "tbnz {bits}, #1, 6f",
            "4:",
            "cbz {bits}, 9f",
            "tbnz {bits}, #2, 7f",
            "tbnz {bits}, #3, 8f",
            "tbnz {bits}, #4, 22f",
            weights!($width one),
            inputs!(one $width),
            "lsr {bits}, {bits}, #6",
            "b 3b",
            "5:",
            weights!($width four),
            inputs!(four $width),
            "lsr {bits}, {bits}, #1",
            "tbnz {bits}, #0, 5b",
            "tbz {bits}, #1, 4b",
            "6:",
            weights!($width three),
            inputs!(three $width),
            "lsr {bits}, {bits}, #2",
            "tbnz {bits}, #0, 5b",
            "tbnz {bits}, #1, 6b",
            "b 4b",
            "7:",
            weights!($width four),
            inputs!(twice_two $width),
            "lsr {bits}, {bits}, #3",
            "b 3b",
            "8:",
            weights!($width two),
            inputs!(two $width),
            "lsr {bits}, {bits}, #4",
            "b 3b",
            "22:",
            "ldr {bits}, [{notes}], #8",
            "b 3b",
            "9:",
            results!($($how)* $width),
            "add {x}, {x}, {step}, lsl #2",
            "subs {count}, {count}, #1",
            "b.ne 2b",
            x = inout(reg) x => _, step = in(reg) step, count = inout(reg) $count => _,
            p0 = out(reg) _, p1 = out(reg) _, p2 = out(reg) _, p3 = out(reg) _,
            weights = in(reg) weights, w = out(reg) _, first_bits = in(reg) notes.read_unaligned(), bits = out(reg) _,
            later_notes = in(reg) notes.wrapping_add(1), notes = out(reg) _, bias = in(reg) bias,
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
/// Notes are whole: all that they say can be read, of inputs and weights, as can biases and multipliers, and results can be written;
/// sums of two products fit 16 bits, and longer ones where the notes say so.
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
