//! The experiment from start to end, and what it leaves in the run folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tract_onnx::pb::ModelProto;

use super::assistants::{Assistants, assist};
use super::coverage::taught;
use super::error::ExperimentError;
use super::examine::examine;
use super::lessons::Signals;
use super::measure::{Figures, measure};
use super::pictures::Pictures;
use super::refine::Finished;
use super::results::{Arm, Results, Student};
use super::teaching::{hear, judge, measured_teacher};
use super::trainings::{Bench, HEADINGS, TRAINING};
use super::verdict::{Verdict, standing};
use crate::data::{Label, Sample};
use crate::evaluate::{Found, Respondent};
use crate::export::{Description, contract, float_model, quantised_model, with_embedding, write};
use crate::nets::{Network, Shape};
use crate::recipe::Recipe;
use crate::report::{Bars, RESULTS, RunFolder, annotated, card, curves, environment, write_page, write_results};
use crate::train::Place;

/// How to run an experiment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Go on with what lies in the folder.
    pub resume: bool,
    /// Without a teacher: students learn from labels alone.
    pub labels_only: bool,
    /// Where networks are trained.
    pub place: Place,
}

const RECIPE: &str = "recipe.toml";
const STUDENT: &str = "student.onnx";
pub(super) const RESULTS_TABLE: &str = "results.csv";
/// Seed of the golden picture in the student's contract.
const GOLDEN_SEED: u32 = 1;
/// Test pictures that are drawn with what the student finds in them.
const PICTURES: usize = 6;

/// Runs the whole recipe; the results, which also lie in the folder. With `resume`, networks that an earlier run of the
/// same recipe finished in this folder are not trained again, and one that it began is trained on; the results are the same.
pub fn experiment(
    recipe: &Recipe,
    folder: &RunFolder,
    bars: &Bars,
    options: Options,
) -> Result<Results, ExperimentError> {
    let mut pictures = prepare(recipe, folder, bars, options.resume)?;
    let recipe = &Arc::new(recipe.clone());
    judge(recipe, folder, bars, &mut pictures, options.place)?;
    let bench = Bench { recipe, folder, bars, pictures: &pictures, place: options.place };
    let student = network(recipe, "student", pictures.classes.len())?;
    let mut figures = None;
    let (mut direct, mut assisted, mut assistants) = (None, None, Assistants::default());
    if !options.labels_only {
        let (teacher, of_teacher) = measured_teacher(&bench, &student)?;
        figures = of_teacher;
        direct = Some(hear(&bench, teacher.clone(), &student)?);
        (assistants, assisted) = assist(&bench, &teacher, &student, options.resume)?;
    }
    let mut arms: Vec<(Arm, Option<&Signals>)> = match (&direct, &assisted) {
        (Some(direct), Some(assisted)) => {
            vec![(Arm::Distilled, Some(assisted)), (Arm::Direct, Some(direct)), (Arm::Control, None)]
        }
        (Some(direct), None) => vec![(Arm::Distilled, Some(direct)), (Arm::Control, None)],
        (None, _) => vec![(Arm::Control, None)],
    };
    if pictures.labelled.is_empty() {
        // Who has no labels cannot learn from them.
        arms.retain(|(arm, _)| *arm != Arm::Control);
    }
    let students = learn(&bench, &student, &arms)?;
    let kept_arm = arms[0].0;
    let kept = students.iter().find(|student| student.arm == kept_arm);
    let main = |arm: Arm| -> Vec<f64> {
        students.iter().filter(|student| student.arm == arm).map(|student| student.int8.main()).collect()
    };
    let what = format!("{} (int8)", students.first().map_or("AP", |student| student.int8.name()));
    let assisted = assisted.is_some();
    let results = Results {
        standing: (direct.is_some() && pictures.labelled.is_empty())
            .then(|| standing(&what, &main(Arm::Distilled), figures.as_ref(), pictures.unjudged)),
        teacher: figures,
        verdict: (direct.is_some() && !pictures.labelled.is_empty())
            .then(|| Verdict::new(&what, &main(Arm::Distilled), &main(Arm::Control))),
        assistance: assisted.then(|| Verdict::of("The assistant", &what, &main(Arm::Distilled), &main(Arm::Direct))),
        int8_loss: kept.map_or(0.0, |kept| kept.float.main() - kept.int8.main()),
        classes: pictures.classes.clone(),
        assistants,
        students,
        changes: bench.changes(kept_arm)?,
    };
    conclude(&bench, kept_arm, &results)?;
    Ok(results)
}

