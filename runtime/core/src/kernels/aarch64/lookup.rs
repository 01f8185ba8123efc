//! Bytes through tables of 256 entries: TBL picks among 64 bytes in four registers, and gives 0 or keeps what was there
//! where a byte is larger.

use super::neon::Neon;
use crate::kernels::Table;
use crate::kernels::portable::{ByteRows, Entries};
use crate::kernels::vector::Tables;
use core::arch::aarch64::*;

/// A table in registers.
#[derive(Clone, Copy, Debug)]
pub struct Quarters<'t> {
    entries: [uint8x16x4_t; 4],
    table: &'t Table,
}

impl Quarters<'_> {
    /// The entries of 16 bytes.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn of(&self, x: uint8x16_t) -> uint8x16_t {
        let [a, b, c, d] = self.entries;
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let quarter = vdupq_n_u8(64);
            let (second, y) = (vsubq_u8(x, quarter), vqtbl4q_u8(a, x));
            let (third, y) = (vsubq_u8(second, quarter), vqtbx4q_u8(y, b, second));
            let (fourth, y) = (vsubq_u8(third, quarter), vqtbx4q_u8(y, c, third));
            vqtbx4q_u8(y, d, fourth)
        }
    }
}

impl Quarters<'_> {
    /// As [`Tables::map`], of four to fifteen bytes: as many from the start and to the end as a power of two has.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn map_few(&self, x: Option<&[u8]>, y: &mut [u8]) {
        let (to, len) = (y.as_mut_ptr(), y.len());
        let from = x.map_or(to.cast_const(), <[u8]>::as_ptr);
        // SAFETY: both have `len` bytes, which is no less than what is read and written from the start and in front of the end.
        // All is read before anything is written, so that no byte is mapped twice where `y` is mapped in place.
        unsafe {
            if len >= 8 {
                let both = vcombine_u8(vld1_u8(from), vld1_u8(from.add(len - 8)));
                let both = self.of(both);
                vst1_u8(to, vget_low_u8(both));
                vst1_u8(to.add(len - 8), vget_high_u8(both));
            } else {
                let word = |at: usize| from.add(at).cast::<u32>().read_unaligned();
                let both = vreinterpretq_u8_u32(vsetq_lane_u32::<1>(word(len - 4), vdupq_n_u32(word(0))));
                let both = vreinterpretq_u32_u8(self.of(both));
                to.cast::<u32>().write_unaligned(vgetq_lane_u32::<0>(both));
                to.add(len - 4).cast::<u32>().write_unaligned(vgetq_lane_u32::<1>(both));
            }
        }
    }
}

impl Tables for Neon {
    type Prepared<'t> = Quarters<'t>;

    #[inline(always)]
    #[allow(unsafe_code)]
    fn prepare(self, table: &Table) -> Quarters<'_> {
        // SAFETY: the four quarters are within the table's 256 bytes.
        unsafe {
            let mut entries = [vld1q_u8_x4(table.as_ptr()); 4];
            for index in 1..4 {
                entries[index] = vld1q_u8_x4(table.as_ptr().add(64 * index));
            }
            Quarters { entries, table }
        }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn map(self, table: Quarters<'_>, x: Option<&[u8]>, y: &mut [u8]) {
        if let Some(x) = x {
            assert!(x.len() >= y.len(), "operands");
        }
        if (4..16).contains(&y.len()) {
            return table.map_few(x, y);
        }
        if y.len() < 4 {
            return table.table.map(x, y);
        }
        let (to, last) = (y.as_mut_ptr(), y.len() - 16);
        let from = x.map_or(to.cast_const(), <[u8]>::as_ptr);
        // SAFETY: both have 16 bytes from `last` on, and from all places before it. The last vector may overlap the one before
        // it; it is read before anything is written, so that no byte is mapped twice where `y` is mapped in place.
        unsafe {
            let end = table.of(vld1q_u8(from.add(last)));
            let mut at = 0;
            while at < last {
                vst1q_u8(to.add(at), table.of(vld1q_u8(from.add(at))));
                at += 16;
            }
            vst1q_u8(to.add(last), end);
        }
    }
    #[inline(always)]
    #[allow(unsafe_code)]
    fn map_rows(self, table: Quarters<'_>, x: Option<&[u8]>, y: &mut [u8], rows: ByteRows) {
        let ByteRows { count, len, steps } = rows;
        if len < 16 || count == 1 {
            return rows.for_each(x, y, |x, y| self.map(table, x, y));
        }
        rows.assert_within(x, y);
        let (whole, last) = (len / 16 * 16, len - 16);
        let mut to = y.as_mut_ptr();
        let (mut from, step) = x.map_or((to.cast_const(), steps[1]), |x| (x.as_ptr(), steps[0]));
        // SAFETY: all rows are within the operands. As in `map`, the last vector is read before anything is written.
        unsafe {
            for _ in 0..count {
                let end = vld1q_u8(from.add(last));
                let mut at = 0;
                while at < whole {
                    vst1q_u8(to.add(at), table.of(vld1q_u8(from.add(at))));
                    at += 16;
                }
                if whole < len {
                    vst1q_u8(to.add(last), table.of(end));
                }
                (from, to) = (from.wrapping_add(step), to.wrapping_add(steps[1]));
            }
        }
    }
}
