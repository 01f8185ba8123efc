//! Watches values go by and says which range holds a given share of them.

/// Bins on each side of zero.
const BINS: usize = 2048;

/// A histogram about zero whose reach doubles whenever a value falls outside.
#[derive(Clone, Debug)]
pub struct Observer {
    reach: f32,
    below: Vec<u64>,
    above: Vec<u64>,
    low: f32,
    high: f32,
}

impl Default for Observer {
    fn default() -> Self {
        Observer { reach: 1.0, below: vec![0; BINS], above: vec![0; BINS], low: 0.0, high: 0.0 }
    }
}

impl Observer {
    /// Counts values; those that are not finite are passed over.
    pub fn watch(&mut self, values: &[f32]) {
        for &value in values.iter().filter(|value| value.is_finite()) {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
            while value.abs() > self.reach {
                self.reach *= 2.0;
                fold(&mut self.below);
                fold(&mut self.above);
            }
            let bin = ((value.abs() / self.reach * BINS as f32) as usize).min(BINS - 1);
            if value < 0.0 { self.below[bin] += 1 } else { self.above[bin] += 1 }
        }
    }

    /// The range, always with zero in it, that leaves at most `1 − share` of the values out on each side. A share of 1
    /// gives the smallest and the largest value.
    pub fn range(&self, share: f64) -> (f32, f32) {
        let total: u64 = self.below.iter().chain(&self.above).sum();
        let allowed = ((1.0 - share).max(0.0) * total as f64) as u64;
        let edge = |bins: &[u64], extreme: f32| {
            let mut left_out = 0;
            for (bin, count) in bins.iter().enumerate().rev() {
                left_out += count;
                if left_out > allowed {
                    return extreme.min((bin + 1) as f32 / BINS as f32 * self.reach);
                }
            }
            0.0
        };
        (-edge(&self.below, -self.low), edge(&self.above, self.high))
    }
}

/// Makes room for twice the reach: pairs of bins become one.
fn fold(bins: &mut [u64]) {
    for i in 0..BINS / 2 {
        bins[i] = bins[2 * i] + bins[2 * i + 1];
    }
    bins[BINS / 2..].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_range_is_exact_and_shares_leave_the_tails_out() {
        let mut observer = Observer::default();
        let values: Vec<f32> = (0..10_000).map(|i| (i as f32 - 2000.0) / 100.0).collect();
        observer.watch(&values);
        observer.watch(&[f32::NAN, f32::INFINITY]);
        assert_eq!(observer.range(1.0), (-20.0, 79.99));
        let (low, high) = observer.range(0.99);
        // One bin is 128 / 2048 wide.
        assert!((low + 19.0).abs() < 0.07 && (high - 79.0).abs() < 0.07, "{low} {high}");
        assert_eq!(Observer::default().range(0.9), (0.0, 0.0));
    }
}
