//! How much of flash and memory the program takes.
//!
//! The linker says where its sections lie. The stack was painted before `main`, and what has lost its paint has been used.

use core::fmt;
use core::ptr::{addr_of, read_volatile};

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    static __vector_table: u32;
    static __sidata: u32;
    static __sdata: u32;
    static __edata: u32;
    static __ebss: u32;
    static _stack_end: u32;
    static _stack_start: u32;
}

/// Bytes taken.
pub struct Used {
    flash: usize,
    data: usize,
    stack: usize,
}

impl Used {
    /// What is taken now; of the stack, the most that was ever taken.
    pub fn now() -> Used {
        let (start, end) = (addr_of!(_stack_start), addr_of!(_stack_end));
        let length = |from: *const u32, to: *const u32| to.addr() - from.addr();
        let initial = length(addr_of!(__sdata), addr_of!(__edata));
        let flash = length(addr_of!(__vector_table), addr_of!(__sidata)) + initial;
        let data = length(addr_of!(__sdata), addr_of!(__ebss));
        let words = length(end, start) / size_of::<u32>();
        // SAFETY: the stack lies between the two, and is only read, as memory that something else may write.
        let painted = |word: &usize| unsafe { read_volatile(end.add(*word)) } == STACK_PAINT_VALUE;
        let free = (0..words).take_while(painted).count();
        Used { flash, data, stack: (words - free) * size_of::<u32>() }
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "flash   {:>9} bytes, code and plan", self.flash)?;
        writeln!(f, "static  {:>9} bytes, the arena and little else", self.data)?;
        writeln!(f, "stack   {:>9} bytes at most", self.stack)
    }
}
