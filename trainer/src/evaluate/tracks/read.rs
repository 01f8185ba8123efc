//! Tracks from files: people's as MOTChallenge has them, a tracker's as `retort detect --track --json` prints them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use retort::vision::geometry::Rect;
use serde::Deserialize;

use super::{Frame, Numbered, OVERLAP};
use crate::data::mot;

/// A file of tracks that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TracksError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The two do not belong together.
    #[error("{}: {problem}", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
}

#[derive(Deserialize)]
struct Line {
    frame: usize,
    detections: Vec<Detection>,
}

#[derive(Deserialize)]
struct Detection {
    #[serde(default)]
    track: Option<u32>,
    #[serde(rename = "box")]
    bounds: [f32; 4],
}

/// The frames that the lines of `tracks` speak of, in order, with the truth of `labels`, a MOT file. Detections without a number
/// are left out, and so is what lies on something that the truth does not consider.
///
/// # Errors
/// [`TracksError`], which names the file and the line.
pub fn film(tracks: &Path, labels: &Path) -> Result<Vec<Frame>, TracksError> {
    let mut frames: BTreeMap<usize, Frame> = BTreeMap::new();
    for (line, text) in lines(tracks)? {
        let parsed: Line = serde_json::from_str(&text).map_err(|error| TracksError::Line {
            path: tracks.into(),
            line,
            problem: format!("is none of `retort detect --track --json`: {error}"),
        })?;
        let numbered =
            parsed.detections.iter().filter_map(|d| Some(Numbered { track: d.track?, rect: rect(d.bounds) }));
        frames.entry(parsed.frame).or_default().found.extend(numbered);
    }
    let nothing = |path: &Path, problem: &str| TracksError::Nothing { path: path.into(), problem: problem.into() };
    if frames.values().all(|frame| frame.found.is_empty()) {
        return Err(nothing(
            tracks,
            "no detection has a track; make it with `retort detect MODEL VIDEO --track --json`",
        ));
    }
    let mut ignored: BTreeMap<usize, Vec<Rect>> = BTreeMap::new();
    for (line, text) in lines(labels)?.into_iter().filter(|(_, text)| !text.starts_with('#')) {
        let parsed = truth(&text).map_err(|problem| TracksError::Line { path: labels.into(), line, problem })?;
        let (number, Some((numbered, counts))) = parsed else { continue };
        match frames.get_mut(&number) {
            Some(frame) if counts => frame.truths.push(numbered),
            Some(_) => ignored.entry(number).or_default().push(numbered.rect),
            None => {}
        }
    }
    if frames.values().all(|frame| frame.truths.is_empty()) {
        return Err(nothing(labels, "has nothing about the frames that the tracks speak of"));
    }
    for (number, boxes) in ignored {
        let Some(Frame { truths, found }) = frames.get_mut(&number) else { continue };
        found.retain(|found| {
            let on = |rect: &Rect| found.rect.iou(rect) >= OVERLAP;
            truths.iter().any(|truth| on(&truth.rect)) || !boxes.iter().any(on)
        });
    }
    Ok(frames.into_values().collect())
}

/// Lines that are not empty, with their numbers.
fn lines(path: &Path) -> Result<Vec<(usize, String)>, TracksError> {
    let text = std::fs::read_to_string(path).map_err(|source| TracksError::Io { path: path.into(), source })?;
    Ok((1..).zip(text.lines().map(|line| line.trim().to_owned())).filter(|(_, line)| !line.is_empty()).collect())
}

/// The frame of a line of MOT's, its box and whether that counts; no box where it is none of a person.
fn truth(line: &str) -> Result<(usize, Option<(Numbered, bool)>), String> {
    let (frame, track, label) = mot::numbered(line)?;
    let Some(label) = label else { return Ok((frame, None)) };
    let [left, top, right, bottom] = label.bounds;
    let rect = Rect { left, top, right, bottom };
    // An infinite number is none either.
    if !(rect.is_finite() && track >= 0.0 && track.is_finite()) {
        return Err(format!("`{line}` has no box with a number from 0 on"));
    }
    Ok((frame, Some((Numbered { track: track as u32, rect }, !label.ignored))))
}

fn rect([left, top, width, height]: [f32; 4]) -> Rect {
    Rect { left, top, right: left + width, bottom: top + height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_that_the_tracks_speak_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let [tracks, labels] = ["tracks.jsonl", "gt.txt"].map(|name| folder.path().join(name));
        let line = |frame: usize, detections: &str| format!("{{\"frame\":{frame},\"detections\":[{detections}]}}\n");
        let person = r#"{"class":"person","score":0.9,"box":[10,10,20,40],"track":3}"#;
        let poster = r#"{"class":"person","score":0.9,"box":[100,10,20,40],"track":4}"#;
        let unnumbered = r#"{"class":"person","score":0.9,"box":[200,10,20,40]}"#;
        let text = line(2, &format!("{person},{poster},{unnumbered}")) + &line(3, "");
        std::fs::write(&tracks, text).expect("written");
        std::fs::write(&labels, "1,1,10,10,20,40,1\n2,1,10,11,20,40,1,-1,-1,-1\n2,2,100,10,20,40,0\n")
            .expect("written");
        let film = film(&tracks, &labels).expect("read");
        assert_eq!(film.len(), 2);
        assert_eq!((film[0].truths.len(), film[0].found.len()), (1, 1), "the poster does not count");
        assert_eq!((film[0].found[0].track, film[0].truths[0].rect.bottom), (3, 51.0));
        assert_eq!(film[1], Frame::default());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let [tracks, labels] = ["tracks.jsonl", "gt.txt"].map(|name| folder.path().join(name));
        let refused = |lines: &str, truth: &str| {
            std::fs::write(&tracks, lines).expect("written");
            std::fs::write(&labels, truth).expect("written");
            film(&tracks, &labels).expect_err("it is wrong").to_string()
        };
        let good = "{\"frame\":1,\"detections\":[{\"box\":[1,1,2,2],\"track\":1}]}\n";
        assert!(refused("{}\n", "").contains("tracks.jsonl, line 1"));
        assert!(refused("{\"frame\":1,\"detections\":[]}\n", "").contains("--track --json"));
        assert!(refused(good, "1,1,1\n").contains("gt.txt, line 1"));
        assert!(refused(good, "1,1,nan,1,1,1\n").contains("gt.txt, line 1"));
        assert!(refused(good, "7,1,1,1,1,1\n").contains("has nothing about the frames"));
        assert!(film(&folder.path().join("none"), &labels).expect_err("missing").to_string().contains("none"));
    }
}
