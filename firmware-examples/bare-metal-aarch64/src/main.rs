//! Finds shapes on a picture, on a 64-bit Arm processor without operating system and allocator, with its NEON kernels.
//!
//! `start.s` and [`translation`] bring the processor to `main`; [`clock`], [`memory`] and [`power`] are the same on every
//! such processor. Of the machine only [`uart`], the table's two entries and `link.ld` know.
#![no_std]
#![no_main]

mod clock;
mod memory;
mod power;
mod translation;
mod uart;

use core::arch::global_asm;
use core::fmt::Write;
use core::panic::PanicInfo;

use plan_in_flash::flash::Aligned;
use plan_in_flash::{Detector, Error, Report};
use retort_core::plan::arena_len;
use static_cell::ConstStaticCell;
use uart::Uart;

global_asm!(include_str!("start.s"));

const BYTES: &[u8] = include_bytes!("../shapes-neon.plan");

/// The network of `shapes.plan`, its weights as the NEON kernels read them.
static PLAN: Aligned<{ BYTES.len() }> = Aligned::new(*include_bytes!("../shapes-neon.plan"));

const ARENA_LEN: usize = match arena_len(BYTES) {
    Some(len) => len,
    None => panic!("shapes-neon.plan is no plan of this version; README.md says how to make it again"),
};

/// Zeros, so it is no part of the image.
static ARENA: ConstStaticCell<Aligned<ARENA_LEN>> = ConstStaticCell::new(Aligned::zeros());

/// Where `start.s` ends; `level` is the privilege level at which it began.
#[unsafe(no_mangle)]
extern "C" fn main(level: u64) -> ! {
    clock::start();
    if let Err(error) = run() {
        let _ = writeln!(Uart, "error: {error}");
    }
    power::off(level)
}

fn run() -> Result<(), Error> {
    let mut detector = Detector::of(PLAN.bytes(), ARENA.take().bytes_mut())?;
    // A camera would be read in a loop here.
    let report = Report::of(&mut detector, clock::cycles)?;
    let _ = write!(Uart, "{report}");
    let _ = writeln!(Uart, "time    {:>9} cycles", report.ticks);
    let _ = write!(Uart, "{}", memory::Used::now());
    Ok(())
}

/// Where `start.s` goes with an exception: its syndrome, the instruction, and the address it was about.
#[unsafe(no_mangle)]
extern "C" fn fault(syndrome: u64, instruction: u64, address: u64) -> ! {
    let _ = writeln!(Uart, "fault: syndrome {syndrome:#x} at {instruction:#x}, address {address:#x}");
    power::sleep()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Uart, "{info}");
    power::sleep()
}
