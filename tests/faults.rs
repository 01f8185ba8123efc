//! Wrong files and wrong arguments, given to the program itself: each gets one line on standard error that names the
//! file, node or key at fault, and exit status 1; wrong usage gets 2. Nothing panics.

use std::path::{Path, PathBuf};

use retort::model::{LoadOptions, Model};
use retort_tests::onnx::pb::{ModelProto, NodeProto, StringStringEntryProto, tensor_proto::DataLocation};
use retort_tests::onnx::{self, floats, integers, node, port};
use retort_tests::program::{Outcome, retort};
use tempfile::TempDir;

/// Runs the program on what must be refused, and looks for `parts` in what it says.
fn refused(arguments: &[&str], parts: &[&str]) {
    let Outcome { status, error, .. } = retort(arguments);
    let told = format!("retort {}\nstatus {status:?}\n{error}", arguments.join(" "));
    assert_eq!(status, Some(1), "{told}");
    assert_eq!(error.lines().filter(|line| !line.trim().is_empty()).count(), 1, "one line: {told}");
    assert!(!error.contains("panicked"), "{told}");
    for part in parts {
        assert!(error.contains(part), "does not say `{part}`: {told}");
    }
}

/// A folder that a test writes its files into.
struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("a temporary file");
        self.name(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// A model that is right: a 1×1 convolution from `image` to `head`, 8×8 pixels.
fn right() -> ModelProto {
    let weights: Vec<f32> = (0..18).map(|i| i as f32 / 18.0).collect();
    onnx::model(
        &[port("image", &[1, 3, 8, 8])],
        &[floats("weights", &[6, 3, 1, 1], &weights)],
        &[node("Conv", "convolution", &["image", "weights"], &["head"])],
        &[port("head", &[1, 6, 8, 8])],
    )
}

/// The contract of [`right`], whose output it calls `output`.
fn contract(output: &str) -> Vec<(&str, &str)> {
    vec![
        ("retort.task", "detect"),
        ("retort.classes", "[\"thing\"]"),
        ("retort.image.colour", "rgb"),
        ("retort.image.resize", "stretch"),
        ("retort.head.kind", "fastestdet"),
        ("retort.head.output", output),
    ]
}

/// A picture of 8×8 pixels as a portable pixmap.
fn picture() -> Vec<u8> {
    [b"P6 8 8 255\n".as_slice(), &[100; 192]].concat()
}

fn only_node(model: &mut ModelProto) -> &mut NodeProto {
    &mut model.graph.as_mut().expect("a graph").node[0]
}

/// The wrong models below are this one with one thing changed, so it has to pass.
#[test]
fn what_is_right_is_accepted() {
    let files = Files::new();
    let model = files.write("right.onnx", onnx::encode(&onnx::with_metadata(right(), &contract("head"))));
    let picture = files.write("picture.ppm", picture());
    let compiled = files.name("right.plan");
    for arguments in [
        vec!["inspect", &model],
        vec!["detect", &model, &picture, "--json"],
        vec!["compile", &model, "-o", &compiled],
        vec!["inspect", &compiled],
        vec!["detect", &compiled, &picture, "--json"],
    ] {
        let run = retort(&arguments);
        assert_eq!(run.status, Some(0), "{arguments:?}: {run:?}");
    }
}

#[test]
fn files_that_are_no_model() {
    let files = Files::new();
    let whole = onnx::encode(&right());
    for length in [1, 2, 10, whole.len() / 4, whole.len() / 2, whole.len() - 1] {
        let name = format!("truncated{length}.onnx");
        refused(&["inspect", &files.write(&name, &whole[..length])], &[&name]);
    }
    let noise: Vec<u8> = (0u32..5000).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    refused(&["inspect", &files.write("noise.onnx", &noise)], &["noise.onnx"]);
    refused(&["inspect", &files.write("empty.onnx", b"")], &["empty.onnx"]);
    refused(&["inspect", &files.write("text.onnx", "no model at all\n")], &["text.onnx"]);
    refused(&["inspect", &files.name("missing.onnx")], &["missing.onnx"]);
    refused(&["inspect", &files.0.path().display().to_string()], &[&files.0.path().display().to_string()]);
}

#[test]
fn pictures_that_are_none() {
    let files = Files::new();
    let model = files.write("model.onnx", onnx::encode(&onnx::with_metadata(right(), &contract("head"))));
    let whole = picture();
    refused(&["detect", &model, &files.write("text.jpg", "no picture at all\n")], &["text.jpg"]);
    refused(&["detect", &model, &files.write("truncated.ppm", &whole[..100])], &["truncated.ppm"]);
    refused(&["detect", &model, &files.write("empty.png", b"")], &["empty.png"]);
    refused(&["detect", &model, &files.name("missing.png")], &["missing.png"]);
    let huge = b"P6 4000000000 4000000000 255\n";
    refused(&["detect", &model, &files.write("huge.ppm", huge)], &["huge.ppm"]);
}

#[test]
fn contracts_that_do_not_fit() {
    let files = Files::new();
    let picture = files.write("picture.ppm", picture());
    let detect = |name: &str, pairs: &[(&str, &str)], parts: &[&str]| {
        let model = files.write(name, onnx::encode(&onnx::with_metadata(right(), pairs)));
        refused(&["detect", &model, &picture], parts);
    };
    detect("output.onnx", &contract("heads"), &["head.output", "`heads`"]);
    detect("none.onnx", &[], &["none.onnx", "none.toml", "--contract"]);
    let mut pairs = contract("head");
    pairs[2].1 = "grey";
    detect("grey.onnx", &pairs, &["image.colour"]);
    pairs[2] = ("retort.image.color", "rgb");
    detect("key.onnx", &pairs, &["image.color", "image.colour"]);

    let model = files.write("model.onnx", onnx::encode(&right()));
    let sidecar = files.write("sidecar.toml", "task = \"detect\"\nclasses = ");
    refused(&["detect", &model, &picture, "--contract", &sidecar], &["sidecar.toml"]);
    refused(&["detect", &model, &picture, "--contract", &files.name("missing.toml")], &["missing.toml"]);
}

#[test]
fn plans_that_are_damaged() {
    let files = Files::new();
    let model = files.write("model.onnx", onnx::encode(&right()));
    let plan = files.name("model.plan");
    let run = retort(&["compile", &model, "-o", &plan]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let whole = std::fs::read(Path::new(&plan)).expect("the plan");

    let with_byte = |name: &str, at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        files.write(name, bytes)
    };
    refused(&["inspect", &with_byte("magic.plan", 0)], &["magic.plan"]);
    refused(&["inspect", &with_byte("version.plan", 4)], &["version.plan", "version"]);
    for at in (8..whole.len()).step_by(whole.len() / 24 + 1) {
        refused(&["inspect", &with_byte("flipped.plan", at)], &["flipped.plan"]);
    }
    for length in [0, 3, 64, whole.len() / 2, whole.len() - 1] {
        refused(&["inspect", &files.write("truncated.plan", &whole[..length])], &["truncated.plan"]);
    }
    let longer = [whole.as_slice(), &[0]].concat();
    refused(&["inspect", &files.write("longer.plan", longer)], &["longer.plan"]);
}

/// Refuses [`right`] with something changed.
fn refused_model(change: impl FnOnce(&mut ModelProto), parts: &[&str]) {
    let files = Files::new();
    let mut model = right();
    change(&mut model);
    let path = files.write("wrong.onnx", onnx::encode(&model));
    refused(&["inspect", &path], &[&["wrong.onnx"], parts].concat());
}

#[test]
fn graphs_that_make_no_sense() {
    refused_model(|m| m.graph = None, &["graph"]);
    refused_model(|m| only_node(m).input[0] = "nobody".into(), &["convolution", "nobody"]);
    refused_model(|m| m.graph.as_mut().unwrap().output[0].name = "nobody".into(), &["nobody"]);
    refused_model(|m| only_node(m).op_type = "Frobnicate".into(), &["convolution", "Frobnicate"]);
    refused_model(|m| only_node(m).input[0] = "head".into(), &["convolution"]);
    refused_model(|m| only_node(m).input.truncate(1), &["convolution"]);
    refused_model(|m| only_node(m).output.clear(), &["head"]);
    refused_model(|m| m.graph.as_mut().unwrap().output.clear(), &["output"]);
    refused_model(
        |m| {
            let nodes = &mut m.graph.as_mut().unwrap().node;
            nodes.push(node("Relu", "first", &["second_out"], &["first_out"]));
            nodes.push(node("Relu", "second", &["first_out"], &["second_out"]));
        },
        &["first"],
    );
    refused_model(|m| m.graph.as_mut().unwrap().node.push(node("Relu", "again", &["image"], &["head"])), &["head"]);
    refused_model(
        |m| m.graph.as_mut().unwrap().initializer.push(floats("weights", &[6, 3, 1, 1], &[0.0; 18])),
        &["weights"],
    );
}

#[test]
fn constants_that_do_not_hold_what_they_say() {
    fn weights(model: &mut ModelProto) -> &mut onnx::pb::TensorProto {
        &mut model.graph.as_mut().expect("a graph").initializer[0]
    }
    refused_model(|m| weights(m).raw_data.truncate(71), &["weights"]);
    refused_model(|m| weights(m).raw_data.extend([0; 4]), &["weights"]);
    refused_model(|m| weights(m).raw_data.clear(), &["weights"]);
    refused_model(|m| weights(m).dims = vec![6, 3, -1, -1], &["weights"]);
    refused_model(|m| weights(m).dims = vec![1 << 40, 1 << 40, 1, 1], &["weights"]);
    refused_model(|m| weights(m).dims = vec![i64::MAX, 3, 1, 1], &["weights"]);
    refused_model(|m| weights(m).data_type = 999, &["weights"]);
    refused_model(
        |m| {
            let location = StringStringEntryProto { key: "location".into(), value: "../../etc/passwd".into() };
            weights(m).raw_data.clear();
            weights(m).data_location = Some(DataLocation::External.into());
            weights(m).external_data = vec![location];
        },
        &["weights", "external"],
    );
}

#[test]
fn operators_with_impossible_attributes() {
    let with = |attribute: onnx::pb::AttributeProto| move |m: &mut ModelProto| only_node(m).attribute.push(attribute);
    let group = |value| onnx::pb::AttributeProto {
        name: "group".into(),
        r#type: onnx::pb::attribute_proto::AttributeType::Int.into(),
        i: value,
        ..Default::default()
    };
    refused_model(with(integers("strides", &[0, 1])), &["convolution"]);
    refused_model(with(integers("strides", &[-1, 1])), &["convolution"]);
    refused_model(with(integers("strides", &[1])), &["convolution"]);
    refused_model(with(integers("dilations", &[0, 0])), &["convolution"]);
    refused_model(with(integers("pads", &[-9, 0, 0, 0])), &["convolution"]);
    refused_model(with(integers("kernel_shape", &[3, 3])), &["convolution"]);
    refused_model(with(group(0)), &["convolution"]);
    refused_model(with(group(4)), &["convolution"]);
    refused_model(|m| m.graph.as_mut().unwrap().input[0] = port("image", &[1, 5, 8, 8]), &["convolution"]);
    refused_model(|m| m.graph.as_mut().unwrap().input[0] = port("image", &[1, 3, 1 << 30, 1 << 30]), &[]);
    refused_model(|m| m.graph.as_mut().unwrap().input[0] = port("image", &[1, 3, -1, 8]), &["image", "--shape"]);
}

/// `image` quantised and dequantised with `scale`.
fn round_trip(scale: &[f32]) -> ModelProto {
    let shape: &[i64] = if scale.len() == 1 { &[] } else { &[scale.len() as i64] };
    onnx::model(
        &[port("image", &[1, 3, 8, 8])],
        &[floats("scale", shape, scale), onnx::bytes("zero", shape, &vec![0; scale.len()])],
        &[
            node("QuantizeLinear", "quantise", &["image", "scale", "zero"], &["bytes"]),
            node("DequantizeLinear", "dequantise", &["bytes", "scale", "zero"], &["head"]),
        ],
        &[port("head", &[1, 3, 8, 8])],
    )
}

#[test]
fn scales_that_measure_nothing() {
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused_model(|m| *m = round_trip(&[scale]), &["scale"]);
    }
    refused_model(|m| *m = round_trip(&[1.0; 7]), &["quantise"]);
    let mut model = round_trip(&[0.5]);
    model.graph.as_mut().unwrap().initializer[1] = onnx::bytes("zero", &[2], &[0, 0]);
    refused_model(|m| *m = model, &["zero"]);
}

