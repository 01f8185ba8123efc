//! The vector operations that float convolutions are made of.

use super::Isa;

/// An instruction set's vectors of f32.
///
/// # Safety
/// Loads and stores touch exactly the memory that their documentation names.
#[allow(unsafe_code)]
pub unsafe trait Float: Isa {
    /// [`LANES`](Self::LANES) f32.
    type Vector: Copy;

    /// Elements of a vector: 16, 8 or 4.
    const LANES: usize;

    /// Vectors of sums that a tile may hold in registers: 24 of 32, or 12 of 16.
    const TILE: usize;

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

    /// The greater of both; `b` where either is NaN.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The lesser of both; `b` where either is NaN.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
}
