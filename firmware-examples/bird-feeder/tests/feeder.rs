//! The feeder without birds: frames that are made up, and scores that are said.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bird_feeder::doubt::{Doubt, DoubtOptions};
use retort::service::Config;
use retort::sink::{Findings, Report, Sink};
use retort::source::Shot;
use retort::vision::detection::Detection;
use retort::vision::frame::{Frame, PixelFormat};
use retort::vision::geometry::Rect;
use serde_json::Value;

const SIDE: usize = 64;

fn options(folder: &Path) -> DoubtOptions {
    let folder = folder.join("kept");
    DoubtOptions { folder, quota: 1 << 20, threshold: 0.5, band: 0.15, every: Duration::ZERO }
}

/// Hands over a frame on which a bright square stands at `place` of 8, with an object of this score, if any. Waits until it is
/// written, so that what follows does not find the thread at work.
fn show(doubt: &mut Doubt, number: u64, place: usize, score: Option<f32>) -> Result<(), String> {
    let mut pixels = vec![40; SIDE * SIDE * 3];
    for row in pixels.chunks_exact_mut(SIDE * 3).skip(20).take(16) {
        row[place * 24..][..24].fill(230);
    }
    let frame = Frame::new(&pixels, PixelFormat::Rgb8, SIDE, SIDE, SIDE * 3, Duration::from_secs(number)).unwrap();
    let rect = Rect { left: 8.0 * place as f32, top: 20.0, right: 8.0 * place as f32 + 8.0, bottom: 36.0 };
    let found = score.map(|score| Detection { class: 0, score, rect, track: None });
    let classes = ["bird".to_string()];
    let report = Report::new(number, Shot::new("feeder", frame), Findings::Detections(found.as_slice()), &classes);
    let result = doubt.take(&report).map_err(|error| error.to_string());
    std::thread::sleep(Duration::from_millis(60));
    result
}

/// The lines of the folder, each with its picture there.
fn kept(folder: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(folder.join("kept/detections.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pictures = fs::read_dir(folder.join("kept")).unwrap().count() - 1;
    assert_eq!(pictures, lines.len());
    for line in &lines {
        let picture = fs::read(folder.join("kept").join(line["source"].as_str().unwrap())).unwrap();
        assert!(picture.starts_with(&[0xFF, 0xD8]), "{line}: no JPEG");
    }
    lines
}

#[test]
fn what_is_unsure_is_kept_and_what_is_sure_or_seen_already_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut doubt = Doubt::start(options(folder.path())).unwrap();
    let frames = [(0, Some(0.9)), (1, Some(0.55)), (1, Some(0.56)), (2, None), (3, Some(0.66)), (4, Some(0.6))];
    for (number, (place, score)) in (1..).zip(frames) {
        show(&mut doubt, number, place, score).unwrap();
    }
    drop(doubt);
    let kept = kept(folder.path());
    let numbers: Vec<_> = kept.iter().map(|line| line["frame"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 6]);
    assert_eq!((&kept[0]["why"][0], &kept[0]["detections"][0]["class"]), (&"unsure".into(), &"bird".into()));
    assert_eq!(kept[0]["detections"][0]["box"], serde_json::json!([8.0, 20.0, 8.0, 16.0]));
}

#[test]
fn one_in_a_while_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut doubt = Doubt::start(DoubtOptions { every: Duration::from_secs(3), ..options(folder.path()) }).unwrap();
    for number in 1..=7 {
        show(&mut doubt, number, number as usize, Some(0.55)).unwrap();
    }
    drop(doubt);
    let numbers: Vec<_> = kept(folder.path()).iter().map(|line| line["frame"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 4, 7]);
}

#[test]
fn the_quota_holds_and_room_that_is_made_is_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("kept")).unwrap();
    let empty = fs::metadata(folder.path().join("kept")).unwrap().len().next_multiple_of(4096);
    // The lines and two pictures, a block each.
    let quota = empty + 3 * 4096;
    let mut doubt = Doubt::start(DoubtOptions { quota, ..options(folder.path()) }).unwrap();
    for number in 1..=3 {
        show(&mut doubt, number, number as usize, Some(0.55)).unwrap();
    }
    let said = show(&mut doubt, 4, 4, Some(0.55)).unwrap_err();
    assert!(said.contains("kept") && said.contains("quota"), "{said}");
    assert_eq!(kept(folder.path()).len(), 2);
    // Somebody fetches them.
    for entry in fs::read_dir(folder.path().join("kept")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    show(&mut doubt, 5, 5, Some(0.55)).unwrap();
    drop(doubt);
    assert_eq!(kept(folder.path()).len(), 1);
}

#[test]
fn the_configuration_is_well_formed() {
    let config = Config::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("retort.toml")).unwrap();
    config.outlets.check_places(&config.places(&["bird".into()]).unwrap()).unwrap();
    assert!(config.model.score.is_some());
}

/// The whole service, which finds a disc and a square in made-up frames.
#[cfg(feature = "onnx")]
#[test]
fn the_service_hands_over_what_its_model_doubts() {
    use retort::service::{Ended, Service};

    let run = |band: f32| {
        let folder = tempfile::tempdir().unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shapes-128.onnx");
        let text = format!("source = \"synthetic:320x240\"\n[model]\nfile = \"{}\"\nscore = 0.4\n", model.display());
        let path = folder.path().join("retort.toml");
        fs::write(&path, text).unwrap();
        let options = DoubtOptions { threshold: 0.4, band, every: Duration::from_secs(1), ..options(folder.path()) };
        let mut service = Service::open(&path, Default::default(), Default::default()).unwrap();
        service.add_sink("doubt", Box::new(Doubt::start(options).unwrap()));
        assert_eq!(service.run(Some(300)).unwrap(), Ended::Enough);
        drop(service);
        kept(folder.path())
    };
    let doubtful = run(0.15);
    assert!(!doubtful.is_empty() && doubtful.len() <= 10, "{} of 10 s of film", doubtful.len());
    let unsure = |object: &Value| object["score"].as_f64().unwrap() < 0.55;
    assert!(doubtful.iter().all(|line| line["detections"].as_array().unwrap().iter().any(unsure)), "{doubtful:?}");
    assert!(run(-1.0).is_empty(), "nothing is that unsure");
}
