//! Patches: the inputs behind each output pixel of a general convolution, brought together, so that products have one run.

use super::layout::GATHERED;

/// What is gathered: runs of inputs in padded rows.
#[derive(Clone, Copy, Debug)]
pub struct Gather<'g> {
    /// Where the runs behind the row's first pixel begin.
    pub starts: &'g [*const u8],
    /// Bytes of a run.
    pub len: usize,
    /// Bytes from the runs of one pixel to those of the next.
    pub step: usize,
    /// The first pixel.
    pub first: usize,
    /// How many there are.
    pub pixels: usize,
    /// Bytes from one patch to the next.
    pub pitch: usize,
}

impl Gather<'_> {
    /// Panics unless `patches` has room: each is followed by less than a vector that is arbitrary, and so is the last one.
    #[inline(always)]
    pub fn assert_room(&self, patches: &[u8]) {
        let Gather { starts, len, pixels, pitch, .. } = *self;
        assert!(starts.len() * len + GATHERED - 1 <= pitch && pixels * pitch + GATHERED <= patches.len(), "patches");
    }

    /// Writes the patches.
    ///
    /// # Safety
    /// All runs can be read, and a vector of [`GATHERED`] bytes from any of their bytes on.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn run(self, patches: &mut [u8]) {
        self.assert_room(patches);
        let Gather { starts, len, step, first, pixels, pitch } = self;
        for (run, &start) in starts.iter().enumerate() {
            for done in (0..len).step_by(GATHERED) {
                // SAFETY: the caller says what can be read, and there is room, which was asserted. What is written behind a run
                // is overwritten by the next one.
                unsafe {
                    let copy = |from: *const u8, to: *mut u8| {
                        to.cast::<[u8; GATHERED]>().write_unaligned(from.cast::<[u8; GATHERED]>().read_unaligned());
                    };
                    let mut from = start.add(first * step + done);
                    let mut to = patches.as_mut_ptr().add(run * len + done);
                    // Four at a time, so that places are sums of registers.
                    for _ in 0..pixels / 4 {
                        copy(from, to);
                        copy(from.add(step), to.add(pitch));
                        copy(from.add(2 * step), to.add(2 * pitch));
                        copy(from.add(3 * step), to.add(3 * pitch));
                        (from, to) = (from.wrapping_add(4 * step), to.wrapping_add(4 * pitch));
                    }
                    for _ in 0..pixels % 4 {
                        copy(from, to);
                        (from, to) = (from.wrapping_add(step), to.wrapping_add(pitch));
                    }
                }
            }
        }
    }
}
