//! Waiting: real for sources, invented for their tests.

use std::time::{Duration, Instant};

use super::Stop;

/// Longest sleep between two looks at the flag that ends it.
const NAP: Duration = Duration::from_millis(50);

/// Lets time pass.
pub(super) trait Clock {
    /// Waits, but no longer than until `stop` is raised.
    fn sleep(&mut self, duration: Duration, stop: &Stop);
}

/// The machine's own.
#[derive(Debug, Default)]
pub(super) struct RealClock;

impl Clock for RealClock {
    fn sleep(&mut self, duration: Duration, stop: &Stop) {
        let end = Instant::now() + duration;
        while !stop.is_raised() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
