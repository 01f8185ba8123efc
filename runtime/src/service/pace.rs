//! How often frames are looked at: as fast as they come, or so much slower.

use std::time::{Duration, Instant};

/// Decides, frame by frame, whether it is time to look.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looked: Option<Instant>,
    /// The time between frames while all are looked at.
    usual: Duration,
}

impl Pace {
    /// Whether a frame that came at `now` is to be looked at: one of `every`, and no more than `rate` a second.
    pub(super) fn is_due(&mut self, now: Instant, every: u32, rate: Option<f64>) -> bool {
        let since = self.looked.map(|looked| now.saturating_duration_since(looked));
        let capped = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        let slowed = if every > 1 { self.usual * every } else { Duration::ZERO };
        // A tenth less, or a frame that comes just in time for the pause would often be missed.
        let pause = slowed.max(capped) * 9 / 10;
        if since.is_some_and(|since| since < pause) {
            return false;
        }
        if let Some(since) = since.filter(|_| every == 1) {
            self.usual = if self.usual.is_zero() { since } else { (self.usual * 9 + since) / 10 };
        }
        self.looked = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `frames` frames, 100 ms apart, are looked at.
    fn looked(pace: &mut Pace, from: Instant, frames: u32, every: u32, rate: Option<f64>) -> usize {
        (0..frames).filter(|frame| pace.is_due(from + Duration::from_millis(100) * *frame, every, rate)).count()
    }

    #[test]
    fn a_share_of_the_frames_is_looked_at() {
        let (mut pace, began) = (Pace::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(looked(&mut pace, began, 100, 1, None), 100);
        assert_eq!(looked(&mut pace, began + 10 * second, 100, 2, None), 50);
        assert_eq!(looked(&mut pace, began + 20 * second, 100, 4, None), 25);
        assert_eq!(looked(&mut pace, began + 30 * second, 100, 1, Some(2.0)), 20);
        assert_eq!(looked(&mut pace, began + 40 * second, 100, 1, None), 100);
    }
}
