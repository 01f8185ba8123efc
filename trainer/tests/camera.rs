//! A film, a teacher and a budget on the command line: a student comes of them, or a message that says what is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use retort_trainer::data::{Sample, Scene};
use retort_trainer::evaluate::Respondent;

/// Width and height of the film.
const SIZE: [usize; 2] = [160, 128];
/// Seed under which the teacher that comes with the project finds shapes in every frame.
const SCENE: u64 = 37;

fn teacher() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/shapes-128.onnx")
}

/// A film as Y4M, which needs no ffmpeg.
fn film(path: &Path, frames: impl Iterator<Item = Vec<u8>>) {
    let [width, height] = SIZE;
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F10:1 C420jpeg\n").into_bytes();
    for rgb in frames {
        bytes.extend(b"FRAME\n");
        let at = |x: usize, y: usize, weights: [f32; 3], offset: f32| {
            let pixel = &rgb[(y * width + x) * 3..][..3];
            let sum: f32 = pixel.iter().zip(weights).map(|(&byte, weight)| f32::from(byte) * weight).sum();
            (sum + offset).round().clamp(0.0, 255.0) as u8
        };
        let planes =
            [([0.299, 0.587, 0.114], 0.0, 1), ([-0.1687, -0.3313, 0.5], 128.0, 2), ([0.5, -0.4187, -0.0813], 128.0, 2)];
        for (weights, offset, step) in planes {
            for y in (0..height).step_by(step) {
                bytes.extend((0..width).step_by(step).map(|x| at(x, y, weights, offset)));
            }
        }
    }
    std::fs::write(path, bytes).expect("written");
}

/// A scene that the camera slowly passes by.
fn passing(path: &Path, frames: usize) {
    let [width, height] = SIZE;
    let scene: Sample = Scene::random(&[7, 5, SCENE], 1.5).render(height);
    let part = |shift: usize| -> Vec<u8> {
        let row = |y: usize| scene.pixels[(y * scene.width + shift) * 3..][..width * 3].to_vec();
        (0..height).flat_map(row).collect()
    };
    film(path, (0..frames).map(|frame| part((frame / 2).min(scene.width - width))));
}

fn distil(video: &Path, run: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retort-train"));
    command.args(["distill", "--threads", "2", "--video"]).arg(video);
    if !more.contains(&"--macs") {
        command.args(["--macs", "3M"]);
    }
    command.arg("--teacher").arg(teacher()).arg("--run").arg(run);
    for change in ["learning.batch=4", "quantise.pictures=4", "quantise.steps=2", "quantise.epochs=0"] {
        command.args(["--set", change]);
    }
    command.args(more).output().expect("it runs")
}

