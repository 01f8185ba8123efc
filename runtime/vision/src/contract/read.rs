//! Fields into a [`Contract`]: which keys there are, what they default to, and what must hold between them.

use super::coverage;
use super::fields::{Fields, error, unknown_name};
use super::{
    Align, AnchorPoint, BoxForm, BoxUnits, Colour, Contract, Golden, Head, ImageSpec, Interpolation, Labels, Level,
    Limits, PointCoding, PointHead, Priors, QueryScores, Resize, ScoreColumns, ScoreForm, Task, VERSION,
};
use crate::error::ContractError;

/// Strides and sizes beyond this are refused: no image is larger.
const LARGEST_IMAGE: u32 = 1 << 16;
/// Detections are kept in storage made at load.
const MOST_DETECTIONS: u32 = 10_000;

const KINDS: &[&str] = &["retort", "dfl", "yolox", "fastestdet", "ssd", "boxes", "detr", "detections", "logits"];
const RESIZES: &[&str] = &["letterbox", "stretch", "centre-crop"];

/// Reads every field; nothing may be left over.
pub(super) fn contract(mut fields: Fields) -> Result<Contract, ContractError> {
    let version = fields.whole_in("version", 0, u32::MAX)?.unwrap_or(VERSION);
    if version != VERSION {
        return Err(error("version", format!("is {version}, and this program reads {VERSION}; update it")));
    }
    let task = fields.named("task")?;
    let task = fields.required("task", task, "give `detect` or `classify`")?;
    let classes = fields.texts("classes")?;
    let classes = fields.required("classes", classes, "list the classes' names")?;
    if classes.is_empty() {
        return Err(error("classes", "is empty; list the classes' names"));
    }
    let contract = Contract {
        task,
        classes,
        image: image(&mut fields)?,
        head: head(&mut fields)?,
        limits: limits(&mut fields)?,
        golden: golden(&mut fields)?,
        coverage: coverage::read(&mut fields)?,
        provenance: fields.free_texts("provenance")?,
        metrics: fields.free_numbers("metrics")?,
    };
    fields.finish()?;
    let classifies = matches!(contract.head, Head::Logits { .. });
    match (contract.task, classifies) {
        (Task::Detect, true) => Err(error("head.kind", "`logits` is for the task `classify`; this one detects")),
        (Task::Classify, false) => Err(error("head.kind", "must be `logits` for the task `classify`")),
        _ => Ok(contract),
    }
}

fn image(fields: &mut Fields) -> Result<ImageSpec, ContractError> {
    let input = fields.text("image.input")?;
    let colour = fields.named("image.colour")?;
    let colour: Colour = fields.required("image.colour", colour, "give the channel order: rgb, bgr or grey")?;
    let mut channel_values = |key: &str, default: f32| -> Result<Vec<f32>, ContractError> {
        let values = fields.numbers(key)?.unwrap_or_else(|| vec![default]);
        match values.len() {
            1 => Ok(vec![values[0]; colour.channels()]),
            n if n == colour.channels() => Ok(values),
            n => {
                Err(error(key, format!("has {n} values; give one, or one for each of {} channels", colour.channels())))
            }
        }
    };
    let mean = channel_values("image.mean", 0.0)?;
    let std = channel_values("image.std", 1.0)?;
    if std.contains(&0.0) {
        return Err(error("image.std", "divides, so it must not be 0"));
    }
    Ok(ImageSpec {
        input,
        colour,
        mean,
        std,
        resize: resize(fields)?,
        interpolation: fields.named("image.interpolation")?.unwrap_or(Interpolation::Linear),
    })
}

fn resize(fields: &mut Fields) -> Result<Resize, ContractError> {
    let key = "image.resize";
    let method = fields.text(key)?;
    let method = fields.required(key, method, "give letterbox, stretch or centre-crop")?;
    Ok(match method.as_str() {
        "letterbox" => Resize::Letterbox {
            pad: fields.whole_in("image.pad", 0, 255)?.unwrap_or(114) as u8,
            align: fields.named("image.align")?.unwrap_or(Align::Centre),
        },
        "stretch" => Resize::Stretch,
        "centre-crop" => {
            Resize::CentreCrop { crop: fields.number_in("image.crop", 0.01, 1.0)?.map_or(1.0, |crop| crop as f32) }
        }
        other => return Err(unknown_name(key, other, RESIZES.iter().copied())),
    })
}

