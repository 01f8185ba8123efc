//! The vector operations that integer convolutions are made of.

use super::Isa;
use super::depthwise_3x3::Depthwise3x3;
use super::depthwise_int8::Depthwise;
use super::layout::slides;
use super::patches::Gather;
use super::peak;
use super::product::{self, Constants, Runs, Target};
use crate::kernels::ConvolutionShape;

/// The most sums of a vector.
const LONGEST: usize = 16;

/// How results are stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored {
    /// The zero point, in 0..=255.
    pub zero: i32,
    /// The least result, in 0..=255.
    pub low: i32,
    /// The greatest.
    pub high: i32,
    /// Whether they are stored less 128.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    pub signed: bool,
}

/// An instruction set's integer vectors: *lanes* of i32 sums, and *bytes*, four times as many u8.
///
/// Every operation is exact: [`dot`](Self::dot) wraps around like i32 additions do and saturates nowhere on the way.
///
/// # Safety
/// Loads and stores touch exactly the memory that their documentation names.
#[allow(unsafe_code)]
pub unsafe trait Int8: Isa {
    /// [`LANES`](Self::LANES) i32.
    type Sums: Copy;
    /// [`LANES`](Self::LANES) f32.
    type Floats: Copy;
    /// 4 · [`LANES`](Self::LANES) u8.
    type Bytes: Copy;
    /// 4 · [`LANES`](Self::LANES) weights, prepared for [`dot`](Self::dot).
    type Weights: Copy;
    /// How sums become bytes.
    type Rounding: Copy;
    /// The same instructions on vectors of half the length, where these have 16 lanes; else this very instruction set.
    type Half: Int8;
    /// The same instructions for depthwise results that are [plain](Self::plain), if code of its own pays; else this very
    /// instruction set.
    type Plain: Int8;

    /// Sums of a vector: 16, 8 or 4.
    const LANES: usize;

    /// The most pixels of a tile of one, two, three and four vectors of channels, such that sums and operands stay in registers.
    const PIXELS: [usize; 4];

    /// Whether registers are so many that a column of three rows, or the sums of two tiles, can stay in them: 32.
    const MANY_REGISTERS: bool;

    /// Whether rounding the sums of one tile while those of the next are added up pays.
    const RELAYS: bool;

    /// What bytes are XORed with before they are multiplied: 0x80 where only signed bytes can be, else 0. Whoever packs
    /// weights makes good for it in the bias.
    const FLIP: u8;

    /// Whether the inputs behind each output pixel of a general convolution are brought together before they are multiplied, so
    /// that every product has one run.
    const GATHERS: bool;

    /// Bytes that the weights of one [`dot`](Self::dot) take in memory.
    const WEIGHT_BYTES: usize;

    /// Inputs that packed weights of a product are filled up to a multiple of, channel by channel: 4 where they are in the
    /// order of [`product`](super::product).
    const UNIT: usize;

    /// The file under `kernels/` that [`multiply`](Self::multiply) is in.
    const PRODUCT: &'static str;

    /// The token of [`Plain`](Self::Plain) where that pays and results, so stored, need no zero point and no bounds but those of
    /// bytes, and products do not overflow.
    fn plain(self, _stored: Stored, _may_overflow: bool) -> Option<Self::Plain> {
        None
    }

    /// The token of [`Half`](Self::Half), and how that rounds.
    fn half(self, rounding: Self::Rounding) -> (Self::Half, <Self::Half as Int8>::Rounding);

    /// Reads [`LANES`](Self::LANES) sums.
    unsafe fn sums(self, from: *const i32) -> Self::Sums;

    /// Writes [`LANES`](Self::LANES) sums.
    unsafe fn store_sums(self, sums: Self::Sums, to: *mut i32);

    /// Writes the first `len` sums, fewer than [`LANES`](Self::LANES).
    #[inline(always)]
    unsafe fn store_some_sums(self, sums: Self::Sums, to: *mut i32, len: usize) {
        let mut whole = [0; LONGEST];
        // SAFETY: no vector is longer than these, and the caller may write so many.
        unsafe {
            self.store_sums(sums, whole.as_mut_ptr());
            to.copy_from_nonoverlapping(whole.as_ptr(), len);
        }
    }

