//! How well objects are followed, against tracks that people drew.
//!
//! Two questions: how often boxes are missed, wrong, or change their number ([`clear`], MOTA of Bernardin and Stiefelhagen 2008),
//! and how far one number is one object through the whole film ([`identity`], IDF1 of Ristani et al. 2016). A box is right
//! where it overlaps the truth's by half or more, as MOTChallenge has it.

mod clear;
mod identity;
mod read;

use retort::vision::geometry::Rect;
use serde::Serialize;

pub use clear::{Clear, clear};
pub use identity::{Identity, identity};
pub use read::{TracksError, film};

/// Overlap from which on a box is the truth's.
pub const OVERLAP: f32 = 0.5;

/// A box with its track's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbered {
    /// The number of its track.
    pub track: u32,
    /// Where it is, in pixels.
    pub rect: Rect,
}

/// What a frame shows and what was found on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// Objects, as people drew them.
    pub truths: Vec<Numbered>,
    /// Objects that were followed.
    pub found: Vec<Numbered>,
}

/// How well objects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tracking {
    /// Frames.
    pub frames: usize,
    /// Boxes of the truth.
    pub objects: usize,
    /// What boxes are worth, frame by frame.
    #[serde(flatten)]
    pub clear: Clear,
    /// What numbers are worth, over the whole film.
    #[serde(flatten)]
    pub identity: Identity,
}

impl Tracking {
    /// Measures a film, whose frames are in order.
    pub fn of(film: &[Frame]) -> Tracking {
        let objects = film.iter().map(|frame| frame.truths.len()).sum();
        Tracking { frames: film.len(), objects, clear: clear(film), identity: identity(film) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(track: u32, x: f32) -> Numbered {
        Numbered { track, rect: Rect::around(x, 50.0, 20.0, 60.0) }
    }

    #[test]
    fn a_film_that_is_followed_perfectly_is_worth_one() {
        let film: Vec<Frame> = (0..10)
            .map(|i| {
                let x = 3.0 * i as f32;
                Frame { truths: vec![at(7, x), at(9, 200.0)], found: vec![at(1, 200.5), at(2, x)] }
            })
            .collect();
        let tracking = Tracking::of(&film);
        assert_eq!((tracking.frames, tracking.objects), (10, 20));
        assert_eq!((tracking.clear.mota, tracking.identity.idf1), (1.0, 1.0));
    }

    #[test]
    fn an_object_that_changes_its_number_half_way_is_half_known() {
        let frame = |i: usize| Frame { truths: vec![at(7, 0.0)], found: vec![at(if i < 5 { 1 } else { 2 }, 0.0)] };
        let film: Vec<Frame> = (0..10).map(frame).collect();
        let tracking = Tracking::of(&film);
        assert_eq!((tracking.clear.switches, tracking.clear.misses, tracking.clear.false_alarms), (1, 0, 0));
        assert!((tracking.clear.mota - 0.9).abs() < 1e-9 && (tracking.identity.idf1 - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_right_stays_right_though_another_is_nearer() {
        // The second frame has a nearer box of another number; whoever was right and still is keeps the object.
        let film = [
            Frame { truths: vec![at(7, 0.0)], found: vec![at(1, 0.0)] },
            Frame { truths: vec![at(7, 0.0)], found: vec![at(2, 0.0), at(1, 5.0)] },
        ];
        let clear = clear(&film);
        assert_eq!((clear.switches, clear.false_alarms, clear.misses), (0, 1, 0));
    }

    #[test]
    fn nothing_is_worth_nothing_and_breaks_nothing() {
        let empty = Tracking::of(&[Frame::default()]);
        assert_eq!((empty.clear.mota, empty.identity.idf1), (0.0, 0.0));
        let missed = Tracking::of(&[Frame { truths: vec![at(1, 0.0)], found: Vec::new() }]);
        assert_eq!((missed.clear.misses, missed.clear.mota, missed.identity.idf1), (1, 0.0, 0.0));
    }
}
