//! A serial port to write to: Arm's PL011, which QEMU's machine `virt` and most Raspberry Pis have.

use core::fmt;
use core::ptr::{read_volatile, write_volatile};

/// Its registers on `virt`. A Raspberry Pi 4 has them at 0xFE20_1000, and wants the rate and the pins set first.
const PORT: usize = 0x0900_0000;
const DATA: *mut u32 = PORT as *mut u32;
const FLAGS: *const u32 = (PORT + 0x18) as *const u32;

const TRANSMIT_FULL: u32 = 1 << 5;

/// The port, as the loader has left it.
pub struct Uart;

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            // SAFETY: these are the port's registers, and nothing else in the program touches them.
            unsafe {
                while read_volatile(FLAGS) & TRANSMIT_FULL != 0 {}
                write_volatile(DATA, byte.into());
            }
        }
        Ok(())
    }
}
