//! Misses, false alarms and switches, frame by frame: CLEAR MOT (Bernardin and Stiefelhagen, "Evaluating multiple object tracking
//! performance", 2008).
//!
//! An object keeps the number it had as long as that number's box is right; the others are paired so that as many as possible are
//! right, and overlap most. An object that then has another number than it had last is a switch.

use std::collections::HashMap;

use retort::vision::tracking::Assignment;
use serde::Serialize;

use super::{Frame, OVERLAP};

/// What boxes are worth, frame by frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Clear {
    /// 1 less the share of misses, false alarms and switches in the truth's boxes (equation 1); it may be negative.
    pub mota: f64,
    /// Mean overlap of boxes that are right, 0 to 1.
    pub motp: f64,
    /// Boxes of the truth that nothing was right for.
    pub misses: usize,
    /// Boxes that were right for nothing.
    pub false_alarms: usize,
    /// Objects whose number changed.
    pub switches: usize,
}

/// Measures a film.
pub fn clear(film: &[Frame]) -> Clear {
    let mut assignment = Assignment::default();
    let mut number_of: HashMap<u32, u32> = HashMap::new();
    let (mut objects, mut right, mut overlaps) = (0, 0, 0.0);
    let mut clear = Clear::default();
    for frame in film {
        let (truths, found) = (&frame.truths, &frame.found);
        let mut pairs: Vec<Option<usize>> = truths
            .iter()
            .map(|truth| {
                let number = number_of.get(&truth.track)?;
                found.iter().position(|one| one.track == *number && one.rect.iou(&truth.rect) >= OVERLAP)
            })
            .collect();
        let open = |pairs: &[Option<usize>], column: usize| !pairs.contains(&Some(column));
        let rows: Vec<usize> = (0..truths.len()).filter(|&row| pairs[row].is_none()).collect();
        let columns: Vec<usize> = (0..found.len()).filter(|&column| open(&pairs, column)).collect();
        let cost = |row: usize, column: usize| {
            let overlap = truths[rows[row]].rect.iou(&found[columns[column]].rect);
            if overlap >= OVERLAP { 1.0 - f64::from(overlap) } else { f64::INFINITY }
        };
        // To be alone costs more than all overlaps could save.
        let alone = 1.0 + rows.len() as f64;
        let solved = assignment.solve(rows.len(), columns.len(), alone, cost);
        for (row, column) in solved.iter().enumerate() {
            pairs[rows[row]] = column.map(|column| columns[column]);
        }
        for (truth, pair) in truths.iter().zip(&pairs) {
            let Some(pair) = *pair else { continue };
            right += 1;
            overlaps += f64::from(truth.rect.iou(&found[pair].rect));
            let before = number_of.insert(truth.track, found[pair].track);
            clear.switches += usize::from(before.is_some_and(|before| before != found[pair].track));
        }
        let matched = pairs.iter().flatten().count();
        objects += truths.len();
        clear.misses += truths.len() - matched;
        clear.false_alarms += found.len() - matched;
    }
    let wrong = clear.misses + clear.false_alarms + clear.switches;
    clear.mota = if objects > 0 { 1.0 - wrong as f64 / objects as f64 } else { 0.0 };
    clear.motp = if right > 0 { overlaps / f64::from(right) } else { 0.0 };
    clear
}
