//! Public sets, opened as they come. Each test skips, and says so, where `RETORT_TEST_DATA` does not have its set.

use std::path::{Path, PathBuf};
use std::process::Command;

use retort_trainer::data::formats::Format;
use retort_trainer::data::{Collection, OpenOptions, Part, Task};

/// The folder of a set, if it is there.
fn find(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("RETORT_TEST_DATA").map(|data| Path::new(&data).join("data").join(name));
    let folder = folder.filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: RETORT_TEST_DATA has no data/{name}");
    }
    folder
}

fn open(folder: &Path) -> Collection {
    let set = Collection::open(folder, &OpenOptions::default()).expect("a set");
    println!("{}: {} because of {}, {} pictures", folder.display(), set.format, set.because, set.len());
    set
}

fn sizes(set: &Collection) -> [usize; 3] {
    Part::ALL.map(|part| set.part(part).len())
}

fn boxes(set: &Collection) -> usize {
    set.items.iter().flat_map(|item| &item.boxes).map(Vec::len).sum()
}

#[test]
fn coco128_is_yolo() {
    let Some(folder) = find("coco128") else { return };
    let set = open(&folder);
    assert_eq!((set.format, set.task, set.classes.len()), (Format::Yolo, Task::Detect, 80));
    assert_eq!(sizes(&set), [128, 128, 0]);
    let sample = set.items[0].load().expect("a picture");
    assert!(!sample.boxes.is_empty());
    for label in &sample.boxes {
        assert!(label.bounds[2] <= sample.width as f32 + 0.5 && label.bounds[3] <= sample.height as f32 + 0.5);
    }
}

#[test]
fn bccd_is_voc_with_its_parts() {
    let Some(folder) = find("bccd") else { return };
    let set = open(&folder);
    assert_eq!((set.format, set.classes.join(" ").as_str()), (Format::Voc, "Platelets RBC WBC"));
    assert_eq!((sizes(&set), boxes(&set)), ([205, 87, 72], 4888));
    // What the first file says, from pixels counted from 1 to edges.
    let first = set.items[0].boxes.as_ref().expect("labelled");
    assert_eq!((first[0].class, first[0].bounds), (2, [259.0, 176.0, 491.0, 376.0]));
}

#[test]
fn pets_is_mot_with_a_video() {
    let Some(folder) = find("pets-s2l1") else { return };
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        println!("skipped: there is no ffmpeg");
        return;
    }
    let set = open(&folder);
    assert_eq!((set.format, set.len(), boxes(&set)), (Format::Mot, 795, 4650));
    let options = OpenOptions { frames: "601-795".parse().expect("ranges"), ..OpenOptions::default() };
    let held_out = Collection::open(&folder, &options).expect("a set");
    assert_eq!((held_out.len(), held_out.items[0].name.as_str()), (195, "vtest.avi#601"));
    let sample = held_out.items[3].load().expect("a frame");
    assert_eq!((sample.width, sample.height, sample.channels), (768, 576, 3));
    let later = set.items[603].load().expect("the same frame");
    assert_eq!(sample, later);
}

#[test]
fn mnist_and_fashion_mnist_are_idx() {
    for name in ["mnist", "fashion-mnist"] {
        let Some(folder) = find(name) else { return };
        let set = open(&folder);
        assert_eq!((set.format, set.task, set.classes.len()), (Format::Idx, Task::Classify, 10));
        assert_eq!(sizes(&set), [60_000, 0, 10_000]);
        let sample = set.part(Part::Train).items[59_999].load().expect("in memory");
        assert_eq!((sample.width, sample.height, sample.channels), (28, 28, 1));
    }
}

#[test]
fn photos_are_pictures_without_labels() {
    let Some(folder) = find("photos") else { return };
    let set = open(&folder);
    assert_eq!((set.format, set.task, set.len()), (Format::Pictures, Task::Unlabelled, 1000));
    assert!(set.problems.is_empty());
    let longest = set.items[..20].iter().map(|item| item.size().expect("a picture").expect("known").into_iter().max());
    assert!(longest.flatten().all(|side| side <= 416));
}