/// Writes down what is to be done, or checks that it is what the folder was made for, and opens the pictures.
pub(super) fn prepare(
    recipe: &Recipe,
    folder: &RunFolder,
    bars: &Bars,
    resume: bool,
) -> Result<Pictures, ExperimentError> {
    let before = folder.read(RECIPE).filter(|_| resume);
    match before {
        Some(text) if text != recipe.to_toml() => {
            return Err(ExperimentError::OtherRecipe { path: folder.file(RECIPE) });
        }
        Some(_) => {}
        None => {
            folder.clear(&["ckpt", "state"])?;
            folder.write(RECIPE, recipe.to_toml())?;
            folder.write("environment.json", environment())?;
            folder.start_table(TRAINING, HEADINGS)?;
        }
    }
    folder.start_table(RESULTS_TABLE, &results_headings(recipe))?;
    Ok(Pictures::open(recipe, bars)?)
}

/// Headings of the table of results.
pub(super) fn results_headings(recipe: &Recipe) -> String {
    let headings = Figures::headings(recipe.detects()).join(",").to_lowercase();
    format!("network,seed,file,{headings}")
}

/// A network of the recipe for its pictures.
pub fn network(recipe: &Recipe, key: &'static str, classes: usize) -> Result<Network, ExperimentError> {
    let (width, height) = (recipe.data.width, recipe.data.height);
    let architecture = if key == "teacher" { &recipe.teacher.network } else { &recipe.student };
    let shape = Shape { height, width, channels: recipe.data.channels };
    architecture.build(shape, classes).map_err(|source| ExperimentError::Network { key, width, height, source })
}

/// Trains all students, as many side by side as there are threads, each on its share of them, and measures them.
pub(super) fn learn(
    bench: &Bench<'_>,
    network: &Network,
    arms: &[(Arm, Option<&Signals>)],
) -> Result<Vec<Student>, ExperimentError> {
    let recipe = bench.recipe;
    let all: Vec<_> =
        recipe.seeds.iter().flat_map(|&seed| arms.iter().map(move |&(arm, signals)| (arm, seed, signals))).collect();
    let threads = rayon::current_num_threads();
    let workers = threads.min(all.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = |share: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(share).build();
        while let Some(&(arm, seed, signals)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let task = bench.student_task(arm.name(), seed, network, signals);
            let weights = match &pool {
                Ok(pool) => pool.install(|| bench.learned(&task)),
                Err(_) => bench.learned(&task),
            };
            done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(((arm, seed), weights));
        }
    };
    std::thread::scope(|scope| {
        let shares = (0..workers).map(|worker| threads / workers + usize::from(worker < threads % workers));
        shares.for_each(|share| {
            scope.spawn(move || work(share));
        });
    });
    let mut trained = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    trained.sort_by_key(|(key, _)| all.iter().position(|&(arm, seed, _)| (arm, seed) == *key));

    let mut students = Vec::new();
    for ((arm, seed), weights) in trained {
        let Finished { folded, ranges, repair } = bench.finished(weights?)?;
        let measured = |model: ModelProto, file: &str| -> Result<Figures, ExperimentError> {
            let path = bench.folder.file(&format!("{}-{seed}-{file}.onnx", arm.name()));
            bench.write(model, network, Description::default(), &path)?;
            bench.measured(arm.name(), seed, file, &path)
        };
        let float = measured(float_model(&folded, &recipe.name), "f32")?;
        let int8 = measured(quantised_model(&folded, &ranges, &recipe.name)?, "int8")?;
        students.push(Student { arm, seed, float, int8, repair });
    }
    Ok(students)
}

impl Bench<'_> {
    pub(super) fn write(
        &self,
        model: ModelProto,
        network: &Network,
        description: Description,
        path: &Path,
    ) -> Result<(), ExperimentError> {
        let contract = contract(self.recipe, network, &self.pictures.classes, description);
        Ok(write(model, contract.to_metadata(), path)?)
    }

    /// Measures a file and adds a line to the table of results.
    pub(super) fn measured(
        &self,
        network: &str,
        seed: u64,
        file: &str,
        path: &Path,
    ) -> Result<Figures, ExperimentError> {
        let respondent = Respondent::open(path, None)?;
        let test = &self.pictures.test;
        let bar = self.bars.start(format!("measuring {network}, seed {seed}, {file}"), test.len());
        let figures = measure(&respondent, test, |count| bar.advance(count))?;
        bar.finish(&figures.words());
        let cells = figures.row().join(",");
        self.folder.add_row(RESULTS_TABLE, &format!("{network},{seed},{file},{cells}"))?;
        Ok(figures)
    }
}

