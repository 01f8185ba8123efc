//! Counts the ticks of the core's clock by SysTick, which every Cortex-M has, and which is 24 bits wide: an exception counts how
//! often it has gone round.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// Ticks in a round.
const ROUND: u32 = 1 << 24;

static ROUNDS: AtomicU32 = AtomicU32::new(0);

/// SysTick, running.
pub struct Clock(SYST);

impl Clock {
    /// Starts it.
    pub fn start(mut timer: SYST) -> Clock {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(ROUND - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        Clock(timer)
    }

    /// Ticks since it was started.
    pub fn ticks(&mut self) -> u64 {
        loop {
            let rounds = ROUNDS.load(Ordering::Relaxed);
            // It counts down.
            let within = ROUND - 1 - SYST::get_current();
            // Both belong together if no round has ended in between.
            if ROUNDS.load(Ordering::Relaxed) == rounds {
                return u64::from(rounds) * u64::from(ROUND) + u64::from(within);
            }
        }
    }
}

#[exception]
fn SysTick() {
    ROUNDS.fetch_add(1, Ordering::Relaxed);
}
