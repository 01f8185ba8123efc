//! No inference allocates, on one thread or two: neither the session alone, in any of four networks' files, nor the whole
//! way from a picture to its boxes with the shipped model. One test, because it counts for the whole process.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use retort::contract::Task;
use retort::model::{InputKind, LoadOptions, Model};
use retort::tensor::TensorMut;
use retort::vision::detector::Detector;
use retort::vision::frame::Frame;
use retort_tests::allocation::{CountingAllocator, requests_during};
use retort_tests::data;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Models of the test data and the contracts that the repository has for them: a head of each family.
const THIRD_PARTY: &[(&str, &str)] = &[
    ("fastestdet_352", "fastestdet"),
    ("nanodet_m_320", "nanodet_m"),
    ("ultraface_rfb_320", "ultraface_rfb_320"),
    ("ultraface_slim_320_raw", "ultraface_slim_320_raw"),
    ("yolox_nano", "yolox_nano"),
];

#[test]
fn inference_does_not_allocate() {
    the_counter_counts();
    for network in ["det320", "rfb320", "slim320", "fastestdet"] {
        for form in ["f32", "qdq_u8", "qop_u8", "qdq_s8"] {
            sessions_do_not_allocate(&format!("peers/models/{network}_{form}.onnx"));
        }
    }
    let shipped = models(&data::repository().join("models"));
    assert!(!shipped.is_empty(), "the repository ships no detector");
    shipped.iter().for_each(|model| detecting_does_not_allocate(model, None));
    for (model, contract) in THIRD_PARTY {
        if let Some(model) = data::find(&format!("models/{model}.onnx")) {
            let contract = data::repository().join(format!("models/contracts/{contract}.toml"));
            detecting_does_not_allocate(&model, Some(&contract));
        }
    }
}

/// What is counted, and that nothing else is: otherwise the zeros below would prove nothing.
fn the_counter_counts() {
    let mut growing = Vec::with_capacity(1);
    assert_eq!(requests_during(|| drop(black_box(Box::new(1)))), 1, "a box");
    assert_eq!(requests_during(|| drop(black_box(vec![0u8; 100]))), 1, "zeroed memory");
    assert_eq!(requests_during(|| growing.extend(black_box([1, 2, 3]))), 1, "a reallocation");
    let arithmetic = requests_during(|| {
        black_box(growing.iter().sum::<i32>());
    });
    assert_eq!(arithmetic, 0);

    // The thread runs before the count starts and ends after it, so that what counts is its own box.
    let step = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            step.wait();
            black_box(Box::new(1));
            step.wait();
        });
        let counted = requests_during(|| {
            step.wait();
            step.wait();
        });
        assert_eq!(counted, 1, "a box of another thread");
    });
}

/// `strict` refuses a model that would run any part as a fallback step, so loading proves that there is none.
fn sessions_do_not_allocate(file: &str) {
    let Some(path) = data::find(file) else { return };
    for (input, threads) in
        [(InputKind::Float, 1), (InputKind::Float, 2), (InputKind::Quantised, 1), (InputKind::Quantised, 2)]
    {
        let options = LoadOptions { input, strict: true, threads: NonZeroUsize::new(threads), ..Default::default() };
        let model = Model::open(&path, &options).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut session = model.session();
        assert_eq!(session.threads(), threads);
        // On two threads some runs are helped and some are not.
        for run in 0..2 * threads * threads {
            let counted = requests_during(|| {
                for index in 0..model.inputs().len() {
                    fill(session.input(index), run);
                }
                session.run().unwrap_or_else(|error| panic!("{file}: {error}"));
                for index in 0..model.outputs().len() {
                    black_box(session.output(index));
                }
            });
            assert_eq!(counted, 0, "{file}, {input:?}, {threads} thread(s), run {run}");
        }
    }
}

/// A pattern that differs from run to run.
fn fill(memory: TensorMut<'_>, seed: usize) {
    let byte = |i: usize| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 7) as u8;
    match memory {
        TensorMut::F32(memory) => memory.iter_mut().enumerate().for_each(|(i, v)| *v = f32::from(byte(i)) / 255.0),
        TensorMut::U8(memory) => memory.iter_mut().enumerate().for_each(|(i, v)| *v = byte(i)),
        other => panic!("no image: {other:?}"),
    }
}

/// The ONNX files of a folder.
fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    files.sort();
    files
}

/// The first frame of a size may set up tables for it; every later one must come through without a request.
fn detecting_does_not_allocate(path: &Path, contract: Option<&Path>) {
    let fail = |error: retort::Error| -> ! { panic!("{}: {error}", path.display()) };
    let options = LoadOptions { input: InputKind::Quantised, strict: true, ..Default::default() };
    let model = Model::open(path, &options).unwrap_or_else(|error| fail(error));
    let contract = model.find_contract(contract).unwrap_or_else(|error| fail(error));
    if contract.task != Task::Detect {
        return;
    }
    let mut detector = Detector::new(&model, &contract).unwrap_or_else(|error| fail(error));
    let (width, height) = (321, 240);
    let mut pixels = vec![0u8; width * height * 3];
    for run in 0..3 {
        fill(TensorMut::U8(&mut pixels), run);
        let counted = requests_during(|| {
            let frame = Frame::rgb(&pixels, width, height).unwrap_or_else(|error| fail(error.into()));
            black_box(detector.detect(&frame).unwrap_or_else(|error| fail(error)));
        });
        assert!(run == 0 || counted == 0, "{}, frame {run}: {counted} requests", path.display());
    }
}
