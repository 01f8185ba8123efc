//! The operands of the inner loops: eight channels side by side, and rows of inputs.

use super::layout::BLOCK;

/// A value for each of the eight channels of a block.
pub(super) type Lanes<T> = [T; BLOCK];

/// The first `count` of `x`, at most eight. Fewer are copied to `spare`, whose other lanes keep what they hold.
///
/// The result is a reference so that whole blocks become one vector load.
#[inline(always)]
pub(super) fn load<'x, T: Copy>(x: &'x [T], count: usize, spare: &'x mut Lanes<T>) -> &'x Lanes<T> {
    match x.first_chunk() {
        Some(x) if count == BLOCK => x,
        _ => {
            spare[..count].copy_from_slice(&x[..count]);
            spare
        }
    }
}

/// Rows of equal length at equal distances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'x, T> {
    pub elements: &'x [T],
    /// Elements from one row to the next.
    pub stride: usize,
    /// Elements of a row.
    pub len: usize,
    /// How many rows there are.
    pub count: usize,
}

impl<'x, T> Rows<'x, T> {
    /// Elements `from..to` of row `index`.
    #[inline(always)]
    pub fn row(&self, index: usize, from: usize, to: usize) -> &'x [T] {
        &self.elements[index * self.stride..][from..to]
    }
}
