//! Where third-party models and pictures lie, for the tests that need them.

use std::path::{Path, PathBuf};

/// The environment variable that names the folder with `models/`, `data/` and `peers/`.
pub const VARIABLE: &str = "RETORT_TEST_DATA";

/// The file or folder `relative` of the test data. Where there is none a line says so, and the test is to skip it.
pub fn find(relative: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        println!("skipped: {relative}: {VARIABLE} is not set");
        return None;
    };
    let path = Path::new(&folder).join(relative);
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
