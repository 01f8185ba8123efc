//! YOLO: a text file for each picture, with a line `class x y width height` for each object, the box's centre and size in
//! shares of the picture's sides. A sixth number is a score; more are a polygon's corners, whose bounds are taken.
//!
//! A picture's labels lie where `images` in its path is replaced by `labels`, or beside it. `data.yaml` says which folders, or
//! lists of files, are `train`, `val` and `test`, and names the classes; without it folders of these names do, and
//! `classes.txt` or `obj.names`. A picture without a file is unlabelled; one with an empty file has nothing in it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::yaml::{self, Value};
use super::{Format, files, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::decode::{ends_in, is_picture};
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Part, Pixels};
use crate::data::sample::Label;

/// Files of classes' names, one a line.
const NAMES: [&str; 5] = ["classes.txt", "obj.names", "classes.names", "labels.txt", "names.txt"];

/// Classes that a set may have. Those without names are numbered up to the highest that a line speaks of, and a line may hold
/// anything.
const MOST_CLASSES: usize = 1 << 16;

pub(super) fn recognise(path: &Path) -> Option<String> {
    if path.is_file() {
        return describes(path).then(|| format!("the keys of {}", names::file(path)));
    }
    let entries = files::entries_if_any(path);
    if let Some(yaml) = entries.iter().find(|path| describes(path)) {
        return Some(format!("the keys of {}", names::file(yaml)));
    }
    if path.join("images").is_dir() && path.join("labels").is_dir() {
        return Some("the folders images and labels".into());
    }
    let pair = |folder: &Path| {
        let entries = files::entries_if_any(folder);
        entries.into_iter().find(|path| is_picture(path) && looks_like_labels(&path.with_extension("txt")))
    };
    for folder in std::iter::once(path.to_path_buf()).chain(entries.iter().filter(|path| path.is_dir()).cloned()) {
        if let Some(picture) = pair(&folder) {
            let text = picture.with_extension("txt");
            return Some(format!("{} beside {}", names::file(&text), names::file(&picture)));
        }
        if folder != path && folder.join("images").is_dir() && folder.join("labels").is_dir() {
            return Some(format!("the folders images and labels in {}", names::file(&folder)));
        }
    }
    None
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let layout = Layout::find(path, options)?;
    let mut problems = Vec::new();
    let mut pictures = Vec::new();
    for (part, place) in &layout.places {
        let listed = layout.pictures(place, &mut problems)?;
        pictures.extend(listed.into_iter().map(|file| (part.or_else(|| layout.part(&file)), file)));
    }
    pictures.sort();
    pictures.dedup_by(|a, b| a.1 == b.1);
    let parsed: Vec<_> = pictures.into_par_iter().map(|(part, file)| layout.item(part, file)).collect();
    let (mut items, mut text_files, mut most) = (Vec::new(), HashSet::new(), 0);
    for parsed in parsed {
        let (item, text, mut found) = parsed?;
        text_files.extend(text);
        problems.append(&mut found);
        most = item.boxes.iter().flatten().map(|label| label.class + 1).fold(most, usize::max);
        items.push(item);
    }
    let classes = layout.classes.clone().unwrap_or_else(|| names::numbers(most));
    for item in &mut items {
        let Some(boxes) = &mut item.boxes else {
            if most > 0 {
                problems.push(Problem::new(
                    Fault::WithoutLabel,
                    &item.name,
                    "no file of labels; an empty one says that there is nothing in it",
                ));
            }
            continue;
        };
        boxes.retain(|label| {
            let known = label.class < classes.len();
            if !known {
                let detail = format!("class {}, but there are names for {}", label.class, classes.len());
                problems.push(Problem::new(Fault::UnknownClass, &item.name, detail));
            }
            known
        });
    }
    let labels = layout.root.join("labels");
    if labels.is_dir() && layout.whole {
        for text in files::below(&labels, &["txt"])?.into_iter().filter(|text| !text_files.contains(text)) {
            if !NAMES.contains(&names::file(&text).as_str()) {
                let place = names::below(&layout.root, &text);
                problems.push(Problem::new(Fault::MissingPicture, place, "there is no picture of this name"));
            }
        }
    }
    let labelled = items.iter().any(|item| item.boxes.is_some());
    let task = if labelled { Task::Detect } else { Task::Unlabelled };
    let (format, because) = (Format::Yolo, String::new());
    Ok(Collection { format, because, origin: path.into(), task, classes, items, problems })
}

