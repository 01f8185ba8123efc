//! How much memory the program takes.
//!
//! The linker says where its sections lie. The stack was painted before `main`, and what has lost its paint has been used.

use core::fmt;
use core::ptr::{addr_of, read_volatile};

/// What `start.s` paints the stack with.
const PAINT: u64 = 0xCCCC_CCCC_CCCC_CCCC;

unsafe extern "C" {
    static image_start: u64;
    static image_end: u64;
    static bss_start: u64;
    static bss_end: u64;
    static stack_end: u64;
    static stack_start: u64;
}

/// Bytes taken.
pub struct Used {
    image: usize,
    zeros: usize,
    stack: usize,
}

impl Used {
    /// What is taken now; of the stack, the most that was ever taken.
    pub fn now() -> Used {
        let (start, end) = (addr_of!(stack_start), addr_of!(stack_end));
        let length = |from: *const u64, to: *const u64| to.addr() - from.addr();
        let words = length(end, start) / size_of::<u64>();
        // SAFETY: the stack lies between the two, and is only read, as memory that something else may write.
        let painted = |word: &usize| unsafe { read_volatile(end.add(*word)) } == PAINT;
        let free = (0..words).take_while(painted).count();
        Used {
            image: length(addr_of!(image_start), addr_of!(image_end)),
            zeros: length(addr_of!(bss_start), addr_of!(bss_end)),
            stack: (words - free) * size_of::<u64>(),
        }
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "image   {:>9} bytes, code and plan", self.image)?;
        writeln!(f, "static  {:>9} bytes, the arena and little else", self.zeros)?;
        writeln!(f, "stack   {:>9} bytes at most", self.stack)
    }
}
