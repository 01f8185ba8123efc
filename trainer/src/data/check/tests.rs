//! A set with one of each kind of trouble.

use std::path::Path;

use super::*;
use crate::data::collection::OpenOptions;
use crate::data::scenes::Scene;

fn picture(path: &Path, index: u64) {
    let sample = Scene::random(&[11, index], 1.0).render(64);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    image::save_buffer(path, &sample.pixels, 64, 64, image::ExtendedColorType::Rgb8).expect("written");
}

fn text(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

/// Seven pictures, of which five can be read and two are the same.
fn troubled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    text(&at("data.yaml"), "train: images/train\nval: images/val\nnames: [cat, dog, owl]\n");
    for (name, index) in
        [("train/a", 0), ("train/b", 1), ("train/cut", 2), ("val/same", 0), ("val/c", 3), ("val/none", 4)]
    {
        picture(&at(&format!("images/{name}.jpg")), index);
    }
    let cut = at("images/train/cut.jpg");
    let bytes = std::fs::read(&cut).expect("read");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    text(&at("images/train/text.png"), "no picture");
    text(&at("labels/train/a.txt"), "0 0.5 0.5 0.5 0.25\n1 0.5 0.5 0.1 0.1\n1 nan 0.5 0.1 0.1\n0 0.5 0.5 0 0.1\n");
    text(&at("labels/train/b.txt"), "0 0.5 0.5 0.9 0.9\n0 1.4 0.5 0.1 0.1\n0 0.9 0.5 0.4 0.1\n");
    text(&at("labels/train/cut.txt"), "0 0.5 0.5 0.1 0.1\n");
    text(&at("labels/train/text.txt"), "0 0.5 0.5 0.1 0.1\n");
    text(&at("labels/val/same.txt"), "");
    text(&at("labels/val/c.txt"), "1 0.25 0.25 0.25 0.25\n");
    folder
}

fn checked(folder: &tempfile::TempDir) -> Checked {
    check(&Collection::open(folder.path(), &OpenOptions::default()).expect("a set"), || ())
}

#[test]
fn every_trouble_is_counted_and_named() {
    let folder = troubled();
    let Checked { report, set } = checked(&folder);
    use Fault::*;
    let counts: Vec<_> = report.faults.iter().map(|count| (count.fault, count.count)).collect();
    let expected = [
        (NotFinite, 1),
        (Degenerate, 1),
        (Outside, 1),
        (Beyond, 1),
        (BrokenPicture, 2),
        (WithoutLabel, 1),
        (EmptyClass, 1),
    ];
    assert_eq!(counts, expected);
    assert_eq!(report.usable, Usable::Labels);
    let parts: Vec<_> =
        report.parts.iter().map(|p| (p.part.as_str(), p.pictures, p.labelled, p.empty, p.boxes)).collect();
    assert_eq!(parts, [("train", 2, 2, 0, 4), ("validation", 3, 2, 1, 1), ("all", 5, 4, 1, 5)]);
    let classes: Vec<_> =
        report.classes.iter().map(|class| (class.class.as_str(), class.counts, class.pictures)).collect();
    assert_eq!(classes, [("cat", [3, 0, 0, 0], 2), ("dog", [1, 1, 0, 0], 2), ("owl", [0; 4], 0)]);
    assert_eq!(report.imbalance, None);
    assert_eq!(report.twins.len(), 1);
    let twins = &report.twins[0];
    assert_eq!(
        (twins.names.join(" ").as_str(), twins.exact, twins.across_parts),
        ("images/train/a.jpg images/val/same.jpg", true, true)
    );
    let boxes = report.boxes.as_ref().expect("boxes");
    // 32×16, 6.4×6.4, 57.6×57.6, 19.2×6.4 and 16×16 pixels.
    assert_eq!(boxes.sides.counts, [1, 1, 2, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(set.len(), 5);
}

#[test]
fn the_page_and_the_pictures_show_it() {
    let folder = troubled();
    let checked = checked(&folder);
    let page = checked.report.table();
    for words in [
        "YOLO, recognised by the keys of data.yaml; boxes",
        "validation",
        "broken picture                      2",
        "across parts",
    ] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    assert!(page.lines().all(|line| line.chars().count() <= 120 || line.contains("images/")), "{page}");
    let out = folder.path().join("out");
    let written = checked.draw(&out).expect("drawn");
    let names: Vec<_> = written.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names, ["sheet-train.png", "sheet-validation.png", "twins.png", "classes.png", "boxes.png"]);
    for path in written {
        assert!(image::open(path).is_ok());
    }
}

#[test]
fn unknown_classes_and_nothing_are_unfit() {
    let folder = troubled();
    text(&folder.path().join("labels/train/a.txt"), "7 0.5 0.5 0.5 0.25\n");
    let report = checked(&folder).report;
    assert!(matches!(&report.usable, Usable::Nothing(why) if why.contains("unknown classes")), "{:?}", report.usable);
    for name in ["a", "b"] {
        text(&folder.path().join(format!("labels/train/{name}.txt")), "");
    }
    let report = checked(&folder).report;
    assert!(matches!(&report.usable, Usable::Pictures(why) if why.contains("no usable box")), "{:?}", report.usable);
}
