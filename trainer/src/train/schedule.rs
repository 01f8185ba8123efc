//! Learning rates over the steps of a training.

use serde::{Deserialize, Serialize};

/// How the rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decline {
    /// Along half a cosine to the floor (Loshchilov and Hutter 2017, SGDR, equation 5, without restarts).
    #[default]
    Cosine,
    /// In a straight line to the floor.
    Linear,
    /// By a factor at each milestone.
    Steps,
    /// Not at all.
    Constant,
}

/// A rate for every step.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Highest rate.
    pub peak: f32,
    /// Steps over which the rate rises in a straight line at first.
    pub warmup: usize,
    /// Steps in all.
    pub steps: usize,
    /// How it falls.
    pub decline: Decline,
    /// The last rate as a share of the highest.
    pub floor: f32,
    /// Shares of the steps, from 0 to 1, at which [`Decline::Steps`] multiplies the rate.
    pub milestones: Vec<f32>,
    /// By how much.
    pub factor: f32,
}

impl Schedule {
    /// The rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f32 {
        if step < self.warmup {
            return self.peak * (step + 1) as f32 / self.warmup as f32;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1) as f32;
        let done = ((step - self.warmup) as f32 / span).min(1.0);
        let between = |share: f32| self.peak * (self.floor + (1.0 - self.floor) * share);
        match self.decline {
            Decline::Cosine => between((1.0 + (std::f32::consts::PI * done).cos()) / 2.0),
            Decline::Linear => between(1.0 - done),
            Decline::Constant => self.peak,
            Decline::Steps => {
                let passed = |&&at: &&f32| step as f32 >= at * self.steps as f32;
                self.peak * self.factor.powi(self.milestones.iter().filter(passed).count() as i32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decline: Decline) -> Schedule {
        Schedule { peak: 1.0, warmup: 10, steps: 110, decline, floor: 0.1, milestones: vec![0.5, 0.8], factor: 0.1 }
    }

    #[test]
    fn rates_rise_and_then_fall_as_they_are_told() {
        for decline in [Decline::Cosine, Decline::Linear, Decline::Steps, Decline::Constant] {
            let s = schedule(decline);
            assert!((s.rate(0) - 0.1).abs() < 1e-6 && (s.rate(9) - 1.0).abs() < 1e-6);
            assert!((10..109).all(|step| s.rate(step + 1) <= s.rate(step)), "{decline:?} falls");
        }
        let at = |decline, step| schedule(decline).rate(step);
        assert!((at(Decline::Cosine, 60) - 0.55).abs() < 1e-6 && (at(Decline::Cosine, 110) - 0.1).abs() < 1e-6);
        assert!((at(Decline::Linear, 60) - 0.55).abs() < 1e-6);
        assert_eq!(at(Decline::Constant, 100), 1.0);
        let steps: Vec<f32> = [54, 55, 87, 88].map(|step| at(Decline::Steps, step)).to_vec();
        for (got, expected) in steps.iter().zip([1.0, 0.1, 0.1, 0.01]) {
            assert!((got - expected).abs() < 1e-6, "{steps:?}");
        }
    }
}
