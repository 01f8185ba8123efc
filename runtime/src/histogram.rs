//! Durations, counted in classes 3 % wide: percentiles of any number of them in fixed memory.

use std::time::Duration;

/// Classes for each doubling: 2^(1/32) is 1.022.
const FINE: usize = 32;
/// Doublings, from a nanosecond to 18 minutes.
const DOUBLINGS: usize = 40;

/// How many durations there were of each length.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64; FINE * DOUBLINGS]>,
    count: u64,
    sum: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    /// Of none.
    pub fn new() -> Histogram {
        Histogram { counts: Box::new([0; FINE * DOUBLINGS]), count: 0, sum: Duration::ZERO }
    }

    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.counts[class_of(duration)] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// How many do not exceed a duration, to within 3 % of that.
    pub fn count_up_to(&self, duration: Duration) -> u64 {
        self.counts[..=class_of(duration)].iter().sum()
    }

    /// What a share of 0 to 1 of them do not exceed, to within 3 %. Zero where there are none.
    pub fn percentile(&self, share: f64) -> Duration {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut below = 0;
        let class = self.counts.iter().position(|&count| {
            below += count;
            below >= rank
        });
        class.map_or(Duration::ZERO, |class| Duration::from_nanos(2f64.powf(class as f64 / FINE as f64).round() as u64))
    }
}

/// The class that a duration is counted in.
fn class_of(duration: Duration) -> usize {
    let nanoseconds = (duration.as_nanos() as f64).max(1.0);
    ((nanoseconds.log2() * FINE as f64).round() as usize).min(FINE * DOUBLINGS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_durations() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(0.5), Duration::ZERO);
        for ms in 1..=1000 {
            histogram.add(Duration::from_millis(ms));
        }
        for (share, ms) in [(0.5, 500.0), (0.99, 990.0), (0.0, 1.0), (1.0, 1000.0)] {
            let got = histogram.percentile(share).as_secs_f64() * 1e3;
            assert!((got / ms - 1.0).abs() < 0.03, "{share}: {got}");
        }
        assert_eq!(histogram.sum(), Duration::from_millis(500_500));
        let half = histogram.count_up_to(Duration::from_millis(500));
        assert!(half.abs_diff(500) < 16, "{half}");
        histogram.add(Duration::ZERO);
        histogram.add(Duration::MAX);
        assert_eq!(histogram.count(), 1002);
        assert_eq!(histogram.percentile(0.0), Duration::from_nanos(1));
    }
}
