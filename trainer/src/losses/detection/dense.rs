//! The loss: cross-entropy and quality focal loss on classes, generalised IoU on boxes.

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::super::boxes::giou;
use crate::nets::{Network, cells};

/// Predictions of a batch, all levels joined, and the cells they belong to.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// `[batch, points, classes]`.
    pub logits: Tensor<3>,
    /// Left, top, right and bottom edges in pixels: `[batch, points, 4]`.
    pub boxes: Tensor<3>,
}

impl Outputs {
    /// Joins the levels of a detector and decodes the boxes. `values` are those of all nodes.
    pub fn new(network: &Network, values: &[Tensor<4>]) -> Outputs {
        let join = |maps: Vec<Tensor<4>>| {
            let flat = maps.into_iter().map(|map| {
                let [batch, height, width, channels] = map.dims();
                map.reshape([batch, height * width, channels])
            });
            Tensor::cat(flat.collect(), 1)
        };
        let levels = network.levels().iter();
        let maps = levels.map(|level| (values[level.classes].clone(), values[level.boxes].clone()));
        let (classes, boxes) = maps.unzip();
        let (logits, raw): (Tensor<3>, Tensor<3>) = (join(classes), join(boxes));
        // A box is centre + direction · stride · e^v: left and top lie against the axes, right and bottom along them.
        let points = network.points();
        let (mut centres, mut reach) = (Vec::with_capacity(points * 4), Vec::with_capacity(points * 4));
        for [x, y, stride] in cells(network) {
            centres.extend([x, y, x, y]);
            reach.extend([-stride, -stride, stride, stride]);
        }
        let device = raw.device();
        let constant = |values: Vec<f32>| Tensor::<3>::from_data(TensorData::new(values, [1, points, 4]), &device);
        let boxes = raw.clamp(-4.0, 4.0).exp() * constant(reach) + constant(centres);
        Outputs { logits, boxes }
    }
}

/// What a batch is taught, whoever says so.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Probability of each class in each cell: `batch · points · classes`.
    pub classes: Vec<f32>,
    /// Edges in pixels: `batch · points · 4`; of no matter where the weight is 0.
    pub boxes: Vec<f32>,
    /// How much each cell's box matters: `batch · points`.
    pub box_weights: Vec<f32>,
    /// 1 for every cell that these targets speak about, else 0: `batch · points`.
    pub covered: Vec<f32>,
}

/// The two parts of a loss.
#[derive(Clone, Debug)]
pub struct LossParts {
    /// On classes.
    pub classes: Tensor<1>,
    /// On boxes.
    pub boxes: Tensor<1>,
}

/// The loss of `outputs` against `targets`.
///
/// Classes: T² · Σ (w + (1 − w)·|σ(z/T) − q|²) · BCE(σ(z/T), q) over covered cells, w the cell's box weight: plain
/// cross-entropy where an object is, so that classes are told apart from the first step on, and quality focal loss with
/// β = 2 (Li et al. 2020, equation 5) where none is. T is the temperature of Hinton et al. 2015; q is already softened by
/// it. Boxes: Σ w·(1 − GIoU). Both are divided by Σ w, so that pictures with many objects do not count for more.
pub fn detection_loss(outputs: &Outputs, targets: &Targets, temperature: f32) -> LossParts {
    let [batch, points, classes] = outputs.logits.dims();
    let device: Device = outputs.logits.device();
    let constant =
        |values: &[f32], shape: [usize; 3]| Tensor::<3>::from_data(TensorData::new(values.to_vec(), shape), &device);
    let q = constant(&targets.classes, [batch, points, classes]);
    let covered = constant(&targets.covered, [batch, points, 1]);
    let weights = constant(&targets.box_weights, [batch, points, 1]);
    let total = targets.box_weights.iter().sum::<f32>().max(1.0);

    let z = outputs.logits.clone() / temperature;
    // ln(1 + e^z) − q·z, written so that no exponential overflows.
    let entropy = z.clone().clamp_min(0.0) - z.clone() * q.clone() + (z.clone().abs().neg().exp() + 1.0).log();
    let distance = activation::sigmoid(z) - q;
    let importance = weights.clone() + (weights.clone().neg() + 1.0) * distance.clone() * distance;
    let on_classes = (entropy * importance * covered).sum() * (temperature * temperature / total);

    let on_boxes = (weights * (giou(outputs.boxes.clone(), constant(&targets.boxes, [batch, points, 4])).neg() + 1.0))
        .sum()
        / total;
    LossParts { classes: on_classes, boxes: on_boxes }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One cell, two classes: logits 0 and 2 against qualities 0.5 and 0, and a box that fits exactly.
    #[test]
    fn the_loss_is_its_formula() {
        let device = Device::flex();
        let outputs = Outputs {
            logits: Tensor::<1>::from_floats([0.0, 2.0], &device).reshape([1, 1, 2]),
            boxes: Tensor::<1>::from_floats([1.0, 1.0, 4.0, 5.0], &device).reshape([1, 1, 4]),
        };
        let targets = Targets {
            classes: vec![0.5, 0.0],
            boxes: vec![1.0, 1.0, 4.0, 5.0],
            box_weights: vec![0.6],
            covered: vec![1.0],
        };
        let at = |temperature: f32| {
            let loss = detection_loss(&outputs, &targets, temperature);
            (loss.classes.into_scalar::<f32>(), loss.boxes.into_scalar::<f32>())
        };
        let sigmoid = |z: f32| 1.0 / (1.0 + (-z).exp());
        let expected = |t: f32| {
            let (p, w) = (sigmoid(2.0 / t), 0.6);
            t * t * (w * 2f32.ln() + (w + (1.0 - w) * p * p) * (1.0 + (2.0 / t).exp()).ln())
        };
        for t in [1.0, 3.0] {
            let (classes, boxes) = at(t);
            assert!((classes - expected(t)).abs() < 1e-5, "{classes} {}", expected(t));
            assert!(boxes.abs() < 1e-5);
        }
    }
}
