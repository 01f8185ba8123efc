//! The experiment from start to end, and what it leaves in the run folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;
use tract_onnx::pb::ModelProto;

use super::arms::{Arm, Signals, train_student, train_teacher};
use super::verdict::Verdict;
use crate::data::{Dataset, Sample, Split};
use crate::evaluate::{Summary, detect, evaluate_file, golden};
use crate::export::{MissingRange, WriteError, contract, float_model, quantised_model, write};
use crate::nets::{Folded, Weights};
use crate::quantise::calibrate;
use crate::recipe::Recipe;
use crate::report::{Bars, FolderError, RunFolder, annotated, card};
use crate::train::{CheckpointError, Progress, load, save};

/// Why an experiment stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// Something in the run folder could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Calibration missed a value.
    #[error(transparent)]
    Range(#[from] MissingRange),
    /// A model could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The runtime does not take a file that was just written.
    #[error("the exported file does not work")]
    Model(#[from] retort::Error),
    /// Resumed with a recipe other than that of the run.
    #[error("{path} is another recipe; resume with the one that the run began with, or choose another folder")]
    OtherRecipe {
        /// The run's recipe.
        path: PathBuf,
    },
    /// A picture could not be written.
    #[error("cannot write a picture")]
    Picture(#[from] image::ImageError),
}

/// One student, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Student {
    /// With or without the teacher.
    pub arm: Arm,
    /// The seed.
    pub seed: u64,
    /// The f32 file.
    pub float: Summary,
    /// The int8 file.
    pub int8: Summary,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// The teacher, in f32.
    pub teacher: Summary,
    /// Both arms, seed by seed.
    pub students: Vec<Student>,
    /// What the int8 files say about distillation.
    pub verdict: Verdict,
    /// AP50 that the kept student loses from f32 to int8, from 0 to 100.
    pub int8_loss: f64,
}

const RECIPE: &str = "recipe.toml";
const STUDENT: &str = "student.onnx";
const TRAINING: &str = "training.csv";
const RESULTS: &str = "results.csv";
/// Steps between two lines of the training table.
const EVERY: usize = 10;
/// Seed of the golden picture in the student's contract.
const GOLDEN_SEED: u32 = 1;
/// Test scenes that are drawn with what the student finds in them.
const PICTURES: usize = 6;
/// How many times larger than the student sees them.
const ZOOM: u32 = 3;

/// Runs the whole recipe; the results, which also lie in the folder. With `resume`, networks that an earlier run of the
/// same recipe finished in this folder are not trained again; the results are the same.
pub fn experiment(recipe: &Recipe, folder: &RunFolder, bars: &Bars, resume: bool) -> Result<Results, ExperimentError> {
    let resume = resume && folder.read(RECIPE).is_some();
    if resume && folder.read(RECIPE).as_deref() != Some(&recipe.to_toml()) {
        return Err(ExperimentError::OtherRecipe { path: folder.file(RECIPE) });
    }
    folder.write(RECIPE, recipe.to_toml())?;
    if !resume {
        folder.start_table(TRAINING, "network,seed,step,loss,gradient_norm,rate")?;
    }
    folder.start_table(RESULTS, "network,seed,file,ap,ap50,ap75,ap_small,ap_medium,ap_large")?;

    let data = Scenes::draw(recipe, bars);
    let teacher = unless_done(folder, "teacher.ckpt", resume, || teach(recipe, folder, bars, &data.teacher))?;
    let teacher_file = folder.file("teacher.onnx");
    let provenance = provenance(recipe, &teacher);
    let describe = || contract(&recipe.detection, None, provenance.clone(), BTreeMap::new()).to_metadata();
    write(float_model(&Folded::new(&teacher), "teacher"), describe(), &teacher_file)?;
    let bar = bars.start("measuring the teacher", data.test.len());
    let teacher_figures = evaluate_file(&teacher_file, &data.test, |n| bar.advance(n))?;
    bar.finish(&in_words(&teacher_figures));
    record(folder, "teacher", recipe.data.seed, "f32", &teacher_figures)?;

    let bar = bars.start("asking the teacher", data.labelled.len() + data.transfer.len());
    let signals = Signals::ask(&teacher_file, &data.labelled, &data.transfer, |n| bar.advance(n))?;
    bar.finish("");

    let arms: Vec<(Arm, u64)> =
        recipe.seeds.iter().flat_map(|&seed| [(Arm::Distilled, seed), (Arm::Control, seed)]).collect();
    let learn = |&(arm, seed): &(Arm, u64)| {
        let learn = || learn(recipe, folder, bars, &data, &signals, arm, seed);
        unless_done(folder, &checkpoint(arm, seed), resume, learn)
    };
    // One task an arm, so that as many train at once as there are threads.
    let weights: Vec<Result<Weights, ExperimentError>> = arms.par_iter().with_max_len(1).map(learn).collect();

    let watched = watched(recipe, &data);
    let bar = bars.start("exporting and measuring", arms.len() * 2 * data.test.len());
    let mut students = Vec::new();
    for (&(arm, seed), weights) in arms.iter().zip(weights) {
        let folded = Folded::new(&weights?);
        let ranges = calibrate(&folded, &watched, recipe.quantise.percentile);
        let measure = |model: ModelProto, file: &str| -> Result<Summary, ExperimentError> {
            let path = folder.file(&format!("{}-{seed}-{file}.onnx", arm.name()));
            write(model, describe(), &path)?;
            let figures = evaluate_file(&path, &data.test, |n| bar.advance(n))?;
            record(folder, arm.name(), seed, file, &figures)?;
            Ok(figures)
        };
        let float = measure(float_model(&folded, &recipe.name), "f32")?;
        let int8 = measure(quantised_model(&folded, &ranges, &recipe.name)?, "int8")?;
        students.push(Student { arm, seed, float, int8 });
    }
    bar.finish("");
    let results = Results::new(teacher_figures, students);
    conclude(recipe, folder, &data, &provenance, &results)?;
    Ok(results)
}

/// Picks the student to keep, the distilled one of the first seed, whatever the others are like: choosing by the test
/// figures would flatter it. Writes its files, pictures, verdict and card.
fn conclude(
    recipe: &Recipe,
    folder: &RunFolder,
    data: &Scenes,
    provenance: &BTreeMap<String, String>,
    results: &Results,
) -> Result<(), ExperimentError> {
    let Some(kept) = results.students.iter().find(|student| student.arm == Arm::Distilled) else { return Ok(()) };
    let weights = load(&folder.file(&checkpoint(kept.arm, kept.seed)))?;
    let folded = Folded::new(&weights);
    let ranges = calibrate(&folded, &watched(recipe, data), recipe.quantise.percentile);
    let files = [
        ("student-f32.onnx", float_model(&folded, &recipe.name), &kept.float),
        (STUDENT, quantised_model(&folded, &ranges, &recipe.name)?, &kept.int8),
    ];
    for (name, model, figures) in files {
        let path = folder.file(name);
        let metrics = [("ap", figures.ap), ("ap50", figures.ap50), ("ap75", figures.ap75)];
        let metrics: BTreeMap<String, f64> =
            metrics.into_iter().map(|(key, value)| (key.to_owned(), (10.0 * percent(value)).round() / 10.0)).collect();
        let describe = |golden| contract(&recipe.detection, golden, provenance.clone(), metrics.clone()).to_metadata();
        // The checksums are those of the file itself, so it is written once without them. Floats have none: only
        // integers come out the same on every processor.
        write(model.clone(), describe(None), &path)?;
        if name == STUDENT {
            let golden = golden(&path, GOLDEN_SEED)?;
            write(model, describe(Some(golden)), &path)?;
        }
    }
    let student = folder.file(STUDENT);
    let shown = &data.test.samples[..data.test.len().min(PICTURES)];
    for (index, (sample, found)) in shown.iter().zip(detect(&student, shown, None, |_| ())?).enumerate() {
        annotated(sample, &found, ZOOM).save(folder.file(&format!("picture-{index}.png")))?;
    }
    let bytes = std::fs::metadata(&student).map_or(0, |metadata| metadata.len() as usize);
    folder.write("card.md", card(recipe, results, bytes))?;
    folder.write("verdict.txt", format!("{}\n", results.verdict.words))?;
    folder.write("results.json", serde_json::to_string_pretty(results).unwrap_or_default())?;
    Ok(())
}

fn watched<'a>(recipe: &Recipe, data: &'a Scenes) -> Vec<&'a Sample> {
    data.transfer.samples.iter().take(recipe.quantise.scenes).collect()
}

