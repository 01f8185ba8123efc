//! A [`Contract`] into metadata pairs: the inverse of [`super::read`], every field written out.

use super::fields::Named;
use super::{Contract, Head, METADATA_PREFIX, PointCoding, Priors, Resize, VERSION};

/// Pairs in the order of the contract's fields.
pub(super) fn metadata(contract: &Contract) -> Vec<(String, String)> {
    let mut pairs = Pairs(Vec::new());
    pairs.add("version", VERSION);
    pairs.add("task", contract.task.name());
    pairs.list("classes", &contract.classes);
    image(contract, &mut pairs);
    head(&contract.head, &mut pairs);
    pairs.add("limits.score", contract.limits.score);
    pairs.add("limits.iou", contract.limits.iou);
    pairs.add("limits.max_detections", contract.limits.max_detections);
    if let Some(golden) = &contract.golden {
        pairs.add("golden.seed", golden.seed);
        pairs.add("golden.input_crc32", golden.input_crc32);
        pairs.add("golden.output_crc32", golden.output_crc32);
    }
    if let Some(coverage) = &contract.coverage {
        pairs.add("coverage.output", &coverage.output);
        pairs.add("coverage.quantile", coverage.quantile);
        pairs.numbers("coverage.deviations", &coverage.deviations);
        pairs.numbers("coverage.prototypes", &coverage.prototypes.iter().map(|list| numbers(list)).collect::<Vec<_>>());
        pairs.numbers("coverage.radii", &coverage.radii);
    }
    for (key, text) in &contract.provenance {
        pairs.add(&format!("provenance.{key}"), text);
    }
    for (key, number) in &contract.metrics {
        pairs.add(&format!("metrics.{key}"), number);
    }
    pairs.0
}

struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn add(&mut self, key: &str, value: impl ToString) {
        self.0.push((format!("{METADATA_PREFIX}{key}"), value.to_string()));
    }

    /// A list of anything that prints as JSON when debug-printed or displayed: numbers through `Display`.
    fn numbers<T: ToString>(&mut self, key: &str, values: &[T]) {
        self.add(key, numbers(values));
    }

    fn list(&mut self, key: &str, texts: &[String]) {
        self.add(key, serde_json::Value::from(texts));
    }
}

/// A JSON array, each number as short as it reads back.
fn numbers<T: ToString>(values: &[T]) -> String {
    format!("[{}]", values.iter().map(T::to_string).collect::<Vec<_>>().join(", "))
}

fn image(contract: &Contract, pairs: &mut Pairs) {
    let image = &contract.image;
    if let Some(input) = &image.input {
        pairs.add("image.input", input);
    }
    pairs.add("image.colour", image.colour.name());
    pairs.numbers("image.mean", &image.mean);
    pairs.numbers("image.std", &image.std);
    match image.resize {
        Resize::Letterbox { pad, align } => {
            pairs.add("image.resize", "letterbox");
            pairs.add("image.pad", pad);
            pairs.add("image.align", align.name());
        }
        Resize::Stretch => pairs.add("image.resize", "stretch"),
        Resize::CentreCrop { crop } => {
            pairs.add("image.resize", "centre-crop");
            pairs.add("image.crop", crop);
        }
    }
    pairs.add("image.interpolation", image.interpolation.name());
}

fn head(head: &Head, pairs: &mut Pairs) {
    match head {
        Head::Points(head) => {
            match head.coding {
                PointCoding::Exp => pairs.add("head.kind", "retort"),
                PointCoding::Dfl { reg_max } => {
                    pairs.add("head.kind", "dfl");
                    pairs.add("head.reg_max", reg_max);
                }
            }
            for (i, level) in head.levels.iter().enumerate() {
                pairs.add(&format!("head.levels.{i}.stride"), level.stride);
                pairs.add(&format!("head.levels.{i}.scores"), &level.scores);
                pairs.add(&format!("head.levels.{i}.boxes"), &level.boxes);
            }
            pairs.add("head.score_form", head.scores.name());
            pairs.add("head.anchor", head.anchor.name());
            pairs.add("head.point_labels", head.labels.name());
        }
        Head::Yolox { output, strides } => {
            pairs.add("head.kind", "yolox");
            pairs.add("head.output", output);
            pairs.numbers("head.strides", strides);
        }
        Head::FastestDet { output } => {
            pairs.add("head.kind", "fastestdet");
            pairs.add("head.output", output);
        }
        Head::Ssd { scores, boxes, columns, priors } => {
            pairs.add("head.kind", "ssd");
            pairs.add("head.scores", scores);
            pairs.add("head.boxes", boxes);
            pairs.add("head.columns", columns.name());
            write_priors(priors, pairs);
        }
        Head::Boxes { scores, boxes, columns, form, units } => {
            pairs.add("head.kind", "boxes");
            pairs.add("head.scores", scores);
            pairs.add("head.boxes", boxes);
            pairs.add("head.columns", columns.name());
            pairs.add("head.form", form.name());
            pairs.add("head.units", units.name());
        }
        Head::Detr { logits, boxes, scores } => {
            pairs.add("head.kind", "detr");
            pairs.add("head.scores", logits);
            pairs.add("head.boxes", boxes);
            pairs.add("head.query_scores", scores.name());
        }
        Head::Detections { detections, labels, units } => {
            pairs.add("head.kind", "detections");
            pairs.add("head.detections", detections);
            if let Some(labels) = labels {
                pairs.add("head.labels", labels);
            }
            pairs.add("head.units", units.name());
        }
        Head::Logits { output, scores } => {
            pairs.add("head.kind", "logits");
            pairs.add("head.output", output);
            pairs.add("head.score_form", scores.name());
        }
    }
}

fn write_priors(priors: &Priors, pairs: &mut Pairs) {
    pairs.numbers("head.strides", &priors.strides);
    pairs.numbers("head.sizes", &priors.sizes.iter().map(|level| numbers(level)).collect::<Vec<_>>());
    pairs.add("head.centre_variance", priors.centre_variance);
    pairs.add("head.size_variance", priors.size_variance);
}
