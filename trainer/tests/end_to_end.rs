//! Recipes in miniature: pictures, teacher, both arms, export, measurement by the runtime; stopped and gone on with.

mod tiny;

use std::path::Path;

use retort::contract::Contract;
use retort::model::{LoadOptions, Model};
use retort::tensor::TensorRef;
use retort_trainer::data::{Dataset, Sample, Split};
use retort_trainer::distil::{Options, Results, experiment, label, network};
use retort_trainer::evaluate::Respondent;
use retort_trainer::nets::{Folded, predict};
use retort_trainer::recipe::Recipe;
use retort_trainer::report::{Bars, Comparison, RunFolder};
use retort_trainer::train::{Place, load};
use tiny::recipe;

fn run(recipe: &Recipe, folder: &Path, options: Options) -> (Results, RunFolder) {
    let folder = RunFolder::create(folder).expect("made");
    let results = experiment(recipe, &folder, &Bars::default(), options).expect("it runs");
    (results, folder)
}

fn floats(path: &Path, sample: &Sample) -> Vec<Vec<f32>> {
    let model = Model::open(path, &LoadOptions::default()).expect("the file loads");
    let contract: &Contract = model.contract().expect("a contract");
    let mut preprocessor =
        retort::vision::preprocess::Preprocessor::new(&contract.image, &model.inputs()[0]).expect("it fits");
    let mut session = model.session();
    preprocessor.fill(&sample.frame().expect("a frame"), session.input(0)).expect("filled");
    session.run().expect("run");
    let outputs = (0..model.outputs().len()).map(|index| match session.output(index) {
        TensorRef::F32(values) => values.to_vec(),
        other => panic!("outputs are floats, not {other:?}"),
    });
    outputs.collect()
}

#[test]
fn a_recipe_becomes_measured_files() {
    let recipe = recipe(&[]);
    let place = tempfile::tempdir().expect("a folder");
    let (results, folder) = run(&recipe, &place.path().join("run"), Options::default());
    assert_eq!(results.students.len(), 4);
    let names =
        ["recipe.toml", "environment.json", "training.csv", "results.csv", "card.md", "verdict.txt", "picture-0.png"];
    let names = names.iter().chain(&["audit.json", "audit.txt", "inheritance.json", "comparison.json", "report.html"]);
    for name in names {
        assert!(folder.file(name).is_file(), "{name} is missing");
    }

    let comparison = folder.read("comparison.json").expect("written");
    let comparison: Comparison = serde_json::from_str(&comparison).expect("what the page reads");
    let networks: Vec<_> = comparison.networks.iter().map(|n| (&*n.network, &*n.format, n.parameters)).collect();
    let [teacher, student] = ["teacher", "student"].map(|key| network(&recipe, key, 6).expect("it fits").parameters());
    let expected =
        [("teacher", "f32", Some(teacher)), ("student", "f32", Some(student)), ("student", "int8", Some(student))];
    assert_eq!(networks, expected);
    let of_student = network(&recipe, "student", 6).expect("it fits").macs() as u64;
    assert_eq!(comparison.networks[2].cost.macs, of_student);
    assert!(comparison.networks.iter().all(|n| n.latency.is_some_and(|latency| latency.median_ms > 0.0)));

    // The f32 file computes what the network in training computes.
    let weights = load(&folder.file("distilled-1.ckpt")).expect("a checkpoint");
    let test = Dataset::draw(recipe.data.seed, Split::Test, 2, [64, 64], || ());
    for sample in &test.samples {
        let expected = &predict(&Folded::new(&weights), &[sample], |_| ())[0];
        let outputs = floats(&folder.file("student-f32.onnx"), sample);
        let classes = outputs[0].iter().chain(&outputs[2]).zip(&expected.classes);
        for (a, b) in classes.chain(outputs[1].iter().chain(&outputs[3]).zip(&expected.boxes)) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    // The int8 file carries the checksums of what it computes, and stays near the floats.
    let student = folder.file("student.onnx");
    let golden = Respondent::open(&student, None).and_then(|student| student.golden(1)).expect("it runs");
    let model = Model::open(&student, &LoadOptions::default()).expect("the file loads");
    assert_eq!(model.contract().and_then(|contract| contract.golden), Some(golden));
    assert_eq!(model.fallbacks().len(), 0, "every step has a kernel");
    let sample = &test.samples[0];
    for (int8, float) in floats(&student, sample).iter().zip(floats(&folder.file("student-f32.onnx"), sample)) {
        let worst = int8.iter().zip(&float).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let span = float.iter().fold(0.0f32, |span, v| span.max(v.abs()));
        assert!(worst <= 0.1 * span.max(0.5), "{worst} of {span}");
    }
}

#[test]
fn the_shipped_recipe_spells_out_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/recipes/shapes.toml");
    let text = std::fs::read_to_string(&path).expect("the shipped recipe");
    let recipe = Recipe::resolve(Some(&path), &[]).expect("a valid recipe");
    let spelled: toml::Table = text.parse().expect("TOML");
    let all: toml::Table = recipe.to_toml().parse().expect("TOML");
    assert_eq!(spelled, all);
    assert_eq!(recipe, Recipe::resolve(None, &[]).expect("valid"), "without a recipe, this one is carried out");
}

