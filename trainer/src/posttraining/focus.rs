//! Where in the pictures a detector finds something: what is rounded there counts as much as all the rest.
//!
//! Objects are few and small, and what a detector computes of them are the largest and rarest values of its tensors. Where every place
//! counts the same, the background decides how far a range goes, and what is clamped is what is wanted: scores of objects
//! fall. So half of all weight lies on what the float model finds by itself, each object with the same share, and half on the
//! pictures as a whole. Nobody needs to have labelled them.

use retort::contract::{Contract, Task};
use retort::model::Model;
use retort::tensor::Port;
use retort::vision::detector::Detector;
use retort::vision::geometry::{Mapping, Rect};

use crate::data::Sample;

/// Cells along each side of an input.
const CELLS: usize = 40;
/// The share of the weight that lies on what was found.
const FOUND: f32 = 0.5;
/// What is found with this share of the score from which the model says by itself that it has found something counts, too.
const SCORE: f32 = 0.7;
/// The most that a place weighs, against 1 for the mean.
const MOST: f32 = 64.0;

/// What each place of each picture weighs, 1 in the mean over all.
#[derive(Clone, Debug, PartialEq)]
pub struct Focus {
    pictures: Vec<Vec<f32>>,
}

impl Focus {
    /// What a model finds in pictures; none where it is no detector or finds nothing.
    ///
    /// # Errors
    /// What the runtime says of the model.
    pub fn new(model: &Model, contract: &Contract, pictures: &[Sample]) -> Result<Option<Focus>, retort::Error> {
        if contract.task != Task::Detect {
            return Ok(None);
        }
        let mut contract = contract.clone();
        contract.limits.score *= SCORE;
        let input = contract.image.size(&model.inputs()[contract.image.port(model.inputs())?])?;
        let mut detector = Detector::new(model, &contract)?;
        let mut found = Vec::with_capacity(pictures.len());
        for picture in pictures {
            let mapping = Mapping::new(contract.image.resize, [picture.width, picture.height], input);
            let boxes = detector.detect(&picture.frame()?)?.iter().map(|object| mapping.to_input(&object.rect));
            found.push(boxes.map(|rect| in_cells(&rect, input)).collect());
        }
        Ok(Focus::of(&found))
    }

    /// From the boxes of objects in each picture, in cells.
    fn of(found: &[Vec<Rect>]) -> Option<Focus> {
        let objects = found.iter().map(Vec::len).sum::<usize>();
        if objects == 0 {
            return None;
        }
        let cells = CELLS * CELLS;
        // What one object weighs in all, so that all together weigh their share of all cells.
        let each = FOUND * (cells * found.len()) as f32 / objects as f32;
        let mut pictures = vec![vec![1.0 - FOUND; cells]; found.len()];
        for (weights, found) in pictures.iter_mut().zip(found) {
            found.iter().for_each(|rect| spread(weights, rect, each));
            weights.iter_mut().for_each(|weight| *weight = weight.min(MOST));
        }
        let sum: f32 = pictures.iter().flatten().sum();
        let mean = sum / (cells * found.len()) as f32;
        pictures.iter_mut().flatten().for_each(|weight| *weight /= mean);
        Some(Focus { pictures })
    }

    /// What each place of a map of rows and columns weighs in a picture, row by row.
    pub fn weights(&self, picture: usize, rows: usize, columns: usize) -> Vec<f32> {
        let cell = |place: usize, of: usize| (2 * place + 1) * CELLS / (2 * of);
        let weights = &self.pictures[picture];
        (0..rows * columns).map(|at| weights[cell(at / columns, rows) * CELLS + cell(at % columns, columns)]).collect()
    }

    /// Their sums, up to each place of a tensor with rows and columns; none of any other.
    pub fn cumulated(&self, picture: usize, port: &Port) -> Option<Vec<f32>> {
        let &[_, _, rows, columns] = &port.shape[..] else { return None };
        let weights = self.weights(picture, rows, columns).into_iter();
        Some(
            weights
                .scan(0.0, |sum, weight| {
                    *sum += weight;
                    Some(*sum)
                })
                .collect(),
        )
    }

    /// What a place of a picture weighs in the mean.
    pub fn share(&self, picture: usize) -> f32 {
        self.pictures[picture].iter().sum::<f32>() / (CELLS * CELLS) as f32
    }