/// Where everything lies.
struct Layout {
    /// Folder that names are relative to.
    root: PathBuf,
    /// Folders, or lists of files, with what they are for.
    places: Vec<(Option<Part>, PathBuf)>,
    classes: Option<Vec<String>>,
    /// Every picture below `root` belongs to the set.
    whole: bool,
}

impl Layout {
    fn find(path: &Path, options: &OpenOptions) -> Result<Layout, DataError> {
        let yaml = match path.is_file() {
            true => Some(path.to_path_buf()),
            false => files::entries(path)?.into_iter().find(|path| describes(path)),
        };
        let mut layout = match yaml {
            Some(yaml) => Layout::described(&yaml)?,
            None => {
                let images = path.join("images");
                let place = if images.is_dir() { images } else { path.to_path_buf() };
                Layout { root: path.into(), places: vec![(None, place)], classes: None, whole: true }
            }
        };
        if let Some(pictures) = &options.pictures {
            layout.places = vec![(None, pictures.clone())];
        }
        if layout.classes.is_none() {
            let folders = [layout.root.clone(), layout.root.join("labels")];
            let mut names = folders.iter().flat_map(|folder| NAMES.map(|name| folder.join(name)));
            layout.classes = names.find(|file| file.is_file()).map(|file| files::class_names(&file)).transpose()?;
        }
        if options.classes.is_some() {
            layout.classes = options.classes.clone();
        }
        Ok(layout)
    }

    /// What a `data.yaml` says.
    fn described(yaml: &Path) -> Result<Layout, DataError> {
        let keys = yaml::parse(&files::read(yaml)?).map_err(|problem| DataError::format(yaml, problem))?;
        let folder = yaml.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let stated = match keys.get("path") {
            Some(Value::Text(path)) => folder.join(path),
            _ => folder.into(),
        };
        // `path` is often that of the machine where the set was made.
        let root = if stated.is_dir() { stated } else { folder.to_path_buf() };
        let mut places = Vec::new();
        for (key, part) in [("train", Part::Train), ("val", Part::Validation), ("test", Part::Test)] {
            let entries = match keys.get(key) {
                Some(Value::Text(text)) => vec![text.clone()],
                Some(Value::List(texts)) => texts.clone(),
                _ => Vec::new(),
            };
            for entry in entries {
                // Roboflow writes `../train/images` for `train/images`.
                let candidates = [root.join(&entry), folder.join(&entry), folder.join(entry.trim_start_matches("../"))];
                let place = candidates.into_iter().find(|place| place.exists());
                let problem = || format!("`{key}: {entry}` is not there, looked for in {}", root.display());
                places.push((Some(part), place.ok_or_else(|| DataError::format(yaml, problem()))?));
            }
        }
        let whole = places.is_empty();
        if whole {
            let images = root.join("images");
            places.push((None, if images.is_dir() { images } else { root.clone() }));
        }
        Ok(Layout { classes: class_list(yaml, &keys)?, root, places, whole })
    }

    /// The pictures of a folder or of a list.
    fn pictures(&self, place: &Path, problems: &mut Vec<Problem>) -> Result<Vec<PathBuf>, DataError> {
        if place.is_dir() {
            return files::pictures(place, problems);
        }
        let text = files::read(place)?;
        let mut listed = Vec::new();
        for (at, line) in files::lines(&text) {
            let beside = place.parent().unwrap_or(Path::new(".")).join(line);
            match [self.root.join(line), beside].into_iter().find(|file| file.is_file()) {
                Some(file) => listed.push(file),
                None => {
                    let place = format!("{} line {at}", place.display());
                    problems.push(Problem::new(Fault::MissingPicture, place, format!("{line} is not there")));
                }
            }
        }
        Ok(listed)
    }

    /// The first folder of a picture's path that is called after a part.
    fn part(&self, file: &Path) -> Option<Part> {
        let below = file.strip_prefix(&self.root).unwrap_or(file).parent()?;
        below.components().find_map(|folder| Part::named(&folder.as_os_str().to_string_lossy()))
    }

    /// A picture with what its file of labels says.
    fn item(&self, part: Option<Part>, file: PathBuf) -> Result<(Item, Option<PathBuf>, Vec<Problem>), DataError> {
        let name = names::below(&self.root, &file);
        let text_file = labels_of(&file);
        let mut item = Item { part, relative: true, ..Item::new(name, Pixels::File(file)) };
        let mut problems = Vec::new();
        if let Some(text_file) = &text_file {
            let place = names::below(&self.root, text_file);
            let text = files::read(text_file)?;
            let mut boxes = Vec::new();
            for (at, line) in files::lines(&text) {
                match parse(line) {
                    Ok(label) => boxes.push(label),
                    Err(detail) => {
                        problems.push(Problem::new(Fault::UnreadableLabel, format!("{place} line {at}"), detail));
                    }
                }
            }
            item.boxes = Some(boxes);
        }
        Ok((item, text_file, problems))
    }
}

