//! `retort-train quantize` as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn quantize(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_retort-train")).arg("quantize").args(arguments).output().expect("it starts")
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("models")
}

#[test]
fn a_model_that_is_int8_already_is_left_alone() {
    let (model, samples) = (text(&models().join("shapes-128.onnx")), text(&models().join("samples")));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.onnx");
    let output = quantize(&[&model, "--calibrate", &samples, "--out", &text(&out)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing to quantise") && said.contains("shapes-128.onnx"), "{said}");
    assert!(!out.exists());
}

#[test]
fn wrong_usage_is_told() {
    let output = quantize(&["model.onnx", "--calibrate", "photos", "--max-drop", "0.5"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--labels"));
    let output = quantize(&["no-such-model.onnx", "--calibrate", "photos"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-model.onnx"));
}

#[test]
fn a_foreign_detector_keeps_its_accuracy() {
    let Some(data) = std::env::var_os("RETORT_TEST_DATA").map(PathBuf::from) else {
        eprintln!("skipped: RETORT_TEST_DATA names no folder with models and pictures");
        return;
    };
    let pictures = text(&data.join("data/coco128"));
    let folder = tempfile::tempdir().expect("a folder");
    let (out, report) = (folder.path().join("out.onnx"), folder.path().join("report"));
    let output = quantize(&[
        &text(&data.join("models/fastestdet_352.onnx")),
        "--calibrate",
        &pictures,
        "--pictures",
        "24",
        "--labels",
        &pictures,
        "--max-drop",
        "1.0",
        "--out",
        &text(&out),
        "--report",
        &text(&report),
    ]);
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{failed}");
    assert!(said.contains("is the int8 model"), "{said}");
    assert!(report.join("tensors.png").exists() && report.join("tensors.csv").exists());
    let float = std::fs::metadata(data.join("models/fastestdet_352.onnx")).expect("it is there").len();
    assert!(std::fs::metadata(&out).expect("it was written").len() * 2 < float);
}
