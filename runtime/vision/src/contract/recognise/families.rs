//! The families, and what each is known by.
//!
//! `N` is a number of boxes, `C` of classes. Where a family has a *cell* for each stride of the input in each direction,
//! the number of boxes follows from the size of the input, which hardly any other network hits by chance.

use super::{Clues, Unrecognised};
use crate::contract::Cut;
use crate::contract::{
    Align, AnchorPoint, BoxForm, BoxUnits, Colour, Head, ImageSpec, Interpolation, Labels, Level, Limits, PointCoding,
    PointHead, Priors, Resize, ScoreColumns, ScoreForm,
};
use crate::tensor::Port;

/// What a family is recognised by.
pub(super) struct Seen<'a> {
    /// Width and height of the only input, a picture of three channels.
    size: [usize; 2],
    outputs: &'a [Port],
    clues: &'a Clues,
    cut: Option<&'a Cut>,
}

/// The names of classes.
pub(super) enum Names {
    /// These, whatever it was trained on.
    Are(&'static [&'static str]),
    /// Those of COCO, if there are as many.
    Coco(usize),
}

/// What was recognised.
pub(super) struct Found {
    pub family: &'static str,
    pub names: Names,
    pub image: ImageSpec,
    pub head: Head,
    pub limits: Limits,
}

/// Whether this is one of a family: what its contract is, or why there is none.
type Family = fn(&Seen<'_>) -> Option<Result<Found, Unrecognised>>;

/// All families, the first that recognises wins.
pub(super) const FAMILIES: &[Family] = &[rtmdet, yolox, fastestdet, ultraface, points, unread];

/// Means and deviations of ImageNet's red, green and blue, in units of 0 to 255.
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const STD: [f32; 3] = [58.395, 57.12, 57.375];

/// Letterboxed at the top left on the grey that MMDetection and YOLOX pad with.
const TOP_LEFT: Resize = Resize::Letterbox { pad: 114, align: Align::TopLeft };

impl<'a> Seen<'a> {
    pub fn of(inputs: &[Port], outputs: &'a [Port], clues: &'a Clues, cut: Option<&'a Cut>) -> Option<Self> {
        let [input] = inputs else { return None };
        let [1, 3, height, width] = input.shape[..] else { return None };
        Some(Seen { size: [width, height], outputs, clues, cut })
    }

    /// The cells of a level.
    fn cells(&self, stride: usize) -> usize {
        self.size.iter().map(|side| side.div_ceil(stride)).product()
    }

    /// The cells of all levels.
    fn all_cells(&self, strides: &[usize]) -> usize {
        strides.iter().map(|&stride| self.cells(stride)).sum()
    }

    fn has(&self, operator: &str) -> bool {
        self.clues.operators.contains(operator)
    }

    /// Whether an output is what a convolution gives, before any activation.
    fn is_linear(&self, output: usize) -> bool {
        matches!(self.clues.outputs_by.get(output).map(String::as_str), Some("Conv" | "QLinearConv"))
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|port| port.name == name)
    }
}

fn image(colour: Colour, mean: [f32; 3], std: [f32; 3], resize: Resize) -> ImageSpec {
    let interpolation = Interpolation::Linear;
    ImageSpec { input: None, colour, mean: mean.to_vec(), std: std.to_vec(), resize, interpolation }
}

fn reversed([a, b, c]: [f32; 3]) -> [f32; 3] {
    [c, b, a]
}

/// RTMDet (Lyu et al., 2022) as MMDeploy exports it, cut before its suppression: boxes `[1, N, 4]` in pixels and the
/// sigmoid of scores `[1, N, C]`, one for each cell of strides 8, 16 and 32. MMDeploy exports other detectors of
/// OpenMMLab with the same outputs; this one is known by the hard sigmoid in the attention of its backbone. With a single
/// class it is the detector of persons that MMPose publishes.
fn rtmdet(seen: &Seen<'_>) -> Option<Result<Found, Unrecognised>> {
    let cut = seen.cut?;
    let (boxes, scores) = (seen.named(&cut.boxes)?, seen.named(&cut.scores)?);
    let (&[_, candidates, 4], &[_, _, classes]) = (&seen.outputs[boxes].shape[..], &seen.outputs[scores].shape[..])
    else {
        return None;
    };
    let sigmoid = seen.clues.outputs_by.get(scores).is_some_and(|operator| operator == "Sigmoid");
    let backbone = seen.has("HardSigmoid") && !seen.has("Softmax");
    if candidates != seen.all_cells(&[8, 16, 32]) || cut.centred || !sigmoid || !backbone {
        return None;
    }
    let default = Limits::default();
    Some(Ok(Found {
        family: "RTMDet (mmdeploy)",
        names: if classes == 1 { Names::Are(&["person"]) } else { Names::Coco(classes) },
        image: image(Colour::Bgr, reversed(MEAN), reversed(STD), TOP_LEFT),
        head: Head::Boxes {
            scores: cut.scores.clone(),
            boxes: cut.boxes.clone(),
            columns: ScoreColumns::All,
            form: BoxForm::Corners,
            units: BoxUnits::Pixels,
        },
        limits: Limits { iou: cut.iou.unwrap_or(default.iou), ..default },
    }))
}

