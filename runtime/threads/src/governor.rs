//! Whether helpers are worth having, by measurement.
//!
//! On idle cores they always are. Where another process holds the cores they can cost more than they save: a helper that
//! loses its core in the middle of a part keeps the caller waiting for as long as the scheduler lets the other process
//! have it, some milliseconds. The governor judges at two levels.
//!
//! * **Within a run** it keeps a balance: what helpers saved the caller in each step less how long the caller waited for
//!   them. Once that is in the red the rest of the run goes on without them.
//! * **Between runs** it compares what helped runs take with what runs alone take, of which it makes one now and then to
//!   know. Gains earn credit, losses cost more of it. Out of credit, runs are made alone, and helpers are tried again
//!   after a while that doubles with each try that fails and pays off what the try cost. A try is a few runs, because
//!   helpers that slept long wake late, and ends with the first in which a helper was late.
//!
//! So about three in a hundred runs are tries that fail, which neither the median nor the 90th percentile of the latency
//! shows.

use crate::board::Outcome;
use std::time::Duration;

/// Runs alone of which the median is what a run alone takes.
const SAMPLES: usize = 5;
/// Helped runs after which one is made alone, to know what that takes by now.
const SAMPLE_EVERY: u32 = 128;
/// The most credit there can be.
const MOST_CREDIT: i32 = 16;
/// What it costs when the caller waited for a helper for longer than all helpers saved.
const LATE: i32 = 16;
/// What it costs when a helped run is no faster than one alone, though no helper was late.
const SLOW: i32 = 2;
/// Credit at the start of a try.
const TRY: i32 = 3 * SLOW;
/// Runs alone after the first try that fails.
const FIRST_PAUSE: u32 = 8;
/// Runs alone after one of many tries that fail.
const LONGEST_PAUSE: u32 = 128;
/// Time that is spent alone for each unit of time that a failed try lost.
const REPAYMENT: u32 = 50;
/// The red balance at which helpers are let go within a run.
const OVERDRAFT: Duration = Duration::from_micros(50);

/// Whether a run is helped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Help {
    /// By nobody.
    #[default]
    Alone,
    /// By helpers once they are awake: nobody knows how long that takes, and to cut a step for those who are not there
    /// only slows the caller down.
    Awake,
    /// By all helpers, from the first step: they came in time in the last run.
    All,
}

/// Decides which runs are helped.
#[derive(Debug, Default)]
pub struct Governor {
    /// What the last runs alone took, the oldest first.
    alone: Vec<Duration>,
    /// Whether the run now going on is helped.
    help: Help,
    /// What helpers saved in this run.
    saved: Duration,
    /// What the caller waited for them.
    waited: Duration,
    /// Helped runs since the last one alone.
    helped_runs: u32,
    /// Gains on account.
    credit: i32,
    /// Gains in a row.
    gains: u32,
    /// Time lost in helped runs and not yet gained back.
    debt: Duration,
    /// Runs to make alone when the next try fails.
    pause: u32,
    /// Runs still to make alone before the next try.
    alone_runs: u32,
    /// Time still to spend alone before the next try.
    alone_time: Duration,
}

impl Governor {
    /// A governor that knows nothing: it lets the first run be helped, for it may be the only one.
    pub fn new() -> Self {
        // The samples' memory is there from the start, because runs must not allocate.
        Governor {
            alone: Vec::with_capacity(SAMPLES),
            credit: TRY,
            pause: FIRST_PAUSE,
            helped_runs: SAMPLE_EVERY - 1,
            ..Default::default()
        }
    }

    /// Whether the run that begins is to be helped.
    pub fn begin(&mut self) -> Help {
        let paused = self.alone_runs > 0 || self.alone_time > Duration::ZERO;
        self.help = match paused || self.helped_runs >= SAMPLE_EVERY {
            true => Help::Alone,
            false if self.gains == 0 => Help::Awake,
            false => Help::All,
        };
        (self.saved, self.waited) = (Duration::ZERO, Duration::ZERO);
        self.help
    }

    /// Takes note of a step of a helped run; false where the rest of the run is to go on alone.
    pub fn step(&mut self, outcome: &Outcome) -> bool {
        // The helpers' parts would have taken the caller about as long as its own.
        let part = outcome.worked.checked_div(outcome.own as u32).unwrap_or_default();
        self.saved += part.saturating_mul(outcome.helped as u32);
        self.waited += outcome.waited;
        self.waited <= self.saved + OVERDRAFT
    }

