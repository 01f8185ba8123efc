//! The loop: lessons, gradients averaged over shards, a step of the optimiser, running averages.

use rayon::prelude::*;

use super::lesson::{Lesson, LossWeights, Outcome};
use super::optimiser::{AdamW, AdamWOptions};
use super::schedule::Schedule;
use crate::losses::Assigner;
use crate::nets::Weights;

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Steps and learning rate.
    pub schedule: Schedule,
    /// Optimiser.
    pub optimiser: AdamWOptions,
    /// Parts of the loss.
    pub loss: LossWeights,
    /// Parts that each step's pictures are split into. Each runs on a thread of its own with batch statistics of its
    /// own, so the number is part of the recipe and the result does not depend on how many threads there are.
    pub shards: usize,
    /// Share that the running average of the weights keeps each step.
    pub average: f32,
    /// Cells an object may have.
    pub top: usize,
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
}

/// Share of a batch's moments in the running ones.
const MOMENTUM: f32 = 0.1;

/// Trains `weights`; returns the running average of all weights on the way, which generalises better than the last
/// ones. `lesson(step, shard)` makes the pictures of one shard of one step and must depend on nothing else.
pub fn train(
    mut weights: Weights,
    training: &Training,
    lesson: impl Fn(usize, usize) -> Lesson + Sync,
    mut told: impl FnMut(Progress),
) -> Weights {
    let assigner = Assigner::new(&weights.architecture, training.top);
    let mut optimiser = AdamW::new(&weights, training.optimiser);
    let mut average = weights.clone();
    for step in 0..training.schedule.steps {
        let teach = |shard| lesson(step, shard).teach(&weights, &assigner, &training.loss);
        let outcomes: Vec<Outcome> = (0..training.shards.max(1)).into_par_iter().map(teach).collect();
        let shards = outcomes.len() as f32;
        let loss = outcomes.iter().map(|outcome| outcome.loss).sum::<f32>() / shards;
        for outcome in &outcomes {
            for (layer, (moments, count)) in outcome.moments.iter().enumerate() {
                weights.observe(layer, moments, *count, MOMENTUM / shards);
            }
        }
        let mut outcomes = outcomes.into_iter().map(|outcome| outcome.gradients);
        let Some(mut gradients) = outcomes.next() else { break };
        for other in outcomes {
            for (sum, values) in gradients.iter_mut().flatten().zip(other.iter().flatten()) {
                *sum += values;
            }
        }
        gradients.iter_mut().flatten().for_each(|value| *value /= shards);
        let rate = training.schedule.rate(step);
        let norm = optimiser.step(&mut weights, &gradients, rate);
        // Quick at first, so that the average forgets where training began.
        let keep = training.average.min((1.0 + step as f32) / (10.0 + step as f32));
        blend(&mut average, &weights, keep);
        told(Progress { step: step + 1, loss, norm, rate });
    }
    average
}

/// Moves the average towards the weights, running moments included.
fn blend(average: &mut Weights, weights: &Weights, keep: f32) {
    let move_to = |a: &mut [f32], w: &[f32]| {
        for (a, w) in a.iter_mut().zip(w) {
            *a = keep * *a + (1.0 - keep) * w;
        }
    };
    for (a, w) in average.parameters.iter_mut().zip(&weights.parameters) {
        move_to(&mut a.values, &w.values);
    }
    for (a, w) in average.moments.iter_mut().zip(&weights.moments) {
        move_to(&mut a.mean, &w.mean);
        move_to(&mut a.variance, &w.variance);
    }
}
