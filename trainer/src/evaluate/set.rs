//! A labelled set as evaluation sees it: pictures, what is in them, and what the classes are called.

use std::collections::HashMap;
use std::path::Path;

use super::coco::{Found, Truth, from_edges};
use super::exchange::{ExchangeError, Instances, Register, read_instances};
use crate::data::{Collection, DataError, Item, Label, OpenOptions, Part, Task};

/// Why a set cannot be evaluated on.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It cannot be opened.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Its annotations cannot be read.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// It has nothing to compare with.
    #[error("{place}: {problem}")]
    Unusable {
        /// The set.
        place: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// What is true of each picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Truths {
    /// The objects in it.
    Boxes(Vec<Vec<Truth>>),
    /// The class that it shows.
    Classes(Vec<usize>),
}

/// Pictures with what is true of them, in one order.
#[derive(Clone, Debug)]
pub struct LabelledSet {
    /// Where the pixels are; empty where a file of annotations came without its pictures.
    pub items: Vec<Item>,
    /// Numbers and names of pictures and classes.
    pub register: Register,
    /// What is true.
    pub truths: Truths,
    /// What was found wrong, and what it is.
    pub notes: Vec<String>,
    /// What it is, in words.
    pub description: String,
}

impl LabelledSet {
    /// Opens the set at a path. `part` chooses among the parts of a divided set; without it that is the test part, or
    /// the validation part where there is no test part. With `pictures` the pixels are needed; without them COCO's
    /// annotations alone are enough.
    ///
    /// # Errors
    /// [`SetError`], where there is nothing that answers could be compared with.
    pub fn open(path: &Path, part: Option<Part>, pictures: bool) -> Result<LabelledSet, SetError> {
        let is_json = path.is_file() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        if is_json && !pictures {
            return Ok(Self::of_instances(read_instances(path)?, Vec::new(), Vec::new()));
        }
        let collection = Collection::open(path, &OpenOptions::default())?;
        let mut notes: Vec<String> = collection.problems.iter().take(5).map(ToString::to_string).collect();
        if collection.problems.len() > notes.len() {
            notes.push(format!("and {} more problems", collection.problems.len() - notes.len()));
        }
        if is_json {
            return Ok(Self::of_instances(read_instances(path)?, collection.items, notes));
        }
        Self::of_collection(&collection, part, notes)
    }

    /// COCO's own numbers, areas and crowds, for the pictures that are there; for all where none is asked for.
    fn of_instances(mut instances: Instances, items: Vec<Item>, notes: Vec<String>) -> LabelledSet {
        let mut by_name: HashMap<String, Item> = items.into_iter().map(|item| (item.name.clone(), item)).collect();
        let mut items = Vec::new();
        if !by_name.is_empty() {
            let mut kept = (Vec::new(), Vec::new());
            for (picture, truths) in instances.register.pictures.into_iter().zip(instances.truths) {
                if let Some(item) = by_name.remove(&picture.1) {
                    items.push(item);
                    kept.0.push(picture);
                    kept.1.push(truths);
                }
            }
            (instances.register.pictures, instances.truths) = kept;
        }
        let truths = Truths::Boxes(instances.truths);
        LabelledSet { items, register: instances.register, truths, notes, description: "COCO JSON".into() }
    }

