//! Non-maximum suppression: of boxes of one class that overlap, the best stays.

use super::candidates::{Candidate, Candidates};
use super::geometry::Rect;

/// Greedy suppression within each class: from the best to the worst, a candidate is kept unless it overlaps one kept
/// before by more than `most_overlap` (intersection over union), until `kept` has `most` of them. Equal scores are
/// taken in the order in which they were proposed. `kept` is cleared first; with capacity for `most` it does not
/// grow.
#[inline(never)]
pub fn suppress(candidates: &mut Candidates, most_overlap: f32, most: usize, kept: &mut Vec<Candidate>) {
    kept.clear();
    for candidate in candidates.sorted() {
        if kept.len() == most {
            break;
        }
        if kept.iter().all(|better| better.class != candidate.class || !overlaps(better, candidate, most_overlap)) {
            kept.push(*candidate);
        }
    }
}

fn overlaps(a: &Candidate, b: &Candidate, most_overlap: f32) -> bool {
    Rect::iou(&a.rect, &b.rect) > most_overlap
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Suppression as its definition reads: each is alive until a better living one of its class overlaps it.
    fn naive(mut all: Vec<Candidate>, most_overlap: f32, most: usize) -> Vec<Candidate> {
        all.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then(a.proposed.cmp(&b.proposed)));
        let mut alive = vec![true; all.len()];
        for i in 0..all.len() {
            for j in i + 1..all.len() {
                if alive[i] && all[i].class == all[j].class && all[i].rect.iou(&all[j].rect) > most_overlap {
                    alive[j] = false;
                }
            }
        }
        all.into_iter().zip(alive).filter(|(_, alive)| *alive).map(|(candidate, _)| candidate).take(most).collect()
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            boxes in prop::collection::vec((0u8..30, 0u8..30, 1u8..20, 1u8..20, 0u32..3, 0u8..10), 0..80),
            most_overlap in 0f32..=1.0,
            most in 1usize..30,
        ) {
            let mut candidates = Candidates::with_capacity(100);
            let mut all = Vec::new();
            for (proposed, (x, y, w, h, class, score)) in boxes.into_iter().enumerate() {
                let [left, top, w, h] = [x, y, w, h].map(f32::from);
                let rect = Rect { left, top, right: left + w, bottom: top + h };
                let score = f32::from(score) / 10.0;
                candidates.push(class, score, rect);
                all.push(Candidate { rect, class, score, proposed: proposed as u32 });
            }
            let mut kept = Vec::with_capacity(most);
            suppress(&mut candidates, most_overlap, most, &mut kept);
            prop_assert_eq!(&kept, &naive(all, most_overlap, most));
            prop_assert_eq!(kept.capacity(), most);
        }
    }
}
