//! IDX, the format of MNIST: a header of big-endian integers, then raw bytes (<http://yann.lecun.com/exdb/mnist/>).
//!
//! `NAME-images-idx3-ubyte` holds grey pictures `[count, rows, columns]`, or with `idx4` pictures `[count, rows, columns, 3]`;
//! `NAME-labels-idx1-ubyte` a class for each. Either may end in `.gz`, and a dot may stand for the last hyphen but one.
//! A `classes.txt` beside them names the classes, which are numbered otherwise.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::{Format, files, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Part, Pixels};

/// Bytes that one file may unpack to. MNIST has 47 MB, EMNIST 548 MB.
const MOST_BYTES: usize = 4 << 30;

pub(super) fn recognise(path: &Path) -> Option<String> {
    let files = if path.is_dir() { files::entries_if_any(path) } else { vec![path.to_path_buf()] };
    let file = files.iter().find(|file| labels_of(file).is_some())?;
    Some(format!("the name {}", names::file(file)))
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let images = if path.is_dir() { files::entries(path)? } else { vec![path.to_path_buf()] };
    let (mut items, mut problems, mut most) = (Vec::new(), Vec::new(), 0);
    for file in images {
        let Some((name, labels)) = labels_of(&file) else { continue };
        let (shape, bytes) = unpack(&file)?;
        let (count, [width, height, channels]) = match shape[..] {
            [count, rows, columns] => (count, [columns, rows, 1]),
            [count, rows, columns, channels @ (1 | 3)] => (count, [columns, rows, channels]),
            _ => return Err(DataError::format(&file, format!("has the shape {shape:?}, which are no pictures"))),
        };
        if width == 0 || height == 0 {
            return Err(DataError::format(&file, "has pictures without pixels"));
        }
        let labels = labels.iter().find(|labels| labels.is_file());
        let classes = match options.labels.as_ref().or(labels) {
            Some(labels) => Some(classes(labels, count)?),
            None => {
                let detail = "there is no file of labels beside it";
                problems.push(Problem::new(Fault::WithoutLabel, names::file(&file), detail));
                None
            }
        };
        let bytes = Arc::new(bytes);
        let part = Part::named(&name);
        for index in 0..count {
            let pixels = Pixels::Memory {
                bytes: bytes.clone(),
                start: index * width * height * channels,
                shape: [width, height, channels],
            };
            let class = classes.as_ref().map(|classes| usize::from(classes[index]));
            most = most.max(class.map_or(0, |class| class + 1));
            items.push(Item { class, part, ..Item::new(format!("{name}#{index}"), pixels) });
        }
    }
    let named = folder.join("classes.txt");
    let classes = match &options.classes {
        Some(classes) => classes.clone(),
        None if named.is_file() => files::class_names(&named)?,
        None => names::numbers(most),
    };
    for item in &mut items {
        if let Some(class) = item.class.filter(|&class| class >= classes.len()) {
            let detail = format!("class {class}, but there are names for {}", classes.len());
            problems.push(Problem::new(Fault::UnknownClass, &item.name, detail));
            item.class = None;
        }
    }
    let task = if most > 0 { Task::Classify } else { Task::Unlabelled };
    let because = String::new();
    Ok(Collection { format: Format::Idx, because, origin: path.into(), task, classes, items, problems })
}

/// What a file of pictures is called, and the files that may hold its labels. `None` for other files.
fn labels_of(file: &Path) -> Option<(String, [PathBuf; 2])> {
    let name = names::file(file);
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let at = plain.find("images")?;
    let tail = &plain[at + "images".len()..];
    let labels = match tail {
        "-idx3-ubyte" | "-idx4-ubyte" => "labels-idx1-ubyte",
        ".idx3-ubyte" | ".idx4-ubyte" => "labels.idx1-ubyte",
        _ => return None,
    };
    let labels = format!("{}{labels}", &plain[..at]);
    let set = plain[..at].trim_end_matches(['-', '_', '.']);
    let set = if set.is_empty() { "images" } else { set };
    Some((set.into(), [file.with_file_name(&labels), file.with_file_name(format!("{labels}.gz"))]))
}

fn classes(path: &Path, pictures: usize) -> Result<Vec<u8>, DataError> {
    let (shape, bytes) = unpack(path)?;
    if shape != [pictures] {
        return Err(DataError::format(path, format!("has labels of shape {shape:?} for {pictures} pictures")));
    }
    Ok(bytes)
}

/// The shape and the bytes of a file.
fn unpack(path: &Path) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let mut file = BufReader::new(File::open(path).map_err(DataError::io(path))?);
    let packed = std::io::BufRead::fill_buf(&mut file).map_err(DataError::io(path))?.starts_with(&[0x1f, 0x8b]);
    let read = |problem: String| DataError::format(path, problem);
    let result = if packed { parse(&mut MultiGzDecoder::new(file)) } else { parse(&mut file) };
    result.map_err(read)
}

