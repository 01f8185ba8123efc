//! `--key` in the commands that load models. The signatures are minisign's own: see `signed/README.md`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use retort::Error;
use retort::model::swap::{Swap, Watched};
use retort::model::{LoadOptions, Model};
use retort::signature::{PublicKey, SignatureProblem, signature_path};

/// Another key of minisign's.
const OTHER: &str = "RWTcri4nzGlzhAkpDsVkcKNooGPuRETOUQbuZB1tE7vENivfqj2y1PmE";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/signed").join(name)
}

/// A folder with the model and its signature.
fn signed(signature: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    std::fs::copy(golden("model.onnx"), &model).unwrap();
    std::fs::copy(golden(signature), signature_path(&model)).unwrap();
    (folder, model)
}

/// Exit status, and all that was said.
fn retort(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_retort")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn every_command_that_loads_a_model_refuses_an_unsigned_one() {
    let (folder, model) = signed("prehashed.minisig");
    let key = golden("minisign.pub");
    let (model, key) = (model.to_str().unwrap(), key.to_str().unwrap());
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    assert_eq!(retort(&["inspect", model, "--key", key]).0, Some(0));
    std::fs::remove_file(format!("{model}.minisig")).unwrap();
    let commands: [&[&str]; 9] = [
        &["inspect", model],
        &["detect", model, "synthetic:64x64"],
        &["classify", model, "synthetic:64x64"],
        &["bench", model],
        &["verify", model],
        &["compile", model, "-o", out],
        &["run", model, "--output-dir", out],
        &["collect", "synthetic:64x64", "--out", out, "--model", model],
        &["doctor", model],
    ];
    for command in commands {
        let (status, said) = retort(&[command, &["--key", key]].concat());
        assert_eq!(status, Some(1), "{command:?}: {said}");
        for part in ["model.onnx: is not signed", "model.onnx.minisig", "retort-train sign"] {
            assert!(said.contains(part), "{command:?}: {said}");
        }
    }
    let (status, said) = retort(&["inspect", model, "--key", "no-such.pub"]);
    assert!(status == Some(2) && said.contains("neither a file nor a public key"), "{said}");
}

#[test]
fn the_right_signature_is_accepted_and_a_wrong_one_named() {
    let load = |path: &Path, key: &str| {
        let key = Some(PublicKey::read(key).unwrap());
        Model::open(path, &LoadOptions { key, ..LoadOptions::default() }).map(|model| model.macs())
    };
    let key = golden("minisign.pub");
    let key = key.to_str().unwrap();
    for signature in ["prehashed.minisig", "legacy.minisig"] {
        let (_folder, model) = signed(signature);
        assert!(load(&model, key).is_ok_and(|macs| macs > 0), "{signature}");
        let problem = |key| match load(&model, key) {
            Err(Error::Signature { path, problem }) if path == model => problem,
            other => panic!("{other:?}"),
        };
        assert!(matches!(problem(OTHER), SignatureProblem::OtherKey { .. }));
        let mut bytes = std::fs::read(&model).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&model, &bytes).unwrap();
        assert!(matches!(problem(key), SignatureProblem::Changed { .. }));
        // Bytes are held against the signature beside their name.
        let options = LoadOptions { key: Some(PublicKey::read(key).unwrap()), ..LoadOptions::default() };
        assert!(Model::from_bytes(&std::fs::read(golden("model.onnx")).unwrap(), &model, &options).is_ok());
        assert!(matches!(Model::from_bytes(&bytes, &model, &options), Err(Error::Signature { .. })));
    }
}

#[test]
fn a_contract_beside_a_signed_model_has_to_be_signed_too() {
    let (folder, path) = signed("prehashed.minisig");
    let key = Some(PublicKey::read(golden("minisign.pub").to_str().unwrap()).unwrap());
    let model = Model::open(&path, &LoadOptions { key, ..LoadOptions::default() }).unwrap();
    // Without any, there is nothing to sign.
    assert!(matches!(model.find_contract(None), Err(Error::NoContract { .. })));
    let contract = folder.path().join("model.toml");
    std::fs::copy(golden("contract.toml"), &contract).unwrap();
    let elsewhere = folder.path().join("elsewhere.toml");
    std::fs::copy(golden("contract.toml"), &elsewhere).unwrap();
    for (file, asked) in [(&contract, None), (&elsewhere, Some(elsewhere.as_path()))] {
        let missing = model.find_contract(asked).unwrap_err();
        assert!(
            matches!(&missing, Error::Signature { path, problem: SignatureProblem::Missing { .. } } if path == file),
            "{missing}"
        );
        std::fs::copy(golden("contract.minisig"), signature_path(file)).unwrap();
        assert_eq!(model.find_contract(asked).unwrap().classes, ["person"]);
        std::fs::write(file, std::fs::read_to_string(file).unwrap().replace("person", "parson")).unwrap();
        let changed = model.find_contract(asked).unwrap_err();
        assert!(matches!(changed, Error::Signature { problem: SignatureProblem::Changed { .. }, .. }), "{changed}");
    }
}

#[test]
fn an_unsigned_model_does_not_take_the_place_of_a_signed_one() {
    let (folder, path) = signed("prehashed.minisig");
    let key = Some(PublicKey::read(golden("minisign.pub").to_str().unwrap()).unwrap());
    let options = LoadOptions { key, ..LoadOptions::default() };
    let watched = Watched::model(&path, None).every(Duration::from_millis(10));
    let file = path.clone();
    let swap =
        Swap::start(watched, Arc::default(), move || Model::open(&file, &options).map(|model| model.macs())).unwrap();
    let news = || {
        for _ in 0..6000 {
            match swap.news() {
                Some(news) => return news,
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("no news");
    };
    let replace = |bytes: &[u8], path: &Path| {
        let partial = folder.path().join("partial");
        std::fs::write(&partial, bytes).unwrap();
        std::fs::rename(&partial, path).unwrap();
    };
    let good = std::fs::read(&path).unwrap();
    replace(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shapes-128.onnx")).unwrap(), &path);
    let error = news().unwrap_err();
    assert!(matches!(&error, Error::Signature { problem: SignatureProblem::Changed { .. }, .. }), "{error}");
    std::fs::remove_file(signature_path(&path)).unwrap();
    let error = news().unwrap_err();
    assert!(matches!(&error, Error::Signature { problem: SignatureProblem::Missing { .. }, .. }), "{error}");
    replace(&good, &path);
    assert!(news().is_err(), "it is still not signed");
    replace(&std::fs::read(golden("legacy.minisig")).unwrap(), &signature_path(&path));
    assert!(news().unwrap() > 0);
}
