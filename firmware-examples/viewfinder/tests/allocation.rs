//! Whoever looks through the viewfinder pays nothing for it: no allocation a frame, in the loop or by who shows the pictures.
#![cfg(feature = "onnx")]

use std::path::Path;
use std::time::{Duration, Instant};

use retort::display::Name;
use retort::service::{Ended, Service};
use retort_alloc_count::{CountingAllocator, requests_during};
use viewfinder::status::Status;
use viewfinder::viewfinder::Viewfinder;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn nothing_is_allocated_for_a_frame() {
    assert_eq!(requests_during(|| drop(std::hint::black_box(Box::new(1)))), 1, "the counter counts");
    let folder = tempfile::tempdir().unwrap();
    let (config, screen) = (folder.path().join("retort.toml"), folder.path().join("screen"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shapes-128.onnx");
    std::fs::write(&screen, []).unwrap();
    std::fs::write(
        &config,
        format!("source = \"synthetic:320x240\"\n[model]\nfile = \"{}\"\nscore = 0.2\n", file.display()),
    )
    .unwrap();
    let mut service = Service::open(&config, Default::default(), Default::default()).unwrap();
    let name = Name::parse(&format!("fb:{},240x240,bits=16", screen.display())).unwrap();
    let status = Status { rate: 24.9, temperature: Some(48.0), is_lost: false };
    let viewfinder = Viewfinder::start(move || name.open(), move || status).unwrap();
    // What there is before the first picture is no part of what a frame costs.
    let began = Instant::now();
    while std::fs::metadata(&screen).unwrap().len() < 240 * 240 * 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody opens the screen");
        std::thread::sleep(Duration::from_millis(5));
    }
    service.add_sink("viewfinder", Box::new(viewfinder));
    assert_eq!(service.run(Some(400)).unwrap(), Ended::Enough);
    let summary = serde_json::to_value(service.summary()).unwrap();
    assert!(summary["warm_frames"].as_u64().unwrap() >= 250, "{summary}");
    assert_eq!(summary["allocations"], 0, "{summary}");
    let shown = std::fs::read(&screen).unwrap();
    assert_eq!(shown.len(), 240 * 240 * 2);
    assert!(shown.iter().filter(|&&byte| byte != 0).count() > shown.len() / 2, "it shows pictures");
}
