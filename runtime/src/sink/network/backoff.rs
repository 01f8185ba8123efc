//! How long to wait before the next attempt: twice as long each time, up to a limit.

use std::time::{Duration, Instant};

/// How patient a sink is.
#[derive(Clone, Copy, Debug)]
pub(in crate::sink) struct Pace {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub most: Duration,
    /// A connection that held for so long was a good one: after it, waiting starts again from the first.
    pub settled: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        let seconds = Duration::from_secs;
        Pace { first: seconds(1), most: seconds(60), settled: seconds(10) }
    }
}

/// Counts failures.
#[derive(Debug)]
pub(in crate::sink) struct Backoff {
    pace: Pace,
    next: Duration,
}

impl Backoff {
    pub fn new(pace: Pace) -> Backoff {
        Backoff { pace, next: pace.first }
    }

    /// How long to wait after a failure. `since` says when what failed had begun to work, if it had.
    pub fn after_failure(&mut self, since: Option<Instant>) -> Duration {
        if since.is_some_and(|since| since.elapsed() >= self.pace.settled) {
            self.reset();
        }
        let wait = self.next;
        self.next = (2 * wait).min(self.pace.most);
        wait
    }

    /// All is well.
    pub fn reset(&mut self) {
        self.next = self.pace.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_start_anew_after_a_good_connection() {
        let mut backoff = Backoff::new(Pace::default());
        let waits: Vec<u64> = (0..8).map(|_| backoff.after_failure(None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        // One that is thrown out at once, time and again, is no good one.
        assert_eq!(backoff.after_failure(Some(Instant::now())).as_secs(), 60);
        let mut backoff = Backoff { pace: Pace { settled: Duration::ZERO, ..Pace::default() }, ..backoff };
        assert_eq!(backoff.after_failure(Some(Instant::now())).as_secs(), 1);
    }
}
