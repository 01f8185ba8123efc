//! Reading sets of pictures in the formats that are about, each recognised by what lies at a path.
//!
//! | format | recognised by |
//! |---|---|
//! | [`idx`] | `NAME-images-idx3-ubyte` and `NAME-labels-idx1-ubyte`, with or without `.gz` (MNIST) |
//! | [`coco`] | a `.json` with `images`, `annotations` and `categories`, alone or in a folder or its `annotations` |
//! | [`yolo`] | a `.yaml` with `names` or `train`; `images` and `labels` folders; pictures with `.txt` beside them |
//! | [`image_folder`] | a folder for each class, perhaps in folders `train`, `val` and `test` |
//! | [`voc`] | `.xml` with `<annotation>` beside the pictures or in `Annotations` |
//! | [`mot`] | `gt.txt` or `gt/gt.txt` with a folder `img1` or a video |
//! | [`collect`] | `detections.jsonl`, or another file of the lines of `retort detect --json` |
//! | [`video`] | a video, or a folder with one |
//! | [`plain`] | pictures without anything |
//!
//! What a reader finds wrong with single labels becomes a [`Problem`](super::Problem); what makes the whole unreadable is a
//! [`DataError`].

pub mod coco;
pub mod collect;
mod files;
pub mod idx;
pub mod image_folder;
pub mod mot;
mod names;
pub mod plain;
pub mod video;
pub mod voc;
mod yaml;
pub mod yolo;

use std::path::Path;

use super::collection::{Collection, OpenOptions};
use super::error::DataError;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// COCO instances, JSON.
    Coco,
    /// YOLO text files.
    Yolo,
    /// A folder for each class.
    ImageFolder,
    /// The format of MNIST.
    Idx,
    /// Pascal VOC XML.
    Voc,
    /// MOTChallenge `gt.txt`.
    Mot,
    /// Retort's own lines of JSON.
    Collect,
    /// Frames of a video.
    Video,
    /// Pictures without labels.
    Pictures,
}

