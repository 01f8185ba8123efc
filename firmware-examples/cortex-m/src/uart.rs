//! A serial port to write to: the "CMSDK APB UART" of Arm's FPGA boards, which QEMU emulates. On a chip the crate of its
//! peripherals has one instead.

use core::fmt;
use core::ptr::{read_volatile, write_volatile};

/// The registers of the first port; the manual is Arm's DDI 0479, section 4.3.
const PORT: usize = 0x4000_4000;
const DATA: *mut u32 = PORT as *mut u32;
const STATE: *const u32 = (PORT + 0x4) as *const u32;
const CONTROL: *mut u32 = (PORT + 0x8) as *mut u32;
const DIVIDER: *mut u32 = (PORT + 0x10) as *mut u32;

const TRANSMIT_FULL: u32 = 1;
const ENABLE_TRANSMIT: u32 = 1;

/// 25 MHz over this are 115 207 bits a second.
const DIVISION: u32 = 217;

/// The port.
pub struct Uart(());

impl Uart {
    /// Switches it on.
    pub fn open() -> Uart {
        // SAFETY: these are the port's registers, and nothing else in the program touches them.
        unsafe {
            write_volatile(DIVIDER, DIVISION);
            write_volatile(CONTROL, ENABLE_TRANSMIT);
        }
        Uart(())
    }
}

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            // SAFETY: as above.
            unsafe {
                while read_volatile(STATE) & TRANSMIT_FULL != 0 {}
                write_volatile(DATA, byte.into());
            }
        }
        Ok(())
    }
}
