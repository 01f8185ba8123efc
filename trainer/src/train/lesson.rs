//! One batch's worth of teaching, and the gradients it gives.

use burn::tensor::{Device, Tensor, TensorData};

use crate::data::{Batch, PATCH};
use crate::losses::{Assigner, Outputs, detection_loss, hard_targets, soft_targets};
use crate::nets::{Gradients, Maps, Moments, TrainingPass, Weights};

/// How much each part of the loss counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossWeights {
    /// Labels: classes.
    pub hard_classes: f32,
    /// Labels: boxes.
    pub hard_boxes: f32,
    /// Teacher: classes.
    pub soft_classes: f32,
    /// Teacher: boxes.
    pub soft_boxes: f32,
    /// Temperature of the teacher's classes.
    pub temperature: f32,
}

/// Pictures, with labels for some and the teacher's word for all or none.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// The pictures and their labels.
    pub batch: Batch,
    /// Whether each picture's labels may be looked at.
    pub labelled: Vec<bool>,
    /// What the teacher says about each picture; empty without a teacher.
    pub teacher: Vec<Maps>,
}

/// What one lesson gives.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Gradients of the loss.
    pub gradients: Gradients,
    /// What the normalisations saw.
    pub moments: Vec<(Moments, usize)>,
    /// The loss.
    pub loss: f32,
}

impl Lesson {
    /// The loss of these weights on this lesson, and its gradients.
    pub fn teach(self, weights: &Weights, assigner: &Assigner, parts: &LossWeights) -> Outcome {
        let architecture = &weights.architecture;
        let device = Device::flex().autodiff();
        let half = architecture.input / 2;
        let count = self.labelled.len();
        let picture = TensorData::new(self.batch.patches, [count, half, half, PATCH]);
        let mut pass = TrainingPass::new(weights, &device);
        let levels = architecture.wire(&mut pass, &Tensor::from_data(picture, &device));
        let outputs = Outputs::new(architecture, levels);

        let mut loss = Tensor::<1>::zeros([1], &device);
        if self.labelled.contains(&true) {
            let values = |tensor: &Tensor<3>| tensor.to_data().try_into_vec::<f32>().unwrap_or_default();
            let labels = self.batch.labels.iter().zip(&self.labelled);
            let labels: Vec<_> = labels.map(|(labels, &known)| known.then_some(labels.as_slice())).collect();
            let targets = hard_targets(assigner, &values(&outputs.logits), &values(&outputs.boxes), &labels);
            let hard = detection_loss(&outputs, &targets, 1.0);
            loss = loss + hard.classes * parts.hard_classes + hard.boxes * parts.hard_boxes;
        }
        if !self.teacher.is_empty() {
            let targets = soft_targets(architecture, &self.teacher, parts.temperature);
            let soft = detection_loss(&outputs, &targets, parts.temperature);
            loss = loss + soft.classes * parts.soft_classes + soft.boxes * parts.soft_boxes;
        }
        let gradients = pass.gradients(&loss);
        let value = loss.into_scalar::<f32>();
        Outcome { gradients, moments: pass.moments, loss: value }
    }
}
