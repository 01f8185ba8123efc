//! Truths and answers as JSON, in the form in which COCO has them, so that other tools can score what was answered
//! here and this one what was answered elsewhere.
//!
//! * Detections are COCO results: `[{"image_id": …, "category_id": …, "bbox": […], "score": …}]`, where `bbox` is left,
//!   top, width and height.
//! * Classes are `[{"image_id": …, "probabilities": […]}]`.
//!
//! `file_name` may stand beside `image_id`, and then tells the picture.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::coco::{Found, Truth};

/// A file that cannot be read or written, or that says what cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

/// What a file says of each picture, and how many of its entries are of pictures that the register lacks.
pub type Read<T> = (Vec<T>, usize);

/// What pictures and classes are called in files of answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Register {
    /// Number and file name of each picture.
    pub pictures: Vec<(i64, String)>,
    /// Number and name of each class.
    pub classes: Vec<(i64, String)>,
}

impl Register {
    /// For a set that has no numbers of its own: pictures count from 1, classes from 0.
    pub fn counted(pictures: impl Iterator<Item = String>, classes: &[String]) -> Register {
        Register { pictures: (1..).zip(pictures).collect(), classes: (0..).zip(classes.iter().cloned()).collect() }
    }

    /// The names of the classes in order.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.1.clone()).collect()
    }
}

/// COCO's instances: what there is in each picture, in full precision, with outlines' areas and crowds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instances {
    /// Pictures and classes, both by rising number, which is the order that decides ties.
    pub register: Register,
    /// The objects of each picture.
    pub truths: Vec<Vec<Truth>>,
}

#[derive(Deserialize)]
struct InstancesFile {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    #[serde(default)]
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    area: Option<f64>,
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Detection {
    image_id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    category_id: i64,
    bbox: [f64; 4],
    score: f64,
}

#[derive(Serialize, Deserialize)]
struct Classes {
    image_id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    probabilities: Vec<f32>,
}

/// Reads COCO's instances.
///
/// # Errors
/// [`ExchangeError`], which names the annotation that belongs to no picture or category.
pub fn read_instances(path: &Path) -> Result<Instances, ExchangeError> {
    let file: InstancesFile = read(path, "COCO instances")?;
    let mut pictures: Vec<(i64, String)> = file.images.into_iter().map(|image| (image.id, image.file_name)).collect();
    pictures.sort();
    pictures.dedup_by_key(|picture| picture.0);
    let mut classes: Vec<(i64, String)> =
        file.categories.into_iter().map(|category| (category.id, category.name)).collect();
    classes.sort();
    classes.dedup_by_key(|class| class.0);
    let (places, numbers) = (places(&pictures), places(&classes));
    let mut truths = vec![Vec::new(); pictures.len()];
    for (index, annotation) in file.annotations.into_iter().enumerate() {
        let unknown = |what: &str, id: i64| form(path, format!("annotations[{index}]: there is no {what} {id}"));
        let place = *places.get(&annotation.image_id).ok_or_else(|| unknown("image", annotation.image_id))?;
        let class = *numbers.get(&annotation.category_id).ok_or_else(|| unknown("category", annotation.category_id))?;
        let plain = Truth::new(class, annotation.bbox);
        let area = annotation.area.unwrap_or(plain.area);
        truths[place].push(Truth { area, crowd: annotation.iscrowd != 0, ..plain });
    }
    Ok(Instances { register: Register { pictures, classes }, truths })
}

/// Reads detections. What a file says of pictures that the register lacks is counted and left out.
///
/// # Errors
/// [`ExchangeError`]; a category that the register lacks is one, since scores would mean nothing.
pub fn read_detections(path: &Path, register: &Register) -> Result<Read<Vec<Found>>, ExchangeError> {
    let entries: Vec<Detection> = read(path, "a list of detections with image_id, category_id, bbox and score")?;
    let find = Finder::new(register);
    let numbers = places(&register.classes);
    let mut found = vec![Vec::new(); register.pictures.len()];
    let mut strays = 0;
    for (index, entry) in entries.into_iter().enumerate() {
        let unknown = || form(path, format!("[{index}]: the data has no category {}", entry.category_id));
        let class = *numbers.get(&entry.category_id).ok_or_else(unknown)?;
        match find.place(entry.image_id, entry.file_name.as_deref()) {
            Some(place) => found[place].push(Found { class, score: entry.score, bbox: entry.bbox }),
            None => strays += 1,
        }
    }
    Ok((found, strays))
}

/// Reads probabilities; none where the file says nothing of a picture. The second is how many entries are of pictures
/// that the register lacks.
///
/// # Errors
/// [`ExchangeError`], also where an entry has not a probability for each class.
pub fn read_classes(path: &Path, register: &Register) -> Result<Read<Option<Vec<f32>>>, ExchangeError> {
    let entries: Vec<Classes> = read(path, "a list of answers with image_id and probabilities")?;
    let find = Finder::new(register);
    let mut answers = vec![None; register.pictures.len()];
    let mut strays = 0;
    for (index, entry) in entries.into_iter().enumerate() {
        let (has, wanted) = (entry.probabilities.len(), register.classes.len());
        if has != wanted {
            return Err(form(path, format!("[{index}]: {has} probabilities for the data's {wanted} classes")));
        }
        match find.place(entry.image_id, entry.file_name.as_deref()) {
            Some(place) => answers[place] = Some(entry.probabilities),
            None => strays += 1,
        }
    }
    Ok((answers, strays))
}

/// Writes detections, picture by picture.
///
/// # Errors
/// [`ExchangeError::Io`].
pub fn write_detections(path: &Path, register: &Register, found: &[Vec<Found>]) -> Result<(), ExchangeError> {
    let entries = register.pictures.iter().zip(found).flat_map(|((id, name), found)| {
        found.iter().filter(|found| found.class < register.classes.len()).map(move |found| Detection {
            image_id: *id,
            file_name: Some(name.clone()),
            category_id: register.classes[found.class].0,
            bbox: found.bbox,
            score: found.score,
        })
    });
    write(path, &entries.collect::<Vec<_>>())
}

/// Writes probabilities, picture by picture.
///
/// # Errors
/// [`ExchangeError::Io`].
pub fn write_classes(path: &Path, register: &Register, answers: &[Option<Vec<f32>>]) -> Result<(), ExchangeError> {
    let entries = register.pictures.iter().zip(answers).filter_map(|((id, name), answer)| {
        Some(Classes { image_id: *id, file_name: Some(name.clone()), probabilities: answer.clone()? })
    });
    write(path, &entries.collect::<Vec<_>>())
}

/// Finds pictures by name, or else by number.
struct Finder<'a> {
    by_name: HashMap<&'a str, usize>,
    by_number: HashMap<i64, usize>,
}

