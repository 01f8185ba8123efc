//! `retort collect`, and novelty where the model knows none, as scripts use them.
#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_retort")).args(arguments).output().expect("the program runs")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

#[test]
fn a_model_without_prototypes_says_how_to_get_them() {
    let model = models().join("shapes-128.onnx");
    let output = run(&["detect", text(&model), "synthetic:64x64", "--frames", "1", "--coverage"]);
    let said = words(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.lines().count() == 1 && said.contains("shapes-128.onnx") && said.contains("coverage.prototypes"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn doubtful_pictures_are_kept_with_lines_that_name_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("kept");
    let (model, samples) = (models().join("shapes-128.onnx"), models().join("samples"));
    let collect = |more: &[&str]| {
        let mut all = vec!["collect", text(&samples), "--model", text(&model), "--out", text(&out), "--json"];
        all.extend(more);
        run(&all)
    };
    // All scores are within such a band.
    let output = collect(&["--unsure", "0.9", "--score", "0.5", "--blur"]);
    assert!(output.status.success(), "{}", words(&output.stderr));
    assert!(words(&output.stderr).starts_with("note: only frames in which it is unsure"));
    let counts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let kept = counts["kept"].as_u64().expect("a number");
    assert!(kept >= 1 && counts["unsure"] == kept && counts["unlike"] == 0, "{counts}");
    let lines = std::fs::read_to_string(out.join("detections.jsonl")).expect("lines");
    assert_eq!(lines.lines().count() as u64, kept);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let picture = image::open(out.join(line["source"].as_str().expect("a name"))).expect("a picture");
        assert_eq!(
            (u64::from(picture.width()), &line["why"][0]),
            (line["width"].as_u64().expect("a number"), &Value::from("unsure"))
        );
        let scores = line["detections"].as_array().expect("a list").iter().filter_map(|d| d["score"].as_f64());
        assert!(scores.into_iter().all(|score| score >= 0.5));
    }

    // There is no room for another one.
    let full = collect(&["--unsure", "0.9", "--quota", "4k"]);
    assert!(full.status.success() && words(&full.stderr).contains("--quota"), "{}", words(&full.stderr));
    let counts: Value = serde_json::from_slice(&full.stdout).expect("JSON");
    assert_eq!((&counts["kept"], &counts["full"]), (&Value::from(0), &Value::from(true)));
    assert_eq!(std::fs::read_to_string(out.join("detections.jsonl")).expect("lines"), lines);

    // Nothing is wanted that this model could tell.
    assert_eq!(collect(&["--unsure", "0"]).status.code(), Some(1));
    assert_eq!(collect(&["--quota", "much"]).status.code(), Some(2));
}

#[test]
fn near_copies_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pictures, out) = (folder.path().join("pictures"), folder.path().join("kept"));
    std::fs::create_dir(&pictures).expect("made");
    let sample = models().join("samples/shapes-1.png");
    for name in ["1.png", "2.png", "3.png"] {
        std::fs::copy(&sample, pictures.join(name)).expect("copied");
    }
    let model = models().join("shapes-128.onnx");
    let arguments =
        ["collect", text(&pictures), "--model", text(&model), "--out", text(&out), "--unsure", "0.9", "--png"];
    let output = run(&arguments);
    assert!(words(&output.stdout).starts_with("kept 1 of 3 frames"), "{}", words(&output.stdout));
    let kept = image::open(out.join("000001.png")).expect("a picture").into_rgb8();
    assert_eq!(kept, image::open(&sample).expect("a picture").into_rgb8(), "PNG loses nothing");
    // Every second one only.
    let output = run(&[&arguments[..], &["--every", "2", "--json"]].concat());
    let counts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(counts["looked"], 2);
}
