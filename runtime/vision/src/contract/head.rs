//! What a model's outputs mean: the family of its head and the names of the tensors.

use super::fields::Named;

/// The family a head belongs to. `h` and `w` are a level's rows and columns, `ceil(input / stride)`, `N` a number of
/// boxes, `C` of classes. Boxes are in the input's pixels unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// An anchor-free head with one output a level and branch: kinds `retort` and `dfl`.
    Points(PointHead),
    /// Kind `yolox`. One output `[1, N, 5 + C]`, the levels one after another: centre x and y as offsets from the
    /// cell's corner in strides, log of width and height in strides, objectness, class scores (both activated). The
    /// score is their product (Ge et al., YOLOX, 2021).
    Yolox {
        /// The output's name.
        output: String,
        /// The levels' strides, in the output's order.
        strides: Vec<u32>,
    },
    /// Kind `fastestdet`. One output `[1, 5 + C, h, w]`: objectness p, then tx, ty, tw, th, then class probabilities q
    /// (objectness and classes activated). Centre `(column + tanh tx, row + tanh ty)` in cells, size
    /// `(σ(tw), σ(th))` of the whole input, score `p^0.6 · q^0.4` (FastestDet's reference code).
    FastestDet {
        /// The output's name.
        output: String,
    },
    /// Kind `ssd`. Offsets from prior boxes, `[1, N, 4]`, and scores `[1, N, C]` (Liu et al., SSD, 2016, eq. 2, with
    /// variances).
    Ssd {
        /// The name of the output with the scores.
        scores: String,
        /// The name of the output with the offsets.
        boxes: String,
        /// Which columns of the scores are classes.
        columns: ScoreColumns,
        /// The prior boxes.
        priors: Priors,
    },
    /// Kind `boxes`. Boxes `[1, N, 4]` and scores `[1, N, C]`, both ready.
    Boxes {
        /// The name of the output with the scores.
        scores: String,
        /// The name of the output with the boxes.
        boxes: String,
        /// Which columns of the scores are classes.
        columns: ScoreColumns,
        /// What the four numbers of a box are.
        form: BoxForm,
        /// What they are measured in.
        units: BoxUnits,
    },
    /// Kind `detr`. Queries: class logits `[1, N, C]`, or `[1, N, C + 1]`, and boxes `[1, N, 4]` as centre x, centre y, width
    /// and height in fractions of the input. The queries suppress each other by themselves: `limits.iou` is best 1 (Carion et
    /// al., DETR, 2020).
    Detr {
        /// The name of the output with the class logits.
        logits: String,
        /// The name of the output with the boxes.
        boxes: String,
        /// What the logits mean.
        scores: QueryScores,
    },
    /// Kind `detections`. What came out of a suppression within the model: `[1, N, 5]` (left, top, right, bottom,
    /// score) and class ids `[1, N]` in an output of their own, or `[1, N, 6]` with the class id as the sixth number.
    Detections {
        /// The name of the output with boxes and scores.
        detections: String,
        /// The name of the output with the class ids.
        labels: Option<String>,
        /// What the boxes are measured in.
        units: BoxUnits,
    },
    /// Kind `logits`, for classifiers. One output `[1, C]`; axes of length 1 may follow.
    Logits {
        /// The output's name.
        output: String,
        /// What the numbers are.
        scores: ScoreForm,
    },
}

/// An anchor-free head: at each cell of each level an anchor point, the scores of the classes, and the distances of
/// the box's four sides. Scores and boxes lie in outputs of their own, so that they never share a quantisation scale.
/// Each may be `[1, K, h, w]`, `[1, h·w, K]` or `[h·w, K]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PointHead {
    /// The levels, finest first.
    pub levels: Vec<Level>,
    /// What the scores are.
    pub scores: ScoreForm,
    /// Where a cell's anchor point is.
    pub anchor: AnchorPoint,
    /// How the distances are coded.
    pub coding: PointCoding,
    /// How many classes of one point are reported.
    pub labels: Labels,
}

/// One level of an anchor-free head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Input pixels a cell.
    pub stride: u32,
    /// The name of the output with the class scores, K = C.
    pub scores: String,
    /// The name of the output with the box distances.
    pub boxes: String,
}

/// How the distances left, top, right, bottom from the anchor point are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointCoding {
    /// Kind `retort`, K = 4: `exp(clamp(v, -4, 4)) · stride`.
    Exp,
    /// Kind `dfl`, K = 4 · (reg_max + 1): a side's distance is the mean of its softmax over 0 to reg_max strides (Li et
    /// al., Generalized Focal Loss, 2020).
    Dfl {
        /// The last bin; NanoDet and PicoDet have 7.
        reg_max: u32,
    },
}

