//! Frames of cameras to inputs of models: resize, colours, normalisation, and into which memory.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use retort::contract::{Align, Colour, ImageSpec, Interpolation, Resize};
use retort::tensor::{ElementType, Port, Quantisation, TensorMut};
use retort::vision::frame::{Frame, PixelFormat};
use retort::vision::preprocess::Preprocessor;
use retort_benches::pattern;

/// The border's value is not that of any mean.
const LETTERBOX: Resize = Resize::Letterbox { pad: 114, align: Align::Centre };

/// What the input holds.
#[derive(Clone, Copy, Debug)]
enum Input {
    /// The pixels' bytes themselves.
    Bytes,
    /// Bytes of normalised pixels.
    Quantised,
    /// Normalised pixels.
    Floats,
}

/// A source, and the input that it becomes.
struct Case {
    format: PixelFormat,
    source: [usize; 2],
    input: [usize; 2],
    resize: Resize,
    colour: Colour,
    holds: Input,
    /// Channel after channel.
    planes: bool,
}

/// Sources and inputs that are common; planes belong to who fills tensors of an order of his own.
fn cases() -> Vec<Case> {
    use Colour::{Bgr, Grey, Rgb};
    use Input::{Bytes, Floats, Quantised};
    use PixelFormat::{Grey8, I420, Nv12, Rgb8, Yuyv};
    let case = |format, source, input, resize, colour, holds| Case {
        format,
        source,
        input,
        resize,
        colour,
        holds,
        planes: false,
    };
    let planar = |case: Case| Case { planes: true, ..case };
    let stretch = Resize::Stretch;
    vec![
        case(Yuyv, [640, 480], [320, 320], LETTERBOX, Rgb, Bytes),
        case(Yuyv, [640, 480], [320, 320], LETTERBOX, Rgb, Quantised),
        case(Yuyv, [640, 480], [320, 320], LETTERBOX, Rgb, Floats),
        planar(case(Yuyv, [640, 480], [320, 320], LETTERBOX, Rgb, Bytes)),
        planar(case(Yuyv, [640, 480], [320, 320], LETTERBOX, Rgb, Floats)),
        case(Yuyv, [640, 480], [320, 320], stretch, Rgb, Bytes),
        case(Yuyv, [640, 480], [320, 320], stretch, Grey, Bytes),
        case(Yuyv, [640, 360], [352, 352], stretch, Bgr, Bytes),
        case(Yuyv, [640, 480], [352, 352], stretch, Rgb, Floats),
        case(Yuyv, [640, 480], [224, 224], Resize::CentreCrop { crop: 0.875 }, Rgb, Quantised),
        case(Yuyv, [320, 240], [416, 416], LETTERBOX, Rgb, Bytes),
        case(Yuyv, [1280, 720], [416, 416], LETTERBOX, Bgr, Bytes),
        case(Yuyv, [1280, 720], [320, 320], LETTERBOX, Rgb, Bytes),
        case(Nv12, [640, 480], [320, 320], LETTERBOX, Rgb, Bytes),
        case(Nv12, [640, 480], [352, 352], stretch, Bgr, Bytes),
        case(Nv12, [1280, 720], [416, 416], LETTERBOX, Bgr, Bytes),
        case(I420, [640, 480], [352, 352], stretch, Bgr, Bytes),
        case(Rgb8, [640, 480], [320, 320], LETTERBOX, Rgb, Bytes),
        case(Rgb8, [640, 480], [352, 352], stretch, Bgr, Bytes),
        case(Rgb8, [1280, 720], [416, 416], LETTERBOX, Bgr, Bytes),
        case(Rgb8, [320, 320], [320, 320], stretch, Rgb, Floats),
        case(Grey8, [640, 480], [352, 352], stretch, Rgb, Bytes),
    ]
}

impl Case {
    fn name(&self) -> String {
        let Case { format, source: [from_width, from_height], input: [width, height], colour, holds, .. } = self;
        let order = if self.planes { "NCHW" } else { "NHWC" };
        let resize = match self.resize {
            Resize::Stretch => "stretch",
            Resize::Letterbox { .. } => "letterbox",
            Resize::CentreCrop { .. } => "crop",
        };
        format!("{format:?}/{from_width}x{from_height}/{width}x{height}/{resize}/{colour:?}/{holds:?}/{order}")
    }

    fn spec(&self) -> ImageSpec {
        let channels = self.colour.channels();
        let (mean, std) = match self.holds {
            Input::Bytes => ([0.0; 3], [255.0; 3]),
            Input::Quantised | Input::Floats => ([103.53, 116.28, 123.675], [57.375, 57.12, 58.395]),
        };
        ImageSpec {
            input: None,
            colour: self.colour,
            mean: mean[..channels].into(),
            std: std[..channels].into(),
            resize: self.resize,
            interpolation: Interpolation::Linear,
        }
    }

    fn port(&self) -> Port {
        let (element, quantisation) = match self.holds {
            Input::Bytes => (ElementType::U8, Some(Quantisation { scale: 1.0 / 255.0, zero_point: 0 })),
            Input::Quantised => (ElementType::U8, Some(Quantisation { scale: 0.02, zero_point: 114 })),
            Input::Floats => (ElementType::F32, None),
        };
        Port {
            name: "image".into(),
            element,
            shape: vec![1, self.colour.channels(), self.input[1], self.input[0]],
            order: if self.planes { vec![0, 1, 2, 3] } else { vec![0, 2, 3, 1] },
            quantisation,
        }
    }
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    for case in cases() {
        let ([width, height], port) = (case.source, case.port());
        let Ok(mut preprocessor) = Preprocessor::new(&case.spec(), &port) else { continue };
        let (Some(bytes), Some(stride)) = (case.format.picture_bytes(width, height), case.format.row_bytes(width))
        else {
            continue;
        };
        let pixels: Vec<u8> = (0..bytes).map(pattern::byte).collect();
        let Ok(frame) = Frame::new(&pixels, case.format, width, height, stride, Duration::ZERO) else { continue };
        let (mut floats, mut bytes) = (vec![0.0; port.len()], vec![0; port.len()]);
        group.throughput(Throughput::Elements((case.input[0] * case.input[1]) as u64));
        group.bench_function(case.name(), |b| {
            b.iter(|| {
                let input = match case.holds {
                    Input::Floats => TensorMut::F32(&mut floats),
                    Input::Bytes | Input::Quantised => TensorMut::U8(&mut bytes),
                };
                black_box(preprocessor.fill(&frame, input)).is_ok()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = frames
}
criterion_main!(benches);
