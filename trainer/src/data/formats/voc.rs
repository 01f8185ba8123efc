//! Pascal VOC: an XML file for each picture (<http://host.robots.ox.ac.uk/pascal/VOC/>).
//!
//! `Annotations/NAME.xml` goes with `JPEGImages/NAME.jpg`, or the two lie side by side; `ImageSets/Main/train.txt`, `val.txt` and
//! `test.txt` list the names of each part. Corners of boxes are pixels counted from 1 and belong to the box, so that it reaches
//! from `xmin - 1` to `xmax`. Where a set has a corner at 0, its tool counts from 0, and corners are taken as edges. `difficult`
//! boxes are kept as [ignored](Label::ignored). Classes are in the order of their names.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use roxmltree::{Document, Node};

use super::{Format, files, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::decode::ends_in;
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Part, Pixels};
use crate::data::sample::Label;

/// What one XML file says.
struct Annotation {
    file_name: Option<String>,
    stated: Option<[usize; 2]>,
    objects: Vec<Object>,
}

struct Object {
    class: String,
    corners: [f32; 4],
    difficult: bool,
}

pub(super) fn recognise(path: &Path) -> Option<String> {
    let folder = annotations(path)?;
    let first = files::entries_if_any(&folder).into_iter().find(|file| looks_like(file))?;
    Some(format!("<annotation> in {}", names::file(&first)))
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let missing =
        || DataError::format(path, "has no XML file that begins with <annotation>, nor a folder Annotations of them");
    let folder = annotations(path).ok_or_else(missing)?;
    let xml = files::below(&folder, &["xml"])?;
    let parsed: Vec<_> =
        xml.par_iter().map(|file| (file, files::read(file).and_then(|text| parse(file, &text)))).collect();
    let mut problems = Vec::new();
    let pictures_folder = options.pictures.clone().unwrap_or_else(|| pictures_folder(path, &folder));
    let pictures = files::pictures(&pictures_folder, &mut problems)?;
    let by_stem: HashMap<String, &PathBuf> = pictures.iter().map(|file| (names::stem(file), file)).collect();
    let by_name: HashMap<String, &PathBuf> = pictures.iter().map(|file| (names::file(file), file)).collect();
    let parts = parts(path)?;
    let mut annotated: HashMap<&PathBuf, (String, Annotation)> = HashMap::new();
    for (file, annotation) in parsed {
        let place = names::below(path, file);
        let annotation = match annotation {
            Ok(annotation) => annotation,
            Err(DataError::Format { problem, .. }) => {
                problems.push(Problem::new(Fault::UnreadableLabel, place, problem));
                continue;
            }
            Err(other) => return Err(other),
        };
        // `filename` often stays behind when files are renamed; their names go together.
        let named = annotation.file_name.as_ref().and_then(|name| by_name.get(name));
        match by_stem.get(&names::stem(file)).or(named) {
            Some(picture) => {
                annotated.insert(picture, (place, annotation));
            }
            None => problems.push(Problem::new(Fault::MissingPicture, place, "there is no picture of this name")),
        }
    }
    let objects = || annotated.values().flat_map(|(_, annotation)| &annotation.objects);
    let classes: Vec<String> = match &options.classes {
        Some(classes) => classes.clone(),
        None => objects().map(|object| object.class.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
    };
    let first = if objects().any(|object| object.corners[0] == 0.0 || object.corners[1] == 0.0) { 0.0 } else { 1.0 };
    let mut items = Vec::with_capacity(pictures.len());
    for file in &pictures {
        let mut item = Item::new(names::below(path, file), Pixels::File(file.clone()));
        item.part = parts.get(&names::stem(file)).copied();
        let Some((place, annotation)) = annotated.get(file) else {
            problems.push(Problem::new(Fault::WithoutLabel, &item.name, "no XML file"));
            items.push(item);
            continue;
        };
        item.stated = annotation.stated;
        let mut boxes = Vec::with_capacity(annotation.objects.len());
        for object in &annotation.objects {
            let Some(class) = classes.iter().position(|class| *class == object.class) else {
                problems.push(Problem::new(Fault::UnknownClass, place, format!("`{}`", object.class)));
                continue;
            };
            let [left, top, right, bottom] = object.corners;
            let label = Label::new(class, [left - first, top - first, right, bottom]);
            boxes.push(Label { ignored: object.difficult, ..label });
        }
        item.boxes = Some(boxes);
        items.push(item);
    }
    let (format, because) = (Format::Voc, String::new());
    Ok(Collection { format, because, origin: path.into(), task: Task::Detect, classes, items, problems })
}

/// The folder of the XML files.
fn annotations(path: &Path) -> Option<PathBuf> {
    let folders = [path.join("Annotations"), path.join("annotations"), path.to_path_buf()];
    folders.into_iter().find(|folder| files::entries_if_any(folder).iter().any(|file| looks_like(file)))
}

fn looks_like(file: &Path) -> bool {
    use std::io::Read;
    let mut start = Vec::new();
    ends_in(file, &["xml"])
        && std::fs::File::open(file).and_then(|file| file.take(4096).read_to_end(&mut start)).is_ok()
        && String::from_utf8_lossy(&start).contains("<annotation")
}

/// The folder of the pictures.
fn pictures_folder(path: &Path, annotations: &Path) -> PathBuf {
    let folders = ["JPEGImages", "images", "Images"].map(|name| path.join(name));
    folders.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| match annotations == path {
        true => annotations.into(),
        false => path.into(),
    })
}

