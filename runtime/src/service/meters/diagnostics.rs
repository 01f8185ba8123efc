//! What a broker is told of how the service does.

use super::SharedMeters;
use crate::service::governor::Level;
use crate::sink::mqtt::{Diagnose, Diagnostics};

impl Diagnose for SharedMeters {
    fn levels(&self) -> &'static [&'static str] {
        Level::WORDS
    }

    fn diagnose(&self) -> Diagnostics {
        let meters = self.lock();
        // While the source is away, frames come no longer as they last came.
        let rate = if meters.is_lost { 0.0 } else { meters.rate };
        Diagnostics {
            fps: (meters.frames > 0).then_some(rate),
            age_p99_ms: meters.age_ms().map(|[_, p99]| p99),
            temperature: meters.vitals.temperature.map(f64::from),
            level: meters.level.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::vitals::Vitals;

    #[test]
    fn what_is_not_known_is_not_said_and_a_lost_source_has_no_rate() {
        let shared = SharedMeters::new(&[]);
        let nothing = Diagnostics { fps: None, age_p99_ms: None, temperature: None, level: "full" };
        assert_eq!(shared.diagnose(), nothing);
        {
            let mut meters = shared.lock();
            (meters.frames, meters.rate, meters.level) = (10, 25.0, Level::Quarter);
            meters.vitals = Vitals { temperature: Some(81.5), ..Vitals::default() };
        }
        let warm = Diagnostics { fps: Some(25.0), temperature: Some(81.5), level: "quarter", ..nothing };
        assert_eq!(shared.diagnose(), warm);
        shared.lock().is_lost = true;
        assert_eq!(shared.diagnose(), Diagnostics { fps: Some(0.0), ..warm });
        assert!(shared.levels().contains(&Level::Small.word()));
    }
}
