//! The loop: lessons, a step of the optimiser, running averages, validations, and a state to go on from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;

use super::average::{blend, measure};
use super::checkpoint::{CheckpointError, Position, State, load_state, save_state};
use super::device::{DeviceError, Place};
use super::lesson::{Lesson, LossWeights, Moment, Past, Teaching};
use super::optimiser::{Optimiser, OptimiserOptions};
use super::schedule::Schedule;
use crate::bindings::{Loss, Tie};
use crate::data::Prefetch;
use crate::losses::{Assigner, LossError};
use crate::nets::Weights;
use crate::quantise::Scales;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Names the values that dropout drops.
    pub seed: u64,
    /// Steps and learning rate.
    pub schedule: Schedule,
    /// Optimiser.
    pub optimiser: OptimiserOptions,
    /// Parts of the loss.
    pub loss: LossWeights,
    /// What else ties the student to its teacher or to itself.
    pub ties: Vec<Tie>,
    /// Pictures that lessons are made of, by place; 0 where nobody asks what was said of them before.
    pub pictures: usize,
    /// Share that the running average of the weights keeps each step; 0 for the last weights themselves.
    pub average: f32,
    /// Lessons on which the moments of the result are measured anew; 0 for their running average.
    pub measured: usize,
    /// Cells an object may have.
    pub top: usize,
    /// Steps between validations; 0 for none.
    pub validate: usize,
    /// Validations without a better figure after which training stops; 0 for never.
    pub patience: usize,
    /// Whether the result is the average at the best validation rather than the last.
    pub keep_best: bool,
    /// Where it is computed.
    pub place: Place,
    /// The scales of all values where the network computes in the board's integers, which it then does from the first step
    /// on; none in floats. Such a network has no normalisations ([`Folded::weights`](crate::nets::Folded::weights)).
    pub scales: Option<Scales>,
}

/// Where a training's state lies between steps.
#[derive(Clone, Debug)]
pub struct Saving {
    /// The file. If it is there, training goes on from it.
    pub path: PathBuf,
    /// Time between savings; zero saves after every step.
    pub every: Duration,
}

/// What happened in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Counted from 1.
    pub step: usize,
    /// The loss before the step.
    pub loss: f32,
    /// Norm of the gradient before clipping.
    pub norm: f32,
    /// Learning rate.
    pub rate: f32,
    /// Pictures that could not be read and were replaced.
    pub replaced: usize,
}

/// Why a training stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss, the gradient or a weight is no number any more.
    #[error("the {what} is no finite number after step {step}; lower the learning rate, or set a smaller clip")]
    NotFinite {
        /// Which.
        what: &'static str,
        /// The step, counted from 1.
        step: usize,
    },
    /// The state could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A batch does not do for a loss.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The teacher could not answer.
    #[error("the teacher cannot answer: {0}")]
    Teacher(String),
    /// There is nowhere to compute.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Whoever follows the training said no.
    #[error(transparent)]
    Follower(Box<dyn std::error::Error + Send + Sync>),
}

/// Someone who follows a training.
pub trait Follower {
    /// Training begins, or goes on, after so many steps.
    fn started(&mut self, _steps_done: usize) -> Result<(), TrainError> {
        Ok(())
    }

    /// A step is done.
    fn step(&mut self, progress: Progress) -> Result<(), TrainError>;

    /// Measures the average after a step (counted from 1): a figure that is better when it is higher.
    fn validate(&mut self, _step: usize, _average: &Weights) -> Result<f64, TrainError> {
        Ok(0.0)
    }
}

/// Share of a batch's moments in the running ones.
const MOMENTUM: f32 = 0.1;

/// Trains `weights` and returns their running average. `lesson(step)` makes the pictures of a step and must depend on
/// nothing else, so that a training that goes on from its state sees what it would have seen.
pub fn train(
    weights: Weights,
    training: &Training,
    lesson: impl Fn(usize) -> Lesson + Send + Sync + 'static,
    saving: Option<&Saving>,
    follower: &mut dyn Follower,
) -> Result<Weights, TrainError> {
    let own = weights.parameters.len();
    let mut state = begin(weights, training, saving)?;
    let device = training.place.device()?;
    follower.started(state.position.step)?;
    let teaching = Teaching {
        assigner: Assigner::new(&state.weights.network, training.top),
        parts: training.loss,
        ties: training.ties.clone(),
        scales: training.scales.clone(),
    };
    let mut saved = Instant::now();
    let steps = state.position.step..training.schedule.steps;
    let lesson = Arc::new(lesson);
    let make = lesson.clone();
    let lessons = Prefetch::new(steps.clone(), rayon::current_num_threads().min(4), 4, move |step| make(step));
    for (step, lesson) in steps.zip(lessons) {
        if training.patience > 0 && state.position.stale >= training.patience {
            break;
        }
        follower.step(advance(&mut state, training, &teaching, step, lesson, &device)?)?;
        if training.validate > 0 && (step + 1).is_multiple_of(training.validate) {
            let figure = follower.validate(step + 1, &state.average)?;
            if state.position.best.is_none_or(|best| figure > best) {
                state.position.best = Some(figure);
                state.position.stale = 0;
                state.best = state.average.clone();
            } else {
                state.position.stale += 1;
            }
        }
        if let Some(saving) = saving
            && saved.elapsed() >= saving.every
        {
            save_state(&state, &saving.path)?;
            saved = Instant::now();
        }
    }
    let mut result = if training.keep_best && state.position.best.is_some() { state.best } else { state.average };
    // What helped the losses is not part of the student.
    result.parameters.truncate(own);
    if training.measured > 0 {
        // Lessons from the start of the training: any would do, as long as they are always the same.
        measure(&mut result, (0..training.measured).map(|step| lesson(step)));
    }
    if !result.is_finite() {
        return Err(TrainError::NotFinite { what: "result", step: state.position.step });
    }
    Ok(result)
}

