//! Temperature and throttling, asked again and again without allocating.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use super::throttle::{Conditions, Throttling};
use super::{Root, thermal, throttle};

/// Files that are kept open, of the sensors that the machine has.
#[derive(Debug)]
pub struct Sensors {
    temperature: Option<File>,
    word: Option<File>,
    alarm: Option<File>,
}

/// How a machine fares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vitals {
    /// The processor's temperature in °C, where there is a sensor.
    pub temperature: Option<f32>,
    /// What holds it back, where the machine tells.
    pub held_back: Option<Conditions>,
}

impl Sensors {
    /// Finds them.
    pub fn open(root: &Root) -> Sensors {
        let open = |name: Option<String>| File::open(root.path(&name?)).ok();
        let word = open(throttle::word_file(root));
        let alarm = if word.is_none() { open(throttle::alarm_file(root)) } else { None };
        Sensors { temperature: open(thermal::sensor(root)), word, alarm }
    }

    /// Asks them. Does not allocate.
    pub fn read(&self) -> Vitals {
        let word = text_of(&self.word, |text| Some(Throttling::of_word(throttle::word(text)?).now));
        let alarm = || {
            let under_voltage = text_of(&self.alarm, number::<u32>)? != 0;
            Some(Conditions { under_voltage, ..Conditions::default() })
        };
        Vitals {
            temperature: text_of(&self.temperature, |text| thermal::celsius(number(text)?)),
            held_back: word.or_else(alarm),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// What a small file says by now.
fn text_of<T>(file: &Option<File>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut bytes = [0; 64];
    let length = file.as_ref()?.read_at(&mut bytes, 0).ok()?;
    read(std::str::from_utf8(&bytes[..length]).ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn sensors_say_what_the_machine_says() {
        let pi4 = fixtures::pi4();
        let vitals = Sensors::open(&pi4.root()).read();
        assert_eq!(vitals.temperature, Some(61.3));
        assert_eq!(vitals.held_back, Some(Conditions::default()));
        let pi5 = fixtures::pi5();
        let vitals = Sensors::open(&pi5.root()).read();
        assert!(vitals.held_back.unwrap().under_voltage);
        assert_eq!(Sensors::open(&fixtures::bare().root()).read(), Vitals::default());
    }
}
