//! The counter without people or a display.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use people_counter::bitmap::Bitmap;
use people_counter::counter::Counter;
use people_counter::counts::Counts;
use people_counter::face::{Face, Fault};
use people_counter::screen::{self, Screen};
use retort::service::Config;

fn crate_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn face(came: u64, went: u64, inside: u64, fault: Option<Fault>) -> Face {
    Face { counts: Counts { came, went, inside }, fault }
}

/// Notes what is shown, as text.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Screen for Notes {
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()> {
        self.0.lock().unwrap().push(bitmap.text());
        Ok(())
    }
}

impl Notes {
    fn shown(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until that many faces were shown.
    fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.shown().len() < count {
            assert!(began.elapsed() < Duration::from_secs(60), "{} were shown", self.shown().len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn never() -> bool {
    false
}

#[test]
fn the_screen_shows_what_it_should() {
    for (name, face) in [
        ("counting", face(128, 97, 31, None)),
        ("lost", face(7, 1234, 0, Some(Fault::CameraLost))),
        ("many", face(1_000_000, 999_999, 12_345, Some(Fault::NotSaved))),
    ] {
        let path = crate_file(&format!("tests/golden/{name}.txt"));
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        let shown = Bitmap::of(&face).text();
        assert!(shown == golden, "{}: another screen is drawn:\n{shown}", path.display());
    }
}

#[test]
fn the_picture_of_the_readme_is_what_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("screen.png");
    let bitmap = Bitmap::of(&face(128, 97, 31, None));
    screen::open(&path.display().to_string()).unwrap().show(&bitmap).unwrap();
    let pixels =
        |path: &Path| image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8();
    let drawn = pixels(&path);
    assert_eq!(drawn.dimensions(), (512, 256));
    let lit = drawn.pixels().filter(|pixel| pixel[0] > 100).count();
    assert_eq!(lit, 16 * bitmap.pixels().filter(|(_, _, lit)| *lit).count());
    assert!(drawn == pixels(&crate_file("screen.png")), "screen.png shows another screen");
}

#[test]
fn the_screen_is_spoken_to_only_when_something_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (notes, lost) = (Notes::default(), Arc::new(AtomicBool::new(false)));
    let (screen, is_lost) = (notes.clone(), Arc::clone(&lost));
    let open = move || Ok(Box::new(screen.clone()) as Box<dyn Screen>);
    let file = folder.path().join("counts.json");
    let counter = Counter::start(file.clone(), open, move || is_lost.load(Ordering::SeqCst)).unwrap();
    notes.wait_for(1);
    // Time for more than twice looking.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(notes.shown().len(), 1, "nothing has changed");
    lost.store(true, Ordering::SeqCst);
    notes.wait_for(2);
    lost.store(false, Ordering::SeqCst);
    notes.wait_for(3);
    drop(counter);
    let faces = [None, Some(Fault::CameraLost), None, Some(Fault::Stopped)].map(|fault| face(0, 0, 0, fault));
    assert_eq!(notes.shown(), faces.map(|face| Bitmap::of(&face).text()));
    assert!(!file.exists(), "there was nothing to write");
}

#[test]
fn a_screen_that_fails_is_found_again_and_file_troubles_are_shown() {
    struct Loose(Notes);
    impl Screen for Loose {
        fn show(&mut self, bitmap: &Bitmap) -> io::Result<()> {
            self.0.show(bitmap)?;
            match self.0.shown().len() {
                1 => Err(io::Error::other("the display does not answer")),
                _ => Ok(()),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let screen = notes.clone();
    let open = move || Ok(Box::new(Loose(screen.clone())) as Box<dyn Screen>);
    let counter = Counter::start(folder.path().join("counts.json"), open, never).unwrap();
    notes.wait_for(2);
    let shown = notes.shown();
    assert_eq!(shown[0], shown[1], "the same again, on the screen that was opened anew");
    drop(counter);
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{").unwrap();
    let error = Counter::start(broken, || screen::open("terminal"), never).map(drop).unwrap_err().to_string();
    assert!(error.contains("broken.json"), "{error}");
    let error = |name: &str| screen::open(name).map(drop).unwrap_err().to_string();
    let missing = error("ssd1306:/dev/no-such-bus");
    assert!(missing.starts_with("ssd1306:/dev/no-such-bus: "), "{missing}");
    let narrow = error(&format!("png:{},128x32,mono", folder.path().display()));
    assert!(narrow.ends_with("has 128 × 32 pixels, not 128 × 64"), "{narrow}");
}

#[test]
fn a_display_shows_each_face_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = screen::open(&format!("png:{},128x64,mono", folder.path().display())).unwrap();
    for (number, count) in [(1, 128), (2, 129)] {
        let bitmap = Bitmap::of(&face(count, 97, 31, None));
        screen.show(&bitmap).unwrap();
        let shown = image::open(folder.path().join(format!("{number:06}.png"))).unwrap().to_rgb8();
        for (x, y, lit) in bitmap.pixels() {
            assert_eq!(shown.get_pixel(x as u32, y as u32)[0] == 255, lit, "face {number}, ({x}, {y})");
        }
    }
}

#[test]
fn the_configuration_is_well_formed() {
    let config = Config::read(&crate_file("retort.toml")).unwrap();
    let places = config.places(&["person".into()]).unwrap();
    config.outlets.check_places(&places).unwrap();
    assert_eq!((places.lines[0].forward.as_str(), places.lines[0].backward.as_str()), ("in", "out"));
}

/// The whole service: a disc and a square go to and fro in made-up frames.
#[cfg(feature = "onnx")]
mod service {
    use retort::service::{Ended, Service};

    use super::*;

    /// Runs it for 600 frames; crossings as the service itself logs them, `[in, out]`.
    fn run(folder: &Path, notes: &Notes) -> [u64; 2] {
        let config = format!(
            "source = \"synthetic:320x240\"\n[model]\nfile = \"{}\"\nscore = 0.2\n[[line]]\nname = \"gate\"\n\
             from = [0.5, 1.0]\nto = [0.5, 0.0]\nanchor = \"centre\"\n[to.json]\nfile = \"log.jsonl\"\n",
            crate_file("../../models/shapes-128.onnx").display()
        );
        let (path, log) = (folder.join("retort.toml"), folder.join("log.jsonl"));
        std::fs::write(&path, config).unwrap();
        let _ = std::fs::remove_file(&log);
        let mut service = Service::open(&path, Default::default(), Default::default()).unwrap();
        let screen = notes.clone();
        let open = move || Ok(Box::new(screen.clone()) as Box<dyn Screen>);
        let counter = Counter::start(folder.join("counts.json"), open, never).unwrap();
        service.add_sink("counter", Box::new(counter));
        assert_eq!(service.run(Some(600)).unwrap(), Ended::Enough);
        drop(service);
        let log = std::fs::read_to_string(log).unwrap();
        ["in", "out"].map(|way| log.matches(&format!("\"way\":\"{way}\"")).count() as u64)
    }

    #[test]
    fn what_the_service_says_is_counted_and_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let counts = || Counts::read(&folder.path().join("counts.json")).unwrap();
        let notes = Notes::default();
        let [came, went] = run(folder.path(), &notes);
        assert!(came > 0 && went > 0, "{came} in, {went} out");
        let first = counts();
        assert_eq!([first.came, first.went], [came, went]);
        let last = Bitmap::of(&Face { counts: first, fault: Some(Fault::Stopped) }).text();
        assert_eq!(notes.shown().last(), Some(&last));
        let notes = Notes::default();
        let [more_came, more_went] = run(folder.path(), &notes);
        let second = counts();
        assert_eq!([second.came, second.went], [came + more_came, went + more_went]);
    }
}
