//! What changes from second to second: clock, temperature, throttling.

use std::fmt;

use serde::Serialize;

use super::clock::Clock;
use super::throttle::{Ask, Throttling};
use super::{Root, thermal};

/// A machine at a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct State {
    /// Governor and clock.
    pub clock: Clock,
    /// The processor's temperature in °C.
    pub temperature: Option<f32>,
    /// What holds it back; `None` on machines that do not tell.
    pub throttling: Option<Throttling>,
}

impl State {
    /// Looks at the machine.
    pub fn read(root: &Root, ask: Ask) -> State {
        State {
            clock: Clock::read(root),
            temperature: thermal::temperature(root),
            throttling: Throttling::read(root, ask),
        }
    }
}

/// `1500 MHz of 600 to 1800, 61.3 °C, held back by under-voltage`, without what is unknown.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = (self.clock.current_mhz.or(self.clock.max_mhz)).map(|_| self.clock.to_string());
        let temperature = self.temperature.map(|celsius| format!("{celsius:.1} °C"));
        let throttling = self.throttling.map(|throttling| match throttling.now {
            now if now.is_fine() => "not throttled".to_string(),
            now => format!("held back by {now}"),
        });
        let known: Vec<String> = [clock, temperature, throttling].into_iter().flatten().collect();
        f.write_str(if known.is_empty() { "unknown".into() } else { known.join(", ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn what_is_known_is_said() {
        let said = |machine: fixtures::Machine| State::read(&machine.root(), Ask::Files).to_string();
        assert_eq!(said(fixtures::pi4()), "1500 MHz of 600 to 1800, 61.3 °C, not throttled");
        assert_eq!(said(fixtures::pi5()), "2400 MHz of 1500 to 2400, 48.0 °C, held back by under-voltage");
        assert_eq!(said(fixtures::pc()), "2999 MHz, 44.5 °C");
        assert_eq!(said(fixtures::bare()), "unknown");
    }
}
