//! Pictures and raw video, through what the command line opens them with.

use std::sync::LazyLock;

use retort::limits::{Limit, Limits};
use retort::source::{self, Options};
use tempfile::TempDir;

use super::told;

/// Frames of a film that are looked at.
const FRAMES: usize = 4;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// A file that claims to be a picture: opened as a source and decoded.
pub fn picture(bytes: &[u8]) {
    let path = FOLDER.path().join("fuzzed");
    std::fs::write(&path, bytes).expect("a temporary file");
    let limits = Limits::default().with(Limit::PictureSide, 4096).with(Limit::PictureBytes, 16 << 20);
    let options = Options { limits, ..Options::default() };
    let mut source = match source::open(&path.display().to_string(), &options) {
        Ok(source) => source,
        Err(error) => return told(&error, "fuzzed", bytes),
    };
    for _ in 0..FRAMES {
        match source.next_shot() {
            Ok(Some(shot)) => {
                let frame = shot.frame;
                assert!(frame.width() <= 1 << 15 && frame.height() <= 1 << 15);
                let _ = frame.row(frame.height() - 1);
            }
            Ok(None) => return,
            Err(error) => return told(&error, "fuzzed", bytes),
        }
    }
}
