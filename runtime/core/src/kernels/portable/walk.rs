//! Walking the shape of an element-wise step row by row, with as few and as long rows as its strides allow.

use crate::plan::view::{Extent, MAX_AXES, Operand};

/// A shape to walk, and for each of N operands how far apart its elements are along each axis. Axes of length 1 are
/// dropped, and neighbours that all operands step through evenly are one.
#[derive(Clone, Copy, Debug)]
pub struct Walk<const N: usize> {
    /// Axes in use; there is always one.
    axes: usize,
    lens: [usize; MAX_AXES],
    strides: [[usize; N]; MAX_AXES],
}

/// Elements of a row that take less time than beginning it.
const SHORT: usize = 8;

impl<const N: usize> Walk<N> {
    /// The walk of `operands` over `extent`.
    #[inline(always)]
    pub fn new(extent: &Extent, operands: [&Operand; N]) -> Self {
        let mut walk = Walk { axes: 0, lens: [1; MAX_AXES], strides: [[1; N]; MAX_AXES] };
        for (axis, &len) in extent.0.iter().enumerate() {
            if len == 1 {
                continue;
            }
            let len = len as usize;
            let strides = operands.map(|operand| operand.strides[axis] as usize);
            if let Some(last) = walk.axes.checked_sub(1) {
                let even = |(outer, inner): (&usize, &usize)| *outer == inner * len;
                if walk.strides[last].iter().zip(&strides).all(even) {
                    walk.lens[last] *= len;
                    walk.strides[last] = strides;
                    continue;
                }
            }
            walk.lens[walk.axes] = len;
            walk.strides[walk.axes] = strides;
            walk.axes += 1;
        }
        walk.axes = walk.axes.max(1);
        walk
    }

    /// Makes the axis next to the innermost the rows, where rows are shorter than it is worth while to begin one, and that
    /// axis is longer: for steps that do not mind in which order elements come.
    #[inline(always)]
    pub fn with_long_rows(mut self) -> Self {
        let last = self.axes - 1;
        if let Some(next) = last.checked_sub(1)
            && self.lens[last] < SHORT
            && self.lens[next] > self.lens[last]
        {
            self.lens.swap(next, last);
            self.strides.swap(next, last);
        }
        self
    }

    /// Elements of a row: the length of the innermost axis.
    #[inline(always)]
    pub fn row_len(&self) -> usize {
        self.lens[self.axes - 1]
    }

    /// How far apart the elements of a row are in each operand.
    #[inline(always)]
    pub fn row_strides(&self) -> [usize; N] {
        self.strides[self.axes - 1]
    }

    /// Whether rows have `least` elements or more, `strides` apart.
    pub fn has_rows(&self, strides: [usize; N], least: usize) -> bool {
        self.row_len() >= least && self.row_strides() == strides
    }

    /// How many rows there are and how far apart, where they lie evenly.
    #[inline(always)]
    pub fn rows(&self) -> Option<(usize, [usize; N])> {
        match self.axes {
            1 => Some((1, [0; N])),
            2 => Some((self.lens[0], self.strides[0])),
            _ => None,
        }
    }

    /// Panics where some elements lie behind the operands' ends, whose lengths are `lens`; the check of a plan sees to it that
    /// none do.
    #[inline(always)]
    pub fn assert_within(&self, lens: [usize; N]) {
        assert!(self.reach().iter().zip(&lens).all(|(reach, len)| reach <= len), "operands");
    }

    /// Elements from the first to behind the furthest one, in each operand; 0 where there are none.
    pub fn reach(&self) -> [usize; N] {
        if self.lens[..self.axes].contains(&0) {
            return [0; N];
        }
        let furthest = |operand: usize| {
            let steps = self.lens.iter().zip(&self.strides).take(self.axes);
            steps.map(|(len, strides)| (len - 1) * strides[operand]).sum::<usize>() + 1
        };
        core::array::from_fn(furthest)
    }

