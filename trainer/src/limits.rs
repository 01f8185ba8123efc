//! How large models and pictures may be: what `--limit` said, or the runtime's defaults.
//!
//! Once for the process, since what is limited is the process: pictures and models are read all over the trainer, by many
//! threads, and none of them may be forgotten.

use std::path::Path;
use std::sync::OnceLock;

use retort::Limits;
use retort::limits::{Limit, read_at_most};
use retort::model::LoadOptions;

static ACCEPTED: OnceLock<Limits> = OnceLock::new();

/// From now on, these hold. To be called once, before anything is read.
///
/// # Errors
/// The limits, where others hold already.
pub fn accept(limits: Limits) -> Result<(), Limits> {
    ACCEPTED.set(limits)
}

/// The limits that hold.
pub fn limits() -> Limits {
    ACCEPTED.get().cloned().unwrap_or_default()
}

/// How a model is loaded, unless there is more to say.
pub(crate) fn load_options() -> LoadOptions {
    LoadOptions { limits: limits(), ..LoadOptions::default() }
}

/// Reads a model's file, if it is not too large.
///
/// # Errors
/// What the system says; or that it is larger.
pub(crate) fn read_model(path: &Path) -> std::io::Result<Vec<u8>> {
    let limits = limits();
    let too_large = |exceeded| std::io::Error::new(std::io::ErrorKind::InvalidData, exceeded);
    limits.check(Limit::FileBytes, std::fs::metadata(path)?.len()).map_err(too_large)?;
    read_at_most(path, limits.get(Limit::FileBytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_hold_where_nothing_else_is_said() {
        assert_eq!(limits(), Limits::default());
        assert_eq!(load_options().limits, Limits::default());
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("long.onnx");
        let most = Limit::FileBytes.default();
        std::fs::File::create(&path).and_then(|file| file.set_len(most + 1)).expect("a file with a hole");
        let error = read_model(&path).expect_err("too large").to_string();
        assert!(error.contains("--limit file-bytes="), "{error}");
        std::fs::write(&path, "short").expect("written");
        assert_eq!(read_model(&path).expect("read"), b"short");
    }
}