fn parse(from: &mut impl Read) -> Result<(Vec<usize>, Vec<u8>), String> {
    let damaged = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "is cut short".to_string(),
        _ => format!("is damaged: {error}"),
    };
    let mut head = [0; 4];
    from.read_exact(&mut head).map_err(damaged)?;
    let [0, 0, 0x08, dimensions @ 1..=4] = head else {
        return Err(format!("begins with {head:02x?}; IDX of bytes begins with 00 00 08 and 1 to 4 dimensions"));
    };
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let mut side = [0; 4];
        from.read_exact(&mut side).map_err(damaged)?;
        shape.push(u32::from_be_bytes(side) as usize);
    }
    let length = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
    let length = length.filter(|&length| length <= MOST_BYTES);
    let length = length.ok_or_else(|| format!("claims the shape {shape:?}, which is more than {MOST_BYTES} bytes"))?;
    // Memory is taken as bytes arrive, not as the header claims.
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() < length {
        return Err(format!("is cut short: {} of {length} bytes for the shape {shape:?}", bytes.len()));
    }
    if from.read(&mut [0]).map_err(damaged)? != 0 {
        return Err(format!("goes on behind the {length} bytes of its shape {shape:?}"));
    }
    Ok((shape, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|side| file.extend(side.to_be_bytes()));
        file.extend(bytes);
        file
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn pictures_and_labels_are_paired_packed_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).expect("written");
        let pixels: Vec<u8> = (0..18).collect();
        write("train-images-idx3-ubyte.gz", packed(&idx(&[3, 2, 3], &pixels)));
        write("train-labels-idx1-ubyte", idx(&[3], &[2, 0, 1]));
        write("t10k-images-idx3-ubyte", idx(&[1, 2, 3], &pixels[..6]));
        write("t10k-labels-idx1-ubyte.gz", packed(&idx(&[1], &[1])));
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!((set.format, set.task, set.len()), (Format::Idx, Task::Classify, 4));
        assert_eq!(set.classes, ["0", "1", "2"]);
        assert!(set.problems.is_empty());
        let train = set.part(Part::Train);
        let sample = train.items[1].load().expect("in memory");
        assert_eq!((sample.width, sample.height, sample.channels, sample.class), (3, 2, 1, Some(0)));
        assert_eq!(sample.pixels, [6, 7, 8, 9, 10, 11]);
        assert_eq!((train.items[1].name.as_str(), set.part(Part::Test).len()), ("train#1", 1));
        // One file alone, and with names for fewer classes than it has.
        let file = folder.path().join("train-images-idx3-ubyte.gz");
        let options = OpenOptions { classes: Some(vec!["zero".into(), "one".into()]), ..OpenOptions::default() };
        let set = Collection::open(file, &options).expect("a set");
        assert_eq!((set.len(), set.problems.len(), set.problems[0].fault), (3, 1, Fault::UnknownClass));
    }

    #[test]
    fn what_does_not_fit_its_header_is_refused() {
        let refused = |bytes: &[u8]| parse(&mut &bytes[..]).expect_err("refused");
        assert!(refused(b"").contains("cut short"));
        assert!(refused(&idx(&[2, 2, 2], &[0; 7])).contains("7 of 8 bytes"));
        assert!(refused(&idx(&[2, 2, 2], &[0; 9])).contains("goes on"));
        assert!(refused(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 9])).contains("claims"));
        assert!(refused(&[0, 0, 0x0d, 1, 0, 0, 0, 1]).contains("begins with"));
        let gzip = packed(&idx(&[2, 2, 2], &[0; 8]));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a-images-idx3-ubyte.gz");
        std::fs::write(&file, &gzip[..gzip.len() - 9]).expect("written");
        let error = Collection::open(&file, &OpenOptions::default()).expect_err("cut").to_string();
        assert!(error.contains("a-images-idx3-ubyte.gz: is"), "{error}");
    }

    #[test]
    fn labels_must_be_as_many_as_pictures() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a-images-idx3-ubyte"), idx(&[1, 1, 1], &[5])).expect("written");
        let open = || Collection::open(folder.path(), &OpenOptions::default());
        let set = open().expect("a set without labels");
        assert_eq!((set.task, set.problems[0].fault), (Task::Unlabelled, Fault::WithoutLabel));
        std::fs::write(folder.path().join("a-labels-idx1-ubyte"), idx(&[2], &[5, 6])).expect("written");
        assert!(open().expect_err("two labels").to_string().contains("[2] for 1 pictures"));
    }
}