    /// Moves the axis along which operand `operand` is contiguous next to the innermost one, and returns its length
    /// and strides. `None` where there is no such axis besides the innermost.
    #[inline(always)]
    pub fn take_contiguous(&mut self, operand: usize) -> Option<(usize, [usize; N])> {
        let axis = (0..self.axes - 1).find(|&axis| self.strides[axis][operand] == 1)?;
        let taken = (self.lens[axis], self.strides[axis]);
        self.lens.copy_within(axis + 1..self.axes, axis);
        self.strides.copy_within(axis + 1..self.axes, axis);
        self.axes -= 1;
        Some(taken)
    }

    /// Calls `row` with the index of each row's first element in each operand.
    #[inline(always)]
    pub fn for_each_row(&self, mut row: impl FnMut([usize; N])) {
        if self.lens[..self.axes].contains(&0) {
            return;
        }
        // The axis next to the rows has a loop of its own: rows may be short.
        let next = (self.axes - 1).checked_sub(1);
        let (rows, row_strides) = next.map_or((1, [0; N]), |axis| (self.lens[axis], self.strides[axis]));
        let mut at = [0; MAX_AXES];
        let mut offsets = [0; N];
        loop {
            let mut first = offsets;
            for _ in 0..rows {
                row(first);
                first.iter_mut().zip(row_strides).for_each(|(first, stride)| *first += stride);
            }
            let mut axis = next.unwrap_or(0);
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                at[axis] += 1;
                let strides = &self.strides[axis];
                if at[axis] < self.lens[axis] {
                    offsets.iter_mut().zip(strides).for_each(|(offset, stride)| *offset += stride);
                    break;
                }
                at[axis] = 0;
                let back = self.lens[axis] - 1;
                offsets.iter_mut().zip(strides).for_each(|(offset, stride)| *offset -= stride * back);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn contiguous_operands_make_one_row() {
        let dense = Operand { strides: [0, 0, 60, 20, 5, 1], ..Operand::default() };
        let walk = Walk::new(&Extent([1, 1, 2, 3, 4, 5]), [&dense, &dense]);
        assert_eq!((walk.axes, walk.row_len(), walk.row_strides()), (1, 120, [1, 1]));
        let channel = Operand { strides: [0, 0, 0, 0, 0, 1], ..Operand::default() };
        let walk = Walk::new(&Extent([1, 1, 2, 3, 4, 5]), [&dense, &channel]);
        assert_eq!((walk.axes, walk.row_len()), (2, 5));
    }

    proptest! {
        #[test]
        fn visits_what_nested_loops_visit(
            lens in prop::array::uniform6(1u32..4), a in prop::array::uniform6(0u32..9), dense in any::<bool>(),
        ) {
            let mut b = [0; 6];
            let mut stride = 1;
            for axis in (0..6).rev() {
                b[axis] = stride;
                stride *= lens[axis];
            }
            let operands = [
                Operand { strides: if dense { b } else { a }, ..Operand::default() },
                Operand { strides: b, ..Operand::default() },
            ];
            let mut expected = Vec::new();
            for index in 0..stride {
                let at: [u32; 6] = core::array::from_fn(|axis| index / b[axis] % lens[axis]);
                expected.push(operands.map(|o| (0..6).map(|axis| at[axis] * o.strides[axis]).sum::<u32>() as usize));
            }
            let walk = Walk::new(&Extent(lens), [&operands[0], &operands[1]]);
            let mut visited = Vec::new();
            let strides = walk.row_strides();
            walk.for_each_row(|first| {
                visited.extend((0..walk.row_len()).map(|i| [first[0] + i * strides[0], first[1] + i * strides[1]]));
            });
            prop_assert_eq!(&visited, &expected);
            let reach = [0, 1].map(|operand| expected.iter().map(|at: &[usize; 2]| at[operand] + 1).max().unwrap_or(0));
            prop_assert_eq!(walk.reach(), reach);
            let long = walk.with_long_rows();
            let strides = long.row_strides();
            let mut visited = Vec::new();
            long.for_each_row(|first| {
                visited.extend((0..long.row_len()).map(|i| [first[0] + i * strides[0], first[1] + i * strides[1]]));
            });
            visited.sort();
            expected.sort();
            prop_assert_eq!(visited, expected);
        }
    }
}
