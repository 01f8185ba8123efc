//! The contract that travels in the file: how to feed the detector, how to read it, and where it comes from.

use std::collections::BTreeMap;

use retort::contract::{
    Align, AnchorPoint, Colour, Contract, Golden, Head, ImageSpec, Interpolation, Labels, Level, Limits, PointCoding,
    PointHead, Resize, ScoreForm, Task,
};

use super::{INPUT, boxes_output, classes_output};
use crate::data::CLASSES;
use crate::nets::STRIDES;
use crate::recipe::Detection;

/// The grey around letterboxed pictures.
const PAD: u8 = 114;

/// The contract of a detector of shapes.
pub fn contract(
    detection: &Detection,
    golden: Option<Golden>,
    provenance: BTreeMap<String, String>,
    metrics: BTreeMap<String, f64>,
) -> Contract {
    let levels = STRIDES.map(|stride| Level {
        stride: stride as u32,
        scores: classes_output(stride),
        boxes: boxes_output(stride),
    });
    Contract {
        task: Task::Detect,
        classes: CLASSES.map(str::to_owned).to_vec(),
        image: ImageSpec {
            input: Some(INPUT.to_owned()),
            colour: Colour::Rgb,
            mean: vec![0.0; 3],
            std: vec![255.0; 3],
            resize: Resize::Letterbox { pad: PAD, align: Align::Centre },
            interpolation: Interpolation::Linear,
        },
        head: Head::Points(PointHead {
            levels: levels.to_vec(),
            scores: ScoreForm::Logits,
            anchor: AnchorPoint::Centre,
            coding: PointCoding::Exp,
            labels: Labels::Every,
        }),
        limits: Limits { score: detection.score, iou: detection.overlap, max_detections: 100 },
        golden,
        provenance,
        metrics,
    }
}