/// The state at the first step, or the one that lies on disk. Layers that help a loss are trained behind the student's.
fn begin(mut weights: Weights, training: &Training, saving: Option<&Saving>) -> Result<State, TrainError> {
    weights.parameters.extend(training.ties.iter().flat_map(|tie| tie.aids(training.seed)));
    let past = if training.ties.iter().any(|tie| tie.binding.loss == Loss::Past) {
        Past::new(training.pictures * weights.network.head.classes())
    } else {
        Past::default()
    };
    let optimiser = Optimiser::new(&weights, training.optimiser);
    let position = Position::default();
    let state = State { position, average: weights.clone(), best: weights.clone(), weights, optimiser, past };
    match saving.filter(|saving| saving.path.exists()) {
        Some(saving) => Ok(load_state(&saving.path, state)?),
        None => Ok(state),
    }
}

/// One step.
fn advance(
    state: &mut State,
    training: &Training,
    teaching: &Teaching,
    step: usize,
    lesson: Lesson,
    device: &Device,
) -> Result<Progress, TrainError> {
    let not_finite = |what| TrainError::NotFinite { what, step: step + 1 };
    if let Some(trouble) = lesson.trouble {
        return Err(TrainError::Teacher(trouble));
    }
    let replaced = lesson.replaced;
    let done = step as f32 / training.schedule.steps.max(1) as f32;
    let moment = Moment { done, seed: &[training.seed, 0xd209, step as u64], device };
    let State { weights, average, past, .. } = &mut *state;
    let outcome = lesson.teach(weights, average, past, teaching, moment)?;
    if !outcome.loss.is_finite() {
        return Err(not_finite("loss"));
    }
    for (layer, (moments, count)) in outcome.moments.iter().enumerate() {
        state.weights.observe(layer, moments, *count, MOMENTUM);
    }
    let rate = training.schedule.rate(step);
    let norm = state.optimiser.step(&mut state.weights, &outcome.gradients, rate);
    if !norm.is_finite() {
        return Err(not_finite("gradient"));
    }
    blend(&mut state.average, &state.weights, training.average, step);
    state.position.step = step + 1;
    Ok(Progress { step: step + 1, loss: outcome.loss, norm, rate, replaced })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Inside, Loss as BoundLoss};
    use crate::data::Rng;
    use crate::nets::examples::perceptron;
    use crate::train::{Decline, Labels, Rule};

    fn training(rule: Rule) -> Training {
        Training {
            seed: 3,
            schedule: Schedule {
                peak: 0.05,
                warmup: 2,
                steps: 12,
                decline: Decline::Cosine,
                floor: 0.0,
                milestones: Vec::new(),
                factor: 1.0,
            },
            optimiser: OptimiserOptions { rule, decay: 0.01, clip: 1.0, momentum: 0.9, max_norm: 2.0 },
            loss: LossWeights {
                hard_classes: 1.0,
                hard_boxes: 1.0,
                soft_classes: 1.0,
                soft_boxes: 1.0,
                sides: 0.0,
                temperature: 1.0,
                smoothing: 0.0,
            },
            ties: Vec::new(),
            pictures: 0,
            average: 0.9,
            measured: 0,
            top: 9,
            validate: 3,
            patience: 0,
            keep_best: true,
            place: Place::Cpu,
            scales: None,
        }
    }

    fn lesson(step: usize) -> Lesson {
        let mut rng = Rng::new(&[7, step as u64]);
        let pictures = (0..4 * 16).map(|_| rng.range(0.0, 1.0)).collect();
        let labels =
            (0..4).map(|i| Labels::Classes((0..3).map(|c| f32::from(u8::from(c == (i + step) % 3))).collect()));
        Lesson { pictures, labels: labels.collect(), ..Lesson::default() }
    }

    /// Stops a training with an error after some step, as a program that dies would, and remembers figures.
    struct Dies {
        after: usize,
        seen: Vec<usize>,
    }

    impl Follower for Dies {
        fn step(&mut self, progress: Progress) -> Result<(), TrainError> {
            self.seen.push(progress.step);
            if progress.step == self.after { Err(TrainError::Follower("the power went off".into())) } else { Ok(()) }
        }

        fn validate(&mut self, step: usize, average: &Weights) -> Result<f64, TrainError> {
            // Best in the middle, so that the best and the last differ.
            Ok(-(step as f64 - 6.0).abs() + f64::from(average.parameters[0].values[0]) * 1e-9)
        }
    }

    #[test]
    fn a_training_goes_on_from_any_step_to_the_same_bytes() {
        for rule in [Rule::AdamW, Rule::Sgd] {
            let training = training(rule);
            let start = Weights::random(&perceptron(3), 1);
            let mut whole = Dies { after: 99, seen: Vec::new() };
            let expected = train(start.clone(), &training, lesson, None, &mut whole).expect("trained");
            assert_eq!(whole.seen, (1..=12).collect::<Vec<_>>());
            let folder = tempfile::tempdir().expect("a folder");
            for after in 1..12 {
                let saving = Saving { path: folder.path().join(format!("{after}.state")), every: Duration::ZERO };
                let mut dies = Dies { after, seen: Vec::new() };
                train(start.clone(), &training, lesson, Some(&saving), &mut dies).expect_err("it died");
                let mut lives = Dies { after: 99, seen: Vec::new() };
                let resumed = train(start.clone(), &training, lesson, Some(&saving), &mut lives).expect("trained");
                assert_eq!(resumed, expected, "stopped in step {after}");
                assert_eq!(lives.seen.first(), Some(&after), "the step that was not saved is done again");
            }
        }
    }

    #[test]
    fn what_helps_the_losses_goes_on_too_and_stays_behind() {
        let start = Weights::random(&perceptron(3), 1);
        let ties = [BoundLoss::Past, BoundLoss::MeanTeacher, BoundLoss::Exits].map(BoundLoss::usual);
        let ties = ties
            .iter()
            .enumerate()
            .filter_map(|(i, b)| Tie::new(i, b, &start.network, Inside::default()).ok())
            .collect();
        let training = Training { ties, pictures: 4, ..training(Rule::AdamW) };
        assert!(training.ties.len() >= 2);
        let places = |step| Lesson { places: (0..4).map(|i| (i + step) % 4).collect(), ..lesson(step) };
        let mut whole = Dies { after: 99, seen: Vec::new() };
        let expected = train(start.clone(), &training, places, None, &mut whole).expect("trained");
        assert_eq!(expected.parameters.len(), start.parameters.len());
        let folder = tempfile::tempdir().expect("a folder");
        for after in [1, 5, 11] {
            let saving = Saving { path: folder.path().join(format!("{after}.state")), every: Duration::ZERO };
            let mut dies = Dies { after, seen: Vec::new() };
            train(start.clone(), &training, places, Some(&saving), &mut dies).expect_err("it died");
            let mut lives = Dies { after: 99, seen: Vec::new() };
            assert_eq!(train(start.clone(), &training, places, Some(&saving), &mut lives).expect("trained"), expected);
        }
    }

    #[test]
    fn training_stops_when_it_gets_no_better_and_keeps_the_best() {
        let mut training = Training { patience: 1, ..training(Rule::AdamW) };
        training.schedule.steps = 300;
        let mut follower = Dies { after: 999, seen: Vec::new() };
        let start = Weights::random(&perceptron(3), 1);
        let best = train(start.clone(), &training, lesson, None, &mut follower).expect("trained");
        assert_eq!(follower.seen.last(), Some(&9), "better after 3 and 6 steps, worse after 9");
        training.schedule.steps = 300;
        training.patience = 0;
        training.keep_best = false;
        let mut follower = Dies { after: 999, seen: Vec::new() };
        assert_ne!(train(start, &training, lesson, None, &mut follower).expect("trained"), best);
    }

    #[test]
    fn what_is_no_number_ends_the_training_with_its_step() {
        let broken = |step: usize| {
            let mut lesson = lesson(step);
            if step == 4 {
                lesson.pictures[0] = f32::NAN;
            }
            lesson
        };
        let mut follower = Dies { after: 99, seen: Vec::new() };
        let start = Weights::random(&perceptron(3), 1);
        let error = train(start, &training(Rule::AdamW), broken, None, &mut follower).expect_err("refused");
        assert!(error.to_string().contains("step 5") && error.to_string().contains("learning rate"), "{error}");
    }
}