impl Format {
    /// All of them, in the order in which they are looked for.
    const ALL: [Format; 9] = [
        Format::Idx,
        Format::Collect,
        Format::Mot,
        Format::Voc,
        Format::Coco,
        Format::Yolo,
        Format::ImageFolder,
        Format::Video,
        Format::Pictures,
    ];

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Coco => "COCO JSON",
            Format::Yolo => "YOLO",
            Format::ImageFolder => "ImageFolder",
            Format::Idx => "IDX",
            Format::Voc => "Pascal VOC",
            Format::Mot => "MOT",
            Format::Collect => "Retort's own",
            Format::Video => "video",
            Format::Pictures => "pictures",
        }
    }

    /// What makes a path look like this format; `None` if nothing does.
    fn recognise(self, path: &Path) -> Option<String> {
        match self {
            Format::Coco => coco::recognise(path),
            Format::Yolo => yolo::recognise(path),
            Format::ImageFolder => image_folder::recognise(path),
            Format::Idx => idx::recognise(path),
            Format::Voc => voc::recognise(path),
            Format::Mot => mot::recognise(path),
            Format::Collect => collect::recognise(path),
            Format::Video => video::recognise(path),
            Format::Pictures => plain::recognise(path),
        }
    }

    fn read(self, path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
        match self {
            Format::Coco => coco::read(path, options),
            Format::Yolo => yolo::read(path, options),
            Format::ImageFolder => image_folder::read(path, options),
            Format::Idx => idx::read(path, options),
            Format::Voc => voc::read(path, options),
            Format::Mot => mot::read(path, options),
            Format::Collect => collect::read(path, options),
            Format::Video => video::read(path, options),
            Format::Pictures => plain::read(path, options),
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// See [`Collection::open`].
pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    std::fs::metadata(path).map_err(DataError::io(path))?;
    if options.format.is_none()
        && let Some(labels) = &options.labels
        && let Some((format, because)) = of_labels(path, labels)
    {
        let options = OpenOptions { pictures: Some(path.into()), ..options.clone() };
        let origin = if matches!(format, Format::Coco | Format::Collect) { labels.as_path() } else { path };
        return finish(path, format.read(origin, &options)?, because);
    }
    let found = match options.format {
        Some(format) => Some((format, "it was said to be".to_string())),
        None => Format::ALL.into_iter().find_map(|format| Some((format, format.recognise(path)?))),
    };
    let Some((format, because)) = found else {
        return Err(DataError::format(path, UNKNOWN));
    };
    if options.labels.is_some() && ![Format::Idx, Format::Video, Format::Mot].contains(&format) {
        let problem = format!("{format} ({because}) takes no labels from another file; leave that out");
        return Err(DataError::format(path, problem));
    }
    finish(path, format.read(path, options)?, because)
}

/// How a folder is read whose labels lie elsewhere: that of a video as one, that of pictures by the name of the labels.
fn of_labels(path: &Path, labels: &Path) -> Option<(Format, String)> {
    let format = match labels.extension()?.to_str()? {
        _ if path.is_file() => return None,
        "json" | "jsonl" | "txt" if video::only(path).is_some() => Format::Video,
        "json" => Format::Coco,
        "jsonl" => Format::Collect,
        "txt" => Format::Mot,
        _ => return None,
    };
    Some((format, format!("the labels' name {}", names::file(labels))))
}

fn finish(path: &Path, mut collection: Collection, because: String) -> Result<Collection, DataError> {
    let format = collection.format;
    collection.because = because;
    collection.origin = path.into();
    names::make_unique(&mut collection);
    if collection.is_empty() {
        let found =
            collection.problems.first().map_or(String::new(), |problem| format!("; first of the problems: {problem}"));
        let problem = format!("there is no picture in what looks like {format} ({}){found}", collection.because);
        return Err(DataError::Unusable { path: path.into(), problem });
    }
    Ok(collection)
}

/// Said of what is none of the formats.
const UNKNOWN: &str = "is no set of pictures that is known here: neither COCO (a .json, or a folder with one), YOLO (data.yaml, or \
    folders images and labels), Pascal VOC (Annotations of .xml), ImageFolder (a folder for each class), IDX \
    (NAME-images-idx3-ubyte), MOT (gt.txt with img1 or a video), a folder of `retort collect` (detections.jsonl), a video, nor pictures";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_may_lie_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let pictures = folder.path().join("pictures");
        std::fs::create_dir(&pictures).expect("made");
        image::RgbImage::new(8, 8).save(pictures.join("000002.png")).expect("written");
        let open = |name: &str, text: &str| {
            let labels = folder.path().join(name);
            std::fs::write(&labels, text).expect("written");
            let options = OpenOptions { labels: Some(labels), ..OpenOptions::default() };
            Collection::open(&pictures, &options).map(|set| (set.format, set.items[0].boxes.as_ref().map(Vec::len)))
        };
        let coco = r#"{"images": [{"id": 1, "file_name": "000002.png"}], "categories": [{"id": 1, "name": "a"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}]}"#;
        assert_eq!(open("any.json", coco).expect("COCO"), (Format::Coco, Some(1)));
        let line = r#"{"frame":1,"source":"000002.png","detections":[]}"#;
        assert_eq!(open("any.jsonl", line).expect("lines"), (Format::Collect, Some(0)));
        assert_eq!(open("boxes.txt", "2,1,1,1,2,2,1").expect("MOT"), (Format::Mot, Some(1)));
        let film = [b"YUV4MPEG2 W1 H1 F25:1 Cmono\n".as_slice(), &b"FRAME\na".repeat(2)].concat();
        std::fs::write(pictures.join("film.y4m"), film).expect("written");
        assert_eq!(open("boxes.txt", "1,1,0,0,1,1,1").expect("MOT"), (Format::Mot, Some(1)));
        std::fs::remove_file(pictures.join("film.y4m")).expect("removed");
        assert!(open("boxes.csv", "").expect_err("unknown").to_string().contains("nothing but pictures"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        /// Whatever a file of labels holds, there is a set or an error.
        #[test]
        fn no_labels_make_a_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "[\\[\\]{}\":,.a-z0-9<>/ \\n-]{0,120}",
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            image::RgbImage::new(2, 2).save(folder.path().join("1.png")).expect("written");
            for format in Format::ALL {
                for name in ["1.txt", "1.xml", "a.json", "data.yaml", "gt.txt", "detections.jsonl", "a-images-idx3-ubyte"] {
                    for content in [bytes.as_slice(), text.as_bytes()] {
                        std::fs::write(folder.path().join(name), content).expect("written");
                        let options = OpenOptions { format: Some(format), ..OpenOptions::default() };
                        let _ = Collection::open(folder.path(), &options);
                    }
                    std::fs::remove_file(folder.path().join(name)).expect("removed");
                }
            }
        }
    }
}
