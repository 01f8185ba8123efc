//! AP of pictures that are drawn again with replacement, as a bootstrap does, without matching them again.

use rayon::prelude::*;

use super::accumulate::{mean_precision, points_at, read_off};
use super::matching::{Fate, by_score, match_all};
use super::{Judged, RECALLS, Size, THRESHOLDS};

/// Detections and objects after matching, each with its picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Redraw {
    classes: Vec<Class>,
}

#[derive(Clone, Debug, PartialEq)]
struct Class {
    /// Picture and fates, by falling score.
    detections: Vec<(usize, [Fate; 4])>,
    /// Picture and the objects of the class in it, by range of areas.
    present: Vec<(usize, [usize; 4])>,
}

impl Redraw {
    /// Matches; detections and objects of classes from `classes` on are left out.
    pub fn new(pictures: &[Judged], classes: usize) -> Redraw {
        let of_class = |matched: &Vec<super::matching::Matched>| {
            let present = matched.iter().map(|matched| (matched.picture, matched.present)).collect();
            let outcomes = matched.iter().flat_map(|m| m.outcomes.iter().map(|outcome| (m.picture, *outcome)));
            let mut outcomes: Vec<_> = outcomes.collect();
            outcomes.sort_by(|a, b| by_score(a.1.score, b.1.score));
            let detections = outcomes.into_iter().map(|(picture, outcome)| (picture, outcome.fates)).collect();
            Class { detections, present }
        };
        Redraw { classes: match_all(pictures, classes).par_iter().map(of_class).collect() }
    }

    /// Objects of a class and a size that count, where picture `i` is there `times[i]` times.
    pub fn objects(&self, class: usize, size: Size, times: &[u32]) -> usize {
        let present = self.classes.get(class).into_iter().flat_map(|class| &class.present);
        present.map(|(picture, present)| present[size as usize] * of(times, *picture)).sum()
    }

    /// AP of a class over IoU .50:.05:.95, 0 to 1, where picture `i` is there `times[i]` times; none without objects.
    ///
    /// A detection that is there several times makes several points of the curve. Of these the last alone is kept: where
    /// it is a hit, the others have less recall and no more precision, and where it is a miss, the point before it stands
    /// for them; so that precision made monotone is the same.
    pub fn class_ap(&self, class: usize, size: Size, times: &[u32]) -> Option<f64> {
        let objects = self.objects(class, size, times);
        let class = self.classes.get(class).filter(|_| objects > 0)?;
        let mut points = Vec::with_capacity(class.detections.len());
        let mut precision = [0.0; RECALLS];
        let mut sum = 0.0;
        for level in 0..THRESHOLDS {
            let drawn = class.detections.iter().map(|(picture, fates)| (fates[size as usize], of(times, *picture)));
            points.clear();
            points.extend(points_at(drawn.filter(|(_, times)| *times > 0), 1 << level, objects));
            read_off(&mut points, &mut precision);
            sum += mean_precision(&precision);
        }
        Some(sum / THRESHOLDS as f64)
    }

    /// The mean over the classes that occur.
    pub fn ap(&self, size: Size, times: &[u32]) -> Option<f64> {
        let all: Vec<f64> = (0..self.classes.len()).filter_map(|class| self.class_ap(class, size, times)).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }
}

fn of(times: &[u32], picture: usize) -> usize {
    times.get(picture).map_or(0, |&times| times as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Rng;
    use crate::evaluate::coco::{Found, Truth, summarise};

    #[test]
    fn pictures_drawn_again_are_as_good_as_copied_ones() {
        let mut rng = Rng::new(&[3]);
        let mut number = |most: usize| rng.below(most) as f64;
        let pictures: Vec<Judged> = (0..12)
            .map(|_| {
                let truths: Vec<Truth> = (0..3)
                    .map(|i| Truth::new(i % 2, [number(90), number(90), 6.0 + number(60), 8.0 + number(50)]))
                    .collect();
                let near = |t: &Truth, score: f64, shift: f64| Found {
                    class: t.class,
                    score,
                    bbox: [t.bbox[0] + shift, t.bbox[1], t.bbox[2], t.bbox[3]],
                };
                // Scores that no two detections share: copies of one picture then stand side by side in any order.
                let mut score = || number(1_000_000) / 1e6;
                let scores = [score(), score(), score(), score()];
                let mut found: Vec<Found> =
                    truths.iter().zip(scores).zip([1.0, 4.0, 9.0]).map(|((t, s), shift)| near(t, s, shift)).collect();
                found.push(Found { class: 1, score: scores[3], bbox: [0.0, 0.0, 9.0, 9.0] });
                Judged { found, truths }
            })
            .collect();
        let redraw = Redraw::new(&pictures, 2);
        for times in [[1; 12], [0, 2, 1, 0, 3, 0, 0, 1, 1, 2, 0, 2]] {
            let copies: Vec<Judged> = pictures
                .iter()
                .zip(times)
                .flat_map(|(picture, times)| std::iter::repeat_n(picture.clone(), times as usize))
                .collect();
            let expected = summarise(&copies, 2);
            for (size, expected) in [(Size::All, expected.ap), (Size::Small, expected.small)] {
                let (ap, expected) = (redraw.ap(size, &times).expect("objects"), expected.expect("objects"));
                assert!((ap - expected).abs() < 1e-12, "{ap} {expected}");
            }
        }
        assert_eq!(redraw.ap(Size::All, &[0; 12]), None);
        assert_eq!(redraw.objects(0, Size::All, &[2]), 4);
    }
}
