//! How far one number is one object: IDF1 (Ristani et al., "Performance measures and a data set for multi-target, multi-camera
//! tracking", 2016).
//!
//! Every object of the truth is given to one number for the whole film, so that as many boxes as possible are right; IDF1 is
//! the F1 of these.

use std::collections::{BTreeMap, BTreeSet};

use retort::vision::tracking::Assignment;
use serde::Serialize;

use super::{Frame, OVERLAP};

/// What numbers are worth, over the whole film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Identity {
    /// Twice the boxes with the right number over all boxes of truth and answer (equation 10), 0 to 1.
    pub idf1: f64,
    /// Share of the answer's boxes that have the right number.
    pub id_precision: f64,
    /// Share of the truth's boxes that have the right number.
    pub id_recall: f64,
    /// Numbers that were given.
    pub tracks: usize,
    /// Objects of the truth.
    pub tracks_of_truth: usize,
}

/// Measures a film.
pub fn identity(film: &[Frame]) -> Identity {
    let mut common: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let (mut objects, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let (mut of_truth, mut of_answer) = (0, 0);
    for frame in film {
        of_truth += frame.truths.len();
        of_answer += frame.found.len();
        numbers.extend(frame.found.iter().map(|found| found.track));
        for truth in &frame.truths {
            objects.insert(truth.track);
            for found in frame.found.iter().filter(|found| found.rect.iou(&truth.rect) >= OVERLAP) {
                *common.entry((truth.track, found.track)).or_default() += 1;
            }
        }
    }
    let (objects, numbers): (Vec<u32>, Vec<u32>) = (objects.into_iter().collect(), numbers.into_iter().collect());
    let shared = |row: usize, column: usize| common.get(&(objects[row], numbers[column])).copied().unwrap_or(0) as f64;
    let mut assignment = Assignment::default();
    // No pair shares more frames than there are, so that each that shares one costs less than to be alone.
    let alone = film.len() as f64;
    let pairs = assignment.solve(objects.len(), numbers.len(), alone, |row, column| alone - shared(row, column));
    let right: f64 = pairs.iter().enumerate().filter_map(|(row, column)| Some(shared(row, (*column)?))).sum();
    let share = |of: usize| if of > 0 { right / of as f64 } else { 0.0 };
    let all = of_truth + of_answer;
    Identity {
        idf1: if all > 0 { 2.0 * right / all as f64 } else { 0.0 },
        id_precision: share(of_answer),
        id_recall: share(of_truth),
        tracks: numbers.len(),
        tracks_of_truth: objects.len(),
    }
}
