//! Integer vectors of 16 bytes: base NEON, and with dot and matrix products.
//!
//! The three instruction sets differ in how bytes are multiplied, and share everything else.

use super::depthwise_columns::Dots;
use super::instructions::{sdot, usdot};
pub use super::rounding::Rounding;
use crate::kernels::ConvolutionShape;
use crate::kernels::vector::{Constants, Depthwise, Gather, Int8, Isa, Runs, Stored, Target, Task, is_5x5, slides};
use core::arch::aarch64::*;

/// NEON, as every aarch64 processor has it.
#[derive(Clone, Copy, Debug)]
pub struct Neon;

/// NEON and SDOT.
#[derive(Clone, Copy, Debug)]
pub struct NeonDotprod(());

/// NEON, SDOT, USDOT and USMMLA.
#[derive(Clone, Copy, Debug)]
pub struct NeonI8mm(());

impl NeonDotprod {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        NeonDotprod(())
    }
}

impl NeonI8mm {
    /// A token.
    ///
    /// # Safety
    /// The processor has these instructions.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        NeonI8mm(())
    }
}

impl Isa for Neon {
    #[inline(always)]
    fn invoke<T: Task<Self>>(self, task: T) {
        #[inline(never)]
        fn enabled<T: Task<Neon>>(isa: Neon, task: T) {
            task.run(isa);
        }
        enabled(self, task);
    }
}

macro_rules! isa {
    ($isa:ident, $features:literal) => {
        impl Isa for $isa {
            #[inline(always)]
            #[allow(unsafe_code)]
            fn invoke<T: Task<Self>>(self, task: T) {
                #[inline(never)]
                #[target_feature(enable = $features)]
                fn enabled<T: Task<$isa>>(isa: $isa, task: T) {
                    task.run(isa);
                }
                // SAFETY: the token proves that the processor has these instructions.
                unsafe { enabled(self, task) }
            }
        }
    };
}

isa!(NeonDotprod, "neon,dotprod");
isa!(NeonI8mm, "neon,dotprod,i8mm");

/// Writes the first `len` bytes of `bytes`, at most 16.
///
/// # Safety
/// They can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn store_some(bytes: uint8x16_t, to: *mut u8, len: usize) {
    // SAFETY: each piece is no longer than what is left.
    unsafe {
        match len {
            16.. => vst1q_u8(to, bytes),
            8 => vst1_u8(to, vget_low_u8(bytes)),
            4 => vst1q_lane_u32::<0>(to.cast(), vreinterpretq_u32_u8(bytes)),
            _ => store_odd(bytes, to, len),
        }
    }
}

/// As [`store_some`], for the lengths that are rare.
///
/// # Safety
/// As there.
#[cold]
#[inline(never)]
#[allow(unsafe_code)]
unsafe fn store_odd(bytes: uint8x16_t, mut to: *mut u8, mut len: usize) {
    let mut left = bytes;
    // SAFETY: each piece is no longer than what is left.
    unsafe {
        if len >= 8 {
            vst1_u8(to, vget_low_u8(left));
            (to, len, left) = (to.add(8), len - 8, vextq_u8::<8>(left, left));
        }
        if len >= 4 {
            vst1q_lane_u32::<0>(to.cast(), vreinterpretq_u32_u8(left));
            (to, len, left) = (to.add(4), len - 4, vextq_u8::<4>(left, left));
        }
        let mut rest = vgetq_lane_u32::<0>(vreinterpretq_u32_u8(left));
        for index in 0..len {
            *to.add(index) = rest as u8;
            rest >>= 8;
        }
    }
}

/// Bytes less 128.
#[inline(always)]
pub fn flipped(bytes: uint8x16_t) -> int8x16_t {
    flipped_by(bytes, 0x80)
}

/// Bytes as signed ones: XORed with `flip`.
#[inline(always)]
#[allow(unsafe_code)]
pub fn flipped_by(bytes: uint8x16_t, flip: u8) -> int8x16_t {
    // SAFETY: every aarch64 processor has NEON.
    unsafe { vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(flip))) }
}

