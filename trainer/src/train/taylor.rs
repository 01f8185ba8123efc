//! How much the loss hangs on each output of each layer, to first order.
//!
//! If an output c were multiplied by a gate of 1, the gradient of the loss for that gate would be γ·∂L/∂γ + β·∂L/∂β, since γ and β are all that
//! stands between the normalised sums and the output; without normalisation it is Σ w·∂L/∂w + b·∂L/∂b. Its square, over lessons, is how
//! much the loss is expected to change when the output goes (Molchanov et al. 2019, Importance Estimation for Neural Network
//! Pruning, equations 8 and 9).

use std::collections::HashMap;

use super::lesson::{Lesson, Moment, Past, Teaching};
use super::run::{TrainError, Training};
use crate::bindings::Loss;
use crate::losses::Assigner;
use crate::nets::{Role, Weights};

/// For each layer, by name, the mean squared gate gradient of each output over lessons. Weights and moments stay as they are; ties that
/// need layers of their own, or what was said before, are left out.
///
/// # Errors
/// Those of teaching.
pub fn taylor(
    weights: &Weights,
    training: &Training,
    lessons: impl Iterator<Item = Lesson>,
) -> Result<HashMap<String, Vec<f64>>, TrainError> {
    let device = training.place.device()?;
    let mut ties = training.ties.clone();
    ties.retain(|tie| tie.aids(training.seed).is_empty() && tie.binding.loss != Loss::Past);
    let assigner = Assigner::new(&weights.network, training.top);
    let teaching = Teaching { assigner, parts: training.loss, ties, scales: None };
    let (mut student, mut average) = (weights.clone(), weights.clone());
    let mut all: HashMap<String, Vec<f64>> = HashMap::new();
    let mut count = 0.0;
    for (step, lesson) in lessons.enumerate() {
        if let Some(trouble) = lesson.trouble {
            return Err(TrainError::Teacher(trouble));
        }
        let moment = Moment { done: 1.0, seed: &[training.seed, 0x7a91, step as u64], device: &device };
        let outcome = lesson.teach(&mut student, &mut average, &mut Past::default(), &teaching, moment)?;
        let mut gates: HashMap<&str, Vec<f64>> = HashMap::new();
        for (parameter, gradient) in weights.parameters.iter().zip(&outcome.gradients) {
            let layer = parameter.layer.as_str();
            // γ and β say it all where there are any.
            if parameter.role == Role::Weight && !weights.values(layer, Role::Gamma).is_empty() {
                continue;
            }
            let name = layer.split('/').next().unwrap_or(layer);
            let columns = parameter.shape[1];
            let gates = gates.entry(name).or_insert_with(|| vec![0.0; columns]);
            for (place, (value, gradient)) in parameter.values.iter().zip(gradient).enumerate() {
                gates[place % columns] += f64::from(*value) * f64::from(*gradient);
            }
        }
        for (name, gates) in gates {
            let sums = all.entry(name.to_owned()).or_insert_with(|| vec![0.0; gates.len()]);
            sums.iter_mut().zip(gates).for_each(|(sum, gate)| *sum += gate * gate);
        }
        count += 1.0;
    }
    all.values_mut().flatten().for_each(|sum| *sum /= f64::max(count, 1.0));
    Ok(all)
}
