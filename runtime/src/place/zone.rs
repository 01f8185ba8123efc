//! An area that objects enter, stay in and leave.

use std::time::Duration;

use super::{Anchor, Classes, Polygon};

/// An area, and what counts as being in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub area: Polygon,
    /// What it is for.
    pub classes: Classes,
    /// Which point of a box has to be in it.
    pub anchor: Anchor,
    /// For how long something has to be in it to have entered.
    pub settle: Duration,
    /// For how long something has to be out of it to have left.
    pub linger: Duration,
    /// After which time in it a stay is worth an event.
    pub dwell: Option<Duration>,
}

impl Zone {
    /// An area for everything whose feet are in it, entered and left at once.
    pub fn new(name: impl Into<String>, area: Polygon) -> Zone {
        Zone {
            name: name.into(),
            area,
            classes: Classes::default(),
            anchor: Anchor::default(),
            settle: Duration::ZERO,
            linger: Duration::ZERO,
            dwell: None,
        }
    }
}

/// What one track does in one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Visit {
    /// It is out.
    #[default]
    Out,
    /// It is in since then, but not for long enough to count.
    Entering(Duration),
    /// It is in.
    In(Stay),
    /// It is out since then, but not for long enough to have left.
    Leaving(Stay, Duration),
}

/// A visit that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stay {
    /// When it began.
    pub since: Duration,
    /// When the object was last seen inside.
    pub until: Duration,
    /// Whether its length was said.
    pub said: bool,
}

impl Stay {
    pub(super) fn dwell(&self) -> Duration {
        self.until.saturating_sub(self.since)
    }
}

/// What follows from where an object is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Entered,
    Stayed(Duration),
    Left(Duration),
}

impl Visit {
    /// Whether it counts.
    pub(super) fn is_in(&self) -> bool {
        matches!(self, Visit::In(_) | Visit::Leaving(..))
    }

    /// Sees the object inside or outside at a time. Two steps at most: entered, and stayed.
    pub(super) fn see(&mut self, zone: &Zone, inside: bool, now: Duration) -> [Option<Step>; 2] {
        let mut steps = [None, None];
        *self = match (*self, inside) {
            (Visit::Out, true) => Visit::Entering(now),
            (Visit::In(stay), true) | (Visit::Leaving(stay, _), true) => Visit::In(Stay { until: now, ..stay }),
            (Visit::In(stay), false) => Visit::Leaving(stay, now),
            (Visit::Out | Visit::Entering(_), false) => Visit::Out,
            (same, _) => same,
        };
        if let Visit::Entering(since) = *self
            && now.saturating_sub(since) >= zone.settle
        {
            *self = Visit::In(Stay { since, until: now, said: false });
            steps[0] = Some(Step::Entered);
        }
        match self {
            Visit::In(stay) if !stay.said && zone.dwell.is_some_and(|dwell| stay.dwell() >= dwell) => {
                stay.said = true;
                steps[1] = Some(Step::Stayed(stay.dwell()));
            }
            Visit::Leaving(stay, since) if now.saturating_sub(*since) >= zone.linger => {
                steps[0] = Some(Step::Left(stay.dwell()));
                *self = Visit::Out;
            }
            _ => {}
        }
        steps
    }

    /// The object is lost for good.
    pub(super) fn lose(&mut self) -> Option<Step> {
        match std::mem::take(self) {
            Visit::In(stay) | Visit::Leaving(stay, _) => Some(Step::Left(stay.dwell())),
            Visit::Out | Visit::Entering(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn zone() -> Zone {
        Zone { settle: ms(300), linger: ms(500), dwell: Some(ms(1000)), ..Zone::new("door", Polygon::whole()) }
    }

    /// What a track that is seen inside or outside every 100 ms does, with the time.
    fn steps(seen: &str) -> Vec<(u64, Step)> {
        let (zone, mut visit, mut all) = (zone(), Visit::default(), Vec::new());
        for (number, inside) in (0..).zip(seen.chars().map(|seen| seen == 'x')) {
            all.extend(visit.see(&zone, inside, ms(100 * number)).into_iter().flatten().map(|step| (number, step)));
        }
        let end = seen.len() as u64;
        all.extend(visit.lose().map(|step| (end, step)));
        all
    }

    #[test]
    fn a_visit_is_said_once_from_its_first_moment_to_its_last() {
        assert_eq!(steps("..xxxx......."), [(5, Step::Entered), (11, Step::Left(ms(300)))]);
        assert_eq!(
            steps("xxxxxxxxxxxxx......"),
            [(3, Step::Entered), (10, Step::Stayed(ms(1000))), (18, Step::Left(ms(1200)))]
        );
    }

    #[test]
    fn what_jitters_at_the_edge_neither_comes_nor_goes() {
        assert_eq!(steps("x.xx.x..xx.."), []);
        assert_eq!(
            steps("xxxx.x..xx.xx"),
            [(3, Step::Entered), (11, Step::Stayed(ms(1100))), (13, Step::Left(ms(1200)))]
        );
    }

    #[test]
    fn what_is_lost_inside_has_left() {
        assert_eq!(steps("xxxxx"), [(3, Step::Entered), (5, Step::Left(ms(400)))]);
        assert_eq!(steps("xx"), []);
    }

    #[test]
    fn a_zone_without_patience_decides_at_once() {
        let zone = Zone { settle: ms(0), linger: ms(0), dwell: None, ..zone() };
        let mut visit = Visit::default();
        assert_eq!(visit.see(&zone, true, ms(5)), [Some(Step::Entered), None]);
        assert_eq!(visit.see(&zone, false, ms(7)), [Some(Step::Left(ms(0))), None]);
    }
}
