//! Which cells answer for which object: task-aligned assignment (Feng et al. 2021, TOOD, section 3.2).
//!
//! Candidates are the cells whose centre lies in the box or within a stride of its centre. Each object takes the
//! `top` of them by t = p·u⁶, p the predicted probability of its class and u the IoU of the predicted box; a cell
//! wanted by several goes to the one it overlaps best. The target is q = t / max t · max u. Boxes that are to be ignored claim no
//! cell, and cells within them that nobody claims are taught nothing.

use super::boxes::iou;
use super::detection::Targets;
use crate::data::Label;
use crate::nets::{Network, cells};

/// Assigns for one network.
#[derive(Clone, Debug)]
pub struct Assigner {
    cells: Vec<[f32; 3]>,
    classes: usize,
    top: usize,
}

/// A cell that answers for an object.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Claim {
    object: usize,
    alignment: f32,
    overlap: f32,
}

impl Assigner {
    /// An assigner that gives each object at most `top` cells.
    pub fn new(network: &Network, top: usize) -> Assigner {
        Assigner { cells: cells(network), classes: network.head.classes(), top }
    }

    /// Appends one picture's targets. `logits` and `boxes` (edges in pixels) are what the network says now. Objects of which
    /// whoever drew them was not sure count by their score.
    pub fn assign(&self, logits: &[f32], boxes: &[f32], labels: &[Label], targets: &mut Targets) {
        let claims = self.claims(logits, boxes, labels);
        let mut best = vec![(0.0f32, 0.0f32); labels.len()];
        for claim in claims.iter().flatten() {
            let (alignment, overlap) = &mut best[claim.object];
            *alignment = alignment.max(claim.alignment);
            *overlap = overlap.max(claim.overlap);
        }
        let silent = |&[x, y, _]: &[f32; 3]| {
            let within = |[left, top, right, bottom]: [f32; 4]| x > left && x < right && y > top && y < bottom;
            labels.iter().any(|label| label.ignored && within(label.bounds))
        };
        for (claim, cell) in claims.iter().zip(&self.cells) {
            let start = targets.classes.len();
            targets.classes.resize(start + self.classes, 0.0);
            let Some(claim) = claim else {
                targets.boxes.extend([0.0; 4]);
                targets.box_weights.push(0.0);
                targets.covered.push(f32::from(u8::from(!silent(cell))));
                continue;
            };
            let (alignment, overlap) = best[claim.object];
            let quality = claim.alignment / alignment * overlap;
            let label = &labels[claim.object];
            targets.classes[start + label.class] = quality;
            targets.boxes.extend(label.bounds);
            targets.box_weights.push(quality * label.score);
            targets.covered.push(1.0);
        }
    }

    fn claims(&self, logits: &[f32], boxes: &[f32], labels: &[Label]) -> Vec<Option<Claim>> {
        let mut claims: Vec<Option<Claim>> = vec![None; self.cells.len()];
        let mut candidates = Vec::new();
        for (object, label) in labels.iter().enumerate().filter(|(_, label)| !label.ignored) {
            let [left, top, right, bottom] = label.bounds;
            let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
            candidates.clear();
            for (cell, &[cx, cy, stride]) in self.cells.iter().enumerate() {
                let inside = cx > left && cx < right && cy > top && cy < bottom;
                let away = (cx - x).abs().max((cy - y).abs());
                if !inside && away >= stride {
                    continue;
                }
                let raw = &boxes[cell * 4..][..4];
                let overlap = iou(&label.bounds, &[raw[0], raw[1], raw[2], raw[3]]);
                let probability = 1.0 / (1.0 + (-logits[cell * self.classes + label.class]).exp());
                // So that an object is never without a cell, however bad the first boxes are.
                let near = 1e-9 * (-((cx - x).powi(2) + (cy - y).powi(2)) / (2.0 * stride * stride)).exp();
                candidates.push((cell, Claim { object, alignment: probability * overlap.powi(6) + near, overlap }));
            }
            candidates.sort_by(|a, b| b.1.alignment.total_cmp(&a.1.alignment));
            for &(cell, claim) in candidates.iter().take(self.top).filter(|(_, claim)| claim.alignment > 1e-12) {
                if claims[cell].is_none_or(|other| claim.overlap > other.overlap) {
                    claims[cell] = Some(claim);
                }
            }
        }
        claims
    }
}

