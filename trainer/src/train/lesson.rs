//! One batch's worth of teaching, and the gradients it gives.

use burn::tensor::{Device, Tensor, TensorData};

use crate::bindings::{Loss, Scene, Tie};
use crate::data::Label;
use crate::losses::response::{Kd, kd};
use crate::losses::{
    Assigner, LossError, Outputs, cross_entropy, detection_loss, hard_targets, localisation, soft_targets, softmax,
};
use crate::nets::{Answer, Gradients, Head, Moments, Network, TrainingPass, Weights};
use crate::quantise::Scales;
use crate::teacher::Feature;

/// Temperature of the distributions over the distances of a box's sides (Zheng et al. 2022).
const SIDES_TEMPERATURE: f32 = 10.0;

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
    /// Teacher: where the sides of its boxes are, as distributions.
    pub sides: f32,
    /// Temperature of the teacher's classes.
    pub temperature: f32,
    /// Share of a classifier's labels that is spread over all classes (Szegedy et al. 2016, section 7).
    pub smoothing: f32,
}

/// All that is taught in every step.
#[derive(Clone, Debug)]
pub struct Teaching {
    /// Which cells of a detector an object is taught in.
    pub assigner: Assigner,
    /// Labels, and the teacher's answers.
    pub parts: LossWeights,
    /// Whatever else ties the student to its teacher, or to itself.
    pub ties: Vec<Tie>,
    /// The scales of all values where the student computes in the board's integers; none in floats.
    pub scales: Option<Scales>,
}

impl Teaching {
    /// A pass of the arithmetic that is taught.
    fn pass(&self, weights: &mut Weights, device: &Device, dropout: Option<&[u64]>) -> TrainingPass {
        match &self.scales {
            Some(scales) => TrainingPass::simulated(weights, scales, device),
            None => TrainingPass::new(weights, device, dropout),
        }
    }

    /// Whether some tie is of this loss.
    pub fn has(&self, loss: Loss) -> bool {
        self.ties.iter().any(|tie| tie.binding.loss == loss)
    }
}

/// Where a training is.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Share of the training that is done, from 0 to 1.
    pub done: f32,
    /// Names all that is random in this step.
    pub seed: &'a [u64],
    /// The device that computes.
    pub device: &'a Device,
}

/// What a student said about each picture the last time, as probabilities: `[pictures, classes]`, NaN where nothing yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The values; empty where nobody asks for them.
    pub values: Vec<f32>,
}

impl Past {
    /// Of so many values.
    pub fn new(len: usize) -> Past {
        Past { values: vec![f32::NAN; len] }
    }

    fn row(&self, place: usize, classes: usize) -> Option<&[f32]> {
        self.values.get(place * classes..(place + 1) * classes).filter(|row| !row[0].is_nan())
    }

    fn learn(&mut self, place: usize, logits: &[f32]) {
        let classes = logits.len();
        if let Some(row) = self.values.get_mut(place * classes..(place + 1) * classes) {
            row.copy_from_slice(&softmax(logits, 1.0));
        }
    }
}

