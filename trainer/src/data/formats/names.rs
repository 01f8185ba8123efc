//! What pictures and classes are called.

use std::collections::HashSet;
use std::path::Path;

use crate::data::collection::Collection;
use crate::data::error::{Fault, Problem};

/// A picture's path below the set's folder, with `/` between folders.
pub(super) fn below(folder: &Path, file: &Path) -> String {
    let path = file.strip_prefix(folder).unwrap_or(file);
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// The name of a file or of a folder, without what comes after the last dot.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The last part of a path.
pub(super) fn file(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Names for classes that are only numbered.
pub(super) fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// Leaves out pictures whose names are taken already.
pub(super) fn make_unique(collection: &mut Collection) {
    let mut taken = HashSet::with_capacity(collection.items.len());
    let problems = &mut collection.problems;
    collection.items.retain(|item| {
        let free = taken.insert(item.name.clone());
        if !free {
            problems.push(Problem::new(Fault::SameName, &item.name, "is in the set twice"));
        }
        free
    });
}