/// YOLOX (Ge et al., 2021) as its authors export it: one output `[1, N, 5 + C]`, one box for each cell of strides 8, 16
/// and 32, not yet decoded.
fn yolox(seen: &Seen<'_>) -> Option<Result<Found, Unrecognised>> {
    let [Port { name, shape, .. }] = seen.outputs else { return None };
    let &[1, candidates, columns @ 6..=usize::MAX] = &shape[..] else { return None };
    if candidates != seen.all_cells(&[8, 16, 32]) {
        return None;
    }
    // What decodes takes the exponential, or as in YOLOv6 subtracts distances.
    if seen.has("Exp") || seen.has("Sub") {
        return Some(Err(Unrecognised::Unread {
            family: "a YOLO whose graph decodes its boxes",
            reason: "export it without (YOLOX: leave out --decode_in_inference)",
        }));
    }
    Some(Ok(Found {
        family: "YOLOX",
        names: Names::Coco(columns - 5),
        image: image(Colour::Bgr, [0.0; 3], [1.0; 3], TOP_LEFT),
        head: Head::Yolox { output: name.clone(), strides: vec![8, 16, 32] },
        limits: Limits { score: 0.3, iou: 0.6, max_detections: 100 },
    }))
}

/// FastestDet: one output `[1, 5 + C, h, w]` at stride 16.
fn fastestdet(seen: &Seen<'_>) -> Option<Result<Found, Unrecognised>> {
    let [Port { name, shape, .. }] = seen.outputs else { return None };
    let &[1, columns @ 6..=usize::MAX, height, width] = &shape[..] else { return None };
    (seen.size.map(|side| side.div_ceil(16)) == [width, height] && seen.has("Softmax")).then(|| {
        Ok(Found {
            family: "FastestDet",
            names: Names::Coco(columns - 5),
            image: image(Colour::Bgr, [0.0; 3], [255.0; 3], Resize::Stretch),
            head: Head::FastestDet { output: name.clone() },
            limits: Limits { score: 0.4, iou: 0.45, max_detections: 100 },
        })
    })
}

/// Ultra-Light-Fast-Generic-Face-Detector, slim and RFB: scores `[1, N, 2]` after a softmax, boxes `[1, N, 4]`, N the
/// number of its prior boxes. Some files decode the boxes within the graph, which takes an exponential; the others leave
/// offsets from the priors.
fn ultraface(seen: &Seen<'_>) -> Option<Result<Found, Unrecognised>> {
    let [_, _] = seen.outputs else { return None };
    let with = |columns: usize| seen.outputs.iter().find(|port| port.shape.get(2) == Some(&columns));
    let (scores, boxes) = (with(2)?, with(4)?);
    let priors = Priors {
        strides: vec![8, 16, 32, 64],
        sizes: vec![vec![10.0, 16.0, 24.0], vec![32.0, 48.0], vec![64.0, 96.0], vec![128.0, 192.0, 256.0]],
        centre_variance: 0.1,
        size_variance: 0.2,
    };
    let level = |(&stride, sizes): (&u32, &Vec<f32>)| seen.cells(stride as usize) * sizes.len();
    let count: usize = priors.strides.iter().zip(&priors.sizes).map(level).sum();
    if scores.shape != [1, count, 2] || boxes.shape != [1, count, 4] || !seen.has("Softmax") {
        return None;
    }
    let (scores, boxes, columns) = (scores.name.clone(), boxes.name.clone(), ScoreColumns::AfterBackground);
    let (family, head) = if seen.has("Exp") {
        let (form, units) = (BoxForm::Corners, BoxUnits::Fractions);
        ("UltraFace", Head::Boxes { scores, boxes, columns, form, units })
    } else {
        ("UltraFace without the decoding of its boxes", Head::Ssd { scores, boxes, columns, priors })
    };
    Some(Ok(Found {
        family,
        names: Names::Are(&["face"]),
        image: image(Colour::Rgb, [127.0; 3], [128.0; 3], Resize::Stretch),
        head,
        limits: Limits { score: 0.7, iou: 0.3, max_detections: 200 },
    }))
}

