//! A teacher's boxes as labels, where all that it gives are boxes and scores.

use crate::data::Label;
use crate::losses::error::LossError;

const NAME: &str = "pseudo-labels";

/// Between which scores a box is too unsure to be an object, and too sure to be ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreBand {
    /// Boxes with a lower score are ground.
    pub low: f32,
    /// Boxes with this score or a higher one are objects.
    pub high: f32,
}

impl Default for ScoreBand {
    fn default() -> ScoreBand {
        ScoreBand { low: 0.1, high: 0.5 }
    }
}

/// A teacher's boxes by how sure it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PseudoLabels {
    /// Objects to be found; the score is the weight of each.
    pub positive: Vec<Label>,
    /// Boxes in which the student is taught nothing. All are marked as ignored.
    pub ignored: Vec<Label>,
    /// Boxes that count as ground.
    pub background: Vec<Label>,
}

/// Sorts the boxes of a teacher, each group in the order given. What the teacher itself ignores stays ignored, and a score that
/// is not a number counts as ground.
pub fn pseudo_labels(boxes: &[Label], band: ScoreBand) -> Result<PseudoLabels, LossError> {
    for (setting, value) in [("the lower score", band.low), ("the higher score", band.high)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(LossError::Setting { loss: NAME, setting, value, range: "between 0 and 1" });
        }
    }
    if band.low > band.high {
        let range = "not above the higher score";
        return Err(LossError::Setting { loss: NAME, setting: "the lower score", value: band.low, range });
    }
    let mut sorted = PseudoLabels::default();
    for label in boxes {
        if label.score >= band.high && !label.ignored {
            sorted.positive.push(*label);
        } else if label.score >= band.low || label.ignored {
            sorted.ignored.push(Label { ignored: true, ..*label });
        } else {
            sorted.background.push(*label);
        }
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(score: f32) -> Label {
        Label { score, ..Label::new(2, [1.0, 2.0, 3.0, 4.0]) }
    }

    #[test]
    fn boxes_are_objects_unsure_or_ground_by_their_score() {
        let sure = Label { ignored: true, ..label(0.9) };
        let boxes = [label(0.3), label(0.5), label(0.0999), label(0.1), label(0.9), label(f32::NAN), sure];
        let sorted = pseudo_labels(&boxes, ScoreBand::default()).expect("a band");
        // Each limit belongs to what lies above it, and the score stays as the weight.
        assert_eq!(sorted.positive, [label(0.5), label(0.9)]);
        let ignored = |score: f32| Label { ignored: true, ..label(score) };
        assert_eq!(sorted.ignored, [ignored(0.3), ignored(0.1), sure]);
        let ground: Vec<f32> = sorted.background.iter().map(|label| label.score).collect();
        assert!(ground.len() == 2 && ground[0] == 0.0999 && ground[1].is_nan());
        assert_eq!(pseudo_labels(&[], ScoreBand::default()), Ok(PseudoLabels::default()));
    }

    #[test]
    fn without_a_band_nothing_is_unsure() {
        let sorted = pseudo_labels(&[label(0.4), label(0.2)], ScoreBand { low: 0.3, high: 0.3 }).expect("a band");
        assert_eq!((sorted.positive.len(), sorted.ignored.len(), sorted.background.len()), (1, 0, 1));
    }

    #[test]
    fn scores_that_make_no_band_are_refused() {
        let refused =
            |low: f32, high: f32| pseudo_labels(&[], ScoreBand { low, high }).expect_err("no band").to_string();
        assert_eq!(
            refused(0.6, 0.5),
            "pseudo-labels: the lower score is 0.6, but has to be not above the higher score"
        );
        assert_eq!(refused(-0.1, 0.5), "pseudo-labels: the lower score is -0.1, but has to be between 0 and 1");
        assert_eq!(refused(0.1, f32::NAN), "pseudo-labels: the higher score is NaN, but has to be between 0 and 1");
    }
}
