//! Files of labels, each in the place where its format has it, beside two pictures that are right.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use retort_trainer::data::formats::Format;
use retort_trainer::data::{Collection, OpenOptions};
use tempfile::TempDir;

use super::told;

/// A format, and where in a folder its file of labels lies.
const FORMATS: [(Format, &str); 9] = [
    (Format::Mot, "gt/gt.txt"),
    (Format::Coco, "instances.json"),
    (Format::Yolo, "labels/000001.txt"),
    (Format::Yolo, "data.yaml"),
    (Format::Voc, "Annotations/000001.xml"),
    (Format::Collect, "detections.jsonl"),
    (Format::Idx, "a-images-idx3-ubyte"),
    (Format::Idx, "a-labels-idx1-ubyte"),
    (Format::Idx, "a-images-idx3-ubyte.gz"),
];

/// What each format's folder holds besides the labels.
struct Place {
    folder: TempDir,
    labels: PathBuf,
    opened: PathBuf,
}

static PLACES: LazyLock<Vec<Place>> =
    LazyLock::new(|| FORMATS.iter().map(|&(format, file)| place(format, file)).collect());

fn place(format: Format, file: &str) -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a temporary folder");
        std::fs::write(path, bytes).expect("a temporary file");
    };
    let picture = [b"P6 4 3 255\n".as_slice(), &[100; 36]].concat();
    let pictures = match format {
        Format::Mot => "img1",
        Format::Voc => "JPEGImages",
        Format::Yolo => "images",
        _ => ".",
    };
    for name in ["000001.ppm", "000002.ppm"] {
        write(&format!("{pictures}/{name}"), &picture);
    }
    write(file, b"");
    // The other half of a pair.
    match file {
        "a-labels-idx1-ubyte" => write("a-images-idx3-ubyte", &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8]),
        "a-images-idx3-ubyte" | "a-images-idx3-ubyte.gz" => {
            write("a-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1])
        }
        "data.yaml" => write("labels/000001.txt", b"0 0.5 0.5 0.2 0.2\n"),
        _ => {}
    }
    let labels = folder.path().join(file);
    let opened = if format == Format::Coco { labels.clone() } else { folder.path().into() };
    Place { folder, labels, opened }
}

/// The first byte says which format the others are in.
pub fn labels(bytes: &[u8]) {
    let Some((&first, content)) = bytes.split_first() else { return };
    let index = usize::from(first) % FORMATS.len();
    let (format, file) = FORMATS[index];
    // A list of folders may name any of this computer.
    let leaves = |window: &[u8]| window == b".." || window[1] == b'/' && !window[0].is_ascii_alphanumeric();
    if file == "data.yaml" && (content.starts_with(b"/") || content.windows(2).any(leaves)) {
        return;
    }
    let place = &PLACES[index];
    std::fs::write(&place.labels, content).expect("a temporary file");
    let options = OpenOptions { format: Some(format), ..OpenOptions::default() };
    match Collection::open(&place.opened, &options) {
        Ok(set) => {
            for item in &set.items {
                for label in item.boxes.iter().flatten() {
                    assert!(label.class < set.classes.len().max(1) || !set.problems.is_empty());
                }
            }
        }
        Err(error) => told(&error, &place.folder.path().display().to_string(), bytes),
    }
}
