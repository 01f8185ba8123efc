//! From pixels to detections nothing is allocated, once a frame of the size has been seen. The network has a test of its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use retort::contract::{Contract, golden_picture};
use retort::tensor::{ElementType, Port, Quantisation, TensorMut, TensorRef};
use retort::vision::candidates::Candidates;
use retort::vision::frame::{Frame, PixelFormat};
use retort::vision::heads::Decoder;
use retort::vision::nms::suppress;
use retort::vision::novelty::Gauge;
use retort::vision::preprocess::Preprocessor;

/// Counts what the whole process asks for, whichever thread asks.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract, and `pointer` came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations while `work` runs, in this process that runs one test only.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    work();
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

const CONTRACT: &str = r#"
    task = "detect"
    classes = ["a", "b"]
    image = { colour = "rgb", std = 255.0, resize = "letterbox" }
    limits = { score = 0.1, iou = 0.5, max_detections = 10 }
    [head]
    kind = "retort"
    point_labels = "every"
    levels = [{ stride = 8, scores = "scores", boxes = "boxes" }]
    [coverage]
    output = "embedding"
    quantile = 0.99
    deviations = [1, 1, 1]
    prototypes = [[0, 0, 0], [1, 2, 3]]
    radii = [1, 2]
"#;

fn quantised(name: &str, shape: [usize; 4], element: ElementType) -> Port {
    let quantisation = Some(Quantisation { scale: 0.05, zero_point: 0 });
    Port { name: name.into(), element, shape: shape.into(), order: vec![0, 2, 3, 1], quantisation }
}

#[test]
fn frames_cost_no_allocation() {
    let mut kept_alive = Vec::new();
    assert!(allocations(|| kept_alive.push(1)) > 0, "the counter does not count");
    assert!(allocations(|| drop(std::thread::spawn(|| vec![0_u8; 9]).join())) > 0, "nor on other threads");

    let contract = Contract::from_toml(CONTRACT).unwrap();
    let input = quantised("image", [1, 3, 64, 96], ElementType::U8);
    let outputs = [
        quantised("scores", [1, 2, 8, 12], ElementType::I8),
        quantised("boxes", [1, 4, 8, 12], ElementType::I8),
        quantised("embedding", [1, 3, 1, 1], ElementType::U8),
    ];
    let mut gauge = Gauge::new(&contract, &outputs).unwrap().unwrap();
    let embedding = [100u8, 30, 200];
    let mut preprocessor = Preprocessor::new(&contract.image, &input).unwrap();
    let decoder = Decoder::new(&contract, [96, 64], &outputs, contract.limits.score).unwrap();
    let mut candidates = Candidates::with_capacity(20);
    let mut kept = Vec::with_capacity(contract.limits.max_detections);

    let mut tensor = vec![0; input.len()];
    let pictures = [1, 2].map(|seed| golden_picture(seed, 200, 100, 3));
    let scores = golden_picture(3, 12, 8, 2).iter().map(|&byte| byte as i8).collect::<Vec<_>>();
    let boxes = golden_picture(4, 12, 8, 4).iter().map(|&byte| byte as i8).collect::<Vec<_>>();
    let mut look = |picture: &[u8], format: PixelFormat| {
        let stride = format.row_bytes(200).unwrap();
        let frame = Frame::new(picture, format, 200, 100, stride, Duration::ZERO).unwrap();
        let mapping = preprocessor.fill(&frame, TensorMut::U8(&mut tensor)).unwrap();
        candidates.clear();
        let outputs = &[TensorRef::I8(&scores), TensorRef::I8(&boxes), TensorRef::U8(&embedding)][..];
        assert!(gauge.novelty(&outputs) > 1.0);
        decoder.decode(&outputs, &mut candidates);
        suppress(&mut candidates, contract.limits.iou, contract.limits.max_detections, &mut kept);
        kept.iter().map(|kept| mapping.to_source(&kept.rect).area()).sum::<f32>()
    };
    // What cameras and pipes deliver, MJPEG's decoded pixels among it.
    for format in [
        PixelFormat::Rgb8,
        PixelFormat::Bgr8,
        PixelFormat::Grey8,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::I422,
        PixelFormat::I444,
    ] {
        assert!(look(&pictures[0], format) > 0.0, "nothing is found, so nothing is tested");
        let counted = allocations(|| {
            for picture in pictures.iter().cycle().take(100) {
                look(picture, format);
            }
        });
        assert_eq!(counted, 0, "{format:?}");
    }
}
