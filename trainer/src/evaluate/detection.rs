//! Everything that is stated of a detector.

use serde::Serialize;

use super::agreement::BoxAgreement;
use super::calibration::Reliability;
use super::coco::{ClassSummary, Evaluation, Found, Judged, OperatingPoint, Summary};
use super::confusion::{Confusion, detection_confusion};
use super::errors::{Mistake, mistakes};

/// IoU from which a detection counts as right in what is stated at a single one.
pub const IOU: f64 = 0.5;

/// What a detector is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// Pictures.
    pub pictures: usize,
    /// Objects that count.
    pub objects: usize,
    /// COCO's figures.
    #[serde(flatten)]
    pub summary: Summary,
    /// By class.
    pub by_class: Vec<ClassSummary>,
    /// The score threshold at which F1 over all classes is best at IoU .50, and what it gives; none where nothing is
    /// right.
    pub best: Option<OperatingPoint>,
    /// By true class and answer at that threshold, or at the model's own where there is none, with the background last.
    pub confusion: Confusion,
    /// Mistakes by kind and what they cost.
    pub mistakes: Vec<Mistake>,
    /// Scores against the share of detections that are right at IoU .50.
    pub reliability: Reliability,
    /// Beside the teacher.
    pub agreement: Option<BoxAgreement>,
}

impl Detection {
    /// The figures of `pictures`, with those of `evaluation`, which was made of them. `own_score` is the model's
    /// threshold, and `teacher` what the teacher found in each picture.
    pub fn new(
        pictures: &[Judged],
        evaluation: &Evaluation,
        classes: usize,
        own_score: f64,
        teacher: Option<&[Vec<Found>]>,
    ) -> Detection {
        let curve = evaluation.pooled_curve(0);
        let best = curve.best();
        let score = best.map_or(own_score, |best| best.score);
        Detection {
            pictures: pictures.len(),
            objects: curve.objects,
            summary: evaluation.summary(),
            by_class: (0..classes).filter_map(|class| evaluation.class(class)).collect(),
            best,
            confusion: detection_confusion(pictures, classes, score, IOU),
            mistakes: mistakes(pictures, classes),
            reliability: Reliability::new(&evaluation.confidences(0)),
            agreement: teacher.map(|teacher| BoxAgreement::new(pictures, teacher, classes, score, curve.objects > 0)),
        }
    }
}
