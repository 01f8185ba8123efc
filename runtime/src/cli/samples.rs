//! The model and the pictures that come with the program, in the repository that it was built from.

use std::path::{Path, PathBuf};

/// This crate's folder, beside that of the models.
const CRATE: &str = env!("CARGO_MANIFEST_DIR");
/// The model that `retort` alone runs.
const MODEL: &str = "shapes-128.onnx";

/// The model.
pub fn model() -> anyhow::Result<PathBuf> {
    present(models().join(MODEL))
}

/// The folder of pictures.
pub fn folder() -> anyhow::Result<PathBuf> {
    present(models().join("samples"))
}

/// The first picture by name.
pub fn picture() -> anyhow::Result<PathBuf> {
    let folder = folder()?;
    let mut first: Option<PathBuf> = None;
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let is_picture = path.extension().is_some_and(|extension| extension == "png");
        if is_picture && first.as_ref().is_none_or(|first| path < *first) {
            first = Some(path);
        }
    }
    first.ok_or_else(|| anyhow::anyhow!("{} has no PNG", folder.display()))
}

fn models() -> PathBuf {
    Path::new(CRATE).with_file_name("models")
}

fn present(path: PathBuf) -> anyhow::Result<PathBuf> {
    anyhow::ensure!(
        path.exists(),
        "{} is missing; name a model and a picture, or run in the repository that this program was built from",
        path.display()
    );
    Ok(path)
}
