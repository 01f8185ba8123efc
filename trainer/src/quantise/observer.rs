//! Watches values go by and says which range holds a given share of them.

/// Bins on each side of zero.
const BINS: usize = 2048;

/// A histogram about zero whose reach doubles whenever a value falls outside.
#[derive(Clone, Debug)]
pub struct Observer {
    reach: f32,
    below: Vec<f64>,
    above: Vec<f64>,
    low: f32,
    high: f32,
}

impl Default for Observer {
    fn default() -> Self {
        Observer { reach: 1.0, below: vec![0.0; BINS], above: vec![0.0; BINS], low: 0.0, high: 0.0 }
    }
}

impl Observer {
    /// Counts values; those that are not finite are passed over.
    pub fn watch(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.weigh(*value, 1.0));
    }

    /// Counts a value as so many.
    pub fn weigh(&mut self, value: f32, weight: f64) {
        if !value.is_finite() {
            return;
        }
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        while value.abs() > self.reach {
            self.reach *= 2.0;
            fold(&mut self.below);
            fold(&mut self.above);
        }
        let bin = ((value.abs() / self.reach * BINS as f32) as usize).min(BINS - 1);
        if value < 0.0 { self.below[bin] += weight } else { self.above[bin] += weight }
    }

    /// The middle of every bin that holds something, and how much it holds.
    pub fn bins(&self) -> impl Iterator<Item = (f32, f64)> + '_ {
        let middle = |bin: usize| (bin as f32 + 0.5) / BINS as f32 * self.reach;
        let below = self.below.iter().enumerate().rev().map(move |(bin, &count)| (-middle(bin), count));
        let above = self.above.iter().enumerate().map(move |(bin, &count)| (middle(bin), count));
        below.chain(above).filter(|(_, count)| *count > 0.0)
    }

    /// Counts what another has seen, too.
    pub fn add(&mut self, other: &Observer) {
        let mut other = other.clone();
        let reach = self.reach.max(other.reach);
        for observer in [&mut *self, &mut other] {
            while observer.reach < reach {
                observer.reach *= 2.0;
                fold(&mut observer.below);
                fold(&mut observer.above);
            }
        }
        let sum = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        sum(&mut self.below, &other.below);
        sum(&mut self.above, &other.above);
        (self.low, self.high) = (self.low.min(other.low), self.high.max(other.high));
    }

    /// The range, always with zero in it, that leaves at most `1 − share` of the values out on each side. A share of 1
    /// gives the smallest and the largest value.
    pub fn range(&self, share: f64) -> (f32, f32) {
        let total: f64 = self.below.iter().chain(&self.above).sum();
        let allowed = (1.0 - share).max(0.0) * total;
        let edge = |bins: &[f64], extreme: f32| {
            let mut left_out = 0.0;
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
fn fold(bins: &mut [f64]) {
    for i in 0..BINS / 2 {
        bins[i] = bins[2 * i] + bins[2 * i + 1];
    }
    bins[BINS / 2..].fill(0.0);
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

    #[test]
    fn two_see_what_one_would_have_seen() {
        let values: Vec<f32> = (0..5000).map(|i| ((i * 37) % 1000) as f32 / 90.0 - 3.0).collect();
        let watch = |values: &[f32]| {
            let mut observer = Observer::default();
            observer.watch(values);
            observer
        };
        let (small, large): (Vec<f32>, Vec<f32>) = values.iter().partition(|v| v.abs() < 0.9);
        let mut both = watch(&small);
        both.add(&watch(&large));
        let one = watch(&values);
        assert_eq!(both.range(1.0), one.range(1.0));
        assert_eq!(both.bins().map(|(_, count)| count).sum::<f64>(), 5000.0);
        // Bins of the small ones had other edges, so that pairs of them are joined.
        let mean = |observer: &Observer| observer.bins().map(|(v, n)| f64::from(v) * n).sum::<f64>() / 5000.0;
        assert!((mean(&both) - mean(&one)).abs() < 1e-3);
    }
}