/// The names that `names` gives to the numbers of classes.
fn class_list(yaml: &Path, keys: &BTreeMap<String, Value>) -> Result<Option<Vec<String>>, DataError> {
    let pairs = match keys.get("names") {
        Some(Value::List(names)) => return Ok(Some(names.clone())),
        Some(Value::Map(pairs)) => pairs,
        Some(Value::Text(file)) => {
            return files::class_names(&yaml.with_file_name(file)).map(Some);
        }
        None => return Ok(None),
    };
    let mut names = BTreeMap::new();
    for (number, name) in pairs {
        let number: usize = number
            .parse()
            .map_err(|_| DataError::format(yaml, format!("`names` has `{number}` where a number belongs")))?;
        names.insert(number, name.clone());
    }
    if names.keys().enumerate().any(|(class, &number)| class != number) {
        return Err(DataError::format(yaml, "`names` leaves out numbers; give a name to each class from 0"));
    }
    Ok(Some(names.into_values().collect()))
}

/// Whether a file is a `data.yaml`.
fn describes(path: &Path) -> bool {
    ends_in(path, &["yaml", "yml"])
        && files::read(path).is_ok_and(|text| {
            yaml::parse(&text).is_ok_and(|keys| keys.contains_key("names") || keys.contains_key("train"))
        })
}

/// Whether a text file begins with a line of labels, or has none.
fn looks_like_labels(path: &Path) -> bool {
    files::read(path).is_ok_and(|text| files::lines(&text).next().is_none_or(|(_, line)| parse(line).is_ok()))
}

/// The file of a picture's labels, if there is one.
fn labels_of(picture: &Path) -> Option<PathBuf> {
    let text = picture.with_extension("txt");
    let parts: Vec<_> = text.components().collect();
    let images = parts.iter().rposition(|part| part.as_os_str() == "images");
    let mirrored = images.map(|at| {
        let swap = |(i, part): (usize, &std::path::Component<'_>)| match i == at {
            true => PathBuf::from("labels"),
            false => PathBuf::from(part.as_os_str()),
        };
        parts.iter().enumerate().map(swap).collect::<PathBuf>()
    });
    mirrored.into_iter().chain([text]).find(|path| path.is_file())
}

/// One line.
fn parse(line: &str) -> Result<Label, String> {
    let mut parts = line.split_whitespace();
    let class = parts.next().unwrap_or_default();
    // Some tools write numbers of classes as floats.
    let class = class.strip_suffix(".0").unwrap_or(class);
    let number = class.parse().ok().filter(|&number| number < MOST_CLASSES);
    let class: usize = number.ok_or_else(|| format!("`{class}` is no number of a class below {MOST_CLASSES}"))?;
    let numbers: Result<Vec<f32>, String> =
        parts.map(|part| part.parse().map_err(|_| format!("`{part}` is no number"))).collect();
    let numbers = numbers?;
    let (bounds, score) = match numbers[..] {
        [x, y, width, height] => (around(x, y, width, height), 1.0),
        [x, y, width, height, score] => (around(x, y, width, height), score),
        _ if numbers.len() >= 6 && numbers.len() % 2 == 0 => {
            let edge = |first: usize, pick: fn(f32, f32) -> f32| {
                numbers.iter().skip(first).step_by(2).copied().reduce(pick).unwrap_or(f32::NAN)
            };
            ([edge(0, f32::min), edge(1, f32::min), edge(0, f32::max), edge(1, f32::max)], 1.0)
        }
        _ => return Err(format!("{} numbers behind the class; give centre x, y, width and height", numbers.len())),
    };
    Ok(Label { score, ..Label::new(class, bounds) })
}

