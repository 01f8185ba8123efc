//! What is quantised while the model runs, as ONNX Runtime's dynamic quantisation writes it, against the definitions of its
//! operators: the same integers, and floats to the bit.

use super::*;

/// Weights of bytes, and how they are meant.
struct Weights {
    kind: DataType,
    /// As `i32`, whatever the type.
    values: Vec<i32>,
    /// One, or one for each output channel; none where the operator is not told.
    zeros: Vec<i32>,
    /// One, or one for each output channel.
    scales: Vec<f32>,
}

impl Weights {
    fn zero(&self, channel: usize) -> i32 {
        *self.zeros.get(channel).or(self.zeros.first()).unwrap_or(&0)
    }

    fn scale(&self, channel: usize) -> f32 {
        *self.scales.get(channel).unwrap_or(&self.scales[0])
    }
}

/// Bytes that look random, of the whole range of their type.
fn weights(kind: DataType, count: usize, zeros: &[i32], scales: &[f32]) -> Weights {
    let low = if kind == DataType::Int8 { -128 } else { 0 };
    let values = (0..count).map(|i| low + (i * 97 + i * i * 31) as i32 % 256).collect();
    Weights { kind, values, zeros: zeros.to_vec(), scales: scales.to_vec() }
}

fn floats_of(shape: &[usize], low: f32, high: f32) -> Tensor {
    let value = |i: usize| low + (high - low) * ((i * 7919 + i * i * 13) % 1009) as f32 / 1008.0;
    tensor(shape, &(0..shape.iter().product()).map(value).collect::<Vec<_>>())
}

/// A model of some nodes, with its constants.
#[derive(Default)]
struct Network {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Network {
    fn call(&mut self, operator: &str, inputs: &[&str], outputs: &[&str]) -> &mut NodeProto {
        let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let name = format!("{operator}_{}", outputs[0]);
        let (input, output) = (strings(inputs), strings(outputs));
        self.nodes.push(NodeProto { op_type: operator.into(), name, input, output, ..Default::default() });
        self.nodes.last_mut().unwrap()
    }

    fn constant(&mut self, name: &str, kind: DataType, dims: &[usize], values: &[f32]) {
        let raw_data = values.iter().flat_map(|&value| match kind {
            DataType::Float => value.to_le_bytes().to_vec(),
            _ => vec![value as i32 as u8],
        });
        let dims = dims.iter().map(|&d| d as i64).collect();
        let raw_data = raw_data.collect();
        self.constants.push(TensorProto {
            name: name.into(),
            data_type: kind.into(),
            dims,
            raw_data,
            ..Default::default()
        });
    }

    /// The weights `w`, their zero points `w_zero` and their scales `w_scale`, of these shapes.
    fn weights(&mut self, weights: &Weights, dims: &[usize], scales: &[usize]) {
        let floats = |values: &[i32]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
        self.constant("w", weights.kind, dims, &floats(&weights.values));
        match weights.zeros.len() {
            0 => {}
            1 => self.constant("w_zero", weights.kind, &[], &floats(&weights.zeros)),
            n => self.constant("w_zero", weights.kind, &[n], &floats(&weights.zeros)),
        }
        self.constant("w_scale", DataType::Float, scales, &weights.scales);
    }

    /// DynamicQuantizeLinear of `x`, `operator` of it and `w`, and what makes `y` of its sums: as floats, scaled, plus `bias`.
    fn dynamic(&mut self, operator: &str, weights: &Weights) -> &mut NodeProto {
        self.call("DynamicQuantizeLinear", &["x"], &["q", "scale", "zero"]);
        self.call("Mul", &["scale", "w_scale"], &["scales"]);
        let zero = if weights.zeros.is_empty() { "" } else { "w_zero" };
        self.call(operator, &["q", "w", "zero", zero], &["sums"]);
        let at = self.nodes.len() - 1;
        let to = AttributeProto { name: "to".into(), r#type: AttributeType::Int.into(), i: 1, ..Default::default() };
        self.call("Cast", &["sums"], &["floats"]).attribute.push(to);
        self.call("Mul", &["floats", "scales"], &["scaled"]);
        self.call("Add", &["scaled", "bias"], &["added"]);
        self.call("Relu", &["added"], &["y"]);
        &mut self.nodes[at]
    }

    fn load(self, input: (&str, &Tensor), outputs: &[(&str, DataType)]) -> Result<Model, Error> {
        let output = |&(name, kind): &(&str, DataType)| {
            let tensor = type_proto::Tensor { elem_type: kind.into(), shape: None };
            let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
            ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
        };
        let graph = GraphProto {
            name: "graph".into(),
            input: vec![declare(input.0, &input.1.shape)],
            output: outputs.iter().map(output).collect(),
            initializer: self.constants,
            node: self.nodes,
            ..Default::default()
        };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
            graph: Some(graph),
            ..Default::default()
        };
        let options = LoadOptions { strict: true, ..Default::default() };
        Model::from_bytes(&model.encode_to_vec(), Path::new("dynamic.onnx"), &options)
    }