/// Stopped between two networks and gone on with, a run leaves the same weights, byte for byte, and the same table.
#[test]
fn what_was_stopped_goes_on_as_if_nothing_had_happened() {
    let recipe = recipe(&["seeds=[1]", "learning.steps=25", "learning.validate=10", "learning.keep_best=true"]);
    let place = tempfile::tempdir().expect("a folder");
    let (whole, reference) = run(&recipe, &place.path().join("whole"), Options::default());
    let expected = std::fs::read(reference.file("student.onnx")).expect("written");

    // A folder as it is when the program dies between two networks.
    let (_, folder) = run(&recipe, &place.path().join("stopped"), Options::default());
    for name in ["control-1.ckpt", "student.onnx", "results.csv"] {
        std::fs::remove_file(folder.file(name)).expect("there");
    }
    let (resumed, folder) = run(&recipe, &place.path().join("stopped"), Options { resume: true, ..Options::default() });
    assert_eq!(std::fs::read(folder.file("student.onnx")).expect("written"), expected);
    assert_eq!(format!("{:?}", resumed.students), format!("{:?}", whole.students));
    let rows = |folder: &RunFolder| {
        let text = folder.read("training.csv").expect("a table");
        let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(rows(&folder), rows(&reference));

    // Another recipe is not gone on with.
    let other = recipe_with_seed_two(&recipe);
    let error = experiment(&other, &folder, &Bars::default(), Options { resume: true, ..Options::default() });
    assert!(error.expect_err("refused").to_string().contains("another recipe"));
}

fn recipe_with_seed_two(recipe: &Recipe) -> Recipe {
    Recipe { seeds: vec![2], ..recipe.clone() }
}

/// Students that were trained on in the board's integers: both files are of those weights, and what was stopped goes on.
#[test]
fn students_are_trained_on_in_integers() {
    let binding = "distil.bindings=[{loss=\"pkd\", student=\"neck.level16.pointwise\"}]";
    let changes = ["seeds=[1]", "learning.steps=20", "quantise.steps=12", "quantise.warmup=2", "learning.validate=6"];
    let recipe = recipe(&[&changes[..], &[binding]].concat());
    let place = tempfile::tempdir().expect("a folder");
    let (whole, folder) = run(&recipe, place.path(), Options::default());
    let table = folder.read("training.csv").expect("a table");
    let rows = |name: &str| table.lines().filter(|row| row.starts_with(&format!("{name},"))).count();
    assert_eq!((rows("distilled.qat"), rows("control.qat")), (3, 3), "a row of a step, two of validations");

    let [trained, refined] =
        ["distilled-1.ckpt", "distilled-1.qat.ckpt"].map(|name| load(&folder.file(name)).expect("a checkpoint"));
    let (before, after) = (Folded::new(&trained), Folded::new(&refined));
    assert!(refined.moments.is_empty() && before != after);
    let sample = &Dataset::draw(recipe.data.seed, Split::Test, 1, [64, 64], || ()).samples[0];
    let expected = &predict(&after, &[sample], |_| ())[0];
    let outputs = floats(&folder.file("student-f32.onnx"), sample);
    for (a, b) in outputs[0].iter().chain(&outputs[2]).zip(&expected.classes) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }

    let student = std::fs::read(folder.file("student.onnx")).expect("written");
    for name in ["distilled-1.qat.ckpt", "student.onnx"] {
        std::fs::remove_file(folder.file(name)).expect("there");
    }
    let (resumed, folder) = run(&recipe, place.path(), Options { resume: true, ..Options::default() });
    assert_eq!(std::fs::read(folder.file("student.onnx")).expect("written"), student);
    assert_eq!(format!("{:?}", resumed.students), format!("{:?}", whole.students));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let recipe = recipe(&["seeds=[1]"]);
    let place = tempfile::tempdir().expect("a folder");
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let path = place.path().join(format!("on-{threads}"));
        let (_, folder) = pool.install(|| run(&recipe, &path, Options::default()));
        std::fs::read(folder.file("student.onnx")).expect("written")
    };
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(5), one);
}