fn head(fields: &mut Fields) -> Result<Head, ContractError> {
    let key = "head.kind";
    let kind = fields.text(key)?;
    let kind = fields.required(key, kind, &format!("give one of {}", KINDS.join(", ")))?;
    Ok(match kind.as_str() {
        "retort" => Head::Points(points(fields, PointCoding::Exp)?),
        "dfl" => {
            let reg_max = fields.whole_in("head.reg_max", 1, 64)?.unwrap_or(7);
            Head::Points(points(fields, PointCoding::Dfl { reg_max })?)
        }
        "yolox" => Head::Yolox { output: output(fields, "head.output")?, strides: strides(fields)? },
        "fastestdet" => Head::FastestDet { output: output(fields, "head.output")? },
        "ssd" => Head::Ssd {
            scores: output(fields, "head.scores")?,
            boxes: output(fields, "head.boxes")?,
            columns: fields.named("head.columns")?.unwrap_or(ScoreColumns::AfterBackground),
            priors: priors(fields)?,
        },
        "boxes" => Head::Boxes {
            scores: output(fields, "head.scores")?,
            boxes: output(fields, "head.boxes")?,
            columns: fields.named("head.columns")?.unwrap_or(ScoreColumns::All),
            form: fields.named("head.form")?.unwrap_or(BoxForm::Corners),
            units: fields.named("head.units")?.unwrap_or(BoxUnits::Pixels),
        },
        "detr" => Head::Detr {
            logits: output(fields, "head.scores")?,
            boxes: output(fields, "head.boxes")?,
            scores: fields.named("head.query_scores")?.unwrap_or(QueryScores::Sigmoid),
        },
        "detections" => Head::Detections {
            detections: output(fields, "head.detections")?,
            labels: fields.text("head.labels")?,
            units: fields.named("head.units")?.unwrap_or(BoxUnits::Pixels),
        },
        "logits" => Head::Logits {
            output: output(fields, "head.output")?,
            scores: fields.named("head.score_form")?.unwrap_or(ScoreForm::Logits),
        },
        other => return Err(unknown_name(key, other, KINDS.iter().copied())),
    })
}

fn points(fields: &mut Fields, coding: PointCoding) -> Result<PointHead, ContractError> {
    let mut levels = Vec::new();
    while fields.has(&format!("head.levels.{}", levels.len())) || levels.is_empty() {
        let key = |name: &str| format!("head.levels.{}.{name}", levels.len());
        let stride = fields.whole_in(&key("stride"), 1, LARGEST_IMAGE)?;
        levels.push(Level {
            stride: fields.required(&key("stride"), stride, "give the level's stride in input pixels")?,
            scores: output(fields, &key("scores"))?,
            boxes: output(fields, &key("boxes"))?,
        });
    }
    Ok(PointHead {
        levels,
        scores: fields.named("head.score_form")?.unwrap_or(ScoreForm::Logits),
        anchor: fields.named("head.anchor")?.unwrap_or(AnchorPoint::Centre),
        coding,
        labels: fields.named("head.point_labels")?.unwrap_or(Labels::Best),
    })
}

fn priors(fields: &mut Fields) -> Result<Priors, ContractError> {
    let strides = strides(fields)?;
    let key = "head.sizes";
    let sizes = fields.number_lists(key)?;
    let sizes = fields.required(key, sizes, "list for each level the sides of its prior boxes")?;
    if sizes.len() != strides.len() {
        return Err(error(key, format!("has {} levels, but head.strides has {}", sizes.len(), strides.len())));
    }
    if sizes.iter().any(Vec::is_empty) || sizes.iter().flatten().any(|&side| side <= 0.0) {
        return Err(error(key, "needs at least one side a level, each above 0"));
    }
    Ok(Priors {
        strides,
        sizes,
        centre_variance: fields.number("head.centre_variance")?.unwrap_or(0.1) as f32,
        size_variance: fields.number("head.size_variance")?.unwrap_or(0.2) as f32,
    })
}

fn strides(fields: &mut Fields) -> Result<Vec<u32>, ContractError> {
    let key = "head.strides";
    let strides = fields.wholes(key, 1, LARGEST_IMAGE)?;
    let strides = fields.required(key, strides, "list the levels' strides")?;
    if strides.is_empty() { Err(error(key, "is empty; list the levels' strides")) } else { Ok(strides) }
}

fn output(fields: &mut Fields, key: &str) -> Result<String, ContractError> {
    let name = fields.text(key)?;
    fields.required(key, name, "name the model's output")
}

fn limits(fields: &mut Fields) -> Result<Limits, ContractError> {
    let default = Limits::default();
    Ok(Limits {
        score: fields.number_in("limits.score", 0.0, 1.0)?.map_or(default.score, |score| score as f32),
        iou: fields.number_in("limits.iou", 0.0, 1.0)?.map_or(default.iou, |iou| iou as f32),
        max_detections: fields
            .whole_in("limits.max_detections", 1, MOST_DETECTIONS)?
            .map_or(default.max_detections, |most| most as usize),
    })
}

fn golden(fields: &mut Fields) -> Result<Option<Golden>, ContractError> {
    if !fields.has("golden") {
        return Ok(None);
    }
    let mut checksum = |name: &str| {
        let key = format!("golden.{name}");
        let value = fields.whole_in(&key, 0, u32::MAX)?;
        fields.required(&key, value, "give it, or remove the other golden keys")
    };
    Ok(Some(Golden {
        seed: checksum("seed")?,
        input_crc32: checksum("input_crc32")?,
        output_crc32: checksum("output_crc32")?,
    }))
}