/// What `ImageSets` says that each name is for.
fn parts(path: &Path) -> Result<HashMap<String, Part>, DataError> {
    let mut parts = HashMap::new();
    let folders = ["Main", "Layout", "Segmentation", ""].map(|name| path.join("ImageSets").join(name));
    let Some(folder) = folders.into_iter().find(|folder| folder.join("train.txt").is_file()) else { return Ok(parts) };
    // `trainval` repeats the names of the others; a name in two lists counts as in the one not learned from.
    for (name, part) in [("train", Part::Train), ("val", Part::Validation), ("test", Part::Test)] {
        let list = folder.join(format!("{name}.txt"));
        if list.is_file() {
            let text = files::read(&list)?;
            let names = files::lines(&text).filter_map(|(_, line)| line.split_whitespace().next());
            parts.extend(names.map(|name| (name.to_string(), part)));
        }
    }
    Ok(parts)
}

fn parse(file: &Path, text: &str) -> Result<Annotation, DataError> {
    let refuse = |problem: String| DataError::format(file, problem);
    let document = Document::parse(text).map_err(|error| refuse(format!("is no XML: {error}")))?;
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        return Err(refuse(format!("begins with <{}> instead of <annotation>", root.tag_name().name())));
    }
    let size = child(root, "size");
    let side = |name| size.and_then(|size| text_of(size, name)?.parse().ok()).filter(|&side: &usize| side > 0);
    let mut objects = Vec::new();
    for object in root.children().filter(|node| node.has_tag_name("object")) {
        let line = document.text_pos_at(object.range().start).row;
        let missing = |name: &str| refuse(format!("line {line}: an <object> misses its <{name}>"));
        let class = text_of(object, "name").ok_or_else(|| missing("name"))?;
        let bounds = child(object, "bndbox").ok_or_else(|| missing("bndbox"))?;
        let mut corners = [0.0; 4];
        for (corner, name) in corners.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
            let text = text_of(bounds, name).ok_or_else(|| missing(name))?;
            *corner =
                text.parse().map_err(|_| refuse(format!("line {line}: <{name}> is `{text}`, which is no number")))?;
        }
        let difficult = text_of(object, "difficult").is_some_and(|text| text == "1");
        objects.push(Object { class: class.into(), corners, difficult });
    }
    let file_name = text_of(root, "filename").map(str::to_owned);
    Ok(Annotation {
        file_name,
        stated: side("width").zip(side("height")).map(|(width, height)| [width, height]),
        objects,
    })
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(objects: &[(&str, [i32; 4], u8)]) -> String {
        let objects = objects.iter().map(|(name, [a, b, c, d], difficult)| {
            format!(
                "<object><name>{name}</name><difficult>{difficult}</difficult>\n<bndbox><ymin>{b}</ymin><xmin>{a}</xmin>\
                 <xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
            )
        });
        let size = "<size><width>20</width><height>10</height></size>";
        format!("<annotation><filename>other.png</filename>\n{size}{}</annotation>", objects.collect::<String>())
    }

    fn set(files: &[(&str, String)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            match ends_in(&path, &["png"]) {
                true => image::RgbImage::new(20, 10).save(&path).expect("written"),
                false => std::fs::write(&path, text).expect("written"),
            }
        }
        folder
    }

    #[test]
    fn the_folders_of_voc_are_read_with_their_parts() {
        let folder = set(&[
            ("JPEGImages/a.png", String::new()),
            ("JPEGImages/b.png", String::new()),
            ("JPEGImages/c.png", String::new()),
            ("Annotations/a.xml", xml(&[("dog", [1, 1, 20, 10], 0), ("cat", [3, 4, 5, 6], 1)])),
            ("Annotations/b.xml", "<annotation><object></object></annotation>".into()),
            ("Annotations/gone.xml", xml(&[])),
            ("ImageSets/Main/train.txt", "a 1\nb -1\n".into()),
            ("ImageSets/Main/test.txt", "c\n".into()),
            ("ImageSets/Main/trainval.txt", "a\nb\nc\n".into()),
        ]);
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!((set.format, set.len(), set.classes.join(" ").as_str()), (Format::Voc, 3, "cat dog"));
        let parts: Vec<_> = set.items.iter().map(|item| item.part).collect();
        assert_eq!(parts, [Some(Part::Train), Some(Part::Train), Some(Part::Test)]);
        let boxes = set.items[0].boxes.as_ref().expect("labelled");
        assert_eq!(boxes[0], Label::new(1, [0.0, 0.0, 20.0, 10.0]));
        assert_eq!(boxes[1], Label { ignored: true, ..Label::new(0, [2.0, 3.0, 5.0, 6.0]) });
        let faults: Vec<_> = set.problems.iter().map(|problem| (problem.fault, problem.place.as_str())).collect();
        assert_eq!(
            faults,
            [
                (Fault::UnreadableLabel, "Annotations/b.xml"),
                (Fault::MissingPicture, "Annotations/gone.xml"),
                (Fault::WithoutLabel, "JPEGImages/b.png"),
                (Fault::WithoutLabel, "JPEGImages/c.png"),
            ]
        );
        assert!(set.problems[0].detail.contains("line 1: an <object> misses its <name>"));
    }

    #[test]
    fn files_side_by_side_may_count_from_zero() {
        let folder = set(&[("a.png", String::new()), ("a.xml", xml(&[("x", [0, 2, 9, 9], 0)]))]);
        let options = OpenOptions { classes: Some(vec!["y".into(), "x".into()]), ..OpenOptions::default() };
        let set = Collection::open(folder.path(), &options).expect("a set");
        assert_eq!(set.items[0].boxes, Some(vec![Label::new(1, [0.0, 2.0, 9.0, 9.0])]));
    }
}
