//! The columns that a window of three rows slides over, with their rows interleaved by fours.

use super::int8::Int8;

/// The columns of four input rows.
#[derive(Clone, Copy)]
pub struct Columns {
    /// The first pixel of every row.
    pub from: [*const u8; 4],
    /// A pixel of padding.
    pub padding: *const u8,
    /// Columns of padding in front of the first one.
    pub pad: usize,
    pub width: usize,
    /// Bytes from one to the next.
    pub step: usize,
    /// Whether they lie without gaps, channels of further chunks included.
    pub dense: bool,
}

impl Columns {
    /// 4 / N columns of N vectors, `spacing` apart, from column `first` on, counted from the first one of padding on: the N
    /// vectors of the first column, then those of the next one. As many rows are read as ROWS output rows under each other
    /// need, ROWS + 2.
    ///
    /// # Safety
    /// Whole vectors can be read at all pixels of every row, and of padding.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn read<I: Int8, const N: usize, const ROWS: usize>(
        &self,
        isa: I,
        first: usize,
        spacing: usize,
    ) -> [I::Bytes; 4] {
        let first = first.wrapping_sub(self.pad);
        let last = first.wrapping_add((4 / N - 1) * spacing);
        let mut rows = [isa.splat(0); 4];
        // SAFETY: what is read are pixels of the rows, or padding.
        unsafe {
            if first < self.width && last < self.width {
                let (at, apart) = (first * self.step, spacing * self.step);
                for row in 0..ROWS + 2 {
                    let from = self.from[row].add(at);
                    rows[row] = if N < 4 && !(self.dense && spacing == 1) {
                        let pixel = |index: usize| from.wrapping_add(index * apart);
                        isa.pixels::<N>([from, pixel(1), pixel(2), pixel(3)])
                    } else {
                        isa.bytes(from)
                    };
                }
            } else {
                for row in 0..ROWS + 2 {
                    let mut pixels = [self.padding; 4];
                    for index in 0..4 / N {
                        let column = first.wrapping_add(index * spacing);
                        if column < self.width {
                            pixels[index] = self.from[row].add(column * self.step);
                        }
                    }
                    rows[row] = isa.pixels::<N>(pixels);
                }
            }
        }
        for row in 0..ROWS + 2 {
            rows[row] = isa.flip(rows[row]);
        }
        if N == 4 { isa.interleave::<false>(rows) } else { isa.interleave::<true>(rows) }
    }
}