/// Keeps the student of the first seed, whatever the others are like: choosing by the test figures would flatter it.
/// Writes its files, pictures, verdict and card.
fn conclude(bench: &Bench<'_>, arm: Arm, results: &Results) -> Result<(), ExperimentError> {
    let Some(kept) = results.students.iter().find(|student| student.arm == arm) else { return Ok(()) };
    let (recipe, folder) = (bench.recipe, bench.folder);
    let Finished { folded, ranges, .. } = bench.finished(bench.kept(arm, kept.seed)?)?;
    let network = &folded.network;
    let files = [
        ("student-f32.onnx", float_model(&folded, &recipe.name), &kept.float),
        (STUDENT, quantised_model(&folded, &ranges, &recipe.name)?, &kept.int8),
    ];
    for (name, mut model, figures) in files {
        let path = folder.file(name);
        if recipe.coverage.prototypes > 0 {
            model = with_embedding(model, network, (name == STUDENT).then_some(&ranges))?;
        }
        let rounded = |(key, value): (&str, f64)| (key.to_owned(), (10.0 * value).round() / 10.0);
        let metrics: BTreeMap<String, f64> = figures.metrics().into_iter().map(rounded).collect();
        let describe = |golden, coverage| Description {
            golden,
            coverage,
            provenance: provenance(bench, Some(arm)),
            metrics: metrics.clone(),
        };
        // The checksums are those of the file itself, so it is written once without them. Floats have none: only
        // integers come out the same on every processor.
        bench.write(model.clone(), network, describe(None, None), &path)?;
        if name == STUDENT {
            let golden = Respondent::open(&path, None)?.golden(GOLDEN_SEED)?;
            let coverage = taught(bench, arm, &path)?;
            bench.write(model, network, describe(Some(golden), coverage), &path)?;
        }
    }
    // A run of less than ten steps has no rows to draw.
    if let Some(Ok(drawing)) = folder.read(TRAINING).map(|table| curves(&recipe.name, &table)) {
        drawing.pixels().save(folder.file("curves.png"))?;
    }
    let student = folder.file(STUDENT);
    if recipe.detects() {
        draw(bench, &student)?;
    }
    let bytes = std::fs::metadata(&student).map_or(0, |metadata| metadata.len() as usize);
    folder.write("card.md", card(recipe, network, bench.pictures, results, bytes))?;
    if let Some(words) = results.verdict.as_ref().map(|verdict| &verdict.words).or(results.standing.as_ref()) {
        folder.write(
            "verdict.txt",
            format!(
                "{words}
"
            ),
        )?;
    }
    write_results(folder, RESULTS, results)?;
    examine(recipe, folder, bench.bars, bench.pictures, arm, results)?;
    write_page(folder)?;
    Ok(())
}

/// Test pictures with what the student finds in them.
fn draw(bench: &Bench<'_>, student: &Path) -> Result<(), ExperimentError> {
    let (test, classes) = (&bench.pictures.test, &bench.pictures.classes);
    let shown: Vec<Arc<Sample>> = (0..test.len()).filter_map(|index| test.load(index).ok()).take(PICTURES).collect();
    let student = Respondent::open(student, None)?;
    let draw = |sample: &Sample, found: Vec<Found>| {
        annotated(sample, &found.iter().map(label_of).collect::<Vec<_>>(), classes)
    };
    let drawn = student.detect(&shown, student.score(), |_| (), draw)?;
    for (index, picture) in drawn.answers.into_iter().flatten().enumerate() {
        picture.save(bench.folder.file(&format!("picture-{index}.png")))?;
    }
    Ok(())
}

fn label_of(found: &Found) -> Label {
    let [left, top, width, height] = found.bbox.map(|edge| edge as f32);
    Label { score: found.score as f32, ..Label::new(found.class, [left, top, left + width, top + height]) }
}

/// Where a network comes from, for its contract.
pub(super) fn provenance(bench: &Bench<'_>, arm: Option<Arm>) -> BTreeMap<String, String> {
    let recipe = bench.recipe;
    let teacher = match arm {
        Some(Arm::Distilled) if recipe.teacher.models.is_empty() => "trained by the recipe".to_owned(),
        Some(Arm::Distilled) => recipe.teacher.models.join(", "),
        _ => "none".to_owned(),
    };
    let mut pairs = vec![
        ("recipe", format!("{} crc32 {:08x}", recipe.name, recipe.crc32())),
        ("teacher", teacher),
        ("data", bench.pictures.words.clone()),
        ("exporter", format!("retort-train {}", env!("CARGO_PKG_VERSION"))),
    ];
    if recipe.data.source == crate::recipe::SHAPES {
        pairs.push(("licence", "MIT OR Apache-2.0".to_owned()));
    }
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
