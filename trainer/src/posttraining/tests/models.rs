//! Small float models, and pictures for them.

use retort::contract::{Colour, ImageSpec, Interpolation, Resize};
use tract_onnx::pb::AttributeProto;

use crate::data::{Rng, Sample};
use crate::export::onnx::{GraphBuilder, int, ints};
use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::sensitivity::in_file_order;
use crate::posttraining::watch::{Show, floats_of, watch};

/// Side of all pictures.
pub const SIDE: usize = 16;

/// How all models take pictures.
pub fn image() -> ImageSpec {
    ImageSpec {
        input: None,
        colour: Colour::Rgb,
        mean: vec![0.0; 3],
        std: vec![255.0; 3],
        resize: Resize::Stretch,
        interpolation: Interpolation::Linear,
    }
}

/// Pictures of soft noise.
pub fn pictures(count: usize) -> Vec<Sample> {
    let picture = |number: usize| {
        let mut rng = Rng::new(&[77, number as u64]);
        let mut value = 128.0;
        let pixels = (0..SIDE * SIDE * 3).map(|_| {
            value = (value + 80.0 * (rng.unit() - 0.5)).clamp(0.0, 255.0);
            value as u8
        });
        Sample::rgb(SIDE, SIDE, pixels.collect())
    };
    (0..count).map(picture).collect()
}

/// Builds models of convolutions with random weights.
pub struct Maker {
    pub graph: GraphBuilder,
    rng: Rng,
}

impl Maker {
    pub fn new(seed: u64) -> Maker {
        let mut graph = GraphBuilder::default();
        graph.input("picture", &[1, 3, SIDE, SIDE]);
        Maker { graph, rng: Rng::new(&[seed]) }
    }

    /// Random numbers about 0, as a constant.
    pub fn numbers(&mut self, name: &str, shape: &[usize], size: f32) -> String {
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|_| size * (2.0 * self.rng.unit() - 1.0)).collect();
        self.graph.floats(name, shape, &values)
    }

    /// A convolution that keeps the size; `sizes` scale its output channels' weights and biases, repeated as often as needed.
    pub fn conv(&mut self, name: &str, x: &str, shape: [usize; 3], groups: usize, sizes: &[f32]) -> String {
        let [outputs, inputs, kernel] = shape;
        let taps = inputs / groups * kernel * kernel;
        let size = 1.5 / (taps as f32).sqrt();
        let mut values = Vec::new();
        let mut biases = Vec::new();
        for output in 0..outputs {
            let size = size * sizes[output % sizes.len()];
            values.extend((0..taps).map(|_| size * (2.0 * self.rng.unit() - 1.0)));
            biases.push(0.3 * size * (2.0 * self.rng.unit() - 1.0));
        }
        let w = self.graph.floats(&format!("{name}.w"), &[outputs, inputs / groups, kernel, kernel], &values);
        let b = self.graph.floats(&format!("{name}.b"), &[outputs], &biases);
        let (side, pad) = (kernel as i64, kernel as i64 / 2);
        let attributes =
            vec![ints("kernel_shape", &[side, side]), ints("pads", &[pad; 4]), int("group", groups as i64)];
        self.graph.node("Conv", name, &[x, &w, &b], attributes)
    }

    pub fn node(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        self.graph.node(op, name, inputs, attributes)
    }

    /// Parts of a tensor along its channels, of the sizes that a constant says.
    pub fn split(&mut self, name: &str, x: &str, sizes: &str) -> (String, String) {
        let [first, second] = ["first", "second"].map(|part| format!("{name}.{part}"));
        self.graph.split(name, x, sizes, [&first, &second]);
        (first, second)
    }

    /// Lays `channels` out in groups, and takes one of each in turn.
    pub fn shuffle(&mut self, name: &str, x: &str, groups: usize, channels: usize) -> String {
        let side = SIDE as i64;
        let (groups, each) = (groups as i64, (channels / groups) as i64);
        let shape = self.graph.integers(&format!("{name}.shape"), &[1, groups, each, side, side]);
        let x = self.node("Reshape", &format!("{name}.groups"), &[x, &shape], Vec::new());
        let x = self.node("Transpose", &format!("{name}.turned"), &[&x], vec![ints("perm", &[0, 2, 1, 3, 4])]);
        let shape = self.graph.integers(&format!("{name}.flat"), &[1, -1, side, side]);
        self.node("Reshape", name, &[&x, &shape], Vec::new())
    }

    /// x · sigmoid(x), as exporters write it.
    pub fn silu(&mut self, name: &str, x: &str) -> String {
        let gate = self.node("Sigmoid", &format!("{name}.gate"), &[x], Vec::new());
        self.node("Mul", name, &[x, &gate], Vec::new())
    }

    /// The bytes of the model whose output is a vector.
    pub fn finish_vector(mut self, output: &str, length: usize) -> Vec<u8> {
        self.graph.output(output, &[1, length]);
        crate::export::encode(self.graph.finish("test"), Vec::new())
    }

    /// The bytes of the model whose output, of `channels` at full size, is `output`.
    pub fn finish(mut self, output: &str, channels: usize) -> Vec<u8> {
        self.graph.output(output, &[1, channels, SIDE, SIDE]);
        crate::export::encode(self.graph.finish("test"), Vec::new())
    }
}

/// What a model puts out for some pictures, one after another.
pub fn outputs(graph: &OnnxGraph) -> Vec<f32> {
    let (image, pictures) = (image(), pictures(3));
    let show = Show { image: &image, pictures: &pictures, focus: None };
    let shapes = floats_of(graph);
    let names: Vec<(String, usize)> =
        graph.outputs().map(|name| (name.to_owned(), shapes[name].iter().product())).collect();
    let mut all = Vec::new();
    watch(graph, &names, show, &mut |_, _, port, values| in_file_order(port, values, &mut all)).expect("it runs");
    all
}

/// The largest difference, as a share of the largest value.
pub fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    a.iter().zip(b).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest
}
