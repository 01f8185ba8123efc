//! The contract that travels in the file: how to feed the network, how to read it, and where it comes from.

use std::collections::BTreeMap;

use retort::contract::{
    AnchorPoint, Colour, Contract, Coverage, Golden, Head, ImageSpec, Interpolation, Labels, Level, Limits,
    PointCoding, PointHead, ScoreForm, Task,
};

use super::{INPUT, LOGITS, boxes_output, classes_output};
use crate::nets::Network;
use crate::recipe::Recipe;

/// What a contract says beyond what follows from recipe and network.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Checksums of the outputs for the golden picture.
    pub golden: Option<Golden>,
    /// What it was taught.
    pub coverage: Option<Coverage>,
    /// Where the network comes from.
    pub provenance: BTreeMap<String, String>,
    /// How good it is.
    pub metrics: BTreeMap<String, f64>,
}

/// The contract of a network with the given class names.
pub fn contract(recipe: &Recipe, network: &Network, classes: &[String], description: Description) -> Contract {
    let levels: Vec<Level> = network
        .levels()
        .iter()
        .map(|level| Level {
            stride: level.stride as u32,
            scores: classes_output(level.stride),
            boxes: boxes_output(level.stride),
        })
        .collect();
    let (task, head) = if levels.is_empty() {
        (Task::Classify, Head::Logits { output: LOGITS.to_owned(), scores: ScoreForm::Logits })
    } else {
        let head = PointHead {
            levels,
            scores: ScoreForm::Logits,
            anchor: AnchorPoint::Centre,
            coding: match network.bins() {
                0 => PointCoding::Exp,
                bins => PointCoding::Dfl { reg_max: bins as u32 - 1 },
            },
            labels: Labels::Every,
        };
        (Task::Detect, Head::Points(head))
    };
    let channels = network.input().channels;
    Contract {
        task,
        classes: classes.to_vec(),
        image: ImageSpec {
            input: Some(INPUT.to_owned()),
            colour: if channels == 1 { Colour::Grey } else { Colour::Rgb },
            mean: vec![0.0; channels],
            std: vec![255.0; channels],
            resize: recipe.target().resize,
            interpolation: Interpolation::Linear,
        },
        head,
        limits: Limits { score: recipe.detection.score, iou: recipe.detection.overlap, max_detections: 100 },
        golden: description.golden,
        coverage: description.coverage,
        provenance: description.provenance,
        metrics: description.metrics,
    }
}
