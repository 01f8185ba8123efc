//! Targets from a teacher: its class probabilities, softened, and its boxes, weighted by how sure it is.

use super::detection::Targets;
use crate::nets::{Answer, Network, cells, decode};

/// Boxes whose best class the teacher gives less than this say nothing.
const SURE: f32 = 0.05;

/// Targets of a batch from the teacher's answers about boxes. Every cell of every picture is covered: class targets are σ(v/T), box
/// weights the largest σ(v) of the cell.
pub fn soft_targets(network: &Network, answers: &[Answer], temperature: f32) -> Targets {
    let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
    let cells = cells(network);
    let classes = network.head.classes();
    let covered = vec![1.0; answers.len() * cells.len()];
    let mut targets = Targets { covered, ..Targets::default() };
    for answer in answers {
        targets.classes.extend(answer.classes.iter().map(|&v| sigmoid(v / temperature)));
        let predictions = answer.classes.chunks_exact(classes).zip(answer.boxes.chunks_exact(network.box_numbers()));
        for ((logits, raw), &cell) in predictions.zip(&cells) {
            let sure = sigmoid(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            targets.boxes.extend(decode(cell, raw, network.bins()));
            targets.box_weights.push(if sure < SURE { 0.0 } else { sure });
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::detector;

    #[test]
    fn a_teacher_speaks_about_every_cell_and_weighs_boxes_by_its_score() {
        let a = detector(32, 2);
        let points = a.points();
        let mut answer = Answer { classes: vec![-9.0; points * 2], boxes: vec![0.0; points * 4] };
        answer.classes[1] = 2.0;
        let targets = soft_targets(&a, &[answer], 2.0);
        assert!((targets.classes[1] - 1.0 / (1.0 + (-1.0f32).exp())).abs() < 1e-6);
        assert!((targets.box_weights[0] - 1.0 / (1.0 + (-2.0f32).exp())).abs() < 1e-6);
        assert_eq!(targets.box_weights[1], 0.0);
        // e^0 = 1 stride of 8 pixels about the centre of the first cell.
        assert_eq!(targets.boxes[..4], [-4.0, -4.0, 12.0, 12.0]);
    }
}
