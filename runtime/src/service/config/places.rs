//! Zones, lines and masks as people write them.
//!
//! ```toml
//! [[zone]]
//! name = "door"
//! points = [[0.40, 0.30], [0.60, 0.30], [0.60, 0.95], [0.40, 0.95]]   # without: the whole picture
//! classes = ["person"]        # without: all
//! dwell = 10                  # say when somebody has been there for 10 s
//!
//! [[line]]
//! name = "gate"
//! from = [0.5, 1.0]           # in is from the left of somebody at `from` who looks at `to`, to the right
//! to = [0.5, 0.2]
//! forward = "in"
//! backward = "out"
//!
//! [[mask]]
//! points = [[0, 0], [1, 0], [1, 0.2], [0, 0.2]]
//! hide = true                 # paint it over in every picture that leaves the program
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::place::{Anchor, Classes, Ends, Line, Mask, Places, Point, Polygon, Zone};

/// The most places of each kind.
const MOST: usize = 64;

/// A zone.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ZoneOptions {
    /// What it is called.
    pub name: String,
    /// Its corners, in their order around it; without them it is the whole picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Polygon>,
    /// The classes that it is for; all where none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Which point of a box counts.
    #[serde(default)]
    pub anchor: Anchor,
    /// Seconds in it after which something has entered.
    #[serde(default = "settle")]
    pub settle: f32,
    /// Seconds out of it after which something has left.
    #[serde(default = "linger")]
    pub linger: f32,
    /// Seconds in it after which that is worth an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell: Option<f32>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LineOptions {
    /// What it is called.
    pub name: String,
    /// One end.
    pub from: Point,
    /// The other.
    pub to: Point,
    /// The classes that it is for; all where none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Which point of a box counts.
    #[serde(default)]
    pub anchor: Anchor,
    /// What the way from left to right is called.
    #[serde(default = "forward")]
    pub forward: String,
    /// What the other way is called.
    #[serde(default = "backward")]
    pub backward: String,
}

/// A mask.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MaskOptions {
    /// Its corners, in their order around it.
    pub points: Polygon,
    /// Which point of a box counts.
    #[serde(default)]
    pub anchor: Anchor,
    /// Whether it is painted over in pictures.
    #[serde(default)]
    pub hide: bool,
}

fn settle() -> f32 {
    0.3
}

fn linger() -> f32 {
    0.5
}

fn forward() -> String {
    "in".into()
}

fn backward() -> String {
    "out".into()
}

/// All places of a file, or of a page's settings.
#[derive(Clone, Copy, Debug)]
pub struct PlaceOptions<'a> {
    /// Zones.
    pub zones: &'a [ZoneOptions],
    /// Lines.
    pub lines: &'a [LineOptions],
    /// Masks.
    pub masks: &'a [MaskOptions],
}

impl PlaceOptions<'_> {
    /// Checks what can be checked without a model.
    ///
    /// # Errors
    /// What is wrong, with the place's name.
    pub fn check(&self) -> Result<(), String> {
        let (zones, lines) = (self.zones.len(), self.lines.len());
        if zones > MOST || lines > MOST || self.masks.len() > MOST {
            return Err(format!("there are more than {MOST} zones, lines or masks"));
        }
        let named = |kind: &str, names: Vec<&String>| {
            for (at, name) in names.iter().enumerate() {
                check_name(name).map_err(|problem| format!("{kind} {}: {problem}", at + 1))?;
                if names[..at].contains(name) {
                    return Err(format!("{kind} `{name}`: there are two of this name"));
                }
            }
            Ok(())
        };
        named("zone", self.zones.iter().map(|zone| &zone.name).collect())?;
        named("line", self.lines.iter().map(|line| &line.name).collect())?;
        for zone in self.zones {
            for (key, seconds) in [("settle", Some(zone.settle)), ("linger", Some(zone.linger)), ("dwell", zone.dwell)]
            {
                if seconds.is_some_and(|seconds| !(0.0..=86_400.0).contains(&seconds)) {
                    return Err(format!("zone `{}`: {key}: give seconds from 0 to 86400", zone.name));
                }
            }
        }
        for line in self.lines {
            Ends::new(line.from, line.to).map_err(|problem| format!("line `{}`: {problem}", line.name))?;
            for (key, way) in [("forward", &line.forward), ("backward", &line.backward)] {
                check_name(way).map_err(|problem| format!("line `{}`: {key}: {problem}", line.name))?;
            }
            if line.forward == line.backward {
                return Err(format!("line `{}`: forward and backward are called the same", line.name));
            }
        }
        Ok(())
    }

    /// The places, for a model of these classes.
    ///
    /// # Errors
    /// What is wrong, with the place's name.
    pub fn places(&self, classes: &[String]) -> Result<Places, String> {
        self.check()?;
        let seconds = Duration::from_secs_f32;
        let zone = |zone: &ZoneOptions| {
            Ok(Zone {
                name: zone.name.clone(),
                area: zone.points.clone().unwrap_or_else(Polygon::whole),
                classes: indices(&zone.classes, classes)
                    .map_err(|problem| format!("zone `{}`: {problem}", zone.name))?,
                anchor: zone.anchor,
                settle: seconds(zone.settle),
                linger: seconds(zone.linger),
                dwell: zone.dwell.map(seconds),
            })
        };
        let line = |line: &LineOptions| {
            let of_line = |problem: String| format!("line `{}`: {problem}", line.name);
            Ok(Line {
                name: line.name.clone(),
                ends: Ends::new(line.from, line.to).map_err(|problem| of_line(problem.to_string()))?,
                classes: indices(&line.classes, classes).map_err(of_line)?,
                anchor: line.anchor,
                forward: line.forward.clone(),
                backward: line.backward.clone(),
            })
        };
        let mask = |mask: &MaskOptions| Mask { area: mask.points.clone(), anchor: mask.anchor, hide: mask.hide };
        Ok(Places {
            zones: self.zones.iter().map(zone).collect::<Result<_, String>>()?,
            lines: self.lines.iter().map(line).collect::<Result<_, String>>()?,
            masks: self.masks.iter().map(mask).collect(),
        })
    }
}

/// The indices of classes among those of a model.
///
/// # Errors
/// A class that the model does not have, with those that it has.
pub fn indices(wanted: &[String], classes: &[String]) -> Result<Classes, String> {
    let index = |name: &String| {
        let found = classes.iter().position(|class| class == name).map(|index| index as u32);
        found.ok_or_else(|| {
            let known: Vec<&str> = classes.iter().take(20).map(String::as_str).collect();
            let more = if classes.len() > known.len() { ", …" } else { "" };
            format!("the model has no class `{name}`; it has: {}{more}", known.join(", "))
        })
    };
    Ok(Classes::of(wanted.iter().map(index).collect::<Result<_, String>>()?))
}

/// Names stand in events, in addresses and in names of files.
fn check_name(name: &str) -> Result<(), String> {
    let fine = (1..=64).contains(&name.chars().count())
        && !name.chars().any(|c| c.is_control() || ['/', ':', '*', '+', '#', '\\', '"'].contains(&c));
    if fine { Ok(()) } else { Err(format!("`{name}` is no name: 1 to 64 characters without / : * + # \\ \" in them")) }
}
