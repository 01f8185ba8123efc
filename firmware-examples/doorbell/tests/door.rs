//! The doorbell without a door: made-up frames, a line that takes notes.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorbell::bell::{Bell, BellOptions};
use doorbell::line::{Line, Pin};
use retort::place::{Places, Polygon, Scene, Zone};
use retort::service::Config;
use retort::sink::{Findings, Report, Sink};
use retort::source::Shot;
use retort::vision::detection::Detection;
use retort::vision::frame::Frame;
use retort::vision::geometry::Rect;
use retort::vision::tracking::{Tracker, TrackerOptions};

/// Notes when it was switched, and to what.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(bool, Instant)>>>);

impl Line for Notes {
    fn set(&mut self, on: bool) -> io::Result<()> {
        self.0.lock().unwrap().push((on, Instant::now()));
        Ok(())
    }
}

impl Notes {
    fn values(&self) -> Vec<bool> {
        self.0.lock().unwrap().iter().map(|(on, _)| *on).collect()
    }
}

fn options(on: &str, ring: u64, quiet: u64) -> BellOptions {
    let [ring, quiet] = [ring, quiet].map(Duration::from_millis);
    BellOptions { on: on.parse().unwrap(), ring, quiet }
}

/// Frames in which somebody is at the door or is not, ten a second: `x` and `.`.
fn visit(bell: &mut Bell, seen: &str) -> Vec<Result<(), String>> {
    let seconds = Duration::from_secs_f32;
    let zone = Zone {
        settle: seconds(0.2),
        linger: seconds(0.2),
        dwell: Some(seconds(1.0)),
        ..Zone::new("door", Polygon::whole())
    };
    let mut scene = Scene::new(Places { zones: vec![zone], ..Places::default() }, 8);
    let mut tracker = Tracker::new(TrackerOptions::for_threshold(0.5), 8);
    let pixels = [0; 40 * 30 * 3];
    let (frame, classes) = (Frame::rgb(&pixels, 40, 30).unwrap(), ["person".to_string()]);
    let rect = Rect { left: 10.0, top: 5.0, right: 20.0, bottom: 25.0 };
    let person = [Detection { class: 0, score: 0.9, rect, track: None }];
    let mut results = Vec::new();
    for (number, seen) in (1..).zip(seen.chars()) {
        let found = if seen == 'x' { &person[..] } else { &[] };
        tracker.update(found, 1);
        scene.update(tracker.tracks(), [40, 30], number, Duration::from_millis(100 * number));
        let report = Report {
            scene: Some(&scene),
            ..Report::new(number, Shot::new("door", frame), Findings::Detections(found), &classes)
        };
        results.push(bell.take(&report).map_err(|error| error.to_string()));
    }
    results
}

#[test]
fn somebody_who_stays_rings_and_somebody_who_walks_past_does_not() {
    let notes = Notes::default();
    let line = notes.clone();
    let mut bell = Bell::start(options("stayed:door", 40, 0), move || Ok(line.clone())).unwrap();
    assert!(visit(&mut bell, "..xxxxxx..........").iter().all(Result::is_ok));
    drop(bell);
    assert!(notes.values().is_empty(), "0.6 s is walking past");
    let line = notes.clone();
    let mut bell = Bell::start(options("stayed:door", 40, 0), move || Ok(line.clone())).unwrap();
    let began = Instant::now();
    assert!(visit(&mut bell, "..xxxxxxxxxxxxxxxxxxxxxx").iter().all(Result::is_ok));
    let took = began.elapsed();
    drop(bell);
    assert_eq!(notes.values(), [true, false], "on, then off, once for a visit");
    let switched = notes.0.lock().unwrap();
    let rang = switched[1].1 - switched[0].1;
    assert!(rang >= Duration::from_millis(40), "it rang for {rang:?}");
    // The frames were all handed over before it had finished ringing.
    assert!(took < rang, "the frames took {took:?}, and it rang for {rang:?}");
}

