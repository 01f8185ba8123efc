//! From a recipe with prototypes to a board that knows what it was never taught, and keeps it to learn from.

use std::path::Path;
use std::process::ExitCode;

use retort::contract::Contract;
use retort::model::{InputKind, LoadOptions, Model};
use retort::vision::detector::Detector;
use retort_trainer::data::{Collection, Dataset, OpenOptions, Sample, Split};
use retort_trainer::distil::{Options, experiment};
use retort_trainer::evaluate::Respondent;
use retort_trainer::recipe::Recipe;
use retort_trainer::report::{Bars, RunFolder};

fn recipe() -> Recipe {
    let tiny = [
        "data.width=64",
        "data.height=64",
        "scenes.teacher=8",
        "scenes.labelled=24",
        "scenes.transfer=136",
        "scenes.validation=40",
        "scenes.test=6",
        "teacher.widths=[8, 8, 16, 16, 16]",
        "teacher.neck=16",
        "student.widths=[8, 8, 8, 16, 16]",
        "student.neck=16",
        "teaching.steps=2",
        "teaching.batch=4",
        // Longer, and the few channels of so small a student tell noise apart less well: 0.2 to 0.9 of it.
        "learning.steps=30",
        "learning.batch=4",
        "distil.labelled=2",
        "quantise.pictures=32",
        "seeds=[1]",
        "coverage.prototypes=4",
        "coverage.quantile=0.95",
    ];
    Recipe::resolve(None, &tiny.map(str::to_owned)).expect("a valid recipe")
}

/// The share of samples whose novelty is above 1.
fn unlike(model: &Model, samples: &[Sample]) -> f64 {
    let mut detector = Detector::new(model, model.contract().expect("a contract")).expect("it fits");
    let count = samples.iter().filter(|sample| {
        detector.detect(&sample.frame().expect("a frame")).expect("it runs");
        detector.novelty().expect("prototypes") > 1.0
    });
    count.count() as f64 / samples.len() as f64
}

fn noise(place: usize) -> Sample {
    Sample::rgb(64, 64, retort::contract::golden_picture(place as u32 + 1, 64, 64, 3))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

#[test]
fn a_student_knows_what_it_was_never_taught() {
    let recipe = recipe();
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(&place.path().join("run")).expect("made");
    experiment(&recipe, &folder, &Bars::default(), Options::default()).expect("it runs");

    let student = folder.file("student.onnx");
    let options = LoadOptions { input: InputKind::Quantised, ..LoadOptions::default() };
    let model = Model::open(&student, &options).expect("the file loads");
    assert_eq!(model.fallbacks().len(), 0, "every step has a kernel");
    let contract: &Contract = model.contract().expect("a contract");
    let coverage = contract.coverage.as_ref().expect("prototypes");
    assert!((1..=4).contains(&coverage.prototypes.len()) && coverage.deviations.len() == 8 + 16);
    let golden = Respondent::open(&student, None).and_then(|student| student.golden(1)).expect("it runs");
    assert_eq!(contract.golden, Some(golden));
    let float = Model::open(&folder.file("student-f32.onnx"), &options).expect("the file loads");
    assert!(float.outputs().iter().any(|port| port.name == "embedding"));
    assert!(float.contract().is_some_and(|contract| contract.coverage.is_none()));

    // Fresh scenes of its own kind, and noise.
    let own = Dataset::draw(recipe.data.seed, Split::Test, 60, [64, 64], || ()).samples;
    let noises: Vec<Sample> = (0..20).map(noise).collect();
    let (own_share, noise_share) = (unlike(&model, &own), unlike(&model, &noises));
    assert!(own_share < 0.3 && noise_share > 0.9, "own {own_share}, noise {noise_share}");
    let summary: serde_json::Value =
        serde_json::from_str(&folder.read("coverage.json").expect("written")).expect("JSON");
    assert_eq!((summary["learned"].as_u64(), summary["held_out"].as_u64()), (Some(160), Some(40)));
    assert!(summary["flagged"]["learned"].as_f64().is_some_and(|share| share <= 0.12), "{summary}");
    assert!(summary["flagged"]["noise"].as_f64().is_some_and(|share| share > 0.9), "{summary}");

    // A folder with both: what is collected is what is unlike, and the trainer reads it.
    let (pictures, kept) = (place.path().join("pictures"), place.path().join("kept"));
    std::fs::create_dir(&pictures).expect("made");
    for (index, sample) in own.iter().take(10).chain(&noises[..5]).enumerate() {
        let picture = image::RgbImage::from_raw(64, 64, sample.pixels.clone()).expect("of its size");
        picture.save(pictures.join(format!("{index:02}.png"))).expect("written");
    }
    let arguments = ["retort", "collect", text(&pictures), "--model", text(&student), "--out", text(&kept)];
    let code = retort::cli::run([&arguments[..], &["--unsure", "0", "--png"]].concat());
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
    let set = Collection::open(&kept, &OpenOptions::default()).expect("a set");
    assert_eq!(format!("{:?}", set.format), "Collect");
    // The mean of a cell of noise differs from picture to picture, so that no noise is taken for a copy.
    assert!((4..=10).contains(&set.len()), "{} of 15 were kept", set.len());
    assert!(set.problems.is_empty(), "{:?}", set.problems);
    let lines = std::fs::read_to_string(kept.join("detections.jsonl")).expect("lines");
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["novelty"].as_f64().is_some_and(|novelty| novelty > 1.0), "{line}");
        assert_eq!(line["why"], serde_json::json!(["unlike"]));
    }
}
