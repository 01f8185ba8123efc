//! The viewfinder without a display: screens that keep what they are shown, and PNG files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use retort::display::{Area, Depth, Screen};
use retort::service::Config;
use retort::sink::{Findings, Report, Sink};
use retort::source::Shot;
use retort::vision::detection::Detection;
use retort::vision::draw::class_colour;
use retort::vision::frame::Frame;
use retort::vision::geometry::Rect;
use viewfinder::status::Status;
use viewfinder::viewfinder::Viewfinder;

use embedded_graphics::pixelcolor::RgbColor;

const SIDE: usize = 120;
/// The ground of the notices' bar.
const ALARM: [u8; 3] = [150, 20, 20];

fn crate_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a screen shows after a picture, and how many pixels it was sent for it.
type Shown = (Vec<u8>, usize);

/// What a screen has shown.
#[derive(Clone, Default)]
struct Film(Arc<Mutex<Vec<Shown>>>);

impl Film {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn last(&self) -> Vec<u8> {
        self.0.lock().unwrap().last().unwrap().0.clone()
    }

    /// Pixels that were sent for each picture.
    fn sent(&self) -> Vec<usize> {
        self.0.lock().unwrap().iter().map(|(_, sent)| *sent).collect()
    }
}

/// A screen whose `fails`th picture from now is not taken, if any, and that waits while `holds`.
struct Camera {
    film: Film,
    pixels: Vec<u8>,
    sent: usize,
    fails: Arc<AtomicUsize>,
    holds: Arc<AtomicBool>,
}

impl Screen for Camera {
    fn size(&self) -> [usize; 2] {
        [SIDE; 2]
    }

    fn depth(&self) -> Depth {
        Depth::Rgb888
    }

    fn show(&mut self, area: &Area, pixels: &[u8]) -> io::Result<()> {
        for y in area.top..area.bottom {
            let row = (y * SIDE + area.left) * 3..(y * SIDE + area.right) * 3;
            self.pixels[row.clone()].copy_from_slice(&pixels[row]);
        }
        self.sent += area.width() * area.height();
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        wait_until("the screen may go on", || !self.holds.load(Ordering::SeqCst));
        if self.fails.load(Ordering::SeqCst) > 0 && self.fails.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Err(io::Error::other("a loose contact"));
        }
        self.film.0.lock().unwrap().push((self.pixels.clone(), std::mem::take(&mut self.sent)));
        Ok(())
    }
}

/// A viewfinder on such a screen.
#[derive(Clone, Default)]
struct Set {
    film: Film,
    fails: Arc<AtomicUsize>,
    holds: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
}

impl Set {
    fn start(&self) -> Viewfinder {
        let (set, lost) = (self.clone(), Arc::clone(&self.lost));
        let open = move || -> Result<Box<dyn Screen>, io::Error> {
            let Set { film, fails, holds, .. } = set.clone();
            Ok(Box::new(Camera { film, pixels: vec![7; SIDE * SIDE * 3], sent: 0, fails, holds }))
        };
        let ask = move || Status { is_lost: lost.load(Ordering::SeqCst), ..Status::default() };
        let viewfinder = Viewfinder::start(open, ask).unwrap();
        wait_until("a screen", || self.film.len() == 1);
        viewfinder
    }
}

/// Hands over a frame of 240 × 120 pixels of one grey, with a person in the given box.
fn take(viewfinder: &mut Viewfinder, grey: u8, left: f32) {
    let pixels = vec![grey; 240 * 120 * 3];
    let rect = Rect { left, top: 40.0, right: left + 30.0, bottom: 80.0 };
    let person = [Detection { class: 0, score: 0.9, rect, track: None }];
    let classes = ["person".to_string()];
    let shot = Shot::new("door", Frame::rgb(&pixels, 240, 120).unwrap());
    viewfinder.take(&Report::new(1, shot, Findings::Detections(&person), &classes)).unwrap();
}

fn pixel(pixels: &[u8], x: usize, y: usize) -> [u8; 3] {
    pixels.as_chunks().0[y * SIDE + x]
}

