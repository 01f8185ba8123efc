//! COCO instances: one JSON with `images`, `annotations` and `categories` (<https://cocodataset.org/#format-data>).
//!
//! Classes are the categories in the order of their ids, which may have gaps. `bbox` is left, top, width, height in pixels;
//! `iscrowd` boxes are kept as [ignored](Label::ignored). A picture that no annotation speaks of has nothing in it. Of several
//! files in a folder or its `annotations`, each is the part that its name ends in (`instances_val2017.json`).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Format, files, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::decode::ends_in;
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Part, Pixels};
use crate::data::sample::Label;

/// Bytes of a file that are looked at to tell whether it is COCO's.
const LOOKED_AT: usize = 1 << 20;
/// Pictures that a folder is tried with.
const TRIED: usize = 50;

#[derive(Deserialize)]
struct Instances {
    images: Vec<Picture>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Picture {
    id: i64,
    file_name: String,
    #[serde(default)]
    width: Option<usize>,
    #[serde(default)]
    height: Option<usize>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    id: Option<i64>,
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    bbox: Option<Vec<Option<f64>>>,
    #[serde(default)]
    iscrowd: u8,
    #[serde(default)]
    score: Option<f32>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

pub(super) fn recognise(path: &Path) -> Option<String> {
    let file = candidates(path).into_iter().next()?;
    Some(format!("images, annotations and categories in {}", names::file(&file)))
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let files = if path.is_dir() { candidates(path) } else { vec![path.to_path_buf()] };
    let several = files.len() > 1;
    let mut set: Option<Collection> = None;
    for file in files {
        // A file that was named alone is wanted for what it is, not for what its name says.
        let part = if several { part_of(&file) } else { None };
        let mut one = read_file(path, &file, part, options)?;
        match &mut set {
            None => set = Some(one),
            Some(set) if set.classes == one.classes => {
                set.items.append(&mut one.items);
                set.problems.append(&mut one.problems);
            }
            Some(set) => {
                let problem =
                    format!("has other categories than the files before it: {:?} for {:?}", one.classes, set.classes);
                return Err(DataError::format(&file, problem));
            }
        }
    }
    set.ok_or_else(|| DataError::format(path, "has no file of COCO instances"))
}

/// The files that look like COCO instances: the path itself, or those of a folder or of its `annotations`.
fn candidates(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return if looks_like(path) { vec![path.into()] } else { Vec::new() };
    }
    for folder in [path.join("annotations"), path.to_path_buf()] {
        let mut files: Vec<_> = files::entries_if_any(&folder).into_iter().filter(|file| looks_like(file)).collect();
        // COCO's own folder has keypoints and captions of the same pictures beside the instances.
        let instances = |file: &PathBuf| names::file(file).starts_with("instances");
        if files.iter().any(instances) {
            files.retain(instances);
        }
        if !files.is_empty() {
            return files;
        }
    }
    // Roboflow: a folder for each part, with its JSON and pictures side by side.
    let folders = files::folders(path).unwrap_or_default();
    folders
        .iter()
        .filter(|folder| Part::named(&names::file(folder)).is_some())
        .flat_map(|folder| candidates_in(folder))
        .collect()
}

fn candidates_in(folder: &Path) -> Vec<PathBuf> {
    files::entries_if_any(folder).into_iter().filter(|file| looks_like(file)).collect()
}

fn looks_like(path: &Path) -> bool {
    use std::io::Read;
    if !ends_in(path, &["json"]) || !path.is_file() {
        return false;
    }
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LOOKED_AT as u64).read_to_end(&mut start));
    let text = String::from_utf8_lossy(&start);
    // A long file may begin with any of its keys.
    read.is_ok()
        && text.trim_start().starts_with('{')
        && ["\"images\"", "\"annotations\"", "\"categories\""].iter().any(|key| text.contains(key))
}

fn part_of(file: &Path) -> Option<Part> {
    let stem = names::stem(file);
    let named = stem.rsplit(['_', '-', '.']).find_map(Part::named);
    named.or_else(|| Part::named(&names::file(file.parent()?)))
}

