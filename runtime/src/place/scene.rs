//! All places of a picture against all tracks of a frame.

use std::time::Duration;

use super::line::Approach;
use super::zone::{Step, Visit};
use super::{Event, Line, Mask, Way, What, Zone};
use crate::vision::detection::Detection;
use crate::vision::geometry::Rect;
use crate::vision::tracking::Track;

/// Zones, lines and masks, in the order in which they were described.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// Areas that objects enter, stay in and leave.
    pub zones: Vec<Zone>,
    /// Lines that objects cross.
    pub lines: Vec<Line>,
    /// Areas where nothing counts.
    pub masks: Vec<Mask>,
}

/// What places are called where something happened: a zone, or a line and the way over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The zone.
    pub zone: Option<&'a str>,
    /// The line.
    pub line: Option<&'a str>,
    /// The way over it.
    pub way: Option<&'a str>,
}

impl Places {
    /// What the places of something that happened are called; nothing for a place that is not here.
    pub fn names(&self, what: &What) -> Names<'_> {
        match *what {
            What::Entered { zone } | What::Stayed { zone, .. } | What::Left { zone, .. } => {
                Names { zone: self.zones.get(zone).map(|zone| zone.name.as_str()), ..Names::default() }
            }
            What::Crossed { line, way } => {
                let line = self.lines.get(line);
                Names { zone: None, line: line.map(|line| line.name.as_str()), way: line.map(|line| line.way(way)) }
            }
        }
    }

    /// Whether a detection in a picture of this size counts.
    pub fn count(&self, found: &Detection, size: [usize; 2]) -> bool {
        !self.masks.iter().any(|mask| mask.covers(&found.rect, size))
    }
}

/// What is in a zone, and what has been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Objects in it.
    pub now: u32,
    /// Objects that have entered so far.
    pub entered: u64,
}

/// How often a line was crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crossings {
    /// Forward.
    pub forward: u64,
    /// Backward.
    pub backward: u64,
}

/// A track that is followed.
#[derive(Clone, Copy, Debug)]
struct Followed {
    id: u32,
    class: u32,
    score: f32,
    rect: Rect,
    /// Whether this frame's tracks have it.
    alive: bool,
}

/// The places of a picture, and what goes on there. Takes its memory when it is made.
#[derive(Debug)]
pub struct Scene {
    places: Places,
    followed: Vec<Followed>,
    /// A visit for each followed track and zone, track by track.
    visits: Vec<Visit>,
    /// The same for lines.
    approaches: Vec<Approach>,
    occupancy: Vec<Occupancy>,
    crossings: Vec<Crossings>,
    events: Vec<Event>,
}

impl Scene {
    /// Places for up to `most` tracks at a time.
    pub fn new(places: Places, most: usize) -> Scene {
        let (zones, lines) = (places.zones.len(), places.lines.len());
        Scene {
            followed: Vec::with_capacity(most),
            visits: Vec::with_capacity(most * zones),
            approaches: Vec::with_capacity(most * lines),
            occupancy: vec![Occupancy::default(); zones],
            crossings: vec![Crossings::default(); lines],
            events: Vec::with_capacity(most * (2 * zones + lines).max(1)),
            places,
        }
    }

    /// Takes over the totals of places that are called the same in another scene, after places were changed.
    pub fn inherit(&mut self, before: &Scene) {
        for (zone, occupancy) in self.places.zones.iter().zip(&mut self.occupancy) {
            if let Some(at) = before.places.zones.iter().position(|was| was.name == zone.name) {
                occupancy.entered = before.occupancy[at].entered;
            }
        }
        for (line, crossings) in self.places.lines.iter().zip(&mut self.crossings) {
            if let Some(at) = before.places.lines.iter().position(|was| was.name == line.name) {
                *crossings = before.crossings[at];
            }
        }
    }

    /// The places.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// What is in each zone.
    pub fn occupancy(&self) -> &[Occupancy] {
        &self.occupancy
    }

    /// How often each line was crossed.
    pub fn crossings(&self) -> &[Crossings] {
        &self.crossings
    }

