//! A display end to end: what goes over the wire is put together again as the controller would, and must be the view.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::panel::tests::{NoDelay, Recorder, Sent};
use super::*;
use crate::sink::Findings;
use crate::source::{Shot, Source, Synthetic};
use crate::vision::detection::Detection;
use crate::vision::geometry::Rect;
use crate::vision::latency::Latency;

const NAMES: [&str; 2] = ["person", "traffic light"];

fn detection(class: u32, left: f32, top: f32) -> Detection {
    let rect = Rect { left, top, right: left + 120.0, bottom: top + 90.0 };
    Detection { class, score: 0.87, rect, track: None }
}

/// Shows frames of a film on `display` and calls `check` after each, with what a view of the same frames shows. Every second
/// frame is the one before with other findings.
fn play(display: &mut Display, mut check: impl FnMut(&[u8])) {
    let mut view = View::new(display.screen.size(), display.screen.depth());
    let mut film = Synthetic::open("synthetic:320x240", "320x240").unwrap();
    let classes = NAMES.map(String::from);
    for number in 0..4 {
        let shot = film.next_shot().unwrap().unwrap();
        let all = [detection(0, 20.0 + 30.0 * number as f32, 40.0), detection(1, 190.0, 140.0)];
        for findings in [&all[..], &all[1..]] {
            let report = report(number, shot, findings, &classes);
            display.take(&report).unwrap();
            check(view.draw(&report));
        }
    }
}

fn report<'a>(number: u64, shot: Shot<'a>, findings: &'a [Detection], classes: &'a [String]) -> Report<'a> {
    Report {
        latency: Latency { infer: Duration::from_micros(34_500), ..Latency::default() },
        ..Report::new(number, shot, Findings::Detections(findings), classes)
    }
}

/// Puts the pixels of windows where the controller would put them; returns how many there were.
fn receive(sent: &[Sent], memory: &mut [[u8; 2]], width: usize) -> usize {
    let (mut columns, mut rows, mut at, mut count) = ([0, 0], [0, 0], 0, 0);
    let edges = |bytes: &[u8]| [0, 2].map(|i| usize::from(bytes[i]) << 8 | usize::from(bytes[i + 1]));
    for sent in sent {
        match sent {
            Sent::Command(0x2A, arguments) => columns = edges(arguments),
            Sent::Command(0x2B, arguments) => rows = edges(arguments),
            Sent::Command(0x2C, _) => at = 0,
            Sent::Command(other, _) => panic!("{other:#x} is no part of a picture"),
            Sent::Pixels(bytes) => {
                for &pixel in bytes.as_chunks().0 {
                    let across = columns[1] + 1 - columns[0];
                    let (x, y) = (columns[0] + at % across, rows[0] + at / across);
                    assert!(y <= rows[1], "more pixels than the window has");
                    memory[y * width + x] = pixel;
                    (at, count) = (at + 1, count + 1);
                }
            }
        }
    }
    count
}

#[test]
fn a_panel_shows_the_view_and_is_sent_only_what_changed() {
    for (controller, size) in
        [(Controller::St7789, [240, 240]), (Controller::St7789, [135, 240]), (Controller::Ili9341, [320, 240])]
    {
        let bus = Recorder::default();
        let panel = Panel::new(controller, bus.clone(), &PanelOptions::of(controller, size), &mut NoDelay).unwrap();
        bus.0.borrow_mut().clear();
        let mut display = Display::on("panel", Box::new(panel));
        let mut memory = vec![[0; 2]; size[0] * size[1]];
        let mut counts = Vec::new();
        play(&mut display, |expected| {
            counts.push(receive(&bus.0.take(), &mut memory, size[0]));
            let expected = expected.as_chunks::<3>().0.iter().map(|&[red, green, blue]| {
                (u16::from(red >> 3) << 11 | u16::from(green >> 2) << 5 | u16::from(blue >> 3)).to_be_bytes()
            });
            assert!(memory.iter().copied().eq(expected), "{controller:?} {size:?}, frame {}", counts.len());
        });
        let all = size[0] * size[1];
        assert_eq!(counts[0], all, "at first all of it");
        for &count in &counts[1..] {
            assert!((1..all / 2).contains(&count), "{controller:?} {size:?}: {counts:?} of {all}");
        }
    }
}

