//! What is taken for what: confusion matrices of classifiers, and of detectors with a row and a column for the
//! background.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::coco::{Found, Judged, Truth, overlap, overlap_with_crowd};

/// Counts by true class (row) and answer (column).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Rows, and columns.
    pub side: usize,
    /// Row by row.
    pub counts: Vec<u64>,
}

impl Confusion {
    /// All zero.
    pub fn new(side: usize) -> Confusion {
        Confusion { side, counts: vec![0; side * side] }
    }

    /// How often `truth` was taken for `answer`; 0 beyond the sides.
    pub fn at(&self, truth: usize, answer: usize) -> u64 {
        if truth < self.side && answer < self.side { self.counts[truth * self.side + answer] } else { 0 }
    }

    /// One more case; beyond the sides it is not counted.
    pub fn add(&mut self, truth: usize, answer: usize) {
        if truth < self.side && answer < self.side {
            self.counts[truth * self.side + answer] += 1;
        }
    }

    /// The sum of a row: how often the class is true.
    pub fn of_truth(&self, truth: usize) -> u64 {
        (0..self.side).map(|answer| self.at(truth, answer)).sum()
    }

    /// The sum of a column: how often the class is the answer.
    pub fn of_answer(&self, answer: usize) -> u64 {
        (0..self.side).map(|truth| self.at(truth, answer)).sum()
    }

    /// The cells off the diagonal as (truth, answer, count), the greatest count first.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let cells = (0..self.side).flat_map(|truth| (0..self.side).map(move |answer| (truth, answer)));
        let wrong = cells.filter(|(truth, answer)| truth != answer).map(|(t, a)| (t, a, self.at(t, a)));
        let mut wrong: Vec<_> = wrong.filter(|cell| cell.2 > 0).collect();
        wrong.sort_by_key(|&(truth, answer, count)| (std::cmp::Reverse(count), truth, answer));
        wrong
    }

    fn plus(mut self, other: &Confusion) -> Confusion {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self
    }
}

/// What became of the detections and objects of one picture, of whatever class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Indices of a detection and the object that it is taken for, of one class or of two.
    pub pairs: Vec<(usize, usize)>,
    /// Detections of nothing.
    pub spurious: Vec<usize>,
    /// Objects that nothing found.
    pub missed: Vec<usize>,
}

/// Pairs the detections from `score` on with objects that they overlap by at least `iou`, each once.
///
/// Detections choose by falling score. In a first round they choose among objects of their own class, and in a second
/// those that are left among the objects that are left: so an object that was found under its name is never counted as
/// confused. What lies on an object that does not count, or on a crowd, is in no list.
pub fn pair(picture: &Judged, score: f64, iou: f64) -> Pairs {
    let Judged { found, truths } = picture;
    let mut order: Vec<usize> = (0..found.len()).filter(|&index| found[index].score >= score).collect();
    order.sort_by(|&a, &b| found[b].score.total_cmp(&found[a].score));
    let mut taken = vec![false; truths.len()];
    let mut pairs = Vec::new();
    for same_class in [true, false] {
        order.retain(|&index| {
            let fits = |&(number, truth): &(usize, &Truth)| {
                !taken[number] && counts(truth) && (truth.class == found[index].class) == same_class
            };
            let overlaps =
                truths.iter().enumerate().filter(fits).map(|(n, t)| (n, overlap(&found[index].bbox, &t.bbox)));
            // Of equal overlaps the first.
            let best =
                overlaps.filter(|&(_, o)| o >= iou).reduce(|best, next| if next.1 > best.1 { next } else { best });
            if let Some((number, _)) = best {
                taken[number] = true;
                pairs.push((index, number));
            }
            best.is_none()
        });
    }
    order.retain(|&index| !lies_on_ignored(&found[index], truths, iou));
    let missed = (0..truths.len()).filter(|&number| !taken[number] && counts(&truths[number])).collect();
    Pairs { pairs, spurious: order, missed }
}

fn counts(truth: &Truth) -> bool {
    !truth.crowd && !truth.ignored
}

/// Whether a detection lies on something that does not count.
pub(super) fn lies_on_ignored(found: &Found, truths: &[Truth], iou: f64) -> bool {
    truths.iter().filter(|truth| !counts(truth)).any(|truth| {
        let measure = if truth.crowd { overlap_with_crowd } else { overlap };
        measure(&found.bbox, &truth.bbox) >= iou
    })
}

/// The confusion matrix of a detector: its last row counts detections of nothing, its last column missed objects.
/// `score` and `iou` as in [`pair`]; classes from `classes` on are left out.
pub fn detection_confusion(pictures: &[Judged], classes: usize, score: f64, iou: f64) -> Confusion {
    let of_picture = |picture: &Judged| {
        let mut confusion = Confusion::new(classes + 1);
        let Pairs { pairs, spurious, missed } = pair(picture, score, iou);
        let found = |index: usize| picture.found[index].class;
        let truth = |index: usize| picture.truths[index].class;
        // A class beyond the last would be taken for the background.
        let mut add = |t: usize, f: usize| confusion.add(t, f);
        pairs.iter().filter(|p| truth(p.1) < classes && found(p.0) < classes).for_each(|p| add(truth(p.1), found(p.0)));
        spurious.iter().filter(|&&f| found(f) < classes).for_each(|&f| add(classes, found(f)));
        missed.iter().filter(|&&t| truth(t) < classes).for_each(|&t| add(truth(t), classes));
        confusion
    };
    let empty = || Confusion::new(classes + 1);
    pictures.par_iter().map(of_picture).reduce(empty, |sum, one| sum.plus(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(left: f64) -> [f64; 4] {
        [left, 0.0, 10.0, 10.0]
    }

    fn found(class: usize, score: f64, left: f64) -> Found {
        Found { class, score, bbox: at(left) }
    }

    #[test]
    fn each_detection_and_object_is_counted_once() {
        let truths = vec![Truth::new(0, at(0.0)), Truth::new(1, at(50.0)), Truth::new(1, at(100.0))];
        // The surer detection of the wrong class does not take the object from the right one.
        let detections = vec![
            found(1, 0.9, 0.0),
            found(0, 0.8, 1.0),
            found(0, 0.7, 51.0),
            found(1, 0.6, 200.0),
            found(1, 0.1, 100.0),
        ];
        let confusion = detection_confusion(&[Judged { found: detections, truths }], 2, 0.3, 0.5);
        // Rows: class 0, class 1, nothing.
        assert_eq!(confusion.counts, [1, 0, 0, 1, 0, 1, 0, 2, 0]);
        assert_eq!((confusion.of_truth(1), confusion.of_answer(1)), (2, 2));
        assert_eq!(confusion.mistakes(), [(2, 1, 2), (1, 0, 1), (1, 2, 1)]);
    }

    #[test]
    fn crowds_and_ignored_objects_are_no_mistakes() {
        let crowd = Truth { crowd: true, ..Truth::new(0, [0.0, 0.0, 90.0, 90.0]) };
        let ignored = Truth { ignored: true, ..Truth::new(0, at(200.0)) };
        let found = vec![found(0, 0.9, 5.0), found(1, 0.9, 30.0), found(0, 0.9, 200.0)];
        let pairs = pair(&Judged { found, truths: vec![crowd, ignored] }, 0.0, 0.5);
        assert_eq!(pairs, Pairs::default());
    }
}
