//! Pixels whose channels do not fill vectors, as where channels of different ranges were parted: computed as if they did, side by side
//! in a buffer, and copied from there. To write a few bytes of a vector takes more than to compute them all.

use crate::kernels::vector::Target;
use core::mem::MaybeUninit;

/// Pixels of the buffer, a multiple of every tile's.
const PIXELS: usize = 48;

/// The most channels that fill vectors.
const MOST: usize = 16;

/// Calls `compute` with the first of some pixels, how many there are, and where to write the channels that fill vectors, `filled` of
/// them; copies those of `to` from there.
///
/// # Safety
/// They can be written, all `pixels` of them; `compute` writes all that it is told to.
// Who has no use for it does not make room for the buffer.
#[inline(never)]
#[allow(unsafe_code)]
pub unsafe fn in_parts(pixels: usize, to: Target, filled: usize, mut compute: impl FnMut(usize, usize, Target)) {
    assert!(to.channels <= filled && filled <= MOST, "channels");
    let mut buffer = MaybeUninit::<[u8; PIXELS * MOST]>::uninit();
    let start = buffer.as_mut_ptr().cast::<u8>();
    for first in (0..pixels).step_by(PIXELS) {
        let count = PIXELS.min(pixels - first);
        compute(first, count, Target { first: start, step: filled, channels: filled });
        for pixel in 0..count {
            // SAFETY: as the caller says.
            unsafe { copy(start.add(pixel * filled), to.first.add((first + pixel) * to.step), to.channels) };
        }
    }
}

/// Copies up to 16 bytes, in two pieces, which may overlap.
///
/// # Safety
/// They can be read and written.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    macro_rules! pieces {
        ($piece:ty) => {{
            let last = len - size_of::<$piece>();
            let pieces = [from.cast::<$piece>().read_unaligned(), from.add(last).cast::<$piece>().read_unaligned()];
            to.cast::<$piece>().write_unaligned(pieces[0]);
            to.add(last).cast::<$piece>().write_unaligned(pieces[1]);
        }};
    }
    // SAFETY: as the caller says; no piece is longer than all.
    unsafe {
        match len {
            8.. => pieces!(u64),
            4.. => pieces!(u32),
            2.. => pieces!(u16),
            1 => *to = *from,
            0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    #[allow(unsafe_code)]
    fn the_channels_of_every_pixel_and_nothing_else_are_copied() {
        for (channels, filled) in [(1, 4), (2, 4), (3, 4), (5, 8), (7, 8), (9, 12), (11, 12), (13, 16), (16, 16)] {
            let (pixels, step) = (101, channels + 2);
            let mut bytes = vec![0xEE; pixels * step];
            let to = Target { first: bytes.as_mut_ptr(), step, channels };
            let mut done = 0;
            // SAFETY: the bytes are long enough, and all of the buffer is written.
            unsafe {
                in_parts(pixels, to, filled, |first, count, to| {
                    assert_eq!((first, to.step, to.channels), (done, filled, filled));
                    for at in 0..count * filled {
                        *to.first.add(at) = ((first + at / filled) * 3 + at % filled) as u8;
                    }
                    done += count;
                });
            }
            for (at, byte) in bytes.into_iter().enumerate() {
                let (pixel, channel) = (at / step, at % step);
                let expected = if channel < channels { (pixel * 3 + channel) as u8 } else { 0xEE };
                assert_eq!(byte, expected, "{channels} of {filled}, pixel {pixel}, channel {channel}");
            }
        }
    }
}
