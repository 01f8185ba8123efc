//! How much a student says what its teacher says, where the teacher is right and where it is wrong.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::classify::{LEAST_PROBABILITY, Probabilities, likeliest};
use super::coco::{Found, Judged, Summary, Truth, overlap, summarise};
use super::confusion::pair;
use super::statistics::{Interval, wilson};

/// A classifier beside its teacher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAgreement {
    /// Share of pictures on which both have the same likeliest class, with its 95 % interval (Wilson).
    pub top1: Option<Interval>,
    /// Mean of KL(teacher ‖ student) in nats.
    pub kl: Option<f64>,
    /// Agreement on pictures that the teacher has right; none where no truth is known or there is no such picture.
    pub teacher_right: Option<Interval>,
    /// Agreement on pictures that the teacher has wrong: mistakes that the student shares.
    pub teacher_wrong: Option<Interval>,
}

impl ClassAgreement {
    /// From answers to the same pictures in the same order. `truths` may be empty, where nobody knows them.
    pub fn new(student: &Probabilities, teacher: &Probabilities, truths: &[usize]) -> ClassAgreement {
        let mut all = [0, 0];
        let mut by_right = [[0, 0], [0, 0]];
        let mut kl = 0.0;
        for (index, (own, taught)) in student.iter().zip(teacher.iter()).enumerate() {
            let agreed = likeliest(own) == likeliest(taught);
            let count = |counts: &mut [usize; 2]| {
                counts[0] += usize::from(agreed);
                counts[1] += 1;
            };
            count(&mut all);
            if let Some(&truth) = truths.get(index) {
                count(&mut by_right[usize::from(likeliest(taught) == truth)]);
            }
            kl += divergence(taught, own);
        }
        ClassAgreement {
            top1: wilson(all[0], all[1]),
            kl: (all[1] > 0).then(|| kl / all[1] as f64),
            teacher_right: wilson(by_right[1][0], by_right[1][1]),
            teacher_wrong: wilson(by_right[0][0], by_right[0][1]),
        }
    }
}

/// KL(p ‖ q) in nats; probabilities of `q` below the least that is told from 0 count as that.
fn divergence(p: &[f32], q: &[f32]) -> f64 {
    let term = |(&p, &q): (&f32, &f32)| {
        let (p, q) = (f64::from(p), f64::from(q).max(LEAST_PROBABILITY));
        if p > 0.0 { p * (p.max(LEAST_PROBABILITY) / q).ln() } else { 0.0 }
    };
    p.iter().zip(q).map(term).sum()
}

/// A detector beside its teacher: boxes of both from a score on, paired at IoU .50 and within classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxAgreement {
    /// Share of the student's boxes that the teacher has too.
    pub precision: Option<Interval>,
    /// Share of the teacher's boxes that the student has too.
    pub recall: Option<Interval>,
    /// The harmonic mean of the two.
    pub f1: Option<f64>,
    /// Mean IoU of boxes that both have.
    pub mean_iou: Option<f64>,
    /// COCO's AP, from 0 to 1, of all the student's boxes with the teacher's as truth.
    pub ap: Option<f64>,
    /// Share of the teacher's boxes on true objects that the student has too; none where no object is known.
    pub teacher_right: Option<Interval>,
    /// Share of the teacher's boxes on nothing that the student has too: mistakes that it shares.
    pub teacher_wrong: Option<Interval>,
}

const IOU: f64 = 0.5;

#[derive(Default)]
struct Counts {
    both: usize,
    student: usize,
    teacher: usize,
    overlap: f64,
    /// Of the teacher's boxes on nothing and on objects: those that the student has, and all.
    by_right: [[usize; 2]; 2],
}

impl Counts {
    fn plus(mut self, other: &Counts) -> Counts {
        self.both += other.both;
        self.student += other.student;
        self.teacher += other.teacher;
        self.overlap += other.overlap;
        for (a, b) in self.by_right.as_flattened_mut().iter_mut().zip(other.by_right.as_flattened()) {
            *a += b;
        }
        self
    }
}