impl Finder<'_> {
    fn new(register: &Register) -> Finder<'_> {
        let names = register.pictures.iter().enumerate().map(|(place, picture)| (picture.1.as_str(), place));
        Finder { by_name: names.collect(), by_number: places(&register.pictures) }
    }

    fn place(&self, number: i64, name: Option<&str>) -> Option<usize> {
        match name {
            Some(name) => self.by_name.get(name).copied(),
            None => self.by_number.get(&number).copied(),
        }
    }
}

fn places(numbered: &[(i64, String)]) -> HashMap<i64, usize> {
    numbered.iter().enumerate().map(|(place, entry)| (entry.0, place)).collect()
}

fn form(path: &Path, problem: String) -> ExchangeError {
    ExchangeError::Form { path: path.into(), problem }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path, what: &str) -> Result<T, ExchangeError> {
    let text = std::fs::read(path).map_err(|source| ExchangeError::Io { path: path.into(), source })?;
    serde_json::from_slice(&text).map_err(|error| form(path, format!("is not {what}: {error}")))
}

fn write(path: &Path, entries: &impl Serialize) -> Result<(), ExchangeError> {
    let io = |source| ExchangeError::Io { path: path.into(), source };
    let text = serde_json::to_vec(entries).map_err(|error| io(error.into()))?;
    std::fs::write(path, text).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detections_come_back_as_they_went() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("found.json");
        let register =
            Register { pictures: vec![(7, "a.jpg".into()), (9, "b.jpg".into())], classes: vec![(3, "x".into())] };
        let found = vec![vec![], vec![Found { class: 0, score: 0.1, bbox: [0.1, 2.0, 3.0, 4.0] }]];
        write_detections(&path, &register, &found).expect("written");
        assert_eq!(read_detections(&path, &register).expect("read"), (found, 0));
        std::fs::write(&path, r#"[{"image_id":8,"category_id":3,"bbox":[0,0,1,1],"score":1}]"#).expect("written");
        assert_eq!(read_detections(&path, &register).expect("read").1, 1, "a picture that the data lacks");
        std::fs::write(&path, r#"[{"image_id":9,"category_id":4,"bbox":[0,0,1,1],"score":1}]"#).expect("written");
        let error = read_detections(&path, &register).expect_err("no such category").to_string();
        assert!(error.ends_with("[0]: the data has no category 4"), "{error}");
    }

    #[test]
    fn instances_keep_areas_and_crowds_in_the_order_of_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("instances.json");
        let text = r#"{"images":[{"id":9,"file_name":"b"},{"id":7,"file_name":"a"}],
            "categories":[{"id":5,"name":"y"},{"id":2,"name":"x"}],
            "annotations":[{"image_id":9,"category_id":5,"bbox":[0,0,4,2],"area":3.5,"iscrowd":1}]}"#;
        std::fs::write(&path, text).expect("written");
        let instances = read_instances(&path).expect("read");
        assert_eq!(instances.register.pictures, [(7, "a".to_string()), (9, "b".to_string())]);
        let truth = Truth { area: 3.5, crowd: true, ..Truth::new(1, [0.0, 0.0, 4.0, 2.0]) };
        assert_eq!(instances.truths, [vec![], vec![truth]]);
    }
}
