//! Patches of three short rows, as of a 3 × 3 convolution of a picture: one vector of each row has the inputs of two
//! neighbouring pixels, and TBL brings those of a pixel together. Byte by byte of the window's rows, that would take as many
//! loads, and stores that overlap.

use crate::kernels::vector::Gather;
use core::arch::aarch64::*;

/// Bytes of a vector.
pub const VECTOR: usize = 16;

/// The longest runs of which three are two vectors.
const LONGEST: usize = 2 * VECTOR / 3;

/// Which bytes of three vectors a patch of runs has, by the length of a run. Behind them TBL gives 0.
static PLACES: [[u8; 2 * VECTOR]; LONGEST + 1] = {
    let mut places = [[u8::MAX; 2 * VECTOR]; LONGEST + 1];
    let mut len = 1;
    while len <= LONGEST {
        let mut index = 0;
        while index < 3 * len {
            places[len][index] = (index / len * VECTOR + index % len) as u8;
            index += 1;
        }
        len += 1;
    }
    places
};

/// The places of a pixel's patch, as two vectors, and of the next one's, whose inputs lie `step` bytes further. Runs have `len` bytes,
/// 1 to 10.
#[inline(always)]
#[allow(unsafe_code)]
pub fn places(len: usize, step: usize) -> [[uint8x16_t; 2]; 2] {
    let [first, second] = [0, VECTOR].map(|from| PLACES[len][from..].as_ptr());
    // SAFETY: every aarch64 processor has NEON, and both vectors are within the entry.
    unsafe {
        let pixel = [vld1q_u8(first), vld1q_u8(second)];
        // What is no place stays none.
        [pixel, pixel.map(|places| vqaddq_u8(places, vdupq_n_u8(step as u8)))]
    }
}

/// Writes patches, as [`Gather::run`] does, which does all that are not of three short rows.
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn gather(gather: Gather<'_>, patches: &mut [u8]) {
    let Gather { starts, len, step, pitch, .. } = gather;
    // SAFETY: as the caller says.
    unsafe {
        match *starts {
            [a, b, c] if len + step <= VECTOR && len <= LONGEST && pitch >= 2 * VECTOR => {
                three_rows(gather, [a, b, c], patches);
            }
            _ => gather.run(patches),
        }
    }
}

/// Writes patches of up to two vectors.
///
/// # Safety
/// As [`Gather::run`]; the runs of two pixels are within a vector, and patches two vectors apart or more.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn three_rows(gather: Gather<'_>, starts: [*const u8; 3], patches: &mut [u8]) {
    gather.assert_room(patches);
    let Gather { len, step, first, pixels, pitch, .. } = gather;
    let mut to = patches.as_mut_ptr();
    // SAFETY: the caller says that a vector can be read wherever a run of one of these pixels begins, and there is room for as
    // many patches, which was asserted.
    unsafe {
        let [x, y] = places(len, step);
        let mut at = first * step;
        let rows = |at: usize| {
            let [a, b, c] = starts;
            uint8x16x3_t(vld1q_u8(a.add(at)), vld1q_u8(b.add(at)), vld1q_u8(c.add(at)))
        };
        let write = |rows: uint8x16x3_t, places: [uint8x16_t; 2], to: *mut u8| {
            vst1q_u8(to, vqtbl3q_u8(rows, places[0]));
            vst1q_u8(to.add(VECTOR), vqtbl3q_u8(rows, places[1]));
        };
        let two = |at: usize, to: *mut u8| {
            let of_both = rows(at);
            write(of_both, x, to);
            write(of_both, y, to.add(pitch));
        };
        for _ in 0..pixels / 4 {
            two(at, to);
            two(at + 2 * step, to.add(2 * pitch));
            (at, to) = (at + 4 * step, to.wrapping_add(4 * pitch));
        }
        if pixels % 4 >= 2 {
            two(at, to);
            (at, to) = (at + 2 * step, to.wrapping_add(2 * pitch));
        }
        if pixels % 2 == 1 {
            write(rows(at), x, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        #[test]
        #[allow(unsafe_code)]
        fn patches_are_those_of_any_runs(
            bytes in prop::collection::vec(any::<u8>(), 3 * 128), len in 1usize..11, step in 0usize..16, first in 0usize..3,
            pixels in 1usize..6, more in 0usize..3,
        ) {
            let rows: [&[u8]; 3] = [&bytes[..128], &bytes[128..256], &bytes[256..]];
            let starts = rows.map(|row| row.as_ptr());
            let pitch = (3 * len + VECTOR - 1).next_multiple_of(VECTOR).max(2 * VECTOR) + more * VECTOR;
            let all = Gather { starts: &starts, len, step, first, pixels, pitch };
            let [mut expected, mut patches] = [0u8, 1].map(|byte| vec![byte; pixels * pitch + VECTOR]);
            // SAFETY: the last vector begins at 7 · 15 at most.
            unsafe {
                all.run(&mut expected);
                gather(all, &mut patches);
            }
            for pixel in 0..pixels {
                let of = |patches: &[u8]| patches[pixel * pitch..][..3 * len].to_vec();
                prop_assert_eq!(of(&patches), of(&expected));
            }
        }
    }
}
