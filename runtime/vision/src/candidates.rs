//! What a head proposes: boxes with a class and a score, the best of them in storage of fixed size.

use std::cmp::Ordering;

use super::geometry::Rect;

/// A box that may be an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The box in pixels of the model's input.
    pub rect: Rect,
    /// Index among the contract's classes.
    pub class: u32,
    /// 0 to 1.
    pub score: f32,
    /// How many were proposed before: what decides between equal scores.
    pub proposed: u32,
}

impl Candidate {
    /// Better first. Total, so that sorting never depends on the storage's history.
    fn order(&self, other: &Candidate) -> Ordering {
        other.score.total_cmp(&self.score).then(self.proposed.cmp(&other.proposed))
    }
}

/// The best candidates, up to a capacity. Never allocates after it was made.
#[derive(Debug)]
pub struct Candidates {
    /// Up to twice the capacity, so that the worse half goes at once and a push costs constant time on average.
    held: Vec<Candidate>,
    capacity: usize,
    proposed: u32,
    /// What a score must exceed: that of the worst kept when the storage last ran full.
    floor: f32,
}

impl Candidates {
    /// Storage for the best `capacity`, at least one.
    pub fn with_capacity(capacity: usize) -> Candidates {
        let capacity = capacity.max(1);
        Candidates { held: Vec::with_capacity(2 * capacity), capacity, proposed: 0, floor: f32::NEG_INFINITY }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.held.clear();
        self.proposed = 0;
        self.floor = f32::NEG_INFINITY;
    }

    /// Whether a candidate of this score could be among the best: worth asking before its box is decoded.
    pub fn admits(&self, score: f32) -> bool {
        score > self.floor
    }

    /// Proposes a candidate. One with a score that is not a number or a side that is not finite is dropped, as is one
    /// worse than `capacity` others.
    pub fn push(&mut self, class: u32, score: f32, rect: Rect) {
        let proposed = self.proposed;
        self.proposed = self.proposed.saturating_add(1);
        if !self.admits(score) || score.is_nan() || !rect.is_finite() {
            return;
        }
        self.held.push(Candidate { rect, class, score, proposed });
        if self.held.len() == 2 * self.capacity {
            self.halve();
        }
    }

    /// All kept, best first; equal scores in the order of proposal.
    pub fn sorted(&mut self) -> &[Candidate] {
        if self.held.len() > self.capacity {
            self.halve();
        }
        self.held.sort_unstable_by(Candidate::order);
        &self.held
    }

    fn halve(&mut self) {
        let (_, worst, _) = self.held.select_nth_unstable_by(self.capacity - 1, Candidate::order);
        self.floor = worst.score;
        self.held.truncate(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_what_sorting_everything_would(
            scores in prop::collection::vec(0u8..20, 0..200),
            capacity in 1usize..12,
        ) {
            let mut candidates = Candidates::with_capacity(capacity);
            for round in 0..2 {
                candidates.clear();
                for (i, &score) in scores.iter().enumerate() {
                    candidates.push(i as u32, f32::from(score), Rect::default());
                }
                let mut all: Vec<(u8, usize)> = scores.iter().enumerate().map(|(i, &score)| (score, i)).collect();
                all.sort_by_key(|&(score, i)| (std::cmp::Reverse(score), i));
                all.truncate(capacity);
                let kept: Vec<(u8, usize)> =
                    candidates.sorted().iter().map(|kept| (kept.score as u8, kept.class as usize)).collect();
                prop_assert_eq!(kept, all, "round {}", round);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_dropped() {
        let mut candidates = Candidates::with_capacity(2);
        candidates.push(0, f32::NAN, Rect::default());
        candidates.push(0, 0.5, Rect { left: f32::INFINITY, ..Rect::default() });
        assert!(candidates.sorted().is_empty());
    }
}
