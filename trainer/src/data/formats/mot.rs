//! MOTChallenge: lines `frame, id, left, top, width, height, considered, class, visibility` (<https://motchallenge.net>), frames
//! counted from 1, boxes in pixels.
//!
//! `gt.txt` or `gt/gt.txt` goes with the pictures of `img1` or with a video in the same folder. The one class is `person`. What is not
//! to be considered, and MOT16's people on vehicles, static people, distractors, reflections and crowds (classes 2, 7, 8, 12,
//! 13), are kept as [ignored](Label::ignored), its vehicles and occluders left out. Lines of ten numbers are MOT15's, which
//! have a place in the world where later ones have the class.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Format, files, names, video};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Pixels};
use crate::data::sample::Label;

pub(super) fn recognise(path: &Path) -> Option<String> {
    let labels = labels_at(path)?;
    let folder = folder_of(path, &labels);
    let pictures =
        if folder.join("img1").is_dir() { "the folder img1".into() } else { names::file(&video::only(&folder)?) };
    Some(format!("{} with {pictures}", names::file(&labels)))
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let missing =
        || DataError::format(path, "has no gt.txt or gt/gt.txt with lines of frame, id, left, top, width, height");
    let labels = options.labels.clone().or_else(|| labels_at(path)).ok_or_else(missing)?;
    let folder = folder_of(path, &labels);
    let img1 = options.pictures.clone().unwrap_or_else(|| folder.join("img1"));
    let mut problems = Vec::new();
    let mut items = if img1.is_dir() {
        let pictures = files::pictures(&img1, &mut problems)?;
        pictures.into_iter().map(|file| Item::new(names::below(&folder, &file), Pixels::File(file))).collect()
    } else {
        let video = match &options.pictures {
            Some(video) => Some(video.clone()),
            None => video::only(&folder),
        };
        let missing = || DataError::format(&folder, "has neither a folder img1 nor one video");
        video::frames(&video.ok_or_else(missing)?, options)?
    };
    items.iter_mut().for_each(|item: &mut Item| item.frame = video::number_of(item));
    items.retain(|item| item.frame.is_none_or(|number| options.frames.contains(number)));
    let mut set = of_frames(path, items, &labels, options)?;
    set.problems.append(&mut problems);
    Ok(set)
}

/// Frames with the labels of a file.
pub(super) fn of_frames(
    path: &Path,
    mut items: Vec<Item>,
    labels: &Path,
    options: &OpenOptions,
) -> Result<Collection, DataError> {
    let text = files::read(labels)?;
    let place = names::file(labels);
    let (mut problems, mut last) = (Vec::new(), 0);
    let mut frames: HashMap<usize, Vec<Label>> = HashMap::new();
    for (at, line) in files::lines(&text).filter(|(_, line)| !line.starts_with('#')) {
        match parse(line) {
            Ok((frame, label)) => {
                frames.entry(frame).or_default().extend(label);
                last = last.max(frame);
            }
            Err(detail) => problems.push(Problem::new(Fault::UnreadableLabel, format!("{place} line {at}"), detail)),
        }
    }
    let available = items.iter().filter_map(|item| item.frame).max().unwrap_or(0);
    for item in &mut items {
        let Some(number) = item.frame else { continue };
        // The labels are complete up to the last frame that they speak of.
        item.boxes = (number <= last).then(|| frames.remove(&number).unwrap_or_default());
    }
    let mut missing: Vec<_> = frames.into_keys().filter(|&frame| options.frames.contains(frame)).collect();
    missing.sort_unstable();
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        let detail =
            format!("labels of {} frames, {first} to {last}, but the last frame is {available}", missing.len());
        problems.push(Problem::new(Fault::MissingPicture, place, detail));
    }
    let classes = match &options.classes {
        Some(classes) if classes.len() != 1 => {
            return Err(DataError::format(
                labels,
                format!("has one class, people, but names for {} are given", classes.len()),
            ));
        }
        Some(classes) => classes.clone(),
        None => vec!["person".into()],
    };
    let (format, because) = (Format::Mot, String::new());
    Ok(Collection { format, because, origin: path.into(), task: Task::Detect, classes, items, problems })
}

/// The file of labels at a path: itself, or where MOT has it in a folder.
fn labels_at(path: &Path) -> Option<PathBuf> {
    let candidates = [path.to_path_buf(), path.join("gt.txt"), path.join("gt").join("gt.txt")];
    candidates.into_iter().find(|file| {
        names::file(file) == "gt.txt"
            && files::read(file)
                .is_ok_and(|text| files::lines(&text).next().is_some_and(|(_, line)| parse(line).is_ok()))
    })
}

