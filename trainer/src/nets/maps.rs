//! What a network says about one picture, as plain arrays.

use burn::tensor::Tensor;

use super::network::{Head, Network};
use crate::data::Turn;

/// Raw predictions for one picture. Of a classifier, the logits. Of a detector, those of all levels: cells row by row, the
/// finest level first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Class logits: `classes`, or `points · classes`.
    pub classes: Vec<f32>,
    /// Where the box's sides are, as [`Head::Boxes`] has it: `points · 4`, or `points · 4 · bins`; none of a classifier.
    pub boxes: Vec<f32>,
}

impl Answer {
    /// The predictions for the picture turned likewise. Turns that swap rows and columns are for square pictures.
    pub fn turned(&self, network: &Network, turn: Turn) -> Answer {
        if network.levels().is_empty() {
            return self.clone();
        }
        let classes_of_all = network.head.classes();
        let mut turned = Answer::default();
        let mut start = 0;
        for level in network.levels() {
            let shape = network.nodes[level.classes].shape;
            let cells = start..start + shape.height * shape.width;
            let classes = &self.classes[cells.start * classes_of_all..cells.end * classes_of_all];
            turned.classes.extend(turn.grid(classes, [shape.height, shape.width], classes_of_all));
            let (numbers, bins) = (network.box_numbers(), network.bins().max(1));
            let boxes = &self.boxes[cells.start * numbers..cells.end * numbers];
            for cell in turn.grid(boxes, [shape.height, shape.width], numbers).chunks_exact(numbers) {
                let from = turn.distances([0.0, 1.0, 2.0, 3.0]);
                from.iter().for_each(|&side| turned.boxes.extend(&cell[side as usize * bins..][..bins]));
            }
            start = cells.end;
        }
        turned
    }
}

/// Takes the values of a batch apart into the answers for each picture.
pub fn split(network: &Network, values: &[Tensor<4>], pictures: usize) -> Vec<Answer> {
    let mut answers = vec![Answer::default(); pictures];
    let mut deal = |place: usize, boxes: bool| {
        let Ok(values) = values[place].to_data().try_into_vec::<f32>() else { return };
        for (answer, values) in answers.iter_mut().zip(values.chunks_exact(values.len() / pictures.max(1))) {
            if boxes { answer.boxes.extend(values) } else { answer.classes.extend(values) }
        }
    };
    match &network.head {
        Head::Classes { logits, .. } => deal(*logits, false),
        Head::Boxes { levels, .. } => {
            for level in levels {
                deal(level.classes, false);
                deal(level.boxes, true);
            }
        }
    }
    answers
}

/// Centre x, centre y and stride of every cell, in the order of [`Answer`], in pixels.
pub fn cells(network: &Network) -> Vec<[f32; 3]> {
    let mut cells = Vec::with_capacity(network.points());
    for level in network.levels() {
        let shape = network.nodes[level.classes].shape;
        let s = level.stride as f32;
        let places = (0..shape.height * shape.width).map(|i| (i % shape.width, i / shape.width));
        cells.extend(places.map(|(column, row)| [(column as f32 + 0.5) * s, (row as f32 + 0.5) * s, s]));
    }
    cells
}

/// The box of a cell as left, top, right and bottom edge in pixels. Distances are e^clamp(v, ±4) strides without bins, else the
/// mean of 0, 1, … strides under the softmax of a side's logits (Li et al. 2020, equation 5).
pub fn decode([x, y, stride]: [f32; 3], raw: &[f32], bins: usize) -> [f32; 4] {
    let distance = |side: usize| {
        if bins == 0 {
            return raw[side].clamp(-4.0, 4.0).exp() * stride;
        }
        let logits = &raw[side * bins..][..bins];
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut sum, mut mean) = (0.0, 0.0);
        for (bin, logit) in logits.iter().enumerate() {
            let share = (logit - largest).exp();
            sum += share;
            mean += bin as f32 * share;
        }
        mean / sum * stride
    };
    [x - distance(0), y - distance(1), x + distance(2), y + distance(3)]
}
