//! The processor's temperature.

use super::Root;

const ZONES: &str = "sys/class/thermal";
const SENSORS: &str = "sys/class/hwmon";

/// The processor's temperature in °C: that of the thermal zone that is named for it, else of its hwmon sensor, else of the
/// first zone.
pub fn temperature(root: &Root) -> Option<f32> {
    degrees(root, &sensor(root)?)
}

/// The file that tells it.
pub(super) fn sensor(root: &Root) -> Option<String> {
    let zones = root.names(ZONES, "thermal_zone");
    let is_processor = |zone: &&String| {
        let kind = root.text(&format!("{ZONES}/{zone}/type")).unwrap_or_default().to_ascii_lowercase();
        ["cpu", "x86_pkg", "soc"].iter().any(|word| kind.contains(word))
    };
    let telling = |name: String| degrees(root, &name).map(|_| name);
    let of_zone = |zone: &String| telling(format!("{ZONES}/{zone}/temp"));
    (zones.iter().filter(is_processor).find_map(of_zone))
        .or_else(|| of_sensor(root))
        .or_else(|| zones.iter().find_map(of_zone))
}

fn of_sensor(root: &Root) -> Option<String> {
    let sensors = root.names(SENSORS, "hwmon");
    sensors.iter().find_map(|sensor| {
        let name = root.text(&format!("{SENSORS}/{sensor}/name"))?;
        let is_processor = ["cpu", "coretemp", "k10temp", "zenpower"].iter().any(|word| name.contains(word));
        let name = format!("{SENSORS}/{sensor}/temp1_input");
        (is_processor && degrees(root, &name).is_some()).then_some(name)
    })
}

/// Thousandths of a degree. What no processor that still runs can have is a sensor's way of saying nothing.
fn degrees(root: &Root, name: &str) -> Option<f32> {
    celsius(root.number(name)?)
}

/// The same of a number that was read.
pub(super) fn celsius(thousandths: i32) -> Option<f32> {
    let celsius = thousandths as f32 / 1e3;
    (-60.0..=150.0).contains(&celsius).then_some(celsius)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn zones_of_the_processor_go_before_others() {
        assert_eq!(temperature(&fixtures::pi4().root()), Some(61.3));
        assert_eq!(temperature(&fixtures::bare().root()), None);
        let zone = |n: u32, name: &str| format!("{ZONES}/thermal_zone{n}/{name}");
        let machine = fixtures::bare().with(&zone(0, "type"), "acpitz").with(&zone(0, "temp"), "27800");
        assert_eq!(temperature(&machine.root()), Some(27.8));
        let machine = machine.with(&zone(2, "type"), "x86_pkg_temp").with(&zone(2, "temp"), "51000");
        assert_eq!(temperature(&machine.root()), Some(51.0));
    }

    #[test]
    fn a_sensor_of_the_processor_goes_before_any_zone() {
        assert_eq!(temperature(&fixtures::pc().root()), Some(44.5));
    }

    #[test]
    fn impossible_temperatures_are_unknown() {
        let zone = |n: u32, name: &str| format!("{ZONES}/thermal_zone{n}/{name}");
        let machine = fixtures::bare().with(&zone(0, "type"), "cpu-thermal").with(&zone(0, "temp"), "-274000");
        assert_eq!(temperature(&machine.root()), None);
    }
}