/// The folder of the sequence.
fn folder_of(path: &Path, labels: &Path) -> PathBuf {
    if path.is_dir() {
        return path.into();
    }
    let folder = labels.parent().unwrap_or(Path::new("."));
    match folder.parent() {
        Some(above) if names::file(folder) == "gt" => above.into(),
        _ => folder.into(),
    }
}

/// The frame of a line and its box; no box where it is none of a person.
fn parse(line: &str) -> Result<(usize, Option<Label>), String> {
    numbered(line).map(|(frame, _, label)| (frame, label))
}

/// The frame of a line, the number of the track as it stands there, and the box; no box where it is none of a person.
pub(crate) fn numbered(line: &str) -> Result<(usize, f32, Option<Label>), String> {
    let numbers: Result<Vec<f32>, String> = line
        .split([',', ' '])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(|_| format!("`{part}` is no number")))
        .collect();
    let numbers = numbers?;
    let [frame, track, left, top, width, height, ref rest @ ..] = numbers[..] else {
        return Err(format!("{} numbers; give frame, id, left, top, width, height and so on", numbers.len()));
    };
    if frame < 1.0 || frame.fract() != 0.0 {
        return Err(format!("frame {frame}; frames are counted from 1"));
    }
    let class = match rest {
        [_, class, _] => *class as i64,
        _ => 1,
    };
    let considered = rest.first().is_none_or(|&considered| considered != 0.0);
    let ignored = match class {
        1 | -1 => !considered,
        2 | 7 | 8 | 12 | 13 => true,
        _ => return Ok((frame as usize, track, None)),
    };
    let label = Label::new(0, [left, top, left + width, top + height]);
    Ok((frame as usize, track, Some(Label { ignored, ..label })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_kinds_are_people() {
        let person = Label::new(0, [10.0, 20.0, 40.0, 80.0]);
        assert_eq!(parse("3,1,10,20,30,60,1,-4.1,-7.3,0"), Ok((3, Some(person))));
        assert_eq!(parse("3, 1, 10, 20, 30, 60, 1, 1, 0.9"), Ok((3, Some(person))));
        let ignored = Some(Label { ignored: true, ..person });
        for line in ["3,1,10,20,30,60,0,1,1", "3,1,10,20,30,60,0,-4.1,-7.3,0", "3,1,10,20,30,60,1,7,1"] {
            assert_eq!(parse(line), Ok((3, ignored)));
        }
        assert_eq!(parse("3,1,10,20,30,60,1,3,1"), Ok((3, None)));
        for wrong in ["", "1,2,3", "0,1,1,1,1,1,1", "1,1,a,1,1,1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    fn sequence() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("gt")).expect("made");
        let lines = "1,1,0,0,1,1,1,1,1\n1,2,0,0,1,1,1,1,1\n3,1,0,0,1,1,1,1,1\nnonsense\n9,1,0,0,1,1,1,1,1\n";
        std::fs::write(folder.path().join("gt/gt.txt"), lines).expect("written");
        folder
    }

    #[test]
    fn frames_of_a_folder_get_their_boxes() {
        let folder = sequence();
        std::fs::create_dir(folder.path().join("img1")).expect("made");
        for number in 1..=4 {
            image::RgbImage::new(4, 4).save(folder.path().join(format!("img1/{number:06}.png"))).expect("written");
        }
        let options = OpenOptions { frames: "1-3,9".parse().expect("ranges"), ..OpenOptions::default() };
        for path in [folder.path().to_path_buf(), folder.path().join("gt/gt.txt")] {
            let set = Collection::open(path, &options).expect("a set");
            let boxes: Vec<_> = set.items.iter().map(|item| item.boxes.as_ref().map(Vec::len)).collect();
            assert_eq!((set.format, boxes), (Format::Mot, vec![Some(2), Some(0), Some(1)]));
            let faults: Vec<_> = set.problems.iter().map(|problem| problem.fault).collect();
            assert_eq!(faults, [Fault::UnreadableLabel, Fault::MissingPicture]);
        }
    }

    #[test]
    fn a_video_may_stand_for_the_folder() {
        let folder = sequence();
        let film = [b"YUV4MPEG2 W1 H1 F25:1 Cmono\n".as_slice(), &b"FRAME\na".repeat(4)].concat();
        std::fs::write(folder.path().join("film.y4m"), film).expect("written");
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!((set.len(), set.items[2].name.as_str()), (4, "film.y4m#3"));
        assert_eq!(set.items[2].load().expect("a frame").boxes.len(), 1);
        let unlabelled = OpenOptions { format: Some(Format::Video), ..OpenOptions::default() };
        let set = Collection::open(folder.path(), &unlabelled).expect("a set");
        assert_eq!((set.task, set.len(), set.items[0].boxes.is_none()), (Task::Unlabelled, 4, true));
    }
}