#[test]
fn it_is_quiet_for_a_while_whoever_comes() {
    let rings = |quiet: u64| {
        let notes = Notes::default();
        let line = notes.clone();
        let mut bell = Bell::start(options("stayed:door", 1, quiet), move || Ok(line.clone())).unwrap();
        for _ in 0..3 {
            assert!(visit(&mut bell, "xxxxxxxxxxxxxxxx").iter().all(Result::is_ok));
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(bell);
        notes.values().into_iter().filter(|&on| on).count()
    };
    assert_eq!(rings(600_000), 1);
    assert_eq!(rings(50), 3);
}

#[test]
fn a_line_that_is_missing_is_said_and_found_again() {
    let (notes, tries) = (Notes::default(), Arc::new(AtomicUsize::new(0)));
    let (line, counted) = (notes.clone(), Arc::clone(&tries));
    let open = move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such GPIO line")),
        _ => Ok(line.clone()),
    };
    let mut bell = Bell::start(options("stayed:door", 1, 0), open).unwrap();
    let tried = |count| {
        let began = Instant::now();
        while tries.load(Ordering::SeqCst) < count {
            assert!(began.elapsed() < Duration::from_secs(60), "nobody tries");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    for count in [1, 2] {
        tried(count);
        let said = visit(&mut bell, ".").remove(0).unwrap_err();
        assert_eq!(said, "the bell: there is no such GPIO line");
    }
    tried(3);
    assert!(visit(&mut bell, "xxxxxxxxxxxxxxxx").iter().all(Result::is_ok));
    drop(bell);
    assert_eq!(notes.values(), [true, false]);
}

#[test]
fn a_wish_for_a_zone_that_is_not_there_is_said() {
    let mut bell = Bell::start(options("stayed:gate", 1, 0), || Ok(Notes::default())).unwrap();
    let said = visit(&mut bell, "x").remove(0).unwrap_err();
    assert_eq!(said, "the bell: there is no zone `gate`; there are: door");
}

#[test]
fn a_machine_without_such_a_pin_says_so() {
    let error = Pin::open("no pin is called this", false).unwrap_err();
    assert!(error.to_string().contains("gpioinfo"), "{error}");
}

#[test]
fn the_configuration_is_well_formed() {
    let config = Config::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("retort.toml")).unwrap();
    let places = config.places(&["person".into()]).unwrap();
    config.outlets.check_places(&places).unwrap();
    let wish = options("stayed:door", 1, 0).on;
    wish.check(&places).unwrap();
    assert!(places.zones[0].dwell.is_some(), "without it nobody ever stays");
}

/// The whole service, which finds a disc and a square in made-up frames.
#[cfg(feature = "onnx")]
mod service {
    use retort::service::{Ended, Service};

    use super::*;

    /// Runs it for 400 frames, 13 s of the film; how often `stayed` was said, and how many pictures there are.
    fn run(bell: Bell) -> (usize, usize) {
        let folder = tempfile::tempdir().unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shapes-128.onnx");
        let config = format!(
            "source = \"synthetic:320x240\"\n[model]\nfile = \"{}\"\nscore = 0.2\n[[zone]]\nname = \"door\"\ndwell = 1.0\n\
             [to.json]\nfile = \"log.jsonl\"\n[to.snapshots]\nfolder = \"visitors\"\non = [\"stayed:door\"]\n\
             [to.mqtt]\naddress = \"mqtt://127.0.0.1:9\"\n[watchdog]\nseconds = 0\n",
            model.display()
        );
        let path = folder.path().join("retort.toml");
        std::fs::write(&path, config).unwrap();
        let mut service = Service::open(&path, Default::default(), Default::default()).unwrap();
        service.add_sink("bell", Box::new(bell));
        assert_eq!(service.run(Some(400)).unwrap(), Ended::Enough);
        drop(service);
        let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
        let events = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let pictures = std::fs::read_dir(folder.path().join("visitors")).unwrap().map(|entry| entry.unwrap().path());
        let stayed = events.filter(|event| event["event"] == "stayed").count();
        (stayed, pictures.filter(|path| path.extension().is_some_and(|end| end == "jpg")).count())
    }

    #[test]
    fn the_bell_rings_once_for_many_visits_and_pictures_are_kept_though_the_broker_is_away() {
        let notes = Notes::default();
        let line = notes.clone();
        let (stayed, pictures) =
            run(Bell::start(options("stayed:door", 1, 600_000), move || Ok(line.clone())).unwrap());
        assert!(stayed > 1, "{stayed} visits");
        assert!(pictures > 0);
        assert_eq!(notes.values(), [true, false]);
    }

    #[test]
    fn without_a_pin_the_rest_goes_on() {
        let open = || Pin::open("no pin is called this", false);
        let (stayed, pictures) = run(Bell::start(options("stayed:door", 1, 0), open).unwrap());
        assert!(stayed > 1 && pictures > 0, "{stayed} visits, {pictures} pictures");
    }
}
