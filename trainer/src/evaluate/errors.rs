//! What is wrong with detections, and what each kind of mistake costs (TIDE; Bolya et al., ECCV 2020).
//!
//! A detection that found no object of its class at IoU .50 is one of
//!
//! | kind | it overlaps |
//! |---|---|
//! | localisation | an object of its class by .10 to .50 |
//! | classification | an object of another class by .50 or more |
//! | duplicate | an object of its class by .50 or more, which a surer one has taken |
//! | background | every object by at most .10 |
//! | both | an object of another class by .10 to .50 |
//!
//! tried in this order, and an object that nothing found, nor any of the first two kinds would find if it were put
//! right, is *missed*. The cost of a kind is how much AP50 rises if its mistakes alone are put right: boxes are moved
//! or renamed to their object (the surest for each object; the others vanish), other false detections vanish, and
//! missed objects need not be found.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::coco::{Evaluation, Found, Judged, MOST_DETECTIONS, Truth, overlap};
use super::confusion::lies_on_ignored;

const FOREGROUND: f64 = 0.5;
const BACKGROUND: f64 = 0.1;

/// A kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Right place, wrong class.
    Classification,
    /// Right class, box not good enough.
    Localisation,
    /// Wrong class and box not good enough.
    Both,
    /// An object found again.
    Duplicate,
    /// Nothing is there.
    Background,
    /// An object that was not found.
    Missed,
}

impl Kind {
    /// Every kind, in the order of tables.
    pub const ALL: [Kind; 6] =
        [Kind::Classification, Kind::Localisation, Kind::Both, Kind::Duplicate, Kind::Background, Kind::Missed];

    /// What tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Classification => "classification",
            Kind::Localisation => "localisation",
            Kind::Both => "both",
            Kind::Duplicate => "duplicate",
            Kind::Background => "background",
            Kind::Missed => "missed",
        }
    }
}

/// How often a mistake was made and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Which.
    pub kind: Kind,
    /// Detections, or for [`Kind::Missed`] objects.
    pub count: usize,
    /// By how much AP50, from 0 to 1, would rise without them.
    pub cost: f64,
}

/// The mistakes of one picture.
#[derive(Clone, Debug, Default, PartialEq)]
struct Diagnosis {
    /// Detection, kind, and the object that it should have found.
    wrong: Vec<(usize, Kind, Option<usize>)>,
    missed: Vec<usize>,
}

/// The mistakes of detectors, by kind; `classes` as in [`Evaluation::new`].
pub fn mistakes(pictures: &[Judged], classes: usize) -> Vec<Mistake> {
    let diagnoses: Vec<Diagnosis> = pictures.par_iter().map(diagnose).collect();
    let ap50 = |pictures: &[Judged]| Evaluation::new(pictures, classes).summary().ap50.unwrap_or(0.0);
    let before = ap50(pictures);
    let of_kind = |kind: Kind| {
        let count = match kind {
            Kind::Missed => diagnoses.iter().map(|diagnosis| diagnosis.missed.len()).sum(),
            _ => diagnoses.iter().flat_map(|diagnosis| &diagnosis.wrong).filter(|wrong| wrong.1 == kind).count(),
        };
        if count == 0 {
            return Mistake { kind, count, cost: 0.0 };
        }
        let righted: Vec<Judged> =
            pictures.par_iter().zip(&diagnoses).map(|(picture, diagnosis)| right(picture, diagnosis, kind)).collect();
        Mistake { kind, count, cost: ap50(&righted) - before }
    };
    Kind::ALL.into_iter().map(of_kind).collect()
}

