//! A folder of pictures to learn from, with a line of JSON for each, that never outgrows a quota.
//!
//! The trainer reads such a folder as it is. Every picture in it is whole, and so is every line: what cannot be written is
//! taken back, and a later run goes on with the numbers after the last one's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Report;
use super::json_lines::{Found, rounded};
use crate::error::Error;
use crate::vision::latency::milliseconds;

/// The file with the lines, by which the trainer knows such a folder.
pub const LINES: &str = "detections.jsonl";

/// What files in the making end in.
const PARTIAL: &str = "partial";

/// Bytes that file systems give out at a time: a file takes whole blocks.
const BLOCK: u64 = 4096;

/// Whether a picture was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It lies in the folder.
    Yes,
    /// It would have gone beyond the quota.
    Full,
}

/// A folder that takes pictures.
#[derive(Debug)]
pub struct Album {
    folder: PathBuf,
    lines: File,
    /// Length of the lines.
    length: u64,
    next: u64,
    used: u64,
    quota: u64,
}

/// One line: what [`JsonLines`](super::JsonLines) says of a frame, with the picture's file as its source.
#[derive(Serialize)]
struct Line<'a> {
    frame: u64,
    source: &'a str,
    from: &'a str,
    width: usize,
    height: usize,
    time_ms: f64,
    why: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty: Option<f64>,
    #[serde(flatten)]
    findings: Found<'a>,
}

impl Album {
    /// Opens the folder, or makes it. What lies there counts against the quota, in bytes; what an earlier run left
    /// unfinished is removed.
    ///
    /// # Errors
    /// [`Error::Io`] names the file or folder.
    pub fn open(folder: &Path, quota: u64) -> Result<Album, Error> {
        let io = |path: &Path, source| Error::Io { path: path.into(), source };
        fs::create_dir_all(folder).map_err(|source| io(folder, source))?;
        let path = folder.join(LINES);
        let lines = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let (lines, length) = lines.and_then(whole_lines).map_err(|source| io(&path, source))?;
        let mut next = 1;
        for entry in fs::read_dir(folder).map_err(|source| io(folder, source))? {
            let path = entry.map_err(|source| io(folder, source))?.path();
            let Some(number) = number_of(&path) else { continue };
            next = next.max(number.saturating_add(1));
            if path.extension().is_some_and(|extension| extension == PARTIAL) {
                fs::remove_file(&path).map_err(|source| io(&path, source))?;
            }
        }
        let used = size_of(folder).map_err(|source| io(folder, source))?;
        Ok(Album { folder: folder.into(), lines, length, next, used, quota })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes on the disk that the folder takes.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Adds a picture, whose encoded bytes are `picture` and whose file is to end in `extension`, with what was seen on
    /// it and `why` it is kept: both or neither.
    ///
    /// # Errors
    /// [`Error::Io`] names the file that could not be written.
    pub fn add(&mut self, report: &Report<'_>, why: &[&str], picture: &[u8], extension: &str) -> Result<Kept, Error> {
        let name = format!("{:06}.{extension}", self.next);
        let frame = &report.shot.frame;
        let line = Line {
            frame: report.number,
            source: &name,
            from: report.shot.name,
            width: frame.width(),
            height: frame.height(),
            time_ms: rounded(milliseconds(frame.captured()), 3),
            why,
            novelty: report.novelty.map(|novelty| rounded(novelty.into(), 3)),
            findings: Found::of(report),
        };
        let io = |path: PathBuf, source| Error::Io { path, source };
        let mut text = serde_json::to_vec(&line).map_err(|error| io(self.folder.join(LINES), error.into()))?;
        text.push(b'\n');
        let length = self.length + text.len() as u64;
        let cost = on_disk(picture.len() as u64) + on_disk(length) - on_disk(self.length);
        if self.used.saturating_add(cost) > self.quota {
            return Ok(Kept::Full);
        }
        let path = self.folder.join(&name);
        let partial = self.folder.join(format!("{name}.{PARTIAL}"));
        if let Err(source) = write_through(&partial, picture).and_then(|()| fs::rename(&partial, &path)) {
            let _ = fs::remove_file(&partial);
            return Err(io(path, source));
        }
        if let Err(source) = self.lines.write_all(&text) {
            // Half a line would spoil the next one, and a picture without a line says nothing.
            let _ = self.lines.set_len(self.length);
            let _ = fs::remove_file(&path);
            return Err(io(self.folder.join(LINES), source));
        }
        (self.length, self.used, self.next) = (length, self.used + cost, self.next + 1);
        Ok(Kept::Yes)
    }
}

/// The number in `000012.jpg` and in `000012.jpg.partial`.
fn number_of(path: &Path) -> Option<u64> {
    let (number, _) = path.file_name()?.to_str()?.split_once('.')?;
    (number.len() >= 6).then(|| number.parse().ok()).flatten()
}

fn on_disk(length: u64) -> u64 {
    length.next_multiple_of(BLOCK)
}

/// Writes a file, and waits until it is on the disk: after a power cut a renamed file might else be empty.
fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Cuts off what follows the last whole line; the file and its length.
fn whole_lines(mut file: File) -> io::Result<(File, u64)> {
    let length = file.metadata()?.len();
    let mut rest = length;
    let mut block = Vec::new();
    // From the end, block by block: the file may be long, and is nearly always whole.
    while rest > 0 {
        let start = rest.saturating_sub(BLOCK);
        file.seek(io::SeekFrom::Start(start))?;
        block.clear();
        Read::by_ref(&mut file).take(rest - start).read_to_end(&mut block)?;
        if let Some(last) = block.iter().rposition(|&byte| byte == b'\n') {
            rest = start + last as u64 + 1;
            break;
        }
        rest = start;
    }
    if rest < length {
        file.set_len(rest)?;
    }
    Ok((file, rest))
}

/// Bytes on the disk of a folder with all that is in it; links are not followed.
fn size_of(folder: &Path) -> io::Result<u64> {
    let (mut sum, mut folders) = (on_disk(fs::metadata(folder)?.len()), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            sum += on_disk(metadata.len());
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Findings;
    use crate::source::Shot;
    use crate::vision::detection::Detection;
    use crate::vision::frame::Frame;
    use crate::vision::geometry::Rect;

    fn add(album: &mut Album, picture: &[u8]) -> Result<Kept, Error> {
        let rect = Rect { left: 1.0, top: 0.0, right: 3.0, bottom: 2.0 };
        let found = [Detection { class: 0, score: 0.5, rect, track: None }];
        let classes = ["dog".to_string()];
        let report = Report {
            novelty: Some(1.25),
            ..Report::new(
                7,
                Shot::new("camera:0", Frame::rgb(&[0; 24], 4, 2).unwrap()),
                Findings::Detections(&found),
                &classes,
            )
        };
        album.add(&report, &["unlike"], picture, "jpg")
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn pictures_come_with_lines_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut album = Album::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(add(&mut album, b"abc").unwrap(), Kept::Yes);
        let lines = fs::read_to_string(folder.path().join(LINES)).unwrap();
        let expected = concat!(
            r#"{"frame":7,"source":"000001.jpg","from":"camera:0","width":4,"height":2,"time_ms":0.0,"why":["unlike"],"#,
            r#""novelty":1.25,"detections":[{"class":"dog","class_id":0,"score":0.5,"box":[1.0,0.0,2.0,2.0]}]}"#,
            "\n"
        );
        assert_eq!(lines, expected);
        // Power was lost in the middle of the next one.
        fs::write(folder.path().join("000002.jpg.partial"), "ab").unwrap();
        fs::write(folder.path().join(LINES), format!("{lines}{{\"frame\":8,\"sou")).unwrap();
        let mut album = Album::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(LINES)).unwrap(), lines);
        add(&mut album, b"abc").unwrap();
        assert_eq!(names(folder.path()), ["000001.jpg", "000003.jpg", LINES]);
        // Two pictures and the lines, beside the folder.
        assert_eq!(album.used(), on_disk(fs::metadata(folder.path()).unwrap().len()) + 3 * BLOCK);
    }

