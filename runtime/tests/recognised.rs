//! The files of well-known networks, where they are at hand, are recognised as what their written contracts say.
#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};

use retort::model::{LoadOptions, Model};
use retort::sidecar;

/// A recognised contract says the same as the one that somebody wrote, apart from where it comes from.
fn is_recognised_as_written(model: &Path, written: &str) {
    let name = model.display();
    let model = Model::open(model, &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut contract = model.contract().unwrap_or_else(|| panic!("{name} is not recognised")).clone();
    assert!(contract.recognised_as().is_some());
    contract.provenance.clear();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models").join("contracts");
    let written = sidecar::read(&folder.join(written)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(contract, written, "{name}");
}

#[test]
fn files_are_recognised_as_their_written_contracts_say() {
    let Some(folder) = std::env::var_os("RETORT_TEST_DATA").map(|folder| PathBuf::from(folder).join("models")) else {
        return println!("skipped: models: RETORT_TEST_DATA is not set");
    };
    for (model, written) in [
        ("fastestdet_352", "fastestdet"),
        ("fastestdet_352_qdq_s8", "fastestdet"),
        ("fastestdet_352_qop_u8", "fastestdet"),
        ("nanodet_m_320", "nanodet_m"),
        ("picodet_xs_416", "picodet_xs"),
        ("ultraface_rfb_320", "ultraface_rfb_320"),
        ("ultraface_rfb_320_qdq_s8", "ultraface_slim_320_raw"),
        ("ultraface_rfb_320_qop_u8", "ultraface_slim_320_raw"),
        ("ultraface_slim_320_raw", "ultraface_slim_320_raw"),
        ("yolox_nano", "yolox_nano"),
        ("yolox_nano_qdq_u8_naive", "yolox_nano"),
    ] {
        match folder.join(model).with_extension("onnx") {
            path if path.exists() => is_recognised_as_written(&path, &format!("{written}.toml")),
            path => println!("skipped: {} is missing", path.display()),
        }
    }
}
