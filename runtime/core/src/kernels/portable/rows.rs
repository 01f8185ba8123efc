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

/// Work on stretches of elements whose length the compiler knows.
pub(super) trait Blocks {
    /// Does it for the N elements from `first` on. Doing it twice for an element must do no harm.
    fn block<const N: usize>(&mut self, first: usize);
}

/// Covers `len` elements with blocks that are as wide as fits. The last one overlaps the one before it where the width
/// does not divide `len`, so that there is no rest to treat one by one.
#[inline(always)]
pub(super) fn for_each_block(len: usize, work: &mut impl Blocks) {
    #[inline(always)]
    fn cover<const N: usize>(len: usize, work: &mut impl Blocks) {
        let mut first = 0;
        while first + N < len {
            work.block::<N>(first);
            first += N;
        }
        work.block::<N>(len - N);
    }
    match len {
        0 => {}
        1..4 => cover::<1>(len, work),
        4..8 => cover::<4>(len, work),
        8..16 => cover::<8>(len, work),
        16..32 => cover::<16>(len, work),
        _ => cover::<32>(len, work),
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
