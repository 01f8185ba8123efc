//! A video: its frames, counted from 1, as pictures. Labels may come with it as MOT's `gt.txt` or as the lines of
//! `retort detect VIDEO --json` ([`OpenOptions::labels`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Format, collect, files, mot, names};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::decode::ends_in;
use crate::data::error::DataError;
use crate::data::item::{Item, Pixels};
use crate::data::video::Video;

pub(super) fn recognise(path: &Path) -> Option<String> {
    let video = only(path)?;
    Some(if path.is_dir() { format!("the video {}", names::file(&video)) } else { "its name".into() })
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let video = only(path).ok_or_else(|| DataError::format(path, "is no video, nor a folder with one"))?;
    match &options.labels {
        Some(labels) if ends_in(labels, &["jsonl", "json"]) => collect::of_video(path, &video, labels, options),
        Some(labels) => mot::of_frames(path, frames(&video, options)?, labels, options),
        None => Ok(Collection {
            format: Format::Video,
            because: String::new(),
            origin: path.into(),
            task: Task::Unlabelled,
            classes: options.classes.clone().unwrap_or_default(),
            items: frames(&video, options)?,
            problems: Vec::new(),
        }),
    }
}

/// The video at a path, or the only one of a folder.
pub(super) fn only(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Video::is_one(path).then(|| path.into());
    }
    let mut videos = files::entries_if_any(path).into_iter().filter(|file| Video::is_one(file));
    videos.next().filter(|_| videos.next().is_none())
}

/// The wanted frames of a video.
pub(super) fn frames(path: &Path, options: &OpenOptions) -> Result<Vec<Item>, DataError> {
    let video = Arc::new(Video::new(path));
    let count = video.count(options.frames.last().unwrap_or(usize::MAX))?;
    let name = names::file(path);
    let wanted = (1..=count).filter(|&number| options.frames.contains(number));
    Ok(wanted
        .map(|number| Item::new(format!("{name}#{number}"), Pixels::Frame { video: video.clone(), number }))
        .collect())
}

/// The number of a frame, which a picture of a folder of frames has in its name, as `img1/000001.jpg`.
pub(super) fn number_of(item: &Item) -> Option<usize> {
    match &item.pixels {
        Pixels::Frame { number, .. } => Some(*number),
        Pixels::File(path) => {
            let stem = names::stem(path);
            let digits = stem.trim_start_matches(|c: char| !c.is_ascii_digit());
            digits.parse().ok()
        }
        Pixels::Memory { .. } => None,
    }
}
