//! Where vectors lie that do not fit the registers.

use core::arch::asm;
use core::mem::MaybeUninit;

/// As many bytes as a line of the first cache has, and as the longest vector.
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

/// Makes the function that this is inlined into keep vectors at addresses that are multiples of 64.
///
/// By itself LLVM keeps them wherever the stack happens to be, a multiple of 16: when it comes to know that there are vectors
/// without a register, the register that a function with an aligned stack needs is given away. Then three in four 512-bit
/// vectors lie across two lines of the cache, and reading them takes twice the time. A local variable that wants to be
/// aligned, and whose address an assembler block might look at, makes the decision early.
#[inline(always)]
#[allow(unsafe_code)]
pub fn align() {
    let line = MaybeUninit::<Line>::uninit();
    // SAFETY: the block is empty.
    unsafe { asm!("/* {0} */", in(reg) line.as_ptr(), options(nostack, preserves_flags)) };
}