    /// The outputs for `x`, whatever their type, and the kinds of the steps.
    fn run(self, x: &Tensor, outputs: &[(&str, DataType)]) -> (Vec<Tensor>, Vec<&'static str>) {
        let model = self.load(("x", x), outputs).unwrap_or_else(|error| panic!("{error}"));
        let mut session = model.session();
        let TensorMut::F32(memory) = session.input(0) else { panic!("the input is not float") };
        places(&model.inputs()[0]).zip(&x.values).for_each(|(place, value)| memory[place] = *value);
        session.run().unwrap_or_else(|error| panic!("{error}"));
        let output = |(index, port): (usize, &Port)| {
            let value = |place: usize| match session.output(index) {
                TensorRef::F32(memory) => memory[place],
                TensorRef::U8(memory) => memory[place].into(),
                TensorRef::I8(memory) => memory[place].into(),
                TensorRef::I32(memory) => memory[place] as f32,
                other => panic!("{other:?}"),
            };
            Tensor { shape: port.shape.clone(), values: places(port).map(value).collect() }
        };
        let tensors = model.outputs().iter().enumerate().map(output).collect();
        (tensors, model.steps().iter().map(|step| step.kind).collect())
    }
}

/// DynamicQuantizeLinear by its definition: bytes, scale and zero point.
fn quantised(x: &[f32]) -> (Vec<i32>, f32, i32) {
    let least = x.iter().fold(0f32, |least, &x| least.min(x));
    let most = x.iter().fold(0f32, |most, &x| most.max(x));
    let scale = (most - least) / 255.0;
    let zero = (0.0 - least / scale).round_ties_even().clamp(0.0, 255.0) as i32;
    let byte = |x: &f32| ((x / scale).round_ties_even() as i32 + zero).clamp(0, 255);
    (x.iter().map(byte).collect(), scale, zero)
}

/// A convolution by its definition, in the order of ONNX's axes.
struct Shape {
    x: [usize; 4],
    w: [usize; 4],
    groups: usize,
    stride: usize,
    pad: usize,
}

impl Shape {
    fn places(&self) -> [usize; 2] {
        [2, 3].map(|axis| (self.x[axis] + 2 * self.pad - self.w[axis]) / self.stride + 1)
    }