/// NanoDet-m and PicoDet: for each level scores of C columns, and 4 × 8 logits of the distances of a box's sides, of which
/// every row is a cell. Strides 8 to 32 are NanoDet's, 8 to 64 PicoDet's. Names and order of the outputs differ from file
/// to file, so the shapes alone say which is which.
fn points(seen: &Seen<'_>) -> Option<Result<Found, Unrecognised>> {
    const SIDES: usize = 4 * 8;
    let picodet = match seen.outputs.len() {
        6 => false,
        8 => true,
        _ => return None,
    };
    let strides: &[u32] = if picodet { &[8, 16, 32, 64] } else { &[8, 16, 32] };
    let rows_columns = |port: &Port| match port.shape[..] {
        [rows, columns] | [1, rows, columns] => Some((rows, columns)),
        [1, columns, height, width] => Some((height * width, columns)),
        _ => None,
    };
    let of = |stride: u32, boxes: bool| {
        let fits = |port: &Port| {
            rows_columns(port)
                .is_some_and(|(rows, columns)| rows == seen.cells(stride as usize) && (columns == SIDES) == boxes)
        };
        seen.outputs.iter().position(fits)
    };
    let mut levels = Vec::new();
    let mut scores = Vec::new();
    for &stride in strides {
        let (score, distances) = (of(stride, false)?, of(stride, true)?);
        scores.push(score);
        let name = |output: usize| seen.outputs[output].name.clone();
        levels.push(Level { stride, scores: name(score), boxes: name(distances) });
    }
    let classes = rows_columns(&seen.outputs[scores[0]])?.1;
    let linear = scores.iter().all(|&output| seen.is_linear(output));
    let head = Head::Points(PointHead {
        levels,
        scores: if linear { ScoreForm::Logits } else { ScoreForm::Probabilities },
        anchor: AnchorPoint::Centre,
        coding: PointCoding::Dfl { reg_max: 7 },
        labels: Labels::Every,
    });
    let (family, image, limits) = if picodet {
        let image = image(Colour::Rgb, MEAN, STD, Resize::Stretch);
        ("PicoDet", image, Limits { score: 0.4, iou: 0.6, max_detections: 100 })
    } else {
        let image = image(Colour::Bgr, reversed(MEAN), reversed(STD), Resize::Stretch);
        ("NanoDet-m", image, Limits { score: 0.35, iou: 0.5, max_detections: 100 })
    };
    Some(Ok(Found { family, names: Names::Coco(classes), image, head, limits }))
}

/// Families whose outputs are known, but that no head reads.
fn unread(seen: &Seen<'_>) -> Option<Result<Found, Unrecognised>> {
    let no = |family, reason| Some(Err(Unrecognised::Unread { family, reason }));
    let cells = seen.all_cells(&[8, 16, 32]);
    match seen.outputs {
        [one] => match one.shape[..] {
            [1, candidates, 6..=usize::MAX] if candidates == 3 * cells => {
                no("YOLOv5 or YOLOv7", "boxes, objectness and scores share one output")
            }
            [1, 5..=usize::MAX, candidates] if candidates == cells => no(
                "YOLOv8 or YOLO11",
                "boxes and scores share one output; split them in two, [1, N, 4] and [1, N, C], and write a contract",
            ),
            _ => None,
        },
        [a, b] => {
            let queries = |port: &Port| (port.shape.len() == 3).then(|| port.shape[1]);
            let small = queries(a).is_some_and(|count| count <= 900);
            let boxes = [a, b].iter().any(|port| port.shape.get(2) == Some(&4));
            if queries(a) == queries(b) && small && boxes && seen.has("MatMul") && seen.has("Softmax") {
                no("DETR", "no head takes the softmax of its logits; export it with the softmax, and write a contract")
            } else {
                None
            }
        }
        _ => None,
    }
}
