//! Tracks through the detections of a film, in memory that is taken once.

use super::{Assignment, Motion};
use crate::detection::Detection;
use crate::geometry::Rect;

/// Overlap of two boxes of which one only is kept, where they are tracks of one object.
const SAME: f32 = 0.85;
/// Share of a box that others hide, from which on nobody is surprised that it is not seen.
const HIDDEN: f32 = 0.5;
/// Share of a box that has to lie in the picture for it to be missed there.
const INSIDE: f32 = 0.9;
/// Frames after the last one within which nobody goes far unseen.
const SOON: u32 = 5;
/// Detections a confirmed track has to have for it to be missed.
const ESTABLISHED: u32 = 3;

/// When detections make a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackerOptions {
    /// From this score on a detection is sure, 0 to 1.
    pub sure: f32,
    /// Detections of less only go on tracks; those below `least` are not looked at.
    pub least: f32,
    /// From this score on a detection that belongs to no track starts one.
    pub begin: f32,
    /// Intersection over union, times the score, that a sure detection must have with a track, more than this.
    pub overlap: f32,
    /// Intersection over union that an unsure detection must have with a track, more than this.
    pub unsure_overlap: f32,
    /// The same for a track that was seen once only, times the score.
    pub first_overlap: f32,
    /// Frames for which a track that is not seen is kept.
    pub keep: u32,
    /// Detections after which a track is confirmed: it has no number before.
    pub confirm: u32,
    /// The most tracks at a time.
    pub most: usize,
}

impl Default for TrackerOptions {
    /// ByteTrack's, but for the scores.
    fn default() -> Self {
        TrackerOptions {
            sure: 0.5,
            least: 0.1,
            begin: 0.6,
            overlap: 0.2,
            unsure_overlap: 0.5,
            first_overlap: 0.3,
            keep: 30,
            confirm: 2,
            most: 256,
        }
    }
}

impl TrackerOptions {
    /// For a detector whose detections are reported from the score `threshold` on.
    pub fn for_threshold(threshold: f32) -> TrackerOptions {
        let begin = (threshold + 0.1).min(0.5 * (1.0 + threshold));
        TrackerOptions { sure: threshold, least: 0.5 * threshold, begin, ..TrackerOptions::default() }
    }
}

/// An object that is followed.
#[derive(Clone, Copy, Debug)]
pub struct Track {
    /// Its number, from 1, in the order in which tracks were confirmed; 0 before.
    pub id: u32,
    /// Index among the contract's classes.
    pub class: u32,
    /// The score it was last seen with.
    pub score: f32,
    /// Detections on it.
    pub seen: u32,
    /// Frames since the last of them; 0 where the last frame shows it.
    pub unseen: u32,
    motion: Motion,
}

impl Track {
    /// Where it is, or is expected, in pixels of the source.
    pub fn rect(&self) -> Rect {
        self.motion.rect()
    }

    /// Pixels that its centre moves in a frame, to the right and down.
    pub fn speed(&self) -> [f32; 2] {
        self.motion.speed()
    }

    /// Whether it was seen often enough to have a number.
    pub fn is_confirmed(&self) -> bool {
        self.id > 0
    }
}

/// What a frame has that does not go together with the ones before it: the detector was wrong here or there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contradiction {
    /// A confirmed track was seen one frame before, and is not, though nothing hides it where it should be.
    Vanished {
        /// The track's number.
        track: u32,
        /// Where it should be.
        rect: Rect,
    },
    /// An object that one frame showed alone.
    Flickered {
        /// Where it was.
        rect: Rect,
    },
}

/// Follows objects. Does not allocate while no frame has more detections than it was made for.
#[derive(Debug)]
pub struct Tracker {
    options: TrackerOptions,
    tracks: Vec<Track>,
    confirmed: u32,
    first: bool,
    /// Tracks and detections that are to be paired.
    rows: Vec<usize>,
    columns: Vec<usize>,
    assignment: Assignment,
    /// The track of each detection, among `tracks`.
    track_of: Vec<Option<usize>>,
    extended: Vec<bool>,
    found: Vec<Detection>,
    contradictions: Vec<Contradiction>,
}

