//! From a stream of frames to the lines of results nothing is allocated, once a frame and a line have been seen.

use std::io::Read;

use retort::sink::{Findings, JsonLines, Report, Sink, Table};
use retort::source::y4m::Y4m;
use retort::source::{Film, Source, Stop, Synthetic};
use retort::vision::detection::Detection;
use retort::vision::geometry::Rect;
use retort::vision::tracking::{Tracker, TrackerOptions};
use retort_alloc_count::{CountingAllocator, requests_during};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// An endless Y4M stream.
struct Endless {
    piece: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.piece.len() {
            self.at = self.piece.len() - FRAME.len();
        }
        let count = to.len().min(self.piece.len() - self.at);
        to[..count].copy_from_slice(&self.piece[self.at..][..count]);
        self.at += count;
        Ok(count)
    }
}

const HEADER: &[u8] = b"YUV4MPEG2 W4 H2 F30:1 C420jpeg\n";
const FRAME: &[u8] = b"FRAME\nabcdefghabcd";

fn report_each(source: &mut dyn Source, sink: &mut dyn Sink, frames: usize) {
    let rect = Rect { left: 0.5, top: 0.25, right: 3.0, bottom: 2.0 };
    let detections = [Detection { class: 0, score: 0.91, rect, track: None }; 20];
    for number in 0..frames {
        let shot = source.next_shot().unwrap().unwrap();
        let findings = Findings::Detections(&detections);
        // Numbers of as many digits, so that lines are as long.
        let number = 1000 + number as u64;
        let report = Report { novelty: Some(1.37), ..Report::new(number, shot, findings, &[]) };
        sink.take(&report).unwrap();
    }
}

/// Takes what is written and forgets it.
struct Nowhere;

impl std::io::Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One test, because all threads of the program count together.
#[test]
fn neither_frames_nor_lines_nor_tracks_cost_an_allocation() {
    assert!(requests_during(|| drop(vec![1])) > 0, "the counter does not count");
    let piece = [HEADER, FRAME].concat();
    let film = Film::new("-", Y4m::open(Endless { piece, at: 0 }).unwrap(), Stop::default());
    let mut sources: [Box<dyn Source>; 2] = [Box::new(film), Box::new(Synthetic::open("synthetic", "64x48").unwrap())];
    let mut sinks: [Box<dyn Sink>; 2] = [Box::new(JsonLines::new(Nowhere)), Box::new(Table::new(Nowhere))];
    for source in &mut sources {
        for sink in &mut sinks {
            report_each(source.as_mut(), sink.as_mut(), 2);
            assert_eq!(requests_during(|| report_each(source.as_mut(), sink.as_mut(), 100)), 0);
        }
    }
    follow();
}

/// Objects come, cross, flicker and go; in all there are more than there is room for.
fn follow() {
    let mut tracker = Tracker::new(TrackerOptions { most: 64, ..TrackerOptions::default() }, 40);
    let mut detections = Vec::with_capacity(40);
    let requests = requests_during(|| {
        for frame in 0..500u32 {
            detections.clear();
            for object in (0..40).filter(|object| (object * 7 + frame) % 11 > 2) {
                let x = ((object * 53 + frame * (object % 5)) % 600) as f32;
                let score = ((object * 31 + frame * 17) % 100) as f32 / 100.0;
                let rect = Rect::around(x, (object * 11) as f32, 30.0, 60.0);
                detections.push(Detection { class: object % 3, score, rect, track: None });
            }
            tracker.update(&detections, 1);
        }
    });
    assert!(tracker.confirmed() > 64);
    assert_eq!(requests, 0);
}
