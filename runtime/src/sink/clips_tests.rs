use std::process::Command;

use super::*;
use crate::sink::snapshots::tests::show;

#[test]
fn a_film_has_what_was_before_the_event_and_after_it() {
    if needs_ffmpeg().is_err() {
        return println!("skipped: there is no ffmpeg");
    }
    let folder = tempfile::tempdir().unwrap();
    let options = ClipOptions {
        folder: folder.path().join("films"),
        on: entered(),
        before: 5.0,
        after: 0.3,
        most: 10.0,
        rate: 30.0,
        longest_side: 32,
        quota: 10,
    };
    let mut clips = Clips::open(&options).unwrap();
    let results = show(&mut clips, 30, Duration::from_millis(40));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert!(clips.film.is_none(), "it is over");
    assert!(!clips.ring.is_empty(), "the next one's beginning is kept");
    drop(clips);
    let files: Vec<PathBuf> = std::fs::read_dir(&options.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].display().to_string().ends_with("-entered-door-1.mp4"), "{files:?}");
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames,width,height", "-of", "csv=p=0"])
        .arg(&files[0])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&probe.stdout).trim().to_string();
    let frames: u32 = said.strip_prefix("32,24,").expect(&said).parse().unwrap();
    // Two before the event, and at least a few of the eight within 0.3 s after it.
    assert!((5..25).contains(&frames), "{said}");
}

#[test]
fn slips_are_refused() {
    let text = |more: &str| format!("folder = \"a\"\n{more}");
    let options = |more: &str| toml::from_str::<ClipOptions>(&text(more)).unwrap();
    assert!(options("").check().is_ok());
    for (more, says) in
        [("before = 61", "before"), ("rate = 0", "rate"), ("quota = 0", "quota"), ("longest-side = 1", "longest")]
    {
        assert!(options(more).check().unwrap_err().contains(says), "{more}");
    }
}
