//! The optimisers, with the gradient clipped by its norm over all parameters, on plain arrays.
//!
//! Only convolution weights decay, and only they are held to a largest norm: scales, offsets and biases have no reason to
//! be small.

use rayon::prelude::*;
use retort_train_ops::{AdamW, Sgd, sum_of_squares};
use serde::{Deserialize, Serialize};

use crate::nets::{Gradients, Parameter, Role, Weights};

/// The rules for a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Adam with decoupled decay (Loshchilov and Hutter 2019, algorithm 2).
    #[default]
    AdamW,
    /// Gradient descent with Nesterov's momentum in the form of Sutskever et al. 2013, as deep-learning libraries write it, with
    /// decoupled decay.
    Sgd,
}

/// Settings of an [`Optimiser`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimiserOptions {
    /// Which rule.
    pub rule: Rule,
    /// Share of the weight taken away each step, times the learning rate.
    pub decay: f32,
    /// Largest norm of the gradient of all parameters together; infinite for none.
    pub clip: f32,
    /// Share of the last step that SGD keeps.
    pub momentum: f32,
    /// Largest norm of the weights into one output (Srivastava et al. 2014, section 5.1); infinite for none.
    pub max_norm: f32,
}

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

/// An optimiser and what it remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimiser {
    options: OptimiserOptions,
    step: i32,
    /// The gradients' running mean, or the momentum.
    first: Gradients,
    /// The running mean of their squares; empty for SGD.
    second: Gradients,
}

impl Optimiser {
    /// One that remembers nothing yet.
    pub fn new(weights: &Weights, options: OptimiserOptions) -> Optimiser {
        let zeros: Gradients = weights.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
        let second = if options.rule == Rule::AdamW { zeros.clone() } else { Vec::new() };
        Optimiser { options, step: 0, first: zeros, second }
    }

    /// One step along the gradients; returns their norm before clipping.
    pub fn step(&mut self, weights: &mut Weights, gradients: &Gradients, rate: f32) -> f32 {
        let norm = gradients.iter().map(|values| sum_of_squares(values)).sum::<f64>().sqrt();
        let shrink = (f64::from(self.options.clip) / norm.max(1e-12)).min(1.0);
        self.step += 1;
        let (options, rate) = (self.options, f64::from(rate));
        for (place, (parameter, gradient)) in weights.parameters.iter_mut().zip(gradients).enumerate() {
            let decay = if parameter.role == Role::Weight { f64::from(options.decay) } else { 0.0 };
            let (values, first) = (&mut parameter.values, &mut self.first[place]);
            match options.rule {
                Rule::AdamW => {
                    let adam = AdamW { rate, betas: BETAS, epsilon: EPSILON, decay };
                    adam.step(self.step as u64, values, gradient, shrink, first, &mut self.second[place]);
                }
                Rule::Sgd => {
                    let sgd = Sgd { rate, momentum: f64::from(options.momentum), nesterov: true, decay };
                    sgd.step(values, gradient, shrink, first);
                }
            }
        }
        if options.max_norm.is_finite() {
            let matrices = weights.parameters.par_iter_mut().filter(|parameter| parameter.role == Role::Weight);
            matrices.for_each(|parameter| limit_columns(parameter, options.max_norm));
        }
        norm as f32
    }

    /// What it remembers: the number of steps, and its arrays.
    pub fn memory(&self) -> (i32, impl Iterator<Item = &Vec<f32>>) {
        (self.step, self.first.iter().chain(&self.second))
    }

    /// As [`Optimiser::memory`], to be filled in.
    pub fn memory_mut(&mut self) -> (&mut i32, impl Iterator<Item = &mut Vec<f32>>) {
        (&mut self.step, self.first.iter_mut().chain(&mut self.second))
    }
}

