//! One training after another: its course, what it writes into the run folder, and what is kept of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::error::ExperimentError;
use super::experiment::{RESULTS_TABLE, results_headings};
use super::lessons::{Course, Signals};
use super::measure::measure;
use super::pictures::{Pictures, Set};
use crate::evaluate::Respondent;
use crate::export::{contract, encode, float_model, quantised_model};
use crate::nets::{Folded, Network, Weights};
use crate::quantise::{Ranges, Scales};
use crate::recipe::{Optimisation, Recipe};
use crate::report::{Bar, Bars, FolderError, RunFolder};
use crate::train::{Follower, LossWeights, Place, Progress, Saving, TrainError, Training, load, save, taylor, train};

/// The table of all trainings' steps.
pub const TRAINING: &str = "training.csv";
/// Its headings.
pub const HEADINGS: &str = "network,seed,step,loss,gradient_norm,rate,validation";
/// Steps between two of its lines.
const EVERY: usize = 10;

/// Everything that trainings share.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The recipe.
    pub recipe: &'a Arc<Recipe>,
    /// Where everything is written.
    pub folder: &'a RunFolder,
    /// Where progress is shown.
    pub bars: &'a Bars,
    /// The pictures.
    pub pictures: &'a Pictures,
    /// Where networks are trained.
    pub place: Place,
}

/// Seeds of trainings in integers are those of the trainings before them plus this.
const REFINED: u64 = 1 << 32;

/// Where a training begins.
struct Stage<'a> {
    /// Names all that is random in it.
    seed: u64,
    /// The weights at first.
    start: Weights,
    /// The ranges of all values, if it is one in integers.
    ranges: Option<&'a Ranges>,
}

/// One network to train.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// Its name in files and tables, such as `teacher` or `control`.
    pub name: &'a str,
    /// Names all that is random in it.
    pub seed: u64,
    /// The network.
    pub network: &'a Network,
    /// How it is trained.
    pub optimisation: &'a Optimisation,
    /// Labelled pictures.
    pub labelled: &'a Set,
    /// Pictures that an epoch counts.
    pub epoch: usize,
    /// What the teacher says; none without one.
    pub signals: Option<&'a Signals>,
}

impl Task<'_> {
    /// The file that its weights are kept in.
    pub fn checkpoint(name: &str, seed: u64) -> String {
        format!("{name}-{seed}.ckpt")
    }

    /// The file of those that it was refined to.
    pub fn refined_checkpoint(name: &str, seed: u64) -> String {
        format!("{name}-{seed}.qat.ckpt")
    }

    fn training(&self, recipe: &Recipe, steps: usize, transfer: usize, place: Place) -> Training {
        let o = self.optimisation;
        let labels = if self.signals.is_some() { recipe.distil.labels } else { 1.0 };
        Training {
            seed: self.seed,
            schedule: o.schedule(steps),
            optimiser: o.optimiser(),
            loss: LossWeights {
                hard_classes: o.classes * labels,
                hard_boxes: o.boxes * labels,
                soft_classes: recipe.distil.classes,
                soft_boxes: recipe.distil.boxes,
                sides: recipe.distil.sides,
                temperature: recipe.distil.temperature,
                smoothing: o.smoothing,
            },
            ties: self.signals.map(|signals| signals.ties.clone()).unwrap_or_default(),
            pictures: self.labelled.len() + transfer,
            average: o.average,
            measured: o.measured,
            top: o.cells,
            validate: o.validate,
            patience: o.patience,
            keep_best: o.keep_best,
            place,
            scales: None,
        }
    }
}