#[test]
fn an_oled_shows_the_view() {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let wire = sent.clone();
    let write = move |bytes: &[u8]| {
        wire.borrow_mut().push(bytes.to_vec());
        Ok(())
    };
    let mut display = Display::on("oled", Box::new(Ssd1306::new(write, [128, 64]).unwrap()));
    sent.borrow_mut().clear();
    let mut memory = vec![0u8; 128 * 8];
    play(&mut display, |expected| {
        for pair in sent.take().chunks(2) {
            let [window, bytes] = pair else { panic!("a window and its bytes") };
            let [0, 0x21, left, right, 0x22, top, bottom] = window[..] else { panic!("{window:?} is no window") };
            let across = usize::from(right - left) + 1;
            assert_eq!((bytes[0], bytes.len()), (0x40, 1 + across * (usize::from(bottom - top) + 1)));
            for (at, &byte) in bytes[1..].iter().enumerate() {
                memory[(usize::from(top) + at / across) * 128 + usize::from(left) + at % across] = byte;
            }
        }
        for (at, pixel) in expected.as_chunks::<3>().0.iter().enumerate() {
            let (x, y) = (at % 128, at / 128);
            assert_eq!(memory[y / 8 * 128 + x] >> (y % 8) & 1 == 1, pixel[0] == 255, "({x}, {y})");
        }
    });
}

#[test]
fn a_framebuffer_and_png_files_show_the_view() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fb");
    std::fs::write(&file, []).unwrap();
    let open = |name: String| Display::open(&Name::parse(&name).unwrap()).unwrap();
    let mut display = open(format!("fb:{},160x120,bits=32", file.display()));
    play(&mut display, |expected| {
        let shown = std::fs::read(&file).unwrap();
        let pixels = shown.as_chunks::<4>().0.iter().map(|&[blue, green, red, _]| [red, green, blue]);
        assert!(pixels.eq(expected.as_chunks::<3>().0.iter().copied()));
    });
    let mut display = open(format!("png:{},160x120", folder.path().join("png").display()));
    let mut number = 0;
    play(&mut display, |expected| {
        number += 1;
        let picture = image::open(folder.path().join(format!("png/{number:06}.png"))).unwrap().into_rgb8();
        assert_eq!(picture.as_raw(), expected);
    });
}

/// A screen that fails once.
struct Loose {
    fails: bool,
    areas: Rc<RefCell<Vec<Area>>>,
}

impl Screen for Loose {
    fn size(&self) -> [usize; 2] {
        [60, 40]
    }

    fn depth(&self) -> Depth {
        Depth::Rgb888
    }

    fn show(&mut self, area: &Area, _: &[u8]) -> io::Result<()> {
        self.areas.borrow_mut().push(*area);
        if std::mem::take(&mut self.fails) { Err(io::Error::other("a loose contact")) } else { Ok(()) }
    }
}

#[test]
fn a_screen_that_failed_is_shown_everything_again() {
    let areas = Rc::new(RefCell::new(Vec::new()));
    let mut display = Display::on("a screen", Box::new(Loose { fails: true, areas: areas.clone() }));
    let mut film = Synthetic::open("film", "60x40").unwrap();
    let shot = film.next_shot().unwrap().unwrap();
    let report = report(1, shot, &[], &[]);
    let error = display.take(&report).unwrap_err().to_string();
    assert_eq!(error, "a screen: cannot be written to: a loose contact");
    display.take(&report).unwrap();
    display.take(&report).unwrap();
    assert_eq!(*areas.borrow(), [Area { left: 0, top: 0, right: 60, bottom: 40 }; 2]);
}