/// The sets of scenes.
struct Scenes {
    teacher: Dataset,
    labelled: Dataset,
    transfer: Dataset,
    test: Dataset,
}

impl Scenes {
    fn draw(recipe: &Recipe, bars: &Bars) -> Scenes {
        let d = &recipe.data;
        let bar = bars.start("drawing scenes", d.teacher + d.labelled + d.transfer + d.test);
        let draw = |split, count| Dataset::draw(d.seed, split, count, d.size, || bar.advance(1));
        let scenes = Scenes {
            teacher: draw(Split::Teacher, d.teacher),
            labelled: draw(Split::Labelled, d.labelled),
            transfer: draw(Split::Transfer, d.transfer),
            test: draw(Split::Test, d.test),
        };
        bar.finish("");
        scenes
    }
}

fn checkpoint(arm: Arm, seed: u64) -> String {
    format!("{}-{seed}.ckpt", arm.name())
}

/// The weights of a checkpoint if there is one and it may be used; else those that `make` makes, which are saved.
fn unless_done(
    folder: &RunFolder,
    name: &str,
    resume: bool,
    make: impl FnOnce() -> Result<Weights, ExperimentError>,
) -> Result<Weights, ExperimentError> {
    let path = folder.file(name);
    if resume && path.exists() {
        return Ok(load(&path)?);
    }
    let weights = make()?;
    save(&weights, &path)?;
    Ok(weights)
}