impl Bench<'_> {
    /// A student's training on the recipe's pictures.
    pub fn student_task<'t>(
        &'t self,
        name: &'t str,
        seed: u64,
        network: &'t Network,
        signals: Option<&'t Signals>,
    ) -> Task<'t> {
        let Pictures { labelled, .. } = self.pictures;
        let (optimisation, epoch) = (&self.recipe.learning, self.pictures.epoch());
        Task { name, seed, network, optimisation, labelled, epoch, signals }
    }

    /// A folder within the run's for a training of its own, with its tables begun; what lies there is kept where a run is
    /// resumed.
    pub fn within(&self, name: &str, resume: bool) -> Result<RunFolder, ExperimentError> {
        let folder = RunFolder::create(&self.folder.file(name))?;
        if !resume {
            folder.clear(&["ckpt", "state"])?;
        }
        if !resume || folder.read(TRAINING).is_none() {
            folder.start_table(TRAINING, HEADINGS)?;
        }
        folder.start_table(RESULTS_TABLE, &results_headings(self.recipe))?;
        Ok(folder)
    }

    /// Trains a network, or goes on where its training stopped, or reads the weights that it left in the folder.
    pub fn train(&self, task: &Task<'_>) -> Result<Weights, ExperimentError> {
        let start = || -> Result<Stage<'_>, ExperimentError> {
            let begun = self.begun(task)?;
            let start = begun.unwrap_or_else(|| Weights::random(task.network, task.seed));
            Ok(Stage { seed: task.seed, start, ranges: None })
        };
        self.carry_out(task, &format!("{}-{}", task.name, task.seed), start)
    }

    /// How much the losses of a task hang on each output of each layer, over so many lessons.
    pub fn looked_at(
        &self,
        task: &Task<'_>,
        weights: &Weights,
        lessons: usize,
    ) -> Result<HashMap<String, Vec<f64>>, ExperimentError> {
        let empty = Set::default();
        let transfer = if task.signals.is_some() { &self.pictures.transfer } else { &empty };
        let (o, seed) = (task.optimisation, task.seed);
        // Lessons as they are at the end of a training, when pictures are hardly changed any more.
        let mut recipe = Recipe::clone(self.recipe);
        recipe.augment.settle = 1.0;
        let recipe = Arc::new(recipe);
        let course = Course::new(&recipe, task.network, o, lessons, seed, task.labelled, transfer, task.signals);
        let training = task.training(self.recipe, lessons, transfer.len(), self.place);
        let bar = self.bars.start("taking gradients", lessons);
        let shown = (0..lessons).map(|step| {
            bar.advance(1);
            course.lesson(step)
        });
        let found = taylor(weights, &training, shown).map_err(|source| ExperimentError::Training {
            name: task.name.to_owned(),
            seed,
            source,
        })?;
        bar.finish("");
        Ok(found)
    }

    /// Trains on in the board's integers from a network without normalisations, with these ranges of its values; or goes on
    /// where that stopped, or reads what it left. Lessons are others than before.
    pub fn refine(&self, task: &Task<'_>, start: Weights, ranges: &Ranges) -> Result<Weights, ExperimentError> {
        let name = format!("{}.qat", task.name);
        let refined = Task { name: &name, network: &start.network.clone(), ..*task };
        let stage = || Ok(Stage { seed: task.seed.wrapping_add(REFINED), start, ranges: Some(ranges) });
        self.carry_out(&refined, &format!("{}-{}.qat", task.name, task.seed), stage)
    }

    fn carry_out<'r>(
        &self,
        task: &Task<'_>,
        file: &str,
        stage: impl FnOnce() -> Result<Stage<'r>, ExperimentError>,
    ) -> Result<Weights, ExperimentError> {
        let path = self.folder.file(&format!("{file}.ckpt"));
        if path.exists() {
            return Ok(load(&path)?);
        }
        let Stage { seed, start, ranges } = stage()?;
        let empty = Set::default();
        let transfer = if task.signals.is_some() { &self.pictures.transfer } else { &empty };
        let o = task.optimisation;
        let steps = o.steps(task.epoch);
        let course = Course::new(self.recipe, task.network, o, steps, seed, task.labelled, transfer, task.signals);
        let state = self.folder.file(&format!("{file}.state"));
        let saving = Saving { path: state.clone(), every: Duration::from_secs(o.save) };
        let bar = self.bars.start(format!("training {}, seed {}", task.name, task.seed), steps);
        let mut log = Log { bench: self, task, bar: &bar, loss: f32::NAN, replaced: 0, validation: None, ranges };
        let mut training = Training { seed, ..task.training(self.recipe, steps, transfer.len(), self.place) };
        if let Some(ranges) = ranges {
            training.scales = Some(Scales::new(task.network, ranges)?);
            // What helped a loss was left behind with the first training; fresh, it would only lead the student astray.
            training.ties.retain(|tie| tie.aids(seed).is_empty());
        }
        let trained = train(start, &training, move |step| course.lesson(step), Some(&saving), &mut log);
        let words = log.words();
        let weights = trained.map_err(|source| ExperimentError::Training {
            name: task.name.to_owned(),
            seed: task.seed,
            source,
        })?;
        bar.finish(&words);
        save(&weights, &path)?;
        // The weights are safe; the state would only take up space.
        let _ = std::fs::remove_file(state);
        Ok(weights)
    }
}

