//! The order in which a set is gone through.

use super::rng::Rng;

/// An endless walk through `0..count`: every index once, in random order, then again in another.
#[derive(Clone, Debug)]
pub struct Walk {
    order: Vec<usize>,
    next: usize,
    rng: Rng,
}

impl Walk {
    /// A walk with its own generator.
    pub fn new(count: usize, rng: Rng) -> Walk {
        Walk { order: (0..count).collect(), next: count, rng }
    }

    /// The next index; 0 if there is none at all.
    pub fn step(&mut self) -> usize {
        if self.next >= self.order.len() {
            self.rng.shuffle(&mut self.order);
            self.next = 0;
        }
        let index = self.order.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_visits_everything_before_it_repeats() {
        let mut walk = Walk::new(7, Rng::new(&[1]));
        for _ in 0..3 {
            let mut seen: Vec<usize> = (0..7).map(|_| walk.step()).collect();
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
        }
    }
}
