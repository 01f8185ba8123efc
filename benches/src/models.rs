//! The models that are measured whole: those of the repository, and third-party ones where there are some.

use std::path::{Path, PathBuf};

/// The environment variable that names a folder with third-party models under `peers/models`.
pub const VARIABLE: &str = "RETORT_TEST_DATA";

/// The ONNX files of the repository's `models/` and of the third-party folder, in the order of their names. Says on standard
/// error where there are none.
pub fn found() -> Vec<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut models = within(&repository);
    if models.is_empty() {
        eprintln!("skipped: no .onnx in {}", repository.display());
    }
    match std::env::var_os(VARIABLE) {
        None => eprintln!("skipped: third-party models: {VARIABLE} is not set"),
        Some(folder) => {
            let folder = Path::new(&folder).join("peers/models");
            let others = within(&folder);
            if others.is_empty() {
                eprintln!("skipped: no .onnx in {}", folder.display());
            }
            models.extend(others);
        }
    }
    models
}

fn within(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut models: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "onnx")).collect();
    models.sort();
    models
}
