//! What Retort writes itself: pictures with the lines of `retort detect --json` or `retort classify --json`, of a student or a teacher.
//!
//! The folder of `retort collect` holds pictures and one file `detections.jsonl`, a line of JSON for each picture:
//!
//! ```json
//! {"frame":1,"source":"000001.jpg","width":768,"height":576,
//!  "detections":[{"class":"person","class_id":0,"score":0.91,"box":[499.0,158.0,31.0,75.0]}]}
//! ```
//!
//! `source` is the picture's path in the folder (or any path that ends in its name); of a video's lines, it is the video, and
//! `frame` counts from 1. Boxes are left, top, width, height in pixels. `classes` in the place of `detections` are what the
//! picture shows, the best first. The pictures of a collected folder are taken for frames of a film. Other keys are passed over,
//! such as where a collected frame came `from` and `why` it was kept. Classes of the set are those that occur, by their ids.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Format, files, names, video};
use crate::data::collection::{Collection, OpenOptions, Task};
use crate::data::decode::ends_in;
use crate::data::error::{DataError, Fault, Problem};
use crate::data::item::{Item, Pixels};
use crate::data::sample::Label;
use crate::data::video::Video;

/// The file of a collected folder.
const NAME: &str = "detections.jsonl";

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    frame: usize,
    source: String,
    #[serde(default)]
    width: Option<usize>,
    #[serde(default)]
    height: Option<usize>,
    #[serde(default)]
    detections: Option<Vec<Found>>,
    #[serde(default)]
    classes: Option<Vec<Found>>,
}

#[derive(Deserialize)]
struct Found {
    class: String,
    #[serde(default)]
    class_id: u32,
    score: f32,
    #[serde(default, rename = "box")]
    bounds: [f32; 4],
}

pub(super) fn recognise(path: &Path) -> Option<String> {
    if path.is_file() {
        return ends_in(path, &["jsonl"]).then(|| "lines of JSON".into());
    }
    path.join(NAME).is_file().then(|| format!("the file {NAME}"))
}

pub(super) fn read(path: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let file = if path.is_dir() { path.join(NAME) } else { path.to_path_buf() };
    let folder = match &options.pictures {
        Some(folder) if folder.is_dir() => folder.clone(),
        _ => file.parent().unwrap_or(Path::new(".")).to_path_buf(),
    };
    let (lines, mut problems) = parse(&file)?;
    // Lines of one video, rather than of pictures.
    let source = lines.first().map(|(_, line)| PathBuf::from(&line.source)).unwrap_or_default();
    if let Some(video) = find(&folder, &source).filter(|file| Video::is_one(file)) {
        return of_video(path, &video, &file, options);
    }
    let mut items = Vec::with_capacity(lines.len());
    let mut said = Vec::with_capacity(lines.len());
    for (at, line) in lines {
        match find(&folder, Path::new(&line.source)) {
            Some(picture) => {
                let stated = line.width.zip(line.height).map(|(width, height)| [width, height]);
                let frame = Some(line.frame).filter(|&frame| frame > 0 && path.is_dir());
                items.push(Item { stated, frame, ..Item::new(names::below(&folder, &picture), Pixels::File(picture)) });
                said.push(Some((at, line)));
            }
            None => {
                let detail = format!("{} is not there", line.source);
                problems.push(Problem::new(Fault::MissingPicture, format!("{} line {at}", names::file(&file)), detail));
            }
        }
    }
    if path.is_dir() {
        let known: std::collections::HashSet<_> = items.iter().map(|item| item.name.clone()).collect();
        for picture in files::pictures(&folder, &mut problems)? {
            let name = names::below(&folder, &picture);
            if !known.contains(&name) {
                problems.push(Problem::new(Fault::WithoutLabel, &name, format!("no line in {NAME}")));
                items.push(Item::new(name, Pixels::File(picture)));
                said.push(None);
            }
        }
    }
    Ok(labelled(path, &file, items, said, problems, options))
}

