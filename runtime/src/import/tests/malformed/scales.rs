//! Quantisation that measures nothing, and sums that do not fit.

use super::*;

fn bytes(name: &str, dims: &[i64], values: &[u8]) -> TensorProto {
    constant(name, DataType::Uint8, dims, values.to_vec())
}

const WRONG: [f32; 7] = [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 2.0];

/// x quantised, convolved by QLinearConv with one weight an output channel, dequantised.
struct Integers {
    input: f32,
    weight: Vec<f32>,
    weight_zeros: Vec<u8>,
    output: f32,
    taps: usize,
    bias: Vec<i64>,
}

impl Integers {
    fn right() -> Integers {
        Integers { input: 0.1, weight: vec![0.02; 2], weight_zeros: vec![1; 2], output: 0.1, taps: 3, bias: vec![0; 2] }
    }

    fn model(&self) -> ModelProto {
        let many = self.weight.len() as i64;
        let bias: Vec<u8> = self.bias.iter().flat_map(|v| v.to_le_bytes()).collect();
        let constants = [
            floats("sx", &[], &[self.input]),
            bytes("zx", &[], &[128]),
            bytes("w", &[2, self.taps as i64, 1, 1], &vec![128; 2 * self.taps]),
            floats("sw", &[many], &self.weight),
            bytes("zw", &[self.weight_zeros.len() as i64], &self.weight_zeros),
            floats("sy", &[], &[self.output]),
            bytes("zy", &[], &[0]),
            constant("b", DataType::Int64, &[self.bias.len() as i64], bias),
        ];
        let nodes = [
            named("QuantizeLinear", "in", &["x", "sx", "zx"], &["q"]),
            named("QLinearConv", "it", &["q", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"], &["r"]),
            named("DequantizeLinear", "out", &["r", "sy", "zy"], &["y"]),
        ];
        model(&[1, self.taps, 2, 2], &constants, &nodes)
    }
}

#[test]
fn scales_that_measure_nothing_are_refused() {
    runs(&Integers::right().model());
    for scale in WRONG {
        refused(&Integers { input: scale, ..Integers::right() }.model(), &["`in`", "scale"]);
        refused(&Integers { output: scale, ..Integers::right() }.model(), &["`it`", "scale"]);
        refused(&Integers { weight: vec![0.1, scale], ..Integers::right() }.model(), &["`it`", "scale"]);
    }
}

#[test]
fn scales_and_zero_points_of_another_number_are_refused() {
    for count in [0, 3, 7] {
        let wrong = Integers { weight: vec![0.1; count], ..Integers::right() };
        refused(&wrong.model(), &["`it`", "scales"]);
        let wrong = Integers { weight_zeros: vec![0; count], ..Integers::right() };
        refused(&wrong.model(), &["`it`", "zero points"]);
    }
    for count in [0, 1, 3] {
        refused(&Integers { bias: vec![0; count], ..Integers::right() }.model(), &["`it`", "bias"]);
    }
    let quantise = |scales: usize, zeros: usize| {
        let constants =
            [floats("s", &[scales as i64], &vec![0.1; scales]), bytes("z", &[zeros as i64], &vec![0; zeros])];
        let nodes = [
            named("QuantizeLinear", "in", &["x", "s", "z"], &["q"]),
            named("DequantizeLinear", "out", &["q", "s", "z"], &["y"]),
        ];
        model(&[1, 4], &constants, &nodes)
    };
    runs(&quantise(1, 1));
    for (scales, zeros) in [(0, 1), (1, 0), (1, 2), (3, 3), (4, 1), (1, 4)] {
        refused(&quantise(scales, zeros), &["`in`"]);
    }
}

#[test]
fn scales_too_far_apart_are_refused() {
    let wrong = Integers { input: 1e30, weight: vec![1e30; 2], output: 1e-30, ..Integers::right() };
    refused(&wrong.model(), &["`it`", "not finite"]);
}

#[test]
fn sums_that_may_overflow_are_refused() {
    // 128 less a zero point of 1 is 127, and an activation at most 255.
    let most = (1usize << 31) / (127 * 255);
    runs(&Integers { taps: most, ..Integers::right() }.model());
    refused(&Integers { taps: most + 1, ..Integers::right() }.model(), &["`it`", "channel 0", "overflows 32 bits"]);
    refused(&Integers { bias: vec![0, i32::MAX.into()], ..Integers::right() }.model(), &["`it`", "channel 1"]);
    refused(&Integers { bias: vec![0, i64::MAX], ..Integers::right() }.model(), &["`it`", "bias", "32 bits"]);
}

/// In QDQ models the same is computed in floats, which do not overflow.
#[test]
fn sums_of_dequantised_weights_that_may_overflow_are_computed_in_floats() {
    let convolution = |taps: usize| {
        let constants =
            [floats("s", &[], &[0.1]), bytes("z", &[], &[0]), bytes("w", &[1, taps as i64, 1, 1], &vec![127; taps])];
        let nodes = [
            named("QuantizeLinear", "in", &["x", "s", "z"], &["q"]),
            named("DequantizeLinear", "from", &["q", "s", "z"], &["d"]),
            named("DequantizeLinear", "weights", &["w", "s", "z"], &["wd"]),
            named("Conv", "it", &["d", "wd"], &["c"]),
            named("QuantizeLinear", "to", &["c", "s", "z"], &["r"]),
            named("DequantizeLinear", "out", &["r", "s", "z"], &["y"]),
        ];
        let loaded = runs(&model(&[1, taps, 1, 1], &constants, &nodes));
        loaded.steps().iter().find(|step| step.name == "it").map(|step| step.kind)
    };
    let most = (1usize << 31) / (127 * 255);
    assert_eq!(convolution(most), Some("ConvolutionInt8"));
    assert_eq!(convolution(most + 1), Some("ConvolutionF32"));
}

#[test]
fn integers_of_the_wrong_type_are_refused() {
    let scales = [floats("s", &[], &[0.1]), bytes("z", &[], &[0]), floats("f", &[1, 4], &[0.0; 4])];
    // Floats where bytes belong.
    let add = NodeProto {
        domain: "com.microsoft".into(),
        ..named("QLinearAdd", "it", &["x", "s", "z", "f", "s", "z", "s", "z"], &["y"])
    };
    refused(&model(&[1, 4], &scales, &[add]), &["`it`", "neither u8 nor i8"]);
    let weights = [&scales[..], &[bytes("w", &[2, 4, 1, 1], &[0; 8]), bytes("m", &[4, 4], &[0; 16])]].concat();
    let convolution = named("QLinearConv", "it", &["x", "s", "z", "w", "s", "z", "s", "z"], &["y"]);
    refused(&model(&[1, 4, 2, 2], &weights, &[convolution]), &["`it`", "neither u8 nor i8"]);
    let product = named("QLinearMatMul", "it", &["x", "s", "z", "m", "s", "z", "s", "z"], &["y"]);
    refused(&model(&[2, 4], &weights, &[product]), &["`it`", "neither u8 nor i8"]);
    // A zero point that is none.
    let wrong = [floats("s", &[], &[0.1]), integers("z", &[3])];
    refused(&model(&[1, 4], &wrong, &[named("QuantizeLinear", "it", &["x", "s", "z"], &["y"])]), &["`it`"]);
    // Stored integers that leave 32 bits once the zero point is taken off.
    let far = [floats("s", &[], &[0.1]), integers("i", &[i64::MIN]), integers("z", &[i64::MAX])];
    let nodes = [named("DequantizeLinear", "it", &["i", "s", "z"], &["c"]), named("Add", "sum", &["x", "c"], &["y"])];
    refused(&model(&[1, 4], &far, &nodes), &["`it`", "32 bits"]);
}
