//! How long runs took: a histogram, so that a measurement of hours takes no more memory than one of a second.

use std::time::Duration;

use crate::vision::latency::milliseconds;

/// A bucket is a 512th of an octave wide: its middle is within 0.1 % of any time in it. Times below 512 ns are exact.
const BITS: u32 = 9;
/// Times of 2⁴² ns, more than an hour, and above share the last bucket.
const OCTAVES: u32 = 42;
const BUCKETS: usize = ((OCTAVES - BITS + 1) as usize) << BITS;

/// The times of some runs. Least, greatest and mean are exact.
#[derive(Clone, Debug)]
pub struct Times {
    buckets: Box<[u32]>,
    runs: u64,
    sum: Duration,
    least: Duration,
    greatest: Duration,
}

impl Times {
    /// No times yet.
    pub fn new() -> Times {
        Times {
            buckets: vec![0; BUCKETS].into(),
            runs: 0,
            sum: Duration::ZERO,
            least: Duration::MAX,
            greatest: Duration::ZERO,
        }
    }

    /// Forgets all times; the memory stays.
    pub fn clear(&mut self) {
        self.buckets.fill(0);
        (self.runs, self.sum, self.least, self.greatest) = (0, Duration::ZERO, Duration::MAX, Duration::ZERO);
    }

    /// Takes the time of a run. Does not allocate.
    pub fn add(&mut self, time: Duration) {
        let bucket = &mut self.buckets[bucket(time)];
        *bucket = bucket.saturating_add(1);
        self.runs += 1;
        self.sum += time;
        self.least = self.least.min(time);
        self.greatest = self.greatest.max(time);
    }

    /// Takes all times of another measurement.
    pub fn add_all(&mut self, other: &Times) {
        for (bucket, other) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket = bucket.saturating_add(*other);
        }
        self.runs += other.runs;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }

    /// How many runs.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The mean in milliseconds; 0 where nothing ran.
    pub fn mean(&self) -> f64 {
        if self.runs == 0 { 0.0 } else { milliseconds(self.sum) / self.runs as f64 }
    }

    /// The time in milliseconds that a share of the runs, from 0 to 1, did not exceed; 0 where nothing ran.
    pub fn quantile(&self, share: f64) -> f64 {
        if self.runs == 0 {
            return 0.0;
        }
        let rank = (share * (self.runs - 1) as f64).round() as u64;
        if rank == 0 {
            return milliseconds(self.least);
        }
        if rank >= self.runs - 1 {
            return milliseconds(self.greatest);
        }
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|&runs| {
            seen += u64::from(runs);
            seen > rank
        });
        let time = bucket.map_or(self.greatest, middle);
        milliseconds(time.clamp(self.least, self.greatest))
    }
}

fn bucket(time: Duration) -> usize {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).clamp(1, (1 << OCTAVES) - 1);
    let octave = nanoseconds.ilog2();
    if octave < BITS {
        return nanoseconds as usize;
    }
    let shift = octave - BITS;
    ((shift as usize + 1) << BITS) + (nanoseconds >> shift) as usize - (1 << BITS)
}

/// The time in the middle of a bucket.
fn middle(bucket: usize) -> Duration {
    let octave = bucket >> BITS;
    if octave == 0 {
        return Duration::from_nanos(bucket as u64);
    }
    let shift = octave - 1;
    let start = (((bucket & ((1 << BITS) - 1)) + (1 << BITS)) as u64) << shift;
    Duration::from_nanos(start + (1 << shift) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(nanoseconds: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::new();
        nanoseconds.into_iter().for_each(|time| times.add(Duration::from_nanos(time)));
        times
    }

    #[test]
    fn quantiles_of_a_ladder() {
        let times = times((1..=1001).map(|n| n * 1000));
        assert_eq!((times.runs(), times.quantile(0.0), times.quantile(1.0)), (1001, 0.001, 1.001));
        assert!((times.mean() - 0.501).abs() < 1e-12);
        for (share, expected) in [(0.5, 0.501), (0.9, 0.901), (0.99, 0.991), (0.999, 1.0)] {
            assert!((times.quantile(share) / expected - 1.0).abs() < 1e-3, "{share}");
        }
    }

    #[test]
    fn nothing_ran() {
        let mut none = times([5]);
        none.clear();
        assert_eq!((none.runs(), none.mean(), none.quantile(0.5)), (0, 0.0, 0.0));
        assert_eq!(times([7]).quantile(0.99), 7e-6);
    }

    proptest! {
        #[test]
        fn a_bucket_is_near_every_time_in_it(nanoseconds in 1u64..1 << OCTAVES) {
            let middle = middle(bucket(Duration::from_nanos(nanoseconds))).as_nanos() as f64;
            prop_assert!((middle / nanoseconds as f64 - 1.0).abs() <= 1e-3, "{middle}");
        }

        #[test]
        fn no_time_is_too_long(nanoseconds: u64) {
            prop_assert!(bucket(Duration::from_nanos(nanoseconds)) < BUCKETS);
        }

        #[test]
        fn two_halves_are_the_whole(all in proptest::collection::vec(1u64..1 << 45, 2..50), cut in 0usize..50) {
            let (first, second) = all.split_at(cut.min(all.len()));
            let mut joined = times(first.iter().copied());
            joined.add_all(&times(second.iter().copied()));
            let whole = times(all.iter().copied());
            prop_assert_eq!(joined.runs(), whole.runs());
            for share in [0.0, 0.3, 0.5, 0.99, 1.0] {
                prop_assert_eq!(joined.quantile(share), whole.quantile(share));
            }
        }
    }
}
