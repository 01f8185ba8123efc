//! How far a teacher's scores can be trusted, learned from what persists in a film, without any label.
//!
//! A score is no probability: of one detector's boxes at 0.4 a quarter may be objects, of another's nearly all. But objects stay
//! where they are or move on steadily, and are mostly seen well at some time, while false alarms flicker, or never get beyond
//! middling scores. So boxes are linked along the film into tracks (greedily by overlap, each track where its velocity has brought
//! it, as in SORT, Bewley et al. 2016, without its filter). A track that is long enough and often enough sure is *confirmed*. The share of
//! the boxes of a score that lie on confirmed tracks is what that score is worth: its calibration. From the score on from which
//! most are, boxes are taken for objects; there is nothing at the others.

use serde::{Deserialize, Serialize};

use crate::data::Label;
use crate::losses::iou;

/// Boxes below this score are not linked.
const LEAST: f32 = 0.2;
/// Overlap from which on a box goes on a track.
const LINKED: f32 = 0.4;
/// Frames that a confirmed track has at least.
const FRAMES: usize = 8;
/// Share of a confirmed track's boxes that may be less sure than the upper score of the band.
const UNSURE: f32 = 0.7;
/// Share of a step's velocity in the track's.
const STEADY: f32 = 0.3;
/// Most frames from one box of a track to the next, and from one picture to the next for a film to be one: objects have to overlap
/// themselves.
const APART: usize = 12;
/// Share of the boxes of a score that are confirmed, for it to be trusted.
const TRUSTED: f32 = 0.5;
/// Width of the bins of the calibration.
const BIN: f32 = 0.05;

/// What scores are worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// From low scores to high ones.
    pub bins: Vec<Bin>,
    /// Tracks that were confirmed.
    pub tracks: usize,
    /// The least score from which on boxes are taken for objects: of no score above it fewer than half are confirmed.
    pub trusted: f32,
}

/// Boxes of about one score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The lowest score of the bin.
    pub score: f32,
    /// Boxes in it.
    pub boxes: usize,
    /// Share of them that lie on confirmed tracks.
    pub confirmed: f32,
}

impl Calibration {
    /// A line a bin.
    pub fn table(&self) -> String {
        let head = "score  boxes  on confirmed tracks\n".to_owned();
        let line = |bin: &Bin| format!("{:5.2} {:6}  {:5.1} %\n", bin.score, bin.boxes, 100.0 * bin.confirmed);
        self.bins.iter().map(line).fold(head, |text, line| text + &line)
    }
}

/// A track: where it is and how it moves.
struct Track {
    /// Frame, and place in all boxes of the film.
    boxes: Vec<(usize, usize)>,
    bounds: [f32; 4],
    velocity: [f32; 4],
    class: usize,
    scores: Vec<f32>,
}

impl Track {
    fn last(&self) -> usize {
        self.boxes.last().map_or(0, |&(frame, _)| frame)
    }

    fn expected(&self, frame: usize) -> [f32; 4] {
        let passed = (frame - self.last()) as f32;
        std::array::from_fn(|edge| self.bounds[edge] + self.velocity[edge] * passed)
    }

    fn extend(&mut self, frame: usize, place: usize, label: &Label) {
        let passed = (frame - self.last()) as f32;
        // The first step has nothing to be steady with, but one step alone is not to be trusted either.
        let share = if self.boxes.len() == 1 { 0.5 } else { STEADY };
        for edge in 0..4 {
            let step = (label.bounds[edge] - self.bounds[edge]) / passed;
            self.velocity[edge] += share * (step - self.velocity[edge]);
        }
        self.bounds = label.bounds;
        self.boxes.push((frame, place));
        self.scores.push(label.score);
    }

    fn is_confirmed(&self, sure: f32) -> bool {
        let unsure = self.scores.iter().filter(|&&score| score < sure).count();
        self.scores.len() >= FRAMES && unsure as f32 <= UNSURE * self.scores.len() as f32
    }
}

/// What scores are worth in a film, by what persists in it. A track is confirmed where enough of its boxes have at least the score
/// `sure`. `frames` are the pictures' numbers, rising.
///
/// `None` where the pictures lie too far apart to be linked, or too little is confirmed to trust any score.
pub fn calibrate(frames: &[usize], pictures: &[Vec<Label>], sure: f32) -> Option<Calibration> {
    let near = frames.windows(2).filter(|pair| pair[1] > pair[0] && pair[1] - pair[0] <= APART).count();
    if frames.len() != pictures.len() || 2 * near < frames.len() {
        return None;
    }
    // Places of each picture's boxes among all.
    let mut starts = Vec::with_capacity(pictures.len());
    let mut count = 0;
    for boxes in pictures {
        starts.push(count);
        count += boxes.len();
    }
    let mut confirmed = vec![false; count];
    let mut calibration = Calibration::default();
    for track in link(frames, pictures, &starts).iter().filter(|track| track.is_confirmed(sure)) {
        calibration.tracks += 1;
        track.boxes.iter().for_each(|&(_, place)| confirmed[place] = true);
    }
    let mut bins = vec![(0usize, 0usize); (1.0 / BIN).ceil() as usize];
    let last = bins.len() - 1;
    for (label, &confirmed) in pictures.iter().flatten().zip(&confirmed).filter(|(label, _)| label.score >= LEAST) {
        let (boxes, of_them) = &mut bins[((label.score / BIN) as usize).min(last)];
        *boxes += 1;
        *of_them += usize::from(confirmed);
    }
    let filled = bins.iter().enumerate().filter(|(_, (boxes, _))| *boxes > 0);
    let bin = |(bin, &(boxes, confirmed)): (usize, &(usize, usize))| Bin {
        score: bin as f32 * BIN,
        boxes,
        confirmed: confirmed as f32 / boxes as f32,
    };
    calibration.bins = filled.map(bin).collect();
    calibration.trusted = calibration.bins.iter().rev().take_while(|bin| bin.confirmed >= TRUSTED).last()?.score;
    Some(calibration)
}