#[test]
fn inputs_that_do_not_fit() {
    let files = Files::new();
    let model = files.write("model.onnx", onnx::encode(&right()));
    let out = files.name("out");
    let run = |input: &str, parts: &[&str]| {
        refused(&["run", &model, "--input", input, "--output-dir", &out], parts);
    };
    let array = |shape: &str, bytes: usize| {
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
        header.push('\n');
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), &vec![0; bytes]].concat()
    };
    let good = files.write("good.npy", array("(1, 3, 8, 8)", 768));
    run(&format!("images={good}"), &["images", "image"]);
    run(&format!("image={}", files.write("shape.npy", array("(1, 3, 8, 9)", 864))), &["image", "9"]);
    run(&format!("image={}", files.write("short.npy", array("(1, 3, 8, 8)", 700))), &["short.npy"]);
    run(&format!("image={}", files.write("text.npy", "no array\n")), &["text.npy"]);
    run(&format!("image={}", files.name("missing.npy")), &["missing.npy"]);
    refused(&["inspect", &model, "--shape", "picture=1,3,8,8"], &["picture"]);
}

/// Each golden model with a few bytes changed, at places and to values that a seed gives: loading it, and running it where
/// it still loads, may fail but neither panic nor go on for ever.
#[test]
fn models_with_bytes_changed_do_not_panic() {
    let files = Files::new();
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut loaded = 0;
    for case in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")).expect("golden/") {
        let Ok(whole) = std::fs::read(case.expect("an entry").path().join("model.onnx")) else { continue };
        for _ in 0..50 {
            let mut bytes = whole.clone();
            for _ in 0..=random(6) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            let path = files.path("changed.onnx");
            std::fs::write(&path, &bytes).expect("a temporary file");
            if let Ok(model) = Model::open(&path, &LoadOptions::default()) {
                loaded += 1;
                // What a changed model computes is its own business.
                let _ = model.session().run();
            }
        }
    }
    assert!(loaded > 100, "only {loaded} changed models still load: too little is tested behind the parser");
}