/// The first `len` bytes, 1 to 15; the others are arbitrary.
///
/// # Safety
/// They can be read.
#[cold]
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn some(from: *const u8, len: usize) -> uint8x16_t {
    let mut bytes = [0u8; 16];
    // SAFETY: as the caller says.
    unsafe {
        if len >= 8 {
            // Two halves, which may overlap.
            bytes.as_mut_ptr().cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned());
            let rest = from.add(len - 8).cast::<u64>().read_unaligned();
            bytes.as_mut_ptr().add(len - 8).cast::<u64>().write_unaligned(rest);
        } else {
            for (index, byte) in bytes.iter_mut().enumerate().take(len) {
                *byte = *from.add(index);
            }
        }
        vld1q_u8(bytes.as_ptr())
    }
}

macro_rules! int8 {
    (
        $isa:ident, flip: $flip:literal, unit: $unit:literal, product: $product:literal,
        |$sums:ident, $x:ident, $by:ident| $dot:expr, multiply: $multiply:path $(, $more:item)*
    ) => {
        // SAFETY: every operation touches the memory that the trait says, and the token proves that the processor has the
        // instructions.
        #[allow(unsafe_code)]
        unsafe impl Int8 for $isa {
            type Sums = int32x4_t;
            type Floats = float32x4_t;
            type Bytes = uint8x16_t;
            type Weights = int8x16_t;
            type Rounding = Rounding;
            type Half = Self;
            type Plain = Self;

            const LANES: usize = 4;
            const PIXELS: [usize; 4] = [12, 8, 6, 6];
            const MANY_REGISTERS: bool = true;
            const RELAYS: bool = false;
            const FLIP: u8 = $flip;
            const GATHERS: bool = true;
            const UNIT: usize = $unit;
            const PRODUCT: &'static str = $product;
            const WEIGHT_BYTES: usize = 16;

            #[inline(always)]
            fn half(self, rounding: Rounding) -> (Self, Rounding) {
                (self, rounding)
            }

            #[inline(always)]
            unsafe fn sums(self, from: *const i32) -> int32x4_t {
                unsafe { vld1q_s32(from) }
            }

            #[inline(always)]
            unsafe fn store_sums(self, sums: int32x4_t, to: *mut i32) {
                unsafe { vst1q_s32(to, sums) }
            }

            #[inline(always)]
            unsafe fn floats(self, from: *const f32) -> float32x4_t {
                unsafe { vld1q_f32(from) }
            }

            #[inline(always)]
            unsafe fn bytes(self, from: *const u8) -> uint8x16_t {
                unsafe { vld1q_u8(from) }
            }

            #[inline(always)]
            unsafe fn weights(self, from: *const u8) -> int8x16_t {
                unsafe { vld1q_s8(from.cast()) }
            }

            #[inline(always)]
            fn splat(self, four: u32) -> uint8x16_t {
                unsafe { vreinterpretq_u8_u32(vdupq_n_u32(four)) }
            }

            #[inline(always)]
            fn flip(self, bytes: uint8x16_t) -> uint8x16_t {
                if $flip == 0 { bytes } else { unsafe { veorq_u8(bytes, vdupq_n_u8($flip)) } }
            }

            #[inline(always)]
            fn dot(self, $sums: int32x4_t, $x: uint8x16_t, $by: int8x16_t) -> int32x4_t {
                unsafe { $dot }
            }

            #[inline(always)]
            unsafe fn multiply(
                self,
                runs: Runs<'_>,
                pixels: usize,
                constants: Constants,
                rounding: Rounding,
                to: Target,
            ) {
                unsafe { $multiply(self, runs, pixels, constants, rounding, to) }
            }

            #[inline(always)]
            unsafe fn gather(self, gather: Gather<'_>, patches: &mut [u8]) {
                unsafe { super::gather::gather(gather, patches) }
            }

            $($more)*

            #[inline(always)]
            fn delay(self, weights: int8x16_t) -> int8x16_t {
                unsafe { vreinterpretq_s8_u32(vshlq_n_u32::<8>(vreinterpretq_u32_s8(weights))) }
            }

            #[inline(always)]
            unsafe fn pixels<const N: usize>(self, from: [*const u8; 4]) -> uint8x16_t {
                let [a, b, c, d] = from;
                unsafe {
                    match N {
                        1 => {
                            let pixels = vdupq_n_u32(a.cast::<u32>().read_unaligned());
                            let pixels = vld1q_lane_u32::<1>(b.cast(), pixels);
                            let pixels = vld1q_lane_u32::<2>(c.cast(), pixels);
                            vreinterpretq_u8_u32(vld1q_lane_u32::<3>(d.cast(), pixels))
                        }
                        2 => vcombine_u8(vld1_u8(a), vld1_u8(b)),
                        _ => vld1q_u8(a),
                    }
                }
            }

            #[inline(always)]
            fn interleave<const ORDERED: bool>(self, rows: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
                let [a, b, c, d] = rows;
                unsafe {
                    let (ab, cd) = (vreinterpretq_u16_u8(vzip1q_u8(a, b)), vreinterpretq_u16_u8(vzip1q_u8(c, d)));
                    let (ab_high, cd_high) =
                        (vreinterpretq_u16_u8(vzip2q_u8(a, b)), vreinterpretq_u16_u8(vzip2q_u8(c, d)));
                    [
                        vreinterpretq_u8_u16(vzip1q_u16(ab, cd)),
                        vreinterpretq_u8_u16(vzip2q_u16(ab, cd)),
                        vreinterpretq_u8_u16(vzip1q_u16(ab_high, cd_high)),
                        vreinterpretq_u8_u16(vzip2q_u16(ab_high, cd_high)),
                    ]
                }
            }

            #[inline(always)]
            fn rounding(self, stored: Stored, may_overflow: bool, extreme: bool) -> Rounding {
                Rounding::new(stored, may_overflow, extreme)
            }

            #[inline(always)]
            fn narrow<const ORDERED: bool>(
                self,
                sums: [int32x4_t; 4],
                by: [float32x4_t; 4],
                rounding: Rounding,
            ) -> uint8x16_t {
                let (low, by_low) = ([sums[0], sums[1]], [by[0], by[1]]);
                let (high, by_high) = ([sums[2], sums[3]], [by[2], by[3]]);
                if rounding.is_plain() {
                    rounding.bytes::<true>(rounding.scale::<true>(low, by_low), rounding.scale::<true>(high, by_high))
                } else {
                    rounding.bytes::<false>(rounding.scale::<false>(low, by_low), rounding.scale::<false>(high, by_high))
                }
            }

            #[inline(always)]
            unsafe fn store<const N: usize, const PIECE: usize>(self, bytes: uint8x16_t, to: *mut u8, len: usize) {
                unsafe {
                    match (N, PIECE) {
                        (1, 1) if len == 4 => vst1q_lane_u32::<1>(to.cast(), vreinterpretq_u32_u8(bytes)),
                        (1, 2) if len == 4 => vst1q_lane_u32::<2>(to.cast(), vreinterpretq_u32_u8(bytes)),
                        (1, 3) if len == 4 => vst1q_lane_u32::<3>(to.cast(), vreinterpretq_u32_u8(bytes)),
                        (1, 1) => store_some(vextq_u8::<4>(bytes, bytes), to, len),
                        (1, 2) => store_some(vextq_u8::<8>(bytes, bytes), to, len),
                        (1, 3) => store_some(vextq_u8::<12>(bytes, bytes), to, len),
                        (2, 1) => store_some(vextq_u8::<8>(bytes, bytes), to, len),
                        _ => store_some(bytes, to, len),
                    }
                }
            }
        }
    };
}