/// What may be known about a picture from its labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Labels {
    /// Nothing, or nobody may look.
    #[default]
    Hidden,
    /// How much of each class the picture shows: shares that add up to 1, all of them 0 but one unless pictures were mixed.
    Classes(Vec<f32>),
    /// All objects in it, and boxes to be ignored.
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
    /// What the teacher computes at each tap, picture by picture: `features[tap][picture]`; empty without taps.
    pub features: Vec<Vec<Feature>>,
    /// Which of all pictures each one is.
    pub places: Vec<usize>,
    /// Why the teacher could not answer, if it could not.
    pub trouble: Option<String>,
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

    /// The loss of these weights on this lesson, and its gradients. `average` are the running average's weights, which teach
    /// where a tie wants that; `past` is read, and written for the next time.
    ///
    /// # Errors
    /// A [`LossError`] where a batch is too small for a loss.
    pub fn teach(
        self,
        weights: &mut Weights,
        average: &mut Weights,
        past: &mut Past,
        teaching: &Teaching,
        moment: Moment<'_>,
    ) -> Result<Outcome, LossError> {
        let network = weights.network.clone();
        let network = &network;
        let device = moment.device.clone().autodiff();
        let shape = network.input();
        let shape = [self.count(), shape.height, shape.width, shape.channels];
        let averaged = teaching.has(Loss::MeanTeacher).then(|| {
            let pictures = Tensor::from_data(TensorData::new(self.pictures.clone(), shape), moment.device);
            let mut pass = teaching.pass(average, moment.device, None);
            let logits = logits(network, &pass.run(network, pictures));
            pass.finish(average);
            logits.map(|logits| Tensor::from_data(logits.into_data(), &device))
        });
        let pictures = Tensor::from_data(TensorData::new(self.pictures, shape), &device);
        let mut pass = teaching.pass(weights, &device, Some(moment.seed));
        let values = pass.run(network, pictures);
        let told = (&self.labels[..], &self.teacher[..]);
        let terms = match logits(network, &values) {
            Some(logits) => classifier_loss(logits, told, &teaching.parts),
            None => detector_loss(network, &values, told, teaching),
        };
        let mut terms = match terms {
            Ok(terms) => terms,
            Err(error) => {
                pass.finish(weights);
                return Err(error);
            }
        };
        if !teaching.ties.is_empty() {
            let logits = logits(network, &values);
            let classes = network.head.classes();
            let (targets, known) = class_targets(&self.labels, classes, 0.0);
            let constant =
                |values: Vec<f32>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), &device);
            let said = self.teacher.iter().flat_map(|answer| answer.classes.iter().copied()).collect::<Vec<f32>>();
            let spoken = logits.is_some() && said.len() == self.labels.len() * classes;
            let features: Vec<Tensor<4>> = self.features.iter().map(|maps| stacked(maps, &device)).collect();
            let boxes: Vec<_> = self.labels.iter().map(|labels| labels.objects().copied().collect()).collect();
            let scene = Scene {
                values: &values,
                teacher: spoken.then(|| constant(said, [self.labels.len(), classes])),
                answers: &self.teacher,
                features: &features,
                targets: (&targets, &known),
                boxes: &boxes,
                average: averaged.flatten(),
                past: teaching.has(Loss::Past).then(|| {
                    let rows: Vec<_> = self.places.iter().map(|&place| past.row(place, classes)).collect();
                    let known = rows.iter().map(|row| f32::from(u8::from(row.is_some()))).collect();
                    let flat = rows.iter().flat_map(|row| row.map_or(vec![0.0; classes], <[f32]>::to_vec)).collect();
                    (constant(flat, [rows.len(), classes]), known)
                }),
                logits: logits.clone(),
                seed: moment.seed,
            };
            let bound: Result<Vec<_>, LossError> = teaching.ties.iter().map(|tie| tie.term(&scene, &pass)).collect();
            match bound {
                Ok(bound) => {
                    let weighted = teaching.ties.iter().zip(bound);
                    terms.extend(weighted.filter_map(|(tie, term)| Some(term? * tie.binding.weight(moment.done))));
                }
                Err(error) => {
                    pass.finish(weights);
                    return Err(error);
                }
            }
            if let Some(logits) = logits.filter(|_| teaching.has(Loss::Past)) {
                let logits = logits.into_data().try_into_vec::<f32>().unwrap_or_default();
                let rows = logits.chunks_exact(classes).zip(&self.places);
                rows.for_each(|(row, &place)| past.learn(place, row));
            }
        }
        drop(values);
        // A step in which nothing is said has a loss that hangs on no weight, but can be differentiated.
        let nothing = || Tensor::zeros([1], &device).require_grad();
        let loss = terms.into_iter().reduce(|a, b| a + b).unwrap_or_else(nothing);
        let value = loss.clone().into_scalar::<f32>();
        let (gradients, moments) = pass.gradients(loss, weights);
        Ok(Outcome { gradients, moments, loss: value })
    }
}

impl Labels {
    /// The objects, as far as they are known.
    fn objects(&self) -> impl Iterator<Item = &Label> {
        let boxes: &[Label] = if let Labels::Boxes(boxes) = self { boxes } else { &[] };
        boxes.iter().filter(|label| !label.ignored)
    }
}

/// A classifier's logits `[batch, classes]`.
fn logits(network: &Network, values: &[Tensor<4>]) -> Option<Tensor<2>> {
    let Head::Classes { logits, classes } = network.head else { return None };
    let logits = values[logits].clone();
    let batch = logits.dims()[0];
    Some(logits.reshape([batch, classes]))
}

/// The maps of all pictures as one tensor.
fn stacked(maps: &[Feature], device: &Device) -> Tensor<4> {
    let [rows, columns, channels] = maps.first().map_or([1, 1, 1], |map| map.shape);
    let values: Vec<f32> = maps.iter().flat_map(|map| map.values.iter().copied()).collect();
    Tensor::from_data(TensorData::new(values, [maps.len(), rows, columns, channels]), device)
}