fn teach(recipe: &Recipe, folder: &RunFolder, bars: &Bars, data: &Dataset) -> Result<Weights, ExperimentError> {
    let bar = bars.start("training the teacher", recipe.teaching.steps);
    let mut log = Log::new(folder, "teacher", recipe.data.seed);
    let weights = train_teacher(recipe, data, |progress| {
        bar.advance(1);
        bar.note(format!("loss {:.3}", progress.loss));
        log.add(progress);
    });
    bar.finish(&log.last());
    log.result?;
    Ok(weights)
}

fn learn(
    recipe: &Recipe,
    folder: &RunFolder,
    bars: &Bars,
    data: &Scenes,
    signals: &Signals,
    arm: Arm,
    seed: u64,
) -> Result<Weights, ExperimentError> {
    let bar = bars.start(format!("training {}, seed {seed}", arm.name()), recipe.learning.steps);
    let mut log = Log::new(folder, arm.name(), seed);
    let weights = train_student(recipe, arm, seed, &data.labelled, &data.transfer, signals, |progress| {
        bar.advance(1);
        bar.note(format!("loss {:.3}", progress.loss));
        log.add(progress);
    });
    bar.finish(&log.last());
    log.result?;
    Ok(weights)
}

/// Writes the course of a training into the table, a line every so often, and keeps the first error.
struct Log<'a> {
    folder: &'a RunFolder,
    network: &'static str,
    seed: u64,
    loss: f32,
    result: Result<(), FolderError>,
}

impl<'a> Log<'a> {
    fn new(folder: &'a RunFolder, network: &'static str, seed: u64) -> Log<'a> {
        Log { folder, network, seed, loss: f32::NAN, result: Ok(()) }
    }

    fn add(&mut self, p: Progress) {
        self.loss = if self.loss.is_nan() { p.loss } else { 0.9 * self.loss + 0.1 * p.loss };
        if p.step.is_multiple_of(EVERY) && self.result.is_ok() {
            let row = format!("{},{},{},{},{},{}", self.network, self.seed, p.step, p.loss, p.norm, p.rate);
            self.result = self.folder.add_row(TRAINING, &row);
        }
    }

    fn last(&self) -> String {
        format!("loss {:.3}", self.loss)
    }
}

fn percent(value: Option<f64>) -> f64 {
    100.0 * value.unwrap_or(0.0)
}

fn in_words(figures: &Summary) -> String {
    format!("AP {:.1}, AP50 {:.1}", percent(figures.ap), percent(figures.ap50))
}

fn record(folder: &RunFolder, network: &str, seed: u64, file: &str, s: &Summary) -> Result<(), FolderError> {
    let cell = |value: &Option<f64>| value.map_or(String::new(), |value| format!("{:.2}", 100.0 * value));
    let figures: Vec<String> = [s.ap, s.ap50, s.ap75, s.small, s.medium, s.large].iter().map(cell).collect();
    folder.add_row(RESULTS, &format!("{network},{seed},{file},{}", figures.join(",")))
}

/// Where a student comes from, for its contract.
fn provenance(recipe: &Recipe, teacher: &Weights) -> BTreeMap<String, String> {
    let pairs = [
        ("recipe", format!("{} crc32 {:08x}", recipe.name, recipe.crc32())),
        ("teacher", format!("crc32 {:08x}", teacher.crc32())),
        ("data", format!("synthetic scenes, seed {}", recipe.data.seed)),
        ("exporter", format!("retort-train {}", env!("CARGO_PKG_VERSION"))),
        ("licence", "MIT OR Apache-2.0".to_owned()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl Results {
    fn new(teacher: Summary, students: Vec<Student>) -> Results {
        let figures = |arm: Arm| -> Vec<f64> {
            students.iter().filter(|student| student.arm == arm).map(|student| percent(student.int8.ap)).collect()
        };
        let verdict = Verdict::new("AP (int8)", &figures(Arm::Distilled), &figures(Arm::Control));
        let kept = students.iter().find(|student| student.arm == Arm::Distilled);
        let int8_loss = kept.map_or(0.0, |kept| percent(kept.float.ap50) - percent(kept.int8.ap50));
        Results { teacher, students, verdict, int8_loss }
    }
}
