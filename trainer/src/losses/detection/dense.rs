//! The loss: cross-entropy and quality focal loss on classes, generalised IoU on boxes, and the focal loss of distributions on where
//! their sides are.

use burn::tensor::activation::{log_softmax, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::super::boxes::giou;
use crate::nets::{Network, cells, decode};

/// Predictions of a batch, all levels joined, and the cells they belong to.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// `[batch, points, classes]`.
    pub logits: Tensor<3>,
    /// Where the sides of the boxes are, as the network says it: `[batch, points, 4]`, or `[batch, points, 4 · bins]`.
    pub sides: Tensor<3>,
    /// Centre x, centre y and stride of each cell in pixels: `points`.
    pub cells: Vec<[f32; 3]>,
    /// Bins of a side; 0 where it is the logarithm of a distance.
    pub bins: usize,
}

impl Outputs {
    /// Joins the levels of a detector. `values` are those of all nodes.
    pub fn new(network: &Network, values: &[Tensor<4>]) -> Outputs {
        let levels = network.levels().iter();
        Outputs::joined(network, levels.map(|level| [level.classes, level.boxes].map(|place| values[place].clone())))
    }

    /// Joins maps of classes and of boxes, level by level, which are laid out as a detector's.
    pub fn joined(network: &Network, maps: impl Iterator<Item = [Tensor<4>; 2]>) -> Outputs {
        let join = |maps: Vec<Tensor<4>>| {
            let flat = maps.into_iter().map(|map| {
                let [batch, height, width, channels] = map.dims();
                map.reshape([batch, height * width, channels])
            });
            Tensor::cat(flat.collect(), 1)
        };
        let (classes, boxes) = maps.map(|[classes, boxes]| (classes, boxes)).unzip();
        Outputs { logits: join(classes), sides: join(boxes), cells: cells(network), bins: network.bins() }
    }

    /// Class logits as plain numbers: `batch · points · classes`.
    pub fn class_numbers(&self) -> Vec<f32> {
        self.logits.to_data().try_into_vec().unwrap_or_default()
    }

    /// Left, top, right and bottom edges in pixels as plain numbers: `batch · points · 4`.
    pub fn box_numbers(&self) -> Vec<f32> {
        let sides: Vec<f32> = self.sides.to_data().try_into_vec().unwrap_or_default();
        let boxes = sides.chunks_exact(4 * self.bins.max(1)).zip(self.cells.iter().cycle());
        boxes.flat_map(|(sides, &cell)| decode(cell, sides, self.bins)).collect()
    }

