//! Pictures of which nothing is known: one file, or all in and below a folder.

use std::path::Path;

use super::{Format, files, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::decode::is_picture;
use crate::data::error::DataError;
use crate::data::item::{Item, Pixels};

pub(super) fn recognise(path: &Path) -> Option<String> {
    if path.is_file() {
        return is_picture(path).then(|| "its name".into());
    }
    let below = files::pictures(path, &mut Vec::new()).ok()?;
    (!below.is_empty()).then(|| "nothing but pictures".into())
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let mut problems = Vec::new();
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let pictures = if path.is_dir() { files::pictures(path, &mut problems)? } else { vec![path.to_path_buf()] };
    let item = |file: std::path::PathBuf| Item::new(names::below(folder, &file), Pixels::File(file));
    Ok(Collection {
        format: Format::Pictures,
        because: String::new(),
        origin: path.into(),
        task: Task::Unlabelled,
        classes: options.classes.clone().unwrap_or_default(),
        items: pictures.into_iter().map(item).collect(),
        problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("more")).expect("made");
        for name in ["b.png", "a.png", "more/c.png"] {
            image::RgbImage::new(2, 2).save(folder.path().join(name)).expect("written");
        }
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        let names: Vec<_> = set.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(
            (set.format, set.task, names),
            (Format::Pictures, Task::Unlabelled, vec!["a.png", "b.png", "more/c.png"])
        );
        let one = Collection::open(folder.path().join("more/c.png"), &OpenOptions::default()).expect("a picture");
        assert_eq!((one.len(), one.items[0].name.as_str()), (1, "c.png"));
    }

    #[test]
    fn nothing_is_refused_with_what_would_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Collection::open(folder.path(), &OpenOptions::default()).expect_err("nothing").to_string();
        assert!(error.contains("no set of pictures"), "{error}");
        let error =
            Collection::open(folder.path().join("none"), &OpenOptions::default()).expect_err("none").to_string();
        assert!(error.contains("none: No such file"), "{error}");
    }
}
