//! The vector operations that float convolutions are made of.

use super::elements::Elements;
use super::product_f32::add_units_by_lane;

/// An instruction set's vectors of f32.
///
/// # Safety
/// Loads and stores touch exactly the memory that their documentation names.
#[allow(unsafe_code)]
pub unsafe trait Float: Elements {
    /// [`LANES`](Self::LANES) f32.
    type Vector: Copy;

    /// Elements of a vector: 16, 8 or 4.
    const LANES: usize;

    /// Vectors of sums that a tile may hold in registers: 24 of 32, or 12 of 16.
    const TILE: usize;

    /// The most pixels of a tile of a product of one, two, three and four vectors of channels, such that sums and operands stay
    /// in registers.
    const PIXELS: [usize; 4];

    /// Whether depthwise convolutions work on pairs of vectors, because short vectors can be read and written in pairs.
    const PAIRS: bool;

    /// Whether [`mul_add_lane`](Self::mul_add_lane) is there, which needs no [`splat`](Self::splat).
    const BY_LANE: bool;

    /// `value` in every lane.
    fn splat(self, value: f32) -> Self::Vector;

    /// Reads [`LANES`](Self::LANES) elements.
    unsafe fn load(self, from: *const f32) -> Self::Vector;

    /// Reads the first `len` elements, at most [`LANES`](Self::LANES); the other lanes are 0.
    unsafe fn load_some(self, from: *const f32, len: usize) -> Self::Vector;

    /// Writes [`LANES`](Self::LANES) elements.
    unsafe fn store(self, vector: Self::Vector, to: *mut f32);

    /// Writes the first `len` elements, at most [`LANES`](Self::LANES).
    unsafe fn store_some(self, vector: Self::Vector, to: *mut f32, len: usize);

    /// a · b + c, rounded once.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    /// As [`mul_add`](Self::mul_add), with lane LANE of `a` for every lane. Only where [`BY_LANE`](Self::BY_LANE).
    fn mul_add_lane<const LANE: i32>(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        let _ = (a, b, c);
        unreachable!("there is no such instruction")
    }

    /// Adds the products of `units` times [`LANES`](Self::LANES) inputs of M pixels, `step` elements apart, to the sums of N
    /// vectors of channels. Only where [`BY_LANE`](Self::BY_LANE).
    ///
    /// # Safety
    /// The inputs of every pixel, and their weights, can be read.
    #[inline(always)]
    unsafe fn add_units<const M: usize, const N: usize>(
        self,
        sums: &mut [[Self::Vector; N]; M],
        x: *const f32,
        step: usize,
        weights: *const f32,
        units: usize,
    ) {
        // SAFETY: as the caller says.
        unsafe { add_units_by_lane(self, sums, x, step, weights, units) }
    }

    /// The greater of both; `b` where that is NaN. `a` never is.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The lesser of both; `b` where that is NaN. `a` never is.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
}