    /// The sides' numbers of some points, `[chosen, 4 · max(bins, 1)]`, which are counted through the batch.
    pub fn chosen(&self, chosen: &[usize]) -> Tensor<2> {
        let [batch, points, numbers] = self.sides.dims();
        let places: Vec<i64> = chosen.iter().map(|&place| place as i64).collect();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [chosen.len()]), &self.sides.device());
        self.sides.clone().reshape([batch * points, numbers]).select(0, places)
    }

    /// Edges in pixels, `[1, chosen, 4]`, of what [`Outputs::chosen`] gave.
    fn decoded(&self, chosen: &[usize], sides: Tensor<2>) -> Tensor<3> {
        // Left and top lie against the axes, right and bottom along them.
        let (mut centres, mut reach) = (Vec::with_capacity(chosen.len() * 4), Vec::with_capacity(chosen.len() * 4));
        for place in chosen {
            let [x, y, stride] = self.cells[place % self.cells.len()];
            centres.extend([x, y, x, y]);
            reach.extend([-stride, -stride, stride, stride]);
        }
        let device = sides.device();
        let shape = [1, chosen.len(), 4];
        let constant = |values: Vec<f32>| Tensor::<3>::from_data(TensorData::new(values, shape), &device);
        let distances = match self.bins {
            0 => sides.clamp(-4.0, 4.0).exp().reshape(shape),
            bins => {
                let strides: Vec<f32> = (0..bins).map(|bin| bin as f32).collect();
                let strides = Tensor::<3>::from_data(TensorData::new(strides, [1, 1, bins]), &device);
                (softmax(sides.reshape([chosen.len(), 4, bins]), 2) * strides).sum_dim(2).reshape(shape)
            }
        };
        distances * constant(reach) + constant(centres)
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

impl Targets {
    /// The points whose boxes matter, counted through the batch.
    pub fn chosen(&self) -> Vec<usize> {
        (0..self.box_weights.len()).filter(|&place| self.box_weights[place] > 0.0).collect()
    }
}

/// The parts of a loss.
#[derive(Clone, Debug)]
pub struct LossParts {
    /// On classes.
    pub classes: Tensor<1>,
    /// On boxes.
    pub boxes: Tensor<1>,
}

/// Weight of the loss on distributions beside that on boxes: 0.25 beside 2 in Generalized Focal Loss.
const DISTRIBUTIONS: f32 = 0.125;

/// The loss of `outputs` against `targets`.
///
/// Classes: T² · Σ (w + (1 − w)·|σ(z/T) − q|²) · BCE(σ(z/T), q) over covered cells, w the cell's box weight: plain
/// cross-entropy where an object is, so that classes are told apart from the first step on, and quality focal loss with
/// β = 2 (Li et al. 2020, equation 5) where none is. T is the temperature of Hinton et al. 2015; q is already softened by
/// it. Boxes: Σ w·(1 − GIoU), and, where sides are distributions, an eighth of Σ w·(their distribution focal loss, Li et al. 2020,
/// equation 6, mean over the sides). Both are divided by Σ w, so that pictures with many objects do not count for more.
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
    let distance = sigmoid(z) - q;
    let importance = weights.clone() + (weights.neg() + 1.0) * distance.clone() * distance;
    let on_classes = (entropy * importance * covered).sum() * (temperature * temperature / total);

    let chosen = targets.chosen();
    if chosen.is_empty() {
        // A batch without any object; its boxes have no gradient.
        return LossParts { classes: on_classes, boxes: Tensor::zeros([1], &device) };
    }
    let rows = |values: &[f32], width: usize| -> Vec<f32> {
        chosen.iter().flat_map(|&place| values[place * width..][..width].iter().copied()).collect()
    };
    let weights = constant(&rows(&targets.box_weights, 1), [1, chosen.len(), 1]);
    let edges = rows(&targets.boxes, 4);
    let sides = outputs.chosen(&chosen);
    let boxes = outputs.decoded(&chosen, sides.clone());
    let apart = giou(boxes, constant(&edges, [1, chosen.len(), 4])).neg() + 1.0;
    let mut on_boxes = (weights.clone() * apart).sum() / total;
    if outputs.bins > 0 {
        let targets = constant(&distributions(outputs, &chosen, &edges), [chosen.len(), 4, outputs.bins]);
        let logs = log_softmax(sides.reshape([chosen.len(), 4, outputs.bins]), 2);
        let entropy = (logs * targets).sum_dim(2).sum_dim(1).neg() / 4.0;
        on_boxes = on_boxes + (entropy * weights.reshape([chosen.len(), 1, 1])).sum() * (DISTRIBUTIONS / total);
    }
    LossParts { classes: on_classes, boxes: on_boxes }
}