    fn sums(&self, x: &[i32], zero: i32, weights: &Weights) -> Vec<i32> {
        let ([n, channels, height, width], [outputs, inputs, rows, columns]) = (self.x, self.w);
        let [down, across] = self.places();
        let mut sums = Vec::new();
        for index in 0..n * outputs * down * across {
            let (column, row) = (index % across, index / across % down);
            let (output, picture) = (index / across / down % outputs, index / across / down / outputs);
            let group = output / (outputs / self.groups);
            let mut sum = 0;
            for tap in 0..inputs * rows * columns {
                let (tap_column, tap_row, input) = (tap % columns, tap / columns % rows, tap / columns / rows);
                let at = [row * self.stride + tap_row, column * self.stride + tap_column];
                let Some(r) = at[0].checked_sub(self.pad).filter(|&r| r < height) else { continue };
                let Some(c) = at[1].checked_sub(self.pad).filter(|&c| c < width) else { continue };
                let place = ((picture * channels + group * inputs + input) * height + r) * width + c;
                let weight = weights.values[output * inputs * rows * columns + tap] - weights.zero(output);
                sum += (x[place] - zero) * weight;
            }
            sums.push(sum);
        }
        sums
    }
}

const FLOAT: DataType = DataType::Float;

#[test]
fn convolutions_are_three_steps_and_what_their_definition_says() {
    let per_channel = |n: usize| (0..n).map(|c| 1e-3 * (c + 1) as f32).collect::<Vec<_>>();
    let zeros = |n: usize| (0..n).map(|c| 100 + 9 * c as i32).collect::<Vec<_>>();
    let cases = [
        // One zero point and one scale, as ONNX Runtime's dynamic quantisation writes it.
        (
            DataType::Uint8,
            vec![131],
            vec![0.01],
            Shape { x: [1, 3, 9, 7], w: [8, 3, 3, 3], groups: 1, stride: 2, pad: 1 },
        ),
        (
            DataType::Uint8,
            zeros(6),
            per_channel(6),
            Shape { x: [2, 4, 5, 6], w: [6, 2, 3, 2], groups: 2, stride: 1, pad: 1 },
        ),
        (
            DataType::Int8,
            vec![0],
            vec![0.02],
            Shape { x: [1, 20, 5, 5], w: [33, 20, 1, 1], groups: 1, stride: 1, pad: 0 },
        ),
        (
            DataType::Uint8,
            vec![0],
            vec![0.02],
            Shape { x: [1, 70, 3, 5], w: [9, 70, 1, 1], groups: 1, stride: 1, pad: 0 },
        ),
        (
            DataType::Uint8,
            zeros(5),
            vec![0.02],
            Shape { x: [1, 5, 6, 6], w: [5, 1, 3, 3], groups: 5, stride: 1, pad: 1 },
        ),
        (
            DataType::Int8,
            vec![],
            per_channel(4),
            Shape { x: [1, 2, 6, 6], w: [4, 2, 5, 5], groups: 1, stride: 3, pad: 2 },
        ),
    ];
    for (index, (kind, zeros, scales, shape)) in cases.into_iter().enumerate() {
        let weights = weights(kind, shape.w.iter().product(), &zeros, &scales);
        let x = floats_of(&shape.x, -1.7, 3.1);
        let outputs = shape.w[0];
        let bias = floats_of(&[1, outputs, 1, 1], -2.0, 2.0);
        let mut network = Network::default();
        // Scales of channels lie along the axis of the channels.
        let scale_shape = if scales.len() == 1 { vec![] } else { vec![outputs, 1, 1] };
        network.weights(&weights, &shape.w, &scale_shape);
        network.constant("bias", FLOAT, &bias.shape, &bias.values);
        let node = network.dynamic("ConvInteger", &weights);
        let ints = |name: &str, ints: Vec<usize>| AttributeProto {
            name: name.into(),
            r#type: AttributeType::Ints.into(),
            ints: ints.into_iter().map(|i| i as i64).collect(),
            ..Default::default()
        };
        node.attribute = vec![ints("strides", vec![shape.stride; 2]), ints("pads", vec![shape.pad; 4])];
        let group =
            AttributeProto { i: shape.groups as i64, r#type: AttributeType::Int.into(), ..ints("group", vec![]) };
        node.attribute.push(group);
        let (bytes, scale, zero) = quantised(&x.values);
        let [down, across] = shape.places();
        let expected: Vec<f32> = (shape.sums(&bytes, zero, &weights).iter().enumerate())
            .map(|(index, &sum)| {
                let channel = index / across / down % outputs;
                (sum as f32 * (scale * weights.scale(channel)) + bias.values[channel]).max(0.0)
            })
            .collect();
        assert!(expected.iter().any(|&value| value > 0.0), "nothing to compare in case {index}");
        let (found, steps) = network.run(&x, &[("y", FLOAT)]);
        assert_eq!(found[0], tensor(&[shape.x[0], outputs, down, across], &expected), "case {index}");
        assert_eq!(steps, ["RangeF32", "QuantizeDynamic", "ConvolutionDynamic"], "case {index}");
    }
}

/// The sums of a matrix product, the rows of which are the last axis of `x`.
fn products(x: &[i32], zero: i32, [inputs, outputs]: [usize; 2], weights: &Weights) -> Vec<i32> {
    let sum = |row: &[i32], output: usize| -> i32 {
        let weight = |input: usize| weights.values[input * outputs + output] - weights.zero(output);
        row.iter().enumerate().map(|(input, x)| (x - zero) * weight(input)).sum()
    };
    x.chunks_exact(inputs).flat_map(|row| (0..outputs).map(move |output| sum(row, output))).collect()
}

#[test]
fn matrix_products_are_three_steps_and_what_their_definition_says() {
    let per_channel: Vec<f32> = (0..19).map(|c| 1e-3 * (c + 1) as f32).collect();
    let zeros: Vec<i32> = (0..19).map(|c| 7 * c - 60).collect();
    for (kind, zeros, scales, rows) in [
        (DataType::Uint8, vec![120], vec![0.01], vec![1]),
        (DataType::Int8, vec![0], vec![0.01], vec![4]),
        (DataType::Int8, zeros, per_channel, vec![2, 3]),
    ] {
        let [inputs, outputs] = [37, 19];
        let weights = weights(kind, inputs * outputs, &zeros, &scales);
        let x = floats_of(&[rows.clone(), vec![inputs]].concat(), -0.4, 5.0);
        let bias = floats_of(&[outputs], -2.0, 2.0);
        let mut network = Network::default();
        network.weights(&weights, &[inputs, outputs], if scales.len() == 1 { &[] } else { &[19] });
        network.constant("bias", FLOAT, &bias.shape, &bias.values);
        network.dynamic("MatMulInteger", &weights);
        let (bytes, scale, zero) = quantised(&x.values);
        let expected: Vec<f32> = (products(&bytes, zero, [inputs, outputs], &weights).iter().enumerate())
            .map(|(index, &sum)| {
                let channel = index % outputs;
                (sum as f32 * (scale * weights.scale(channel)) + bias.values[channel]).max(0.0)
            })
            .collect();
        let (found, steps) = network.run(&x, &[("y", FLOAT)]);
        assert_eq!(found[0], tensor(&[rows, vec![outputs]].concat(), &expected));
        assert_eq!(steps, ["RangeF32", "QuantizeDynamic", "ConvolutionDynamic"]);
    }
}

#[test]
fn each_operator_gives_its_own_outputs() {
    let weights = weights(DataType::Uint8, 5 * 3, &[9], &[0.5]);
    let x = floats_of(&[4, 5], -3.0, 2.0);
    let mut network = Network::default();
    network.weights(&weights, &[5, 3], &[]);
    network.constant("bias", FLOAT, &[3], &[1.0, 2.0, 3.0]);
    network.dynamic("MatMulInteger", &weights);
    let all = [
        ("q", DataType::Uint8),
        ("scale", FLOAT),
        ("zero", DataType::Uint8),
        ("sums", DataType::Int32),
        ("floats", FLOAT),
        ("scaled", FLOAT),
    ];
    let (found, _) = network.run(&x, &all);
    let (bytes, scale, zero) = quantised(&x.values);
    let sums = products(&bytes, zero, [5, 3], &weights);
    let floats = |values: &[i32]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
    let scaled: Vec<f32> = sums.iter().map(|&sum| sum as f32 * (scale * 0.5)).collect();
    assert_eq!(found[0], tensor(&[4, 5], &floats(&bytes)));
    assert_eq!((&found[1], &found[2]), (&tensor(&[], &[scale]), &tensor(&[], &[zero as f32])));
    assert_eq!(found[3], tensor(&[4, 3], &floats(&sums)));
    assert_eq!(found[4], tensor(&[4, 3], &floats(&sums)));
    assert_eq!(found[5], tensor(&[4, 3], &scaled));
}

#[test]
fn zero_points_may_be_known_or_left_out_and_inputs_signed() {
    // QuantizeLinear to signed bytes with a known scale.
    let weights = weights(DataType::Int8, 5 * 3, &[-3], &[1.0]);
    let x = floats_of(&[4, 5], -3.0, 2.0);
    for zero in [None, Some(-7), Some(0)] {
        let mut network = Network::default();
        network.weights(&weights, &[5, 3], &[]);
        network.constant("q_scale", FLOAT, &[], &[0.03125]);
        network.constant("q_zero", DataType::Int8, &[], &[zero.unwrap_or(0) as f32]);
        network.call("QuantizeLinear", &["x", "q_scale", "q_zero"], &["q"]);
        network.call("MatMulInteger", &["q", "w", if zero.is_some() { "q_zero" } else { "" }, "w_zero"], &["y"]);
        let (found, _) = network.run(&x, &[("y", DataType::Int32)]);
        let zero = zero.unwrap_or(0);
        let byte = |x: &f32| ((x / 0.03125).round_ties_even() as i32 + zero).clamp(-128, 127);
        let bytes: Vec<i32> = x.values.iter().map(byte).collect();
        let sums: Vec<f32> = products(&bytes, zero, [5, 3], &weights).iter().map(|&sum| sum as f32).collect();
        assert_eq!(found[0], tensor(&[4, 3], &sums), "{zero}");
    }
}

#[test]
fn a_zero_point_may_be_that_of_another_tensor() {
    // The zero point of `z` for the bytes of `x`, and a scale that is not the input's.
    let weights = weights(DataType::Int8, 5 * 3, &[], &[0.25]);
    let x = floats_of(&[4, 5], -3.0, 2.0);
    let mut network = Network::default();
    network.weights(&weights, &[5, 3], &[]);
    network.call("Relu", &["x"], &["z"]);
    network.call("DynamicQuantizeLinear", &["x"], &["q", "scale", "zero"]);
    network.call("DynamicQuantizeLinear", &["z"], &["z_q", "z_scale", "z_zero"]);
    network.call("MatMulInteger", &["q", "w", "z_zero"], &["sums"]);
    let to = AttributeProto { name: "to".into(), r#type: AttributeType::Int.into(), i: 1, ..Default::default() };
    network.call("Cast", &["sums"], &["floats"]).attribute.push(to);
    network.call("Mul", &["floats", "scale"], &["y"]);
    let (found, _) = network.run(&x, &[("y", FLOAT), ("z_scale", FLOAT)]);
    let (bytes, scale, _) = quantised(&x.values);
    let (_, z_scale, zero) = quantised(&x.values.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
    assert_eq!((zero, &found[1].values), (0, &vec![z_scale]));
    let expected: Vec<f32> = products(&bytes, zero, [5, 3], &weights).iter().map(|&sum| sum as f32 * scale).collect();
    assert_eq!(found[0], tensor(&[4, 3], &expected));
}

#[test]
fn scale_and_zero_point_of_a_quantised_tensor_may_be_computed() {
    let x = floats_of(&[4, 5], -3.0, 2.0);
    let mut network = Network::default();
    network.constant("one", FLOAT, &[], &[0.0625]);
    network.constant("signed", DataType::Int8, &[], &[-5.0]);
    network.call("Abs", &["x"], &["z"]);
    network.call("DynamicQuantizeLinear", &["z"], &["q", "scale", "zero"]);
    network.call("QuantizeLinear", &["x", "scale", "zero"], &["by_both"]);
    network.call("QuantizeLinear", &["x", "one", "zero"], &["by_zero"]);
    network.call("QuantizeLinear", &["x", "scale", "signed"], &["by_scale"]);
    let outputs = [("by_both", DataType::Uint8), ("by_zero", DataType::Uint8), ("by_scale", DataType::Int8)];
    let (found, _) = network.run(&x, &outputs);
    let (_, computed, _) = quantised(&x.values.iter().map(|x| x.abs()).collect::<Vec<_>>());
    for (found, (scale, zero, low)) in found.iter().zip([(computed, 0, 0), (0.0625, 0, 0), (computed, -5, -128)]) {
        let byte = |x: &f32| ((x / scale).round_ties_even() as i32 + zero).clamp(low, low + 255) as f32;
        assert_eq!(found, &tensor(&[4, 5], &x.values.iter().map(byte).collect::<Vec<_>>()));
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let x = floats_of(&[4, 5], -3.0, 2.0);
    let refusal = |inputs: &[&str], constants: &[(&str, DataType, Vec<usize>)]| {
        let mut network = Network::default();
        for (name, kind, dims) in constants {
            network.constant(name, *kind, dims, &vec![1.0; dims.iter().product()]);
        }
        network.call("DynamicQuantizeLinear", &["x"], &["q", "scale", "zero"]);
        network.call("MatMulInteger", inputs, &["y"]);
        match network.load(("x", &x), &[("y", DataType::Int32)]) {
            Ok(_) => panic!("the model with {inputs:?} loads"),
            Err(error) => error.to_string(),
        }
    };
    let (u8, i8) = (DataType::Uint8, DataType::Int8);
    for (inputs, constants) in [
        (["q", "w", "zero", ""], vec![("w", u8, vec![4, 3])]),
        (["q", "w", "z", ""], vec![("w", u8, vec![5, 3]), ("z", i8, vec![])]),
        (["q", "w", "z", ""], vec![("w", u8, vec![5, 3]), ("z", FLOAT, vec![])]),
        (["q", "w", "zero", "z"], vec![("w", u8, vec![5, 3]), ("z", i8, vec![])]),
        (["q", "w", "zero", "z"], vec![("w", u8, vec![5, 3]), ("z", u8, vec![2])]),
        (["q", "w", "zero", ""], vec![("w", FLOAT, vec![5, 3])]),
        (["q", "w", "scale", ""], vec![("w", u8, vec![5, 3])]),
        (["x", "w", "zero", ""], vec![("w", u8, vec![5, 3])]),
        (["q", "w", "zero", ""], vec![("w", u8, vec![5, 0])]),
    ] {
        let refusal = refusal(&inputs, &constants);
        assert!(refusal.contains("`MatMulInteger_y`"), "{inputs:?}: {refusal}");
    }
}