impl Tracker {
    /// A tracker of up to `detections` a frame.
    pub fn new(options: TrackerOptions, detections: usize) -> Tracker {
        let most = options.most;
        Tracker {
            options,
            tracks: Vec::with_capacity(most),
            confirmed: 0,
            first: true,
            rows: Vec::with_capacity(most),
            columns: Vec::with_capacity(detections),
            assignment: Assignment::with_capacity(most, detections),
            track_of: Vec::with_capacity(detections),
            extended: Vec::with_capacity(most),
            found: Vec::with_capacity(detections),
            contradictions: Vec::with_capacity(most),
        }
    }

    /// When detections make a track.
    pub fn options(&self) -> &TrackerOptions {
        &self.options
    }

    /// Goes on with the same tracks by other options; the most tracks at a time stay.
    pub fn set_options(&mut self, options: TrackerOptions) {
        self.options = TrackerOptions { most: self.options.most, ..options };
    }

    /// Takes the detections of a frame that comes `frames` (1 or more) after the last one. Gives back those that are
    /// sure, and the unsure ones that go on a track, each with its track's number where that is confirmed, in their order.
    #[inline(never)]
    pub fn update(&mut self, detections: &[Detection], frames: u64) -> &[Detection] {
        let frames = u32::try_from(frames.max(1)).unwrap_or(u32::MAX);
        let keep = self.options.keep;
        self.track_of.clear();
        self.retain(|track| track.unseen.saturating_add(frames - 1) <= keep);
        for track in &mut self.tracks {
            track.motion.predict(frames as f32, track.unseen == 0);
        }
        self.extended.clear();
        self.extended.resize(self.tracks.len(), false);
        self.track_of.resize(detections.len(), None);
        let options = self.options;
        let sure = |found: &Detection| found.score >= options.sure;
        let unsure = |found: &Detection| found.score < options.sure && found.score >= options.least;
        let weighted = |overlap: f32, found: &Detection| overlap * found.score;
        self.pair(detections, Track::is_confirmed, sure, options.overlap, weighted);
        self.pair(
            detections,
            |track| track.is_confirmed() && track.unseen == 0,
            unsure,
            options.unsure_overlap,
            |o, _| o,
        );
        self.pair(detections, |track| !track.is_confirmed(), sure, options.first_overlap, weighted);
        self.contradict(detections, frames);
        self.settle(detections, frames);
        self.begin(detections);
        self.drop_twins();
        self.first = false;
        self.report(detections);
        &self.found
    }

    /// What the last update gave back.
    pub fn detections(&self) -> &[Detection] {
        &self.found
    }

    /// What is followed, whether the last frame shows it or not.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// How many tracks were confirmed so far.
    pub fn confirmed(&self) -> u32 {
        self.confirmed
    }

    /// What the last frame has in a picture of `width` × `height` that does not go together with the frames before it.
    pub fn contradictions(&self, width: usize, height: usize) -> impl Iterator<Item = &Contradiction> {
        let picture = Rect { left: 0.0, top: 0.0, right: width as f32, bottom: height as f32 };
        self.contradictions.iter().filter(move |contradiction| {
            let (Contradiction::Vanished { rect, .. } | Contradiction::Flickered { rect }) = contradiction;
            rect.share_in(&picture) >= INSIDE
        })
    }

    /// Gives detections to tracks of their class, as far as neither has a partner.
    fn pair(
        &mut self,
        detections: &[Detection],
        of: impl Fn(&Track) -> bool,
        among: impl Fn(&Detection) -> bool,
        least: f32,
        likeness: impl Fn(f32, &Detection) -> f32,
    ) {
        self.rows.clear();
        self.columns.clear();
        let (tracks, extended, track_of) = (&self.tracks, &mut self.extended, &mut self.track_of);
        self.rows.extend((0..tracks.len()).filter(|&row| !extended[row] && of(&tracks[row])));
        self.columns.extend((0..detections.len()).filter(|&i| track_of[i].is_none() && among(&detections[i])));
        let (rows, columns) = (&self.rows, &self.columns);
        let cost = |row: usize, column: usize| {
            let (track, found) = (&tracks[rows[row]], &detections[columns[column]]);
            if track.class != found.class {
                return f64::INFINITY;
            }
            1.0 - f64::from(likeness(track.motion.rect().iou(&found.rect), found))
        };
        let pairs = self.assignment.solve(rows.len(), columns.len(), 1.0 - f64::from(least), cost);
        for (row, column) in pairs.iter().enumerate().filter_map(|(row, column)| Some((row, (*column)?))) {
            extended[rows[row]] = true;
            track_of[columns[column]] = Some(rows[row]);
        }
    }