/// Writes the course of a training into the table, a line every so often, and shows it.
struct Log<'a> {
    bench: &'a Bench<'a>,
    task: &'a Task<'a>,
    bar: &'a Bar<'a>,
    loss: f32,
    replaced: usize,
    validation: Option<f64>,
    ranges: Option<&'a Ranges>,
}

impl Log<'_> {
    fn words(&self) -> String {
        let validation = self.validation.map(|figure| format!(", validation {figure:.2}")).unwrap_or_default();
        let replaced = match self.replaced {
            0 => String::new(),
            count => format!(", {count} unreadable pictures replaced"),
        };
        format!("loss {:.3}{validation}{replaced}", self.loss)
    }

    fn row(&self, cells: std::fmt::Arguments<'_>) -> Result<(), TrainError> {
        let row = format!("{},{},{cells}", self.task.name, self.task.seed);
        self.bench.folder.add_row(TRAINING, &row).map_err(follower)
    }
}

fn follower(error: impl std::error::Error + Send + Sync + 'static) -> TrainError {
    TrainError::Follower(Box::new(error))
}

impl Follower for Log<'_> {
    fn started(&mut self, steps_done: usize) -> Result<(), TrainError> {
        self.bar.advance(steps_done);
        // Rows of steps that were done but not saved: they are done again.
        let (name, seed) = (self.task.name, self.task.seed.to_string());
        let stale = |row: &str| {
            let mut cells = row.split(',');
            let step = (cells.next() == Some(name) && cells.next() == Some(&seed)).then(|| cells.next()).flatten();
            step.and_then(|step| step.parse().ok()).is_some_and(|step: usize| step > steps_done)
        };
        self.bench.folder.drop_rows(TRAINING, stale).map_err(follower)
    }

    fn step(&mut self, p: Progress) -> Result<(), TrainError> {
        self.loss = if self.loss.is_nan() { p.loss } else { 0.95 * self.loss + 0.05 * p.loss };
        self.replaced += p.replaced;
        self.bar.advance(1);
        self.bar.note(self.words());
        if p.step.is_multiple_of(EVERY) {
            self.row(format_args!("{},{},{},{},", p.step, p.loss, p.norm, p.rate))?;
        }
        Ok(())
    }

    fn validate(&mut self, step: usize, average: &Weights) -> Result<f64, TrainError> {
        let folded = Folded::new(average);
        let model = match self.ranges {
            Some(ranges) => quantised_model(&folded, ranges, self.task.name).map_err(follower)?,
            None => float_model(&folded, self.task.name),
        };
        let contract = contract(self.bench.recipe, &average.network, &self.bench.pictures.classes, Default::default());
        let bytes = encode(model, contract.to_metadata());
        let options = crate::limits::load_options();
        let name = std::path::Path::new("validation.onnx");
        let model = retort::model::Model::from_bytes(&bytes, name, &options).map_err(follower)?;
        let respondent = Respondent::new(model, contract);
        let figures = measure(&respondent, &self.bench.pictures.validation, |_| ()).map_err(follower)?;
        self.validation = Some(figures.main());
        self.row(format_args!("{step},,,,{}", figures.main()))?;
        Ok(figures.main())
    }
}

impl From<FolderError> for TrainError {
    fn from(error: FolderError) -> Self {
        follower(error)
    }
}
