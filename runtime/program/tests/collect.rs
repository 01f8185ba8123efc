//! `retort collect`, and novelty where the model knows none, as scripts use them.
#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
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
    assert!(words(&output.stderr).starts_with("note: no frame is kept for being unlike"));
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
    assert_eq!(collect(&["--unsure", "0", "--no-tracks"]).status.code(), Some(1));
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

/// A picture as a frame of Y4M, full colour (BT.601).
fn y4m_frame(picture: &image::RgbImage) -> Vec<u8> {
    let weights =
        [[16.0, 65.738, 129.057, 25.064], [128.0, -37.945, -74.494, 112.439], [128.0, 112.439, -94.154, -18.285]];
    let plane = |[offset, r, g, b]: [f64; 4]| {
        picture.pixels().map(move |pixel| {
            let [red, green, blue] = pixel.0.map(f64::from);
            (offset + (r * red + g * green + b * blue) / 256.0).round() as u8
        })
    };
    b"FRAME\n".iter().copied().chain(weights.into_iter().flat_map(plane)).collect()
}

#[test]
fn objects_are_followed_along_a_film_and_missed_where_they_vanish() {
    let folder = tempfile::tempdir().expect("a folder");
    let (film, out) = (folder.path().join("film.y4m"), folder.path().join("kept"));
    let shapes = image::open(models().join("samples/shapes-1.png")).expect("a picture").into_rgb8();
    let [red, green, blue] =
        [0, 1, 2].map(|c| shapes.pixels().map(|p| u64::from(p.0[c])).sum::<u64>() / shapes.len() as u64 * 3);
    let empty =
        image::RgbImage::from_pixel(shapes.width(), shapes.height(), image::Rgb([red, green, blue].map(|c| c as u8)));
    let mut bytes = format!("YUV4MPEG2 W{} H{} F10:1 C444\n", shapes.width(), shapes.height()).into_bytes();
    for picture in [&shapes, &shapes, &shapes, &shapes, &empty, &empty, &shapes] {
        bytes.extend(y4m_frame(picture));
    }
    std::fs::write(&film, bytes).expect("written");
    let model = models().join("shapes-128.onnx");

    let output = run(&["detect", text(&model), text(&film), "--json", "--track"]);
    let lines: Vec<Value> =
        words(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let numbers = |line: &Value| -> Vec<u64> {
        line["detections"].as_array().expect("a list").iter().filter_map(|d| d["track"].as_u64()).collect()
    };
    assert!(numbers(&lines[0]).len() > 2 && numbers(&lines[4]).is_empty(), "{lines:?}");
    for line in [1, 2, 3, 6] {
        assert_eq!(numbers(&lines[line]), numbers(&lines[0]), "frame {}", line + 1);
    }

    let output =
        run(&["collect", text(&film), "--model", text(&model), "--out", text(&out), "--unsure", "0", "--json"]);
    let counts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&counts["kept"], &counts["contradicted"]), (&Value::from(1), &Value::from(1)), "{counts}");
    let line = std::fs::read_to_string(out.join("detections.jsonl")).expect("lines");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["frame"], &line["why"]), (&Value::from(5), &serde_json::json!(["contradicted"])));
}
