//! `retort-train prune` as a user runs it: on the run of a student, and on a model file.

mod tiny;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use retort::model::{LoadOptions, Model};
use retort_trainer::distil::{Options, experiment};
use retort_trainer::nets::Role;
use retort_trainer::recipe::Recipe;
use retort_trainer::report::{Bars, RunFolder};
use retort_trainer::train::load;
use tiny::recipe;

fn prune(what: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retort-train"));
    command.arg("prune").arg(what).args(arguments).output().expect("it starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    said(output)
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("models")
}

/// A run in miniature.
fn taught(path: &Path, changes: &[&str]) {
    let folder = RunFolder::create(path).expect("made");
    let all: Vec<&str> = ["seeds=[1]", "quantise.steps=2"].iter().chain(changes).copied().collect();
    experiment(&recipe(&all), &folder, &Bars::default(), Options::default()).expect("it runs");
}

fn macs(model: &Path) -> u64 {
    let bytes = std::fs::read(model).expect("it is there");
    Model::from_bytes(&bytes, model, &LoadOptions::default()).expect("it loads").macs()
}

#[test]
fn the_student_of_a_run_gets_narrower_and_its_run_is_one_like_any_other() {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    taught(&at("run"), &[]);
    let started = std::fs::read(at("run/teacher-7.ckpt")).expect("a teacher");
    // Steps too small to change anything show where the student begins.
    let still = ["--set", "learning.rate=1e-12", "--set", "quantise.rate=1e-12"];
    let arguments = ["--macs", "75%", "--multiple", "4", "--pictures", "8"];
    let output = prune(&at("run"), &[&arguments[..], &still].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("MMAC saved") && said(&output).contains("of the first run"), "{}", said(&output));
    let (before, after) = (macs(&at("run/student.onnx")), macs(&at("run-pruned/student.onnx")));
    assert!(4 * after <= 3 * before, "{after} {before}");
    let table = std::fs::read_to_string(at("run-pruned/pruning.csv")).expect("a table");
    assert!(table.starts_with("layers,before,after,lost,macs_saved\n") && table.lines().count() > 3, "{table}");
    assert!(at("run-pruned/report.html").exists() && at("run-pruned/pruned-f32.onnx").exists());
    let [begun, ended] =
        ["pruned.weights", "distilled-1.ckpt"].map(|name| load(&at("run-pruned").join(name)).expect("read"));
    assert_eq!(begun.network, ended.network);
    for (a, b) in begun.parameters.iter().zip(&ended.parameters).filter(|(a, _)| a.role != Role::Bias) {
        let close = a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(1.0));
        assert!(close, "{} does not begin with what was left", a.layer);
    }
    assert_eq!(std::fs::read(at("run/teacher-7.ckpt")).expect("still there"), started);
    // Going on with a run that has ended changes nothing.
    let student = std::fs::read(at("run-pruned/student.onnx")).expect("a student");
    let output = prune(&at("run"), &[&arguments[..], &still, &["--resume"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(std::fs::read(at("run-pruned/student.onnx")).expect("a student"), student);
    // A pruned student can be pruned again, by gradients this time.
    let output = prune(
        &at("run-pruned"),
        &["--macs", "80%", "--multiple", "2", "--by", "taylor", "--json", "--run", &text(&at("again"))],
    );
    assert!(output.status.success(), "{}", said(&output));
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    assert!(facts["after"]["macs"].as_u64() < Some(after) && facts["results"]["changes"].is_array());
    assert!(!said(&output).contains("training teacher"), "{}", said(&output));
    let recipe = Recipe::resolve(Some(&at("again/recipe.toml")), &[]).expect("valid");
    assert!(!recipe.student.channels.is_empty() && recipe.again.from == text(&at("run-pruned")));
}

#[test]
fn a_model_file_gets_narrower_without_training() {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    taught(&at("run"), &["student.widths=[16, 16, 24, 24, 24]"]);
    let (model, samples) = (at("run/student-f32.onnx"), text(&models().join("samples")));
    let (out, report) = (at("narrow.onnx"), at("report"));
    let arguments = ["--macs", "80%", "--calibrate", &samples, "--out", &text(&out), "--report", &text(&report)];
    let output = prune(&model, &[&arguments[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    assert_eq!(facts["after"]["macs"].as_u64(), Some(macs(&out)));
    assert_eq!(facts["before"]["macs"].as_u64(), Some(macs(&model)));
    let widths =
        facts["groups"].as_array().expect("groups").iter().map(|group| group["after"].as_u64().expect("a width"));
    assert!(widths.into_iter().all(|width| width.is_multiple_of(8)), "{facts}");
    assert!(report.join("pruning.csv").exists());
    // Without pictures, by the weights alone.
    let output = prune(&model, &["--macs", "80%", "--by", "magnitude", "--plain", "--out", &text(&out)]);
    assert!(output.status.success() && said(&output).contains("is the pruned model"), "{}", said(&output));
    // What cannot be.
    let narrow = |arguments: &[&str]| failed(&prune(&model, &[arguments, &["--calibrate", &samples]].concat()));
    let impossible = narrow(&["--macs", "1%"]);
    assert!(impossible.contains("cannot be cut to 1 %") && impossible.contains("--multiple"), "{impossible}");
    assert!(narrow(&["--macs", "900M"]).contains("as it is"));
    assert!(narrow(&["--macs", "80%", "--multiple", "64"]).contains("no channel of the model may go"));
    assert!(narrow(&["--ms", "1e-9", "--board", "pi4"]).contains("ms on pi4"));
    assert!(narrow(&["--macs", "80%", "--epochs", "3"]).contains("--epochs"));
    assert!(failed(&prune(&model, &["--macs", "80%"])).contains("--calibrate"));
}

#[test]
fn what_is_no_run_and_no_float_model_is_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let nowhere = place.path().join("nowhere");
    assert!(failed(&prune(&nowhere, &["--macs", "50%", "--calibrate", "photos"])).contains("nowhere"));
    assert!(failed(&prune(place.path(), &["--macs", "50%"])).contains("is not the folder of a run"));
    std::fs::write(place.path().join("recipe.toml"), "seeds = [1]\n").expect("written");
    assert!(failed(&prune(place.path(), &["--macs", "50%"])).contains("distilled-1.ckpt"));
    let (model, samples) = (models().join("shapes-128.onnx"), text(&models().join("samples")));
    let said = failed(&prune(&model, &["--macs", "50%", "--calibrate", &samples]));
    assert!(said.contains("shapes-128.onnx") && said.contains("no product with known weights"), "{said}");
    assert_eq!(prune(&model, &[]).status.code(), Some(2));
    assert_eq!(prune(&model, &["--macs", "50%", "--ms", "3"]).status.code(), Some(2));
}
