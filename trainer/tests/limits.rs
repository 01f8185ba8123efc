//! `--limit` holds in the commands of `retort-train` that read models and pictures from elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("models")
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// The command fails, and says all of this.
fn refused(arguments: &[&str], parts: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_retort-train")).args(arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn a_model_beyond_a_limit_is_refused_as_a_model_and_as_a_teacher() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pictures, classes) = (folder.path().join("pictures"), folder.path().join("classes"));
    for folder in [&pictures, &classes.join("ring")] {
        std::fs::create_dir_all(folder).expect("a folder");
        for number in 0..20 {
            let picture = models().join("samples/shapes-1.png");
            std::fs::copy(picture, folder.join(format!("{number}.png"))).expect("a picture");
        }
    }
    let (model, run) = (text(&models().join("shapes-128.onnx")), text(&folder.path().join("run")));
    let (pictures, classes) = (text(&pictures), text(&classes));
    let keys =
        [format!("data.source={pictures:?}"), format!("teacher.models=[{model:?}]"), "data.classes=[\"ring\"]".into()];
    let keys = keys.iter().flat_map(|key| ["--set", key]);
    let taught = || ["--run", &run].into_iter().chain(keys.clone());
    let commands: [Vec<&str>; 5] = [
        vec!["evaluate", &model, "--data", &classes],
        vec!["quantize", &model, "--calibrate", &pictures],
        vec!["prune", &model, "--calibrate", &pictures, "--macs", "50%"],
        ["distill"].into_iter().chain(taught()).collect(),
        ["label"].into_iter().chain(taught()).collect(),
    ];
    for command in commands {
        let parts = ["shapes-128.onnx", "the limit is 2", "--limit nodes="];
        refused(&[&command[..], &["--limit", "nodes=2"]].concat(), &parts);
    }
}

#[test]
fn pictures_beyond_a_limit_are_left_out() {
    let samples = text(&models().join("samples"));
    refused(&["data", "check", &samples, "--limit", "picture-side=100"], &["--limit picture-side="]);
}
