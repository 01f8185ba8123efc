//! `retort-train keygen` and `sign`, and what `retort` says of the signatures.

use std::path::Path;
use std::process::{Command, Output};

use retort::model::{LoadOptions, Model};
use retort::signature::PublicKey;

fn run(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retort-train"));
    command.current_dir(folder).args(arguments).output().expect("it starts")
}

#[test]
fn a_signed_model_loads_with_the_key_and_with_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let model = folder.join("student.onnx");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/shapes-128.onnx");
    std::fs::copy(shipped, &model).expect("a model");
    let made = run(&["keygen", "--no-password"], folder);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = run(&["keygen", "--no-password"], folder);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.code() == Some(1) && said.contains("retort.pub: is there already"), "{said}");
    assert!(
        run(&["keygen", "--no-password", "--public-key", "b.pub", "--secret-key", "b.key"], folder).status.success()
    );

    let signed = run(&["sign", "student.onnx", "--secret-key", "retort.key"], folder);
    let said = String::from_utf8_lossy(&signed.stdout);
    assert!(signed.status.success() && said.contains("student.onnx.minisig"), "{said}");
    let load = |key: &str| {
        let key = PublicKey::read(folder.join(key).to_str().expect("UTF-8")).expect("a key");
        Model::open(&model, &LoadOptions { key: Some(key), ..LoadOptions::default() }).map(|_| ())
    };
    load("retort.pub").expect("it is signed");
    let error = load("b.pub").expect_err("another key").to_string();
    assert!(error.contains("student.onnx.minisig was made with another key"), "{error}");

    for (arguments, part) in [
        (["sign", "none.onnx", "--secret-key", "retort.key"], "none.onnx: "),
        (["sign", "student.onnx", "--secret-key", "none.key"], "none.key: "),
        (["sign", "student.onnx", "--secret-key", "retort.pub"], "retort.pub: "),
        (["sign", "student.onnx", "--secret-key", "retort.key.none"], "retort.key.none: "),
    ] {
        let output = run(&arguments, folder);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(part), "{said}");
    }
}

/// minisign itself is the judge, where it is installed.
#[test]
fn minisign_accepts_the_signatures() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("model.toml"), "task = \"detect\"\n").expect("written");
    assert!(run(&["keygen", "--no-password"], folder).status.success());
    assert!(run(&["sign", "model.toml", "--secret-key", "retort.key"], folder).status.success());
    let minisign = |arguments: &[&str]| Command::new("minisign").current_dir(folder).args(arguments).output();
    let Ok(verified) = minisign(&["-Vm", "model.toml", "-p", "retort.pub"]) else {
        eprintln!("skipped: minisign is not installed");
        return;
    };
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    // And the other way round: it signs with our key.
    let signed = minisign(&["-S", "-s", "retort.key", "-m", "model.toml"]).expect("it starts");
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let key = PublicKey::read(folder.join("retort.pub").to_str().expect("UTF-8")).expect("a key");
    key.verify(b"task = \"detect\"\n", &folder.join("model.toml")).expect("good");
}
