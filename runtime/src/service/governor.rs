//! Less work for a board that is hot or short of power.
//!
//! Each step down halves how often frames are looked at; where that was not enough and there is a model with a smaller input,
//! that one goes on. A step has time to take effect before the next, and all must be well for a while before a step up, so
//! that the board does not swing between the two.

use std::fmt;
use std::time::Duration;

use super::config::GovernorOptions;
use crate::board::vitals::Vitals;

/// How much work there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All of it.
    #[default]
    Full,
    /// Half as many frames.
    Half,
    /// A quarter of the frames.
    Quarter,
    /// A quarter of the frames, through the smaller model.
    Small,
}

impl Level {
    /// Words for all of them, from full to least work.
    pub const WORDS: &[&str] = &["full", "half", "quarter", "small"];

    /// From 0 for all work, to 3.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// A word for it, one of [`Level::WORDS`].
    pub fn word(self) -> &'static str {
        Level::WORDS[usize::from(self.number())]
    }

    /// Of so many frames one is looked at.
    pub fn every(self) -> u32 {
        match self {
            Level::Full => 1,
            Level::Half => 2,
            Level::Quarter | Level::Small => 4,
        }
    }

    fn down(self, has_small: bool) -> Level {
        match self {
            Level::Full => Level::Half,
            Level::Half => Level::Quarter,
            Level::Quarter if has_small => Level::Small,
            lowest => lowest,
        }
    }

    fn up(self) -> Level {
        match self {
            Level::Small => Level::Quarter,
            Level::Quarter => Level::Half,
            Level::Half | Level::Full => Level::Full,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Full => "looking at every frame",
            Level::Half => "looking half as often",
            Level::Quarter => "looking a quarter as often",
            Level::Small => "looking a quarter as often, through the smaller model",
        })
    }
}

/// Decides on the level.
#[derive(Clone, Debug)]
pub struct Governor {
    options: GovernorOptions,
    has_small: bool,
    level: Level,
    /// When the level last went down or was found to be right to be low.
    strained: Option<Duration>,
    stepped: Option<Duration>,
}

/// The level was changed, because of this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The new level.
    pub level: Level,
    /// What the machine said.
    pub vitals: Vitals,
}

/// `61.3 °C, under-voltage: looking half as often`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(celsius) = self.vitals.temperature {
            write!(f, "{celsius:.1} °C, ")?;
        }
        if let Some(held_back) = self.vitals.held_back.filter(|held_back| !held_back.is_fine()) {
            write!(f, "{held_back}, ")?;
        }
        write!(f, "{}", self.level)
    }
}

impl Governor {
    /// Begins with all work.
    pub fn new(options: GovernorOptions) -> Governor {
        let has_small = options.small_model.is_some();
        Governor { options, has_small, level: Level::Full, strained: None, stepped: None }
    }

    /// The level now.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Takes what the machine says at a time.
    pub fn consider(&mut self, vitals: Vitals, now: Duration) -> Option<Change> {
        if !self.options.enabled {
            return None;
        }
        let held_back = vitals.held_back.is_some_and(|held_back| !held_back.is_fine());
        let hot = vitals.temperature.is_some_and(|celsius| celsius >= self.options.hot);
        let warm = vitals.temperature.is_some_and(|celsius| celsius >= self.options.cool);
        if held_back || warm {
            self.strained = Some(now);
        }
        let passed = |since: Option<Duration>, seconds: f64| {
            since.is_none_or(|since| now.saturating_sub(since) >= Duration::from_secs_f64(seconds))
        };
        let level = if held_back || hot {
            if passed(self.stepped, self.options.step) { self.level.down(self.has_small) } else { self.level }
        } else if passed(self.strained, self.options.recover) && passed(self.stepped, self.options.recover) {
            self.level.up()
        } else {
            self.level
        };
        if level == self.level {
            return None;
        }
        (self.level, self.stepped) = (level, Some(now));
        Some(Change { level, vitals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::throttle::Conditions;

    fn celsius(celsius: f32) -> Vitals {
        Vitals { temperature: Some(celsius), held_back: None }
    }

    /// The levels after each second of temperatures.
    fn levels(options: GovernorOptions, temperatures: impl IntoIterator<Item = f32>) -> Vec<(u64, u8)> {
        let mut governor = Governor::new(options);
        let seconds = (0u64..).zip(temperatures);
        let changes = seconds.filter_map(|(second, temperature)| {
            let change = governor.consider(celsius(temperature), Duration::from_secs(second))?;
            Some((second, change.level.number()))
        });
        changes.collect()
    }

    #[test]
    fn a_hot_board_steps_down_in_time_and_up_again_when_it_is_cool() {
        let options = GovernorOptions { small_model: Some("small.onnx".into()), ..GovernorOptions::default() };
        let heat =
            std::iter::repeat_n(60.0, 5).chain(std::iter::repeat_n(80.0, 40)).chain(std::iter::repeat_n(65.0, 200));
        assert_eq!(levels(options, heat), [(5, 1), (15, 2), (25, 3), (104, 2), (164, 1), (224, 0)]);
    }

    #[test]
    fn between_hot_and_cool_nothing_changes() {
        let heat = std::iter::once(80.0).chain(std::iter::repeat_n(74.0, 1000));
        assert_eq!(levels(GovernorOptions::default(), heat), [(0, 1)]);
    }

    #[test]
    fn without_a_smaller_model_a_quarter_is_the_least() {
        assert_eq!(levels(GovernorOptions::default(), std::iter::repeat_n(90.0, 100)), [(0, 1), (10, 2)]);
        let off = GovernorOptions { enabled: false, ..GovernorOptions::default() };
        assert_eq!(levels(off, std::iter::repeat_n(90.0, 100)), []);
    }

    #[test]
    fn under_voltage_counts_on_machines_without_a_thermometer() {
        let mut governor = Governor::new(GovernorOptions::default());
        let held_back = Conditions { under_voltage: true, ..Conditions::default() };
        let vitals = Vitals { temperature: None, held_back: Some(held_back) };
        let change = governor.consider(vitals, Duration::ZERO).unwrap();
        assert_eq!(change.to_string(), "under-voltage, looking half as often");
        assert_eq!(governor.consider(Vitals::default(), Duration::from_secs(1)), None);
        assert_eq!(governor.consider(Vitals::default(), Duration::from_secs(61)).unwrap().level, Level::Full);
    }
}
