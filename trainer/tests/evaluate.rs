//! `retort-train evaluate` from the outside: on scenes written as COCO JSON, with the shipped model.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use retort::model::{LoadOptions, Model};
use retort::vision::detector::Detector;
use retort_trainer::data::{CLASSES, Dataset, Sample, Split};
use retort_trainer::evaluate::coco::from_edges;
use retort_trainer::evaluate::{Found, Judged, Summary, Truth, summarise};
use serde_json::{Value, json};

const SCENES: usize = 12;

fn evaluate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_retort-train")).arg("evaluate").args(arguments).output().expect("it starts")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/shapes-128.onnx")
}

/// Writes scenes as pictures and annotations, in numbers with gaps.
fn write_scenes(folder: &Path, data: &Dataset) -> PathBuf {
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for (number, sample) in data.samples.iter().enumerate() {
        let name = format!("{number:03}.png");
        let [width, height] = [sample.width, sample.height].map(|side| side as u32);
        image::save_buffer(folder.join(&name), &sample.pixels, width, height, image::ExtendedColorType::Rgb8)
            .expect("written");
        images.push(json!({ "id": 10 * number + 7, "file_name": name }));
        for label in &sample.boxes {
            let [left, top, right, bottom] = label.bounds.map(f64::from);
            let bbox = [left, top, right - left, bottom - top];
            annotations.push(json!({ "image_id": 10 * number + 7, "category_id": 2 * label.class + 1, "bbox": bbox }));
        }
    }
    let name = |(number, name): (usize, &&str)| json!({ "id": 2 * number + 1, "name": name });
    let categories: Vec<Value> = CLASSES.iter().enumerate().map(name).collect();
    let path = folder.join("scenes.json");
    let all = json!({ "images": images, "annotations": annotations, "categories": categories });
    std::fs::write(&path, all.to_string()).expect("written");
    path
}

/// The figures of the model, asked here picture by picture.
fn expected(model: &Path, data: &Dataset) -> Summary {
    let model = Model::open(model, &LoadOptions::default()).expect("the file loads");
    let mut contract = model.contract().expect("a contract").clone();
    contract.limits.score = 0.01;
    let mut detector = Detector::new(&model, &contract).expect("it fits");
    let mut judge = |sample: &Sample| Judged {
        found: (detector.detect(&sample.frame().expect("a frame")).expect("it runs").iter())
            .map(|d| Found {
                class: d.class as usize,
                score: f64::from(d.score),
                bbox: from_edges([d.rect.left, d.rect.top, d.rect.right, d.rect.bottom]),
            })
            .collect(),
        truths: sample.boxes.iter().map(|label| Truth::new(label.class, from_edges(label.bounds))).collect(),
    };
    let pictures: Vec<Judged> = data.samples.iter().map(&mut judge).collect();
    summarise(&pictures, CLASSES.len())
}

#[test]
fn figures_are_those_of_the_library_and_answers_can_be_scored_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Dataset::draw(5, Split::Show, SCENES, [128, 128], || ());
    let (annotations, out) = (write_scenes(folder.path(), &data), folder.path().join("out"));
    let (model, data_path, out_path) = (model(), text(&annotations), text(&out));
    let teacher = ["--teacher", text(&model)];
    let done = evaluate(&[&[text(&model), "--data", data_path, "--out", out_path, "--json"], &teacher[..]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let metrics: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    let expected = expected(&model, &data);
    let near = |key: &str, expected: Option<f64>| {
        let value = metrics[key].as_f64().expect(key);
        assert!(expected.is_some_and(|expected| (value - expected).abs() < 1e-9), "{key}: {value} {expected:?}");
    };
    near("ap", expected.ap);
    near("ap75", expected.ap75);
    near("ar100", expected.ar100);
    assert!(expected.ap.is_some_and(|ap| ap > 0.1), "the shipped model finds shapes");
    assert_eq!(metrics["agreement"]["f1"], 1.0, "with itself as the teacher");
    for name in ["precision-recall", "score-threshold", "by-class", "confusion", "reliability", "worst-1"] {
        assert!(image::open(out.join(format!("{name}.png"))).is_ok(), "{name}.png");
    }

    let answers = out.join("predictions.json");
    let again = evaluate(&["--from-predictions", text(&answers), "--data", data_path, "--json"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let again: Value = serde_json::from_slice(&again.stdout).expect("one JSON object");
    for key in ["ap", "ap50", "by_class", "mistakes"] {
        assert_eq!(again[key], metrics[key], "{key}");
    }
    let table = evaluate(&["--from-predictions", text(&answers), "--data", data_path]);
    let table = String::from_utf8(table.stdout).expect("UTF-8");
    assert!(table.contains("average precision") && !table.contains('\u{1b}'), "{table}");
}

#[test]
fn what_does_not_fit_is_said_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for class in ["cat", "dog"] {
        std::fs::create_dir(folder.path().join(class)).expect("made");
        image::RgbImage::new(8, 8).save(folder.path().join(class).join("1.png")).expect("written");
    }
    let failed = evaluate(&[text(&model()), "--data", text(folder.path())]);
    assert_eq!(failed.status.code(), Some(1));
    let error = String::from_utf8_lossy(&failed.stderr);
    assert!(error.contains("finds boxes, but the data say what each picture shows"), "{error}");
    assert_eq!(evaluate(&["--data", "x"]).status.code(), Some(2), "neither a model nor answers");
}