    fn of_collection(
        collection: &Collection,
        part: Option<Part>,
        mut notes: Vec<String>,
    ) -> Result<LabelledSet, SetError> {
        let unusable = |problem: String| SetError::Unusable { place: collection.origin.display().to_string(), problem };
        let has = |part: Part| collection.items.iter().any(|item| item.part == Some(part));
        let part = part.or_else(|| [Part::Test, Part::Validation].into_iter().find(|&part| has(part)));
        if let Some(part) = part.filter(|&part| !has(part)) {
            return Err(unusable(format!("has no {part} part")));
        }
        let wanted = |item: &&Item| {
            let labelled = match collection.task {
                Task::Detect => item.boxes.is_some(),
                _ => item.class.is_some(),
            };
            labelled && part.is_none_or(|part| item.part == Some(part))
        };
        let mut items: Vec<Item> = collection.items.iter().filter(wanted).cloned().collect();
        let truths = match collection.task {
            Task::Unlabelled => {
                let problem = "has no labels to compare answers with; `evaluate` needs a labelled set";
                return Err(unusable(problem.into()));
            }
            Task::Classify => Truths::Classes(items.iter().filter_map(|item| item.class).collect()),
            Task::Detect => {
                let mut truths = Vec::with_capacity(items.len());
                items.retain(|item| match boxes(item) {
                    Ok(boxes) => {
                        truths.push(boxes);
                        true
                    }
                    Err(problem) => {
                        notes.push(problem.to_string());
                        false
                    }
                });
                Truths::Boxes(truths)
            }
        };
        if items.is_empty() {
            return Err(unusable("has no labelled picture".into()));
        }
        let register = Register::counted(items.iter().map(|item| item.name.clone()), &collection.classes);
        let of_part = part.map_or(String::new(), |part| format!(", {part} part"));
        let description = format!("{}{of_part}", collection.format);
        Ok(LabelledSet { items, register, truths, notes, description })
    }

    /// Leaves out the pictures whose number `keep` says no to.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        fn filter<T>(all: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
            let mut number = 0;
            all.retain(|_| {
                number += 1;
                keep(number - 1)
            });
        }
        filter(&mut self.items, &keep);
        filter(&mut self.register.pictures, &keep);
        match &mut self.truths {
            Truths::Boxes(boxes) => filter(boxes, &keep),
            Truths::Classes(classes) => filter(classes, &keep),
        }
    }
}

/// The objects of a picture in pixels.
fn boxes(item: &Item) -> Result<Vec<Truth>, DataError> {
    let labels = match item.size()? {
        Some(size) => item.labels(size),
        None => item.load()?.boxes,
    };
    let truth = |label: &Label| Truth { ignored: label.ignored, ..Truth::new(label.class, from_edges(label.bounds)) };
    Ok(labels.iter().map(truth).collect())
}

/// Detections with the data's classes, by [`class_map`]. Those of classes that the data lack are left out.
pub fn in_classes(found: Vec<Found>, map: &[Option<usize>]) -> Vec<Found> {
    let mapped = |found: Found| Some(Found { class: map.get(found.class).copied().flatten()?, ..found });
    found.into_iter().filter_map(mapped).collect()
}

/// For each class of a model that of the data: by name, whatever the case, or by number where no name is shared and
/// there are as many. None where the data have no such class.
///
/// # Errors
/// Says what both have, where nothing fits.
pub fn class_map(model: &[String], data: &[String]) -> Result<Vec<Option<usize>>, String> {
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let by_name: Vec<Option<usize>> =
        model.iter().map(|name| data.iter().position(|other| same(name, other))).collect();
    if by_name.iter().any(Option::is_some) {
        return Ok(by_name);
    }
    if model.len() == data.len() {
        return Ok((0..model.len()).map(Some).collect());
    }
    let list = |names: &[String]| names.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    Err(format!(
        "the model's {} classes ({}, …) share no name with the data's {} ({}, …); give a contract with the data's names",
        model.len(),
        list(model),
        data.len(),
        list(data)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_matched_by_name_or_else_by_number() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let map = class_map(&names(&["Cat", "dog", "cow"]), &names(&["dog", "cat"]));
        assert_eq!(map, Ok(vec![Some(1), Some(0), None]));
        assert_eq!(class_map(&names(&["a", "b"]), &names(&["0", "1"])), Ok(vec![Some(0), Some(1)]));
        assert!(class_map(&names(&["a"]), &names(&["0", "1"])).is_err_and(|e| e.contains("share no name")));
    }
}