    /// Takes note of how long the run took.
    pub fn end(&mut self, took: Duration) {
        if self.help == Help::Alone {
            return self.end_alone(took);
        }
        self.helped_runs += 1;
        let late = self.waited > self.saved + OVERDRAFT;
        let alone = self.alone_usually();
        // Nothing to compare with at first.
        let slow = alone.is_some_and(|alone| took > alone.mul_f32(0.95));
        let cost = match (slow, late) {
            (true, true) => LATE,
            (true, false) => SLOW,
            (false, true) if alone.is_none() => LATE,
            (false, _) => return self.gain(alone.map_or(Duration::ZERO, |alone| alone - took)),
        };
        self.gains = 0;
        self.credit -= cost;
        self.debt += alone.map_or(self.waited, |alone| took.saturating_sub(alone));
        if self.credit < 0 {
            self.credit = TRY;
            self.alone_runs = self.pause;
            self.alone_time = self.debt * REPAYMENT;
            self.debt = Duration::ZERO;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn end_alone(&mut self, took: Duration) {
        if self.alone.len() == SAMPLES {
            self.alone.remove(0);
        }
        self.alone.push(took);
        // Until there are enough samples, one follows another.
        if self.alone.len() == SAMPLES {
            self.helped_runs = 0;
        }
        self.alone_runs = self.alone_runs.saturating_sub(1);
        self.alone_time = self.alone_time.saturating_sub(took);
    }

    fn gain(&mut self, gained: Duration) {
        self.credit = (self.credit + 1).min(MOST_CREDIT);
        self.debt = self.debt.saturating_sub(gained);
        self.gains += 1;
        if self.gains > LONGEST_PAUSE {
            self.pause = FIRST_PAUSE;
        }
    }

    /// The median of what the last runs alone took; `None` before there are enough.
    fn alone_usually(&self) -> Option<Duration> {
        let mut sorted = <[Duration; SAMPLES]>::try_from(self.alone.as_slice()).ok()?;
        sorted.sort_unstable();
        Some(sorted[SAMPLES / 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// Makes `runs` runs; `helped` says what a helped run saves, waits and takes, by its number. Returns which were helped.
    fn make(governor: &mut Governor, runs: u32, alone: Duration, helped: impl Fn(u32) -> [Duration; 3]) -> Vec<bool> {
        let mut tries = 0;
        let run = |_| {
            let is_helped = governor.begin() != Help::Alone;
            let mut took = alone;
            if is_helped {
                let [saved, waited, takes] = helped(tries);
                tries += 1;
                governor.step(&Outcome { helped: 1, own: 1, worked: saved, waited });
                took = takes;
            }
            governor.end(took);
            is_helped
        };
        (0..runs).map(run).collect()
    }

    fn share(helped: &[bool]) -> f64 {
        helped.iter().filter(|&&helped| helped).count() as f64 / helped.len() as f64
    }

    const GOOD: [Duration; 3] = [micros(500), micros(5), micros(600)];
    const STALLED: [Duration; 3] = [micros(300), micros(4000), micros(4700)];

    #[test]
    fn the_first_run_and_nearly_all_on_idle_cores_are_helped() {
        let helped = make(&mut Governor::new(), 1000, micros(1000), |_| GOOD);
        assert!(helped[0]);
        assert!(share(&helped) > 0.98, "{}", share(&helped));
    }

    #[test]
    fn tries_are_few_where_helpers_stall_and_cost_little() {
        let helped = make(&mut Governor::new(), 10_000, micros(1000), |_| STALLED);
        // 3.7 ms are lost in each run that is tried, of 1 ms.
        assert!((0.002..0.015).contains(&share(&helped)), "{}", share(&helped));
    }

    #[test]
    fn tries_are_few_where_every_second_helper_stalls() {
        let helped = make(&mut Governor::new(), 10_000, micros(1000), |n| if n % 2 == 0 { GOOD } else { STALLED });
        assert!(share(&helped) < 0.05, "{}", share(&helped));
    }

    #[test]
    fn a_network_too_small_to_gain_runs_alone() {
        let helped = make(&mut Governor::new(), 1000, micros(50), |_| [micros(10), micros(1), micros(52)]);
        assert!(share(&helped) < 0.06, "{}", share(&helped));
    }

    #[test]
    fn a_helper_that_slept_long_may_wake_late() {
        const SLEPT: [Duration; 3] = [micros(0), micros(0), micros(1005)];
        let governor = &mut Governor::new();
        make(governor, 1000, micros(1000), |_| STALLED);
        let helped = make(governor, 1000, micros(1000), |n| if n < 3 { SLEPT } else { GOOD });
        assert!(share(&helped[500..]) > 0.95, "{}", share(&helped));
    }

    #[test]
    fn a_rare_stall_is_forgiven() {
        let helped = make(&mut Governor::new(), 2000, micros(1000), |n| if n % 50 == 49 { STALLED } else { GOOD });
        assert!(share(&helped) > 0.95, "{}", share(&helped));
    }

    #[test]
    fn helpers_come_back_once_the_cores_are_free() {
        let governor = &mut Governor::new();
        make(governor, 1000, micros(1000), |_| STALLED);
        let helped = make(governor, 500, micros(1000), |_| GOOD);
        assert!(share(&helped[300..]) > 0.95, "{helped:?}");
        let helped = make(governor, 1000, micros(1000), |_| STALLED);
        assert!(share(&helped) < 0.02, "{}", share(&helped));
    }

    #[test]
    fn a_run_goes_on_alone_once_its_balance_is_in_the_red() {
        let mut governor = Governor::new();
        assert_eq!(governor.begin(), Help::Awake);
        let good = Outcome { helped: 3, own: 5, worked: micros(50), waited: micros(2) };
        assert!(governor.step(&good));
        assert!(!governor.step(&Outcome { waited: micros(200), ..good }));
        // Nothing owed is carried over.
        governor.end(micros(300));
        governor.alone_time = Duration::ZERO;
        governor.alone_runs = 0;
        governor.begin();
        assert!(governor.step(&good));
    }
}