#[test]
fn the_middle_of_the_frame_covers_the_screen_and_boxes_lie_on_it() {
    let set = Set::default();
    let mut viewfinder = set.start();
    assert_eq!(pixel(&set.film.last(), 1, 60), ALARM, "NO PICTURE YET");
    // The screen shows columns 60 to 180.
    take(&mut viewfinder, 90, 100.0);
    wait_until("a picture", || set.film.len() == 2);
    let (shown, colour) = (set.film.last(), class_colour(0));
    let colour = [colour.r(), colour.g(), colour.b()];
    for (x, y) in [(40, 60), (69, 60), (55, 79)] {
        assert_eq!(pixel(&shown, x, y), colour, "({x}, {y}) is on the box");
    }
    for (x, y) in [(0, 0), (119, 0), (55, 60), (42, 60), (67, 60)] {
        assert_eq!(pixel(&shown, x, y), [90; 3], "({x}, {y}) is of the frame");
    }
    assert_eq!(pixel(&shown, 119, 119), [22; 3], "the foot is dark");
    // Beside the middle nothing is to be seen.
    take(&mut viewfinder, 90, 10.0);
    wait_until("another picture", || set.film.len() == 3);
    let shown = set.film.last();
    let corner = |y| (0..SIDE).map(move |x| (x, y));
    assert!((0..100).flat_map(corner).all(|(x, y)| pixel(&shown, x, y) == [90; 3]));
    drop(viewfinder);
    assert_eq!(pixel(&set.film.last(), 1, 60), ALARM, "STOPPED");
    let sent = set.film.sent();
    assert_eq!(sent[0], SIDE * SIDE);
    assert!(sent[2] < SIDE * SIDE / 4, "only what changed: {sent:?}");
}

#[test]
fn a_lost_camera_is_said_over_its_last_picture() {
    let set = Set::default();
    let mut viewfinder = set.start();
    take(&mut viewfinder, 90, 100.0);
    wait_until("a picture", || set.film.len() == 2);
    let picture = set.film.last();
    set.lost.store(true, Ordering::SeqCst);
    wait_until("a notice", || set.film.len() == 3);
    let noted = set.film.last();
    assert_eq!((pixel(&noted, 1, 60), pixel(&noted, 1, 20)), (ALARM, [90; 3]));
    set.lost.store(false, Ordering::SeqCst);
    wait_until("the picture without it", || set.film.len() == 4);
    assert!(set.film.last() == picture);
}

#[test]
fn no_frame_waits_for_a_slow_screen_which_shows_the_newest() {
    let set = Set::default();
    let mut viewfinder = set.start();
    set.holds.store(true, Ordering::SeqCst);
    let began = Instant::now();
    (0..50).for_each(|grey| take(&mut viewfinder, 100 + grey, 100.0));
    assert!(began.elapsed() < Duration::from_secs(30));
    set.holds.store(false, Ordering::SeqCst);
    wait_until("the newest", || pixel(&set.film.last(), 0, 0) == [149; 3]);
    assert!(set.film.len() <= 3, "one that was on its way, and the newest: {}", set.film.len());
}

#[test]
fn a_screen_that_fails_is_found_again() {
    let set = Set::default();
    let mut viewfinder = set.start();
    set.fails.store(1, Ordering::SeqCst);
    take(&mut viewfinder, 90, 100.0);
    wait_until("another screen", || set.film.len() == 2);
    assert_eq!(set.film.sent(), [SIDE * SIDE; 2], "all of it, since nobody knows what it shows");
    take(&mut viewfinder, 91, 100.0);
    wait_until("a picture", || set.film.len() == 3);
    assert_eq!(pixel(&set.film.last(), 0, 0), [91; 3]);
}

#[test]
fn the_configuration_is_well_formed() {
    Config::read(&crate_file("retort.toml")).unwrap();
}

/// The whole service on a sample picture.
#[cfg(feature = "onnx")]
#[test]
fn the_picture_of_the_readme_is_what_is_shown() {
    use retort::display::Name;
    use retort::service::{Ended, Service};

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let config = format!(
        "source = \"{}\"\n[model]\nfile = \"{}\"\nscore = 0.5\n",
        crate_file("../../models/samples/shapes-1.png").display(),
        crate_file("../../models/shapes-128.onnx").display()
    );
    std::fs::write(path("retort.toml"), config).unwrap();
    let mut service = Service::open(&path("retort.toml"), Default::default(), Default::default()).unwrap();
    let name = Name::parse(&format!("png:{},240x240", path("screen").display())).unwrap();
    let status = Status { rate: 24.9, temperature: Some(48.2), is_lost: false };
    let viewfinder = Viewfinder::start(move || name.open(), move || status).unwrap();
    wait_until("a screen", || path("screen/000001.png").exists());
    service.add_sink("viewfinder", Box::new(viewfinder));
    assert_eq!(service.run(None).unwrap(), Ended::NoMoreFrames);
    drop(service);
    let pixels =
        |path: &Path| image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8();
    let (shown, golden) = (path("screen/000002.png"), crate_file("screen.png"));
    let picture = pixels(&shown);
    assert_eq!(picture.dimensions(), (240, 240));
    assert!(picture == pixels(&golden), "another picture is shown than {}", golden.display());
}
