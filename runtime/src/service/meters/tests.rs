use super::*;
use crate::place::{Polygon, Zone};
use crate::source::Shot;
use crate::vision::detection::Detection;
use crate::vision::frame::Frame;
use crate::vision::geometry::Rect;
use crate::vision::latency::Latency;
use crate::vision::tracking::{Tracker, TrackerOptions};

fn zone(name: &str) -> Zone {
    Zone::new(name, Polygon::whole())
}

/// Meters after one frame with one person in two zones.
fn meters() -> Meters {
    let classes = ["person".to_string(), "cat".to_string()];
    let rect = Rect { left: 1.0, top: 1.0, right: 3.0, bottom: 2.0 };
    let found = [Detection { class: 0, score: 0.9, rect, track: Some(1) }];
    let mut tracker = Tracker::new(TrackerOptions::default(), 4);
    tracker.update(&found, 1);
    let mut scene = Scene::new(Places { zones: vec![zone("door"), zone("a \"b\"")], ..Places::default() }, 4);
    scene.update(tracker.tracks(), [4, 2], 1, Duration::ZERO);
    let pixels = [0; 24];
    let report = Report {
        latency: Latency { infer: Duration::from_millis(8), ..Latency::default() },
        age: Some(Duration::from_millis(30)),
        scene: Some(&scene),
        ..Report::new(
            1,
            Shot::new("camera:0", Frame::rgb(&pixels, 4, 2).unwrap()),
            Findings::Detections(&found),
            &classes,
        )
    };
    let mut meters = Meters::new(&classes);
    meters.watch(&scene);
    meters.list_outlets([("json".to_string(), None)].into_iter());
    meters.losses = Losses { dropped: 2, reconnects: 1 };
    meters.add(&report);
    meters.outlet(0, false);
    meters
}

#[test]
fn prometheus_reads_what_was_counted() {
    let mut text = String::new();
    meters().write_prometheus(&mut text);
    for line in [
        "retort_frames_total 1",
        "retort_frames_dropped_total 2",
        "retort_stage_seconds_bucket{stage=\"infer\",le=\"0.005\"} 0",
        "retort_stage_seconds_bucket{stage=\"infer\",le=\"0.01\"} 1",
        "retort_stage_seconds_bucket{stage=\"infer\",le=\"+Inf\"} 1",
        "retort_stage_seconds_count{stage=\"infer\"} 1",
        "retort_frame_age_seconds_sum 0.03",
        "retort_objects{class=\"person\"} 1",
        "retort_objects{class=\"cat\"} 0",
        "retort_zone_objects{zone=\"a \\\"b\\\"\"} 1",
        "retort_zone_entered_total{zone=\"door\"} 1",
        "retort_events_total{event=\"entered\"} 2",
        "retort_sink_failures_total{sink=\"json\"} 1",
        "# TYPE retort_stage_seconds histogram",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    // Each family is described once, before its first line.
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let mut unique = heads.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), heads.len());
}

#[test]
fn the_page_gets_json_and_only_the_events_that_it_does_not_know() {
    let meters = meters();
    let mut text = String::new();
    meters.write_json(&mut text);
    let value: serde_json::Value = serde_json::from_str(&text).expect(&text);
    assert_eq!(value["zones"][1]["name"], "a \"b\"");
    assert_eq!((value["infer_ms"].as_f64(), value["age_ms"].as_f64()), (Some(8.0), Some(30.0)));
    let (events, said) = meters.events_after(1);
    assert_eq!((events.count(), said), (1, 2));
    assert_eq!(meters.events_after(2).0.count(), 0);
    assert!(meters.events_after(0).0.next().unwrap().contains("\"zone\":\"door\""));
}