/// A video with its lines.
pub(super) fn of_video(path: &Path, video: &Path, file: &Path, options: &OpenOptions) -> Result<Collection, DataError> {
    let (lines, mut problems) = parse(file)?;
    let items = video::frames(video, options)?;
    let mut by_frame: HashMap<usize, (usize, Line)> = HashMap::new();
    for (at, line) in lines.into_iter().filter(|(_, line)| options.frames.contains(line.frame)) {
        by_frame.insert(line.frame, (at, line));
    }
    let said: Vec<_> = items.iter().map(|item| by_frame.remove(&item.frame?)).collect();
    let mut missing: Vec<_> = by_frame.into_keys().collect();
    missing.sort_unstable();
    if let Some(first) = missing.first() {
        let detail = format!("lines of {} frames, from {first} on, that {} has not", missing.len(), video.display());
        problems.push(Problem::new(Fault::MissingPicture, names::file(file), detail));
    }
    Ok(labelled(path, file, items, said, problems, options))
}

/// Lines by their numbers, and those that cannot be read.
type Parsed = (Vec<(usize, Line)>, Vec<Problem>);

fn parse(file: &Path) -> Result<Parsed, DataError> {
    let text = files::read(file)?;
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (at, line) in files::lines(&text) {
        match serde_json::from_str::<Line>(line) {
            Ok(line) if line.detections.is_some() || line.classes.is_some() => lines.push((at, line)),
            // Statistics at the end, for one.
            Ok(_) => {}
            Err(_) if line.starts_with("{\"summary\"") => {}
            Err(error) => {
                let place = format!("{} line {at}", names::file(file));
                problems.push(Problem::new(Fault::UnreadableLabel, place, error.to_string()));
            }
        }
    }
    Ok((lines, problems))
}

/// The picture that a line speaks of: by its path, by its path in the folder, or by its name in the folder.
fn find(folder: &Path, source: &Path) -> Option<PathBuf> {
    let beside = source.file_name().map(|name| folder.join(name));
    [Some(folder.join(source)), beside].into_iter().flatten().find(|file| file.is_file())
}

