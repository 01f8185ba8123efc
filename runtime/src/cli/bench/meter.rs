//! Measuring: runs a model for a time, or for minutes on end while looking at the machine.

use std::time::Instant;

use serde_json::{Value, json};

use super::times::Times;
use crate::Error;
use crate::board::Root;
use crate::board::state::State;
use crate::board::throttle::Ask;
use crate::model::Session;

/// The most points of a series: as many as a wide plot has columns.
const MOST_POINTS: f64 = 900.0;

/// Runs a model and keeps its times.
pub struct Meter<'s> {
    session: &'s mut Session,
    /// Of all measured runs.
    pub times: Times,
    allocations: usize,
}

/// A stretch of a long measurement.
#[derive(Clone, Debug)]
pub struct Point {
    /// Seconds from the start of the measurement to the end of the stretch.
    pub seconds: f64,
    /// Runs in it.
    pub runs: u64,
    /// The median of their times in milliseconds.
    pub p50: f64,
    /// The time that 99 % of them did not exceed.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// The machine at its end.
    pub state: State,
}

impl Point {
    /// Whether something held the machine back.
    pub fn is_held_back(&self) -> bool {
        self.state.throttling.is_some_and(|throttling| !throttling.now.is_fine())
    }

    /// The point in a JSON series.
    pub fn json(&self) -> Value {
        json!({
            "seconds": self.seconds,
            "runs": self.runs,
            "latency_ms": {"p50": self.p50, "p99": self.p99, "max": self.max},
            "temperature": self.state.temperature,
            "mhz": self.state.clock.current_mhz,
            "throttling": self.state.throttling.map(|throttling| throttling.now),
        })
    }
}

impl<'s> Meter<'s> {
    /// Nothing measured yet.
    pub fn new(session: &'s mut Session) -> Meter<'s> {
        Meter { session, times: Times::new(), allocations: 0 }
    }

    /// Runs for so many seconds without measuring.
    pub fn warm_up(&mut self, seconds: f64) -> Result<(), Error> {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            self.session.run()?;
        }
        Ok(())
    }

    /// Measures for so many seconds, at least one run.
    pub fn measure(&mut self, seconds: f64) -> Result<(), Error> {
        let start = Instant::now();
        let before = retort_alloc_count::requests();
        loop {
            let run = Instant::now();
            self.session.run()?;
            self.times.add(run.elapsed());
            if start.elapsed().as_secs_f64() >= seconds {
                break;
            }
        }
        self.allocations += retort_alloc_count::requests() - before;
        Ok(())
    }

    /// Measures for so many seconds in stretches of about a second, and calls `seen` with all points so far after each.
    /// Looking at the machine is not part of any run's time.
    pub fn sustain(&mut self, seconds: f64, root: &Root, mut seen: impl FnMut(&[Point])) -> Result<Vec<Point>, Error> {
        let stretch = (seconds / MOST_POINTS).max(1.0).min(seconds);
        let mut all = Times::new();
        let mut points: Vec<Point> = Vec::new();
        let start = Instant::now();
        loop {
            let left = seconds - start.elapsed().as_secs_f64();
            // What is left of a stretch that ended late is none by itself.
            if left < stretch / 2.0 && !points.is_empty() {
                break;
            }
            self.times.clear();
            self.measure(stretch.min(left))?;
            let times = &self.times;
            all.add_all(times);
            points.push(Point {
                seconds: start.elapsed().as_secs_f64(),
                runs: times.runs(),
                p50: times.quantile(0.5),
                p99: times.quantile(0.99),
                max: times.quantile(1.0),
                state: State::read(root, Ask::Files),
            });
            seen(&points);
        }
        self.times = all;
        Ok(points)
    }

    /// How often a run asked for memory, rounded up.
    pub fn allocations_per_run(&self) -> usize {
        self.allocations.div_ceil(usize::try_from(self.times.runs()).unwrap_or(usize::MAX).max(1))
    }
}