impl BoxAgreement {
    /// `pictures` are what the student found and what is there; `teacher` is what the teacher found in each. `known`
    /// says whether the objects are, so that right and wrong can be told apart.
    pub fn new(pictures: &[Judged], teacher: &[Vec<Found>], classes: usize, score: f64, known: bool) -> BoxAgreement {
        let as_truths = |found: &[Found]| -> Vec<Truth> {
            found.iter().filter(|f| f.score >= score).map(|f| Truth::new(f.class, f.bbox)).collect()
        };
        let of_picture = |(picture, taught): (&Judged, &Vec<Found>)| {
            let taught: Vec<Found> = taught.iter().filter(|found| found.score >= score).copied().collect();
            let own: Vec<Found> = picture.found.iter().filter(|found| found.score >= score).copied().collect();
            let judged = Judged { found: own, truths: as_truths(&taught) };
            let mut shared = vec![false; taught.len()];
            let mut counts = Counts { student: judged.found.len(), teacher: taught.len(), ..Counts::default() };
            for (own, index) in pair(&judged, score, IOU).pairs {
                if judged.found[own].class == taught[index].class {
                    shared[index] = true;
                    counts.both += 1;
                    counts.overlap += overlap(&judged.found[own].bbox, &taught[index].bbox);
                }
            }
            if known {
                let against_truth = Judged { found: taught.clone(), truths: picture.truths.clone() };
                let pairs = pair(&against_truth, score, IOU);
                let mut add = |right: bool, index: usize| {
                    counts.by_right[usize::from(right)][0] += usize::from(shared[index]);
                    counts.by_right[usize::from(right)][1] += 1;
                };
                for (index, truth) in pairs.pairs {
                    add(taught[index].class == picture.truths[truth].class, index);
                }
                pairs.spurious.into_iter().for_each(|index| add(false, index));
            }
            counts
        };
        let counts: Vec<Counts> = pictures.par_iter().zip(teacher).map(of_picture).collect();
        let c = counts.iter().fold(Counts::default(), Counts::plus);
        let judged: Vec<Judged> = (pictures.iter().zip(teacher))
            .map(|(picture, taught)| Judged { found: picture.found.clone(), truths: as_truths(taught) })
            .collect();
        let Summary { ap, .. } = summarise(&judged, classes);
        let boxes = c.student + c.teacher;
        BoxAgreement {
            precision: wilson(c.both, c.student),
            recall: wilson(c.both, c.teacher),
            f1: (boxes > 0).then(|| 2.0 * c.both as f64 / boxes as f64),
            mean_iou: (c.both > 0).then(|| c.overlap / c.both as f64),
            ap,
            teacher_right: wilson(c.by_right[1][0], c.by_right[1][1]),
            teacher_wrong: wilson(c.by_right[0][0], c.by_right[0][1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_of_classifiers_by_whether_the_teacher_is_right() {
        let student = Probabilities { classes: 2, rows: vec![0.5, 0.5, 0.2, 0.8, 1.0, 0.0] };
        let teacher = Probabilities { classes: 2, rows: vec![0.75, 0.25, 0.2, 0.8, 0.0, 1.0] };
        let a = ClassAgreement::new(&student, &teacher, &[0, 0, 1]);
        let value = |interval: Option<Interval>| interval.map(|interval| interval.value);
        assert_eq!(value(a.top1), Some(2.0 / 3.0));
        // Right on the first and the last, of which the student has one; wrong on the second, as the student is.
        assert_eq!((value(a.teacher_right), value(a.teacher_wrong)), (Some(0.5), Some(1.0)));
        let first = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        let last = (1.0 / LEAST_PROBABILITY).ln();
        assert!((a.kl.unwrap() - (first + last) / 3.0).abs() < 1e-6);
        assert_eq!(ClassAgreement::new(&student, &student, &[]).kl, Some(0.0));
        assert_eq!(ClassAgreement::new(&student, &student, &[]).teacher_right, None);
    }

    #[test]
    fn agreement_of_detectors_by_whether_the_teacher_is_right() {
        let at = |left: f64| [left, 0.0, 10.0, 10.0];
        let found = |class, left| Found { class, score: 0.9, bbox: at(left) };
        let truths = vec![Truth::new(0, at(0.0)), Truth::new(0, at(100.0))];
        let picture = Judged { found: vec![found(0, 0.0), found(0, 200.0), found(1, 300.0)], truths };
        let teacher = vec![found(0, 0.0), found(0, 100.0), found(0, 200.0)];
        let a = BoxAgreement::new(&[picture], &[teacher], 2, 0.5, true);
        let value = |interval: Option<Interval>| interval.map(|interval| interval.value);
        assert_eq!((value(a.precision), value(a.recall)), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((value(a.teacher_right), value(a.teacher_wrong)), (Some(0.5), Some(1.0)));
        assert_eq!(a.mean_iou, Some(1.0));
    }
}
