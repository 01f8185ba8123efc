//! Where a graph was cut: before the suppression of overlapping boxes that its file ends in.

/// A suppression that was left out, with all that follows it. What it would have taken are outputs instead: boxes
/// `[1, N, 4]` and scores `[1, N, C]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// The node that would have suppressed.
    pub node: String,
    /// The outputs of the file that are gone.
    pub replaced: Vec<String>,
    /// The name of the output that has the boxes.
    pub boxes: String,
    /// The name of the output that has the scores.
    pub scores: String,
    /// Whether a box is its centre and its size; otherwise it is two opposite corners.
    pub centred: bool,
    /// Whether a selection of the best candidates before the suppression was left out as well.
    pub selection: bool,
    /// Of two boxes that overlap by more, the suppression would have dropped one; where the file says by how much.
    pub iou: Option<f32>,
}
