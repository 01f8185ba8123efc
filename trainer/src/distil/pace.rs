//! How long a step of a training takes here, and a question to the teacher, before either begins.

use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::Device;

use super::error::ExperimentError;
use super::experiment::network;
use crate::data::{Label, Sample};
use crate::losses::Assigner;
use crate::nets::Weights;
use crate::recipe::Recipe;
use crate::teacher::Teacher;
use crate::train::{Labels, Lesson, LossWeights, Moment, Optimiser, Past, Teaching};

/// Steps that are timed, after as many that warm the caches up.
const STEPS: usize = 4;

/// Seconds that a step of the student's training takes on the calling thread's pool: the quickest of a few, on pictures of
/// nothing in particular. What makes lessons runs beside it and is not counted.
///
/// # Errors
/// [`ExperimentError::Network`] where the recipe's student cannot be built.
pub fn seconds_a_step(recipe: &Recipe) -> Result<f64, ExperimentError> {
    let classes = recipe.data.classes.len().max(1);
    let network = network(recipe, "student", classes)?;
    let mut weights = Weights::random(&network, 1);
    let mut average = weights.clone();
    let mut optimiser = Optimiser::new(&weights, recipe.learning.optimiser());
    let parts = LossWeights {
        hard_classes: 1.0,
        hard_boxes: 1.0,
        soft_classes: 0.0,
        soft_boxes: 0.0,
        sides: 0.0,
        temperature: 1.0,
        smoothing: 0.0,
    };
    let teaching =
        Teaching { assigner: Assigner::new(&network, recipe.learning.cells), parts, ties: Vec::new(), scales: None };
    let (batch, shape, device) = (recipe.learning.batch, network.input(), Device::flex());
    let mut quickest = f64::INFINITY;
    for step in 0..2 * STEPS {
        let pictures = (0..batch * shape.len()).map(|i| ((i * 37 + step) % 251) as f32 / 251.0).collect();
        let (right, bottom) = (shape.width as f32 / 2.0, shape.height as f32 / 2.0);
        let object = Label::new(0, [right / 2.0, bottom / 2.0, right, bottom]);
        let labels = if network.levels().is_empty() { Labels::Hidden } else { Labels::Boxes(vec![object]) };
        let lesson = Lesson { pictures, labels: vec![labels; batch], ..Lesson::default() };
        let started = Instant::now();
        let moment = Moment { done: 0.0, seed: &[step as u64], device: &device };
        let outcome = lesson.teach(&mut weights, &mut average, &mut Past::default(), &teaching, moment);
        if let Ok(outcome) = outcome {
            optimiser.step(&mut weights, &outcome.gradients, 1e-6);
        }
        if step >= STEPS {
            quickest = quickest.min(started.elapsed().as_secs_f64());
        }
    }
    Ok(quickest)
}

/// Seconds that the recipe's teachers take for a picture on the calling thread: the quicker of two times, since the first also
/// takes memory. 0 where the recipe's teacher is one that is trained.
///
/// # Errors
/// [`ExperimentError::Network`] where the recipe's student cannot be built, and what the teachers say of the picture.
pub fn seconds_a_question(recipe: &Recipe, picture: &Sample) -> Result<f64, ExperimentError> {
    let files: Vec<PathBuf> = recipe.teacher.models.iter().map(PathBuf::from).collect();
    if files.is_empty() {
        return Ok(0.0);
    }
    let classes = &recipe.data.classes;
    let student = network(recipe, "student", classes.len().max(1))?;
    let teacher = Teacher::open(&files, &student, classes, Some([picture.width, picture.height]))?;
    let mut quickest = f64::INFINITY;
    for _ in 0..2 {
        let started = Instant::now();
        teacher.ask(std::slice::from_ref(picture))?;
        quickest = quickest.min(started.elapsed().as_secs_f64());
    }
    Ok(quickest)
}
