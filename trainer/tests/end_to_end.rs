//! The whole recipe in miniature: scenes, teacher, both arms, export, measurement by the runtime.

use std::path::Path;

use retort::contract::Contract;
use retort::model::{LoadOptions, Model};
use retort::tensor::TensorRef;
use retort_trainer::data::{Dataset, Sample, Split};
use retort_trainer::distil::{experiment, train_teacher};
use retort_trainer::evaluate::golden;
use retort_trainer::nets::{Folded, predict};
use retort_trainer::recipe::Recipe;
use retort_trainer::report::{Bars, RunFolder};
use retort_trainer::train::load;

fn tiny() -> Recipe {
    let changes = [
        "data.size=64",
        "data.teacher=8",
        "data.labelled=6",
        "data.transfer=8",
        "data.test=6",
        "teacher.widths=[8, 8, 16, 16, 16]",
        "teacher.neck=16",
        "student.widths=[8, 8, 8, 16, 16]",
        "student.neck=8",
        "teaching.steps=2",
        "teaching.batch=4",
        "learning.steps=3",
        "learning.batch=4",
        "distil.labelled=2",
        "quantise.scenes=4",
        "seeds=[1, 2]",
    ];
    Recipe::resolve(None, &changes.map(str::to_owned)).expect("a valid recipe")
}

fn floats(path: &Path, sample: &Sample) -> Vec<Vec<f32>> {
    let model = Model::open(path, &LoadOptions::default()).expect("the file loads");
    let contract: &Contract = model.contract().expect("a contract");
    let mut preprocessor =
        retort::vision::preprocess::Preprocessor::new(&contract.image, &model.inputs()[0]).expect("it fits");
    let frame = retort::vision::frame::Frame::rgb(&sample.pixels, sample.width, sample.height).expect("a frame");
    let mut session = model.session();
    preprocessor.fill(&frame, session.input(0)).expect("filled");
    session.run().expect("run");
    let outputs = (0..model.outputs().len()).map(|index| match session.output(index) {
        TensorRef::F32(values) => values.to_vec(),
        other => panic!("outputs are floats, not {other:?}"),
    });
    outputs.collect()
}

#[test]
fn a_recipe_becomes_measured_files() {
    let recipe = tiny();
    let folder = tempfile::tempdir().expect("a folder");
    let run = RunFolder::create(&folder.path().join("run")).expect("made");
    let results = experiment(&recipe, &run, &Bars::default(), false).expect("it runs");
    assert_eq!(results.students.len(), 4);
    for name in ["recipe.toml", "training.csv", "results.csv", "card.md", "verdict.txt", "picture-0.png"] {
        assert!(run.file(name).is_file(), "{name} is missing");
    }

    // The f32 file computes what the network in training computes.
    let weights = load(&run.file("distilled-1.ckpt")).expect("a checkpoint");
    let test = Dataset::draw(recipe.data.seed, Split::Test, 2, 64, || ());
    for sample in &test.samples {
        let expected = &predict(&Folded::new(&weights), &[sample], |_| ())[0];
        let outputs = floats(&run.file("student-f32.onnx"), sample);
        let classes = outputs[0].iter().chain(&outputs[2]).zip(&expected.classes);
        for (a, b) in classes.chain(outputs[1].iter().chain(&outputs[3]).zip(&expected.boxes)) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    // The int8 file carries the checksums of what it computes, and stays near the floats.
    let student = run.file("student.onnx");
    let model = Model::open(&student, &LoadOptions::default()).expect("the file loads");
    assert_eq!(model.contract().and_then(|c| c.golden), Some(golden(&student, 1).expect("it runs")));
    assert_eq!(model.fallbacks().len(), 0, "every step has a kernel");
    for (int8, float) in
        floats(&student, &test.samples[0]).iter().zip(floats(&run.file("student-f32.onnx"), &test.samples[0]))
    {
        let worst = int8.iter().zip(&float).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let span = float.iter().fold(0.0f32, |span, v| span.max(v.abs()));
        assert!(worst <= 0.1 * span.max(0.5), "{worst} of {span}");
    }

    // Resuming trains nothing again and comes to the same figures; another recipe is refused.
    std::fs::remove_file(run.file("control-2.ckpt")).expect("removed");
    let again = experiment(&recipe, &run, &Bars::default(), true).expect("it resumes");
    assert_eq!(again.students[3].int8, results.students[3].int8);
    let other = Recipe { seeds: vec![5], ..recipe };
    let error = experiment(&other, &run, &Bars::default(), true).expect_err("refused").to_string();
    assert!(error.contains("recipe.toml"), "{error}");
}

#[test]
fn training_does_not_depend_on_threads() {
    let recipe = tiny();
    let data = Dataset::draw(recipe.data.seed, Split::Teacher, 8, 64, || ());
    let train = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| train_teacher(&recipe, &data, |_| ()))
    };
    assert_eq!(recipe.teaching.shards, 2, "two shards are what could go wrong");
    assert_eq!(train(1), train(3));
}

#[test]
fn the_shipped_recipe_spells_out_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/recipes/shapes.toml");
    let text = std::fs::read_to_string(&path).expect("the shipped recipe");
    let recipe = Recipe::resolve(Some(&path), &[]).expect("a valid recipe");
    let spelled: toml::Table = text.parse().expect("TOML");
    let all: toml::Table = recipe.to_toml().parse().expect("TOML");
    assert_eq!(spelled, all);
    assert_eq!(recipe, Recipe::default(), "the defaults are the shipped recipe");
}
