//! How many frames come a second.

use std::time::Duration;

/// The share of the newest interval in the mean.
const NEWEST: f64 = 0.1;

/// A mean that follows slowly, of the times at which frames were captured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    last: Option<Duration>,
    interval: Option<f64>,
}

impl Rate {
    /// A frame came.
    pub fn add(&mut self, captured: Duration) {
        let interval = self.last.and_then(|last| captured.checked_sub(last)).map(|interval| interval.as_secs_f64());
        // Pictures have no times.
        if let Some(interval) = interval.filter(|&interval| interval > 0.0) {
            self.interval = Some(self.interval.map_or(interval, |mean| mean + NEWEST * (interval - mean)));
        }
        self.last = Some(captured);
    }

    /// Their rate; `None` where no time has passed.
    pub fn frames_a_second(&self) -> Option<f64> {
        self.interval.map(f64::recip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_frames() {
        let mut rate = Rate::default();
        assert_eq!(rate.frames_a_second(), None);
        for frame in 0..50 {
            rate.add(Duration::from_millis(40 * frame));
        }
        assert!((rate.frames_a_second().unwrap() - 25.0).abs() < 1e-6);
        for frame in 0..100 {
            rate.add(Duration::from_millis(2000 + 100 * frame));
        }
        assert!((rate.frames_a_second().unwrap() - 10.0).abs() < 0.01);
        let mut pictures = Rate::default();
        (0..3).for_each(|_| pictures.add(Duration::ZERO));
        assert_eq!(pictures.frames_a_second(), None);
    }
}