/// Every command that loads a model takes limits, and says which one was met and how to raise it.
#[test]
fn limits_hold_in_every_command() {
    let files = Files::new();
    let model = files.write("model.onnx", onnx::encode(&onnx::with_metadata(right(), &contract("head"))));
    let picture = files.write("picture.ppm", picture());
    let out = files.name("out");
    let commands: [&[&str]; 7] = [
        &["inspect", &model],
        &["detect", &model, &picture],
        &["bench", &model],
        &["verify", &model],
        &["compile", &model, "-o", &out],
        &["run", &model, "--output-dir", &out],
        &["collect", &picture, "--out", &out, "--model", &model],
    ];
    for command in commands {
        let parts = ["model.onnx", "3 nodes", "the limit is 2", "--limit nodes="];
        refused(&[command, &["--limit", "nodes=2"]].concat(), &parts);
    }
    let Outcome { status, output, .. } = retort(&["doctor", &model, "--limit", "nodes=2"]);
    assert!(status == Some(1) && output.contains("--limit nodes="), "{output}");
    let Outcome { status, .. } = retort(&["inspect", &model, "--limit", "nodes=2", "--limit", "nodes=3"]);
    assert_eq!(status, Some(0), "the last one holds");
    let parts = ["picture.ppm", "8 pixels", "--limit picture-side="];
    refused(&["detect", &model, &picture, "--limit", "picture-side=7"], &parts);
}

#[test]
fn wrong_usage() {
    let files = Files::new();
    let model = files.write("model.onnx", onnx::encode(&right()));
    for arguments in [
        vec!["frobnicate"],
        vec!["inspect"],
        vec!["inspect", &model, "--frobnicate"],
        vec!["inspect", &model, "--limit", "nodes"],
        vec!["inspect", &model, "--limit", "knots=3"],
        vec!["doctor", "--limit", "nodes=0"],
        vec!["detect", &model, "--score", "high"],
        vec!["run", &model],
        vec!["inspect", &model, "--shape", "image=1,3,many"],
        vec!["bench", &model, "--threads", "many"],
        vec!["bench", &model, "--duration", "-1"],
    ] {
        let run = retort(&arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {run:?}");
        assert!(!run.error.is_empty() && !run.error.contains("panicked"), "{arguments:?}: {run:?}");
    }
}