#[test]
fn a_film_and_a_teacher_make_a_student() {
    let folder = tempfile::tempdir().expect("a folder");
    let [video, run, student] = ["film.y4m", "run", "student.onnx"].map(|name| folder.path().join(name));
    passing(&video, 60);
    let classes = "circle,ring,square,triangle,star,cross";
    let out = student.to_str().expect("UTF-8");
    let more = ["--classes", classes, "--set", "learning.epochs=0", "--set", "learning.steps=6", "--out", out];
    let output = distil(&video, &run, &more);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert!(words.contains("the teacher's own boxes") && words.contains("no control arm"), "{words}");
    let student = Respondent::open(&student, None).expect("a model");
    assert_eq!(student.classes(), classes.split(',').collect::<Vec<_>>());
    let results = std::fs::read_to_string(run.join("results.json")).expect("written");
    assert!(results.contains("\"distilled\"") && !results.contains("\"control\""));
    let page = std::fs::read_to_string(run.join("report.html")).expect("written");
    assert!(page.contains("no control arm"));
    // The recipe that it wrote down makes a family; what needs labels says so.
    let again = |command: &str, more: &[&str]| {
        let mut retort = Command::new(env!("CARGO_BIN_EXE_retort-train"));
        retort.args([command, "--threads", "2"]).arg(run.join("recipe.toml")).args(more);
        retort.arg("--run").arg(folder.path().join(command)).output().expect("it runs")
    };
    let output = again("family", &["--macs", "5M,3M"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(folder.path().join("family/report.html")).expect("written");
    assert!(page.contains("teacher’s own boxes") && !page.contains("labels alone"), "{page}");
    let output = again("compare", &["--losses", "pkd"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("there are no labels"), "{words}");
}

#[test]
fn the_schedule_fits_into_the_time_that_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let [video, run] = ["film.y4m", "run"].map(|name| folder.path().join(name));
    passing(&video, 60);
    let output = distil(&video, &run, &["--classes", "circle,ring,square,triangle,star,cross", "--minutes", "0.05"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let recipe: toml::Table = std::fs::read_to_string(run.join("recipe.toml")).expect("written").parse().expect("TOML");
    let learning = recipe["learning"].as_table().expect("a table");
    assert_eq!(learning["epochs"].as_integer(), Some(0));
    assert!(learning["steps"].as_integer().is_some_and(|steps| steps >= 10));
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let [video, empty, dull, run] = ["film.y4m", "empty.y4m", "dull.y4m", "run"].map(|name| folder.path().join(name));
    passing(&video, 40);
    film(&empty, std::iter::empty());
    film(&dull, (0..40).map(|_| vec![90; SIZE[0] * SIZE[1] * 3]));
    let refused = |video: &Path, more: &[&str]| {
        let output = distil(video, &run, more);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let words = refused(&video, &["--classes", "circle,dragon"]);
    assert!(words.contains("does not know the class `dragon`") && words.contains("circle"), "{words}");
    let words = refused(&empty, &["--classes", "circle"]);
    assert!(words.contains("empty.y4m") && words.contains("there is no picture"), "{words}");
    let words = refused(&dull, &["--classes", "circle"]);
    assert!(words.contains("the teacher is sure of nothing") && words.contains("distil.score"), "{words}");
    let words = refused(&video, &["--classes", "circle", "--frames", "1-"]);
    assert!(words.contains("leaves no frame to measure on"), "{words}");
    let words = refused(&video, &["--classes", "circle", "--macs", "1k"]);
    assert!(words.contains("no student fits into"), "{words}");
    assert!(refused(&video, &[]).contains("--classes"));
    assert!(refused(&folder.path().join("none.avi"), &["--classes", "circle"]).contains("none.avi"));
}

#[test]
fn a_student_is_taught_on_with_what_its_camera_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let [video, run, added, again] = ["film.y4m", "run", "added", "again"].map(|name| folder.path().join(name));
    passing(&video, 60);
    let classes = "circle,ring,square,triangle,star,cross";
    let output = distil(
        &video,
        &run,
        &["--classes", classes, "--set", "learning.epochs=0", "--set", "learning.steps=6", "--set", "quantise.steps=0"],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::create_dir(&added).expect("made");
    for index in 0..10 {
        let scene = Scene::random(&[7, 5, 60 + index], 1.25).render(128);
        image::save_buffer(
            added.join(format!("{index:03}.png")),
            &scene.pixels,
            scene.width as u32,
            scene.height as u32,
            image::ExtendedColorType::Rgb8,
        )
        .expect("written");
    }
    let go_on = |from: &Path, run: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retort-train"));
        command.args(["distill", "--threads", "2", "--continue"]).arg(from).arg("--add").arg(&added);
        command.arg("--run").arg(run).output().expect("it runs")
    };
    let output = go_on(&run, &again);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("before") && table.contains("2 that were added"), "{table}");
    let recipe: toml::Table =
        std::fs::read_to_string(again.join("recipe.toml")).expect("written").parse().expect("TOML");
    assert_eq!(recipe["learning"]["steps"].as_integer(), Some(2), "a third of the first time");
    // What is no run has nothing to go on from.
    let output = go_on(&added, &again);
    assert!(String::from_utf8_lossy(&output.stderr).contains("recipe.toml"));
}