    /// Reads [`LANES`](Self::LANES) floats.
    unsafe fn floats(self, from: *const f32) -> Self::Floats;

    /// Reads 4 · [`LANES`](Self::LANES) bytes.
    unsafe fn bytes(self, from: *const u8) -> Self::Bytes;

    /// Reads [`WEIGHT_BYTES`](Self::WEIGHT_BYTES) bytes of packed weights.
    unsafe fn weights(self, from: *const u8) -> Self::Weights;

    /// The four bytes of `four`, first in memory first, in every lane.
    fn splat(self, four: u32) -> Self::Bytes;

    /// Bytes as [`dot`](Self::dot) wants them: XORed with [`FLIP`](Self::FLIP).
    fn flip(self, bytes: Self::Bytes) -> Self::Bytes;

    /// Adds to each sum the products of its four bytes, flipped, with its four weights.
    fn dot(self, sums: Self::Sums, bytes: Self::Bytes, weights: Self::Weights) -> Self::Sums;

    /// Computes a matrix product of pixels and weights that are packed with [`UNIT`](Self::UNIT).
    ///
    /// # Safety
    /// As [`product::multiply`].
    #[inline(always)]
    unsafe fn multiply(
        self,
        runs: Runs<'_>,
        pixels: usize,
        constants: Constants,
        rounding: Self::Rounding,
        to: Target,
    ) {
        // SAFETY: as the caller says.
        unsafe { product::multiply(self, runs, pixels, constants, rounding, to) }
    }

    /// Computes pixels of a block of N vectors of output channels, from the first one on, with instructions that are not on
    /// vectors; returns how many.
    ///
    /// # Safety
    /// As [`product::multiply`].
    #[inline(always)]
    unsafe fn sweep<const N: usize>(
        self,
        _runs: Runs<'_>,
        _pixels: usize,
        _constants: Constants,
        _rounding: Self::Rounding,
        _to: Target,
    ) -> usize {
        0
    }

    /// Whether weights are packed with few channels [paired](super::layout::Block::paired).
    #[inline(always)]
    fn pairs(self) -> bool {
        false
    }

    /// Computes the pixels of a [paired](super::layout::Block::paired) block of so many halves.
    ///
    /// # Safety
    /// As [`product::multiply`]; [`pairs`](Self::pairs).
    #[inline(always)]
    unsafe fn sweep_pairs(
        self,
        _halves: usize,
        _runs: Runs<'_>,
        _pixels: usize,
        _constants: Constants,
        _rounding: Self::Rounding,
        _to: Target,
    ) {
    }