    #[test]
    fn the_quota_counts_what_is_there_and_is_never_exceeded() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/other"), vec![0; 5000]).unwrap();
        let taken = size_of(folder.path()).unwrap();
        assert!(taken >= 2 * BLOCK, "the file below takes two blocks");
        // The first picture wants one block and one for the lines, the second one only.
        let mut album = Album::open(folder.path(), taken + 3 * BLOCK).unwrap();
        assert_eq!(album.used(), taken);
        let kept: Vec<Kept> = (0..3).map(|_| add(&mut album, &[0; 4096]).unwrap()).collect();
        assert_eq!(kept, [Kept::Yes, Kept::Yes, Kept::Full]);
        assert_eq!(names(folder.path()), ["000001.jpg", "000002.jpg", "below", LINES]);
        assert_eq!(size_of(folder.path()).unwrap(), taken + 3 * BLOCK);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut album = Album::open(&folder.path().join("album"), 1 << 20).unwrap();
        // A folder stands where the picture should go, so that the rename fails after the bytes are written.
        fs::create_dir_all(folder.path().join("album/000001.jpg/in the way")).unwrap();
        let error = add(&mut album, b"abc").unwrap_err().to_string();
        assert!(error.contains("000001.jpg"), "{error}");
        assert_eq!(names(&folder.path().join("album")), ["000001.jpg", LINES]);
        assert_eq!(fs::read(folder.path().join("album").join(LINES)).unwrap(), b"");
    }
}
