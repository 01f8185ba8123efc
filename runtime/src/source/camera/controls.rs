//! What can be set on a camera: exposure, gain, and whatever else its driver lets one turn.

use std::path::Path;

use nokhwa::utils::{CameraControl, ControlValueDescription, KnownCameraControl};
use serde::Serialize;
use v4l::Device;
use v4l::control::{Control as Setting, Description, Flags, MenuItem, Type, Value};

use super::explain;
use crate::guard::guarded;

/// A control, its limits and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Control {
    /// The name by which it is set.
    pub name: String,
    /// What values it takes.
    pub kind: Kind,
    /// The value now, where it has one that is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// The value at first.
    pub default: i64,
    /// Whether it can be set now: some controls are ruled by others.
    pub settable: bool,
    #[serde(skip)]
    id: u32,
}

/// What values a control takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Numbers within limits, in steps.
    Number {
        /// The least.
        minimum: i64,
        /// The largest.
        maximum: i64,
        /// From one to the next.
        step: u64,
    },
    /// 0 or 1.
    Switch,
    /// No value: setting it does something.
    Button,
    /// One of these numbers, each with its name.
    Menu(Vec<(u32, String)>),
}

/// The controls of the device at `path` that are set by one number.
///
/// # Errors
/// Why they cannot be listed.
pub fn controls(path: &Path) -> Result<Vec<Control>, String> {
    let device = open(path)?;
    let listed = guarded(|| device.query_controls());
    let described = match listed {
        Some(Ok(described)) => described,
        // The system says so of devices that have none.
        Some(Err(error)) if matches!(error.raw_os_error(), Some(22 | 25)) => Vec::new(),
        Some(Err(error)) => return Err(explain(&error, path)),
        None => return Err(format!("{} has a control of a kind that is not known; see v4l2-ctl -l", path.display())),
    };
    let value = |id| match guarded(|| device.control(id))?.ok()?.value {
        Value::Integer(value) => Some(value),
        Value::Boolean(value) => Some(value.into()),
        _ => None,
    };
    Ok(described.into_iter().filter_map(|described| control(&described, value(described.id))).collect())
}

/// `None` for what is not set by one number: headings, texts, arrays.
fn control(described: &Description, value: Option<i64>) -> Option<Control> {
    let Description { minimum, maximum, step, .. } = *described;
    let kind = match described.typ {
        Type::Integer | Type::Integer64 | Type::Bitmask if !described.flags.contains(Flags::HAS_PAYLOAD) => {
            Kind::Number { minimum, maximum, step }
        }
        Type::Boolean => Kind::Switch,
        Type::Button => Kind::Button,
        Type::Menu | Type::IntegerMenu => {
            let items = described.items.iter().flatten();
            let text = |item: &MenuItem| item.to_string().trim().to_string();
            Kind::Menu(items.map(|(number, item)| (*number, text(item))).collect())
        }
        _ => return None,
    };
    let fixed = Flags::DISABLED | Flags::READ_ONLY | Flags::INACTIVE | Flags::GRABBED;
    Some(Control {
        name: described.name.clone(),
        kind,
        value,
        default: described.default,
        settable: !described.flags.intersects(fixed),
        id: described.id,
    })
}

/// Sets the control called `name` of the device at `path` to what `text` says.
///
/// # Errors
/// That there is no such control, or that it does not take the value, and what would do.
pub fn set(path: &Path, name: &str, text: &str) -> Result<(), String> {
    let all = controls(path)?;
    let control = all.iter().find(|control| plain(&control.name) == plain(name)).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|control| format!("`{}`", control.name)).collect();
        format!("has no control `{name}`; there are {}", names.join(", "))
    })?;
    let value = control.read(text)?;
    let refuse = |error: std::io::Error| match error.raw_os_error() {
        Some(13) => format!("`{}` cannot be set now: it is read only, or ruled by another control", control.name),
        _ => format!("`{}` was not set: {error}", control.name),
    };
    open(path)?.set_control(Setting { id: control.id, value }).map_err(refuse)
}

