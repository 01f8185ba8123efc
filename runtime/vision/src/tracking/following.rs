//! Objects followed through the frames of a source.

use super::{Track, Tracker, TrackerOptions};
use crate::detection::Detection;
use crate::frame::Frame;

/// A tracker that counts the frames which the source left out.
pub struct Following {
    tracker: Tracker,
    last: Option<u64>,
}

/// What following a frame's objects gives.
pub struct Followed<'a> {
    /// The detections that are sure, and those that go on a track.
    pub detections: &'a [Detection],
    /// Whether they contradict those of the frames before. Still pictures follow one another in no way that could.
    pub contradicts: bool,
}

impl Following {
    /// Follows what a detector finds whose detections count from the score `threshold` on.
    pub fn new(threshold: f32, detections: usize) -> Following {
        Following { tracker: Tracker::new(TrackerOptions::for_threshold(threshold), detections), last: None }
    }

    /// Goes on with another's tracks, which are of the same classes, by its own threshold. Allocates once where there are more
    /// detections than the other was made for.
    pub fn go_on(&mut self, mut other: Following) {
        other.tracker.set_options(*self.tracker.options());
        *self = other;
    }

    /// The least score that a detector has to report for this.
    pub fn least(threshold: f32) -> f32 {
        TrackerOptions::for_threshold(threshold).least
    }

    /// What is followed, whether the last frame shows it or not.
    pub fn tracks(&self) -> &[Track] {
        self.tracker.tracks()
    }

    /// What the last frame showed: the detections that are sure, and those that go on a track.
    pub fn detections(&self) -> &[Detection] {
        self.tracker.detections()
    }

    /// Takes what was found on a frame.
    pub fn update(&mut self, found: &[Detection], frame: &Frame<'_>) -> Followed<'_> {
        let number = frame.sequence();
        let passed = self.last.replace(number).and_then(|last| number.checked_sub(last));
        self.tracker.update(found, passed.unwrap_or(1));
        let contradicts = passed.is_some_and(|frames| frames > 0)
            && self.tracker.contradictions(frame.width(), frame.height()).next().is_some();
        Followed { detections: self.tracker.detections(), contradicts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    #[test]
    fn films_contradict_themselves_and_still_pictures_do_not() {
        let pixels = vec![0; 640 * 480 * 3];
        let frame = Frame::rgb(&pixels, 640, 480).unwrap();
        let stands = [Detection { class: 0, score: 0.9, rect: Rect::around(300.0, 200.0, 40.0, 90.0), track: None }];
        let (mut film, mut stills) = (Following::new(0.5, 10), Following::new(0.5, 10));
        for number in 0..4 {
            let followed = film.update(&stands, &frame.numbered(number));
            assert_eq!((followed.detections[0].track, followed.contradicts), (Some(1), false));
            assert!(!stills.update(&stands, &frame).contradicts);
        }
        assert!(film.update(&[], &frame.numbered(5)).contradicts);
        assert!(!stills.update(&[], &frame).contradicts);
        // A camera that was lost and counts anew.
        assert_eq!(film.update(&stands, &frame.numbered(0)).detections[0].track, Some(1));
    }
}