/// Two machines that answer a half each leave what one alone would have left.
#[test]
fn answers_of_two_machines_come_together() {
    let recipe = recipe(&["seeds=[1]", "scenes.transfer=300"]);
    let place = tempfile::tempdir().expect("a folder");
    let (_, reference) = run(&recipe, &place.path().join("one"), Options::default());
    let folder = RunFolder::create(&place.path().join("two")).expect("made");
    for shard in 0..2 {
        label(&recipe, &folder, &Bars::default(), Place::Cpu, [shard, 2]).expect("answered");
    }
    let files = |folder: &RunFolder| {
        let entries = std::fs::read_dir(folder.file("answers")).expect("there").map(|entry| entry.expect("one").path());
        let mut files: Vec<_> =
            entries.map(|path| (path.file_name().map(ToOwned::to_owned), std::fs::read(path).expect("read"))).collect();
        files.sort();
        files
    };
    assert_eq!(files(&folder), files(&reference));
    assert_eq!(files(&folder).len(), 1 + 3, "six labelled pictures in one chunk, 300 others in three");
}

#[test]
fn labels_alone_make_a_student_too() {
    let recipe = recipe(&["seeds=[1]"]);
    let place = tempfile::tempdir().expect("a folder");
    let (results, folder) = run(&recipe, place.path(), Options { labels_only: true, ..Options::default() });
    assert!(results.teacher.is_none() && results.verdict.is_none() && results.students.len() == 1);
    assert!(folder.file("report.html").is_file() && !folder.file("audit.json").exists());
    assert!(folder.file("student.onnx").is_file() && !folder.file("teacher.onnx").exists());
}

/// A control that counted only its few labelled pictures would be taught far less than the student that it is compared with.
#[test]
fn an_epoch_is_as_long_for_the_control() {
    let recipe = recipe(&["seeds=[1]", "learning.epochs=1", "learning.batch=4", "scenes.transfer=120"]);
    let place = tempfile::tempdir().expect("a folder");
    let (_, folder) = run(&recipe, place.path(), Options::default());
    let table = folder.read("training.csv").expect("written");
    let steps = |arm: &str| -> Vec<String> {
        let cells = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<_>>();
        table.lines().map(cells).filter(|cells| cells[0] == arm).map(|cells| cells[2].clone()).collect()
    };
    assert!(steps("distilled").len() > 1);
    assert_eq!(steps("control"), steps("distilled"));
}
