//! Finding the files of a set, in the same order everywhere.

use std::path::{Path, PathBuf};

use retort::limits::read_at_most;

use crate::data::decode::{FOREIGN, ends_in, is_picture};
use crate::data::error::{DataError, Fault, Problem};

/// Folders below folders that are looked into; beyond it lies a loop of links, or no set of pictures.
const DEEPEST: usize = 12;

/// The entries of a folder, sorted; hidden ones (`.DS_Store`) are left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::io(folder))? {
        let entry = entry.map_err(DataError::io(folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

/// The entries of what may be no folder at all.
pub(super) fn entries_if_any(folder: &Path) -> Vec<PathBuf> {
    entries(folder).unwrap_or_default()
}

/// The folders in a folder, sorted.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Every file below a folder that ends in one of `extensions`, sorted.
pub(super) fn below(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    gather(folder, 0, &mut |path| {
        if ends_in(path, extensions) {
            found.push(path.to_path_buf());
        }
    })?;
    Ok(found)
}

/// Every picture below a folder, sorted. Pictures of formats that are not read here become problems.
pub(super) fn pictures(folder: &Path, problems: &mut Vec<Problem>) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    gather(folder, 0, &mut |path| {
        if is_picture(path) {
            found.push(path.to_path_buf());
        } else if ends_in(path, FOREIGN) {
            let detail = "is of a format that is not read here; convert it to JPEG or PNG";
            problems.push(Problem::new(Fault::BrokenPicture, path.display().to_string(), detail));
        }
    })?;
    Ok(found)
}

/// Whether a folder itself holds a picture.
pub(super) fn holds_pictures(folder: &Path) -> bool {
    entries_if_any(folder).iter().any(|path| is_picture(path))
}

fn gather(folder: &Path, depth: usize, found: &mut impl FnMut(&Path)) -> Result<(), DataError> {
    if depth == DEEPEST {
        return Err(DataError::format(folder, format!("lies {DEEPEST} folders deep; do links lead in a circle?")));
    }
    for path in entries(folder)? {
        if path.is_dir() {
            gather(&path, depth + 1, found)?;
        } else {
            found(&path);
        }
    }
    Ok(())
}

/// Lines of a small text file with their numbers from 1, without spaces around, empty ones left out.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}

/// Bytes of a file of labels at most: COCO's own of its 118 000 pictures for training have 449 MB.
const MOST_TEXT: u64 = 4 << 30;

/// A file as text.
pub(super) fn read(path: &Path) -> Result<String, DataError> {
    let bytes = read_at_most(path, MOST_TEXT).map_err(DataError::io(path))?;
    let text = String::from_utf8(bytes).map_err(|_| DataError::format(path, "is not text in UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

/// The names of classes, one a line.
pub(super) fn class_names(path: &Path) -> Result<Vec<String>, DataError> {
    Ok(lines(&read(path)?).map(|(_, line)| line.to_string()).collect())
}
