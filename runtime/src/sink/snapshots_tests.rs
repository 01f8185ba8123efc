use std::time::Duration;

use super::*;
use crate::place::Scene;
use crate::sink::Findings;
use crate::sink::happening::tests::places;
use crate::source;
use crate::vision::detection::Detection;
use crate::vision::frame::Frame;
use crate::vision::geometry::Rect;
use crate::vision::tracking::{Tracker, TrackerOptions};

/// Shows a sink `frames` frames, on the third of which somebody enters.
pub(in crate::sink) fn show(sink: &mut dyn Sink, frames: u64, pause: Duration) -> Vec<Result<(), Error>> {
    let pixels = vec![90; 64 * 48 * 3];
    let classes = ["person".to_string()];
    let rect = Rect { left: 4.0, top: 4.0, right: 20.0, bottom: 40.0 };
    let found = [Detection { class: 0, score: 0.9, rect, track: Some(1) }];
    let (mut tracker, mut scene) =
        (Tracker::new(TrackerOptions { confirm: 1, ..Default::default() }, 4), Scene::new(places(), 4));
    (1..=frames)
        .map(|number| {
            let found = if number < 3 { &found[..0] } else { &found[..] };
            tracker.update(found, 1);
            scene.update(tracker.tracks(), [64, 48], number, Duration::from_millis(100 * number));
            std::thread::sleep(pause);
            sink.take(&Report {
                scene: Some(&scene),
                ..Report::new(
                    number,
                    source::Shot::new("camera:0", Frame::rgb(&pixels, 64, 48).unwrap()),
                    Findings::Detections(found),
                    &classes,
                )
            })
        })
        .collect()
}

fn options(folder: PathBuf) -> SnapshotOptions {
    SnapshotOptions { folder, on: entered(), quota: 1, quality: 80, longest_side: 32 }
}

#[test]
fn an_event_leaves_a_picture_and_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut snapshots = Snapshots::open(&options(folder.path().join("a"))).unwrap();
    assert!(show(&mut snapshots, 6, Duration::ZERO).iter().all(Result::is_ok));
    drop(snapshots);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.path().join("a")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].display().to_string().ends_with("Z-entered-door-1.jpg"), "{files:?}");
    let picture = image::open(&files[0]).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 24));
    let said: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&files[1]).unwrap()).unwrap();
    assert_eq!((&said["zone"], &said["frame"]), (&"door".into(), &3.into()));
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut snapshots = Snapshots::open(&options(path.clone())).unwrap();
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "no folder").unwrap();
    let results = show(&mut snapshots, 60, Duration::from_millis(20));
    let told: Vec<String> = results.into_iter().filter_map(|result| Some(result.err()?.to_string())).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("entered-door-1.jpg"), "{told:?}");
}
