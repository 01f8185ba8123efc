//! Byte products whose intrinsics Rust does not have yet in its stable form, as inline assembly.
//!
//! Each is one instruction on registers, and needs a processor that has it; who calls one holds the token that proves so.
//! The assembler is told of the extension in place: what surrounds the instruction may be compiled without it.

use core::arch::aarch64::{int8x16_t, int32x4_t, uint8x16_t};
use core::arch::asm;

macro_rules! product {
    ($(#[$doc:meta])* $name:ident, $extension:literal, $instruction:literal, $bytes:ty) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The processor has the instruction.
        #[inline(always)]
        #[allow(unsafe_code)]
        pub unsafe fn $name(mut sums: int32x4_t, bytes: $bytes, weights: int8x16_t) -> int32x4_t {
            // SAFETY: it touches its registers only; that there is such an instruction the caller says.
            unsafe {
                asm!(
                    concat!(".arch_extension ", $extension),
                    $instruction,
                    s = inout(vreg) sums, b = in(vreg) bytes, w = in(vreg) weights,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            sums
        }
    };
}

macro_rules! product_by_lane {
    ($(#[$doc:meta])* $name:ident, $extension:literal, $instruction:literal, $bytes:ty) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The processor has the instruction.
        #[inline(always)]
        #[allow(unsafe_code)]
        pub unsafe fn $name<const LANE: i32>(mut sums: int32x4_t, bytes: $bytes, weights: int8x16_t) -> int32x4_t {
            // SAFETY: as above.
            unsafe {
                asm!(
                    concat!(".arch_extension ", $extension),
                    $instruction,
                    s = inout(vreg) sums, b = in(vreg) bytes, w = in(vreg) weights, lane = const LANE,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            sums
        }
    };
}

product!(
    /// Adds to sum i the products of bytes 4i to 4i + 3, signed, with the weights there.
    sdot, "dotprod", "sdot {s:v}.4s, {w:v}.16b, {b:v}.16b", int8x16_t
);
product_by_lane!(
    /// Adds to sum i the products of bytes 4 · LANE to 4 · LANE + 3, signed, with weights 4i to 4i + 3.
    sdot_lane, "dotprod", "sdot {s:v}.4s, {w:v}.16b, {b:v}.4b[{lane}]", int8x16_t
);
product!(
    /// Adds to sum i the products of bytes 4i to 4i + 3, unsigned, with the weights there.
    usdot, "i8mm", "usdot {s:v}.4s, {b:v}.16b, {w:v}.16b", uint8x16_t
);
product!(
    /// Adds to sum 2i + j the products of bytes 8i to 8i + 7, unsigned, with weights 8j to 8j + 7.
    usmmla, "i8mm", "usmmla {s:v}.4s, {b:v}.16b, {w:v}.16b", uint8x16_t
);