fn read_file(origin: &Path, file: &Path, part: Option<Part>, options: &OpenOptions) -> Result<Collection, DataError> {
    let text = files::read(file)?;
    let instances: Instances = parse(&text).map_err(|problem| DataError::format(file, problem))?;
    let (numbers, classes) = categories(file, instances.categories)?;
    let folder = pictures_folder(origin, file, &instances.images, options);
    let file_name = names::file(file);
    let mut problems = Vec::new();
    let mut items: Vec<Item> = Vec::with_capacity(instances.images.len());
    let mut places: HashMap<i64, Option<usize>> = HashMap::with_capacity(instances.images.len());
    for picture in instances.images {
        let path = folder.join(&picture.file_name);
        if places.contains_key(&picture.id) {
            let place = format!("{file_name} image {}", picture.id);
            problems.push(Problem::new(
                Fault::SameName,
                place,
                format!("{} has an id that is taken", picture.file_name),
            ));
            continue;
        }
        let there = path.is_file();
        places.insert(picture.id, there.then_some(items.len()));
        if !there {
            let detail = format!("{} is not there", path.display());
            problems.push(Problem::new(Fault::MissingPicture, format!("{file_name} image {}", picture.id), detail));
            continue;
        }
        let name = match path.strip_prefix(origin) {
            Ok(_) => names::below(origin, &path),
            Err(_) => picture.file_name.clone(),
        };
        let stated = picture.width.zip(picture.height).map(|(width, height)| [width, height]);
        items.push(Item { stated, part, boxes: Some(Vec::new()), ..Item::new(name, Pixels::File(path)) });
    }
    for (index, annotation) in instances.annotations.into_iter().enumerate() {
        let place = || match annotation.id {
            Some(id) => format!("{file_name} annotation {id}"),
            None => format!("{file_name} annotations[{index}]"),
        };
        let Some(&item) = places.get(&annotation.image_id) else {
            let detail = format!("belongs to image {}, which `images` does not list", annotation.image_id);
            problems.push(Problem::new(Fault::MissingPicture, place(), detail));
            continue;
        };
        let Some(&class) = numbers.get(&annotation.category_id) else {
            let detail = format!("category {}, which `categories` does not list", annotation.category_id);
            problems.push(Problem::new(Fault::UnknownClass, place(), detail));
            continue;
        };
        let Some(&[left, top, width, height]) = annotation.bbox.as_deref() else {
            problems.push(Problem::new(Fault::UnreadableLabel, place(), "`bbox` is not left, top, width, height"));
            continue;
        };
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let [left, top, width, height] = [left, top, width, height].map(number);
        let bounds = [left, top, left + width, top + height].map(|edge| edge as f32);
        let label = Label {
            ignored: annotation.iscrowd != 0,
            score: annotation.score.unwrap_or(1.0),
            ..Label::new(class, bounds)
        };
        if let Some(boxes) = item.and_then(|item| items[item].boxes.as_mut()) {
            boxes.push(label);
        }
    }
    let (format, because) = (Format::Coco, String::new());
    Ok(Collection { format, because, origin: origin.into(), task: Task::Detect, classes, items, problems })
}

/// Python writes numbers that are none as `NaN` and `Infinity`, which JSON has not; they are read as `null`.
fn parse(text: &str) -> Result<Instances, String> {
    let read = |text: &str| serde_json::from_str(text).map_err(|error| format!("is not COCO instances: {error}"));
    if text.trim_start().starts_with('[') {
        return Err(
            "is a list: of answers, perhaps; give the file with `images`, `annotations` and `categories`".into()
        );
    }
    match read(text) {
        Err(_) if text.contains("NaN") || text.contains("Infinity") => read(&without_nan(text)),
        result => result,
    }
}

fn without_nan(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let (mut quoted, mut rest) = (false, text);
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !quoted && rest.starts_with(word));
        if let Some(word) = word {
            clean.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        // What is escaped cannot end the string.
        let length =
            if quoted && c == '\\' { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) } else { c.len_utf8() };
        quoted ^= c == '"';
        clean.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    clean
}

/// Numbers of classes by id, and their names.
fn categories(file: &Path, categories: Vec<Category>) -> Result<(HashMap<i64, usize>, Vec<String>), DataError> {
    let mut ordered = BTreeMap::new();
    for category in categories {
        if let Some(other) = ordered.insert(category.id, category.name.clone()) {
            let problem = format!("`categories` has the id {} twice: {other} and {}", category.id, category.name);
            return Err(DataError::format(file, problem));
        }
    }
    if ordered.is_empty() {
        return Err(DataError::format(file, "`categories` is empty; list each class with `id` and `name`"));
    }
    let numbers = ordered.keys().enumerate().map(|(class, &id)| (id, class)).collect();
    Ok((numbers, ordered.into_values().collect()))
}