    /// The same for the elements of a tensor with a batch, channels, rows and columns, by their places in memory; none of any other.
    pub fn of_tensor(&self, picture: usize, port: &Port) -> Option<Places> {
        let &[_, _, rows, columns] = &port.shape[..] else { return None };
        let strides = port.strides();
        (rows * columns > 1).then(|| Places {
            weights: self.weights(picture, rows, columns),
            rows: (strides[2], rows),
            columns: (strides[3], columns),
        })
    }
}

/// What each element of a tensor weighs.
pub struct Places {
    weights: Vec<f32>,
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Places {
    /// What the element at a place in memory weighs.
    pub fn at(&self, place: usize) -> f32 {
        let axis = |(stride, length): (usize, usize)| place / stride.max(1) % length;
        self.weights[axis(self.rows) * self.columns.1 + axis(self.columns)]
    }
}

/// A box of the input in cells.
fn in_cells(rect: &Rect, input: [usize; 2]) -> Rect {
    let [x, y] = input.map(|side| CELLS as f32 / side as f32);
    Rect { left: rect.left * x, top: rect.top * y, right: rect.right * x, bottom: rect.bottom * y }
}

/// Adds `each` to all cells together, by how much of a box lies in them.
fn spread(weights: &mut [f32], rect: &Rect, each: f32) {
    let common = |from: f32, to: f32, cell: usize| (to.min(cell as f32 + 1.0) - from.max(cell as f32)).max(0.0);
    let shares: Vec<f32> = (0..CELLS * CELLS)
        .map(|at| common(rect.left, rect.right, at % CELLS) * common(rect.top, rect.bottom, at / CELLS))
        .collect();
    let sum: f32 = shares.iter().sum();
    if sum > 0.0 {
        weights.iter_mut().zip(&shares).for_each(|(weight, share)| *weight += each * share / sum);
    }
}

#[cfg(test)]
mod tests {
    use retort::tensor::ElementType;

    use super::*;

    fn rect(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        Rect { left, top, right, bottom }
    }

    #[test]
    fn what_is_found_weighs_as_much_as_all_places_together() {
        assert_eq!(Focus::of(&[Vec::new(), Vec::new()]), None);
        // A large one and a small one, in one of two pictures.
        let focus = Focus::of(&[vec![rect(0.0, 0.0, 20.0, 20.0), rect(30.0, 30.0, 38.0, 38.0)], Vec::new()]);
        let focus = focus.expect("two were found");
        let sum = |weights: &[f32]| weights.iter().sum::<f32>();
        let cells = (CELLS * CELLS) as f32;
        let all = sum(&focus.pictures[0]) + sum(&focus.pictures[1]);
        assert!((all - 2.0 * cells).abs() < 0.1, "{all}");
        assert!((sum(&focus.pictures[1]) - FOUND * cells).abs() < 0.1);
        // Each of them has half of what all have: what a cell has more than one of the background is its share.
        let more = |cell: usize| focus.pictures[0][cell] - focus.pictures[1][0];
        let (large, small) = (more(0) * 400.0, more(31 * CELLS + 31) * 64.0);
        assert!((large - small).abs() < 0.1 && (large - FOUND * cells).abs() < 0.1, "{large} {small}");
        assert!((focus.share(0) + focus.share(1) - 2.0).abs() < 1e-4);
    }

    #[test]
    fn places_of_small_maps_weigh_what_their_cells_weigh() {
        let focus = Focus::of(&[vec![rect(20.0, 0.0, 40.0, 20.0)]]).expect("one was found");
        let weights = focus.weights(0, 2, 2);
        assert!(weights[1] > 2.0 * weights[0] && weights[0] == weights[2] && weights[2] == weights[3], "{weights:?}");
        let (shape, order) = (vec![1, 3, 2, 2], vec![0, 2, 3, 1]);
        let port = Port { name: "map".into(), element: ElementType::F32, shape, order, quantisation: None };
        let places = focus.of_tensor(0, &port).expect("it has rows and columns");
        let strides = port.strides();
        assert_eq!(places.at(2 * strides[1] + strides[3]), weights[1]);
        assert_eq!(places.at(strides[1] + strides[2]), weights[2]);
        let sums = focus.cumulated(0, &port).expect("likewise");
        assert!((sums[3] - weights.iter().sum::<f32>()).abs() < 1e-4 && sums[0] == weights[0]);
    }
}