/// Targets of a batch from labels. Pictures without labels to learn from (`None`) are not covered.
pub fn hard_targets(assigner: &Assigner, logits: &[f32], boxes: &[f32], labels: &[Option<&[Label]>]) -> Targets {
    let mut targets = Targets::default();
    let points = assigner.cells.len();
    for (picture, labels) in labels.iter().enumerate() {
        let logits = &logits[picture * points * assigner.classes..][..points * assigner.classes];
        let boxes = &boxes[picture * points * 4..][..points * 4];
        match labels {
            Some(labels) => assigner.assign(logits, boxes, labels, &mut targets),
            None => {
                targets.classes.resize(targets.classes.len() + points * assigner.classes, 0.0);
                targets.boxes.resize(targets.boxes.len() + points * 4, 0.0);
                targets.box_weights.resize(targets.box_weights.len() + points, 0.0);
                targets.covered.resize(targets.covered.len() + points, 0.0);
            }
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::detector;

    #[test]
    fn an_object_gets_its_best_cells_and_the_best_of_them_its_overlap() {
        let a = detector(64, 2);
        let label = Label::new(1, [8.0, 8.0, 40.0, 40.0]);
        let logits = vec![0.0; a.points() * 2];
        // Every cell predicts the box, shifted by its index / 100 pixels: the first candidates overlap best.
        let boxes: Vec<f32> = (0..a.points()).flat_map(|i| label.bounds.map(|edge| edge + i as f32 / 100.0)).collect();
        let targets = hard_targets(&Assigner::new(&a, 3), &logits, &boxes, &[Some(&[label][..])]);
        let chosen: Vec<usize> = (0..a.points()).filter(|&i| targets.box_weights[i] > 0.0).collect();
        // Rows of 8 cells of 8 pixels: centres from 12 to 36 are inside, so the first row is cells 9 to 12.
        assert_eq!(chosen, [9, 10, 11]);
        let shift = 0.09f32;
        let overlap = (32.0 - shift).powi(2) / (2.0 * 1024.0 - (32.0 - shift).powi(2));
        assert!((targets.classes[9 * 2 + 1] - overlap).abs() < 1e-4);
        assert_eq!(targets.classes[9 * 2], 0.0);
        assert!(targets.classes[10 * 2 + 1] < targets.classes[9 * 2 + 1]);
    }

    #[test]
    fn an_object_smaller_than_a_cell_still_gets_one() {
        let a = detector(64, 2);
        let label = Label::new(0, [1.0, 1.0, 2.0, 2.0]);
        let (logits, boxes) = (vec![-9.0; a.points() * 2], vec![50.0; a.points() * 4]);
        let targets = hard_targets(&Assigner::new(&a, 9), &logits, &boxes, &[Some(&[label][..])]);
        assert!(targets.box_weights.iter().all(|w| w.is_finite()));
    }

    #[test]
    fn what_is_to_be_ignored_teaches_nothing_and_the_unsure_count_for_less() {
        let a = detector(64, 1);
        let sure = Label::new(0, [0.0, 0.0, 24.0, 24.0]);
        let unsure = Label { score: 0.5, ..sure };
        let ignored = Label { ignored: true, ..Label::new(0, [32.0, 32.0, 64.0, 64.0]) };
        let logits = vec![0.0; a.points()];
        let boxes: Vec<f32> = (0..a.points()).flat_map(|_| sure.bounds).collect();
        let assigner = Assigner::new(&a, 2);
        let of = |labels: &[Label]| hard_targets(&assigner, &logits, &boxes, &[Some(labels)]);
        let (whole, half) = (of(&[sure, ignored]), of(&[unsure, ignored]));
        assert_eq!(whole.classes, half.classes);
        for (half, whole) in half.box_weights.iter().zip(&whole.box_weights) {
            assert!((half - whole / 2.0).abs() < 1e-6);
        }
        // Cells of 8 pixels in rows of 8: the ignored box holds the lower right quarter, of 16 pixels in rows of 4 likewise.
        for (cell, &covered) in whole.covered.iter().enumerate() {
            let (row, column, half) = if cell < 64 { (cell / 8, cell % 8, 4) } else { ((cell - 64) / 4, cell % 4, 2) };
            assert_eq!(covered, f32::from(u8::from(row < half || column < half)), "cell {cell}");
        }
        // An object in a box that is to be ignored is taught all the same.
        let object = Label::new(0, [32.0, 32.0, 56.0, 56.0]);
        let boxes: Vec<f32> = (0..a.points()).flat_map(|_| object.bounds).collect();
        let inside = hard_targets(&assigner, &logits, &boxes, &[Some(&[object, ignored][..])]);
        let taught = inside.box_weights.iter().zip(&inside.covered).filter(|(weight, _)| **weight > 0.0);
        assert!(taught.clone().count() > 0 && taught.into_iter().all(|(_, &covered)| covered == 1.0));
    }
}
