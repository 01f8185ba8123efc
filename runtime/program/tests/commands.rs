//! The commands as scripts use them: exit statuses, JSON keys, closed pipes.
#![cfg(feature = "onnx")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn model() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join("shapes-128.onnx").display().to_string()
}

fn retort(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retort"));
    command.args(arguments).arg(model());
    command
}

fn run(arguments: &[&str]) -> Output {
    retort(arguments).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object on standard output")
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    let commands: [&[&str]; 6] = [
        &["inspect", "--steps"],
        &["inspect", "--json"],
        &["inspect", "--predict", "pi4"],
        &["bench", "--duration", "0", "--warmup", "0"],
        &["verify"],
        &["doctor"],
    ];
    for arguments in commands {
        let mut child = retort(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("panicked"), "{arguments:?}: {}: {said}", output.status);
    }
}

#[test]
fn bench_keeps_its_keys() {
    let object = json(&run(&["bench", "--duration", "0.05", "--warmup", "0", "--json"]));
    let keys = [
        "model",
        "isa",
        "threads",
        "input",
        "runs",
        "allocations_per_run",
        "arena_bytes",
        "weights_bytes",
        "macs",
        "load_ms",
        "fallback_steps",
        "output_crc32",
        "kernels",
        "board",
        "before",
        "after",
        "rss_bytes",
        "peak_rss_bytes",
    ];
    for key in keys {
        assert!(!object[key].is_null(), "{key} is missing in {object}");
    }
    let latency = ["min", "p50", "p90", "p99", "p999", "max"].map(|key| object["latency_ms"][key].as_f64().expect(key));
    assert!(latency.is_sorted(), "{latency:?}");
    assert_eq!(object["allocations_per_run"], 0);
}

#[test]
fn a_missed_deadline_is_exit_status_1_and_one_line() {
    let arguments = ["bench", "--duration", "0.05", "--warmup", "0", "--assert-p99"];
    let missed = run(&[&arguments[..], &["0.000001"]].concat());
    assert_eq!(missed.status.code(), Some(1));
    let said = String::from_utf8_lossy(&missed.stderr);
    assert!(said.lines().count() == 1 && said.contains("p99"), "{said}");
    assert!(!missed.stdout.is_empty(), "the figures are shown all the same");
    assert_eq!(run(&[&arguments[..], &["1e6"]].concat()).status.code(), Some(0));
    assert_eq!(run(&[&arguments[..], &["0"]].concat()).status.code(), Some(2));
}

#[test]
fn a_sustained_measurement_gives_a_series_and_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("plot.png");
    let picture_name = picture.display().to_string();
    let output = run(&["bench", "--sustain", "0.02", "--warmup", "0", "--json", "--plot", &picture_name]);
    let object = json(&output);
    let series = object["series"].as_array().expect("a series");
    let runs: u64 = series.iter().filter_map(|point| point["runs"].as_u64()).sum();
    assert_eq!(Some(runs), object["runs"].as_u64());
    assert!(String::from_utf8_lossy(&output.stderr).contains("p50"), "a line of progress where there is no terminal");
    let picture = image::open(picture).expect("a PNG");
    assert_eq!((picture.width(), picture.height()), (960, 640));
    assert_eq!(run(&["bench", "--plot", "x.png"]).status.code(), Some(2), "a plot is of a sustained measurement");
}

#[test]
fn a_prediction_is_labelled_and_its_steps_add_up() {
    let object = json(&run(&["inspect", "--predict", "zero2w", "--json"]));
    let prediction = &object["prediction"];
    assert_eq!(prediction["measured"], false);
    // The plan is the board's, whatever this machine is; other kernels have to be asked for.
    assert_eq!(object["isa"], "neon");
    assert_eq!(json(&run(&["inspect", "--predict", "pi5", "--json"]))["isa"], "neon-dotprod");
    assert_eq!(json(&run(&["inspect", "--predict", "pi5", "--isa", "portable", "--json"]))["isa"], "portable");
    let steps = prediction["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), object["steps"].as_array().map_or(0, Vec::len));
    let sum: f64 = steps.iter().filter_map(|step| step["ms"].as_f64()).sum();
    assert!((sum - prediction["ms"].as_f64().expect("a sum")).abs() < 1e-9);
    let text = run(&["inspect", "--predict", "pi5", "--threads", "4"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("predicted, not measured"));
    assert_eq!(run(&["inspect", "--predict", "pi6"]).status.code(), Some(2));
}

#[test]
fn the_doctor_tests_the_model() {
    let object = json(&run(&["doctor", "--json"]));
    let checks = object["checks"].as_array().expect("checks");
    let found = |name: &str| checks.iter().find(|check| check["check"] == name).expect(name);
    assert_eq!(found("self-test")["status"], "ok");
    for check in checks {
        assert!(check["status"] == "ok" || check["advice"].is_string(), "no advice in {check}");
    }
    let missing =
        Command::new(env!("CARGO_BIN_EXE_retort")).args(["doctor", "missing.onnx"]).output().expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn every_model_here_gives_what_its_exporter_promised_and_has_a_card() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let files = std::fs::read_dir(&folder).expect("models").map(|entry| entry.expect("an entry").path());
    let models: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx")).collect();
    assert!(models.len() >= 2);
    for model in models {
        let output = Command::new(env!("CARGO_BIN_EXE_retort")).arg("verify").arg(&model).output().expect("it runs");
        assert!(output.status.success(), "{}: {}", model.display(), String::from_utf8_lossy(&output.stderr));
        assert!(model.with_extension("md").is_file(), "{} has no card", model.display());
    }
}
