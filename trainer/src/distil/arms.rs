//! Training the teacher, and the two arms of the experiment.
//!
//! Both arms start from the same weights, take the same number of steps on batches of the same size with the same
//! schedule, and have the same few labelled scenes. The control sees only those. The distilled student sees some of
//! them in each batch, fills the rest with unlabelled scenes, and hears the teacher's opinion of all.

use std::path::Path;

use crate::data::{Batch, Dataset, Jitter, Rng, Turn, Walk};
use crate::evaluate::predict_file;
use crate::nets::{Maps, Weights};
use crate::recipe::{Optimisation, Recipe};
use crate::train::{AdamWOptions, Lesson, LossWeights, Progress, Schedule, Training, train};

/// Which of the two students.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// With the teacher.
    Distilled,
    /// Without.
    Control,
}

impl Arm {
    /// The arm's name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Distilled => "distilled",
            Arm::Control => "control",
        }
    }
}

/// What the teacher says about the student's scenes, computed once.
#[derive(Clone, Debug)]
pub struct Signals {
    /// On the labelled scenes.
    pub labelled: Vec<Maps>,
    /// On the unlabelled ones.
    pub transfer: Vec<Maps>,
}

impl Signals {
    /// Asks the teacher in a file. `done` is called with the number of scenes finished, from any thread.
    pub fn ask(
        teacher: &Path,
        labelled: &Dataset,
        transfer: &Dataset,
        done: impl Fn(usize) + Sync,
    ) -> Result<Signals, retort::Error> {
        let ask = |set: &Dataset| predict_file(teacher, &set.samples, &done);
        Ok(Signals { labelled: ask(labelled)?, transfer: ask(transfer)? })
    }
}

fn training(o: &Optimisation, recipe: &Recipe) -> Training {
    Training {
        schedule: Schedule { peak: o.rate, warmup: o.warmup, steps: o.steps, floor: 0.02 },
        optimiser: AdamWOptions { decay: o.decay, clip: o.clip },
        loss: LossWeights {
            hard_classes: o.classes,
            hard_boxes: o.boxes,
            soft_classes: recipe.distil.classes,
            soft_boxes: recipe.distil.boxes,
            temperature: recipe.distil.temperature,
        },
        shards: o.shards,
        average: o.average,
        top: o.cells,
    }
}

/// Which scene each place of each batch shows: walks through the sets, written down beforehand so that any thread can
/// make any shard of any step.
fn timetable(steps: usize, places: usize, count: usize, path: &[u64]) -> Vec<usize> {
    let mut walk = Walk::new(count, Rng::new(path));
    (0..steps * places).map(|_| walk.step()).collect()
}

/// Trains the teacher on its labelled scenes.
pub fn train_teacher(recipe: &Recipe, data: &Dataset, told: impl FnMut(Progress)) -> Weights {
    let o = &recipe.teaching;
    let seed = recipe.data.seed;
    let table = timetable(o.steps, o.batch, data.len(), &[seed, 0x7ea]);
    let lesson = |step: usize, shard: usize| {
        let places = o.batch / o.shards;
        let start = step * o.batch + shard * places;
        let mut rng = Rng::new(&[seed, 0x7eb, start as u64]);
        let mut lesson = Lesson::default();
        for &scene in &table[start..start + places] {
            let turn = Turn::random(&mut rng);
            lesson.batch.push(&data.samples[scene], turn, Jitter::random(&mut rng, recipe.data.jitter));
            lesson.labelled.push(true);
        }
        lesson
    };
    let weights = Weights::random(&recipe.teacher.architecture(recipe.data.size), seed);
    train(weights, &training(o, recipe), lesson, told)
}

/// Trains one student.
pub fn train_student(
    recipe: &Recipe,
    arm: Arm,
    seed: u64,
    labelled: &Dataset,
    transfer: &Dataset,
    signals: &Signals,
    told: impl FnMut(Progress),
) -> Weights {
    let o = &recipe.learning;
    let architecture = recipe.student.architecture(recipe.data.size);
    // Places of each batch that hold labelled scenes.
    let with_labels = if arm == Arm::Control { o.batch } else { recipe.distil.labelled };
    let labelled_table = timetable(o.steps, o.batch, labelled.len(), &[seed, 0x1ab]);
    let transfer_table = timetable(o.steps, o.batch, transfer.len(), &[seed, 0x7a5]);
    let lesson = |step: usize, shard: usize| {
        let places = o.batch / o.shards;
        let mut rng = Rng::new(&[seed, 0x5eed, step as u64, shard as u64]);
        let mut lesson = Lesson { batch: Batch::default(), ..Lesson::default() };
        for place in shard * places..(shard + 1) * places {
            let (turn, jitter) = (Turn::random(&mut rng), Jitter::random(&mut rng, recipe.data.jitter));
            let known = place < with_labels;
            let (data, maps, scene) = if known {
                (labelled, &signals.labelled, labelled_table[step * with_labels + place])
            } else {
                (transfer, &signals.transfer, transfer_table[step * (o.batch - with_labels) + place - with_labels])
            };
            lesson.batch.push(&data.samples[scene], turn, jitter);
            lesson.labelled.push(known);
            if arm == Arm::Distilled {
                lesson.teacher.push(maps[scene].turned(&architecture, turn));
            }
        }
        lesson
    };
    train(Weights::random(&architecture, seed), &training(o, recipe), lesson, told)
}
