//! What keeps a board well: when it is to do less, and what counts as hanging.

use std::path::PathBuf;

use serde::Deserialize;

/// When a board is to do less.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GovernorOptions {
    /// Whether it is looked after at all.
    pub enabled: bool,
    /// From this temperature in °C on there is less work.
    pub hot: f32,
    /// Below this one there may be more again.
    pub cool: f32,
    /// Seconds that a step down has to take effect before the next.
    pub step: f64,
    /// Seconds for which all must be well before a step up.
    pub recover: f64,
    /// A model of the same classes with a smaller input, for when looking less often is not enough.
    pub small_model: Option<PathBuf>,
}

impl Default for GovernorOptions {
    /// A Pi throttles itself at 80 °C, 85 °C at the latest.
    fn default() -> Self {
        GovernorOptions { enabled: true, hot: 77.0, cool: 70.0, step: 10.0, recover: 60.0, small_model: None }
    }
}

impl GovernorOptions {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.cool < self.hot && self.hot <= 150.0 && self.cool >= -60.0) {
            return Err("governor.cool: must be below governor.hot".into());
        }
        for (key, seconds) in [("step", self.step), ("recover", self.recover)] {
            if !(0.0..=86_400.0).contains(&seconds) {
                return Err(format!("governor.{key}: give seconds from 0 to 86400"));
            }
        }
        Ok(())
    }
}

/// What counts as hanging.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WatchdogOptions {
    /// Seconds without a sign of life after which the program ends itself, so that whoever started it starts it anew; 0 for
    /// never. A camera that is away is waited for, and hangs nobody.
    pub seconds: u64,
}

impl Default for WatchdogOptions {
    fn default() -> Self {
        WatchdogOptions { seconds: 60 }
    }
}
