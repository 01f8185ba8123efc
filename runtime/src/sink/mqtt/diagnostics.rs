//! How the machine itself does: asked and sent every so often by the thread behind the sink, so that no frame pays for it.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

/// What is sent, as JSON; what is not known is `null`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Diagnostics {
    /// Frames a second.
    pub fps: Option<f64>,
    /// 99 of 100 frames were not older than so many milliseconds when they were decided on.
    pub age_p99_ms: Option<f64>,
    /// The processor's temperature in °C.
    pub temperature: Option<f64>,
    /// How much work there is for the sake of the board, as one of [`Diagnose::levels`].
    pub level: &'static str,
}

/// Whoever knows how the machine does.
pub trait Diagnose: Send + Sync {
    /// All that [`Diagnostics::level`] can be.
    fn levels(&self) -> &'static [&'static str];

    /// How it does now. May lock, but must not wait for the network.
    fn diagnose(&self) -> Diagnostics;
}

/// Who is asked, and how often.
pub(super) struct Rounds {
    pub asked: Box<dyn Diagnose>,
    pub every: Duration,
}

impl fmt::Debug for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rounds").field("every", &self.every).finish_non_exhaustive()
    }
}

/// When a connection is told next.
#[derive(Debug, Default)]
pub(super) struct Clock(Option<Instant>);

impl Clock {
    /// What is to be told at this time, which counts as told then: at once on a new connection, and then every so often.
    pub fn next(&mut self, rounds: &Rounds, now: Instant) -> Option<Vec<u8>> {
        if self.0.is_some_and(|due| now < due) {
            return None;
        }
        self.0 = Some(now + rounds.every);
        Some(rounds.asked.diagnose().json())
    }

    /// When there will be something to tell.
    pub fn due(&self) -> Option<Instant> {
        self.0
    }
}

impl Diagnostics {
    /// `{"fps":24.9,"age_p99_ms":41.2,"temperature":48.2,"level":"full"}`, each number to a tenth.
    fn json(&self) -> Vec<u8> {
        let tenths = |value: Option<f64>| value.map(|value| (value * 10.0).round() / 10.0);
        let rounded = Diagnostics {
            fps: tenths(self.fps),
            age_p99_ms: tenths(self.age_p99_ms),
            temperature: tenths(self.temperature),
            level: self.level,
        };
        serde_json::to_vec(&rounded).expect("numbers and text are always JSON")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine that always does the same.
    pub struct Steady;

    impl Diagnose for Steady {
        fn levels(&self) -> &'static [&'static str] {
            &["full", "half"]
        }

        fn diagnose(&self) -> Diagnostics {
            Diagnostics { fps: Some(24.94), age_p99_ms: Some(41.0), temperature: None, level: "full" }
        }
    }

    #[test]
    fn it_is_told_at_once_and_then_every_so_often() {
        let rounds = Rounds { asked: Box::new(Steady), every: Duration::from_secs(30) };
        let (mut clock, start) = (Clock::default(), Instant::now());
        assert_eq!(clock.due(), None);
        let said = clock.next(&rounds, start).unwrap();
        assert_eq!(
            String::from_utf8(said).unwrap(),
            r#"{"fps":24.9,"age_p99_ms":41.0,"temperature":null,"level":"full"}"#
        );
        assert_eq!(clock.next(&rounds, start + Duration::from_secs(29)), None);
        assert_eq!(clock.due(), Some(start + rounds.every));
        assert!(clock.next(&rounds, start + rounds.every).is_some());
    }
}
