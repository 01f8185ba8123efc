//! How long the three parts of a frame took.

use std::time::{Duration, Instant};

/// Times of the last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From pixels to the input tensor.
    pub preprocess: Duration,
    /// The network.
    pub infer: Duration,
    /// From outputs to results.
    pub postprocess: Duration,
}

impl Latency {
    /// All three.
    pub fn total(&self) -> Duration {
        self.preprocess + self.infer + self.postprocess
    }
}

/// A duration in milliseconds.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A watch that gives the time since it was last read.
pub struct Laps(Instant);

impl Laps {
    /// Starts it.
    pub fn start() -> Laps {
        Laps(Instant::now())
    }

    /// Since the start, or since this was last asked.
    pub fn lap(&mut self) -> Duration {
        let before = std::mem::replace(&mut self.0, Instant::now());
        self.0.duration_since(before)
    }
}