    /// What happened on the last frame.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Takes the tracks of frame `frame` of `size` pixels, captured at `at`. A track that is not seen at the moment stays
    /// where it was; one that is no longer among them is lost.
    pub fn update(&mut self, tracks: &[Track], size: [usize; 2], frame: u64, at: Duration) -> &[Event] {
        self.events.clear();
        self.followed.iter_mut().for_each(|followed| followed.alive = false);
        for track in tracks.iter().filter(|track| track.is_confirmed()) {
            let Some(index) = self.index_of(track) else { continue };
            self.followed[index].alive = true;
            if track.unseen == 0 {
                let (score, rect) = (track.score, track.rect());
                self.followed[index] = Followed { score, rect, ..self.followed[index] };
                self.see(index, size, frame, at);
            }
        }
        self.drop_lost(frame, at);
        for (zone, occupancy) in self.occupancy.iter_mut().enumerate() {
            let visits = self.visits.iter().skip(zone).step_by(self.places.zones.len());
            occupancy.now = visits.filter(|visit| visit.is_in()).count() as u32;
        }
        &self.events
    }

    /// Where a track is kept; `None` where there are more of them than there is room.
    fn index_of(&mut self, track: &Track) -> Option<usize> {
        if let Some(index) = self.followed.iter().position(|followed| followed.id == track.id) {
            return Some(index);
        }
        if self.followed.len() == self.followed.capacity() {
            return None;
        }
        let (id, class, score) = (track.id, track.class, track.score);
        self.followed.push(Followed { id, class, score, rect: track.rect(), alive: true });
        let count = self.followed.len();
        self.visits.resize(count * self.places.zones.len(), Visit::default());
        self.approaches.resize(count * self.places.lines.len(), Approach::default());
        Some(count - 1)
    }

    fn see(&mut self, index: usize, [width, height]: [usize; 2], frame: u64, at: Duration) {
        let followed = self.followed[index];
        let share = |[x, y]: [f32; 2]| [x / width as f32, y / height as f32];
        let event = |what| said(&followed, what, frame, at);
        let zones = &self.places.zones;
        let visits = &mut self.visits[index * zones.len()..][..zones.len()];
        for (index, (zone, visit)) in zones.iter().zip(visits).enumerate() {
            if !zone.classes.contain(followed.class) {
                continue;
            }
            let inside = zone.area.contains(share(zone.anchor.of(&followed.rect)));
            for step in visit.see(zone, inside, at).into_iter().flatten() {
                self.occupancy[index].entered += u64::from(step == Step::Entered);
                self.events.push(event(what(step, index)));
            }
        }
        let lines = &self.places.lines;
        let approaches = &mut self.approaches[index * lines.len()..][..lines.len()];
        for (index, (line, approach)) in lines.iter().zip(approaches).enumerate() {
            if !line.classes.contain(followed.class) {
                continue;
            }
            let point = share(line.anchor.of(&followed.rect));
            if let Some(way) = approach.see(&line.ends, point, width as f32 / height as f32) {
                let crossings = &mut self.crossings[index];
                match way {
                    Way::Forward => crossings.forward += 1,
                    Way::Backward => crossings.backward += 1,
                }
                self.events.push(event(What::Crossed { line: index, way }));
            }
        }
    }

    /// Ends the visits of tracks that are no more.
    fn drop_lost(&mut self, frame: u64, at: Duration) {
        let (zones, lines) = (self.places.zones.len(), self.places.lines.len());
        let mut kept = 0;
        for index in 0..self.followed.len() {
            let followed = self.followed[index];
            if followed.alive {
                self.followed[kept] = followed;
                self.visits.copy_within(index * zones..(index + 1) * zones, kept * zones);
                self.approaches.copy_within(index * lines..(index + 1) * lines, kept * lines);
                kept += 1;
                continue;
            }
            for zone in 0..zones {
                if let Some(step) = self.visits[index * zones + zone].lose() {
                    self.events.push(said(&followed, what(step, zone), frame, at));
                }
            }
        }
        self.followed.truncate(kept);
        self.visits.truncate(kept * zones);
        self.approaches.truncate(kept * lines);
    }
}

fn said(followed: &Followed, what: What, frame: u64, at: Duration) -> Event {
    let Followed { id: track, class, score, rect, .. } = *followed;
    Event { what, track, class, score, rect, frame, at }
}

fn what(step: Step, zone: usize) -> What {
    match step {
        Step::Entered => What::Entered { zone },
        Step::Stayed(dwell) => What::Stayed { zone, dwell },
        Step::Left(dwell) => What::Left { zone, dwell },
    }
}

#[cfg(test)]
#[path = "scene_tests.rs"]
mod tests;
