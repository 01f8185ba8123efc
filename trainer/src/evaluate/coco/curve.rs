//! Precision and recall over the score threshold, and the threshold at which they balance best.

use serde::{Deserialize, Serialize};

use super::matching::{Outcome, by_score};

/// Precision and recall if every detection from a score on is taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// The least score that is taken.
    pub score: f64,
    /// Share of what is taken that is right; detections that do not count are left out.
    pub precision: f64,
    /// Share of objects that are found.
    pub recall: f64,
}

impl OperatingPoint {
    /// The harmonic mean of precision and recall; 0 where both are.
    pub fn f1(&self) -> f64 {
        let sum = self.precision + self.recall;
        if sum > 0.0 { 2.0 * self.precision * self.recall / sum } else { 0.0 }
    }
}

/// Operating points by falling score: rising recall, and precision as it is rather than made monotone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// One point for each score that occurs.
    pub points: Vec<OperatingPoint>,
    /// Objects that count.
    pub objects: usize,
}

impl Curve {
    /// The point with the greatest F1, of equals the one with the highest score; none where nothing was found.
    pub fn best(&self) -> Option<OperatingPoint> {
        let better = |best: OperatingPoint, point: &OperatingPoint| if point.f1() > best.f1() { *point } else { best };
        let (first, rest) = self.points.split_first()?;
        Some(rest.iter().fold(*first, better)).filter(|best| best.recall > 0.0)
    }

    /// What holds if detections from `score` on are taken; precision 1 and recall 0 where there are none.
    pub fn at(&self, score: f64) -> OperatingPoint {
        let taken = self.points.partition_point(|point| point.score >= score);
        let none = OperatingPoint { score, precision: 1.0, recall: 0.0 };
        taken.checked_sub(1).map_or(none, |last| OperatingPoint { score, ..self.points[last] })
    }
}

pub(super) fn curve<'a>(outcomes: impl Iterator<Item = &'a Outcome>, level: usize, objects: usize) -> Curve {
    let bit = 1u16 << level;
    let counted = outcomes.filter(|outcome| outcome.fates[0].ignored & bit == 0);
    let mut counted: Vec<(f64, bool)> =
        counted.map(|outcome| (outcome.score, outcome.fates[0].hit & bit != 0)).collect();
    counted.sort_by(|a, b| by_score(a.0, b.0));
    let (mut hits, mut points) = (0, Vec::new());
    for (index, &(score, hit)) in counted.iter().enumerate() {
        hits += usize::from(hit);
        // No threshold takes some detections of one score and leaves others.
        if counted.get(index + 1).is_none_or(|next| next.0 != score) {
            let recall = hits as f64 / objects.max(1) as f64;
            points.push(OperatingPoint { score, precision: hits as f64 / (index + 1) as f64, recall });
        }
    }
    Curve { points, objects }
}

#[cfg(test)]
mod tests {
    use crate::evaluate::coco::{Evaluation, Found, Judged, Truth};

    #[test]
    fn detections_of_one_score_are_taken_together() {
        let at = |left: f64| [left, 0.0, 10.0, 10.0];
        let found = |score, left| Found { class: 0, score, bbox: at(left) };
        let found = vec![found(0.9, 0.0), found(0.5, 50.0), found(0.5, 20.0), found(0.5, 40.0), found(0.2, 60.0)];
        let truths = [0.0, 20.0, 40.0, 100.0].map(|left| Truth::new(0, at(left))).to_vec();
        let curve = Evaluation::new(&[Judged { found, truths }], 1).curve(0, 0).expect("objects");
        let points: Vec<_> = curve.points.iter().map(|p| (p.score, p.precision, p.recall)).collect();
        assert_eq!(points, [(0.9, 1.0, 0.25), (0.5, 0.75, 0.75), (0.2, 0.6, 0.75)]);
        let best = curve.best().expect("a hit");
        assert_eq!((best.score, best.f1()), (0.5, 0.75));
        assert_eq!(curve.at(0.6).recall, 0.25);
        assert_eq!((curve.at(0.95).precision, curve.at(0.95).recall), (1.0, 0.0));
    }
}
