//! The program on a computer, where it can print. On a board `main` would be the entry point of its runtime crate, the
//! picture would come from a camera, and the lines would go to a serial port; the library stays as it is.

use plan_in_flash::flash::{self, ARENA_LEN};
use plan_in_flash::{Arena, Detector, Error, Report};
use static_cell::ConstStaticCell;

/// Zeros, so it takes no place in the binary.
static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::zeros());

fn main() -> Result<(), Error> {
    let mut detector = Detector::new(ARENA.take())?;
    println!("plan      {:>7} bytes, read in place", flash::plan().len());
    println!("arena     {ARENA_LEN:>7} bytes, static");
    println!("compute   {:>7} multiply-accumulates a picture", detector.plan().macs());
    println!();
    print!("{}", Report::of(&mut detector, || 0)?);
    Ok(())
}
