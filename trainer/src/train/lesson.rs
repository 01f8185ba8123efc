//! One batch's worth of teaching, and the gradients it gives.

use burn::tensor::{Device, Tensor, TensorData};

use crate::data::Label;
use crate::losses::{Assigner, Outputs, cross_entropy, detection_loss, hard_targets, soft_cross_entropy, soft_targets};
use crate::nets::{Answer, Gradients, Head, Moments, Network, TrainingPass, Weights};

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
    /// Share of a classifier's labels that is spread over all classes (Szegedy et al. 2016, section 7).
    pub smoothing: f32,
}

/// What may be known about a picture from its labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Labels {
    /// Nothing, or nobody may look.
    #[default]
    Hidden,
    /// How much of each class the picture shows: shares that add up to 1, all of them 0 but one unless pictures were mixed.
    Classes(Vec<f32>),
    /// All objects in it.
    Boxes(Vec<Label>),
}

/// Pictures, with labels for some and the teacher's word for all or none.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// `[count, height, width, channels]`, from 0 to 1.
    pub pictures: Vec<f32>,
    /// The labels of each picture.
    pub labels: Vec<Labels>,
    /// What the teacher says about each picture; empty without a teacher.
    pub teacher: Vec<Answer>,
    /// Pictures that could not be read and were replaced by others.
    pub replaced: usize,
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
    /// Number of pictures.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The loss of these weights on this lesson, and its gradients, computed on a device. `dropout` names the values that are
    /// dropped.
    pub fn teach(
        self,
        weights: &Weights,
        assigner: &Assigner,
        parts: &LossWeights,
        dropout: &[u64],
        device: &Device,
    ) -> Outcome {
        let network = &weights.network;
        let device = device.clone().autodiff();
        let shape = network.input();
        let shape = [self.count(), shape.height, shape.width, shape.channels];
        let pictures = Tensor::from_data(TensorData::new(self.pictures, shape), &device);
        let mut pass = TrainingPass::new(weights, &device, Some(dropout));
        let values = pass.run(network, pictures);
        let terms = match &network.head {
            Head::Classes { logits, classes } => {
                let logits = values[*logits].clone().reshape([shape[0], *classes]);
                classifier_loss(logits, &self.labels, &self.teacher, parts)
            }
            Head::Boxes { .. } => detector_loss(network, &values, &self.labels, &self.teacher, assigner, parts),
        };
        let loss = terms.into_iter().reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros([1], &device));
        let gradients = pass.gradients(&loss);
        let value = loss.into_scalar::<f32>();
        Outcome { gradients, moments: pass.moments, loss: value }
    }
}

fn classifier_loss(logits: Tensor<2>, labels: &[Labels], teacher: &[Answer], parts: &LossWeights) -> Vec<Tensor<1>> {
    let classes = logits.dims()[1];
    let mut terms = Vec::new();
    if labels.iter().any(|labels| *labels != Labels::Hidden) && parts.hard_classes != 0.0 {
        let (mut targets, mut known) = (Vec::with_capacity(labels.len() * classes), Vec::with_capacity(labels.len()));
        for labels in labels {
            let Labels::Classes(shares) = labels else {
                targets.resize(targets.len() + classes, 0.0);
                known.push(0.0);
                continue;
            };
            let spread = parts.smoothing / classes as f32;
            targets.extend(shares.iter().map(|share| share * (1.0 - parts.smoothing) + spread));
            known.push(1.0);
        }
        terms.push(cross_entropy(logits.clone(), &targets, &known) * parts.hard_classes);
    }
    if !teacher.is_empty() && parts.soft_classes != 0.0 {
        let words: Vec<f32> = teacher.iter().flat_map(|answer| answer.classes.iter().copied()).collect();
        terms.push(soft_cross_entropy(logits, &words, parts.temperature) * parts.soft_classes);
    }
    terms
}

fn detector_loss(
    network: &Network,
    values: &[Tensor<4>],
    labels: &[Labels],
    teacher: &[Answer],
    assigner: &Assigner,
    parts: &LossWeights,
) -> Vec<Tensor<1>> {
    let outputs = Outputs::new(network, values);
    let mut terms = Vec::new();
    if labels.iter().any(|labels| *labels != Labels::Hidden) {
        let numbers = |tensor: &Tensor<3>| tensor.to_data().try_into_vec::<f32>().unwrap_or_default();
        let boxes = labels.iter().map(|labels| match labels {
            Labels::Boxes(boxes) => Some(boxes.as_slice()),
            _ => None,
        });
        let boxes: Vec<_> = boxes.collect();
        let targets = hard_targets(assigner, &numbers(&outputs.logits), &numbers(&outputs.boxes), &boxes);
        let hard = detection_loss(&outputs, &targets, 1.0);
        terms.push(hard.classes * parts.hard_classes + hard.boxes * parts.hard_boxes);
    }
    if !teacher.is_empty() {
        let targets = soft_targets(network, teacher, parts.temperature);
        let soft = detection_loss(&outputs, &targets, parts.temperature);
        terms.push(soft.classes * parts.soft_classes + soft.boxes * parts.soft_boxes);
    }
    terms
}