/// Of each side of the chosen points' boxes the shares of the two bins between which it lies: `chosen · 4 · bins`. What lies beyond
/// the last bin counts as there.
fn distributions(outputs: &Outputs, chosen: &[usize], edges: &[f32]) -> Vec<f32> {
    let bins = outputs.bins;
    let mut shares = vec![0.0; chosen.len() * 4 * bins];
    for ((place, edges), shares) in chosen.iter().zip(edges.chunks_exact(4)).zip(shares.chunks_exact_mut(4 * bins)) {
        let [x, y, stride] = outputs.cells[place % outputs.cells.len()];
        let distances = [x - edges[0], y - edges[1], edges[2] - x, edges[3] - y];
        for (distance, shares) in distances.iter().zip(shares.chunks_exact_mut(bins)) {
            let distance = (distance / stride).clamp(0.0, (bins - 1) as f32);
            let below = (distance as usize).min(bins.saturating_sub(2));
            let above = distance - below as f32;
            shares[below] = 1.0 - above;
            if let Some(share) = shares.get_mut(below + 1) {
                *share = above;
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One cell of 4 pixels in the middle of its box, two classes: logits 0 and 2 against qualities 0.5 and 0.
    fn example(sides: &[f32], bins: usize) -> (Outputs, Targets) {
        let device = Device::flex();
        let outputs = Outputs {
            logits: Tensor::<1>::from_floats([0.0, 2.0], &device).reshape([1, 1, 2]),
            sides: Tensor::<1>::from_data(TensorData::new(sides.to_vec(), [sides.len()]), &device).reshape([
                1,
                1,
                sides.len() as i32,
            ]),
            cells: vec![[6.0, 6.0, 4.0]],
            bins,
        };
        let targets = Targets {
            classes: vec![0.5, 0.0],
            boxes: vec![2.0, 2.0, 10.0, 10.0],
            box_weights: vec![0.6],
            covered: vec![1.0],
        };
        (outputs, targets)
    }

    #[test]
    fn the_loss_is_its_formula() {
        let (outputs, targets) = example(&[0.0; 4], 0);
        assert_eq!(outputs.box_numbers(), targets.boxes, "e⁰ = 1 stride to each side");
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

    #[test]
    fn sides_that_are_distributions_have_a_loss_of_their_own() {
        // Bins 0, 1 and 2: the mean is 1 stride, which is where every side is, and a third of the probability is at it.
        let (outputs, targets) = example(&[0.0; 12], 3);
        let boxes = outputs.box_numbers();
        assert!(boxes.iter().zip(&targets.boxes).all(|(a, b)| (a - b).abs() < 1e-5), "{boxes:?}");
        // Σ w = 0.6 counts as 1.
        let loss = detection_loss(&outputs, &targets, 1.0).boxes.into_scalar::<f32>();
        assert!((loss - 0.125 * 0.6 * 3f32.ln()).abs() < 1e-5, "{loss}");
        // Between bins, each has the share of its closeness; beyond the last one it is the last one's.
        let shares = distributions(&outputs, &[0], &[1.0, 2.0, 10.0, 60.0]);
        assert_eq!(shares, [0.0, 0.75, 0.25, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    /// Central differences in f32, as exact as those are.
    #[test]
    fn gradients_are_right() {
        for (sides, bins) in [(vec![0.2, -0.3, 0.4, 0.1], 0), ((0..12).map(|i| (i as f32 * 1.7).sin()).collect(), 3)] {
            let numbers: Vec<f32> = [0.3, 1.5].into_iter().chain(sides).collect();
            let outputs = |numbers: &[f32], device: &Device| {
                let (outputs, targets) = example(&numbers[2..], bins);
                let tensor = |numbers: &[f32]| {
                    Tensor::<3>::from_data(TensorData::new(numbers.to_vec(), [1, 1, numbers.len()]), device)
                };
                (Outputs { logits: tensor(&numbers[..2]), sides: tensor(&numbers[2..]), ..outputs }, targets)
            };
            let sum = |(outputs, targets): &(Outputs, Targets)| {
                let loss = detection_loss(outputs, targets, 2.0);
                loss.classes + loss.boxes
            };
            let mut taught = outputs(&numbers, &Device::flex().autodiff());
            taught.0.logits = taught.0.logits.require_grad();
            taught.0.sides = taught.0.sides.require_grad();
            let gradients = sum(&taught).backward();
            let slopes =
                [&taught.0.logits, &taught.0.sides].map(|leaf| leaf.grad(&gradients).expect("a leaf").into_data());
            let slopes = slopes.iter().flat_map(|slopes| slopes.as_slice::<f32>().expect("floats").to_vec());
            for (place, slope) in slopes.enumerate() {
                let at = |change: f32| {
                    let mut numbers = numbers.clone();
                    numbers[place] += change;
                    sum(&outputs(&numbers, &Device::flex())).into_scalar::<f32>()
                };
                let expected = (at(5e-3) - at(-5e-3)) / 1e-2;
                assert!((slope - expected).abs() < 2e-3, "{bins} bins, number {place}: {slope} {expected}");
                assert!(slope != 0.0, "{bins} bins, number {place}");
            }
        }
    }

    #[test]
    fn a_batch_without_an_object_has_a_loss_on_classes_only() {
        let (outputs, targets) = example(&[0.0; 12], 3);
        let loss = detection_loss(&outputs, &Targets { box_weights: vec![0.0], ..targets }, 1.0);
        assert_eq!(loss.boxes.into_scalar::<f32>(), 0.0);
        assert!(loss.classes.into_scalar::<f32>() > 0.0);
    }
}
