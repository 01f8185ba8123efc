//! AdamW (Loshchilov and Hutter 2019) with the gradient clipped by its norm over all parameters, on plain arrays.
//!
//! Only convolution weights decay: scales, offsets and biases have no reason to be small.

use crate::nets::{Gradients, Role, Weights};

/// Settings of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// Share of the weight taken away each step, times the learning rate.
    pub decay: f32,
    /// Largest norm of the gradient of all parameters together.
    pub clip: f32,
}

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The optimiser's state.
#[derive(Clone, Debug)]
pub struct AdamW {
    options: AdamWOptions,
    step: i32,
    first: Gradients,
    second: Gradients,
}

impl AdamW {
    /// A fresh state for these weights.
    pub fn new(weights: &Weights, options: AdamWOptions) -> AdamW {
        let zeros: Gradients = weights.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
        AdamW { options, step: 0, first: zeros.clone(), second: zeros }
    }

    /// One step along the gradients; returns their norm before clipping.
    pub fn step(&mut self, weights: &mut Weights, gradients: &Gradients, rate: f32) -> f32 {
        let norm = gradients.iter().flatten().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt() as f32;
        let shrink = (self.options.clip / norm.max(1e-12)).min(1.0);
        self.step += 1;
        let correct1 = 1.0 / (1.0 - BETA1.powi(self.step));
        let correct2 = 1.0 / (1.0 - BETA2.powi(self.step));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in weights.parameters.iter_mut().zip(gradients).zip(moments) {
            let decay = if parameter.role == Role::Weight { self.options.decay } else { 0.0 };
            let values = parameter.values.iter_mut().zip(gradient);
            for ((value, &g), (m, v)) in values.zip(first.iter_mut().zip(second.iter_mut())) {
                let g = g * shrink;
                *m += (1.0 - BETA1) * (g - *m);
                *v += (1.0 - BETA2) * (g * g - *v);
                let step = *m * correct1 / ((*v * correct2).sqrt() + EPSILON);
                *value -= rate * (step + decay * *value);
            }
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::Architecture;

    #[test]
    fn the_first_step_moves_every_value_by_the_rate_and_decays_weights_only() {
        let a =
            Architecture { input: 32, classes: 1, widths: [8; 5], depths: [0; 4], neck: 8, head: 0, residual: false };
        let mut weights = Weights::random(&a, 1);
        let before = weights.clone();
        let gradients: Gradients = weights.parameters.iter().map(|p| vec![0.001; p.values.len()]).collect();
        let mut optimiser = AdamW::new(&weights, AdamWOptions { decay: 0.5, clip: 1e9 });
        optimiser.step(&mut weights, &gradients, 0.01);
        for (new, old) in weights.parameters.iter().zip(&before.parameters) {
            let decay = if new.role == Role::Weight { 0.5 } else { 0.0 };
            for (n, o) in new.values.iter().zip(&old.values) {
                // Adam's first step is the rate times the gradient's sign.
                assert!((n - (o - 0.01 - 0.01 * decay * o)).abs() < 1e-5, "{n} {o}");
            }
        }
    }
}