    /// Writes patches, as [`Gather::run`] does.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn gather(self, gather: Gather<'_>, patches: &mut [u8]) {
        // SAFETY: as the caller says.
        unsafe { gather.run(patches) }
    }

    /// Computes an output row of a general convolution in a way of its own, from runs whose bytes are flipped; whether it has one.
    ///
    /// # Safety
    /// As for [`gather`](Self::gather) and [`multiply`](Self::multiply).
    #[inline(always)]
    unsafe fn multiply_row(
        self,
        _gather: Gather<'_>,
        _constants: Constants,
        _rounding: Self::Rounding,
        _to: Target,
    ) -> bool {
        false
    }

    /// Computes sums, as [`product::multiply_to_sums`] does.
    ///
    /// # Safety
    /// As there; where [`GATHERS`](Self::GATHERS), as many bytes of every run can be read as of the first.
    #[inline(always)]
    unsafe fn multiply_to_sums(self, runs: Runs<'_>, pixels: usize, constants: Constants, to: Target) {
        // SAFETY: as the caller says.
        unsafe { product::multiply_to_sums(self, runs, pixels, constants, to) }
    }

    /// Multiplies and adds as fast as these instructions can, `rounds` times the same amount; returns how many
    /// multiply-accumulates that were.
    fn peak(self, rounds: u32) -> u64 {
        peak::dots(self, rounds)
    }

    /// Computes a depthwise convolution.
    #[inline(always)]
    fn depthwise(self, depthwise: Depthwise<'_>) {
        if slides(&ConvolutionShape::of_int8(depthwise.step), Self::MANY_REGISTERS) {
            self.invoke(Depthwise3x3(depthwise));
        } else {
            self.invoke(depthwise);
        }
    }

    /// The file under `kernels/` that such a pointwise convolution of so many pixels is computed in.
    fn name_of_product(self, _: &ConvolutionShape, _pixels: usize) -> &'static str {
        Self::PRODUCT
    }

    /// The file under `kernels/` that [`depthwise`](Self::depthwise) computes such a convolution in.
    fn name_of_depthwise(shape: &ConvolutionShape) -> &'static str {
        if slides(shape, Self::MANY_REGISTERS) { "vector/depthwise_3x3" } else { "vector/depthwise_int8" }
    }

    /// Weights that treat bytes 1 to 3 of each lane as `weights` treats bytes 0 to 2, and ignore byte 0. The fourth weight
    /// must be 0.
    fn delay(self, weights: Self::Weights) -> Self::Weights;

    /// Reads `N · LANES` bytes from each of the first 4 / N places.
    unsafe fn pixels<const N: usize>(self, from: [*const u8; 4]) -> Self::Bytes;

    /// Interleaves four rows of bytes: lane i of vector j holds byte `j · LANES + i` of the rows where the result is to be
    /// ORDERED, else byte [`lane_channel`](super::layout::lane_channel)`(4, j, i, LANES)`, which takes fewer instructions.
    fn interleave<const ORDERED: bool>(self, rows: [Self::Bytes; 4]) -> [Self::Bytes; 4];

    /// How to round: half to even, plus the zero point, clamped. `may_overflow`:
    /// a sum times its multiplier may be 2³¹ or more, or NaN; where [`GATHERS`](Self::GATHERS), may leave 16 bits. `extreme`:
    /// see [`Note`](super::notes::Note).
    fn rounding(self, stored: Stored, may_overflow: bool, extreme: bool) -> Self::Rounding;

    /// The bytes of four vectors of sums: each sum as f32 times its multiplier, rounded. Byte `j · LANES + i` comes from
    /// lane i of vector j where the result is to be ORDERED, else byte [`lane_channel`](super::layout::lane_channel)`(4, j, i, LANES)` does.
    fn narrow<const ORDERED: bool>(
        self,
        sums: [Self::Sums; 4],
        by: [Self::Floats; 4],
        rounding: Self::Rounding,
    ) -> Self::Bytes;

    /// Writes `len` bytes, those from `PIECE · N · LANES` on; `len` is at most `N · LANES`.
    unsafe fn store<const N: usize, const PIECE: usize>(self, bytes: Self::Bytes, to: *mut u8, len: usize);
}

/// Reads N vectors of sums, one behind the other.
///
/// These loops, and not closures, build all arrays of vectors: a closure that is not inlined would be compiled without the
/// instruction set.
///
/// # Safety
/// All of them can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn load_sums<I: Int8, const N: usize>(isa: I, from: *const i32) -> [I::Sums; N] {
    // SAFETY: as the caller says.
    unsafe {
        let mut vectors = [isa.sums(from); N];
        for v in 1..N {
            vectors[v] = isa.sums(from.add(v * I::LANES));
        }
        vectors
    }
}

/// Reads N vectors of floats, one behind the other.
///
/// # Safety
/// All of them can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn load_floats<I: Int8, const N: usize>(isa: I, from: *const f32) -> [I::Floats; N] {
    // SAFETY: as the caller says.
    unsafe {
        let mut vectors = [isa.floats(from); N];
        for v in 1..N {
            vectors[v] = isa.floats(from.add(v * I::LANES));
        }
        vectors
    }
}

/// Reads the weights of N dot products, one behind the other.
///
/// # Safety
/// All of them can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn load_weights<I: Int8, const N: usize>(isa: I, from: *const u8) -> [I::Weights; N] {
    // SAFETY: as the caller says.
    unsafe {
        let mut vectors = [isa.weights(from); N];
        for v in 1..N {
            vectors[v] = isa.weights(from.add(v * I::WEIGHT_BYTES));
        }
        vectors
    }
}