int8!(
    Neon, flip: 0x80, unit: 4, product: "aarch64/product_twos",
    |sums, x, by| {
        let x = vreinterpretq_s8_u8(x);
        let low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(by)));
        let high = vpaddlq_s16(vmull_high_s8(x, by));
        vaddq_s32(sums, vpaddq_s32(low, high))
    },
    multiply: super::product_twos::multiply,
    fn peak(self, rounds: u32) -> u64 {
        super::peak::twos(rounds)
    },
    #[inline(always)]
    unsafe fn multiply_to_sums(self, runs: Runs<'_>, pixels: usize, constants: Constants, to: Target) {
        unsafe { super::sums_twos::multiply(self, runs, pixels, constants, to) }
    },
    #[inline(always)]
    fn depthwise(self, depthwise: Depthwise<'_>) {
        let rounding = crate::kernels::vector::rounding(self, depthwise.step, depthwise.packed);
        super::depthwise_taps::depthwise(rounding, depthwise);
    },
    fn name_of_depthwise(_: &ConvolutionShape) -> &'static str {
        "aarch64/depthwise_taps"
    }
);
int8!(
    NeonDotprod, flip: 0x80, unit: 4, product: "aarch64/product_lanes",
    |sums, x, by| sdot(sums, vreinterpretq_s8_u8(x), by),
    multiply: super::product_lanes::multiply,
    #[inline(always)]
    unsafe fn multiply_row(self, gather: Gather<'_>, constants: Constants, rounding: Rounding, to: Target) -> bool {
        let covered = super::stem::is_covered(&gather, &rounding, to);
        if covered {
            unsafe { super::stem::row(gather, constants, rounding, to) }
        }
        covered
    },
    #[inline(always)]
    unsafe fn multiply_to_sums(self, runs: Runs<'_>, pixels: usize, constants: Constants, to: Target) {
        unsafe { super::sums_lanes::multiply(self, runs, pixels, constants, to) }
    },
    #[inline(always)]
    fn depthwise(self, depthwise: Depthwise<'_>) {
        let shape = ConvolutionShape::of_int8(depthwise.step);
        if slides(&shape, true) {
            return super::depthwise_columns::depthwise(self, depthwise);
        }
        if is_5x5(&shape) {
            return super::depthwise_5x5::depthwise(self, depthwise);
        }
        let rounding = crate::kernels::vector::rounding(self, depthwise.step, depthwise.packed);
        super::depthwise_taps::depthwise(rounding, depthwise);
    },
    fn name_of_depthwise(shape: &ConvolutionShape) -> &'static str {
        match () {
            () if slides(shape, true) => "aarch64/depthwise_columns",
            () if is_5x5(shape) => "aarch64/depthwise_5x5",
            () => "aarch64/depthwise_taps",
        }
    }
);
int8!(
    NeonI8mm, flip: 0, unit: 8, product: "aarch64/product_matrix",
    |sums, x, by| usdot(sums, x, by),
    multiply: super::product_matrix::multiply,
    fn peak(self, rounds: u32) -> u64 {
        super::peak::matrix(self, rounds)
    },
    #[inline(always)]
    fn depthwise(self, depthwise: Depthwise<'_>) {
        let shape = ConvolutionShape::of_int8(depthwise.step);
        if slides(&shape, true) {
            return super::depthwise_columns::depthwise(self, depthwise);
        }
        if is_5x5(&shape) {
            return super::depthwise_5x5::depthwise(self, depthwise);
        }
        self.invoke(depthwise);
    },
    fn name_of_depthwise(shape: &ConvolutionShape) -> &'static str {
        match () {
            () if slides(shape, true) => "aarch64/depthwise_columns",
            () if is_5x5(shape) => "aarch64/depthwise_5x5",
            () => "vector/depthwise_int8",
        }
    }
);

impl Dots for NeonDotprod {}
impl Dots for NeonI8mm {}
