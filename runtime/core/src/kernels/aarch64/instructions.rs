//! Byte products as inline assembly: those whose intrinsics Rust does not have yet in its stable form, and those that a compiler
//! would make two instructions of.
//!
//! Each is one instruction on registers. Dot and matrix products need a processor that has them; who calls one holds the token
//! that proves so. The assembler is told of the extension in place: what surrounds the instruction may be compiled without it.

use core::arch::aarch64::{int8x16_t, int16x8_t, int32x4_t, uint8x16_t};
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

/// The products of bytes 8 to 15, in 16 bits. For the intrinsic, a compiler moves the upper halves of operands that it keeps to
/// registers of their own.
#[inline(always)]
#[allow(unsafe_code)]
pub fn smull_high(a: int8x16_t, b: int8x16_t) -> int16x8_t {
    let products: int16x8_t;
    // SAFETY: it touches its registers only, and every aarch64 processor has the instruction.
    unsafe {
        asm!(
            "smull2 {p:v}.8h, {a:v}.16b, {b:v}.16b",
            p = lateout(vreg) products, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    products
}

/// Adds the products of bytes 8 to 15, in 16 bits.
#[inline(always)]
#[allow(unsafe_code)]
pub fn smlal_high(mut sums: int16x8_t, a: int8x16_t, b: int8x16_t) -> int16x8_t {
    // SAFETY: as above.
    unsafe {
        asm!(
            "smlal2 {s:v}.8h, {a:v}.16b, {b:v}.16b",
            s = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}
