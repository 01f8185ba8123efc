//! Pieces of assembly that tiles share: how they begin, and how sums become bytes.

/// Assembly that may use all registers of vectors, and no stack.
macro_rules! with_all_vectors {
    ($($code_and_operands:tt)*) => {
        core::arch::asm!(
            $($code_and_operands)*
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack)
        )
    };
}

/// Copies of registers.
macro_rules! copy {
    ($($to:literal $from:literal)*) => {
        concat!($("mov v", $to, ".16b, v", $from, ".16b\n"),*)
    };
}

/// Scaled sums to whole numbers in the lower halves, the zero point yet to be added.
macro_rules! nearest {
    ($($sum:literal)*) => {
        concat!($("fcvtns v", $sum, ".4s, v", $sum, ".4s\n"),*)
    };
}

/// The same by adding 1.5 · 2²³ and the zero point, which is even, so that ties go where they would without it.
macro_rules! magic {
    ($added:literal, $($sum:literal)*) => {
        concat!($("fadd v", $sum, ".4s, v", $sum, ".4s, v", $added, ".4s\n"),*)
    };
}

/// Four vectors of sums, times four of multipliers, to the 16 bytes of the first, `signed` or `unsigned`. EVEN: the zero point is.
macro_rules! bytes {
    ($even:ident, $added:literal, $($registers:literal)* , $($by:literal)*) => {
        bytes!($even unsigned, $added, $($registers)*, $($by)*)
    };
    ($even:ident $signed:ident, $added:literal, $a:literal $b:literal $c:literal $d:literal, $($by:literal)*) => {
        concat!(
            bytes!(@scale $a $b $c $d, $($by)*),
            bytes!(@ $even, $added, $a $b $c $d),
            bytes!(@ $signed $a $c)
        )
    };
    (@ unsigned $a:literal $c:literal) => {
        concat!("sqxtun v", $a, ".8b, v", $a, ".8h\n", "sqxtun2 v", $a, ".16b, v", $c, ".8h\n")
    };
    (@ signed $a:literal $c:literal) => {
        concat!("sqxtn v", $a, ".8b, v", $a, ".8h\n", "sqxtn2 v", $a, ".16b, v", $c, ".8h\n")
    };
    (@scale $a:literal $b:literal $c:literal $d:literal, $by_a:literal $by_b:literal $by_c:literal $by_d:literal) => {
        concat!(
            "scvtf v", $a, ".4s, v", $a, ".4s\n",
            "scvtf v", $b, ".4s, v", $b, ".4s\n",
            "scvtf v", $c, ".4s, v", $c, ".4s\n",
            "scvtf v", $d, ".4s, v", $d, ".4s\n",
            "fmul v", $a, ".4s, v", $a, ".4s, v", $by_a, ".4s\n",
            "fmul v", $b, ".4s, v", $b, ".4s, v", $by_b, ".4s\n",
            "fmul v", $c, ".4s, v", $c, ".4s, v", $by_c, ".4s\n",
            "fmul v", $d, ".4s, v", $d, ".4s, v", $by_d, ".4s\n"
        )
    };
    (@ even, $added:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            magic!($added, $a $b $c $d),
            "uzp1 v", $a, ".8h, v", $a, ".8h, v", $b, ".8h\n",
            "uzp1 v", $c, ".8h, v", $c, ".8h, v", $d, ".8h\n"
        )
    };
    (@ odd, $added:literal, $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            nearest!($a $b $c $d),
            "uzp1 v", $a, ".8h, v", $a, ".8h, v", $b, ".8h\n",
            "uzp1 v", $c, ".8h, v", $c, ".8h, v", $d, ".8h\n",
            "add v", $a, ".8h, v", $a, ".8h, v", $added, ".8h\n",
            "add v", $c, ".8h, v", $c, ".8h, v", $added, ".8h\n"
        )
    };
}

pub(super) use {bytes, copy, magic, nearest, with_all_vectors};