/// Where the anchor point of the cell in row i and column j is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorPoint {
    /// `(j + 0.5, i + 0.5)` strides.
    Centre,
    /// `(j, i)` strides, as in NanoDet-Plus.
    Corner,
}

impl Named for AnchorPoint {
    const NAMES: &'static [(&'static str, Self)] = &[("centre", AnchorPoint::Centre), ("corner", AnchorPoint::Corner)];
}

/// What a score tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreForm {
    /// Before the activation (a sigmoid for detectors, a softmax for classifiers).
    Logits,
    /// After it.
    Probabilities,
}

impl Named for ScoreForm {
    const NAMES: &'static [(&'static str, Self)] =
        &[("logits", ScoreForm::Logits), ("probabilities", ScoreForm::Probabilities)];
}

/// How many classes of one anchor point are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// The best only.
    Best,
    /// Each that reaches the score threshold.
    Every,
}

impl Named for Labels {
    const NAMES: &'static [(&'static str, Self)] = &[("best", Labels::Best), ("every", Labels::Every)];
}

/// Which columns of a score tensor are classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreColumns {
    /// All of them.
    All,
    /// All but the first, which is the background.
    AfterBackground,
}

impl Named for ScoreColumns {
    const NAMES: &'static [(&'static str, Self)] =
        &[("all", ScoreColumns::All), ("after-background", ScoreColumns::AfterBackground)];
}

/// What a query's logits mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryScores {
    /// Each class is on its own, as in Deformable DETR and RT-DETR.
    Sigmoid,
    /// The classes and, in a last column, that there is nothing share one, as in DETR itself.
    Softmax,
}

impl Named for QueryScores {
    const NAMES: &'static [(&'static str, Self)] =
        &[("sigmoid", QueryScores::Sigmoid), ("softmax", QueryScores::Softmax)];
}

/// What the four numbers of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxForm {
    /// Left, top, right, bottom.
    Corners,
    /// Left, top, width, height.
    CornerSize,
    /// Centre x, centre y, width, height.
    CentreSize,
}

impl Named for BoxForm {
    const NAMES: &'static [(&'static str, Self)] =
        &[("corners", BoxForm::Corners), ("corner-size", BoxForm::CornerSize), ("centre-size", BoxForm::CentreSize)];
}

/// What boxes are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxUnits {
    /// Pixels of the model's input.
    Pixels,
    /// Fractions of the input's width and height.
    Fractions,
}

impl Named for BoxUnits {
    const NAMES: &'static [(&'static str, Self)] = &[("pixels", BoxUnits::Pixels), ("fractions", BoxUnits::Fractions)];
}

/// The prior boxes of an SSD head: at each cell centre of each level one square a size; levels, rows, columns, sizes
/// from the outermost loop to the innermost. An offset `(x, y, w, h)` from the prior of centre `(px, py)` and side
/// `s` is the box of centre `p + offset · centre_variance · s` and size `s · exp(offset · size_variance)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Priors {
    /// The levels' strides in input pixels.
    pub strides: Vec<u32>,
    /// For each level the sides of its squares, in input pixels.
    pub sizes: Vec<Vec<f32>>,
    /// Scales the offsets of the centre.
    pub centre_variance: f32,
    /// Scales the logarithms of the size.
    pub size_variance: f32,
}

impl Head {
    /// The names of the outputs that the head reads, with the key that names each.
    pub fn outputs(&self) -> Vec<(String, &str)> {
        match self {
            Head::Points(head) => head
                .levels
                .iter()
                .enumerate()
                .flat_map(|(i, level)| {
                    [
                        (format!("head.levels.{i}.scores"), level.scores.as_str()),
                        (format!("head.levels.{i}.boxes"), level.boxes.as_str()),
                    ]
                })
                .collect(),
            Head::Yolox { output, .. } | Head::FastestDet { output } | Head::Logits { output, .. } => {
                vec![("head.output".into(), output)]
            }
            Head::Ssd { scores, boxes, .. } | Head::Boxes { scores, boxes, .. } => {
                vec![("head.scores".into(), scores), ("head.boxes".into(), boxes)]
            }
            Head::Detr { logits, boxes, .. } => {
                vec![("head.scores".into(), logits), ("head.boxes".into(), boxes)]
            }
            Head::Detections { detections, labels, .. } => {
                let mut names = vec![("head.detections".into(), detections.as_str())];
                names.extend(labels.as_deref().map(|labels| ("head.labels".into(), labels)));
                names
            }
        }
    }
}
