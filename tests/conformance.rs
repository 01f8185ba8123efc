//! The node tests of ONNX's own backend suite, for the operators of compact networks, on Retort's own kernels: each gives
//! the suite's result or is refused with a reason. None is computed wrongly.
//!
//! In these tests every tensor is a graph input. In networks only the first is, so the others are made constants.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

use anyhow::{Context, Result};
use prost::Message;
use retort::model::{LoadOptions, Model};
use retort_tests::data;
use retort_tests::onnx::pb::{ModelProto, TensorProto};
use retort_tests::tensors::{Values, fill, take};

/// Operators that have kernels, or that planning resolves.
const OPERATORS: &[&str] = &[
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Concat",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "DynamicQuantizeLinear",
    "Exp",
    "Flatten",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "MatMul",
    "MatMulInteger",
    "MaxPool",
    "Mul",
    "PRelu",
    "Pad",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Resize",
    "Sigmoid",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
];

/// Tests whose data is at odds with ONNX Runtime, which Retort follows: it saturates where the first four wrap around, and
/// takes the whole length of the output where the last takes a fraction.
const DISPUTED: &[&str] = &[
    "test_qlinearmatmul_2D_int8_float16",
    "test_qlinearmatmul_2D_int8_float32",
    "test_qlinearmatmul_3D_int8_float16",
    "test_qlinearmatmul_3D_int8_float32",
    "test_resize_downsample_scales_linear_align_corners",
];

/// What a graph ends in that Retort suppresses itself: the outputs are then the boxes and scores of all candidates.
const CUT: &str = "NonMaxSuppression";

/// What results near 0 may be off by.
const FLOOR: f64 = 1e-6;

/// What the suite's transforms may be off by, in single precision, where it has them in double.
const ROUNDED: [(&str, f64); 2] = [("test_dft", 1e-5), ("test_dft_opset19", 1e-5)];

/// One node test: its files by name.
type Files = BTreeMap<String, Vec<u8>>;

enum Verdict {
    Right,
    Refused(String),
    Wrong(String),
}

#[test]
fn node_tests_give_the_suites_results() {
    let Some(archive) = data::find("data/onnx-node-tests.tar.gz") else { return };
    let (mut right, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for (name, files) in read(&archive).expect("the archive") {
        if DISPUTED.contains(&name.as_str()) {
            continue;
        }
        match run(&files) {
            None => {}
            Some(Verdict::Right) => right += 1,
            Some(Verdict::Refused(reason)) => refused.push(format!("{name}: {reason}")),
            Some(Verdict::Wrong(what)) => wrong.push(format!("{name}: {what}")),
        }
    }
    println!("{right} right, {} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), right + wrong.len(), wrong.join("\n"));
    assert!(right >= 100, "only {right} node tests ran");
}

/// All of the suite, whatever the operator: what cannot be planned runs as a fallback step or is refused, and what is given is
/// right. How many go which way stands in `OPERATORS.md`.
#[test]
fn every_node_test_is_right_or_refused_and_the_counts_are_those_that_are_told() {
    let Some(archive) = data::find("data/onnx-node-tests.tar.gz") else { return };
    let (mut ways, mut wrong) = (BTreeMap::<Way, usize>::new(), Vec::new());
    for (name, files) in read(&archive).expect("the archive") {
        if DISPUTED.contains(&name.as_str()) {
            continue;
        }
        let floor = ROUNDED.iter().find(|(rounded, _)| *rounded == name).map_or(FLOOR, |(_, floor)| *floor);
        let (verdict, steps) = match network(&files) {
            Some((model, _, _)) if ends_in(&model, CUT) => {
                *ways.entry(Way::Cut).or_default() += 1;
                continue;
            }
            Some((model, first, expected)) => compute(&model, &first, &expected, false, floor),
            None => {
                *ways.entry(Way::Unasked).or_default() += 1;
                continue;
            }
        };
        let way = match verdict {
            Verdict::Right if steps == 0 => Way::Plan,
            Verdict::Right => {
                println!("in {steps} fallback steps {name}");
                Way::Fallback
            }
            Verdict::Refused(reason) => {
                println!("refused {name}: {reason}");
                Way::Refused
            }
            Verdict::Wrong(what) => {
                wrong.push(format!("{name}: {steps} fallback steps: {what}"));
                continue;
            }
        };
        *ways.entry(way).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let count = |way: Way| ways.get(&way).copied().unwrap_or(0);
    let line = format!(
        "{} of them run in the plan, {} with fallback steps, {} are refused with a reason, {} end in {CUT} and are cut before it, and \
         {} are not asked about",
        count(Way::Plan),
        count(Way::Fallback),
        count(Way::Refused),
        count(Way::Cut),
        count(Way::Unasked),
    );
    let told = include_str!("OPERATORS.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&line), "tests/OPERATORS.md has to say: {line}");
}

fn ends_in(model: &ModelProto, operator: &str) -> bool {
    model.graph.as_ref().and_then(|graph| graph.node.last()).is_some_and(|node| node.op_type == operator)
}

/// The archive's node tests by name.
fn read(archive: &Path) -> Result<BTreeMap<String, Files>> {
    let mut tests: BTreeMap<String, Files> = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(archive)?)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let parts: Vec<_> = path
            .components()
            .filter_map(|part| if let Component::Normal(part) = part { part.to_str() } else { None })
            .collect();
        let name = match parts[..] {
            ["node", test, file] => Some((test, file)),
            ["node", test, "test_data_set_0", file] => Some((test, file)),
            _ => None,
        };
        if let Some((test, file)) = name.filter(|_| entry.header().entry_type().is_file()) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            tests.entry(test.into()).or_default().insert(file.into(), bytes);
        }
    }
    Ok(tests)
}

/// How a test came out where the model may have fallback steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Plan,
    Fallback,
    Refused,
    Unasked,
    Cut,
}

