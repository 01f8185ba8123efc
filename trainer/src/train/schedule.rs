//! The learning rate over a training: a linear warm-up, then half a cosine (Loshchilov and Hutter 2017).

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f32,
    /// Steps of warm-up.
    pub warmup: usize,
    /// Steps altogether.
    pub steps: usize,
    /// What is left at the end, as a share of the peak.
    pub floor: f32,
}

impl Schedule {
    /// The rate of step `step`, counted from 0.
    pub fn rate(&self, step: usize) -> f32 {
        let warm = ((step + 1) as f32 / self.warmup.max(1) as f32).min(1.0);
        let done = step as f32 / self.steps.max(1) as f32;
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        self.peak * warm * (self.floor + (1.0 - self.floor) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let schedule = Schedule { peak: 1.0, warmup: 10, steps: 1000, floor: 0.02 };
        assert!((schedule.rate(0) - 0.1).abs() < 1e-3);
        assert!(schedule.rate(10) > 0.99);
        assert!((schedule.rate(1000) - 0.02).abs() < 1e-4);
        assert!((10..1000).all(|step| schedule.rate(step) >= schedule.rate(step + 1)));
    }
}
