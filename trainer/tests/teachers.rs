//! Teachers that are no network of ours: a transformer as ONNX, into which a loss also looks, and a file of answers.

use std::path::{Path, PathBuf};

use prost::Message;
use retort_trainer::data::Rng;
use retort_trainer::distil::{Options, Results, experiment};
use retort_trainer::evaluate::Respondent;
use retort_trainer::recipe::Recipe;
use retort_trainer::report::{Bars, RunFolder};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

/// Sides of a picture, of a patch, and of the square of tokens.
const SIDE: usize = 16;
const PATCH: usize = 4;
const TOKENS: usize = (SIDE / PATCH) * (SIDE / PATCH);
/// Channels of a token.
const WIDTH: usize = 16;
const CLASSES: usize = 3;

/// A vision transformer in the making (Dosovitskiy et al. 2021): one block, one head, numbers by chance.
struct Transformer {
    graph: GraphProto,
    rng: Rng,
}

impl Transformer {
    fn tensor(&mut self, name: &str, shape: &[usize], value: impl Fn(&mut Rng) -> f32) -> String {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value(&mut self.rng)).collect();
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: shape.iter().map(|&side| side as i64).collect(),
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        name.into()
    }

    fn weight(&mut self, name: &str, rows: usize, columns: usize) -> String {
        let size = (1.0 / rows as f32).sqrt();
        self.tensor(name, &[rows, columns], |rng| rng.normal() * size)
    }

    fn node(&mut self, op: &str, name: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        self.graph.node.push(NodeProto {
            op_type: op.into(),
            name: name.into(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.into()],
            attribute,
            ..NodeProto::default()
        });
        name.into()
    }

    fn norm(&mut self, name: &str, x: &str) -> String {
        let scale = self.tensor(&format!("{name}.scale"), &[WIDTH], |_| 1.0);
        let shift = self.tensor(&format!("{name}.shift"), &[WIDTH], |_| 0.0);
        self.node("LayerNormalization", name, &[x, &scale, &shift], vec![int("axis", -1)])
    }

    fn dense(&mut self, name: &str, x: &str, rows: usize, columns: usize) -> String {
        let weight = self.weight(&format!("{name}.weight"), rows, columns);
        self.node("MatMul", name, &[x, &weight], Vec::new())
    }

    /// The bytes of the file.
    fn build(seed: u64) -> Vec<u8> {
        let mut t = Transformer { graph: GraphProto::default(), rng: Rng::new(&[seed]) };
        t.graph.name = "transformer".into();
        t.graph.input.push(value("picture", &[1, 1, SIDE, SIDE]));
        let patches = t.tensor("patches.weight", &[WIDTH, 1, PATCH, PATCH], |rng| rng.normal() * 0.15);
        let side = PATCH as i64;
        let attributes = vec![ints("kernel_shape", &[side, side]), ints("strides", &[side, side])];
        let patches = t.node("Conv", "patches", &["picture", &patches], attributes);
        t.graph.initializer.push(TensorProto {
            name: "flat".into(),
            dims: vec![3],
            data_type: DataType::Int64 as i32,
            int64_data: vec![1, WIDTH as i64, TOKENS as i64],
            ..TensorProto::default()
        });
        let flat = t.node("Reshape", "flattened", &[&patches, "flat"], Vec::new());
        let tokens = t.node("Transpose", "tokens", &[&flat], vec![ints("perm", &[0, 2, 1])]);
        let position = t.tensor("positions", &[1, TOKENS, WIDTH], |rng| rng.normal() * 0.1);
        let x = t.node("Add", "embedded", &[&tokens, &position], Vec::new());
        let normed = t.norm("norm1", &x);
        let [query, key, values] = ["query", "key", "value"].map(|name| t.dense(name, &normed, WIDTH, WIDTH));
        let keys = t.node("Transpose", "keys", &[&key], vec![ints("perm", &[0, 2, 1])]);
        let scores = t.node("MatMul", "scores", &[&query, &keys], Vec::new());
        let attention = t.node("Softmax", "attention", &[&scores], vec![int("axis", -1)]);
        let mixed = t.node("MatMul", "mixed", &[&attention, &values], Vec::new());
        let x = t.node("Add", "attended", &[&x, &mixed], Vec::new());
        let normed = t.norm("norm2", &x);
        let hidden = t.dense("hidden", &normed, WIDTH, 2 * WIDTH);
        let hidden = t.node("Relu", "active", &[&hidden], Vec::new());
        let narrow = t.dense("narrow", &hidden, 2 * WIDTH, WIDTH);
        let x = t.node("Add", "block", &[&x, &narrow], Vec::new());
        let mean = t.node("ReduceMean", "mean", &[&x], vec![ints("axes", &[1]), int("keepdims", 0)]);
        let logits = t.dense("raw", &mean, WIDTH, CLASSES);
        // Sure enough of itself to be worth listening to.
        let louder = t.tensor("louder", &[1], |_| 8.0);
        t.node("Mul", "logits", &[&logits, &louder], Vec::new());
        t.graph.output.push(value("logits", &[1, CLASSES]));
        let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
        let model =
            ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(t.graph), ..ModelProto::default() };
        model.encode_to_vec()
    }
}

fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim =
        |&side: &usize| Dimension { value: Some(dimension::Value::DimValue(side as i64)), ..Dimension::default() };
    let shape = TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..ValueInfoProto::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..AttributeProto::default() }
}

const CONTRACT: &str = r#"
    task = "classify"
    classes = ["left", "middle", "right"]
    image = { colour = "grey", resize = "stretch", mean = [127.5], std = [63.75] }
    head = { kind = "logits", output = "logits" }
"#;

/// Pictures of stripes, a folder a class; what is in which folder is chance, for nobody is to look.
fn draw(folder: &Path) {
    for (part, count) in [("train", 300), ("val", 24), ("test", 90)] {
        for index in 0..count {
            let class = ["left", "middle", "right"][index % 3];
            let mut rng = Rng::new(&[part.len() as u64, index as u64]);
            let (angle, width, offset) =
                (rng.range(0.0, std::f32::consts::PI), rng.range(1.5, 6.0), rng.range(0.0, 6.0));
            let picture = image::GrayImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
                let phase = (x as f32 * angle.cos() + y as f32 * angle.sin() + offset) / width;
                image::Luma([(127.5 + 120.0 * (phase * std::f32::consts::PI).sin()) as u8])
            });
            let path = folder.join(part).join(class);
            std::fs::create_dir_all(&path).expect("made");
            picture.save(path.join(format!("{index}.png"))).expect("written");
        }
    }
}

fn recipe(data: &Path, changes: &[String]) -> Recipe {
    let small = [
        "student.family=classifier",
        "teacher.family=classifier",
        "student.stem=1",
        "student.widths=[8, 16, 16]",
        "student.depths=[0, 0]",
        "data.width=16",
        "data.height=16",
        "data.channels=1",
        "data.stretch=true",
        "learning.steps=400",
        "learning.batch=16",
        "learning.warmup=10",
        "learning.average=0.9",
        "distil.labels=0",
        "distil.temperature=2",
        "quantise.pictures=16",
        "seeds=[1]",
    ];
    let small = small.iter().map(|&change| change.to_owned());
    let all: Vec<String> =
        small.chain([format!("data.source={}", data.display())]).chain(changes.iter().cloned()).collect();
    // Pictures as they are: what the teacher says of a picture does not hold for one that was turned.
    let empty = data.with_extension("empty.toml");
    std::fs::write(&empty, "").expect("written");
    Recipe::resolve(Some(&empty), &all).expect("a valid recipe")
}

fn run(recipe: &Recipe, folder: &Path) -> (Results, RunFolder) {
    let folder = RunFolder::create(folder).expect("made");
    let results = experiment(recipe, &folder, &Bars::default(), Options::default()).expect("it runs");
    (results, folder)
}

/// The likeliest class of each test picture.
fn answers(model: &Path, data: &Path) -> Vec<usize> {
    let respondent = Respondent::open(model, None).expect("opened");
    let set = retort_trainer::data::Collection::open(data, &Default::default()).expect("a set");
    let set = set.part(retort_trainer::data::Part::Test);
    let samples: Vec<_> = set.items.iter().map(|item| std::sync::Arc::new(item.load().expect("read"))).collect();
    let likeliest = |_: &retort_trainer::data::Sample, row: Vec<f32>| retort_trainer::evaluate::likeliest(&row);
    let answers = respondent.classify(&samples, |_| (), likeliest).expect("answered");
    answers.answers.into_iter().flatten().collect()
}

