//! Governor and clock, as the kernel's cpufreq tells them.

use std::fmt;

use serde::Serialize;

use super::Root;

const FOLDER: &str = "sys/devices/system/cpu/cpufreq";

/// How fast the processor's cores may run, and do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Who decides on the clock: `performance`, `ondemand`, `schedutil`. Several, with commas, where cores differ.
    pub governor: Option<String>,
    /// The lowest clock of any core in MHz.
    pub min_mhz: Option<u32>,
    /// The clock of the fastest core now in MHz.
    pub current_mhz: Option<u32>,
    /// The highest clock of any core in MHz.
    pub max_mhz: Option<u32>,
}

impl Clock {
    /// Reads the policies of cpufreq; where there are none, at most the current clock is known.
    pub fn read(root: &Root) -> Clock {
        let policies = root.names(FOLDER, "policy");
        let all = |name: &'static str| {
            let root = root.clone();
            policies.iter().filter_map(move |policy| root.number::<u32>(&format!("{FOLDER}/{policy}/{name}")))
        };
        let mut governors: Vec<String> = Vec::new();
        for policy in &policies {
            if let Some(governor) = root.text(&format!("{FOLDER}/{policy}/scaling_governor"))
                && !governors.contains(&governor)
            {
                governors.push(governor);
            }
        }
        let mhz = |khz: u32| khz / 1000;
        Clock {
            governor: (!governors.is_empty()).then(|| governors.join(", ")),
            min_mhz: all("scaling_min_freq").min().map(mhz),
            current_mhz: all("scaling_cur_freq").max().map(mhz).or_else(|| from_cpuinfo(root)),
            max_mhz: all("scaling_max_freq").max().map(mhz),
        }
    }
}

/// The highest of what x86 kernels print of each core's clock.
fn from_cpuinfo(root: &Root) -> Option<u32> {
    let text = root.text("proc/cpuinfo")?;
    let clocks = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "cpu MHz").then(|| value.trim().parse::<f64>().ok())?
    });
    // Of a float that is no number of MHz, `as` makes the nearest.
    clocks.map(|mhz| mhz as u32).max().filter(|&mhz| mhz > 0)
}

/// `1500 MHz of 600 to 1800`.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.current_mhz, self.min_mhz, self.max_mhz) {
            (Some(now), Some(min), Some(max)) => write!(f, "{now} MHz of {min} to {max}"),
            (Some(now), _, Some(max)) => write!(f, "{now} MHz of {max}"),
            (Some(now), _, None) => write!(f, "{now} MHz"),
            (None, _, Some(max)) => write!(f, "up to {max} MHz"),
            (None, _, None) => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn the_clock_is_read_from_cpufreq_or_cpuinfo_or_not_at_all() {
        let pi = Clock::read(&fixtures::pi4().root());
        assert_eq!(pi.governor.as_deref(), Some("ondemand"));
        assert_eq!(pi.to_string(), "1500 MHz of 600 to 1800");
        let pc = Clock::read(&fixtures::pc().root());
        assert_eq!((pc.governor.as_deref(), pc.to_string().as_str()), (None, "2999 MHz"));
        assert_eq!(Clock::read(&fixtures::bare().root()), Clock::default());
        assert_eq!(Clock::default().to_string(), "unknown");
    }

    #[test]
    fn of_several_policies_the_fastest_core_counts() {
        let file = |policy: u32, name: &str| format!("{FOLDER}/policy{policy}/{name}");
        let machine = fixtures::bare()
            .with(&file(0, "scaling_cur_freq"), "600000")
            .with(&file(4, "scaling_cur_freq"), "2400000")
            .with(&file(0, "scaling_governor"), "schedutil")
            .with(&file(4, "scaling_governor"), "performance")
            .with(&file(4, "scaling_max_freq"), "no number");
        let clock = Clock::read(&machine.root());
        assert_eq!(clock.governor.as_deref(), Some("schedutil, performance"));
        assert_eq!((clock.current_mhz, clock.max_mhz), (Some(2400), None));
    }
}