fn diagnose(picture: &Judged) -> Diagnosis {
    let Judged { found, truths } = picture;
    let counted: Vec<usize> = (0..truths.len()).filter(|&t| !truths[t].crowd && !truths[t].ignored).collect();
    let order = by_score(found);
    let mut taken = vec![false; truths.len()];
    let mut wrong = Vec::new();
    // The nearest of some objects and how much it overlaps.
    let nearest = |bbox: &[f64; 4], of: &dyn Fn(usize) -> bool| {
        let overlaps = counted.iter().filter(|&&t| of(t)).map(|&t| (t, overlap(bbox, &truths[t].bbox)));
        overlaps.reduce(|best, next| if next.1 > best.1 { next } else { best })
    };
    let mut unmatched = Vec::new();
    for index in order {
        let Found { class, bbox, .. } = &found[index];
        let free = |t: usize| truths[t].class == *class && !taken[t];
        match nearest(bbox, &free).filter(|(_, overlap)| *overlap >= FOREGROUND) {
            Some((truth, _)) => taken[truth] = true,
            None if lies_on_ignored(&found[index], truths, FOREGROUND) => {}
            None => unmatched.push(index),
        }
    }
    for index in unmatched {
        let Found { class, bbox, .. } = &found[index];
        let (own, other) =
            (nearest(bbox, &|t| truths[t].class == *class), nearest(bbox, &|t| truths[t].class != *class));
        let least = |nearest: Option<(usize, f64)>, least: f64| nearest.filter(|(_, overlap)| *overlap >= least);
        let (kind, truth) = match (least(own, BACKGROUND), least(other, FOREGROUND)) {
            (Some((truth, overlap)), _) if overlap < FOREGROUND => (Kind::Localisation, Some(truth)),
            (_, Some((truth, _))) => (Kind::Classification, Some(truth)),
            (Some(_), None) => (Kind::Duplicate, None),
            (None, None) if least(other, BACKGROUND).is_some() => (Kind::Both, None),
            (None, None) => (Kind::Background, None),
        };
        wrong.push((index, kind, truth));
    }
    let meant = |t: usize| wrong.iter().any(|&(_, _, truth)| truth == Some(t));
    let missed = counted.iter().copied().filter(|&t| !taken[t] && !meant(t)).collect();
    // A mistake whose object another detection has found cannot become a hit.
    for wrong in &mut wrong {
        wrong.2 = wrong.2.filter(|&truth| !taken[truth]);
    }
    Diagnosis { wrong, missed }
}

/// The detections that count, by falling score: the best of each class.
fn by_score(found: &[Found]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by(|&a, &b| found[b].score.total_cmp(&found[a].score));
    let mut counts = std::collections::HashMap::new();
    order.retain(|&index| {
        let count: &mut usize = counts.entry(found[index].class).or_default();
        *count += 1;
        *count <= MOST_DETECTIONS
    });
    order
}

/// The picture with the mistakes of one kind put right.
fn right(picture: &Judged, diagnosis: &Diagnosis, kind: Kind) -> Judged {
    let mut righted = picture.clone();
    if kind == Kind::Missed {
        let kept = |(t, truth): (usize, &Truth)| (!diagnosis.missed.contains(&t)).then_some(*truth);
        righted.truths = picture.truths.iter().enumerate().filter_map(kept).collect();
        return righted;
    }
    let mut gone = vec![false; picture.found.len()];
    let mut taken = vec![false; picture.truths.len()];
    // These are in the order of scores.
    for &(index, _, truth) in diagnosis.wrong.iter().filter(|wrong| wrong.1 == kind) {
        match truth.filter(|&truth| !taken[truth]) {
            Some(truth) => {
                taken[truth] = true;
                let Truth { class, bbox, .. } = picture.truths[truth];
                righted.found[index] = Found { class, bbox, ..picture.found[index] };
            }
            None => gone[index] = true,
        }
    }
    let mut index = 0;
    righted.found.retain(|_| {
        index += 1;
        !gone[index - 1]
    });
    righted
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
    fn every_kind_is_told_from_the_others() {
        let truths = vec![
            Truth::new(0, at(0.0)),
            Truth::new(0, at(100.0)),
            Truth::new(1, at(200.0)),
            Truth::new(1, at(300.0)),
            Truth::new(0, at(400.0)),
        ];
        let found = vec![
            found(0, 0.9, 0.0),   // a hit
            found(0, 0.8, 1.0),   // of the same object
            found(0, 0.7, 105.0), // IoU 1/3
            found(0, 0.6, 201.0), // the wrong name
            found(0, 0.5, 305.0), // the wrong name and IoU 1/3
            found(1, 0.4, 900.0), // nothing
        ];
        let diagnosis = diagnose(&Judged { found: found.clone(), truths: truths.clone() });
        let expected = [
            (1, Kind::Duplicate, None),
            (2, Kind::Localisation, Some(1)),
            (3, Kind::Classification, Some(2)),
            (4, Kind::Both, None),
            (5, Kind::Background, None),
        ];
        assert_eq!(diagnosis.wrong, expected);
        assert_eq!(diagnosis.missed, [3, 4], "what a renamed or moved box would find is not missed");
        let table = mistakes(&[Judged { found, truths }], 2);
        assert_eq!(table.iter().map(|mistake| mistake.count).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 2]);
        // Every one of them costs: the localised and the renamed box add hits, and so on.
        assert!(table.iter().all(|mistake| mistake.cost >= 0.0), "{table:?}");
        assert!(table[0].cost > 0.1 && table[1].cost > 0.05 && table[5].cost > 0.05, "{table:?}");
    }

    #[test]
    fn perfect_detections_make_no_mistakes() {
        let judged = Judged { found: vec![found(0, 0.5, 0.0)], truths: vec![Truth::new(0, at(0.0))] };
        assert!(mistakes(&[judged], 1).iter().all(|mistake| mistake.count == 0 && mistake.cost == 0.0));
    }
}
