//! What a detector says about one picture, as plain arrays.

use super::architecture::{Architecture, STRIDES};
use crate::data::Turn;

/// Raw predictions of all levels for one picture: cells row by row, the finest level first.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    /// Class logits, `points · classes`.
    pub classes: Vec<f32>,
    /// Logarithms of the distances to the box's sides in strides, `points · 4`.
    pub boxes: Vec<f32>,
}

impl Maps {
    /// The predictions for the picture turned likewise.
    pub fn turned(&self, architecture: &Architecture, turn: Turn) -> Maps {
        let mut turned = Maps { classes: Vec::new(), boxes: Vec::new() };
        let mut start = 0;
        for side in architecture.sides() {
            let cells = start..start + side * side;
            let classes = &self.classes[cells.start * architecture.classes..cells.end * architecture.classes];
            turned.classes.extend(turn.grid(classes, side, architecture.classes));
            let boxes = turn.grid(&self.boxes[cells.start * 4..cells.end * 4], side, 4);
            for cell in boxes.chunks_exact(4) {
                turned.boxes.extend(turn.distances([cell[0], cell[1], cell[2], cell[3]]));
            }
            start = cells.end;
        }
        turned
    }
}

/// Centre x, centre y and stride of every cell, in the order of [`Maps`], in pixels.
pub fn cells(architecture: &Architecture) -> Vec<[f32; 3]> {
    let mut cells = Vec::with_capacity(architecture.points());
    for (stride, side) in STRIDES.into_iter().zip(architecture.sides()) {
        let s = stride as f32;
        cells.extend((0..side * side).map(|i| [((i % side) as f32 + 0.5) * s, ((i / side) as f32 + 0.5) * s, s]));
    }
    cells
}

/// The box of a cell as left, top, right and bottom edge in pixels: distances are e^clamp(v, ±4) strides.
pub fn decode([x, y, stride]: [f32; 3], raw: &[f32]) -> [f32; 4] {
    let distance = |i: usize| raw[i].clamp(-4.0, 4.0).exp() * stride;
    [x - distance(0), y - distance(1), x + distance(2), y + distance(3)]
}