fn agreement(a: &[usize], b: &[usize]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

/// The first of some transformers that does not say the same of nearly every picture.
fn teacher(folder: &Path, data: &Path) -> PathBuf {
    let path = folder.join("transformer.onnx");
    std::fs::write(path.with_extension("toml"), CONTRACT).expect("written");
    let says_something = |seed: &u64| {
        std::fs::write(&path, Transformer::build(*seed)).expect("written");
        dull(&answers(&path, data)) < 0.55
    };
    (1..100).find(says_something).expect("one of them has something to say");
    path
}

/// The commonest answer's share: what a student reaches that has learned nothing.
fn dull(answers: &[usize]) -> f64 {
    (0..CLASSES).map(|class| answers.iter().filter(|&&a| a == class).count()).max().unwrap_or(0) as f64
        / answers.len() as f64
}

#[test]
fn a_transformer_teaches_by_its_answers_and_by_its_tokens() {
    let place = tempfile::tempdir().expect("a folder");
    let data = place.path().join("data");
    draw(&data);
    let teacher = teacher(place.path(), &data);
    let truth = answers(&teacher, &data);
    let models = format!("teacher.models=[\"{}\"]", teacher.display());
    let recipe_of = |change: &str| recipe(&data, &[models.clone(), change.to_owned()]);
    let (_, folder) = run(&recipe_of("distil.views=0"), &place.path().join("answers"));
    let by_answers = agreement(&answers(&folder.file("student.onnx"), &data), &truth);
    let pkd = "distil.bindings=[{loss=\"pkd\", teacher=\"block\", weight=1}]";
    let (_, folder) = run(&recipe_of(pkd), &place.path().join("tokens"));
    let by_tokens = agreement(&answers(&folder.file("student.onnx"), &data), &truth);
    assert!(by_answers > dull(&truth) + 0.1, "{by_answers} against {}", dull(&truth));
    assert!(by_tokens > dull(&truth) + 0.1, "{by_tokens} against {}", dull(&truth));
}

#[test]
fn a_file_of_answers_teaches_as_its_author_would() {
    let place = tempfile::tempdir().expect("a folder");
    let data = place.path().join("data");
    draw(&data);
    let teacher = teacher(place.path(), &data);
    let file = place.path().join("answers.json");
    let set = retort_trainer::data::Collection::open(&data, &Default::default()).expect("a set");
    let respondent = Respondent::open(&teacher, None).expect("opened");
    let items = &set.items;
    let samples: Vec<_> = items.iter().map(|item| std::sync::Arc::new(item.load().expect("read"))).collect();
    let rows = respondent.classify(&samples, |_| (), |_, row| row).expect("answered").answers;
    let entries: Vec<serde_json::Value> = items
        .iter()
        .zip(rows)
        .map(|(item, row)| serde_json::json!({"image_id": 0, "file_name": item.name, "probabilities": row}))
        .collect();
    std::fs::write(&file, serde_json::to_string(&entries).expect("plain")).expect("written");
    let change = format!("teacher.answers={}", file.display());
    let (results, folder) = run(&recipe(&data, std::slice::from_ref(&change)), &place.path().join("run"));
    assert!(results.teacher.is_none() && results.verdict.is_some());
    let truth = answers(&teacher, &data);
    let agreed = agreement(&answers(&folder.file("student.onnx"), &data), &truth);
    assert!(agreed > dull(&truth) + 0.1, "{agreed} against {}", dull(&truth));

    // How large it is nobody knows, so that a gap is taken for granted and an assistant tried.
    let mut brief = vec![change.clone(), "distil.assistant=auto".into(), "learning.steps=12".into()];
    let alone = run(&recipe(&data, &brief), &place.path().join("alone")).0.assistants.probe.expect("it was decided");
    assert!(!alone.helps && alone.direct.is_empty() && alone.words.contains("one seed"), "{}", alone.words);
    brief.push("seeds=[1, 2]".into());
    let probe = run(&recipe(&data, &brief), &place.path().join("auto")).0.assistants.probe.expect("it was tried");
    assert_eq!((probe.macs[0], probe.direct.len(), probe.assisted.len()), (0, 2, 2), "{}", probe.words);
    assert!(probe.scale > 1.0 && probe.words.contains("validation"), "{}", probe.words);

    // What it does not know it does not teach, and nobody can look inside.
    std::fs::write(&file, serde_json::to_string(&entries[1..]).expect("plain")).expect("written");
    let refused = |changes: &[String]| {
        let folder = RunFolder::create(&place.path().join("refused")).expect("made");
        let result = experiment(&recipe(&data, changes), &folder, &Bars::default(), Options::default());
        format!("{:#}", anyhow::Error::from(result.expect_err("refused")))
    };
    let missing = refused(std::slice::from_ref(&change));
    assert!(missing.contains("answers.json") && missing.contains("1 of 300"), "{missing}");
    let inside = refused(&[change, "distil.bindings=[{loss=\"pkd\"}]".into()]);
    assert!(inside.contains("only answers are known"), "{inside}");
}
