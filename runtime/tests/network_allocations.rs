//! Handing a frame to the sinks that send over a network allocates nothing, whether something happened on it or not, and their
//! threads are quiet while nothing does.
#![cfg(feature = "network")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use retort::place::{Ends, Line, Places, Polygon, Scene, Zone};
use retort::service::SharedMeters;
use retort::sink::{Findings, Report, Sink, SinkHealth, mqtt, webhook};
use retort::source::Shot;
use retort::vision::detection::Detection;
use retort::vision::frame::Frame;
use retort::vision::geometry::Rect;
use retort::vision::tracking::{Tracker, TrackerOptions};
use retort_alloc_count::{CountingAllocator, requests_during};

#[path = "fakes/broker.rs"]
#[allow(dead_code)]
mod broker;

use broker::{Broker, Manner};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn places() -> Places {
    let area = Polygon::new(vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]).unwrap();
    let zone = Zone::new("door", area);
    let line = Line::new("gate", Ends::new([0.5, 1.0], [0.5, 0.0]).unwrap());
    Places { zones: vec![zone], lines: vec![line], masks: Vec::new() }
}

/// Somebody who walks to and fro over the line, or stands still.
struct World {
    tracker: Tracker,
    scene: Scene,
    number: u64,
    events: u64,
    crossed: u64,
}

impl World {
    fn new() -> World {
        let tracker = Tracker::new(TrackerOptions::default(), 8);
        World { tracker, scene: Scene::new(places(), 8), number: 0, events: 0, crossed: 0 }
    }

    fn frames(&mut self, count: u64, walks: bool, sinks: &mut [&mut dyn Sink]) {
        for _ in 0..count {
            self.number += 1;
            let step = if walks { self.number % 100 } else { 0 };
            let left = 40.0 + 2.0 * step.min(100 - step) as f32;
            let rect = Rect { left, top: 20.0, right: left + 20.0, bottom: 60.0 };
            self.tracker.update(&[Detection { class: 0, score: 0.9, rect, track: None }], 1);
            let at = Duration::from_millis(40 * self.number);
            let events = self.scene.update(self.tracker.tracks(), [200, 100], self.number, at);
            self.events += events.len() as u64;
            self.crossed += events.iter().filter(|event| event.what.word() == "crossed").count() as u64;
            let report = Report {
                scene: Some(&self.scene),
                ..Report::new(
                    self.number,
                    Shot::new("camera:0", Frame::rgb(&[0; 24], 4, 2).unwrap()),
                    Findings::Detections(&[]),
                    &[],
                )
            };
            for sink in &mut *sinks {
                sink.take(&report).unwrap();
            }
        }
    }
}

/// Answers every request on one connection after another.
fn receiver() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while {
                line.clear();
                reader.read_line(&mut line).is_ok_and(|read| read > 0)
            } {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    reader.read_exact(&mut vec![0; length]).unwrap();
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                }
            }
        }
    });
    address
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come to be");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether `work` asks for no memory. All threads count together, and on a busy machine one may still have something to do from
/// before; so it is tried a few times, of which what allocates by itself would pass none.
fn allocates_nothing(mut work: impl FnMut()) -> bool {
    (0..5).any(|_| {
        thread::sleep(Duration::from_millis(100));
        requests_during(&mut work) == 0
    })
}

/// One test, because all threads of the program count together.
#[test]
fn frames_cost_no_allocation_and_threads_that_wait_are_quiet() {
    assert!(requests_during(|| drop(vec![1])) > 0, "the counter does not count");
    let classes = ["person".to_string()];

    // Where everything is delivered. Only frames on which nothing happens can be counted alone.
    let broker = Broker::start("127.0.0.1:0".parse().unwrap(), &[Manner::default()]);
    // How the machine does is told on connecting, and again after this test.
    let (options, asked) =
        (mqtt::Options::new(format!("mqtt://{}", broker.address)), Box::new(SharedMeters::new(&classes)));
    let mut mqtt = mqtt::Mqtt::start(&options, &places(), &classes, Some(asked)).unwrap();
    let url = format!("http://{}/", receiver());
    let mut webhook = webhook::Webhook::start(&webhook::Options::new(url), &places(), &classes).unwrap();
    let mut world = World::new();
    world.frames(500, true, &mut [&mut mqtt, &mut webhook]);
    // Standing still may be far from where the walk ended, and so an event, too.
    world.frames(10, false, &mut [&mut mqtt, &mut webhook]);
    let events = world.events;
    assert!(events > 10, "{events}");
    let all = SinkHealth { connected: true, delivered: events, dropped: 0, queued: 0 };
    wait_until("delivery", || mqtt.health() == all && webhook.health() == all);
    // Counts are sent for the last time a second after that at most, and the broker of the test notes them.
    thread::sleep(Duration::from_millis(1500));
    let still = || world.frames(1000, false, &mut [&mut mqtt, &mut webhook]);
    assert!(allocates_nothing(still), "frames cost allocations");
    assert_eq!(world.events, events, "nothing happened on these frames");
    assert!(allocates_nothing(|| thread::sleep(Duration::from_secs(1))), "the threads do something while they wait");

    // Where nobody listens: the threads wait for a second at first, so that what is counted is the handing over alone.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let counted = (0..10).any(|_| {
        let options = mqtt::Options { queue: 20, ..mqtt::Options::new(format!("mqtt://{nobody}")) };
        let mut mqtt = mqtt::Mqtt::start(&options, &places(), &classes, None).unwrap();
        let events = vec!["crossed".parse().unwrap()];
        let options = webhook::Options { queue: 5, events, ..webhook::Options::new(format!("http://{nobody}/")) };
        let mut webhook = webhook::Webhook::start(&options, &places(), &classes).unwrap();
        let mut world = World::new();
        world.frames(60, true, &mut [&mut mqtt, &mut webhook]);
        thread::sleep(Duration::from_millis(300));
        let before = world.events;
        // The first time that events are dropped is said, which is not what is counted.
        let mut frames = |count| world.frames(count, true, &mut [&mut mqtt, &mut webhook]);
        frames(1000);
        thread::sleep(Duration::from_millis(100));
        let requests = requests_during(|| frames(1000));
        assert!(world.events > before + 40, "things happened");
        assert_eq!(mqtt.health().queued, 20);
        assert_eq!(mqtt.health().dropped + 20, world.events);
        let health = webhook.health();
        assert!(world.crossed < world.events && health.dropped > 0, "{health:?}");
        assert_eq!(health.dropped + health.queued, world.crossed, "only what was wished for");
        requests == 0
    });
    assert!(counted, "events cost allocations");
}