fn around(x: f32, y: f32, width: f32, height: f32) -> [f32; 4] {
    [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            match is_picture(&path) {
                true => image::RgbImage::new(20, 10).save(&path).expect("written"),
                false => std::fs::write(&path, text).expect("written"),
            }
        }
        folder
    }

    fn open(folder: &tempfile::TempDir) -> Collection {
        Collection::open(folder.path(), &OpenOptions::default()).expect("a set")
    }

    #[test]
    fn lines_are_boxes_scores_or_polygons() {
        assert_eq!(parse("3 0.5 0.5 0.2 0.4").expect("a box"), Label::new(3, [0.4, 0.3, 0.6, 0.7]));
        assert_eq!(parse("3.0 0.5 0.5 1 1 0.25").expect("a box").score, 0.25);
        assert_eq!(parse("0 0.1 0.9 0.5 0.2 0.3 0.4").expect("a polygon").bounds, [0.1, 0.2, 0.5, 0.9]);
        assert!(parse("0 nan 0.5 0.5 0.5").expect("a number").bounds[0].is_nan());
        for wrong in [
            "",
            "cat 1 1 1 1",
            "65536 1 1 1 1",
            "22222222222222220 1 1 1 1",
            "18446744073709551615 1 1 1 1",
            "-1 0 0 1 1",
            "0 1 2 3",
            "0 a b c d",
            "0 1 1 1 1 1 1 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn images_and_labels_lie_in_folders_of_these_names() {
        let folder = set(&[
            ("images/train/a.png", ""),
            ("images/train/b.png", ""),
            ("images/val/c.png", ""),
            ("labels/train/a.txt", "1 0.5 0.5 0.5 0.5\n\nnonsense\n"),
            ("labels/val/c.txt", ""),
            ("labels/val/gone.txt", "0 0.5 0.5 0.5 0.5"),
        ]);
        let set = open(&folder);
        assert_eq!((set.format, set.task, set.len()), (Format::Yolo, Task::Detect, 3));
        assert_eq!(set.classes, ["0", "1"]);
        let [a, b, c] = &set.items[..] else { panic!("three pictures") };
        assert_eq!(
            (a.name.as_str(), a.part, c.part),
            ("images/train/a.png", Some(Part::Train), Some(Part::Validation))
        );
        assert_eq!(a.load().expect("a picture").boxes[0].bounds, [5.0, 2.5, 15.0, 7.5]);
        assert!(b.boxes.is_none() && c.boxes.as_ref().is_some_and(Vec::is_empty));
        let faults: Vec<_> = set.problems.iter().map(|problem| (problem.fault, problem.place.as_str())).collect();
        assert_eq!(
            faults,
            [
                (Fault::UnreadableLabel, "labels/train/a.txt line 3"),
                (Fault::WithoutLabel, "images/train/b.png"),
                (Fault::MissingPicture, "labels/val/gone.txt"),
            ]
        );
    }

    #[test]
    fn data_yaml_says_where_and_what() {
        let folder = set(&[
            ("data.yaml", "path: /made/elsewhere\ntrain: ../train/images\nval: list.txt\nnames:\n  0: cat\n  1: dog\n"),
            ("train/images/a.png", ""),
            ("train/labels/a.txt", "1 0.5 0.5 1 1\n2 0.5 0.5 1 1"),
            ("list.txt", "./other/b.png\nother/none.png\n"),
            ("other/b.png", ""),
            ("other/b.txt", "0 0.5 0.5 1 1"),
        ]);
        for set in
            [open(&folder), Collection::open(folder.path().join("data.yaml"), &OpenOptions::default()).expect("a set")]
        {
            assert_eq!((set.format, set.len(), set.classes.join(" ").as_str()), (Format::Yolo, 2, "cat dog"));
            assert_eq!((set.part(Part::Train).len(), set.part(Part::Validation).len()), (1, 1));
            let faults: Vec<_> = set.problems.iter().map(|problem| problem.fault).collect();
            assert_eq!(faults, [Fault::MissingPicture, Fault::UnknownClass]);
        }
    }

    #[test]
    fn labels_may_lie_beside_the_pictures() {
        let folder = set(&[("a.jpg", ""), ("a.txt", "0 0.5 0.5 1 1"), ("classes.txt", "cat\ndog\n")]);
        let set = open(&folder);
        assert_eq!(
            (set.format, set.classes.len(), set.items[0].boxes.as_ref().map(Vec::len)),
            (Format::Yolo, 2, Some(1))
        );
    }

    #[test]
    fn what_data_yaml_gets_wrong_is_named() {
        let error = |text: &str| {
            let folder = set(&[("data.yaml", text), ("images/a.png", "")]);
            Collection::open(folder.path(), &OpenOptions::default()).expect_err("wrong").to_string()
        };
        assert!(error("train: images/none\n").contains("`train: images/none` is not there"));
        assert!(error("train: images\nnames:\n  0: a\n  2: b\n").contains("leaves out"));
        assert!(error("train: images\nnames:\n  18446744073709551615: a\n").contains("leaves out"));
    }
}
