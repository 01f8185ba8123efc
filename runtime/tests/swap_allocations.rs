//! While a model may be replaced, frames cost no allocation: not before, not after, and not for looking at the files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use retort::contract::golden_picture;
use retort::model::swap::{Swap, Watched, prove};
use retort::model::{InputKind, LoadOptions, Model};
use retort::vision::detector::Detector;
use retort::vision::frame::Frame;
use retort::{Error, vision::detection::Detection};
use retort_alloc_count::{CountingAllocator, requests_during};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// So often the files are looked at.
const EVERY: Duration = Duration::from_millis(5);
/// In so many frames, of more than a millisecond each, the files are looked at many times.
const FRAMES: usize = 40;

fn prepare(path: &Path) -> Result<Detector, Error> {
    let model = Model::open(path, &LoadOptions { input: InputKind::Quantised, ..LoadOptions::default() })?;
    let contract = model.find_contract(None)?;
    prove(&model, &contract)?;
    Detector::new(&model, &contract)
}

/// Looks at a frame as a loop does, and says what the file's replacement has come to.
fn frame(detector: &mut Detector, swap: &Swap<Detector, Error>, picture: &Frame<'_>) -> Option<Result<(), Error>> {
    detector.detect(picture).expect("it runs");
    std::thread::sleep(Duration::from_millis(1));
    swap.news().map(|news| news.map(|new| *detector = new))
}

#[test]
fn a_model_is_replaced_between_two_frames_and_frames_cost_nothing() {
    assert!(requests_during(|| drop(std::hint::black_box(vec![0_u8; 9]))) > 0, "the counter does not count");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let shipped = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/shapes-128.onnx")).unwrap();
    let replace = |bytes: &[u8]| {
        let partial = folder.path().join("partial");
        std::fs::write(&partial, bytes).unwrap();
        std::fs::rename(&partial, &path).unwrap();
    };
    replace(&shipped);
    let pixels = golden_picture(3, 200, 150, 3);
    let picture = Frame::rgb(&pixels, 200, 150).unwrap();
    let watched = Watched::model(&path, None).every(EVERY);
    let mut detector = prepare(&path).unwrap();
    let file = path.clone();
    let swap = Swap::start(watched, Arc::default(), move || prepare(&file)).unwrap();
    let expected: Vec<Detection> = detector.detect(&picture).unwrap().to_vec();

    let steady = |detector: &mut Detector| {
        assert!(frame(detector, &swap, &picture).is_none());
        // The thread that prepared may still be putting away what it needed.
        while swap.takes_memory() {}
        let requests = requests_during(|| {
            for _ in 0..FRAMES {
                assert!(frame(detector, &swap, &picture).is_none());
            }
        });
        assert_eq!(requests, 0, "in {FRAMES} frames");
        assert!(!swap.takes_memory());
        assert_eq!(detector.detections(), expected);
    };
    // Until there is news; every frame before it is the old one's.
    let until_news = |detector: &mut Detector| {
        for _ in 0..60_000 {
            let news = frame(detector, &swap, &picture);
            if let Some(news) = news {
                return news;
            }
            assert_eq!(detector.detections(), expected);
        }
        panic!("no news");
    };

    steady(&mut detector);
    let old: *const str = detector.classes()[0].as_str();
    replace(&shipped);
    until_news(&mut detector).unwrap();
    assert!(!std::ptr::eq(old, detector.classes()[0].as_str()), "it is another detector");
    steady(&mut detector);

    // What does not load, and what does not compute what it promises: the promise is a number in the file's metadata.
    let promise = shipped.windows(10).position(|bytes| bytes == b"1188569370").expect("the checksum of the contract");
    let mut faulty = shipped.clone();
    faulty[promise + 9] = b'1';
    for (bytes, why) in [(&shipped[..shipped.len() / 2], "model.onnx"), (&faulty, "fails its self-test")] {
        replace(bytes);
        let error = until_news(&mut detector).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("model.onnx"), "{error}");
        steady(&mut detector);
    }
    replace(&shipped);
    until_news(&mut detector).unwrap();
    steady(&mut detector);
}
