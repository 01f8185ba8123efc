//! Switches the machine off, through the firmware's PSCI (Arm's DEN 0022).

use core::arch::asm;

/// PSCI's SYSTEM_OFF.
const SYSTEM_OFF: u64 = 0x8400_0008;

/// Does not return. `level` is the privilege level at which the program was started: the firmware is above it.
pub fn off(level: u64) -> ! {
    // SAFETY: the machine ends there. Where no firmware answers, the exception ends the program.
    unsafe {
        match level {
            2 => asm!("smc #0", in("x0") SYSTEM_OFF, options(nostack)),
            _ => asm!("hvc #0", in("x0") SYSTEM_OFF, options(nostack)),
        }
    }
    sleep()
}

/// Does nothing any more.
pub fn sleep() -> ! {
    loop {
        // SAFETY: it only waits.
        unsafe { asm!("wfe", options(nomem, nostack)) };
    }
}