/// Puts what was said of each item into the set.
fn labelled(
    path: &Path,
    file: &Path,
    mut items: Vec<Item>,
    said: Vec<Option<(usize, Line)>>,
    mut problems: Vec<Problem>,
    options: &OpenOptions,
) -> Collection {
    let lines = || said.iter().flatten().map(|(_, line)| line);
    let found = lines().flat_map(|line| line.detections.iter().chain(&line.classes).flatten());
    let occurring: BTreeMap<u32, &str> = found.map(|found| (found.class_id, found.class.as_str())).collect();
    let classes = options.classes.clone().unwrap_or_else(|| {
        let mut classes: Vec<String> = Vec::new();
        for name in occurring.into_values() {
            if !classes.iter().any(|class| class == name) {
                classes.push(name.into());
            }
        }
        classes
    });
    let detect = lines().any(|line| line.detections.is_some());
    let mut unknown = |at: usize, found: &Found| {
        let place = format!("{} line {at}", names::file(file));
        problems.push(Problem::new(Fault::UnknownClass, place, format!("`{}`", found.class)));
    };
    for (item, said) in items.iter_mut().zip(&said) {
        let Some((at, line)) = said else { continue };
        let number = |found: &Found| classes.iter().position(|class| *class == found.class);
        if let Some(detections) = &line.detections {
            let mut boxes = Vec::with_capacity(detections.len());
            for found in detections {
                let [left, top, width, height] = found.bounds;
                match number(found) {
                    Some(class) => {
                        let label = Label::new(class, [left, top, left + width, top + height]);
                        boxes.push(Label { score: found.score, ..label });
                    }
                    None => unknown(*at, found),
                }
            }
            item.boxes = Some(boxes);
        }
        if let Some(best) = line.classes.as_ref().and_then(|classes| classes.first()) {
            item.class = number(best);
            if item.class.is_none() {
                unknown(*at, best);
            }
        }
    }
    Collection {
        format: Format::Collect,
        because: String::new(),
        origin: path.into(),
        task: if detect { Task::Detect } else { Task::Classify },
        classes,
        items,
        problems,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"frame":1,"source":"/board/run/a.png","width":4,"height":4,"time_ms":0.0,"detections":[{"class":"dog","class_id":16,"score":0.5,"box":[1,1,2,3]},{"class":"cat","class_id":15,"score":0.25,"box":[0,0,1,1],"track":3}],"latency_ms":{"infer":1.0}}"#,
        "\n",
        r#"{"frame":2,"source":"b.png","width":4,"height":4,"detections":[]}"#,
        "\nnonsense\n",
        r#"{"frame":3,"source":"c.png","detections":[]}"#,
        "\n{\"summary\":{\"frames\":3}}\n"
    );

    #[test]
    fn a_collected_folder_is_read_back_with_scores() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(NAME), LINES).expect("written");
        for name in ["a.png", "b.png", "z.png"] {
            image::RgbImage::new(4, 4).save(folder.path().join(name)).expect("written");
        }
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!((set.format, set.task, set.classes.join(" ").as_str()), (Format::Collect, Task::Detect, "cat dog"));
        let names: Vec<_> = set.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["a.png", "b.png", "z.png"]);
        let boxes = set.items[0].boxes.as_ref().expect("labelled");
        assert_eq!(boxes[0], Label { score: 0.5, ..Label::new(1, [1.0, 1.0, 3.0, 4.0]) });
        assert!(set.items[1].boxes.as_ref().is_some_and(Vec::is_empty) && set.items[2].boxes.is_none());
        let faults: Vec<_> = set.problems.iter().map(|problem| problem.fault).collect();
        assert_eq!(faults, [Fault::UnreadableLabel, Fault::MissingPicture, Fault::WithoutLabel]);
        // Only the classes that one wants.
        let options = OpenOptions { classes: Some(vec!["dog".into()]), ..OpenOptions::default() };
        let set = Collection::open(folder.path(), &options).expect("a set");
        assert!(set.problems.iter().any(|problem| problem.fault == Fault::UnknownClass && problem.detail == "`cat`"));
    }

    #[test]
    fn lines_of_a_video_go_with_its_frames() {
        let folder = tempfile::tempdir().expect("a folder");
        let film = [b"YUV4MPEG2 W4 H4 F25:1 Cmono\n".as_slice(), &b"FRAME\nabcdabcdabcdabcd".repeat(2)].concat();
        std::fs::write(folder.path().join("film.y4m"), film).expect("written");
        let lines = LINES.replace("/board/run/a.png", "film.y4m").replace("b.png", "film.y4m");
        std::fs::write(folder.path().join("answers.jsonl"), lines).expect("written");
        let by_lines = Collection::open(folder.path().join("answers.jsonl"), &OpenOptions::default()).expect("a set");
        let options = OpenOptions { labels: Some(folder.path().join("answers.jsonl")), ..OpenOptions::default() };
        let by_film = Collection::open(folder.path().join("film.y4m"), &options).expect("a set");
        for set in [by_lines, by_film] {
            assert_eq!((set.format, set.len(), set.items[0].name.as_str()), (Format::Collect, 2, "film.y4m#1"));
            assert_eq!(set.items[0].load().expect("a frame").boxes.len(), 2);
            assert_eq!(set.problems.iter().filter(|problem| problem.fault == Fault::MissingPicture).count(), 1);
        }
    }

    #[test]
    fn answers_of_a_classifier_are_classes() {
        let folder = tempfile::tempdir().expect("a folder");
        image::RgbImage::new(4, 4).save(folder.path().join("a.png")).expect("written");
        let line = r#"{"frame":1,"source":"a.png","classes":[{"class":"cup","class_id":504,"score":0.9},{"class":"pot","class_id":2,"score":0.1}]}"#;
        std::fs::write(folder.path().join(NAME), line).expect("written");
        let set = Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        assert_eq!(
            (set.task, set.classes.join(" ").as_str(), set.items[0].class),
            (Task::Classify, "pot cup", Some(1))
        );
    }
}
