//! A line that objects cross.

use serde::{Deserialize, Serialize};

use super::polygon::{segments_meet, turn, within};
use super::{Anchor, Classes, Point, Problem, Way};

/// How far from the line, as a share of the picture's height, something has to be to be on one side of it. A box that jitters on
/// the line crosses nothing.
const BAND: f32 = 0.01;

/// A line, and what counts as crossing it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Its ends.
    pub ends: Ends,
    /// What it is for.
    pub classes: Classes,
    /// Which point of a box has to cross it.
    pub anchor: Anchor,
    /// What the way from its left to its right is called; the left is that of somebody at the first end who looks at the
    /// second.
    pub forward: String,
    /// What the other way is called.
    pub backward: String,
}

impl Line {
    /// A line for everything whose feet cross it; its ways are called in and out.
    pub fn new(name: impl Into<String>, ends: Ends) -> Line {
        Line {
            name: name.into(),
            ends,
            classes: Classes::default(),
            anchor: Anchor::default(),
            forward: "in".into(),
            backward: "out".into(),
        }
    }

    /// What a way is called.
    pub fn way(&self, way: Way) -> &str {
        match way {
            Way::Forward => &self.forward,
            Way::Backward => &self.backward,
        }
    }
}

/// Two points of the picture that are not one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[Point; 2]", into = "[Point; 2]")]
pub struct Ends([Point; 2]);

impl Ends {
    /// From one point to another.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(from: Point, to: Point) -> Result<Ends, Problem> {
        within(&from)?;
        within(&to)?;
        if (from[0] - to[0]).hypot(from[1] - to[1]) < BAND { Err(Problem::NoLength) } else { Ok(Ends([from, to])) }
    }

    /// Both.
    pub fn points(&self) -> [Point; 2] {
        self.0
    }
}

impl TryFrom<[Point; 2]> for Ends {
    type Error = Problem;

    fn try_from([from, to]: [Point; 2]) -> Result<Ends, Problem> {
        Ends::new(from, to)
    }
}

impl From<Ends> for [Point; 2] {
    fn from(ends: Ends) -> [Point; 2] {
        ends.0
    }
}

/// Where one track was last seen clearly on one side of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Approach(Option<(Way, Point)>);

impl Approach {
    /// Sees the object at a point, in a picture that is `aspect` times as wide as high.
    pub(super) fn see(&mut self, ends: &Ends, point: Point, aspect: f32) -> Option<Way> {
        // In heights of the picture, so that a distance is one along both axes.
        let square = |[x, y]: Point| [x * aspect, y];
        let ([from, to], at) = (ends.0.map(square), square(point));
        let distance = turn(from, to, at) / (to[0] - from[0]).hypot(to[1] - from[1]);
        if distance.abs() < BAND {
            return None;
        }
        // Who is to the right now came, if at all, forward.
        let way = if distance > 0.0 { Way::Forward } else { Way::Backward };
        let before = self.0.replace((way, at));
        let crossed = |(was, then): (Way, Point)| was != way && segments_meet((from, to), (then, at));
        before.is_some_and(crossed).then_some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ways in which a walk through points crosses the line down the middle of the upper half.
    fn crossings(walk: &[Point]) -> Vec<Way> {
        let (ends, mut approach) = (Ends::new([0.5, 0.0], [0.5, 0.5]).unwrap(), Approach::default());
        walk.iter().filter_map(|&point| approach.see(&ends, point, 4.0 / 3.0)).collect()
    }

    #[test]
    fn a_walk_over_the_line_crosses_it_once_each_way() {
        // Down the picture: its left is to the picture's right.
        assert_eq!(crossings(&[[0.9, 0.2], [0.6, 0.2], [0.4, 0.2], [0.2, 0.2]]), [Way::Forward]);
        assert_eq!(crossings(&[[0.2, 0.2], [0.8, 0.2], [0.3, 0.3]]), [Way::Backward, Way::Forward]);
    }

    #[test]
    fn jitter_on_the_line_crosses_nothing() {
        assert_eq!(crossings(&[[0.4, 0.2], [0.504, 0.2], [0.497, 0.2], [0.505, 0.2], [0.4, 0.2]]), []);
        assert_eq!(crossings(&[[0.4, 0.2], [0.504, 0.2], [0.497, 0.2], [0.505, 0.2], [0.6, 0.2]]), [Way::Backward]);
    }

    #[test]
    fn around_the_end_is_not_over_the_line() {
        assert_eq!(crossings(&[[0.4, 0.4], [0.4, 0.7], [0.6, 0.7], [0.6, 0.4]]), []);
        assert_eq!(crossings(&[[0.4, 0.8], [0.6, 0.8]]), []);
    }

    #[test]
    fn a_line_has_two_ends_within_the_picture() {
        assert_eq!(Ends::new([0.5, 0.5], [0.5, 0.505]), Err(Problem::NoLength));
        assert_eq!(Ends::new([0.5, 0.5], [0.5, -0.1]), Err(Problem::Outside(0.5, -0.1)));
    }
}