/// Runs a test; `None` where it is about something else: other operators, other types, sequences.
fn run(files: &Files) -> Option<Verdict> {
    let model = ModelProto::decode(files.get("model.onnx")?.as_slice()).ok()?;
    if !model.graph?.node.iter().all(|node| OPERATORS.contains(&node.op_type.as_str()) && node.domain.is_empty()) {
        return None;
    }
    let (model, first, expected) = network(files)?;
    Some(compute(&model, &first, &expected, true, FLOOR).0)
}

/// A test as networks have it, where only the first input comes at run time, with that input and the outputs that are right;
/// `None` where these are no tensors of numbers, or there is none.
fn network(files: &Files) -> Option<(ModelProto, Values, Vec<Values>)> {
    let mut model = ModelProto::decode(files.get("model.onnx")?.as_slice()).ok()?;
    let graph = model.graph.as_mut()?;
    let tensor =
        |kind: &str, index: usize| TensorProto::decode(files.get(&format!("{kind}_{index}.pb"))?.as_slice()).ok();
    let first = Values::of(&tensor("input", 0)?).ok()?;
    let expected: Vec<Values> =
        (0..graph.output.len()).map(|i| Values::of(&tensor("output", i)?).ok()).collect::<Option<_>>()?;
    for (index, input) in graph.input.drain(1..).enumerate() {
        let mut constant = tensor("input", index + 1)?;
        constant.name = input.name;
        graph.initializer.push(constant);
    }
    Some((model, first, expected))
}

/// What comes of a test, and in how many fallback steps.
fn compute(model: &ModelProto, first: &Values, expected: &[Values], strict: bool, floor: f64) -> (Verdict, usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).expect("a temporary file");
    let model = match Model::open(&path, &LoadOptions { strict, ..Default::default() }) {
        Ok(model) => model,
        Err(error) => return (Verdict::Refused(error.to_string().replace(&format!("{}: ", path.display()), "")), 0),
    };
    let verdict = match outputs(&model, first) {
        // What is refused no earlier than when it runs is refused, too.
        Err(error) if !strict => Verdict::Refused(format!("when it runs: {error:#}")),
        Err(error) => Verdict::Wrong(format!("{error:#}")),
        Ok(got) => match got.iter().zip(expected).find_map(|(got, expected)| difference(got, expected, floor)) {
            Some(difference) => Verdict::Wrong(difference),
            None => Verdict::Right,
        },
    };
    (verdict, model.fallbacks().len())
}

fn outputs(model: &Model, first: &Values) -> Result<Vec<Values>> {
    let mut session = model.session();
    fill(model, &mut session, 0, first).context("input")?;
    session.run()?;
    Ok((0..model.outputs().len()).map(|index| take(model, &session, index)).collect())
}

/// What is wrong with `got`, by the suite's own tolerance: 1e-3 relative, and `floor` for what is near 0.
fn difference(got: &Values, expected: &Values, floor: f64) -> Option<String> {
    if got.shape != expected.shape {
        return Some(format!("shape {:?} where {:?} is right", got.shape, expected.shape));
    }
    let near = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= floor + 1e-3 * b.abs();
    let mut pairs = got.elements.iter().zip(&expected.elements).enumerate();
    pairs.find(|(_, (a, b))| !near(**a, **b)).map(|(place, (a, b))| format!("at {place}: {a} where {b} is right"))
}
