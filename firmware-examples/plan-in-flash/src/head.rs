//! Reads boxes off Retort's own head: at each cell of a level the logits of the classes, and how far the sides of the box are
//! from the cell's centre.

use crate::found::{Found, Object};
use crate::map::Map;

/// Adds what one level shows, scores of at least `least`. A cell is `stride` pixels wide; `scores` has a channel a class,
/// `boxes` four: the distances to left, top, right and bottom as logarithms, in strides.
pub fn read(stride: f32, scores: &Map<'_>, boxes: &Map<'_>, least: f32, found: &mut Found) {
    // Scores are sigmoids of the logits, which rise with them: so it suffices to compare logits.
    let least = libm::logf(least / (1.0 - least));
    let [classes, rows, columns] = scores.shape();
    for row in 0..rows {
        for column in 0..columns {
            for class in 0..classes {
                let logit = scores.at(class, row, column);
                if logit >= least {
                    let score = 1.0 / (1.0 + libm::expf(-logit));
                    found.add(Object { class, score, edges: edges(stride, boxes, row, column) });
                }
            }
        }
    }
}

fn edges(stride: f32, boxes: &Map<'_>, row: usize, column: usize) -> [f32; 4] {
    let [x, y] = [column, row].map(|cell| (cell as f32 + 0.5) * stride);
    let distance = |side| libm::expf(boxes.at(side, row, column).clamp(-4.0, 4.0)) * stride;
    [x - distance(0), y - distance(1), x + distance(2), y + distance(3)]
}