    /// Finds what the frame says otherwise than the one before it.
    fn contradict(&mut self, detections: &[Detection], frames: u32) {
        self.contradictions.clear();
        if frames > SOON {
            return;
        }
        for (track, _) in
            self.tracks.iter().zip(&self.extended).filter(|(track, extended)| !**extended && track.unseen == 0)
        {
            let rect = track.rect();
            if !track.is_confirmed() {
                self.contradictions.push(Contradiction::Flickered { rect });
            } else if track.seen >= ESTABLISHED && !detections.iter().any(|found| rect.share_in(&found.rect) > HIDDEN) {
                self.contradictions.push(Contradiction::Vanished { track: track.id, rect });
            }
        }
    }

    /// Moves tracks to where they were seen, and lets go of those that were not for too long.
    fn settle(&mut self, detections: &[Detection], frames: u32) {
        for (found, track) in
            detections.iter().zip(&self.track_of).filter_map(|(found, track)| Some((found, (*track)?)))
        {
            let track = &mut self.tracks[track];
            track.motion.correct(&found.rect);
            (track.score, track.seen, track.unseen) = (found.score, track.seen + 1, 0);
            if !track.is_confirmed() && track.seen >= self.options.confirm {
                self.confirmed += 1;
                track.id = self.confirmed;
            }
        }
        for (track, _) in self.tracks.iter_mut().zip(&self.extended).filter(|(_, extended)| !**extended) {
            track.unseen = track.unseen.saturating_add(frames);
        }
        let keep = self.options.keep;
        self.retain(|track| if track.is_confirmed() { track.unseen <= keep } else { track.unseen == 0 });
    }

    /// Starts tracks of what is sure and goes on none.
    fn begin(&mut self, detections: &[Detection]) {
        for (found, track_of) in detections.iter().zip(&mut self.track_of) {
            if track_of.is_some() || found.score < self.options.begin {
                continue;
            }
            if self.tracks.len() == self.options.most {
                break;
            }
            // What the first frame shows was there before, and needs no second frame.
            let id = if self.first || self.options.confirm <= 1 {
                self.confirmed += 1;
                self.confirmed
            } else {
                0
            };
            *track_of = Some(self.tracks.len());
            let (class, score, motion) = (found.class, found.score, Motion::new(&found.rect));
            self.tracks.push(Track { id, class, score, seen: 1, unseen: 0, motion });
        }
    }

    /// A track that was lost and one that took its place are one: the one that was seen more often stays.
    fn drop_twins(&mut self) {
        let twin = |a: &Track, b: &Track| a.class == b.class && a.rect().iou(&b.rect()) > SAME;
        for lost in 0..self.tracks.len() {
            for other in 0..self.tracks.len() {
                let (a, b) = (&self.tracks[lost], &self.tracks[other]);
                if a.unseen > 0 && b.unseen == 0 && b.seen > 0 && a.seen > 0 && twin(a, b) {
                    let worse = if a.seen > b.seen { other } else { lost };
                    self.tracks[worse].seen = 0;
                }
            }
        }
        self.retain(|track| track.seen > 0);
    }

    /// Keeps some tracks; detections keep pointing at theirs.
    fn retain(&mut self, keep: impl Fn(&Track) -> bool) {
        let mut kept = 0;
        for at in 0..self.tracks.len() {
            let stays = keep(&self.tracks[at]);
            for track_of in self.track_of.iter_mut().filter(|track_of| **track_of == Some(at)) {
                *track_of = stays.then_some(kept);
            }
            if stays {
                self.tracks.swap(kept, at);
                kept += 1;
            }
        }
        self.tracks.truncate(kept);
    }

    fn report(&mut self, detections: &[Detection]) {
        self.found.clear();
        for (found, track) in detections.iter().zip(&self.track_of) {
            let track = track.map(|track| &self.tracks[track]).filter(|track| track.is_confirmed());
            if track.is_some() || found.score >= self.options.sure {
                self.found.push(Detection { track: track.map(|track| track.id), ..*found });
            }
        }
    }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;