/// Shrinks every column of a weight matrix that is longer than `limit`.
fn limit_columns(parameter: &mut Parameter, limit: f32) {
    let columns = parameter.shape[1];
    let mut squares = vec![0.0f32; columns];
    for row in parameter.values.chunks_exact(columns) {
        squares.iter_mut().zip(row).for_each(|(square, value)| *square += value * value);
    }
    let factors: Vec<f32> = squares.iter().map(|&square| (limit / square.sqrt().max(1e-12)).min(1.0)).collect();
    for row in parameter.values.chunks_exact_mut(columns) {
        row.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::detector;

    const PLAIN: OptimiserOptions =
        OptimiserOptions { rule: Rule::AdamW, decay: 0.5, clip: f32::INFINITY, momentum: 0.9, max_norm: f32::INFINITY };

    fn uniform(weights: &Weights, value: f32) -> Gradients {
        weights.parameters.iter().map(|parameter| vec![value; parameter.values.len()]).collect()
    }

    #[test]
    fn the_first_step_of_adam_moves_every_value_by_the_rate_and_decays_weights_only() {
        let mut weights = Weights::random(&detector(32, 1), 1);
        let before = weights.clone();
        let gradients = uniform(&weights, 0.001);
        let mut optimiser = Optimiser::new(&weights, PLAIN);
        optimiser.step(&mut weights, &gradients, 0.01);
        for (new, old) in weights.parameters.iter().zip(&before.parameters) {
            let decay = if new.role == Role::Weight { 0.5 } else { 0.0 };
            for (n, o) in new.values.iter().zip(&old.values) {
                // Adam's first step is the rate times the gradient's sign.
                assert!((n - (o - 0.01 - 0.01 * decay * o)).abs() < 1e-5, "{n} {o}");
            }
        }
    }

    #[test]
    fn nesterov_looks_ahead_of_its_momentum() {
        let mut weights = Weights::random(&detector(32, 1), 1);
        let bias = weights.parameters.iter().position(|p| p.role == Role::Bias).expect("outputs have one");
        let start = weights.parameters[bias].values[0];
        let gradients = uniform(&weights, 1.0);
        let mut optimiser = Optimiser::new(&weights, OptimiserOptions { rule: Rule::Sgd, ..PLAIN });
        optimiser.step(&mut weights, &gradients, 0.1);
        optimiser.step(&mut weights, &gradients, 0.1);
        // Momenta 1 and 1.9: steps of 1 + 0.9 · 1 and 1 + 0.9 · 1.9.
        let expected = start - 0.1 * (1.9 + 2.71);
        assert!((weights.parameters[bias].values[0] - expected).abs() < 1e-5);
    }

    #[test]
    fn the_norm_is_that_of_all_parameters_and_clipping_keeps_the_direction() {
        let mut weights = Weights::random(&detector(32, 1), 1);
        let count = weights.count() as f32;
        let before = weights.clone();
        let gradients = uniform(&weights, 2.0);
        let options = OptimiserOptions { rule: Rule::Sgd, clip: 1.0, momentum: 0.0, decay: 0.0, ..PLAIN };
        let norm = Optimiser::new(&weights, options).step(&mut weights, &gradients, 1.0);
        assert!((norm - 2.0 * count.sqrt()).abs() < 1e-2 * norm);
        let moved: f64 =
            weights.arrays().flatten().zip(before.arrays().flatten()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        assert!((moved.sqrt() - 1.0).abs() < 1e-3, "{moved}");
    }

    #[test]
    fn weights_into_a_unit_are_held_to_the_largest_norm() {
        let mut weights = Weights::random(&detector(32, 1), 1);
        let gradients = uniform(&weights, 0.0);
        let options = OptimiserOptions { max_norm: 0.5, decay: 0.0, ..PLAIN };
        Optimiser::new(&weights, options).step(&mut weights, &gradients, 0.1);
        for parameter in weights.parameters.iter().filter(|parameter| parameter.role == Role::Weight) {
            for column in 0..parameter.shape[1] {
                let squares = parameter.values.iter().skip(column).step_by(parameter.shape[1]).map(|v| v * v);
                assert!(squares.sum::<f32>().sqrt() < 0.5001);
            }
        }
    }
}
