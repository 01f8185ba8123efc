//! What the Raspberry Pi's firmware says about its supply and its limits.
//!
//! The firmware's answer to `get_throttled` is a word of bits: 0 to 3 tell what is the case now, 16 to 19 what was at some
//! time since boot (Raspberry Pi documentation, `vcgencmd get_throttled`). Kernels that do not offer the word may still
//! offer an alarm for under-voltage, through the hwmon driver `rpi_volt`.

use std::fmt;

use serde::Serialize;

use super::Root;

const PLATFORM: &str = "sys/devices/platform";
const SENSORS: &str = "sys/class/hwmon";
const SINCE_BOOT: u32 = 16;

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Files, which takes microseconds.
    Files,
    /// Files, and where they do not tell, `vcgencmd`, which takes milliseconds.
    FilesAndPrograms,
}

/// What the firmware says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Throttling {
    /// What is the case now.
    pub now: Conditions,
    /// What was the case at some time since boot, where the firmware tells.
    pub since_boot: Option<Conditions>,
}

/// What keeps a board from its full speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Conditions {
    /// The supply falls short of 4.63 V.
    pub under_voltage: bool,
    /// The clock is capped, for either of the other reasons.
    pub frequency_capped: bool,
    /// The processor is throttled.
    pub throttled: bool,
    /// The soft temperature limit is reached.
    pub soft_temperature_limit: bool,
}

impl Throttling {
    /// Asks the firmware. `None` on machines that do not have it.
    pub fn read(root: &Root, ask: Ask) -> Option<Throttling> {
        (offered_word(root))
            .or_else(|| {
                let printed = root.output_of("vcgencmd", "get_throttled").filter(|_| ask == Ask::FilesAndPrograms)?;
                word(printed.trim().strip_prefix("throttled=")?)
            })
            .map(Throttling::of_word)
            .or_else(|| alarm(root))
    }

    /// Takes the bits apart.
    pub fn of_word(word: u32) -> Throttling {
        Throttling { now: Conditions::of_bits(word), since_boot: Some(Conditions::of_bits(word >> SINCE_BOOT)) }
    }
}

impl Conditions {
    fn of_bits(bits: u32) -> Conditions {
        let bit = |n: u32| bits >> n & 1 == 1;
        Conditions {
            under_voltage: bit(0),
            frequency_capped: bit(1),
            throttled: bit(2),
            soft_temperature_limit: bit(3),
        }
    }

    /// Whether nothing holds the board back.
    pub fn is_fine(&self) -> bool {
        *self == Conditions::default()
    }
}

/// The conditions, or `none`.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.under_voltage, "under-voltage"),
            (self.frequency_capped, "clock capped"),
            (self.throttled, "throttled"),
            (self.soft_temperature_limit, "soft temperature limit"),
        ];
        let present: Vec<&str> = all.into_iter().filter_map(|(holds, name)| holds.then_some(name)).collect();
        f.write_str(if present.is_empty() { "none".into() } else { present.join(", ") }.as_str())
    }
}

/// The word as the firmware's driver offers it, at `soc/soc:firmware/get_throttled`; newer boards put addresses into these
/// names.
fn offered_word(root: &Root) -> Option<u32> {
    word(&root.text(&word_file(root)?)?)
}

/// Where it lies.
pub(super) fn word_file(root: &Root) -> Option<String> {
    root.names(PLATFORM, "soc").into_iter().find_map(|soc| {
        let soc = format!("{PLATFORM}/{soc}");
        let firmware = root.names(&soc, "soc").into_iter().find(|name| name.ends_with(":firmware"));
        let name = format!("{soc}/{}/get_throttled", firmware?);
        root.text(&name).map(|_| name)
    })
}

/// A hexadecimal number with or without `0x`.
pub(super) fn word(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn alarm(root: &Root) -> Option<Throttling> {
    let under_voltage = root.number::<u32>(&alarm_file(root)?)? != 0;
    Some(Throttling { now: Conditions { under_voltage, ..Conditions::default() }, since_boot: None })
}

/// The alarm's file.
pub(super) fn alarm_file(root: &Root) -> Option<String> {
    let sensors = root.names(SENSORS, "hwmon");
    let is_supply = |sensor: &&String| root.text(&format!("{SENSORS}/{sensor}/name")).as_deref() == Some("rpi_volt");
    let sensor = sensors.iter().find(is_supply)?;
    Some(format!("{SENSORS}/{sensor}/in0_lcrit_alarm"))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn read(machine: &fixtures::Machine) -> Option<Throttling> {
        Throttling::read(&machine.root(), Ask::FilesAndPrograms)
    }

    #[test]
    fn bits_are_named() {
        // The word that a Pi shows most often on a weak supply.
        let throttling = Throttling::of_word(0x50005);
        assert_eq!(throttling.now.to_string(), "under-voltage, throttled");
        assert_eq!(throttling.since_boot.map(|was| was.to_string()).as_deref(), Some("under-voltage, throttled"));
        assert_eq!(Throttling::of_word(0x80002).now.to_string(), "clock capped");
        assert!(Throttling::of_word(0x80000).now.is_fine());
    }

    #[test]
    fn the_word_goes_before_the_alarm_and_a_pc_has_neither() {
        assert_eq!(read(&fixtures::pi4()), Some(Throttling::of_word(0x50000)));
        let alarm = read(&fixtures::pi5()).unwrap();
        assert_eq!((alarm.now.under_voltage, alarm.since_boot), (true, None));
        assert_eq!(read(&fixtures::pc()), None);
        assert_eq!(read(&fixtures::bare()), None);
    }

    #[test]
    fn what_is_no_word_is_unknown() {
        let machine = fixtures::bare().with("sys/devices/platform/soc/soc:firmware/get_throttled", "busy");
        assert_eq!(read(&machine), None);
    }
}
