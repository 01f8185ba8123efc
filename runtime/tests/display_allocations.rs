//! A display allocates nothing after its first frame, whatever hangs on the wire. One test, because it counts for the whole
//! process.
#![cfg(feature = "display")]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use retort::display::{Bus, Controller, Display, Framebuffer, Layout, Panel, PanelOptions, Screen, Ssd1306};
use retort::sink::{Findings, Report, Sink};
use retort::source::{Source, Synthetic};
use retort::vision::detection::Detection;
use retort::vision::geometry::Rect;
use retort::vision::latency::Latency;
use retort_alloc_count::{CountingAllocator, requests_during};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Bytes that went over a wire.
static SENT: AtomicUsize = AtomicUsize::new(0);

fn send(bytes: &[u8]) -> io::Result<()> {
    SENT.fetch_add(bytes.len(), Ordering::Relaxed);
    Ok(())
}

struct Wire;

impl Bus for Wire {
    fn command(&mut self, _: u8, arguments: &[u8]) -> io::Result<()> {
        send(arguments)
    }

    fn pixels(&mut self, bytes: &[u8]) -> io::Result<()> {
        send(bytes)
    }
}

struct NoDelay;

impl DelayNs for NoDelay {
    fn delay_ns(&mut self, _: u32) {}
}

#[test]
fn nothing_is_allocated_after_the_first_frame() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = PanelOptions::of(Controller::St7789, [240, 240]);
    let panel = Panel::new(Controller::St7789, Wire, &options, &mut NoDelay).unwrap();
    let framebuffer = Framebuffer::open(file.path(), Layout::dense([320, 240], 16)).unwrap();
    let screens: [Box<dyn Screen>; 3] =
        [Box::new(panel), Box::new(framebuffer), Box::new(Ssd1306::new(send, [128, 64]).unwrap())];
    let classes = ["person".to_string(), "dog".to_string()];
    for screen in screens {
        let mut display = Display::on("a screen", screen);
        let mut film = Synthetic::open("film", "640x480").unwrap();
        let mut counts = Vec::new();
        for number in 0..20u32 {
            let at = 20.0 * number as f32;
            let rect = Rect { left: at, top: 50.0, right: at + 200.0, bottom: 300.0 };
            let found = [0, 1].map(|class| Detection { class, score: 0.9, rect, track: Some(number + 90) });
            let count = requests_during(|| {
                let report = Report {
                    latency: Latency { infer: Duration::from_millis(95 + u64::from(number)), ..Latency::default() },
                    ..Report::new(
                        number.into(),
                        film.next_shot().unwrap().unwrap(),
                        Findings::Detections(&found),
                        &classes,
                    )
                };
                display.take(&report).unwrap();
            });
            counts.push(count);
        }
        assert!(counts[0] > 0, "the first frame makes room, or nothing was counted");
        assert_eq!(counts[1..], [0; 19]);
    }
    assert!(SENT.load(Ordering::Relaxed) > 240 * 240 * 2, "little was sent");
}
