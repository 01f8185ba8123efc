//! Precision and recall over all pictures.

use rayon::prelude::*;

use super::curve::{self, Curve};
use super::matching::{Fate, Matched, Outcome, by_score, match_all};
use super::summary::{ClassSummary, Summary};
use super::{Judged, RECALLS, Size, THRESHOLDS, recall};

/// The numbers of detections a picture at which recall is stated.
pub(super) const LIMITS: [usize; 3] = [1, 10, 100];

/// Precision and recall of one class in one range of areas.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// Monotone precision at each IoU threshold and recall; 0 where the recall is not reached.
    pub precision: [[f64; RECALLS]; THRESHOLDS],
    /// The greatest recall at each IoU threshold, for each of [`LIMITS`].
    pub recall: [[f64; THRESHOLDS]; 3],
}

impl Table {
    /// The mean over thresholds and recalls.
    pub fn ap(&self) -> f64 {
        self.precision.iter().map(mean_precision).sum::<f64>() / THRESHOLDS as f64
    }
}

/// The mean over recalls.
pub(super) fn mean_precision(precision: &[f64; RECALLS]) -> f64 {
    precision.iter().sum::<f64>() / RECALLS as f64
}

/// One class over all pictures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    /// By range of areas; none where no object that counts falls into it.
    pub tables: [Option<Box<Table>>; 4],
    /// Objects that count, by range of areas.
    pub present: [usize; 4],
    /// By falling score.
    pub outcomes: Vec<Outcome>,
}

impl Class {
    fn new(matched: &[Matched]) -> Class {
        let mut outcomes: Vec<Outcome> = matched.iter().flat_map(|matched| &matched.outcomes).copied().collect();
        // Ties stay in the order of the pictures, and within one in that of its detections.
        outcomes.sort_by(|a, b| by_score(a.score, b.score));
        let present = std::array::from_fn(|size| matched.iter().map(|matched| matched.present[size]).sum());
        let tables = std::array::from_fn(|size| (present[size] > 0).then(|| table(&outcomes, size, present[size])));
        Class { tables, present, outcomes }
    }
}

fn table(outcomes: &[Outcome], size: usize, present: usize) -> Box<Table> {
    let mut table = Box::new(Table { precision: [[0.0; RECALLS]; THRESHOLDS], recall: [[0.0; THRESHOLDS]; 3] });
    let mut points: Vec<[f64; 2]> = Vec::with_capacity(outcomes.len());
    for level in 0..THRESHOLDS {
        let bit = 1 << level;
        for (limit, recalls) in LIMITS.iter().zip(&mut table.recall) {
            let hits = outcomes.iter().filter(|o| usize::from(o.rank) < *limit && o.fates[size].hit & bit != 0).count();
            recalls[level] = hits as f64 / present as f64;
        }
        points.clear();
        points.extend(points_at(outcomes.iter().map(|outcome| (outcome.fates[size], 1)), bit, present));
        read_off(&mut points, &mut table.precision[level]);
    }
    table
}

/// Recall and precision after each detection, which comes with how often it is there. A detection that does not count
/// repeats the point before it.
pub(super) fn points_at(
    fates: impl Iterator<Item = (Fate, usize)>,
    bit: u16,
    present: usize,
) -> impl Iterator<Item = [f64; 2]> {
    fates.scan([0usize; 2], move |[hits, misses], (fate, times)| {
        *hits += times * usize::from(fate.hit & bit != 0);
        *misses += times * usize::from((fate.hit | fate.ignored) & bit == 0);
        let (hit, missed) = (*hits as f64, *misses as f64);
        Some([hit / present as f64, hit / (missed + hit + f64::EPSILON)])
    })
}

/// Makes precision monotone and reads it off at each recall.
pub(super) fn read_off(points: &mut [[f64; 2]], precision: &mut [f64; RECALLS]) {
    for index in (1..points.len()).rev() {
        points[index - 1][1] = points[index - 1][1].max(points[index][1]);
    }
    let mut at = 0;
    for (index, precision) in precision.iter_mut().enumerate() {
        while at < points.len() && points[at][0] < recall(index) {
            at += 1;
        }
        *precision = points.get(at).map_or(0.0, |point| point[1]);
    }
}

/// Every class over all pictures: what COCO's figures are read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub(super) classes: Vec<Class>,
}

impl Evaluation {
    /// Matches and counts. Detections and objects of classes from `classes` on are left out.
    pub fn new(pictures: &[Judged], classes: usize) -> Evaluation {
        let matched = match_all(pictures, classes);
        Evaluation { classes: matched.par_iter().map(|matched| Class::new(matched)).collect() }
    }

    /// COCO's figures.
    pub fn summary(&self) -> Summary {
        Summary::new(&self.classes)
    }

    /// The figures of one class; none where there is no such class.
    pub fn class(&self, class: usize) -> Option<ClassSummary> {
        self.classes.get(class).map(|class| ClassSummary::new(class, self.curve_of(class, 0)))
    }

    /// Precision and recall of one class over the scores at IoU threshold number `level`; none where no object of it
    /// counts.
    pub fn curve(&self, class: usize, level: usize) -> Option<Curve> {
        let class = self.classes.get(class).filter(|class| class.present[Size::All as usize] > 0)?;
        (level < THRESHOLDS).then(|| self.curve_of(class, level))
    }

    /// The same over the detections of all classes in one line, as one score threshold for all of them sees them.
    pub fn pooled_curve(&self, level: usize) -> Curve {
        let outcomes = self.classes.iter().flat_map(|class| &class.outcomes);
        let present = self.classes.iter().map(|class| class.present[Size::All as usize]).sum();
        curve::curve(outcomes, level.min(THRESHOLDS - 1), present)
    }

    /// COCO's precision at IoU threshold number `level`, read off at the 101 recalls, averaged over classes that occur;
    /// none where no object counts.
    pub fn mean_precision(&self, level: usize) -> Option<[f64; RECALLS]> {
        let rows: Vec<&[f64; RECALLS]> =
            self.classes.iter().filter_map(|class| class.tables[0].as_ref()?.precision.get(level)).collect();
        let mean = |index: usize| rows.iter().map(|row| row[index]).sum::<f64>() / rows.len() as f64;
        (!rows.is_empty()).then(|| std::array::from_fn(mean))
    }

    /// The score of every detection that counts, and whether it is right, at IoU threshold number `level`.
    pub fn confidences(&self, level: usize) -> Vec<(f64, bool)> {
        let bit = 1u16 << level.min(THRESHOLDS - 1);
        let outcomes = self.classes.iter().flat_map(|class| &class.outcomes);
        let counted = outcomes.filter(|outcome| outcome.fates[0].ignored & bit == 0);
        counted.map(|outcome| (outcome.score, outcome.fates[0].hit & bit != 0)).collect()
    }

    fn curve_of(&self, class: &Class, level: usize) -> Curve {
        curve::curve(class.outcomes.iter(), level, class.present[Size::All as usize])
    }
}