fn open(path: &Path) -> Result<Device, String> {
    Device::with_path(path).map_err(|error| explain(&error, path))
}

/// A name without what is easily mistyped.
fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Control {
    /// The same as nokhwa has it.
    pub(super) fn to_nokhwa(&self) -> CameraControl {
        let (value, default) = (self.value.unwrap_or(self.default), self.default);
        let description = match &self.kind {
            Kind::Number { minimum, maximum, step } => ControlValueDescription::IntegerRange {
                min: *minimum,
                max: *maximum,
                value,
                step: i64::try_from(*step).unwrap_or(i64::MAX),
                default,
            },
            Kind::Switch => ControlValueDescription::Boolean { value: value != 0, default: default != 0 },
            Kind::Button => ControlValueDescription::None,
            Kind::Menu(items) => ControlValueDescription::Enum {
                value,
                possible: items.iter().map(|(item, _)| (*item).into()).collect(),
                default,
            },
        };
        let id = KnownCameraControl::Other(self.id.into());
        CameraControl::new(id, self.name.clone(), description, Vec::new(), self.settable)
    }

    fn read(&self, text: &str) -> Result<Value, String> {
        let wrong = |values: String| format!("`{}` takes {values}, not `{text}`", self.name);
        let number = || text.parse::<i64>().ok();
        match &self.kind {
            Kind::Button => Ok(Value::None),
            Kind::Switch => match text {
                "0" | "off" | "false" => Ok(Value::Boolean(false)),
                "1" | "on" | "true" => Ok(Value::Boolean(true)),
                _ => Err(wrong("0 or 1".into())),
            },
            Kind::Number { minimum, maximum, .. } => number()
                .filter(|number| (minimum..=maximum).contains(&number))
                .map(Value::Integer)
                .ok_or_else(|| wrong(format!("a number from {minimum} to {maximum}"))),
            Kind::Menu(items) => items
                .iter()
                .find(|(item, name)| number() == Some((*item).into()) || plain(name) == plain(text))
                .map(|(item, _)| Value::Integer((*item).into()))
                .ok_or_else(|| {
                    let items: Vec<String> = items.iter().map(|(item, name)| format!("{item} ({name})")).collect();
                    wrong(format!("one of {}", items.join(", ")))
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind) -> Control {
        Control { name: "Exposure, Auto".into(), kind, value: None, default: 0, settable: true, id: 1 }
    }

    #[test]
    fn values_are_read_as_the_control_takes_them() {
        let number = of(Kind::Number { minimum: -5, maximum: 5, step: 1 });
        assert_eq!(number.read("-5"), Ok(Value::Integer(-5)));
        assert!(number.read("6").unwrap_err().contains("from -5 to 5"));
        assert_eq!(of(Kind::Switch).read("on"), Ok(Value::Boolean(true)));
        assert!(of(Kind::Switch).read("2").is_err());
        assert_eq!(of(Kind::Button).read("1"), Ok(Value::None));
        let menu = of(Kind::Menu(vec![(1, "Manual Mode".into()), (3, "Aperture Priority".into())]));
        assert_eq!(menu.read("3"), Ok(Value::Integer(3)));
        assert_eq!(menu.read("manual_mode"), Ok(Value::Integer(1)));
        assert!(menu.read("2").unwrap_err().contains("3 (Aperture Priority)"));
    }

    #[test]
    fn nokhwa_knows_controls_by_their_ids() {
        let control = of(Kind::Menu(vec![(1, "Manual".into()), (3, "Auto".into())])).to_nokhwa();
        assert_eq!((control.name(), control.control()), ("Exposure, Auto", KnownCameraControl::Other(1)));
        let ControlValueDescription::Enum { possible, .. } = control.description() else { panic!("{control:?}") };
        assert_eq!(possible, &[1, 3]);
    }

    #[test]
    fn names_may_be_written_plainly() {
        assert_eq!(plain("Exposure, Auto"), plain("exposure_auto"));
    }
}
