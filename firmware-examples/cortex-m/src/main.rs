//! Finds shapes on a picture, on a Cortex-M without operating system and allocator: the plan is read where it lies in flash,
//! the arena is static memory.
//!
//! Of the board only `uart` knows, and `memory.x` beside the folder. [`clock`] and [`memory`] are the same on every
//! Cortex-M.
#![no_std]
#![no_main]

mod clock;
mod memory;
mod uart;

use core::fmt::Write;
use core::panic::PanicInfo;

use clock::Clock;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use plan_in_flash::{Arena, Detector, Error, Report};
use static_cell::ConstStaticCell;
use uart::Uart;

/// Zeros, so it takes no flash.
static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::zeros());

#[entry]
fn main() -> ! {
    let mut uart = Uart::open();
    let done = run(&mut uart);
    if let Err(error) = done {
        let _ = writeln!(uart, "error: {error}");
    }
    end(done.is_ok())
}

fn run(uart: &mut Uart) -> Result<(), Error> {
    let mut detector = Detector::new(ARENA.take())?;
    let mut clock = cortex_m::Peripherals::take().map(|chip| Clock::start(chip.SYST));
    // A camera would be read in a loop here.
    let report = Report::of(&mut detector, || clock.as_mut().map_or(0, Clock::ticks))?;
    let _ = write!(uart, "{report}");
    let _ = writeln!(uart, "time    {:>9} ticks of the core's clock", report.ticks);
    let _ = write!(uart, "{}", memory::Used::now());
    Ok(())
}

/// Stops: under an emulator or a debugger the program is over, on a chip by itself the core sleeps.
fn end(well: bool) -> ! {
    if cfg!(feature = "semihosting") {
        debug::exit(if well { EXIT_SUCCESS } else { EXIT_FAILURE });
    }
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Uart::open(), "{info}");
    end(false)
}

// SAFETY: it ends the program, and so returns to nothing.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let _ = writeln!(Uart::open(), "fault: {frame:?}");
    end(false)
}