/// Target distributions `[pictures, classes]`, all 0 for pictures whose labels nobody may look at, and 1 or 0 for each
/// picture. `smoothing` is the share that is spread over all classes.
fn class_targets(labels: &[Labels], classes: usize, smoothing: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut targets, mut known) = (Vec::with_capacity(labels.len() * classes), Vec::with_capacity(labels.len()));
    for labels in labels {
        let Labels::Classes(shares) = labels else {
            targets.resize(targets.len() + classes, 0.0);
            known.push(0.0);
            continue;
        };
        let spread = smoothing / classes as f32;
        targets.extend(shares.iter().map(|share| share * (1.0 - smoothing) + spread));
        known.push(1.0);
    }
    (targets, known)
}

/// Labels, and what the teacher answers.
type Told<'a> = (&'a [Labels], &'a [Answer]);

fn classifier_loss(
    logits: Tensor<2>,
    (labels, teacher): Told<'_>,
    parts: &LossWeights,
) -> Result<Vec<Tensor<1>>, LossError> {
    let classes = logits.dims()[1];
    let mut terms = Vec::new();
    if labels.iter().any(|labels| *labels != Labels::Hidden) && parts.hard_classes != 0.0 {
        let (targets, known) = class_targets(labels, classes, parts.smoothing);
        terms.push(cross_entropy(logits.clone(), &targets, &known) * parts.hard_classes);
    }
    if !teacher.is_empty() && parts.soft_classes != 0.0 {
        let words: Vec<f32> = teacher.iter().flat_map(|answer| answer.classes.iter().copied()).collect();
        let words = Tensor::from_data(TensorData::new(words, [teacher.len(), classes]), &logits.device());
        let options = Kd { temperature: parts.temperature, standardise: false };
        terms.push(kd(logits, words, options)? * parts.soft_classes);
    }
    Ok(terms)
}

fn detector_loss(
    network: &Network,
    values: &[Tensor<4>],
    (labels, teacher): Told<'_>,
    teaching: &Teaching,
) -> Result<Vec<Tensor<1>>, LossError> {
    let parts = &teaching.parts;
    let outputs = Outputs::new(network, values);
    let mut terms = Vec::new();
    let hard = parts.hard_classes != 0.0 || parts.hard_boxes != 0.0;
    if hard && labels.iter().any(|labels| *labels != Labels::Hidden) {
        let boxes = labels.iter().map(|labels| match labels {
            Labels::Boxes(boxes) => Some(boxes.as_slice()),
            _ => None,
        });
        let boxes: Vec<_> = boxes.collect();
        let targets = hard_targets(&teaching.assigner, &outputs.class_numbers(), &outputs.box_numbers(), &boxes);
        let hard = detection_loss(&outputs, &targets, 1.0);
        terms.push(hard.classes * parts.hard_classes + hard.boxes * parts.hard_boxes);
    }
    let (answers, sides) = (parts.soft_classes != 0.0 || parts.soft_boxes != 0.0, parts.sides != 0.0);
    if !teacher.is_empty() && (answers || sides) {
        let targets = soft_targets(network, teacher, parts.temperature);
        if answers {
            let soft = detection_loss(&outputs, &targets, parts.temperature);
            terms.push(soft.classes * parts.soft_classes + soft.boxes * parts.soft_boxes);
        }
        let chosen = targets.chosen();
        if sides && !chosen.is_empty() {
            terms.push(sides_loss(&outputs, teacher, &chosen, &targets.box_weights)? * parts.sides);
        }
    }
    Ok(terms)
}

/// How far the distributions over the distances of the sides are from the teacher's, in the cells where that sees something.
fn sides_loss(
    outputs: &Outputs,
    teacher: &[Answer],
    chosen: &[usize],
    weights: &[f32],
) -> Result<Tensor<1>, LossError> {
    let (numbers, device) = (4 * outputs.bins.max(1), outputs.sides.device());
    let shape = [1, chosen.len(), 4, outputs.bins.max(1)];
    let said: Vec<f32> = chosen
        .iter()
        .flat_map(|place| {
            let (picture, cell) = (place / outputs.cells.len(), place % outputs.cells.len());
            teacher[picture].boxes[cell * numbers..][..numbers].iter().copied()
        })
        .collect();
    let said = Tensor::from_data(TensorData::new(said, shape), &device);
    let weights: Vec<f32> = chosen.iter().map(|&place| weights[place]).collect();
    let weights = Tensor::from_data(TensorData::new(weights, [1, chosen.len()]), &device);
    localisation(outputs.chosen(chosen).reshape(shape), said, weights, SIDES_TEMPERATURE)
}