/// Links boxes along a film.
fn link(frames: &[usize], pictures: &[Vec<Label>], starts: &[usize]) -> Vec<Track> {
    let (mut done, mut live): (Vec<Track>, Vec<Track>) = (Vec::new(), Vec::new());
    for ((&frame, boxes), &start) in frames.iter().zip(pictures).zip(starts) {
        let (kept, ended): (Vec<Track>, Vec<Track>) =
            live.into_iter().partition(|track| frame > track.last() && frame - track.last() <= APART);
        done.extend(ended);
        live = kept;
        let seen: Vec<usize> = (0..boxes.len()).filter(|&i| boxes[i].score >= LEAST && !boxes[i].ignored).collect();
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (place, track) in live.iter().enumerate() {
            let expected = track.expected(frame);
            let linked = seen.iter().filter(|&&i| boxes[i].class == track.class);
            let overlaps = linked.map(|&i| (iou(&expected, &boxes[i].bounds), place, i));
            pairs.extend(overlaps.filter(|(overlap, _, _)| *overlap > LINKED));
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut extended, mut taken) = (vec![false; live.len()], vec![false; boxes.len()]);
        for (_, place, i) in pairs {
            if !extended[place] && !taken[i] {
                (extended[place], taken[i]) = (true, true);
                live[place].extend(frame, start + i, &boxes[i]);
            }
        }
        live.extend(seen.iter().filter(|&&i| !taken[i]).map(|&i| Track {
            boxes: vec![(frame, start + i)],
            bounds: boxes[i].bounds,
            velocity: [0.0; 4],
            class: boxes[i].class,
            scores: vec![boxes[i].score],
        }));
    }
    done.extend(live);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(x: f32, score: f32) -> Label {
        Label { score, ..Label::new(0, [x, 10.0, x + 20.0, 60.0]) }
    }

    /// Someone who walks, is seen badly in frames 5 to 7 and not at all in frame 9, and alarms that flicker and that stand.
    fn film() -> (Vec<usize>, Vec<Vec<Label>>) {
        let picture = |frame: usize| {
            let mut boxes = Vec::new();
            if frame != 9 {
                boxes.push(label(4.0 * frame as f32, if (5..8).contains(&frame) { 0.4 } else { 0.8 }));
            }
            if frame.is_multiple_of(4) {
                boxes.push(label(300.0 + 40.0 * frame as f32, 0.6));
            }
            boxes.push(label(900.0, 0.36));
            boxes.push(label(950.0, 0.1));
            boxes
        };
        ((1..=20).collect(), (1..=20).map(picture).collect())
    }

    #[test]
    fn scores_are_worth_what_persists() {
        let (frames, pictures) = film();
        let calibration = calibrate(&frames, &pictures, 0.5).expect("one is confirmed");
        assert_eq!(calibration.tracks, 1);
        let worth: Vec<(usize, usize)> = calibration
            .bins
            .iter()
            .map(|bin| (bin.boxes, (bin.confirmed * bin.boxes as f32).round() as usize))
            .collect();
        // 0.36 of the standing alarm, 0.4 of who is seen badly, 0.6 of the flickering alarm, and 0.8.
        assert_eq!(worth, [(20, 0), (3, 3), (5, 0), (16, 16)]);
        assert!(calibration.table().contains("0.40      3  100.0 %"), "{}", calibration.table());
        // Below the alarms at 0.6 nothing is trusted, however good it looks.
        assert!((calibration.trusted - 0.8).abs() < 1e-6);
    }

    #[test]
    fn pictures_far_apart_are_no_film() {
        let (_, pictures) = film();
        let frames: Vec<usize> = (1..=20).map(|frame| frame * 40).collect();
        assert_eq!(calibrate(&frames, &pictures, 0.5), None);
        assert_eq!(calibrate(&[], &[], 0.5), None);
        let silent = vec![Vec::new(); 20];
        assert_eq!(calibrate(&(1..=20).collect::<Vec<_>>(), &silent, 0.5), None);
    }
}
