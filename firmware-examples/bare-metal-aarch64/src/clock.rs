//! The processor's own count of its cycles.

use core::arch::asm;

/// Counts from 0, all 64 bits.
pub fn start() {
    // SAFETY: these registers only count.
    unsafe {
        asm!(
            "msr pmccfiltr_el0, xzr",
            "msr pmcntenset_el0, {counter}",
            "msr pmcr_el0, {control}",
            "isb",
            counter = in(reg) 1u64 << 31,
            // On, from 0, 64 bits.
            control = in(reg) 1u64 | 1 << 2 | 1 << 6,
            options(nomem, nostack)
        );
    }
}

/// Cycles since the start. Earlier instructions are done, later ones have not begun.
pub fn cycles() -> u64 {
    let cycles;
    // SAFETY: it only reads.
    unsafe { asm!("isb", "mrs {}, pmccntr_el0", "isb", out(reg) cycles, options(nostack)) };
    cycles
}
