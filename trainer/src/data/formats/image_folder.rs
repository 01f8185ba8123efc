//! ImageFolder: a folder for each class, with its pictures in it or below. Folders `train`, `val` (`valid`, `validation`) and
//! `test` may stand above, each with the folders of the classes. Classes are numbered in the order of their names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Format, files, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Part, Pixels};

pub(super) fn recognise(path: &Path) -> Option<String> {
    if !path.is_dir() {
        return None;
    }
    let parts = parts(path);
    let classes = class_folders(parts.first().map_or(path, |(_, folder)| folder))?;
    let above = if parts.is_empty() { String::new() } else { format!(" below {}", names::file(&parts[0].1)) };
    Some(format!("folders of pictures{above}: {}", examples(&classes)))
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let parts = parts(path);
    let parts: Vec<(Option<Part>, PathBuf)> = match parts.is_empty() {
        true => vec![(None, path.to_path_buf())],
        false => parts.into_iter().map(|(part, folder)| (Some(part), folder)).collect(),
    };
    let mut folders = Vec::new();
    for (part, folder) in &parts {
        folders.extend(files::folders(folder)?.into_iter().map(|folder| (*part, folder)));
    }
    // What a model is to know is what it learns from.
    let learned = |part: Option<Part>| part.is_none_or(|part| part == parts[0].0.unwrap_or(part));
    let known = folders.iter().filter(|(part, _)| learned(*part)).map(|(_, folder)| names::file(folder));
    let classes = options.classes.clone().unwrap_or_else(|| known.collect::<BTreeSet<_>>().into_iter().collect());
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    for (part, folder) in &folders {
        let class = names::file(folder);
        let pictures = files::pictures(folder, &mut problems)?;
        let Some(number) = classes.iter().position(|known| *known == class) else {
            let detail =
                format!("`{class}` is none of the {} classes to learn: {}", classes.len(), shortened(&classes));
            problems.push(Problem::new(Fault::UnknownClass, names::below(path, folder), detail));
            continue;
        };
        items.extend(pictures.into_iter().map(|file| {
            let name = names::below(path, &file);
            Item { class: Some(number), part: *part, ..Item::new(name, Pixels::File(file)) }
        }));
    }
    let (format, because) = (Format::ImageFolder, String::new());
    Ok(Collection { format, because, origin: path.into(), task: Task::Classify, classes, items, problems })
}

/// Folders called after parts, the one to learn from first.
fn parts(path: &Path) -> Vec<(Part, PathBuf)> {
    let folders = files::folders(path).unwrap_or_default();
    let mut parts: Vec<_> =
        folders.into_iter().filter_map(|folder| Some((Part::named(&names::file(&folder))?, folder))).collect();
    parts.sort();
    parts.retain(|(_, folder)| class_folders(folder).is_some());
    parts
}

/// The folders of a folder, if one at least holds pictures and the folder itself holds none.
fn class_folders(path: &Path) -> Option<Vec<PathBuf>> {
    let folders = files::folders(path).ok()?;
    let found = folders.iter().any(|folder| files::holds_pictures(folder) || deeper(folder));
    (found && !files::holds_pictures(path)).then_some(folders)
}

/// Whether pictures lie one folder further down.
fn deeper(folder: &Path) -> bool {
    files::folders(folder).unwrap_or_default().iter().any(|folder| files::holds_pictures(folder))
}

fn examples(folders: &[PathBuf]) -> String {
    shortened(&folders.iter().map(|folder| names::file(folder)).collect::<Vec<_>>())
}

fn shortened(names: &[String]) -> String {
    let shown = names[..names.len().min(5)].join(", ");
    if names.len() > 5 { format!("{shown}, …") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(path: PathBuf) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        image::RgbImage::new(2, 2).save(path).expect("written");
    }

    #[test]
    fn folders_are_classes() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["dog/2.png", "cat/1.png", "dog/young/1.JPG", "owl/.hidden.png"] {
            picture(folder.path().join(name));
        }
        std::fs::write(folder.path().join("cat/notes.txt"), "").expect("written");
        std::fs::write(folder.path().join("cat/moving.gif"), "").expect("written");
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!((set.format, set.task, set.is_divided()), (Format::ImageFolder, Task::Classify, false));
        assert_eq!(set.classes, ["cat", "dog", "owl"]);
        let found: Vec<_> = set.items.iter().map(|item| (item.name.as_str(), item.class)).collect();
        assert_eq!(found, [("cat/1.png", Some(0)), ("dog/2.png", Some(1)), ("dog/young/1.JPG", Some(1))]);
        assert_eq!(set.problems.len(), 1);
        assert!(set.problems[0].place.ends_with("moving.gif"));
    }

    #[test]
    fn parts_stand_above_and_strange_classes_are_problems() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["train/a/1.png", "train/b/1.png", "val/b/1.png", "val/c/1.png", "test/a/9.png"] {
            picture(folder.path().join(name));
        }
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!(set.classes, ["a", "b"]);
        assert_eq!(Part::ALL.map(|part| set.part(part).len()), [2, 1, 1]);
        assert_eq!(set.problems.len(), 1);
        assert_eq!((set.problems[0].fault, set.problems[0].place.as_str()), (Fault::UnknownClass, "val/c"));
    }
}
