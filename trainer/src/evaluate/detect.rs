//! From a detector's maps to boxes, for networks that are still in training.

use super::coco::Found;
use crate::losses::iou;
use crate::nets::{Architecture, Maps, cells, decode};

/// Boxes kept of one picture, as COCO counts no more.
const MOST: usize = 100;

/// Boxes scoring at least `score`, best first, after greedy suppression within each class of overlaps above `overlap`.
pub fn detections(architecture: &Architecture, maps: &Maps, score: f32, overlap: f32) -> Vec<Found> {
    let side = architecture.input as f32;
    let mut found = Vec::new();
    let predictions = maps.classes.chunks_exact(architecture.classes).zip(maps.boxes.chunks_exact(4));
    for ((logits, raw), cell) in predictions.zip(cells(architecture)) {
        for (class, &logit) in logits.iter().enumerate() {
            let sure = 1.0 / (1.0 + (-logit).exp());
            if sure >= score {
                let bounds = decode(cell, raw).map(|edge| edge.clamp(0.0, side));
                found.push(Found { class, score: sure, bounds });
            }
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for candidate in found {
        if kept.len() == MOST {
            break;
        }
        let free = |k: &Found| k.class != candidate.class || iou(&k.bounds, &candidate.bounds) <= overlap;
        if kept.iter().all(free) {
            kept.push(candidate);
        }
    }
    kept
}
