//! Counts on their way from the thread that looks at frames to the one that sends them: only the newest matter.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serializer;

use crate::place::{Crossings, Line, Occupancy, Places, Scene};

/// Counts are sent at most once in so long.
const EVERY: Duration = Duration::from_secs(1);

/// What is in each zone, and how often each line was crossed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub zones: Vec<Occupancy>,
    pub lines: Vec<Crossings>,
}

impl Counts {
    /// All zero.
    pub fn none(places: &Places) -> Counts {
        Counts {
            zones: vec![Occupancy::default(); places.zones.len()],
            lines: vec![Crossings::default(); places.lines.len()],
        }
    }

    /// Takes a scene's counts, without allocating; whether they are others. A scene of other places is not understood and
    /// changes nothing.
    pub fn take(&mut self, scene: &Scene) -> bool {
        let (zones, lines) = (scene.occupancy(), scene.crossings());
        let same = self.zones == zones && self.lines == lines;
        let fits = self.zones.len() == zones.len() && self.lines.len() == lines.len();
        if same || !fits {
            return false;
        }
        self.zones.copy_from_slice(zones);
        self.lines.copy_from_slice(lines);
        true
    }
}

/// The newest counts, shared by both threads. There are none before the first frame: zeros that are followed by totals which
/// outlived a change of places would look like so many new ones.
#[derive(Debug)]
pub(super) struct Newest(Mutex<(bool, Counts)>);

impl Newest {
    pub fn none(places: &Places) -> Newest {
        Newest(Mutex::new((false, Counts::none(places))))
    }

    pub fn put(&self, counts: &Counts) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.0 = true;
        copy(counts, &mut newest.1);
    }

    /// Whether there are any.
    pub fn get(&self, into: &mut Counts) -> bool {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        copy(&newest.1, into);
        newest.0
    }
}

fn copy(from: &Counts, to: &mut Counts) {
    to.zones.clone_from(&from.zones);
    to.lines.clone_from(&from.lines);
}

/// A place whose counts are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Zone(usize, Occupancy),
    Line(usize, Crossings),
}

/// What a broker was told on one connection.
#[derive(Debug)]
pub(super) struct Told {
    zones: Vec<Option<Occupancy>>,
    lines: Vec<Option<Crossings>>,
    not_before: Option<Instant>,
}

impl Told {
    pub fn nothing(places: &Places) -> Told {
        Told { zones: vec![None; places.zones.len()], lines: vec![None; places.lines.len()], not_before: None }
    }

    /// The next place that is to be told of, which counts as told then. `now` is `None` where there is no time to wait.
    pub fn next(&mut self, counts: &Counts, now: Option<Instant>) -> Option<Place> {
        if let (Some(now), Some(not_before)) = (now, self.not_before)
            && now < not_before
        {
            return None;
        }
        let zone = (0..self.zones.len()).find(|&zone| self.zones[zone] != Some(counts.zones[zone]));
        if let Some(zone) = zone {
            self.zones[zone] = Some(counts.zones[zone]);
            return Some(Place::Zone(zone, counts.zones[zone]));
        }
        let line = (0..self.lines.len()).find(|&line| self.lines[line] != Some(counts.lines[line]));
        if let Some(line) = line {
            self.lines[line] = Some(counts.lines[line]);
            return Some(Place::Line(line, counts.lines[line]));
        }
        None
    }

    /// All that was to be told at this time is told.
    pub fn rest(&mut self, now: Instant) {
        self.not_before = Some(now + EVERY);
    }

    /// When there will be something to tell; `None` where it is all told.
    pub fn due(&self, counts: &Counts) -> Option<Instant> {
        let told = self.zones.iter().flatten().eq(&counts.zones) && self.lines.iter().flatten().eq(&counts.lines);
        self.not_before.filter(|_| !told)
    }
}

impl Place {
    /// What is published: `{"now":1,"entered":12}`, or the line's own names of ways, `{"in":3,"out":2}`.
    pub fn json(&self, lines: &[Line]) -> Vec<u8> {
        let mut to = Vec::new();
        let mut json = serde_json::Serializer::new(&mut to);
        let written = match *self {
            Place::Zone(_, Occupancy { now, entered }) => {
                json.collect_map([("now", u64::from(now)), ("entered", entered)])
            }
            Place::Line(line, Crossings { forward, backward }) => {
                json.collect_map([(&lines[line].forward, forward), (&lines[line].backward, backward)])
            }
        };
        written.expect("numbers and text are always JSON");
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::happening::tests::places;

    #[test]
    fn what_changes_is_told_once_and_not_too_often() {
        let (places, start) = (places(), Instant::now());
        let mut told = Told::nothing(&places);
        let mut counts = Counts::none(&places);
        assert_eq!(told.next(&counts, Some(start)), Some(Place::Zone(0, Occupancy::default())));
        assert_eq!(told.next(&counts, Some(start)), Some(Place::Line(0, Crossings::default())));
        assert_eq!(told.next(&counts, Some(start)), None);
        told.rest(start);
        assert_eq!(told.due(&counts), None);
        counts.lines[0].forward = 7;
        assert_eq!(told.due(&counts), Some(start + EVERY));
        assert_eq!(told.next(&counts, Some(start + EVERY / 2)), None);
        let crossed = Place::Line(0, Crossings { forward: 7, backward: 0 });
        assert_eq!(told.next(&counts, Some(start + EVERY)), Some(crossed));
        assert_eq!(String::from_utf8(crossed.json(&places.lines)).unwrap(), r#"{"in":7,"out":0}"#);
        counts.zones[0] = Occupancy { now: 1, entered: 12 };
        let last = told.next(&counts, None).unwrap();
        assert_eq!(String::from_utf8(last.json(&places.lines)).unwrap(), r#"{"now":1,"entered":12}"#);
    }
}
