//! The eight turns and mirrorings of a square, applied alike to pictures, boxes and maps of predictions.

use crate::data::{Label, Rng, Sample};

/// One of the eight symmetries of a square: mirror columns, mirror rows, then swap rows and columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    mirror_x: bool,
    mirror_y: bool,
    transpose: bool,
}

impl Turn {
    /// Symmetry number `index & 7`; 0 changes nothing.
    pub fn new(index: usize) -> Turn {
        Turn { mirror_x: index & 1 != 0, mirror_y: index & 2 != 0, transpose: index & 4 != 0 }
    }

    /// Any of the eight.
    pub fn random(rng: &mut Rng) -> Turn {
        Turn::new(rng.below(8))
    }

    /// This turn where it fits a map of this height and width: rows and columns are swapped in squares only.
    pub fn fitting(self, [height, width]: [usize; 2]) -> Turn {
        Turn { transpose: self.transpose && height == width, ..self }
    }

    /// Which cell of a grid ends up at row `y`, column `x`, as (row, column).
    fn source(self, y: usize, x: usize, [height, width]: [usize; 2]) -> (usize, usize) {
        let (y, x) = if self.transpose { (x, y) } else { (y, x) };
        (if self.mirror_y { height - 1 - y } else { y }, if self.mirror_x { width - 1 - x } else { x })
    }

    /// A grid of `height × width` cells of `depth` values, turned. The turn must be one that is [`Turn::fitting`].
    pub fn grid<T: Copy>(self, cells: &[T], [height, width]: [usize; 2], depth: usize) -> Vec<T> {
        let mut turned = Vec::with_capacity(cells.len());
        for y in 0..height {
            for x in 0..width {
                let (from_y, from_x) = self.source(y, x, [height, width]);
                turned.extend_from_slice(&cells[(from_y * width + from_x) * depth..][..depth]);
            }
        }
        turned
    }

    /// A picture and its boxes, turned.
    pub fn sample(self, sample: &Sample) -> Sample {
        let size = [sample.height, sample.width];
        let boxes = sample.boxes.iter().map(|&label| self.label(label, size.map(|side| side as f32))).collect();
        Sample { pixels: self.grid(&sample.pixels, size, sample.channels), boxes, ..sample.clone() }
    }

    /// Distances to left, top, right and bottom, turned with the cell they belong to.
    pub fn distances(self, [left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
        let (left, right) = if self.mirror_x { (right, left) } else { (left, right) };
        let (top, bottom) = if self.mirror_y { (bottom, top) } else { (top, bottom) };
        if self.transpose { [top, left, bottom, right] } else { [left, top, right, bottom] }
    }

    /// A label in a picture of this height and width, turned with it.
    pub fn label(self, label: Label, [height, width]: [f32; 2]) -> Label {
        let [left, top, right, bottom] = label.bounds;
        let (left, right) = if self.mirror_x { (width - right, width - left) } else { (left, right) };
        let (top, bottom) = if self.mirror_y { (height - bottom, height - top) } else { (top, bottom) };
        let bounds = if self.transpose { [top, left, bottom, right] } else { [left, top, right, bottom] };
        Label { bounds, ..label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A box painted into a grid and turned with it covers the cells that the turned label says.
        #[test]
        fn boxes_turn_with_their_pictures(index in 0usize..8, a in 0usize..7, b in 0usize..7, w in 1usize..4, h in 1usize..4) {
            // Rows and columns can only be swapped in a square.
            let [height, width] = if index & 4 != 0 { [10, 10] } else { [10, 12] };
            let turn = Turn::new(index).fitting([height, width]);
            let label = Label::new(0, [a as f32, b as f32, (a + w) as f32, (b + h) as f32]);
            let inside = |l: &Label, x: usize, y: usize| {
                let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
                x > l.bounds[0] && x < l.bounds[2] && y > l.bounds[1] && y < l.bounds[3]
            };
            let cells: Vec<bool> = (0..height * width).map(|i| inside(&label, i % width, i / width)).collect();
            let turned = turn.label(label, [height as f32, width as f32]);
            let expected: Vec<bool> = (0..height * width).map(|i| inside(&turned, i % width, i / width)).collect();
            prop_assert_eq!(turn.grid(&cells, [height, width], 1), expected);
        }

        /// Distances from a point to a box, turned, are the distances from the turned point to the turned box.
        #[test]
        fn distances_turn_with_their_cells(index in 0usize..8, x in 3f32..6.0, y in 3f32..6.0) {
            let turn = Turn::new(index);
            let label = |bounds| Label::new(0, bounds);
            let (outer, point) = (turn.label(label([1.0, 2.0, 8.0, 9.5]), [10.0; 2]), turn.label(label([x, y, x, y]), [10.0; 2]));
            let distances = turn.distances([x - 1.0, y - 2.0, 8.0 - x, 9.5 - y]);
            let expected = [
                point.bounds[0] - outer.bounds[0],
                point.bounds[1] - outer.bounds[1],
                outer.bounds[2] - point.bounds[0],
                outer.bounds[3] - point.bounds[1],
            ];
            for (a, b) in distances.iter().zip(expected) {
                prop_assert!((a - b).abs() < 1e-4, "{:?} {:?}", distances, expected);
            }
        }
    }
}
