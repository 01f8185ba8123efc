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