/// The folder in which most of the pictures are found.
fn pictures_folder(origin: &Path, file: &Path, pictures: &[Picture], options: &OpenOptions) -> PathBuf {
    if let Some(folder) = &options.pictures {
        return folder.clone();
    }
    let beside = file.parent().unwrap_or(Path::new("."));
    let stem = names::stem(file);
    let named = stem.rsplit_once('_').map_or(stem.as_str(), |(_, name)| name);
    let mut folders = Vec::new();
    for above in [beside, beside.parent().unwrap_or(beside), origin] {
        folders.push(above.to_path_buf());
        folders.extend(["images", "data", named, &stem].map(|name| above.join(name)));
        folders.push(above.join("images").join(named));
        folders.push(above.join("images").join(&stem));
    }
    let found = |folder: &Path| pictures.iter().take(TRIED).filter(|p| folder.join(&p.file_name).is_file()).count();
    let best = folders.iter().rev().max_by_key(|folder| if folder.is_dir() { found(folder) } else { 0 });
    best.cloned().unwrap_or_else(|| beside.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"info": {"a": "NaN"},
        "images": [{"id": 7, "file_name": "a.png", "width": 20, "height": 10}, {"id": 9, "file_name": "none.png"},
                   {"id": 8, "file_name": "b.png"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 3.5, 4], "iscrowd": 0, "area": 14},
                        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, NaN, -Infinity], "iscrowd": 1},
                        {"id": 3, "image_id": 9, "category_id": 3, "bbox": [0, 0, 1, 1]},
                        {"id": 4, "image_id": 99, "category_id": 3, "bbox": [0, 0, 1, 1]},
                        {"id": 5, "image_id": 8, "category_id": 4, "bbox": [0, 0, 1, 1]},
                        {"id": 6, "image_id": 8, "category_id": 3, "segmentation": []}],
        "categories": [{"id": 90, "name": "dog"}, {"id": 3, "name": "cat"}]}"#;

    fn folder(json: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("images/val2017")).expect("made");
        std::fs::create_dir_all(folder.path().join("annotations")).expect("made");
        for name in ["a.png", "b.png"] {
            image::RgbImage::new(20, 10).save(folder.path().join("images/val2017").join(name)).expect("written");
        }
        std::fs::write(folder.path().join(json), text).expect("written");
        folder
    }

    #[test]
    fn ids_with_gaps_become_classes_and_faults_are_named() {
        let folder = folder("annotations/instances_val2017.json", SMALL);
        for path in [folder.path().to_path_buf(), folder.path().join("annotations/instances_val2017.json")] {
            let set = Collection::open(&path, &OpenOptions::default()).expect("a set");
            assert_eq!((set.format, set.task, set.len(), set.is_divided()), (Format::Coco, Task::Detect, 2, false));
            assert_eq!(set.classes, ["cat", "dog"]);
            let boxes = set.items[0].boxes.as_ref().expect("labelled");
            assert_eq!(boxes[0], Label::new(1, [1.0, 2.0, 4.5, 6.0]));
            assert!(boxes[1].ignored && boxes[1].bounds[2].is_nan());
            assert_eq!((set.items[0].stated, set.items[1].boxes.as_ref().map(Vec::len)), (Some([20, 10]), Some(0)));
            let faults: Vec<_> = set.problems.iter().map(|problem| (problem.fault, problem.place.as_str())).collect();
            assert_eq!(
                faults,
                [
                    (Fault::MissingPicture, "instances_val2017.json image 9"),
                    (Fault::MissingPicture, "instances_val2017.json annotation 4"),
                    (Fault::UnknownClass, "instances_val2017.json annotation 5"),
                    (Fault::UnreadableLabel, "instances_val2017.json annotation 6"),
                ]
            );
        }
    }

    #[test]
    fn files_beside_each_other_are_parts() {
        let folder = folder("annotations/instances_val2017.json", SMALL);
        let train = SMALL.replace("a.png", "../val2017/a.png");
        std::fs::write(folder.path().join("annotations/instances_train2017.json"), train).expect("written");
        std::fs::create_dir_all(folder.path().join("images/train2017")).expect("made");
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!((set.part(Part::Train).len(), set.part(Part::Validation).len()), (1, 2));
    }

    #[test]
    fn what_is_not_coco_is_refused_with_its_place() {
        let error = |text: &str| {
            let folder = folder("images/val2017/labels.json", text);
            let options = OpenOptions { format: Some(Format::Coco), ..OpenOptions::default() };
            Collection::open(folder.path().join("images/val2017/labels.json"), &options)
                .expect_err("refused")
                .to_string()
        };
        assert!(error("[]").contains("is a list"));
        assert!(error("{\"images\": [], \"categories\": [}").contains("line 1 column"));
        assert!(error("{\"images\": []}").contains("categories"));
        assert!(error("{\"images\": [], \"categories\": []}").contains("is empty"));
        let twice = SMALL.replace("\"id\": 90,", "\"id\": 3,");
        assert!(error(&twice).contains("the id 3 twice"), "{}", error(&twice));
    }
}
